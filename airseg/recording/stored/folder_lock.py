"""One recorder a folder: its lock is taken before anything else is touched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from airseg.errors import RecordingError

LOCK_NAME = ".lock"


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a recording's folder, which is made if need be.

    A folder that stays empty is taken away again.

    Raises:
        RecordingError: another recorder holds it, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_NAME)
        lock.acquire(timeout=0)
    except Timeout:
        raise RecordingError(
            f"{folder}: another recorder is writing here. Wait for it, or choose another --out."
        ) from None
    except OSError as cause:
        raise RecordingError(f"{folder}: cannot record here ({cause.strerror}).") from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # an open file cannot be removed on Windows
            if [path.name for path in folder.iterdir()] == [LOCK_NAME]:
                (folder / LOCK_NAME).unlink()
                folder.rmdir()
        lock.release()
