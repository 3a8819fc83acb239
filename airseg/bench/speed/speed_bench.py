"""Measuring one network in every way it can be run, on one machine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch

from airseg.bench.speed.machine import (
    describe_machine,
    inspect_machine,
    peak_memory_bytes,
    reset_peak_memory,
)
from airseg.bench.speed.settings import BASE, MODES, PRECISIONS, Setting, surroundings
from airseg.bench.speed.speed_study import Measurement, SpeedStudy, fastest
from airseg.bench.speed.streams import Stream, UnsupportedError
from airseg.bench.speed.timing import time_stream
from airseg.models.base import VideoSegmenter

LONGEST_WARM_UP_S = 10.0


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


def default_ways(device: torch.device) -> tuple[list[str], list[str]]:
    """Return the modes and precisions that a kind of device has."""
    if device.type == "cuda":
        return list(MODES), list(PRECISIONS)
    return ["eager", "compiled"], ["fp32", "bf16"]
