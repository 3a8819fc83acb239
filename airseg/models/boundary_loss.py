"""Losses of a boundary branch: where classes meet, and which pixels count there.

Xu et al., PIDNet, CVPR 2023, section 3.5. The paper finds outlines with Canny's detector on the
label image; labels have no noise, so a pixel here lies on an outline where a neighbour to its right
or below has another class, grown to the same four pixels. Outlines of ignored areas count, as in
the authors' code, and the image's border does not.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from airseg.classes import IGNORE_INDEX
from airseg.models.upsampling import upsample

_BORDER = 6
_GROWN = 4
_CERTAIN = 0.8


def label_boundaries(labels: Tensor) -> Tensor:
    """Return (..., H, W) bool: where classes meet, four pixels wide; none near the image's border.

    Args:
        labels: (..., H, W) integer.
    """
    edge = torch.zeros_like(labels, dtype=torch.bool)
    edge[..., :-1] |= labels[..., 1:] != labels[..., :-1]
    edge[..., :-1, :] |= labels[..., 1:, :] != labels[..., :-1, :]
    inside = torch.zeros_like(edge)
    inside[..., _BORDER:-_BORDER, _BORDER:-_BORDER] = True
    flat = (edge & inside).view(-1, 1, *labels.shape[-2:]).float()
    # Marked is the pixel before a change: one more up and left and two down and right of it make
    # four that lie evenly about the change.
    before, after = _GROWN // 2, _GROWN // 2 - 1
    padded = functional.pad(flat, (before, after, before, after))
    return functional.max_pool2d(padded, _GROWN, 1).bool().view(labels.shape)


def boundary_loss(edges: Tensor, labels: Tensor) -> Tensor:
    """Return the weighted binary cross-entropy of boundary logits.

    Boundary pixels weigh the share of the others and the others that of the boundary, and the sum
    is divided by all pixels; with zero logits and a share p it is 2 p (1 - p) ln 2.

    Args:
        edges: (B, T, 1, h, w) logits; the last S frames of T are supervised.
        labels: (B, S, H, W) int64.
    """
    found = upsample(edges[:, -labels.shape[1] :].float(), labels.shape[-2:])[:, :, 0]
    truth = label_boundaries(labels)
    share = truth.float().mean()
    weight = torch.where(truth, 1 - share, share)
    return functional.binary_cross_entropy_with_logits(found, truth.float(), weight)


def boundary_aware_loss(logits: Tensor, edges: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy where the boundary branch is certain; 0 if it nowhere is.

    Args:
        logits: (B, T, C, h, w); the last S frames of T are supervised.
        edges: (B, T, 1, h, w) boundary logits; which pixels they choose carries no gradient.
        labels: (B, S, H, W) int64.
    """
    count = labels.shape[1]
    full = upsample(logits[:, -count:].float(), labels.shape[-2:]).flatten(0, 1)
    chosen = upsample(edges[:, -count:].float(), labels.shape[-2:])[:, :, 0].sigmoid() > _CERTAIN
    truth = torch.where(chosen, labels, IGNORE_INDEX).flatten(0, 1)
    entropy = functional.cross_entropy(full, truth, ignore_index=IGNORE_INDEX, reduction="sum")
    return entropy / (truth != IGNORE_INDEX).sum().clamp(min=1)
