"""What a recorder is asked to fly, how, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from airseg.errors import RecordingError
from airseg.flight import FlightPlan, Trajectory
from airseg.recording.flying.mesh_ids import Palette
from airseg.recording.stored.continuing import first_suspect, refuse_another_flight
from airseg.recording.stored.frame_table import read_frames
from airseg.recording.stored.storage import INSTANCES_NOTE, read_info

_RECHECK_EVERY_S = 60

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class RecordOptions:
    """How to record.

    Attributes:
        mode: ``pose``, ``step`` or ``realtime``; None takes the plan's.
        max_frames: stop after this many, or None.
        palette: colours of ids; None measures them.
        simulator: what to write about the simulator (world, seed).
        overwrite: begin anew where there is a recording.
        recheck_every_s: seconds of simulator time between checks of the segmentation colours.
        instances: record the number of the object in each pixel.
    """

    mode: str | None = None
    max_frames: int | None = None
    palette: Palette | None = None
    simulator: dict[str, Any] = field(default_factory=dict)
    overwrite: bool = False
    recheck_every_s: float = _RECHECK_EVERY_S
    instances: bool = False


@dataclass(frozen=True)
class Assignment:
    """One flight to record.

    Attributes:
        name: of the sequence.
        plan: what to fly.
        path: where, frame by frame; None takes the plan's trajectory.
        fingerprint: what tells it from other flights.
        source: the recording whose poses are flown again, or an empty text.
    """

    name: str
    plan: FlightPlan
    path: Trajectory | None = None
    fingerprint: str = ""
    source: str = ""

    @property
    def identity(self) -> str:
        """What must not differ between a recording and the run that continues it."""
        return self.fingerprint or self.plan.fingerprint()


@dataclass(frozen=True)
class Recorded:
    """What a recording came to: its folder, its frames, how many of them are new.

    Attributes:
        notes: of the recording; remedy: what would make it more exact, or an empty text.
    """

    folder: Path
    frames: int
    new_frames: int
    notes: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""


def finished_recording(
    folder: Path, flight: Assignment | FlightPlan, options: RecordOptions
) -> int | None:
    """Return the frame count of a folder that holds this flight as a whole, else None.

    Raises:
        RecordingError: it holds another flight, or this one in another mode or world.
    """
    if not (folder / "recording.json").exists():
        return None
    try:
        info = read_info(folder)
        frames = len(read_frames(folder))
    except RecordingError:
        return None
    plan, identity = (
        (flight, flight.fingerprint())
        if isinstance(flight, FlightPlan)
        else (flight.plan, flight.identity)
    )
    other_notes = {k: v for k, v in info.notes.items() if k != INSTANCES_NOTE}
    refuse_another_flight(
        folder,
        info,
        replace(
            info,
            plan_fingerprint=identity,
            mode=options.mode or plan.mode,
            simulator={**info.simulator, **options.simulator},
            notes={**other_notes, INSTANCES_NOTE: ""} if options.instances else other_notes,
        ),
    )
    most, planned = options.max_frames, info.frames_planned
    if info.status != "complete" or first_suspect(info) is not None:
        return None
    if most is None:
        was_cut_short = info.notes.get("frames_asked") is not None
        return None if was_cut_short and frames < (planned or frames + 1) else frames
    return frames if frames >= min(most, planned or most) else None
