"""Find out whether HDF5 can read a file's attributes at all, in a process that may hang.

HDF5 (2.0 is known) walks over a damaged heap of texts without end, and no exception comes back from
inside the library. So before a file of unknown state is checked, another process reads all of its
attributes, and is given a time limit.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from airseg.errors import DatasetError

LIMIT_S = 120.0
"""Reading every attribute of thousands of sequences takes seconds."""

_READ_ATTRIBUTES = """
import contextlib, sys, h5py

def read(name, owner):
    for key in owner.attrs:
        with contextlib.suppress(Exception):
            owner.attrs[key]

with contextlib.suppress(Exception), h5py.File(sys.argv[1], "r") as file:
    read("/", file)
    file.visititems(read)
"""


def refuse_endless(path: Path, limit_s: float = LIMIT_S) -> None:
    """Raise if HDF5 does not come back from reading a file's attributes.

    What it can say of them, and that it cannot read them, is for others to tell.

    Raises:
        DatasetError: the time is over.
    """
    command = [sys.executable, "-c", _READ_ATTRIBUTES, str(path)]
    try:
        subprocess.run(command, timeout=limit_s, check=False, capture_output=True)
    except subprocess.TimeoutExpired:
        raise DatasetError(
            f"{path}: is damaged: HDF5 does not come back from reading its attributes within "
            f"{limit_s:.0f} s. Restore the file, or pack it again with 'airseg relabel'."
        ) from None
