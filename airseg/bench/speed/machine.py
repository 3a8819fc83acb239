"""What a speed was measured on."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Machine:
    """A machine as far as it decides how fast a network is.

    Attributes:
        device: the GPU's or the processor's name.
        processor: of the host, cores: it may use, threads: torch computes with.
        torch_version: with the CUDA and cuDNN it was built for; system: operating system.
        gpu_memory_bytes, driver, cudnn: of a GPU, else 0 and nothing.
    """

    device: str
    processor: str
    cores: int
    threads: int
    torch_version: str
    system: str
    python: str
    gpu_memory_bytes: int = 0
    driver: str = ""
    cudnn: str = ""


def describe_machine(device: torch.device) -> str:
    """Return the line that names a machine in a table; equal lines may share a column."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    threads = torch.get_num_threads()
    plural = "" if threads == 1 else "s"
    return f"CPU {_processor()}, {threads} thread{plural}, torch {torch.__version__}"


def inspect_machine(device: torch.device) -> Machine:
    """Return everything about a machine that is worth keeping beside a measurement."""
    facts: dict[str, Any] = {
        "processor": _processor(),
        "cores": _usable_cores(),
        "threads": torch.get_num_threads(),
        "torch_version": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    if device.type != "cuda":
        return Machine(device=f"CPU {_processor()}", **facts)
    return Machine(
        device=torch.cuda.get_device_name(device),
        gpu_memory_bytes=torch.cuda.get_device_properties(device).total_memory,
        driver=f"CUDA {torch.version.cuda}",
        cudnn=str(torch.backends.cudnn.version() or ""),
        **facts,
    )


class OtherWork:
    """How much of the machine's processors other programs take, from now on; Linux alone tells."""

    def __init__(self) -> None:
        self._before = _processor_seconds()

    def share(self) -> float:
        """Return the share of all processors' time that others took, 0 to 1; 0 if unknown."""
        if self._before is None or (now := _processor_seconds()) is None:
            return 0.0
        everyone, ours, wall = (b - a for a, b in zip(self._before, now, strict=True))
        cores = os.cpu_count() or 1
        return min(max((everyone - ours) / max(wall * cores, 1e-9), 0.0), 1.0)


def _processor_seconds() -> tuple[float, float, float] | None:
    """Return seconds that everyone's programs ran, that this one ran, and of the clock."""
    try:
        words = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
        user, nice, system, _, _, hard, soft, steal = (int(w) for w in words[1:9])
        tick = os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return None
    everyone = (user + nice + system + hard + soft + steal) / tick
    return everyone, sum(os.times()[:4]), time.monotonic()


def reset_peak_memory(device: torch.device) -> None:
    """Begin to look for the peak of memory anew, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):  # not Linux, or not allowed: it is then the whole life's
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory_bytes(device: torch.device) -> int:
    """Return the peak since `reset_peak_memory`: of tensors on a GPU, of the process on a CPU.

    0 where the system does not tell.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()
