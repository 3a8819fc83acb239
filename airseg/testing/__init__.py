"""What holds for every network and importer, to be asked of your own.

`check_model` and `check_importer` run what airseg's own tests run on those that are shipped; they
raise `AssertionError` with the promise that is broken.
"""

from airseg.testing.importers import check_importer
from airseg.testing.networks import check_model

__all__ = ["check_importer", "check_model"]
