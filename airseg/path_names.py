"""Names of others that become names of files and folders: one place that says which may."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PureWindowsPath

PATH_NAMES = (
    "names are one printable line of at most 200 bytes without slashes, no point or blank at the "
    "end, and no drive or device of Windows"
)
_LONGEST_BYTES = 200
# Windows takes them for devices, whatever ending they have, and drops points and blanks at the end.
_DEVICES = re.compile(
    r"(?:CON|PRN|AUX|NUL|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3])\s*(?:\..*)?", re.IGNORECASE
)


def is_path_name(name: object) -> bool:
    """Return whether joining a name to a folder gives a file in that folder, on any system.

    Room is left for endings below the 255 bytes that file systems take.
    """
    return (
        isinstance(name, str)
        and 0 < len(name.encode(errors="replace")) <= _LONGEST_BYTES
        and name not in (".", "..")
        and not set(name) & set("/\\\0")
        and name[-1] not in ". "
        and not _DEVICES.fullmatch(name)
        and not PureWindowsPath(name).drive
        and name.isprintable()
    )


def names_of_one_file(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two names that are one file on Windows or a Mac, which mind neither case nor form.

    A Mac compares letters in Unicode's decomposed form: an e and an accent are an accented e.
    """
    seen: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None


def first_twin(names: Iterable[str]) -> str | None:
    """Return the first name that stands there again; there may be very many."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
