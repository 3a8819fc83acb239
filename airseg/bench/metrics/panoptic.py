"""Quality of objects in video: STQ and VPQ, from pixel counts of pairs of segments.

A segment is a class, and for things the number of the object too. Every frame is reduced to how
many pixels each pair of a true and a predicted segment shares; both metrics follow from sums of
these.

STQ (Weber et al., "STEP: Segmenting and Tracking Every Pixel", NeurIPS 2021 datasets, section 5) is
the geometric mean of association quality and mean IoU, computed as its authors do
(google-research/deeplab2, evaluation/numpy/segmentation_and_tracking_quality.py): a tube is a class
with a number, over the whole sequence. VPQ (Kim et al., "Video Panoptic Segmentation", CVPR 2020,
section 3.2) is panoptic quality of tubes of 1, 2, 3 and 4 frames, averaged
(mcahny/vps, tools/eval_vpq.py). `docs/objects.md` names where the authors' programs slip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

WINDOWS = (1, 2, 3, 4)
"""Lengths of VPQ's tubes, in labelled frames."""

VOID = -1
"""The class of what is not scored."""

Segment = tuple[int, int]
"""Class, and number of the object; 0 for what is no thing."""

Pairs = Counter[tuple[Segment, Segment]]
"""Pixels of each pair of a true and a predicted segment."""


@dataclass
class _Tally:
    """What matching has counted of one class."""

    overlap: float = 0.0
    matched: int = 0
    invented: int = 0
    missed: int = 0

    @property
    def quality(self) -> float | None:
        """Panoptic quality; None where the class never occurred."""
        weight = self.matched + 0.5 * self.invented + 0.5 * self.missed
        return self.overlap / weight if weight else None


@dataclass(frozen=True)
class PanopticScores:
    """Scores over some sequences, 0 to 1; None where there was nothing to score.

    Attributes:
        stq: square root of aq times sq; aq: association quality of things; sq: mean IoU.
        vpq: mean over `WINDOWS`; vpq_things, vpq_stuff: of these classes alone.
        by_window: VPQ by the frames of a tube.
        class_vpq: by class, mean over windows; None where it never occurs.
    """

    stq: float | None
    aq: float | None
    sq: float | None
    vpq: float | None
    vpq_things: float | None
    vpq_stuff: float | None
    by_window: dict[int, float | None]
    class_vpq: list[float | None]


@dataclass
class _Association:
    """Sums of association quality: over true tubes, and how many there are."""

    quality: float = 0.0
    tubes: int = 0


@dataclass
class PanopticScorer:
    """Takes sequences, frame by frame.

    Args:
        num_classes: how many classes there are, void not counted.
        things: labels of classes whose objects are told apart.
    """

    num_classes: int
    things: tuple[int, ...]
    _frames: list[Pairs] = field(default_factory=list)
    _confusion: np.ndarray = field(init=False)
    _association: _Association = field(default_factory=_Association)
    _tallies: dict[int, list[_Tally]] = field(init=False)

    def __post_init__(self) -> None:
        self._confusion = np.zeros((self.num_classes, self.num_classes), np.int64)
        self._tallies = {w: [_Tally() for _ in range(self.num_classes)] for w in WINDOWS}

    def add_frame(
        self,
        truth: np.ndarray,
        truth_objects: np.ndarray,
        predicted: np.ndarray,
        predicted_objects: np.ndarray,
    ) -> None:
        """Take the next labelled frame of a sequence.

        Args:
            truth, predicted: (H, W) integer classes; those beyond `num_classes` are void.
            truth_objects, predicted_objects: (H, W) unsigned numbers; what they are of classes that
                are no things does not matter. A true thing's 0 is a crowd, in which nothing is
                scored but the class.
        """
        shared = count_pairs(
            self._keys(truth, truth_objects), self._keys(predicted, predicted_objects)
        )
        self._frames.append(shared)

    def end_sequence(self) -> None:
        """Score the frames of one sequence; the next frame begins another."""
        whole: Pairs = Counter()
        for frame in self._frames:
            whole.update(frame)
        self._associate(whole)
        for window in WINDOWS:
            for first in range(len(self._frames) - window + 1):
                tube: Pairs = Counter()
                for frame in self._frames[first : first + window]:
                    tube.update(frame)
                self._match(tube, self._tallies[window])
        self._frames = []

    def scores(self) -> PanopticScores:
        """Return the scores of all sequences that have ended."""
        hit = self._confusion.diagonal()
        union = self._confusion.sum(0) + self._confusion.sum(1) - hit
        sq = float((hit[union > 0] / union[union > 0]).mean()) if union.any() else None
        found = self._association
        aq = found.quality / found.tubes if found.tubes else None
        stuff = [c for c in range(self.num_classes) if c not in self.things]
        by_window = {w: _mean(t.quality for t in self._tallies[w]) for w in WINDOWS}
        return PanopticScores(
            stq=None if aq is None or sq is None else float(np.sqrt(aq * sq)),
            aq=aq,
            sq=sq,
            vpq=_mean(by_window.values()),
            vpq_things=self._vpq_of(self.things),
            vpq_stuff=self._vpq_of(stuff),
            by_window=by_window,
            class_vpq=[self._vpq_of([c]) for c in range(self.num_classes)],
        )

    def _vpq_of(self, classes: Sequence[int]) -> float | None:
        return _mean(_mean(self._tallies[w][c].quality for c in classes) for w in WINDOWS)

    def _keys(self, classes: np.ndarray, objects: np.ndarray) -> np.ndarray:
        """Return (H, W) int64: class and number in one; what is void is all ones."""
        label = classes.astype(np.int64)
        number = np.where(np.isin(label, self.things), objects.astype(np.int64), 0)
        key = (label << 32) | number
        return np.where((label >= 0) & (label < self.num_classes), key, VOID)

    def _associate(self, shared: Pairs) -> None:
        """Add a sequence's association quality and its confusion of classes."""
        for (true, told), pixels in shared.items():
            if true[0] != VOID and told[0] != VOID:
                self._confusion[true[0], told[0]] += pixels
        true_size: Counter[Segment] = Counter()
        told_size: Counter[Segment] = Counter()
        both: Pairs = Counter()
        for (true, told), pixels in shared.items():
            is_true, is_told = true[0] in self.things, told[0] in self.things
            if is_true and not true[1]:
                continue  # a crowd
            if is_true:
                true_size[true] += pixels
            if is_told:
                told_size[told] += pixels
            if is_true and is_told:
                both[true, told] += pixels
        self._association.tubes += len(true_size)
        for (true, told), pixels in both.items():
            iou = pixels / (true_size[true] + told_size[told] - pixels)
            self._association.quality += pixels * iou / true_size[true]

    def _match(self, shared: Pairs, tallies: list[_Tally]) -> None:
        """Match the tubes of a window, and count."""
        true_size: Counter[Segment] = Counter()
        told_size: Counter[Segment] = Counter()
        excused: Counter[Segment] = Counter()  # pixels of predictions that nobody can hold wrong
        for (true, told), pixels in shared.items():
            true_size[true] += pixels
            told_size[told] += pixels
            if true[0] == VOID or (_is_crowd(true, self.things) and true[0] == told[0]):
                excused[told] += pixels
        matched: set[Segment] = set()
        found: set[Segment] = set()
        for (true, told), pixels in shared.items():
            if VOID in (true[0], told[0]) or true[0] != told[0] or _is_crowd(true, self.things):
                continue
            in_void = shared[(VOID, 0), told]
            iou = pixels / (true_size[true] + told_size[told] - pixels - in_void)
            if iou > 0.5:
                tallies[true[0]].matched += 1
                tallies[true[0]].overlap += iou
                matched.add(true)
                found.add(told)
        for true in true_size.keys() - matched:
            if true[0] != VOID and not _is_crowd(true, self.things):
                tallies[true[0]].missed += 1
        for told in told_size.keys() - found:
            if told[0] != VOID and excused[told] <= 0.5 * told_size[told]:
                tallies[told[0]].invented += 1


def count_pairs(truth: np.ndarray, predicted: np.ndarray) -> Pairs:
    """Count the pixels of each pair of segments of one frame.

    Args:
        truth, predicted: (H, W) int64, ``class << 32 | number``, or `VOID`.
    """
    true_keys, true_at = np.unique(truth, return_inverse=True)
    told_keys, told_at = np.unique(predicted, return_inverse=True)
    joint, pixels = np.unique(
        true_at.ravel() * len(told_keys) + told_at.ravel(), return_counts=True
    )
    return Counter(
        {
            (_segment(true_keys[at // len(told_keys)]), _segment(told_keys[at % len(told_keys)])): n
            for at, n in zip(joint.tolist(), pixels.tolist(), strict=True)
        }
    )


def _segment(key: np.int64) -> Segment:
    value = int(key)
    return (VOID, 0) if value == VOID else (value >> 32, value & 0xFFFFFFFF)


def _is_crowd(segment: Segment, things: tuple[int, ...]) -> bool:
    return segment[0] in things and not segment[1]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
