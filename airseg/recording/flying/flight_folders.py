"""The folders of one flight, one a view: locked, opened and emptied together."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airseg.errors import RecordingError
from airseg.flight import FlightPlan
from airseg.recording.flying.views import views_of
from airseg.recording.stored.folder_lock import LOCK_NAME, folder_lock
from airseg.recording.stored.frame_writer import RecordingWriter
from airseg.recording.stored.storage import RecordingInfo


@contextlib.contextmanager
def open_together(folders: list[Path], infos: list[RecordingInfo]) -> Any:
    """Open the writers of all views, cut to the frames that all of them have."""
    most: int | None = None
    while True:
        with contextlib.ExitStack() as stack:
            writers = [
                stack.enter_context(RecordingWriter(folder, info, most, is_locked=True))
                for folder, info in zip(folders, infos, strict=True)
            ]
            counts = [writer.count for writer in writers]
            if len(set(counts)) == 1:
                yield writers
                return
        most = min(counts)


def erase_recording(folder: Path, plan: FlightPlan) -> None:
    """Remove what is recorded of a plan, all its views.

    Raises:
        RecordingError: a recorder is at work there, or it is no recording.
    """
    if folder.exists():
        with locked_folders(folder, plan, overwrite=True):
            pass


@contextlib.contextmanager
def locked_folders(folder: Path, plan: FlightPlan, *, overwrite: bool) -> Iterator[list[Path]]:
    """Hold the locks of the folders of all views, emptied if they shall be overwritten."""
    folders = [folder.with_name(view.sequence) for view in views_of(plan, folder.name)]
    with contextlib.ExitStack() as locks:
        for each in folders:
            locks.enter_context(folder_lock(each))
        if overwrite:
            for each in folders:
                _remove_recording(each)
        yield folders


def _remove_recording(folder: Path) -> None:
    """Remove a recording whose lock is held, and nothing that is not one."""
    files = [path for path in folder.iterdir() if path.name != LOCK_NAME]
    if files and not (folder / "recording.json").exists():
        raise RecordingError(f"{folder}: is no recording, so --overwrite leaves it alone.")
    for path in files:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
