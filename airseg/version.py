"""The version of the package that runs, as its metadata say it."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("airseg")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
