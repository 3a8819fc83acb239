"""Speed and size of a network: streaming, one frame at a time, batch 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from airseg.bench.results.result import SpeedResult
from airseg.bench.speed.machine import (
    OtherWork,
    describe_machine,
    peak_memory_bytes,
    reset_peak_memory,
)
from airseg.bench.speed.settings import Setting
from airseg.bench.speed.streams import Stream
from airseg.bench.speed.timing import Timing, time_stream, whole_periods
from airseg.models.base import VideoSegmenter

__all__ = ["count_gmacs", "describe_machine", "measure_speed"]

_LONGEST_WARM_UP_S = 2.0


def measure_speed(
    model: VideoSegmenter,
    height: int,
    width: int,
    device: torch.device,
    frames: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SpeedResult:
    """Stream frames of noise through a network and time each.

    Args:
        model: in evaluation mode, on `device`.
        height, width: pixels of a frame.
        frames: how many to time, after a warm-up.
        progress: told how many frames are timed, and of how many: `frames` twice.
    """
    done, total = 0, 2 * whole_periods(frames, model.period)

    def note() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    def measured(output: str) -> Timing:
        step = Stream(model, Setting(output=output), height, width, device).step
        limit = _LONGEST_WARM_UP_S
        return time_stream(step, device, frames, model.period, longest_warm_up_s=limit, note=note)

    others = OtherWork()
    logits = measured("logits")
    reset_peak_memory(device)
    labels = measured("labels")
    peak, busy = peak_memory_bytes(device), others.share()
    has_keys = model.period > 1 and not model.rotates
    return SpeedResult(
        logits_ms=logits.percentiles(),
        labelmap_ms=labels.percentiles(),
        frames_per_second=1000.0 / labels.per_frame_ms,
        parameters=sum(p.numel() for p in model.parameters()),
        gmacs=count_gmacs(model, torch.rand(1, 1, 3, height, width, device=device)),
        memory_bytes=model.memory_bytes(height, width),
        height=height,
        width=width,
        machine=describe_machine(device),
        key_ms=labels.percentiles("key") if has_keys else {},
        between_ms=labels.percentiles("between") if has_keys else {},
        peak_memory_bytes=peak,
        busy=busy,
    )


def count_gmacs(model: VideoSegmenter, frame: torch.Tensor) -> float:
    """Return the multiply-adds of a frame of a stream, 1e9: of convolutions and matrix products.

    The stream's memory is full, and where the cost varies from frame to frame, as with key frames,
    it is the mean over a period.

    Args:
        model: in evaluation mode.
        frame: (1, 1, 3, H, W), where the model is; the meta device will do.
    """
    memory: Any = None
    with torch.no_grad():
        for _ in range(model.filling_frames):
            _, memory = model.coarse_standing(frame, memory)
        with FlopCounterMode(display=False) as counter:
            for _ in range(model.period):
                _, memory = model.coarse_standing(frame, memory)
    return counter.get_total_flops() / 2e9 / model.period
