"""Publish a file so that it is either whole, or not there.

It is written under another name beside the final one, flushed to disk, and renamed. What was
published before stays untouched until then.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from airseg.errors import DatasetError

_UNFINISHED_SUFFIX = ".partial"
_RESERVE_BYTES = 32 << 20


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse an output that cannot or must not be written, before any work is done.

    Raises:
        DatasetError: missing or unwritable folder, or a file that is already there.
    """
    final = _followed(path)
    if path.is_dir():
        raise DatasetError(f"{path}: is a folder; give the name of a file, such as dataset.h5.")
    if not final.parent.is_dir():
        raise DatasetError(f"{path}: the folder {final.parent} does not exist. Make it first.")
    if path.exists() and not overwrite:
        raise DatasetError(f"{path}: is already there. Pass --overwrite to replace it.")
    if not os.access(final.parent, os.W_OK):
        raise DatasetError(f"{path}: the folder {final.parent} may not be written (permissions).")


def check_free_space(path: Path, needed_bytes: int) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        DatasetError: names what is needed and what is free.
    """
    free = shutil.disk_usage(path.parent).free
    if needed_bytes > free:
        raise DatasetError(
            f"{path}: about {needed_bytes / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB are "
            f"free in {path.parent}. Make room, or write elsewhere."
        )


def check_room_for(path: Path, next_bytes: int) -> None:
    """Refuse to go on when the disk is nearly full.

    Asked before every frame, because HDF5 cannot close a file that it could not write, and brings
    the whole process down when it ends.

    Raises:
        DatasetError: less is free than the next write and the file's own tables may take.
    """
    free = shutil.disk_usage(path.parent).free
    if free < next_bytes + _RESERVE_BYTES:
        raise DatasetError(
            f"{path.name.removesuffix(_UNFINISHED_SUFFIX)}: the disk is full: {free / 1e6:.0f} MB "
            f"are left in {path.parent}. Make room, or write elsewhere."
        )


@contextmanager
def published(path: Path, removing: Path | None = None) -> Iterator[Path]:
    """Yield the name to write under; when the block ends without an error, publish the file.

    The name is locked against other writers, removed on errors, and taken over from a run that was
    killed.

    Args:
        path: the final name.
        removing: a folder that is not needed any more once the file is published.

    Raises:
        DatasetError: another run writes the same file, or the disk is full.
    """
    final = _followed(path)
    unfinished = final.with_name(final.name + _UNFINISHED_SUFFIX)
    with _locked(unfinished, path):
        try:
            yield unfinished
            _flush_to_disk(unfinished)
            unfinished.replace(final)
            if fcntl:  # Windows opens no folders
                _flush_to_disk(final.parent)
            if removing is not None:
                shutil.rmtree(removing, ignore_errors=True)
        except OSError as cause:
            unfinished.unlink(missing_ok=True)
            raise DatasetError(f"{path}: cannot be written ({_reason(cause)}).") from cause
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def _followed(path: Path) -> Path:
    """Return the file that a symbolic link stands for: renaming onto the link would lose it."""
    return path.resolve() if path.is_symlink() else path


@contextmanager
def _locked(unfinished: Path, path: Path) -> Iterator[None]:
    """Keep other writers away; a killed one does not."""
    taken = DatasetError(
        f"{path}: another run is writing this file. Wait for it, or choose another --out."
    )
    if fcntl is None:
        # Windows renames no file that is open, so the lock is a file of its own.
        lock = FileLock(f"{unfinished}.lock", timeout=0)
        try:
            with lock:
                yield
        except Timeout:
            raise taken from None
        Path(lock.lock_file).unlink(missing_ok=True)
        return
    descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise taken from None
        yield
    finally:
        os.close(descriptor)


def _reason(cause: OSError) -> str:
    """Return why writing failed; HDF5 says it only in the middle of a long text."""
    text = " ".join(str(cause).split())
    return os.strerror(cause.errno) if cause.errno else text


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
