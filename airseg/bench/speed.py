"""Speed and size of a network: streaming, one frame at a time, batch 1."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from airseg.models.base import VideoSegmenter

_WARM_UP_S = 1.0


@dataclass(frozen=True)
class Speed:
    """How fast a network streams.

    Attributes:
        logits_ms, labelmap_ms: latency of a frame to coarse logits, and to classes at the frame's
            resolution: p50, p95 and p99.
        frames_per_second: one over the median latency to a label map.
        parameters: trainable numbers; gmacs: multiply-adds of a frame, 1e9.
        memory_bytes: what a stream remembers; height, width: of the frames.
        machine: what it ran on.
    """

    logits_ms: dict[str, float]
    labelmap_ms: dict[str, float]
    frames_per_second: float
    parameters: int
    gmacs: float
    memory_bytes: int
    height: int
    width: int
    machine: str


def measure_speed(
    model: VideoSegmenter, height: int, width: int, device: torch.device, frames: int
) -> Speed:
    """Stream random frames through a network and time each.

    Args:
        model: in evaluation mode, on `device`.
        height, width: pixels of a frame.
        frames: how many to time, after a warm-up.
    """
    generator = torch.Generator().manual_seed(0)
    frame = torch.rand(1, 1, 3, height, width, generator=generator).to(device)
    logits = _time(model, frame, device, frames, with_labels=False)
    labels = _time(model, frame, device, frames, with_labels=True)
    return Speed(
        logits_ms=_percentiles(logits),
        labelmap_ms=_percentiles(labels),
        frames_per_second=1000.0 / float(np.median(labels)),
        parameters=sum(p.numel() for p in model.parameters()),
        gmacs=count_gmacs(model, frame),
        memory_bytes=model.memory_bytes(height, width),
        height=height,
        width=width,
        machine=describe_machine(device),
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
        for _ in range(1 if model.unbounded else model.memory_depth):
            _, memory = model.coarse(frame, memory)
        with FlopCounterMode(display=False) as counter:
            for _ in range(model.period):
                _, memory = model.coarse(frame, memory)
    return counter.get_total_flops() / 2e9 / model.period


def describe_machine(device: torch.device) -> str:
    """Return what a speed was measured on."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    return f"CPU {_processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()


def _time(
    model: VideoSegmenter,
    frame: torch.Tensor,
    device: torch.device,
    frames: int,
    *,
    with_labels: bool,
) -> np.ndarray:
    """Return the latency of each frame, milliseconds."""
    memory: Any = None
    times: list[float] = []
    began = time.perf_counter()
    with torch.inference_mode():
        while len(times) < frames:
            start = time.perf_counter()
            if with_labels:
                logits, memory = model(frame, memory)
                logits.argmax(2)
            else:
                _, memory = model.coarse(frame, memory)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            end = time.perf_counter()
            if end - began > _WARM_UP_S or times:
                times.append((end - start) * 1e3)
    return np.array(times)


def _percentiles(times: np.ndarray) -> dict[str, float]:
    return {f"p{q}": float(np.percentile(times, q)) for q in (50, 95, 99)}
