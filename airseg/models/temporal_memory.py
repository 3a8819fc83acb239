"""Temporal context aggregation: the memory of fast attention.

Fast attention multiplies keys with values first, which leaves one small matrix of 32 by C numbers a
frame, whatever the frame's size. Temporal context aggregation (TCA) of depth N lets a frame's
queries attend to the present and the last N frames by adding up their matrices; only those are
remembered.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ContextMemory:
    """The last products of keys and values, one tensor a level.

    Attributes:
        products: (B, n, K, C) of each level, oldest first; n grows from 0 to the depth N as a
            stream begins.
    """

    products: tuple[Tensor, ...]


def attend_over_time(
    products: Tensor, past: Tensor | None, depth: int, reduction: str
) -> tuple[Tensor, Tensor]:
    """Combine each frame's product with those of the frames before it.

    While a stream has fewer than `depth` earlier frames, those that exist are combined. The sum is
    formed anew for every frame rather than kept running: depths are small, and a running sum
    would drift apart from the clip's by rounding.

    Args:
        products: (B, T, K, C), one a frame.
        past: (B, n, K, C) of the frames before, or None.
        depth: how many earlier frames count.
        reduction: ``sum``, as the founding paper has it, or ``mean``, which keeps the scale when a
            stream begins or the depth changes.

    Returns:
        The context of each frame (B, T, K, C), and the (B, m, K, C) to remember, m at most `depth`.
    """
    known = products if past is None else torch.cat([past, products], 1)
    before = known.shape[1] - products.shape[1]
    count = products.shape[1]
    context = products
    frames = torch.ones(count, device=products.device, dtype=products.dtype)
    for k in range(1, depth + 1):
        # The frames that have a k-th frame before them: all but the first k - before.
        first = max(k - before, 0)
        if first >= count:
            break
        earlier = known[:, before + first - k : before + count - k]
        padded = torch.cat([torch.zeros_like(products[:, :first]), earlier], 1)
        context = context + padded
        frames = frames + (torch.arange(count, device=frames.device) >= first)
    if reduction == "mean":
        context = context / frames[:, None, None]
    kept = min(depth, known.shape[1])
    return context, known[:, known.shape[1] - kept :]
