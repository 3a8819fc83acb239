"""Time a stream frame by frame: warm until it is steady, then measure, by device events on CUDA."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

_WINDOW = 5
_STEADY_SHARE = 0.03


@dataclass(frozen=True)
class Timing:
    """Latencies of a stream's frames.

    Attributes:
        milliseconds: (F,) of each frame; phases: (F,) its place in the period, 0 a key frame's.
        warm_up_frames: how many came before; steady: whether the time had settled by then.
    """

    milliseconds: np.ndarray
    phases: np.ndarray
    warm_up_frames: int
    steady: bool

    @property
    def per_frame_ms(self) -> float:
        """Return the time a frame costs: the mean over the period of each place's median."""
        return float(np.mean([self.median_ms(p) for p in np.unique(self.phases)]))

    def median_ms(self, phase: int) -> float:
        """Return the median of the frames at one place of the period."""
        return float(np.median(self.milliseconds[self.phases == phase]))

    def percentiles(self, kind: str = "all") -> dict[str, float]:
        """Return p50, p95 and p99 of ``all`` frames, of ``key`` frames, or of those ``between``.

        Empty where there is no such frame.
        """
        is_key = self.phases == 0
        chosen = {"all": is_key | ~is_key, "key": is_key, "between": ~is_key}[kind]
        times = self.milliseconds[chosen]
        return {f"p{q}": float(np.percentile(times, q)) for q in (50, 95, 99) if len(times)}


def time_stream(
    step: Callable[[], object],
    device: torch.device,
    frames: int,
    period: int = 1,
    *,
    longest_warm_up_s: float = 10.0,
    note: Callable[[], None] = lambda: None,
) -> Timing:
    """Warm a stream up until its frames take the same time, then time each of the next ones.

    Every frame is waited for, as a camera's would be: throughput comes from several streams in a
    batch, not from frames in flight.

    Args:
        step: takes one frame; the next call is at place 0 of the period.
        device: what to wait for.
        frames: how many to time, rounded up to whole periods.
        period: after how many frames the cost repeats.
        longest_warm_up_s: begin to measure then at the latest.
        note: called after each frame that was timed, between the clock's readings.
    """
    window = whole_periods(_WINDOW, period)
    count = whole_periods(frames, period)
    windows: list[float] = []
    steady = False
    began = time.perf_counter()
    while not steady:
        windows.append(float(np.mean(_measure(step, device, window))))
        if len(windows) > 1:
            steady = abs(windows[-1] - windows[-2]) <= _STEADY_SHARE * windows[-2]
        if time.perf_counter() - began > longest_warm_up_s:
            break
    times = _measure(step, device, count, note)
    return Timing(times, np.arange(count) % period, window * len(windows), steady)


def whole_periods(frames: int, period: int) -> int:
    """Return how many frames are timed where so many are asked for."""
    return period * -(-frames // period)


def _measure(
    step: Callable[[], object],
    device: torch.device,
    count: int,
    note: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Return the milliseconds of each of the next frames."""
    clock = _device_ms if device.type == "cuda" else _host_ms
    times = np.empty(count)
    for i in range(count):
        times[i] = clock(step)
        note()
    return times


def _host_ms(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1e3


def _device_ms(step: Callable[[], object]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    step()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)
