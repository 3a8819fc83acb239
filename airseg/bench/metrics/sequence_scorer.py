"""All counts of one sequence, streamed: one label image, one prediction and one motion at a time.

Counts are a dictionary of arrays that add up; `formulas` makes scores of them, of one sequence
or of a split.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import numpy as np

from airseg.bench.metrics.boundary_counts import boundary_counts
from airseg.bench.metrics.motion import (
    MOTION_EDGES_PX,
    SEEN,
    UNKNOWN,
    VISIBILITIES,
    Motion,
)
from airseg.bench.metrics.pair_counts import pair_counts
from airseg.bench.metrics.steadiness import Steadiness
from airseg.bench.metrics.temporal_consistency import TemporalConsistency

Counts = Mapping[str, np.ndarray]

AREA_EDGES = (0.001, 0.01, 0.1)
"""Bins of a class's size: its share of the frame's labelled pixels."""

AREAS = ("below 0.1 %", "0.1 to 1 %", "1 to 10 %", "10 % and more")
MOTIONS = (
    f"below {MOTION_EDGES_PX[0]:g} px",
    *(f"{a:g} to {b:g} px" for a, b in itertools.pairwise(MOTION_EDGES_PX)),
    f"{MOTION_EDGES_PX[-1]:g} px and more",
    "unknown",
)
_MOTION_UNKNOWN = len(MOTIONS) - 1


class SequenceScorer:
    """Counts one sequence.

    Args:
        classes: number of classes.
        ignore_index: label value that does not count.
        boundaries: count outlines too, the dearest part.
    """

    def __init__(self, classes: int, ignore_index: int = 255, *, boundaries: bool = True) -> None:
        self._classes, self._ignore = classes, ignore_index
        self._steadiness = Steadiness(ignore_index)
        self._consistency = TemporalConsistency(classes, ignore_index)
        strata = len(MOTIONS) * len(VISIBILITIES) * len(AREAS)
        self._strata = np.zeros((strata, classes, classes), np.int64)
        self._gone = np.zeros((classes, classes), np.int64)
        self._jaccard = np.zeros(2)
        self._boundary = np.zeros((classes, 4), np.int64) if boundaries else None
        self._warp = np.zeros(4, np.int64)
        self._warp_matrix = np.zeros((classes, classes), np.int64)
        self._before: tuple[np.ndarray, np.ndarray] | None = None
        self.frames = 0

    def update(
        self,
        prediction: np.ndarray,
        label: np.ndarray,
        motion: Motion | None = None,
        estimated: Motion | None = None,
    ) -> None:
        """Count the next frame.

        Args:
            prediction: (H, W) uint8 classes; anything where the label is ignored.
            label: (H, W) uint8 classes, or the ignored value.
            motion: the way back to the frame before, where it is known; not for the first frame.
            estimated: the same, told from the pictures alone.

        Raises:
            ValueError: shapes or types differ, or a value is no class.
        """
        _check(prediction, label, self._classes, self._ignore)
        motion = motion if self._before is not None else None
        self._count_strata(prediction, label, motion)
        self._steadiness.update(prediction, label)
        if self._boundary is not None:
            self._boundary += boundary_counts(prediction, label, self._classes, self._ignore)
        if motion is not None and self._before is not None:
            self._count_warped(prediction, label, motion, *self._before)
        if self._before is not None:
            self._consistency.update(prediction, label, *self._before, motion, estimated)
        self._before = (prediction, label)
        self.frames += 1

    def counts(self) -> dict[str, np.ndarray]:
        """Return everything counted so far."""
        shape = (len(MOTIONS), len(VISIBILITIES), len(AREAS), self._classes, self._classes)
        strata = self._strata.reshape(shape)
        found = {
            "motion": strata.sum((1, 2)),
            "visibility": strata.sum((0, 2)),
            "area": strata.sum((0, 1)),
            "gone": self._gone.copy(),
            "jaccard": self._jaccard.copy(),
            "warp": self._warp.copy(),
            "warp_matrix": self._warp_matrix.copy(),
            **self._steadiness.counts(),
            **self._consistency.counts(),
        }
        if self._boundary is not None:
            found["boundary"] = self._boundary.copy()
        return found

    def _count_strata(
        self, prediction: np.ndarray, label: np.ndarray, motion: Motion | None
    ) -> None:
        """Count every pixel once, in the cell of its motion, visibility, class size and classes."""
        areas, visibilities, cells = len(AREAS), len(VISIBILITIES), self._classes**2
        pixels = np.bincount(label.ravel(), minlength=256)
        labelled = pixels.sum() - pixels[self._ignore]
        share = pixels[: self._classes] / max(int(labelled), 1)
        start = np.zeros(256, np.int64)
        size = np.searchsorted(AREA_EDGES, share, side="right")
        start[: self._classes] = size * cells + np.arange(self._classes) * self._classes
        cell = start[label]
        cell += prediction
        if motion is None:
            cell += (_MOTION_UNKNOWN * visibilities + UNKNOWN) * areas * cells
        else:
            stratum = motion.bins() * np.uint8(visibilities) + motion.visibility
            cell += stratum.astype(np.int64) * (areas * cells)
        chosen = cell.ravel() if labelled == label.size else cell[label != self._ignore]
        counts = np.bincount(chosen, minlength=self._strata.size).reshape(self._strata.shape)
        self._strata += counts
        if labelled:
            right = int(np.trace(counts.sum(0)))
            self._jaccard += (right / (2 * int(labelled) - right), 1)

    def _count_warped(
        self,
        prediction: np.ndarray,
        label: np.ndarray,
        motion: Motion,
        earlier_prediction: np.ndarray,
        earlier_label: np.ndarray,
    ) -> None:
        """Compare with the earlier frame moved to here, where that is visible in both."""
        predicted = motion.warp(earlier_prediction)
        labelled = motion.warp(earlier_label, self._ignore)
        usable = (label != self._ignore) & (labelled != self._ignore)
        usable &= motion.visibility == SEEN
        same = (prediction == predicted) & usable
        self._warp += (
            np.count_nonzero(same),
            np.count_nonzero(same & (prediction != label)),
            np.count_nonzero((label == labelled) & usable),
            np.count_nonzero(usable),
        )
        # Predictions where labels count are classes, so those of both frames are.
        self._warp_matrix += pair_counts(predicted, prediction, usable, self._classes)
        gone = motion.gone() & (earlier_label != self._ignore)
        self._gone += pair_counts(earlier_label, earlier_prediction, gone, self._classes)


def add_counts(many: Iterable[Counts]) -> dict[str, np.ndarray]:
    """Return the sum of several sequences' counts."""
    total: dict[str, np.ndarray] = {}
    for counts in many:
        for name, values in counts.items():
            total[name] = total[name] + values if name in total else values.copy()
    return total


def _check(prediction: np.ndarray, label: np.ndarray, classes: int, ignore_index: int) -> None:
    for name, image in (("predictions", prediction), ("labels", label)):
        if image.ndim != 2 or image.dtype != np.uint8:
            raise ValueError(
                f"{name} should be (H, W) uint8, found {image.dtype} of shape {image.shape}"
            )
    if prediction.shape != label.shape:
        raise ValueError(f"predictions have shape {prediction.shape}, labels {label.shape}")
    # Looking at what is ignored only where something is wrong keeps this out of the way.
    if max(int(label.max()), int(prediction.max())) < classes:
        return
    valid = label != ignore_index
    values = np.union1d(label[valid], prediction[valid])
    wrong = values[values >= classes]
    if len(wrong):
        raise ValueError(f"value {wrong[0]} is not one of the classes 0 to {classes - 1}")
