"""Labels at a fraction of their resolution, such as the eighth that networks predict at."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from airseg.errors import DatasetError

ShrinkMethod = Literal["majority", "nearest"]
_PIXELS_AT_ONCE = 1 << 22


def shrink_labels(
    labels: Tensor,
    factor: int,
    method: ShrinkMethod,
    *,
    num_classes: int,
    ignore_index: int = 255,
) -> Tensor:
    """Return labels with one pixel for each block of `factor` x `factor`.

    ``majority``: the class that most of the block's pixels have; of equally many the one with the
    lower label. Pixels to ignore have no vote, unless the block holds nothing else. ``nearest``:
    the pixel at the middle of the block, below and right of it for even factors. Blocks at the
    lower and right edge may be smaller.

    Args:
        labels: (..., H, W) uint8, on any device.
        factor: 1 or more.
        method: ``majority`` or ``nearest``.
        num_classes: labels from 0 to here vote.
        ignore_index: label of pixels that are left out.

    Returns:
        (..., ceil(H / factor), ceil(W / factor)) uint8.
    """
    if factor < 1 or method not in ("majority", "nearest"):
        raise DatasetError(
            f"labels are shrunk by factors >= 1, by majority or nearest; found factor {factor}, "
            f"method '{method}'."
        )
    if method == "nearest":
        rows, columns = (
            torch.arange(0, size, factor, device=labels.device).add(factor // 2).clamp(max=size - 1)
            for size in labels.shape[-2:]
        )
        return labels[..., rows[:, None], columns]
    images = labels.reshape(-1, *labels.shape[-2:])
    at_once = max(1, _PIXELS_AT_ONCE // images[0].numel())
    parts = [_majority(p, factor, num_classes, ignore_index) for p in images.split(at_once)]
    shrunk = torch.cat(parts)
    return shrunk.reshape(*labels.shape[:-2], *shrunk.shape[-2:])


def _majority(images: Tensor, factor: int, num_classes: int, ignore_index: int) -> Tensor:
    """Return what `shrink_labels` says, of (N, H, W) uint8."""
    height, width = images.shape[-2:]
    images = F.pad(images, (0, -width % factor, 0, -height % factor), value=ignore_index)
    blocks = images.unfold(-2, factor, factor).unfold(-2, factor, factor).flatten(-2).long()
    votes = (blocks != ignore_index) & (blocks < num_classes)
    counts = torch.zeros((*blocks.shape[:-1], num_classes), dtype=torch.int32, device=images.device)
    counts.scatter_add_(-1, blocks.where(votes, 0), votes.int())
    # Count and label in one number, so that a tie has the same winner on every device.
    order = torch.arange(num_classes - 1, -1, -1, device=images.device, dtype=torch.int64)
    winner = (counts * num_classes + order).amax(-1)
    label = num_classes - 1 - winner % num_classes
    return label.where(winner >= num_classes, ignore_index).to(torch.uint8)
