"""The loss of queries that are a class and a mask each (Cheng et al., Mask2Former, CVPR 2022).

With semantic labels a class of a clip is one object. The same query owns it in all frames, visible
or not, as VidEoMT has it. ``fixed``: query c owns class c, nothing is matched, which small data can
learn from; ``hungarian``: the cheapest assignment, made where a class is first seen. (The authors'
code matches at the clip's first frame also what appears later, with an empty mask.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from airseg.classes import IGNORE_INDEX

MATCHINGS = ("fixed", "hungarian")
_CLASS, _BCE, _DICE = 2.0, 5.0, 5.0
_NOTHING = 0.1


@dataclass(frozen=True)
class MaskPrediction:
    """What queries say: classes (B, T, N, C + 1), the last of them none; masks (B, T, N, h, w)."""

    classes: Tensor
    masks: Tensor


def mask_loss(found: MaskPrediction, matching: str, labels: Tensor) -> Tensor:
    """Return the loss of a clip's predictions: 2 CE + 5 BCE + 5 dice.

    Args:
        found: of T frames, of which the last S are supervised.
        matching: of `MATCHINGS`.
        labels: (B, S, H, W) int64.
    """
    count = labels.shape[1]
    classes = found.classes[:, -count:].float()
    masks = found.masks[:, -count:].float()
    size = (masks.shape[-2], masks.shape[-1])
    small = functional.interpolate(labels.float(), size, mode="nearest-exact").long()
    known = small != IGNORE_INDEX
    wanted = functional.one_hot(torch.where(known, small, 0), classes.shape[-1] - 1)
    wanted = (wanted.movedim(-1, 2) * known[:, :, None]).float()  # (B, S, C, h, w)
    present = wanted.flatten(3).any(3).any(1)  # (B, C)
    owner = _owners(classes, masks, wanted, known, matching)
    mine = masks.gather(2, owner[:, None, :, None, None].expand(-1, count, -1, *size))
    pairs = (present[:, None].expand(-1, count, -1)).float()
    entropy, dice = _mask_terms(mine, wanted, known[:, :, None])
    total = pairs.sum().clamp(min=1)
    of_masks = ((_BCE * entropy + _DICE * dice) * pairs).sum() / total
    return of_masks + _CLASS * _class_term(classes, owner, present)


def _class_term(classes: Tensor, owner: Tensor, present: Tensor) -> Tensor:
    """Return the cross-entropy of (B, S, N, C + 1) classes; having none weighs less."""
    batch, count, queries, kinds = classes.shape
    none = kinds - 1
    target = torch.full((batch, queries), none, device=classes.device)
    number = torch.arange(none, device=classes.device).expand(batch, -1)
    target.scatter_(1, owner, torch.where(present, number, none))
    weight = classes.new_ones(kinds)
    weight[none] = _NOTHING
    repeated = target[:, None].expand(-1, count, -1)
    return functional.cross_entropy(classes.flatten(0, 2), repeated.flatten(), weight)


def _mask_terms(masks: Tensor, wanted: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return binary cross-entropy and dice (...,) of mask logits (..., h, w), over known pixels."""
    over = (-2, -1)
    known = known.expand_as(masks).to(masks.dtype)
    entropy = functional.binary_cross_entropy_with_logits(masks, wanted, reduction="none")
    entropy = (entropy * known).sum(over) / known.sum(over).clamp(min=1)
    found = masks.sigmoid() * known
    both = 2 * (found * wanted).sum(over) + 1
    return entropy, 1 - both / (found.sum(over) + wanted.sum(over) + 1)


def _owners(classes: Tensor, masks: Tensor, wanted: Tensor, known: Tensor, matching: str) -> Tensor:
    """Return (B, C) which query owns each class."""
    batch, kinds = classes.shape[0], wanted.shape[2]
    owner = torch.arange(kinds, device=classes.device).repeat(batch, 1)
    if matching == "fixed":
        return owner
    for b in range(batch):
        owner[b] = _assign(classes[b].detach(), masks[b].detach(), wanted[b], known[b])
    return owner


def _assign(classes: Tensor, masks: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Return (C,) the cheapest queries of one clip; classes it lacks get those that are left."""
    from scipy.optimize import linear_sum_assignment  # slow to import, and only this needs it

    seen = wanted.flatten(2).any(2)  # (S, C)
    present = torch.nonzero(seen.any(0)).flatten().tolist()
    queries = classes.shape[1]
    cost = torch.empty(len(present), queries)
    for row, kind in enumerate(present):
        frame = int(torch.nonzero(seen[:, kind])[0])  # where it first appears
        target = wanted[frame, kind].expand(queries, -1, -1)
        entropy, dice = _mask_terms(masks[frame], target, known[frame])
        share = classes[frame].softmax(-1)[:, kind]
        cost[row] = (_BCE * entropy + _DICE * dice - _CLASS * share).cpu()
    rows, columns = linear_sum_assignment(cost.numpy())
    taken = {present[row]: int(column) for row, column in zip(rows, columns, strict=True)}
    free = iter(sorted(set(range(queries)) - set(taken.values())))
    return torch.tensor([taken[k] if k in taken else next(free) for k in range(wanted.shape[1])])
