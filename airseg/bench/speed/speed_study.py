"""How fast one network is in every way it can be run, on one machine."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError

from airseg.bench.aside import write_aside
from airseg.bench.results.result import SPEED_ENDING, Percentiles
from airseg.bench.speed.machine import (
    describe_machine,
    inspect_machine,
    peak_memory_bytes,
    reset_peak_memory,
)
from airseg.bench.speed.streams import MODES, OUTPUTS, PRECISIONS, Setting, Stream, UnsupportedError
from airseg.bench.speed.timing import time_stream
from airseg.documents import StrictModel
from airseg.errors import RecipeError
from airseg.models.base import VideoSegmenter
from airseg.text_files import decode_text
from airseg.version import __version__

LONGEST_WARM_UP_S = 10.0
WORDS = ("mode", "precision", "BN", "layout", "to", "copies", "streams")
FIGURES = ("p50 ms", "p95 ms", "p99 ms", "FPS", "peak MB", "same %")
BASE = Setting()
"""What all others are compared with: eager, fp32, as trained."""


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


def settings_of(
    modes: Iterable[str],
    precisions: Iterable[str],
    folded: Iterable[bool],
    channels_last: Iterable[bool],
) -> list[Setting]:
    """Return every combination, to a label map, without copies, one stream; `BASE` comes first."""
    found = [
        Setting(mode=m, precision=p, folded=f, channels_last=c)
        for m, p, f, c in itertools.product(modes, precisions, folded, channels_last)
    ]
    return list(dict.fromkeys([BASE, *found]))


def surroundings(setting: Setting, streams: int) -> list[Setting]:
    """Return the rest of what is asked of one way: logits alone, host copies, throughput."""
    found = [
        replace(setting, output=output, copies=copies)
        for output, copies in itertools.product(OUTPUTS, (False, True))
    ]
    if streams > 1:
        found += [replace(setting, streams=streams, output=output) for output in OUTPUTS]
    return [s for s in found if s != setting]


class SpeedBench:
    """Measures ways to run a network, and compares what they answer with eager fp32.

    Args:
        model: in evaluation mode.
        height, width: pixels of a frame.
        device: where.
        frames: to time, each way.
    """

    def __init__(
        self, model: VideoSegmenter, height: int, width: int, device: torch.device, frames: int
    ) -> None:
        self._model, self._size, self._device, self._frames = model, (height, width), device, frames
        self._references: dict[tuple[str, int], torch.Tensor] = {}

    def measure(self, setting: Setting) -> Measurement:
        """Measure one way to run the network."""
        fields = asdict(setting)
        try:
            reference = self._reference(setting)  # before the peak counts, which is not its own
            reset_peak_memory(self._device)
            stream = Stream(self._model, setting, *self._size, self._device)
            agreement = float((self._classes(stream) == reference).float().mean())
            timing = time_stream(
                stream.step,
                self._device,
                self._frames,
                self._model.period,
                longest_warm_up_s=LONGEST_WARM_UP_S,
            )
        except UnsupportedError as cause:
            return Measurement(**fields, problem=str(cause))
        except torch.cuda.OutOfMemoryError:
            return Measurement(**fields, problem="out of GPU memory")
        has_keys = self._model.period > 1 and not self._model.rotates
        return Measurement(
            **fields,
            milliseconds=timing.percentiles(),
            key_ms=timing.percentiles("key") if has_keys else {},
            between_ms=timing.percentiles("between") if has_keys else {},
            frames_per_second=1000 * setting.streams / timing.per_frame_ms,
            peak_memory_bytes=peak_memory_bytes(self._device),
            agreement=agreement,
            cast=stream.cast,
            warm_up_frames=timing.warm_up_frames,
            steady=timing.steady,
        )

    def _reference(self, setting: Setting) -> torch.Tensor:
        """Return the classes that eager fp32 gives a period's pixels."""
        key = (setting.output, setting.streams)
        if key not in self._references:
            base = replace(BASE, output=key[0], streams=key[1])
            self._references[key] = self._classes(
                Stream(self._model, base, *self._size, self._device)
            )
        return self._references[key]

    def _classes(self, stream: Stream) -> torch.Tensor:
        """Return the classes of a period's pixels; advances the stream."""
        found = []
        for _ in range(stream.period):
            output = stream.step()
            is_label = stream.setting.output == "labels"
            # What a graph returns is overwritten when it runs again.
            found.append((output if is_label else output.argmax(2)).to("cpu", copy=True))
        return torch.stack(found)


def run_study(
    model: VideoSegmenter,
    settings: Sequence[Setting],
    streams: int,
    height: int,
    width: int,
    device: torch.device,
    frames: int,
    progress: Callable[[str, int, int | None], None],
) -> list[Measurement]:
    """Measure settings, and for the first and the fastest of them logits, copies, throughput.

    Args:
        model: in evaluation mode.
        settings: of `settings_of`.
        streams: in a batch, for throughput; 1 for none.
        height, width: pixels of a frame.
        device: where.
        frames: to time, each way.
        progress: told about every one.
    """
    bench = SpeedBench(model, height, width, device, frames)
    found: list[Measurement] = []
    planned = list(settings)
    for done in itertools.count():
        if done == len(settings):
            ends = dict.fromkeys([settings[0], fastest(found).setting])
            planned += [s for end in ends for s in surroundings(end, streams)]
        if done == len(planned):
            return found
        found.append(bench.measure(planned[done]))
        progress("ways to run", done + 1, max(len(planned), done + 1))
    raise AssertionError("unreachable")


def fastest(measurements: Sequence[Measurement]) -> Measurement:
    """Return the measured way with the most frames a second for a single stream.

    Raises:
        RecipeError: not one could be run.
    """
    able = [m for m in measurements if m.frames_per_second is not None and m.streams == 1]
    if not able:
        raise RecipeError(f"no way to run worked here: {measurements[0].problem}.")
    return max(able, key=lambda m: m.frames_per_second or 0.0)


def new_study(
    name: str,
    options: dict[str, Any],
    num_classes: int,
    bench: dict[str, Any],
    device: torch.device,
) -> SpeedStudy:
    """Return a study with its machine described; `bench` has the remaining fields."""
    return SpeedStudy(
        model=name,
        options=options,
        num_classes=num_classes,
        machine=describe_machine(device),
        machine_facts=asdict(inspect_machine(device)),
        **bench,
    )


def load_study(path: Path) -> SpeedStudy:
    """Read a study.

    Raises:
        RecipeError: it cannot be read, or is none.
    """
    try:
        return SpeedStudy.model_validate(json.loads(decode_text(path.read_bytes())))
    except OSError as cause:
        raise RecipeError(f"{path}: cannot be read ({cause.strerror}).") from None
    except ValidationError as cause:
        first = cause.errors()[0]
        field = ".".join(str(p) for p in first["loc"])
        raise RecipeError(f"{path}: no speed study: {field}: {first['msg']}.") from None
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


def check_choices(values: Sequence[str], known: Sequence[str], option: str) -> list[str]:
    """Return the values of a comma-separated option.

    Raises:
        RecipeError: one is not known.
    """
    for value in values:
        if value not in known:
            raise RecipeError(f"{option} {value}: choose from {', '.join(known)}.")
    return list(values)


def words(setting: Setting) -> tuple[str, ...]:
    """Return a way to run in words, one a column of `WORDS`."""
    return (
        setting.mode,
        setting.precision,
        "folded" if setting.folded else "-",
        "channels last" if setting.channels_last else "-",
        setting.output,
        "yes" if setting.copies else "-",
        str(setting.streams),
    )


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


def default_ways(device: torch.device) -> tuple[list[str], list[str]]:
    """Return the modes and precisions that a kind of device has."""
    if device.type == "cuda":
        return list(MODES), list(PRECISIONS)
    return ["eager", "compiled"], ["fp32", "bf16"]
