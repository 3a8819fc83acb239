"""Where compiled functions are cached.

numba keeps compiled code beside the source and looks at the age of one file only, although a kernel
holds others that it calls from other files. So each state of the kernels' sources has a folder of
its own. An installed package may lie in a folder that cannot be written to, and whoever runs it may
have no home: then the cache goes to the user's cache folder, or to a private one for temporary
files; where nothing can be written, functions are compiled at every start. Every module with
compiled functions imports `njit` from here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba import prange

__all__ = ["CACHE_FOLDER", "njit", "prange"]

_MARK = b"kernels import"


def _cache_folder() -> str:
    """Return the folder for compiled code; empty where nothing can be written."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen and _is_writable(Path(chosen)):
        return chosen
    here = Path(__file__).resolve().parent
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(here.rglob("*.py")):
        source = path.read_bytes()
        if _MARK in source:
            digest.update(source)
    name = f"kernels-{digest.hexdigest()}"
    for folder in _candidates(here):
        if _is_writable(folder / name):
            for old in folder.glob("kernels-*"):
                if old.name != name:
                    shutil.rmtree(old, ignore_errors=True)
            return str(folder / name)
    return ""


def _candidates(here: Path) -> Iterator[Path]:
    yield here / "__pycache__"
    if cache := os.environ.get("XDG_CACHE_HOME"):
        yield Path(cache) / "airseg" / "numba"
    with suppress(RuntimeError):  # a user whom the system does not know
        yield Path.home() / ".cache" / "airseg" / "numba"
    try:
        private = Path(tempfile.gettempdir()) / f"airseg-{getattr(os, 'getuid', int)()}"
        private.mkdir(mode=0o700, exist_ok=True)
        # numba unpickles what it finds, so nobody else may write there.
        found = private.lstat()
        if not hasattr(os, "getuid") or (
            found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) & 0o077 == 0
        ):
            yield private / "numba"
    except OSError:
        return


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


CACHE_FOLDER = _cache_folder()
"""Where compiled code is kept; empty where nothing can be written."""

# Both: worker processes inherit the variable, and numba may have been imported before.
os.environ["NUMBA_CACHE_DIR"] = numba.config.CACHE_DIR = CACHE_FOLDER  # type: ignore[attr-defined]


def njit(**options: Any) -> Callable[[Any], Any]:
    """Return numba's decorator; nothing is cached where nothing can be written."""
    return numba.njit(
        **options | {"cache": bool(options.get("cache")) and bool(numba.config.CACHE_DIR)}  # type: ignore[attr-defined]
    )
