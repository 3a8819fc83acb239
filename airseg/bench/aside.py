"""Files of a bench run: written aside, then moved to their place, so that each is whole."""

from __future__ import annotations

import os
from pathlib import Path

from airseg.errors import RecipeError


def write_aside(path: Path, content: bytes | memoryview) -> None:
    """Write a file beside its place and move it there, so that a kill leaves the old or the new.

    Where there is no room the old file stays, and what was written so far is removed: it would keep
    a full disk full.

    Raises:
        RecipeError: it cannot be written, such as on a full disk.
    """
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as cause:
        beside.unlink(missing_ok=True)
        kept = "; the one before it is kept" if path.exists() else ""
        raise RecipeError(
            f"{path}: cannot be written ({cause.strerror or cause}){kept}. Make room or choose "
            "another --out, and run the same command again."
        ) from None
