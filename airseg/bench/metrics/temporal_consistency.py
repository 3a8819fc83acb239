"""Temporal consistency as others publish it, and as it should be asked.

All compare a frame's prediction with that of the frame before, fetched to here by the nearest pixel
along the motion. None is worth anything without mean IoU beside it.

``tc_pooled`` (ETC, Liu et al., ECCV 2020; VSPW, Miao et al., CVPR 2021): class mean of one
confusion matrix over all pairs, between prediction and moved prediction; hidden pixels count, those
out of view do not. With the exact motion, and as ``tc_estimated`` with OpenCV's dense inverse
search, where the published scripts have FlowNet2 or RAFT; ETC's moves label numbers bilinearly. So
compare with nothing but these. *Gamed by* a constant picture (1.0), by any smoothing, by large
classes that stand still, by hallucinating what was hidden, and, estimated, by a network that moves
its past along the very flow it is scored with.

``mtc`` (Varghese et al., CVPRW 2020): the class mean of each pair, then the mean over pairs, then
over sequences; ``mtc_visible`` where the pixel was seen before, ``mtc_estimated`` as above. *Gamed
by* never predicting rare classes, which weigh most here; with visibility, by being bad where things
appear: see ``lag``.

``tc_label``, ``mtc_label``, ``tc_label_estimated``: the same of the labels: what a perfect network
reaches, for things that move by themselves and outlines that round. Ratios to it are what differs
between networks. *Gamed by* nobody, but a network may well exceed it: it need not be right.

``tc_correct``: of pixels seen before, whose labels both count, the share where prediction, moved
prediction and label are one. A constant picture gets no more than its accuracy. *Gamed by* little:
it is bounded by accuracy, so it mostly repeats it.

``flicker``: of those whose label does not change, the share whose prediction does: a change that
nobody ordered. Less is better. *Gamed by* smoothing: a picture that never changes has none.

``lag``: accuracy where smoothing hurts: on pixels that came into view, were hidden, or changed
class, so many frames ago. *Gamed by* predicting nothing but what comes into view at the border,
such as ground, or by having no memory at all; read it against flicker.
"""

from __future__ import annotations

import numpy as np

from airseg.bench.metrics.confusion import class_iou, mean_of_known
from airseg.bench.metrics.motion import ENTERED, SEEN, UNCOVERED, Motion
from airseg.bench.metrics.pair_counts import pair_counts

VIEWS = ("all", "all_visible", "label", "label_visible", "estimated", "label_estimated")
"""Of predictions and of labels: along exact motion, of all pixels in view or of those seen before;
and along estimated motion."""

LAGS = (1, 2, 4, 8)
"""Frames since a pixel's change, 1 the frame of the change itself: up to each, and after the last
before."""

_LONG_AGO = 255


class TemporalConsistency:
    """Counts of one sequence, frame by frame.

    Args:
        classes: number of classes.
        ignore_index: label value that does not count.
    """

    def __init__(self, classes: int, ignore_index: int = 255) -> None:
        self._classes, self._ignore = classes, ignore_index
        size = classes + 1  # predictions may be anything where labels are ignored
        self._pooled = {name: np.zeros((size, size), np.int64) for name in VIEWS}
        self._pairs = {name: np.zeros(2) for name in VIEWS}
        self._changes = np.zeros(5, np.int64)
        self._lag = np.zeros((len(LAGS), 2), np.int64)
        self._since: np.ndarray | None = None

    def update(
        self,
        prediction: np.ndarray,
        label: np.ndarray,
        earlier_prediction: np.ndarray,
        earlier_label: np.ndarray,
        motion: Motion | None,
        estimated: Motion | None = None,
    ) -> None:
        """Count a frame and the one before it.

        Args:
            prediction, label, earlier_prediction, earlier_label: (H, W) uint8.
            motion: the exact way back, or None where it is unknown.
            estimated: the same from the pictures alone, or None.
        """
        now, before = (prediction, label), (earlier_prediction, earlier_label)
        if estimated is not None:
            predicted, labelled = (estimated.warp(image) for image in before)
            inside = self._known(label, labelled) & (estimated.visibility == SEEN)
            self._count_pair("estimated", prediction, predicted, inside)
            self._count_pair("label_estimated", label, labelled, inside)
        if motion is None:
            return
        predicted, labelled = (motion.warp(image) for image in before)
        known = self._known(label, labelled)
        seen = known & (motion.visibility == SEEN)
        in_view = seen | (known & (motion.visibility == UNCOVERED))
        for name, image, moved in zip(("all", "label"), now, (predicted, labelled), strict=True):
            self._count_pair(name, image, moved, in_view)
            self._count_pair(f"{name}_visible", image, moved, seen)
        same, still = predicted == prediction, labelled == label
        self._changes += (
            np.count_nonzero(seen & same & (prediction == label)),
            np.count_nonzero(seen & same),
            np.count_nonzero(seen),
            np.count_nonzero(seen & still & ~same),
            np.count_nonzero(seen & still),
        )
        self._count_lag(prediction, label, motion, seen & ~still)

    def counts(self) -> dict[str, np.ndarray]:
        """Return what adds up over sequences.

        ``tc_...``: (C + 1, C + 1) of each of `VIEWS`; ``mtc_...``: (sum of the sequences' means,
        sequences). ``changes``: correct and consistent, consistent, seen, flickering, unchanged.
        ``lag``: (L, 2) right and all.
        """
        found = {f"tc_{name}": matrix.copy() for name, matrix in self._pooled.items()}
        for name, (total, pairs) in self._pairs.items():
            found[f"mtc_{name}"] = np.array([total / pairs, 1.0] if pairs else [0.0, 0.0])
        return {**found, "changes": self._changes.copy(), "lag": self._lag.copy()}

    def _known(self, label: np.ndarray, labelled: np.ndarray) -> np.ndarray:
        return (label != self._ignore) & (labelled != self._ignore)

    def _count_pair(
        self, name: str, image: np.ndarray, moved: np.ndarray, counted: np.ndarray
    ) -> None:
        # Predictions may be anything where labels are ignored; the last row and column take those.
        matrix = pair_counts(moved, image, counted, self._classes + 1)
        self._pooled[name] += matrix
        value = mean_of_known(class_iou(matrix))
        if not np.isnan(value):
            self._pairs[name] += (float(value), 1)

    def _count_lag(
        self, prediction: np.ndarray, label: np.ndarray, motion: Motion, changed: np.ndarray
    ) -> None:
        """Count pixels by how many frames ago what they show appeared or changed its class."""
        fresh = changed | (motion.visibility == ENTERED) | (motion.visibility == UNCOVERED)
        since = np.full(label.shape, _LONG_AGO, np.uint8)
        if self._since is not None:
            moved = motion.warp(self._since, _LONG_AGO)
            since = np.where(moved < _LONG_AGO - 1, moved + 1, _LONG_AGO).astype(np.uint8)
        since[fresh] = 1
        self._since = since
        known, right = label != self._ignore, prediction == label
        low = 0
        for place, high in enumerate(LAGS):
            chosen = known & (since > low) & (since <= high)
            self._lag[place] += (np.count_nonzero(chosen & right), np.count_nonzero(chosen))
            low = high
