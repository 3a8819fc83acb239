"""What a row was made with: device, threads, versions of libraries, and the source's commit."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from airseg.bench.results.result import EnvironmentResult
from airseg.bench.speed.machine import inspect_machine
from airseg.bench.training.fabric import world_size

_LIBRARIES = ("torch", "torchvision", "lightning-fabric", "numpy", "opencv-python-headless", "timm")


def inspect_environment(device: torch.device) -> EnvironmentResult:
    """Return what decides a result's last digits beside its recipe."""
    machine = inspect_machine(device)
    return EnvironmentResult(
        device=machine.device,
        threads=machine.threads,
        processes=world_size(),
        versions={name: found for name in _LIBRARIES if (found := _version(name))},
        commit=source_commit(),
    )


def source_commit() -> str:
    """Return the commit airseg runs from, with a + where files were changed; empty if installed."""
    top = Path(__file__).resolve().parents[2]
    if not (top / ".git").exists():
        return ""
    try:
        commit = _git(top, "rev-parse", "--short=12", "HEAD")
        changed = _git(top, "status", "--porcelain", "--untracked-files=no", "--", "airseg")
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=10
    ).stdout.strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
