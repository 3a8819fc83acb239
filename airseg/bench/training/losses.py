"""A loss that asks of consecutive frames to agree; it goes with every network.

Rebol et al., Frame-To-Frame Consistent Semantic Segmentation, 2020. The paper's formula and the
authors' code differ in which pixels count and by how many the sum is divided; both are here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from airseg.errors import RecipeError

FORMS = ("paper", "code")
POWERS = (1, 2)
_DILATION_STEPS = 2


def inconsistency_loss(
    logits: Tensor, labels: Tensor, form: str = "paper", power: int = 2, ignore_index: int = 255
) -> Tensor:
    """Return how much the true class's probability changes from frame to frame.

    Of every pair of neighbouring frames those pixels count that have the same label in both and
    whose prediction is right in at least one. ``paper`` divides by the pixels with the same
    label in both. ``code`` also leaves out pixels within two steps of one whose label changes, and
    divides by all pixels that have a label in both. The choice of pixels carries no gradient.

    Args:
        logits: (B, T, C, H, W).
        labels: (B, T, H, W) int64.
        form: ``paper`` or ``code``.
        power: 2 for squared differences, 1 for absolute ones.
        ignore_index: the label that does not count.

    Returns:
        A number from 0 to 1; 0 where there is no pair.

    Raises:
        RecipeError: there is no such form or power.
    """
    if form not in FORMS or power not in POWERS:
        raise RecipeError(
            f"inconsistency loss: form '{form}' and power {power}; expected one of {FORMS} and "
            f"one of {POWERS}."
        )
    if logits.shape[1] < 2:
        return logits.sum() * 0.0
    probabilities = logits.float().softmax(2)
    valid = (labels[:, 1:] != ignore_index) & (labels[:, :-1] != ignore_index)
    same = valid & (labels[:, 1:] == labels[:, :-1])
    truth = torch.where(labels == ignore_index, 0, labels)
    right = logits.argmax(2) == truth
    counted = same & (right[:, 1:] | right[:, :-1])
    if form == "code":
        counted = counted & ~_dilate(valid & ~same)
    # Where the labels agree, the first frame's true class is the second's.
    index = truth[:, :-1, None]
    before = probabilities[:, :-1].gather(2, index)[:, :, 0]
    after = probabilities[:, 1:].gather(2, index)[:, :, 0]
    change = (before - after).abs() ** power
    divisor = (valid if form == "code" else same).sum().clamp(min=1)
    return (change * counted).sum() / divisor


def _dilate(mask: Tensor) -> Tensor:
    """Return a (..., H, W) mask grown by two steps to the four neighbours."""
    for _ in range(_DILATION_STEPS):
        grown = mask.clone()
        grown[..., 1:, :] |= mask[..., :-1, :]
        grown[..., :-1, :] |= mask[..., 1:, :]
        grown[..., 1:] |= mask[..., :-1]
        grown[..., :-1] |= mask[..., 1:]
        mask = grown
    return mask
