"""Names of others that become names of files and folders: one place that says which may."""

from __future__ import annotations

from pathlib import PureWindowsPath

PATH_NAMES = (
    "names are one printable line of at most 200 bytes without slashes, and no drive of Windows"
)
_LONGEST_BYTES = 200


def is_path_name(name: object) -> bool:
    """Return whether joining a name to a folder gives a file in that folder, on any system.

    Room is left for endings below the 255 bytes that file systems take.
    """
    return (
        isinstance(name, str)
        and 0 < len(name.encode(errors="replace")) <= _LONGEST_BYTES
        and name not in (".", "..")
        and not set(name) & set("/\\\0")
        and not PureWindowsPath(name).drive
        and name.isprintable()
    )
