"""The loss of a batch of clips, which stays the same when the batch is cut into parts.

A batch may be computed in micro-batches and by several processes. Sums over pixels are divided by
the weight of all labelled pixels of the whole batch, so that the gradients of the parts add up to
the gradient of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from airseg.bench.recipes.recipe import LossRecipe
from airseg.bench.training.losses import inconsistency_loss
from airseg.bench.training.motion_loss import FramePairs, estimated_pairs, exact_pairs, motion_loss
from airseg.errors import RecipeError
from airseg.models.base import TrainingOutputs as Outputs
from airseg.models.upsampling import nearest_labels, upsample

IGNORED = 255


def clip_loss(
    outputs: Outputs,
    labels: Tensor,
    recipe: LossRecipe,
    weights: Tensor | None,
    whole: list[Tensor] | None = None,
    share: float = 1.0,
    pairs: FramePairs | None = None,
    *,
    align_corners: bool = True,
) -> Tensor:
    """Return the loss of a batch of clips or of a part of it; context frames are left out.

    What ``ohem`` calls hard, and what the inconsistency loss divides by, is decided in each part.

    Args:
        outputs: weighted logits (B, T, C, h, w), of which the last S frames of T are supervised,
            and terms of a network's own.
        labels: (B, S, H, W) int64, 255 does not count.
        recipe: which loss, at which resolution.
        weights: (C,) class weights, or None.
        whole: for each output what `label_weight` is for the whole batch; this part's own if None.
        share: of the batch's clips in this part.
        pairs: what the motion loss compares, see `pairs_of`.
        align_corners: how logits lie on frames; see `VideoSegmenter.align_corners`.
    """
    supervised = labels.shape[1]
    total = labels.new_zeros((), dtype=torch.float32)
    truths = truths_of(outputs, labels, recipe, align_corners=align_corners)
    for factor, term in outputs:
        if not isinstance(term, Tensor):
            total = total + share * factor * term(labels)
    compared = [(factor, o) for factor, o in outputs if isinstance(o, Tensor)]
    for number, ((factor, logits), truth) in enumerate(zip(compared, truths, strict=True)):
        chosen = logits[:, -supervised:].float()
        if recipe.resolution == "full":
            chosen = upsample(chosen, labels.shape[-2:], align_corners=align_corners)
        if recipe.kind == "ohem":
            loss = share * _hard_pixels(chosen.flatten(0, 1), truth.flatten(0, 1), recipe, weights)
        else:
            entropy = functional.cross_entropy(
                chosen.flatten(0, 1),
                truth.flatten(0, 1),
                None if weights is None else weights.to(chosen.device),
                ignore_index=IGNORED,
                reduction="sum",
            )
            weight = label_weight(truth, weights) if whole is None else whole[number]
            loss = entropy / weight.clamp(min=1e-9)
        total = total + factor * loss
        if recipe.inconsistency and number == 0:
            total = total + share * recipe.inconsistency * inconsistency_loss(
                chosen, truth, recipe.inconsistency_form, recipe.inconsistency_power
            )
        if recipe.motion and number == 0 and pairs is not None:
            value = motion_loss(chosen, pairs, recipe.motion_form)
            total = total + share * recipe.motion * value
    return total


def pairs_of(frames: Tensor, flow: Tensor | None, recipe: LossRecipe) -> FramePairs | None:
    """Return what the motion loss compares, or None where a recipe has none.

    Args:
        frames: (B, T, h, w, 3) uint8, or float from 0 to 1.
        flow: (B, T, 2, h, w) exact, or None.
        recipe: says which is used.
    """
    if not recipe.motion:
        return None
    if recipe.motion_flow == "exact":
        return None if flow is None else exact_pairs(flow)
    scaled = frames.float() / 255 if frames.dtype == torch.uint8 else frames.float()
    return estimated_pairs(scaled.movedim(-1, -3))


def truths_of(
    outputs: Outputs, labels: Tensor, recipe: LossRecipe, *, align_corners: bool = True
) -> list[Tensor]:
    """Return the labels (B, S, h, w) that each output of logits is compared with."""
    compared = [o for _, o in outputs if isinstance(o, Tensor)]
    if recipe.resolution == "full":
        return [labels] * len(compared)
    return [
        nearest_labels(labels, logits.shape[-2:], align_corners=align_corners)
        for logits in compared
    ]


def label_weight(labels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the sum of the class weights of all labelled pixels; their number without weights."""
    known = labels[labels != IGNORED]
    if weights is None:
        return torch.tensor(float(known.numel()), device=labels.device)
    return weights.to(labels.device)[known].sum()


def _hard_pixels(
    logits: Tensor, labels: Tensor, recipe: LossRecipe, weights: Tensor | None
) -> Tensor:
    """Return the mean loss of the hard pixels: online hard example mining, as FANet's code has it.

    All pixels are ranked by their loss. Where the first loss after the share `ohem_keep` of all
    pixels is above that of probability `ohem_threshold`, everything above the latter counts, else
    that share.
    """
    loss = functional.cross_entropy(
        logits,
        labels,
        None if weights is None else weights.to(logits.device),
        ignore_index=IGNORED,
        reduction="none",
    ).flatten()
    kept = max(int(loss.numel() * recipe.ohem_keep), 1)
    limit = -math.log(recipe.ohem_threshold)
    hardest = torch.topk(loss, min(kept + 1, loss.numel())).values
    chosen = loss[loss > limit] if hardest[-1] > limit else hardest[:kept]
    return chosen.mean()


def class_weights(
    recipe: LossRecipe, classes: int, count: Callable[[], np.ndarray]
) -> Tensor | None:
    """Return the weight of each class, or None where all count alike.

    Args:
        recipe: which weights.
        classes: how many there are.
        count: returns (C,) pixels of each class in the training frames; asked where it matters.

    Raises:
        RecipeError: the recipe lists weights for another number of classes.
    """
    chosen = recipe.class_weights
    if chosen == "none":
        return None
    if isinstance(chosen, list):
        if len(chosen) != classes:
            raise RecipeError(
                f"loss.class_weights: {len(chosen)} weights, and the dataset has {classes} classes."
            )
        return torch.tensor(chosen, dtype=torch.float32)
    counts = count()
    share = counts / max(counts.sum(), 1)
    if chosen == "root":
        weights = 1 / np.sqrt(np.maximum(share, 1e-3))
        return torch.tensor(weights / weights.mean(), dtype=torch.float32)
    return torch.tensor(1 / np.log(1.10 + share), dtype=torch.float32)
