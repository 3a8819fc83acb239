"""Temporal context that moves along with the picture.

The sum of context matrices does not know where a pixel was, only that it was there; adding frames
up counts what has left the picture as if it still were in it. Here past keys and values are warped
to where they are in the present frame before they are multiplied: what has left drops out, what has
come closer counts more. It costs one flow and N warps a frame, and a memory of whole maps.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from airseg.models.flow import warp


def attend_along_motion(
    keys: Tensor, values: Tensor, past: Tensor | None, flow: Tensor, depth: int
) -> tuple[Tensor, Tensor]:
    """Combine each frame's product of keys and values with those of the moved frames before it.

    Args:
        keys: (B, T, K, h, w), values: (B, T, C, h, w).
        past: (B, n, K + C, h, w) keys and values of the frames before, as they were moved to the
            last of them, oldest first; or None.
        flow: (B, T, 2, H, W) from each frame to the one before it, in its own pixels; resized to
            the level. What the first frame of a stream has does not matter.
        depth: how many earlier frames count; while there are fewer, those that exist do.

    Returns:
        The context of each frame (B, T, K, C), and the (B, m, K + C, h, w) to remember.
    """
    batch, times, width = keys.shape[:3]
    maps = torch.cat([keys, values], 2)
    moved = maps[:, :0] if past is None else past
    contexts = []
    for t in range(times):
        count = moved.shape[1]
        if count:
            along = _at_level(flow[:, t], maps.shape[-2:])
            repeated = along.repeat_interleave(count, 0)
            moved = warp(moved.flatten(0, 1), repeated).unflatten(0, (batch, count))
        known = torch.cat([moved, maps[:, t : t + 1]], 1)
        flat = known.flatten(3)
        contexts.append((flat[:, :, :width] @ flat[:, :, width:].transpose(2, 3)).sum(1))
        moved = known[:, known.shape[1] - min(depth, known.shape[1]) :]
    return torch.stack(contexts, 1), moved


def _at_level(flow: Tensor, size: torch.Size) -> Tensor:
    """Return a flow (B, 2, H, W) at another size, in pixels of that size."""
    height, width = size
    ratio = flow.new_tensor([width / flow.shape[-1], height / flow.shape[-2]])
    resized = functional.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
    return resized * ratio[:, None, None]
