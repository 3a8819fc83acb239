"""Speeds of one network on one machine as they are kept and read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from airseg.bench.aside import write_aside
from airseg.bench.results.result import SPEED_ENDING, Percentiles
from airseg.bench.speed.settings import BASE, Setting
from airseg.documents import StrictModel, first_complaint
from airseg.errors import RecipeError
from airseg.text_files import read_text
from airseg.version import __version__

FIGURES = ("p50 ms", "p95 ms", "p99 ms", "FPS", "peak MB", "same %")


class Measurement(StrictModel):
    """One way to run the network, measured, or why it was not.

    Attributes:
        milliseconds: p50, p95, p99 of a frame (of a batch of frames, with several streams).
        key_ms, between_ms: of key frames and of the others, for networks that have both.
        frames_per_second: of all streams together; over a whole period where the cost varies.
        peak_memory_bytes: of tensors on a GPU, of the whole process on a CPU.
        agreement: share of pixels of a frame with the same class as eager fp32 gives them.
        cast: how bf16 and fp16 were made: ``weights``, or ``autocast`` where parts need fp32.
        warm_up_frames: before timing; steady: whether the time had settled by then.
        problem: why it could not be run here; the rest is then empty.
    """

    mode: str
    precision: str
    folded: bool
    channels_last: bool
    output: str
    copies: bool
    streams: int
    milliseconds: Percentiles = {}
    key_ms: Percentiles = {}
    between_ms: Percentiles = {}
    frames_per_second: float | None = None
    peak_memory_bytes: int = 0
    agreement: float | None = None
    cast: str = ""
    warm_up_frames: int = 0
    steady: bool = True
    problem: str = ""

    @property
    def setting(self) -> Setting:
        """Return the way that was measured."""
        return Setting(**{name: getattr(self, name) for name in asdict(BASE)})


class SpeedStudy(StrictModel):
    """All measurements of one network on one machine."""

    format: Literal[1] = 1
    model: str
    options: dict[str, Any] = {}
    num_classes: int
    height: int
    width: int
    frames: int
    machine: str
    machine_facts: dict[str, Any]
    measurements: list[Measurement]
    command: str = ""
    airseg_version: str = __version__
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


def fastest(measurements: Sequence[Measurement]) -> Measurement:
    """Return the measured way with the most frames a second for a single stream.

    Raises:
        RecipeError: not one could be run.
    """
    able = [m for m in measurements if m.frames_per_second is not None and m.streams == 1]
    if not able:
        raise RecipeError(f"no way to run worked here: {measurements[0].problem}.")
    return max(able, key=lambda m: m.frames_per_second or 0.0)


def load_study(path: Path) -> SpeedStudy:
    """Read a study.

    Raises:
        RecipeError: it cannot be read, or is none.
    """
    try:
        return SpeedStudy.model_validate(json.loads(read_text(path, RecipeError)))
    except ValidationError as cause:
        raise RecipeError(f"{path}: no speed study: {first_complaint(cause)}.") from None
    except (ValueError, RecursionError) as cause:
        raise RecipeError(f"{path}: not JSON: {cause}.") from None


def load_studies(inputs: Sequence[Path]) -> list[SpeedStudy]:
    """Read the studies that lie in folders of results."""
    found = [p for item in inputs if item.is_dir() for p in sorted(item.glob("*" + SPEED_ENDING))]
    return [load_study(path) for path in found]


def save_study(path: Path, study: SpeedStudy) -> None:
    """Write a study aside, then into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path, (json.dumps(study.model_dump(mode="json"), indent=1) + "\n").encode())


def cells(measurement: Measurement | None) -> list[str]:
    """Return what was measured as people read it, one a column of `FIGURES`."""
    m = measurement
    if m is None or m.frames_per_second is None or not m.milliseconds:
        return ["-"] * len(FIGURES)
    times = [f"{m.milliseconds[q]:.2f}" for q in ("p50", "p95", "p99")]
    same = "-" if m.agreement is None else f"{100 * m.agreement:.2f}"
    return [*times, f"{m.frames_per_second:.1f}", f"{m.peak_memory_bytes / 1e6:.0f}", same]


def kind_cells(measurement: Measurement | None, kind: str) -> list[str]:
    """Return the same of ``key_ms`` or ``between_ms``: times only."""
    times = getattr(measurement, kind) if measurement is not None else {}
    shown = [f"{times[q]:.2f}" if times else "-" for q in ("p50", "p95", "p99")]
    return [*shown, *[""] * (len(FIGURES) - len(shown))]
