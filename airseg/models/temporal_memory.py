"""Temporal context aggregation: the memory of fast attention.

Fast attention multiplies keys with values first, which leaves one small matrix of 32 by C numbers a
frame, whatever the frame's size. Temporal context aggregation (TCA) of depth N lets a frame's
queries attend to the present and the last N frames by adding up their matrices; only those are
remembered. The founding paper's conclusion asks for other ways to combine them; `REDUCTIONS` says
which there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

REDUCTIONS = ("sum", "mean", "learned", "decay", "motion", "broadcast")
"""How the matrices of N + 1 frames become one.

``sum``: added up, as the founding paper has it. ``mean``: divided by how many there are, which
keeps the scale when a stream begins or the depth changes. ``learned``: one weight a depth and
level, 1 at first. ``decay``: the mean over all frames of the stream, weighted by a power of their
age; one running state, no depth. ``motion``: the sum, of keys and values that moved along with the
picture, see `airseg.models.motion_memory`. ``broadcast``: what the founding paper's notebook
computes where it means the sum: each frame's past is added to all frames of the clip, also to those
before it. Right for the last frame of a clip of N + 1; in a longer clip every frame is wrong and
sees the future, so that nothing but its figure of batches should be made of it. Streams have the
sum.
"""


@dataclass(frozen=True)
class ContextMemory:
    """What fast attention remembers of a stream, one tensor a level.

    Attributes:
        products: (B, n, K, C) of each level, oldest first; n grows from 0 to the depth N as a
            stream begins. With ``decay`` n is 1: the weighted sum over all frames. With ``motion``
            (B, n, K + C, h, w): keys and values, moved to where they are in the last frame.
        weight: (B,) sum of the weights in a ``decay`` sum, else None.
        frame: (B, 3, H / 2, W / 2) the last frame, halved, for ``motion``, else None.
    """

    products: tuple[Tensor, ...]
    weight: Tensor | None = None
    frame: Tensor | None = None


def attend_over_time(
    products: Tensor,
    past: Tensor | None,
    depth: int,
    reduction: str,
    weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Combine each frame's product with those of the frames before it.

    While a stream has fewer than `depth` earlier frames, those that exist are combined. The sum is
    formed anew for every frame rather than kept running: depths are small, and a running sum
    would drift apart from the clip's by rounding.

    Args:
        products: (B, T, K, C), one a frame.
        past: (B, n, K, C) of the frames before, or None.
        depth: how many earlier frames count.
        reduction: ``sum``, ``mean``, ``learned`` or ``broadcast``.
        weights: (depth + 1,) of the present frame, the one before, and so on, for ``learned``.

    Returns:
        The context of each frame (B, T, K, C), and the (B, m, K, C) to remember, m at most `depth`.
    """
    if reduction == "broadcast" and past is None and products.shape[1] > depth:
        return _added_to_all(products, depth)
    known = products if past is None else torch.cat([past, products], 1)
    before = known.shape[1] - products.shape[1]
    count = products.shape[1]
    context = products if weights is None else products * weights[0]
    frames = torch.ones(count, device=products.device, dtype=products.dtype)
    for k in range(1, depth + 1):
        # The frames that have a k-th frame before them: all but the first k - before.
        first = max(k - before, 0)
        if first >= count:
            break
        earlier = known[:, before + first - k : before + count - k]
        if weights is not None:
            earlier = earlier * weights[k]
        context = context + torch.cat([torch.zeros_like(products[:, :first]), earlier], 1)
        frames = frames + (torch.arange(count, device=frames.device) >= first)
    if reduction == "mean":
        context = context / frames[:, None, None]
    kept = min(depth, known.shape[1])
    return context, known[:, known.shape[1] - kept :]


def _added_to_all(products: Tensor, depth: int) -> tuple[Tensor, Tensor]:
    """Add each frame's past to every frame of the clip, as an in-place sum broadcasts it."""
    context = products
    for frame in range(depth, products.shape[1]):
        context = context + products[:, frame - depth : frame].sum(1, keepdim=True)
    return context, products[:, products.shape[1] - depth :]


def decay_over_time(
    products: Tensor, past: Tensor | None, weight: Tensor | None, decay: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Average each frame's product with those of all frames before it, weighted by their age.

    A frame k frames old counts ``decay ** k``. The first frame of a stream is its own average, so
    the scale never changes.

    Args:
        products: (B, T, K, C), one a frame.
        past: (B, 1, K, C) weighted sum over the frames before, or None.
        weight: (B,) sum of their weights, or None.
        decay: from 0 to below 1.

    Returns:
        The context of each frame (B, T, K, C), the new sum (B, 1, K, C), and its weights (B,).
    """
    total = torch.zeros_like(products[:, 0]) if past is None else past[:, 0]
    weights = products.new_zeros(products.shape[0]) if weight is None else weight
    contexts = []
    for t in range(products.shape[1]):
        total = decay * total + products[:, t]
        weights = decay * weights + 1
        contexts.append(total / weights[:, None, None])
    return torch.stack(contexts, 1), total[:, None], weights
