"""Whether the renderer was compiled on this machine before: a first time takes half a minute."""

from contextlib import suppress
from pathlib import Path

from airseg.kernels import CACHE_FOLDER

_TOLD = "renderer"


def are_compiled() -> bool:
    """Tell whether the renderer was compiled here before, in its present state."""
    return bool(CACHE_FOLDER) and (Path(CACHE_FOLDER) / _TOLD).exists()


def remember_compiled() -> None:
    """Take note that every kernel that drawing needs lies in the cache."""
    if CACHE_FOLDER:
        with suppress(OSError):  # then it is told once more
            (Path(CACHE_FOLDER) / _TOLD).touch()
