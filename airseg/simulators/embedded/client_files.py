"""Where clients may have the simulator write: in one folder, and nowhere else."""

from __future__ import annotations

from pathlib import Path

_NEVER_IN_NAMES = frozenset('/\\:;*?"<>|')
_LONGEST_NAME = 100


class ClientFiles:
    """The folder whose files clients may name.

    Args:
        folder: where they may write; None lets them write nowhere.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder.resolve() if folder is not None else None

    def path(self, file: str) -> Path:
        """Return the path of a file that a client asks to be written; relative to the folder.

        Raises:
            PermissionError: it lies elsewhere, links followed.
        """
        if self.folder is None:
            raise PermissionError(
                f"'{file}' is not written: clients may write no files here. Start the simulator "
                "with --files DIR to let them write into a folder"
            )
        path = (self.folder / file).resolve()
        if path == self.folder or not path.is_relative_to(self.folder):
            raise PermissionError(f"'{file}' is not written: it lies outside {self.folder}")
        return path


def is_plain_name(name: str) -> bool:
    r"""Tell whether a vehicle's or a camera's name can be part of a file's name and of a table.

    Printable, no ``/\:;*?"<>|``, no point at the start, 1 to 100 bytes of UTF-8.
    """
    return (
        name.isprintable()  # neither tabs nor halves of a surrogate pair
        and not _NEVER_IN_NAMES.intersection(name)
        and not name.startswith(".")
        and 0 < len(name.encode()) <= _LONGEST_NAME
    )
