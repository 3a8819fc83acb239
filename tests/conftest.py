"""What holds for all tests."""

import hdf5plugin  # noqa: F401  # tests read and spoil files by h5py, as foreign programs do
from hypothesis import settings

# A busy machine is no finding: examples have no deadline, the tests a time limit of their own.
settings.register_profile("airseg", deadline=None)
settings.load_profile("airseg")
