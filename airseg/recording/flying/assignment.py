"""What a recorder is asked to fly, how, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airseg.flight import FlightPlan, Trajectory
from airseg.recording.flying.mesh_ids import Palette

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
        warning: what whoever asked for it should know, or an empty text.
    """

    name: str
    plan: FlightPlan
    path: Trajectory | None = None
    fingerprint: str = ""
    source: str = ""
    warning: str = ""

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
