"""Whether predictions stay as they are where the labels do: mVC, Cons and ConsW, in one pass.

mVC of n frames (Miao et al., VSPW, CVPR 2021, section 5.1) looks at the pixels whose label is the
same in all frames of a window. Two forms:

``official``: the share of them whose *prediction* is the same in all frames, as the authors'
script has it. It never compares prediction with label, so a constant prediction scores 1. Pixels
that are ignored throughout count; a sequence's last window is left out, and so are sequences of n
frames or fewer.
``correct``: the share of them that are right in all frames, over every window, ignored pixels left
out.

Cons and ConsW (Rebol and Knöbelreiter, F2F, 2020, section 4): of the pixels that have the same
label in two neighbouring frames, the share that is predicted the same, and the share predicted the
same and wrong. All are means over windows or pairs, of all sequences together.

A pixel's label is constant over a window when it has not changed for n frames, so counting for how
long each pixel has not changed replaces keeping windows of frames.
"""

from __future__ import annotations

import numpy as np

WINDOWS = (8, 16)


class Steadiness:
    """Counts of one sequence, frame by frame.

    Args:
        ignore_index: label value that does not count.
        windows: lengths n of mVC, at most 200.
    """

    def __init__(self, ignore_index: int = 255, windows: tuple[int, ...] = WINDOWS) -> None:
        self._ignore, self._windows = ignore_index, windows
        self._before: tuple[np.ndarray, np.ndarray] | None = None
        self._runs: list[np.ndarray] = []
        # Sum of the windows' shares, and how many windows had pixels to judge.
        self._official = {n: np.zeros(2) for n in windows}
        self._pending: dict[int, tuple[float, int]] = {}
        self._correct = {n: np.zeros(2) for n in windows}
        self._pairs = np.zeros(3)

    def update(self, prediction: np.ndarray, label: np.ndarray) -> None:
        """Count the next frame: (H, W) uint8 both."""
        valid = label != self._ignore
        right = (prediction == label) & valid
        if self._before is None:
            self._runs = [np.ones(label.shape, np.uint8) for _ in range(2)]
            self._runs.append(right.astype(np.uint8))
        else:
            sames = (label == self._before[1], prediction == self._before[0])
            for run, same in zip(self._runs, sames, strict=False):
                _lengthen(run, same)
                np.maximum(run, 1, out=run)
            _lengthen(self._runs[2], right)
            self._count_pair(valid, right)
        self._before = (prediction.copy(), label.copy())
        for n in self._windows:
            self._count_window(n, valid)

    def counts(self) -> dict[str, np.ndarray]:
        """Return what adds up over sequences.

        ``mvc8_official`` and the like: (sum of shares, windows); ``pairs``: (sum of Cons, sum of
        ConsW, pairs).
        """
        found = {"pairs": self._pairs.copy()}
        for n in self._windows:
            found[f"mvc{n}_official"] = self._official[n].copy()
            found[f"mvc{n}_correct"] = self._correct[n].copy()
        return found

    def _count_pair(self, valid: np.ndarray, right: np.ndarray) -> None:
        kept = (self._runs[0] >= 2) & valid
        total = np.count_nonzero(kept)
        if total:
            same = kept & (self._runs[1] >= 2)
            agree = np.count_nonzero(same)
            wrong = agree - np.count_nonzero(same & right)
            self._pairs += (agree / total, wrong / total, 1)

    def _count_window(self, n: int, valid: np.ndarray) -> None:
        # The official script never scores the window that ends with the last frame: a window is
        # counted only when another frame follows it.
        if n in self._pending:
            self._official[n] += self._pending[n]
        label_run, prediction_run, right_run = self._runs
        constant = label_run >= n
        total = np.count_nonzero(constant)
        self._pending[n] = (0.0, 0)
        if not total:
            return
        steady = np.count_nonzero(constant & (prediction_run >= n))
        self._pending[n] = (steady / total, 1)
        total = np.count_nonzero(constant & valid)
        if total:
            self._correct[n] += (np.count_nonzero(constant & (right_run >= n)) / total, 1)


def _lengthen(run: np.ndarray, goes_on: np.ndarray) -> None:
    """Add one where a run goes on, at most up to 200, and set it to nothing elsewhere."""
    np.minimum(run, 200, out=run)
    run += 1
    run *= goes_on
