"""Find out whether HDF5 survives a file's tables, in a process that may hang or crash.

HDF5 (2.0 is known) walks over a damaged heap of texts without end, and follows damaged tables out
of its memory; no exception comes back from inside the library. So before a file of unknown state is
opened, another process reads its attributes, its tables of chunks and its small arrays.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from airseg.errors import DatasetError

LIMIT_S = 120.0
"""Reading every attribute of thousands of sequences takes seconds."""

_READ_TABLES = """
import contextlib, sys, h5py

def read(name, owner):
    for key in owner.attrs:
        with contextlib.suppress(Exception):
            owner.attrs[key]
    with contextlib.suppress(Exception):
        if isinstance(owner, h5py.Dataset):
            owner.id.chunk_iter(lambda chunk: None)
            if owner.ndim <= 2 and owner.size < 1 << 24:
                owner[...]

def walk(owner, depth, seen):
    for name in owner if depth else ():
        with contextlib.suppress(Exception):
            if not isinstance(owner.get(name, getlink=True), h5py.HardLink):
                continue
            item = owner[name]
            place = h5py.h5o.get_info(item.id).addr
            if place not in seen:
                seen.add(place)
                read(name, item)
                if isinstance(item, h5py.Group):
                    walk(item, depth - 1, seen)

with contextlib.suppress(Exception), h5py.File(sys.argv[1], "r", locking=False) as file:
    read("/", file)
    walk(file, 8, set())
"""
"""What lies deeper is in no dataset, and the names of very deep groups take minutes."""
_survived: set[tuple[str, int, int]] = set()


def refuse_endless(path: Path, limit_s: float = LIMIT_S) -> None:
    """Raise if HDF5 crashes over a file's tables, or does not come back from them.

    What it can say of them, and that it cannot read them, is for others to tell. A file that did
    not change since this process asked is not asked about again.

    Raises:
        DatasetError: the other process was killed by a signal, or the time is over.
    """
    try:
        found = path.stat()
    except OSError:
        return  # whoever opens it says so
    if not path.is_file():
        return  # nobody writes into a pipe that is only looked at
    state = (str(path.absolute()), found.st_size, found.st_mtime_ns)
    if state in _survived:
        return
    command = [sys.executable, "-c", _READ_TABLES, str(path)]
    remedy = "Restore the file, or pack it again with 'airseg relabel'."
    try:
        ended = subprocess.run(command, timeout=limit_s, check=False, capture_output=True)
    except OSError:
        return  # a user who may not start another Python reads without this precaution
    except subprocess.TimeoutExpired:
        raise DatasetError(
            f"{path}: is damaged: HDF5 does not come back from reading its attributes within "
            f"{limit_s:.0f} s. {remedy}"
        ) from None
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        raise DatasetError(f"{path}: is damaged: HDF5 crashes on its tables ({name}). {remedy}")
    _survived.add(state)
