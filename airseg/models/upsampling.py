"""From the grid of logits to that of labels: one convention for pictures, labels and logits.

A network's authors say how its logits lie on the frame it saw: corners on corners (PyTorch's
``align_corners``), or edges on edges. Frames that were made smaller for the network, and labels,
lie edges on edges. So the way from a label's pixel to a logit may have two steps, over the frame,
which are one step here: a place is a linear function of the pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

Place = tuple[float, float, float]
"""Scale, shift and offset: pixel i lies at scale * (i + shift) + offset of the coarse grid."""


def place_of(coarse: int, fine: int, frame: int, *, align_corners: bool) -> Place:
    """Return where the pixels of one axis of a label map lie between a network's logits.

    Args:
        coarse, fine: logits and pixels along the axis.
        frame: pixels that the network saw along it.
        align_corners: how the logits lie on what the network saw.
    """
    if not align_corners:
        return coarse / fine, 0.5, -0.5
    if frame == fine:
        return (coarse - 1) / max(fine - 1, 1), 0.0, 0.0
    step = (coarse - 1) / max(frame - 1, 1)
    return frame / fine * step, 0.5, -0.5 * step


def upsample(
    logits: Tensor,
    size: torch.Size | tuple[int, int],
    *,
    align_corners: bool = True,
    frame_size: torch.Size | tuple[int, int] | None = None,
) -> Tensor:
    """Resize logits bilinearly, as they lie on the frame they were made of.

    Args:
        logits: (B, T, C, h, w).
        size: (H, W) to resize to.
        align_corners: how the logits lie on the frame; see `VideoSegmenter.align_corners`.
        frame_size: (height, width) the network saw, where it saw a smaller picture than `size`.

    Returns:
        (B, T, C, H, W).
    """
    flat, frame = logits.flatten(0, 1), tuple(frame_size or size)
    if tuple(flat.shape[-2:]) == tuple(size):
        return logits
    if align_corners and frame != tuple(size):
        return _two_steps(flat, tuple(size), frame).unflatten(0, logits.shape[:2])
    if len(flat) == 1 and flat.is_contiguous(memory_format=torch.channels_last):
        # One frame's strides can pass for both layouts, and then nothing is fast. Copied into
        # true channels-last order: the same values, in a quarter of the time.
        flat = flat.clone(memory_format=torch.channels_last)
    resized = functional.interpolate(
        flat, tuple(size), mode="bilinear", align_corners=align_corners
    )
    return resized.unflatten(0, logits.shape[:2])


def _two_steps(flat: Tensor, size: tuple[int, ...], frame: tuple[int, ...]) -> Tensor:
    """Resize (N, C, h, w) that lie corners on corners on a frame of another size than asked for."""
    rows, columns = (
        _weights(flat, coarse, fine, place_of(coarse, fine, seen, align_corners=True))
        for coarse, fine, seen in zip(flat.shape[-2:], size, frame, strict=True)
    )
    return rows @ flat @ columns.mT


def _weights(like: Tensor, coarse: int, fine: int, place: Place) -> Tensor:
    """Return the (fine, coarse) weights of bilinear interpolation along one axis."""
    scale, shift, offset = place
    at = scale * (torch.arange(fine, device=like.device, dtype=torch.float64) + shift) + offset
    grid = torch.arange(coarse, device=like.device, dtype=torch.float64)
    at = at.clamp(0, coarse - 1)[:, None]
    return (1 - (at - grid).abs()).clamp(min=0).to(like.dtype)


def nearest_labels(
    labels: Tensor, size: torch.Size | tuple[int, int], *, align_corners: bool
) -> Tensor:
    """Return (B, S, H, W) labels at the places of a smaller grid, each the nearest pixel's.

    Args:
        labels: of the frame the network saw.
        size: (h, w) of its logits.
        align_corners: how the logits lie on the frame.
    """
    if tuple(labels.shape[-2:]) == tuple(size):
        return labels
    if not align_corners:
        resized = functional.interpolate(labels.float(), tuple(size), mode="nearest-exact")
        return resized.to(labels.dtype)
    rows, columns = (
        _nearest(fine, coarse, labels.device)
        for fine, coarse in zip(labels.shape[-2:], size, strict=True)
    )
    return labels[..., rows[:, None], columns]


def _nearest(fine: int, coarse: int, device: torch.device) -> Tensor:
    step = (fine - 1) / max(coarse - 1, 1)
    at = torch.arange(coarse, device=device, dtype=torch.float64) * step
    return (at + 0.5).floor().long().clamp(max=fine - 1)
