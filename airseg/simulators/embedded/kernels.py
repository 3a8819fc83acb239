"""Where compiled kernels are cached.

numba keeps compiled code beside the source. An installed package may lie in a folder that cannot
be written to; then the cache goes to the user's own cache folder. Import this module before numba.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def _prepare_cache() -> None:
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    beside = Path(__file__).resolve().parent / "__pycache__"
    try:
        beside.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=beside):
            return
    except OSError:
        pass  # read-only: fall through to a folder of the user's
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    if not os.access(base if base.exists() else base.parent, os.W_OK):
        base = Path(tempfile.gettempdir())
    os.environ["NUMBA_CACHE_DIR"] = str(base / "airseg" / "numba")


_prepare_cache()

from numba import njit, prange  # noqa: E402

__all__ = ["njit", "prange"]
