"""From counts to scores. NaN stands for what never occurred.

Every function takes counts with any leading dimensions, (...,), and returns scores of those: one
for a flight or a split, several for several stacked.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from airseg.bench.metrics.confusion import (
    accuracy,
    class_iou,
    divide,
    frequency_weighted_iou,
    mean_iou,
    mean_of_known,
)
from airseg.bench.metrics.sequence_scorer import Counts
from airseg.bench.metrics.temporal_consistency import LAGS


def confusion(counts: Counts) -> np.ndarray:
    """Return (..., C, C): rows are labels, columns predictions."""
    return counts["area"].sum(-3)


def boundary_f(counts: Counts) -> np.ndarray:
    """Return (..., C) harmonic mean of how many outline pixels have a partner, both ways.

    0 where a class has an outline in one of prediction and label alone.
    """
    near_ours, ours, near_theirs, theirs = np.moveaxis(counts["boundary"], -1, 0)
    precision, recall = divide(near_ours, ours), divide(near_theirs, theirs)
    score = divide(2 * precision * recall, precision + recall)
    occurs = (ours + theirs) > 0
    return np.where(occurs, np.nan_to_num(score), np.nan)


def _where_labelled(counts: Counts) -> np.ndarray:
    """Return (..., C) boundary F of the classes that have an outline in the labels, else NaN."""
    return np.where(counts["boundary"][..., 3] > 0, boundary_f(counts), np.nan)


def _from_matrix(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Counts], np.ndarray]:
    return lambda counts: function(confusion(counts))


def _ratio(name: str, above: int, below: int) -> Callable[[Counts], np.ndarray]:
    return lambda counts: divide(counts[name][..., above], counts[name][..., below])


def _pooled(name: str) -> Callable[[Counts], np.ndarray]:
    return lambda counts: mean_of_known(class_iou(counts[name]))


def _lag(place: int) -> Callable[[Counts], np.ndarray]:
    return lambda counts: divide(counts["lag"][..., place, 0], counts["lag"][..., place, 1])


METRICS: dict[str, Callable[[Counts], np.ndarray]] = {
    "mean_iou": _from_matrix(mean_iou),
    "pixel_accuracy": _from_matrix(accuracy),
    "frequency_weighted_iou": _from_matrix(frequency_weighted_iou),
    "paper_jaccard": _ratio("jaccard", 0, 1),
    "boundary_f": lambda counts: mean_of_known(_where_labelled(counts)),
    "mvc8_official": _ratio("mvc8_official", 0, 1),
    "mvc8_correct": _ratio("mvc8_correct", 0, 1),
    "mvc16_official": _ratio("mvc16_official", 0, 1),
    "mvc16_correct": _ratio("mvc16_correct", 0, 1),
    "cons": _ratio("pairs", 0, 2),
    "cons_wrong": _ratio("pairs", 1, 2),
    "warp_consistency": _ratio("warp", 0, 3),
    "warp_consistent_wrong": _ratio("warp", 1, 3),
    "warp_label_consistency": _ratio("warp", 2, 3),
    # Of two predictions none is the label: classes of either count, as in VSPW's script.
    "warp_mean_iou": lambda counts: mean_of_known(class_iou(counts["warp_matrix"])),
    # See `airseg.bench.metrics.temporal_consistency`, also for how each is gamed.
    "tc_pooled": _pooled("tc_all"),
    "tc_label": _pooled("tc_label"),
    "tc_estimated": _pooled("tc_estimated"),
    "tc_label_estimated": _pooled("tc_label_estimated"),
    "mtc": _ratio("mtc_all", 0, 1),
    "mtc_visible": _ratio("mtc_all_visible", 0, 1),
    "mtc_label": _ratio("mtc_label", 0, 1),
    "mtc_estimated": _ratio("mtc_estimated", 0, 1),
    "tc_correct": _ratio("changes", 0, 2),
    "flicker": _ratio("changes", 3, 4),
    **{f"lag{n}": _lag(place) for place, n in enumerate(LAGS)},
}
"""One number a split, by the name it has in results."""
