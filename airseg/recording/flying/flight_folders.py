"""The folders of one flight, one a view: locked, opened and emptied together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from airseg.errors import AirsegError, RecordingError
from airseg.flight import FlightPlan
from airseg.flight.plan import plan_from_data
from airseg.path_names import PATH_NAMES, is_path_name, names_of_one_file
from airseg.recording.flying.views import views_of
from airseg.recording.stored.folder_lock import LOCK_NAME, folder_lock
from airseg.recording.stored.frame_table import FRAME_TABLE, INSTANCE_TABLE, read_sound_frames
from airseg.recording.stored.frame_writer import RecordingWriter, frame_files, refuse_links
from airseg.recording.stored.storage import ALL_KINDS, RecordingInfo, read_info


@contextlib.contextmanager
def open_together(folders: list[Path], infos: list[RecordingInfo]) -> Any:
    """Open the writers of all views, cut to the frames that all of them have."""
    refuse_missing_views(folders)
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


def refuse_to_overwrite(folder: Path, plan: FlightPlan) -> None:
    """Refuse a plan's folders where `empty` would have to leave one alone.

    Raises:
        RecordingError: a recorder is at work there, or it is no recording.
    """
    if folder.exists():
        with locked_folders(folder, plan, overwrite=True):
            pass


def folders_of(folder: Path, plan: FlightPlan) -> list[Path]:
    """Return the folder of each view of a plan, that of the first one being `folder`."""
    return [folder.with_name(view.sequence) for view in views_of(plan, folder.name)]


def refuse_shared_folders(named: Iterable[tuple[str, FlightPlan]]) -> None:
    """Refuse flights of which two would be recorded into one folder on some system, or one in none.

    Args:
        named: names and plans of flights that are recorded beside each other.

    Raises:
        RecordingError: names the two sequences, or the one whose name is none of a folder.
    """
    sequences = [view.sequence for name, plan in named for view in views_of(plan, name)]
    if twins := names_of_one_file(sequences):
        other = "another" if twins[0] == twins[1] else f"'{twins[1]}'"
        raise RecordingError(
            f"two flights would be recorded into one folder: '{twins[0]}' and {other}. Rename one "
            "of the plans, or of the recordings that are flown again; their cameras and companions "
            "have folders, too."
        )
    if wrong := next((name for name in sequences if not is_path_name(name)), None):
        raise RecordingError(
            f"{wrong[:100]!a} cannot name a recording: {PATH_NAMES}. Rename the plan, its camera "
            "or companion, or the recording that is flown again."
        )


def refuse_missing_views(folders: list[Path]) -> None:
    """Refuse to go on where a view is gone that others of its flight have frames of.

    All of them would be cut to the frames that the missing one has.

    Raises:
        RecordingError: names the folder.
    """
    described = [each for each in folders if (each / "recording.json").exists()]
    missing = [each for each in folders if each not in described]
    if described and missing and any(len(read_sound_frames(each)[0]) for each in described):
        raise RecordingError(
            f"{missing[0]}: is gone, or has no recording.json, and is a view of the flight that "
            f"{described[0]} holds. Put it back, or start over with --overwrite."
        )


@contextlib.contextmanager
def locked_folders(folder: Path, plan: FlightPlan, *, overwrite: bool) -> Iterator[list[Path]]:
    """Hold the locks of the folders of all views.

    Args:
        folder: of the first view.
        plan: whose views they are.
        overwrite: refuse folders that `empty` would have to leave alone.

    Raises:
        RecordingError: a recorder is at work there, or it is no recording.
    """
    folders = folders_of(folder, plan)
    with contextlib.ExitStack() as locks:
        for each in folders:
            locks.enter_context(folder_lock(each))
        if overwrite:
            for each in folders:
                _own_files(each)
            _refuse_views_left_over(folders)
        yield folders


def empty(folders: list[Path]) -> None:
    """Remove recordings whose locks are held, and nothing that somebody else put there.

    Raises:
        RecordingError: one is no recording, or has other files, too.
    """
    for folder, own in [(each, _own_files(each)) for each in folders]:
        _remove_recording(folder, own)


def _refuse_views_left_over(folders: list[Path]) -> None:
    """Refuse to overwrite a flight some of whose views the plan has no longer.

    They would stay beside the new recording, and be packed into one dataset with it.
    """
    try:
        before = plan_from_data(read_info(folders[0]).plan, f"{folders[0] / 'recording.json'}")
    except AirsegError:
        return  # there is no recording, or one that says no more which views it has
    for each in folders_of(folders[0], before):
        if each not in folders and (each / "recording.json").exists():
            raise RecordingError(
                f"{each}: is a view of the recording that would be overwritten, and the plan has "
                "no such camera or companion now. Remove it, or choose another --out."
            )


def _own_files(folder: Path) -> dict[str, list[Path]]:
    """Return a recording's images by kind, if there is nothing else beside them."""
    files = [path for path in folder.iterdir() if path.name != LOCK_NAME]
    if files and not (folder / "recording.json").exists():
        raise RecordingError(f"{folder}: is no recording, so --overwrite leaves it alone.")
    refuse_links(folder)
    own = {kind: frame_files(folder / kind) for kind in ALL_KINDS}
    others = [p for kind in own for p in (folder / kind).glob("[!.]*") if p not in own[kind]]
    if others:
        raise RecordingError(
            f"{others[0]}: was put there by no recorder, so --overwrite leaves the recording alone."
            " Move it away."
        )
    return own


def _remove_recording(folder: Path, own: dict[str, list[Path]]) -> None:
    # A kill in between leaves a recording that has no frames, which this can begin anew.
    for table in (FRAME_TABLE, INSTANCE_TABLE):
        for name in (table, f"{table}.part"):
            (folder / name).unlink(missing_ok=True)
    for kind, files in own.items():
        for path in files:
            path.unlink()
        with contextlib.suppress(OSError):  # none, or hidden files of a Mac are left
            (folder / kind).rmdir()
    for name in ("recording.json.part", "recording.json"):
        (folder / name).unlink(missing_ok=True)
