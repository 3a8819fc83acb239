"""When training fails: keep what did it, and find out what would have worked."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from airseg.bench.training.batches import Batch
from airseg.bench.training.checkpoint import save_checkpoint


def save_culprit(path: Path, batch: Batch, step: int, model: nn.Module) -> Path:
    """Write the batch and the weights that gave a loss that is no number; return the path.

    Args:
        path: a file for `torch.load`, with ``frames``, ``labels``, ``clips`` (sequence, start,
            length, stride), ``step`` and ``model``.
        batch, step, model: which.
    """
    clips = [[c.sequence, c.start, c.length, c.stride] for c in batch.clips]
    content = {"frames": batch.frames, "labels": batch.labels, "clips": clips, "step": step}
    save_checkpoint(path, {**content, "model": model.state_dict()})
    return path


def is_out_of_memory(cause: BaseException) -> bool:
    """Return whether an exception says that memory ran out, a GPU's or the machine's."""
    if isinstance(cause, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(cause, RuntimeError) and "can't allocate memory" in str(cause)


def what_would_fit(
    batch: Batch, part: Batch, attempt: Callable[[Batch], None], processes: int
) -> str:
    """Return a sentence on what did not fit, and on what to set so that it does.

    Args:
        batch: of this process; part: of it, computed at once.
        attempt: see `largest_that_fits`.
        processes: how many share a batch.
    """
    height, width = batch.labels.shape[-2:]
    found = (
        f"out of memory with {len(part.clips)} clips of {batch.frames.shape[1]} frames of "
        f"{width}x{height} at once"
    )
    fits = largest_that_fits(part, attempt)
    if not fits:
        return f"{found}, and with one. Lower data.height, data.width or data.targets."
    cuts = -(-len(batch.clips) // fits)
    return (
        f"{found}; {fits} fit. Set train.accumulate={cuts} to take the same "
        f"steps in parts, or data.clips_per_batch={fits * processes}."
    )


def largest_that_fits(batch: Batch, attempt: Callable[[Batch], None]) -> int:
    """Return how many clips of a batch can be computed at once; 0 if not one.

    Args:
        batch: that did not fit.
        attempt: goes forward and backward with a smaller one, and runs out of memory or not.
    """
    fits, too_many = 0, len(batch.clips)
    while too_many - fits > 1:
        count = (fits + too_many) // 2
        try:
            attempt(batch.cut(slice(count)))
            fits = count
        except Exception as cause:
            if not is_out_of_memory(cause):
                raise
            too_many = count
        free_memory()
    return fits


def free_memory() -> None:
    """Give back what nothing refers to any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
