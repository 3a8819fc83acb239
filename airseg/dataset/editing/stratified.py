"""Splits by whole sequences in which every class is seen on every side, as far as that is possible.

A class that no test flight shows is not tested, one that no training flight shows cannot be
learned. Which flights go where is searched for: from several random starts, flights change places
or sides as long as that helps. First come classes that a split lacks, then classes that it hardly
has, then how near the splits are to their shares of frames and of each class's pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from airseg.dataset.reading import Dataset
from airseg.errors import DatasetError
from airseg.labels.label_map import SPLITS
from airseg.labels.relabel import count_ids

_STARTS = 24
_MOST_NEIGHBOURS = 3000
_SCARCE = 0.1
"""A class is scarce in a split that has less than this part of its due."""
_LACKING = np.array([150.0, 100.0, 100.0])
"""What a class that is missing from train, val or test costs; a class must be learned first."""


@dataclass(frozen=True)
class StratifiedSplits:
    """The split of every sequence, and what could not be had.

    Attributes:
        by_sequence: ``train``, ``val`` or ``test``.
        missing: (split, class name) of classes that a split lacks.
        scarce: the same of classes that a split hardly has.
    """

    by_sequence: dict[str, str]
    missing: list[tuple[str, str]]
    scarce: list[tuple[str, str]]


def class_pixels(dataset: Dataset) -> dict[str, np.ndarray]:
    """Count the pixels of each class in each sequence: (classes,) int64 by name."""
    counts: dict[str, np.ndarray] = {}
    for view in dataset:
        total = np.zeros(256, np.int64)
        for index in np.flatnonzero(view.labelled):
            total += count_ids(view.label(int(index), int(index) + 1)[0])
        counts[view.name] = total[: dataset.num_classes]
    return counts


def checked_shares(shares: Sequence[float]) -> np.ndarray:
    """Return (3,) shares of train, val and test that sum to 1.

    Raises:
        DatasetError: they are other numbers, or not three.
    """
    wanted = np.array(shares, float)
    if wanted.shape != (3,) or not np.isfinite(wanted).all() or min(wanted) < 0 or wanted[0] == 0:
        raise DatasetError(
            "shares of train, val and test should be three numbers, that of train above 0; found "
            f"{', '.join(f'{share:g}' for share in shares)}."
        )
    return wanted / wanted.sum()


def stratify(
    pixels: Mapping[str, np.ndarray],
    frames: Mapping[str, int],
    class_names: Sequence[str],
    *,
    shares: Sequence[float] = (0.7, 0.15, 0.15),
    seed: int = 0,
) -> StratifiedSplits:
    """Choose the split of every sequence.

    The same arguments give the same splits, in whatever order the sequences come.

    Args:
        pixels: (classes,) pixels of each class, by sequence.
        frames: number of frames, by sequence.
        class_names: by label.
        shares: of the frames that go into train, val and test; a split of share 0 stays empty.
        seed: among equally good splits it chooses.

    Raises:
        DatasetError: impossible shares, or fewer sequences than splits.
    """
    wanted = checked_shares(shares)
    names = sorted(pixels)
    used = np.flatnonzero(wanted)
    if len(names) < len(used):
        raise DatasetError(
            f"{len(names)} sequences cannot be put into {len(used)} splits: a sequence is never "
            "divided. Record more flights, or set a share to 0."
        )
    search = _Search(
        np.stack([pixels[name] for name in names]).astype(float),
        np.array([frames[name] for name in names], float),
        wanted,
    )
    best = search.run(np.random.default_rng(seed))
    by_sequence = {name: SPLITS[split] for name, split in zip(names, best, strict=True)}
    missing, scarce = search.lacks(best[None])
    return StratifiedSplits(
        by_sequence,
        [(SPLITS[s], class_names[c]) for s, c in zip(*np.nonzero(missing[0]), strict=True)],
        [(SPLITS[s], class_names[c]) for s, c in zip(*np.nonzero(scarce[0]), strict=True)],
    )


class _Search:
    """Looks for the best split of n sequences.

    Args:
        pixels: (n, classes); frames: (n,); wanted: (3,) shares that sum to 1.
    """

    def __init__(self, pixels: np.ndarray, frames: np.ndarray, wanted: np.ndarray) -> None:
        self._pixels, self._wanted = pixels, wanted
        self._frames = frames / frames.sum()
        self._totals = pixels.sum(0)
        self._used = np.flatnonzero(wanted)

    def run(self, random: np.random.Generator) -> np.ndarray:
        """Return the best assignment that was found: (n,) splits."""
        found = [self._descend(self._start(random), random) for _ in range(_STARTS)]
        return min(found, key=lambda one: one[0])[1]

    def lacks(self, assigned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which splits lack and hardly have which classes: two of (k, 3, classes) bool."""
        held = np.einsum("kns,nc->ksc", self._one_hot(assigned), self._pixels)
        counts = (self._wanted > 0)[None, :, None] & (self._totals > 0)
        missing = (held == 0) & counts
        due = self._wanted[:, None] * self._totals
        return missing, (held < _SCARCE * due) & counts & ~missing

    def _costs(self, assigned: np.ndarray) -> np.ndarray:
        """Return how bad each of (k, n) assignments is: (k,)."""
        one_hot = self._one_hot(assigned)
        held = np.einsum("kns,nc->ksc", one_hot, self._pixels)
        missing, scarce = self.lacks(assigned)
        seen = self._totals > 0
        shares = held[..., seen] / self._totals[seen]
        of_classes = np.abs(shares - self._wanted[:, None]).sum(1).mean(-1) if seen.any() else 0
        of_frames = np.abs(np.einsum("kns,n->ks", one_hot, self._frames) - self._wanted).sum(1)
        empty = (one_hot.sum(1)[:, self._used] == 0).sum(1)
        lacking = missing.sum(2) @ _LACKING + 10 * scarce.sum((1, 2))
        return 1e6 * empty + lacking + 4 * of_frames + of_classes

    def _start(self, random: np.random.Generator) -> np.ndarray:
        """Return a random assignment with every split in use."""
        count = len(self._frames)
        assigned = random.choice(len(self._wanted), count, p=self._wanted)
        assigned[random.permutation(count)[: len(self._used)]] = self._used
        return assigned

    def _descend(
        self, assigned: np.ndarray, random: np.random.Generator
    ) -> tuple[float, np.ndarray]:
        """Go to the best neighbour as long as there is a better one; return cost and assignment."""
        cost = self._costs(assigned[None])[0]
        while True:
            neighbours = self._neighbours(assigned, random)
            costs = self._costs(neighbours)
            best = int(costs.argmin())
            if costs[best] >= cost - 1e-12:
                return float(cost), assigned
            cost, assigned = costs[best], neighbours[best]

    def _neighbours(self, assigned: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return assignments in which one sequence changed sides or two changed places."""
        count = len(assigned)
        moves = [(i, split) for i in range(count) for split in self._used if split != assigned[i]]
        first, second = np.triu_indices(count, 1)
        differ = assigned[first] != assigned[second]
        swaps = np.stack([first[differ], second[differ]], 1)
        if len(swaps) > _MOST_NEIGHBOURS:
            swaps = swaps[random.choice(len(swaps), _MOST_NEIGHBOURS, replace=False)]
        # The assignment itself stays among them, so that there is always one.
        neighbours = np.repeat(assigned[None], 1 + len(moves) + len(swaps), 0)
        for row, (index, split) in enumerate(moves, 1):
            neighbours[row, index] = split
        rows = np.arange(1 + len(moves), len(neighbours))
        neighbours[rows, swaps[:, 0]] = assigned[swaps[:, 1]]
        neighbours[rows, swaps[:, 1]] = assigned[swaps[:, 0]]
        return neighbours

    @staticmethod
    def _one_hot(assigned: np.ndarray) -> np.ndarray:
        return (assigned[..., None] == np.arange(3)).astype(float)
