"""The motion loss of ETC: logits of neighbouring frames agree along the image motion.

Liu, Shen, Yu and Wang, Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020,
section 3.1. Training only, for every network; the paper's distillation is left out. Its code (no
licence) compares upsampled logits, moved along an estimated flow and weighted by
exp(-|sum of colour differences|), in which differences of channels may cancel; so does
`estimated_pairs`. Here the simulator knows the motion and what is hidden: `exact_pairs`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from airseg.models.alignment import Aligner, resample, shrink_flow
from airseg.models.base import Normalization


@dataclass(frozen=True)
class FramePairs:
    """Each frame of a clip and the one before it.

    Attributes:
        flow: (B, T, 2, H, W) from each frame to the one before it; NaN where unknown. What the
            first frame has does not matter.
        weight: (B, T, 1, H, W) how much each pixel counts.
    """

    flow: Tensor
    weight: Tensor


def exact_pairs(flow: Tensor) -> FramePairs:
    """Return pairs of an exact flow (B, T, 2, H, W): what is seen in both frames counts."""
    return FramePairs(flow, flow.isfinite().all(2, keepdim=True).to(flow.dtype))


def estimated_pairs(frames: Tensor) -> FramePairs:
    """Return pairs of frames (B, T, 3, H, W) from 0 to 1, moved along classical flow."""
    size = (frames.shape[-2], frames.shape[-1])
    align, normal = Aligner("flow"), Normalization().to(frames)(frames)
    flows = [torch.full_like(frames[:, 0, :2], torch.nan)]
    weights = [torch.zeros_like(frames[:, 0, :1])]
    for t in range(1, frames.shape[1]):
        flow = align(align.remember(frames[:, t - 1]), frames[:, t], size, None)
        moved, known = resample(normal[:, t - 1], flow)
        difference = (normal[:, t] - moved).sum(1, keepdim=True).abs()
        flows.append(flow)
        weights.append((-difference).exp() * known)
    return FramePairs(torch.stack(flows, 1), torch.stack(weights, 1))


def motion_loss(logits: Tensor, pairs: FramePairs, form: str = "logits") -> Tensor:
    """Return the mean of (M Z_t - M W(Z_t-1))^2 over pixels, channels and pairs.

    Both frames get gradients; motion and weights carry none.

    Args:
        logits: (B, S, C, h, w) of the last S frames of the pairs' clips.
        pairs: flow and weights, of any size.
        form: ``logits``, or ``probabilities``.
    """
    count = logits.shape[1]
    if count < 2:
        return logits.sum() * 0.0
    values = logits.float().softmax(2) if form == "probabilities" else logits.float()
    size = (values.shape[-2], values.shape[-1])
    now, before = values[:, 1:].flatten(0, 1), values[:, :-1].flatten(0, 1)
    flow = shrink_flow(pairs.flow[:, -count + 1 :].flatten(0, 1), size)
    weight = functional.interpolate(
        pairs.weight[:, -count + 1 :].flatten(0, 1), size, mode="nearest-exact"
    )
    moved, known = resample(before, flow)
    return ((weight * known) * (now - moved)).square().mean()
