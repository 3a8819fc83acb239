"""The simulator's compiled functions: numba's, cached where `airseg.kernels` says."""

import os
from contextlib import suppress
from pathlib import Path

from airseg.kernels import njit

__all__ = ["are_compiled", "njit", "remember_compiled"]

_TOLD = "renderer"


def are_compiled() -> bool:
    """Tell whether the renderer was compiled here before, in its present state."""
    folder = os.environ["NUMBA_CACHE_DIR"]
    return bool(folder) and (Path(folder) / _TOLD).exists()


def remember_compiled() -> None:
    """Take note that every kernel that drawing needs lies in the cache."""
    if folder := os.environ["NUMBA_CACHE_DIR"]:
        with suppress(OSError):  # then it is told once more
            (Path(folder) / _TOLD).touch()
