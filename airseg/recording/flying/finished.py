"""Which flights are recorded as a whole already: asked before any simulator is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from airseg.errors import OtherFormatError, RecordingError
from airseg.flight import FlightPlan
from airseg.recording.flying.assignment import Assignment, RecordOptions
from airseg.recording.flying.flight_folders import folders_of, refuse_missing_views
from airseg.recording.stored.continuing import first_suspect, refuse_another_flight
from airseg.recording.stored.folder_lock import folder_lock
from airseg.recording.stored.frame_table import read_frames
from airseg.recording.stored.frame_writer import write_file
from airseg.recording.stored.storage import INSTANCES_NOTE, read_info, refuse_lost_files


def finished_recording(
    folder: Path, flight: Assignment | FlightPlan, options: RecordOptions
) -> int | None:
    """Return the frame count of a folder that holds this flight as a whole, else None.

    Args:
        folder: of the first view.
        flight: what is asked for.
        options: how; what is said there of the simulator must not differ either.

    Raises:
        RecordingError: it holds another flight, or this one in another mode or world, or some of
            its files are lost.
    """
    assignment = Assignment(folder.name, flight) if isinstance(flight, FlightPlan) else flight
    folders = folders_of(folder, assignment.plan)
    if not (folder / "recording.json").exists():
        return None
    refuse_missing_views(folders)
    counts = [_finished(each, assignment, options) for each in folders]
    return None if None in counts else counts[0]


def _finished(folder: Path, flight: Assignment, options: RecordOptions) -> int | None:
    """Return how many frames a view has, if it has all that are asked for."""
    if not (folder / "recording.json").exists():
        return None
    try:
        info = read_info(folder)
        frames = len(read_frames(folder))
    except OtherFormatError:
        raise
    except RecordingError:
        return None  # whoever continues it says what is wrong
    other_notes = {k: v for k, v in info.notes.items() if k != INSTANCES_NOTE}
    refuse_another_flight(
        folder,
        info,
        replace(
            info,
            plan=flight.plan.model_dump(mode="json"),
            plan_fingerprint=flight.identity,
            mode=options.mode or flight.plan.mode,
            simulator={**info.simulator, **options.simulator},
            notes={**other_notes, INSTANCES_NOTE: ""} if options.instances else other_notes,
        ),
    )
    most, planned = options.max_frames, info.frames_planned
    is_cut_off = frames < info.frames  # since it was complete
    if info.status != "complete" or is_cut_off or first_suspect(info) is not None:
        return None
    if most is None:
        was_cut_short = info.notes.get("frames_asked") is not None
        is_whole = frames >= (planned or (frames + 1 if was_cut_short else 1))
    else:
        is_whole = frames >= min(most, planned or most)
    if is_whole:
        refuse_lost_files(folder, info, frames)
    return frames if is_whole else None


def take_over_split(folder: Path, plan: FlightPlan) -> str:
    """Let a finished recording say what may change in a plan without making it another flight.

    Returns:
        What became of its split, in words; empty where that is as it was.

    Raises:
        RecordingError: another recorder is at work there, or the folder may not be written.
    """
    told = ""
    for each in folders_of(folder, plan):
        info = read_info(each)
        now = plan.model_dump(mode="json")
        if info.plan == now and info.split == plan.split:
            continue
        if info.split != plan.split:
            told = f"its split is {plan.split or 'none'} now, {info.split or 'none'} before"
        with folder_lock(each):
            changed = replace(read_info(each), plan=now, split=plan.split)
            try:
                write_file(each / "recording.json", changed.to_json().encode())
            except OSError as cause:
                raise RecordingError(
                    f"{each}: cannot be told its new split ({cause.strerror})."
                ) from None
    return told
