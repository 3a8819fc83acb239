"""How much of what is scored was as good as seen in training.

A frame that is held out leaks when a frame of another split shows nearly the same: because the
camera stood there (position and direction), or because the picture says so (a hash of its
brightness). Splits by whole sequences do not rule that out: two flights may pass the same street.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import cv2
import numpy as np

from airseg.dataset.packing.ticker import Progress, Ticker
from airseg.dataset.reading import Dataset, SequenceView
from airseg.errors import DatasetError
from airseg.labels.label_map import SPLITS

_HASH_SIDE = 16
HASH_BITS = _HASH_SIDE * _HASH_SIDE
_ROWS = 256
_EXAMPLES = 5


@dataclass(frozen=True)
class LeakOptions:
    """What counts as nearly the same.

    Measured on 850 frames of the 18 flights: hashes of frames less than 1 m and 5 degrees apart
    differ in 36 bits (median, 13 at least), those of frames more than 10 m apart in at least 44 of
    650,000 pairs, and in 124 (median).

    Attributes:
        metres, degrees: two poses within both are the same view.
        bits: two pictures whose hashes differ in at most so many of 256 bits are the same.
        every: look at every so many frames of the split that is trained on and of the other.
    """

    metres: float = 1.0
    degrees: float = 10.0
    bits: int = 36
    every: int = 1


@dataclass(frozen=True)
class Pair:
    """A held-out frame and the frame of another split that gives it away."""

    sequence: str
    frame: int
    other_sequence: str
    other_frame: int
    metres: float | None
    degrees: float | None
    bits: int


@dataclass(frozen=True)
class SplitLeak:
    """What one split gives away of another.

    Attributes:
        known: the split that is trained (or chosen) on; held_out: the one that is scored.
        frames: held-out frames that were looked at.
        by_pose: how many of them have a view of the known split close by; None without poses.
        by_picture: how many of them have nearly the same picture there.
        by_either: how many have one or the other.
        by_sequence: `by_either` and frames of each held-out sequence.
        examples: the closest pairs, one for each pair of sequences.
    """

    known: str
    held_out: str
    frames: int
    by_pose: int | None
    by_picture: int
    by_either: int
    by_sequence: dict[str, tuple[int, int]]
    examples: tuple[Pair, ...]

    @property
    def share(self) -> float:
        """Share of held-out frames that leak, 0 to 1."""
        return self.by_either / max(1, self.frames)


@dataclass(frozen=True)
class _Frames:
    """Frames of one split: poses (N, 7), hashes (N, 4) uint64; world, sequence, frame (N,)."""

    poses: np.ndarray
    hashes: np.ndarray
    worlds: np.ndarray
    sequences: np.ndarray
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.poses)


def measure_leak(
    dataset: Dataset, options: LeakOptions | None = None, progress: Progress | None = None
) -> list[SplitLeak]:
    """Compare the frames of every two splits.

    Args:
        dataset: with at least two splits.
        options: what counts as nearly the same.
        progress: told about every picture that is hashed.

    Returns:
        train against val, train against test, val against test; those that the dataset has.

    Raises:
        DatasetError: only one split, or impossible numbers.
    """
    options = options or LeakOptions()
    if options.every < 1 or not 0 <= options.bits <= HASH_BITS or options.metres < 0:
        raise DatasetError(
            f"leak: expected every >= 1, 0 to {HASH_BITS} bits and metres >= 0, found {options}."
        )
    present = [split for split in SPLITS if dataset.split(split)]
    if len(present) < 2:
        raise DatasetError(
            f"{dataset.path}: has the split {', '.join(present)} only; a leak is between two. "
            "'airseg dataset split' makes more."
        )
    total = sum(len(range(0, len(view), options.every)) for view in dataset)
    ticker = Ticker("hashing", total, progress)
    frames = {
        split: _gather([dataset.sequence(n) for n in dataset.split(split)], options, ticker.tick)
        for split in present
    }
    return [
        _compare(known, held_out, frames[known], frames[held_out], options)
        for known, held_out in combinations(present, 2)
    ]


def picture_hash(rgb: np.ndarray) -> np.ndarray:
    """Return (4,) uint64, 256 bits: where brightness rises to the right.

    The picture is shrunk to 17x16 by averaging first, so noise and small things do not count
    (difference hash: N. Krawetz, "Kind of Like That", 2013, at 256 instead of 64 bits).

    Args:
        rgb: (H, W, 3) uint8.
    """
    small = cv2.resize(rgb, (_HASH_SIDE + 1, _HASH_SIDE), interpolation=cv2.INTER_AREA)
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.int16)
    return np.packbits(gray[:, 1:] > gray[:, :-1]).view(np.uint64)


def _gather(
    views: Sequence[SequenceView], options: LeakOptions, tick: Callable[[], None]
) -> _Frames:
    poses: list[np.ndarray] = []
    hashes: list[np.ndarray] = []
    worlds: list[str] = []
    sequences: list[str] = []
    indices: list[int] = []
    for view in views:
        for index in range(0, len(view), options.every):
            hashes.append(picture_hash(view.rgb(index, index + 1)[0]))
            poses.append(view.poses[index])
            tick()
        count = len(range(0, len(view), options.every))
        worlds += [_world(view)] * count
        sequences += [view.name] * count
        indices += range(0, len(view), options.every)
    return _Frames(
        np.array(poses), np.array(hashes), np.array(worlds), np.array(sequences), np.array(indices)
    )


def _world(view: SequenceView) -> str:
    """Return what tells worlds apart: poses of two worlds say nothing of each other."""
    simulator: dict[str, Any] = view.details.get("simulator", {})
    return json.dumps([view.environment, simulator.get("world"), simulator.get("seed")])


def _compare(
    known: str, held_out: str, seen: _Frames, scored: _Frames, options: LeakOptions
) -> SplitLeak:
    by_pose = np.zeros(len(scored), bool)
    by_picture = np.zeros(len(scored), bool)
    nearest: list[tuple[float, Pair]] = []
    for first in range(0, len(scored), _ROWS):
        rows = slice(first, first + _ROWS)
        metres, degrees = _pose_distances(seen, scored, rows)
        bits = np.bitwise_count(scored.hashes[rows, None] ^ seen.hashes[None]).sum(-1)
        same_view = (metres <= options.metres) & (degrees <= options.degrees)
        same_picture = bits <= options.bits
        by_pose[rows] = same_view.any(1)
        by_picture[rows] = same_picture.any(1)
        # Pictures decide which pair is shown; where only poses are alike, those do.
        order = np.where(same_view | same_picture, bits, HASH_BITS + 1)
        for lane in np.flatnonzero((same_view | same_picture).any(1)):
            other = int(np.argmin(order[lane]))
            far, turned = metres[lane, other], degrees[lane, other]
            pair = Pair(
                str(scored.sequences[first + lane]),
                int(scored.indices[first + lane]),
                str(seen.sequences[other]),
                int(seen.indices[other]),
                round(float(far), 2) if np.isfinite(far) else None,
                round(float(turned), 1) if np.isfinite(turned) else None,
                int(bits[lane, other]),
            )
            nearest.append((float(order[lane, other]), pair))
    either = by_pose | by_picture
    names = dict.fromkeys(scored.sequences.tolist())
    return SplitLeak(
        known,
        held_out,
        len(scored),
        int(by_pose.sum()) if np.isfinite(scored.poses).any() else None,
        int(by_picture.sum()),
        int(either.sum()),
        {n: (int(either[scored.sequences == n].sum()), int((scored.sequences == n).sum()))
         for n in names},
        _examples(nearest),
    )  # fmt: skip


def _pose_distances(seen: _Frames, scored: _Frames, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, N) metres and degrees between poses; infinite where they say nothing."""
    ours, theirs = scored.poses[rows], seen.poses
    metres = np.linalg.norm(ours[:, None, :3] - theirs[None, :, :3], axis=-1)
    # |<q, p>| is the cosine of half the angle between the two attitudes.
    cosine = np.clip(np.abs(ours[:, 3:] @ theirs[:, 3:].T), 0, 1)
    degrees = np.degrees(2 * np.arccos(cosine))
    apart = (scored.worlds[rows, None] != seen.worlds[None]) | ~np.isfinite(metres)
    metres[apart], degrees[apart] = np.inf, np.inf
    return metres, degrees


def _examples(nearest: list[tuple[float, Pair]]) -> tuple[Pair, ...]:
    """Return the closest pair of each two sequences, the closest first."""
    best: dict[tuple[str, str], Pair] = {}
    for _, pair in sorted(nearest, key=lambda entry: (entry[0], entry[1].frame)):
        best.setdefault((pair.sequence, pair.other_sequence), pair)
    return tuple(list(best.values())[:_EXAMPLES])
