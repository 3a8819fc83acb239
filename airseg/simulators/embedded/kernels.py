"""Where compiled kernels are cached.

numba keeps compiled code beside the source and looks at the age of one file only, although a kernel
holds others that it calls from other files. So each state of the kernels' sources has a folder of
its own. An installed package may lie in a folder that cannot be written to; then the cache goes to
the user's own cache folder. Import this module before numba.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

_MARK = "from airseg.simulators.embedded.kernels import"


def _prepare_cache() -> None:
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    here = Path(__file__).resolve().parent
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(here.rglob("*.py")):
        source = path.read_bytes()
        if _MARK.encode() in source:
            digest.update(source)
    name = f"kernels-{digest.hexdigest()}"
    beside = here / "__pycache__"
    try:
        beside.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=beside):
            pass
    except OSError:
        beside = _users_cache()  # an installed package that cannot be written to
    os.environ["NUMBA_CACHE_DIR"] = str(beside / name)
    for old in beside.glob("kernels-*"):
        if old.name != name:
            shutil.rmtree(old, ignore_errors=True)


def _users_cache() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    if not os.access(base if base.exists() else base.parent, os.W_OK):
        base = Path(tempfile.gettempdir())
    return base / "airseg" / "numba"


_prepare_cache()

from numba import njit, prange  # noqa: E402

__all__ = ["njit", "prange"]
