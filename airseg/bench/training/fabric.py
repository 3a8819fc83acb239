"""Devices, precision and processes, through Lightning Fabric."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from airseg.bench.recipes.recipe import TrainRecipe
from airseg.errors import RecipeError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_DEVICES = ("cuda", "cpu", "mps")
_PRECISIONS: dict[str, Any] = {
    "fp32": "32-true",
    "tf32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


def world_size() -> int:
    """Return how many processes train together: what torchrun says, or one."""
    return int(os.environ.get("WORLD_SIZE", "1")) if is_torchrun() else 1


def rank() -> int:
    """Return which of the processes this is, from 0."""
    return int(os.environ.get("RANK", "0")) if is_torchrun() else 0


def is_torchrun() -> bool:
    """Return whether torchrun started this process."""
    return torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()


def pick_device(name: str | None = None) -> torch.device:
    """Return the device of a name, or CUDA where there is one, else the CPU.

    Under torchrun, ``cuda`` is the process's own GPU. A GPU becomes the current one.

    Raises:
        RecipeError: the name is no device, or there is no such device here.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        if device.type not in _DEVICES:
            raise RuntimeError(f"expected one of {', '.join(_DEVICES)}")
        if device.type == "cuda" and device.index is None and is_torchrun():
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.empty(1, device=device)
        if device.type == "cuda":  # events, graphs and Triton's kernels take the current one
            torch.cuda.set_device(device)
    except (RuntimeError, AssertionError) as cause:
        reason = str(cause).strip().splitlines()[0]
        raise RecipeError(
            f"--device {name}: cannot be used here ({reason.rstrip('.')}). Without --device it is "
            "cuda where that works, else cpu."
        ) from None
    return device


@contextmanager
def _without(package: str) -> Iterator[None]:
    """Hide a package whose version Fabric looks up by importing it, which takes seconds."""
    hides = package not in sys.modules
    if hides:
        sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hides:
            del sys.modules[package]


def build_fabric(train: TrainRecipe, device: torch.device) -> Fabric:
    """Return the Fabric that a training runs on; all processes of torchrun meet here.

    Args:
        train: with its precision.
        device: as `pick_device` returns it.

    Raises:
        RecipeError: the precision does not exist on the device.
    """
    if train.precision in ("fp16", "tf32") and device.type != "cuda":
        raise RecipeError(
            f"train.precision is {train.precision}, which needs CUDA; on a CPU use fp32 or bf16."
        )
    with _without("torchmetrics"):
        from lightning_fabric import Fabric
        from lightning_fabric.strategies import DDPStrategy

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="lightning_fabric")
    torch.backends.cudnn.allow_tf32 = train.precision != "fp32"
    torch.backends.cuda.matmul.allow_tf32 = train.precision != "fp32"
    world = world_size()
    if world == 1:
        devices = [device.index or 0] if device.type == "cuda" else 1
        return Fabric(
            accelerator=device.type, devices=devices, precision=_PRECISIONS[train.precision]
        )
    local = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
    fabric = Fabric(
        accelerator=device.type,
        # Published networks have weights that take no part, which gradients would wait for.
        strategy=DDPStrategy(find_unused_parameters=True),
        devices=local,
        num_nodes=world // local,
        precision=_PRECISIONS[train.precision],
    )
    fabric.launch()
    return fabric
