"""Figures about a dataset: classes, motion, how much changes from frame to frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from airseg.dataset.reading import Dataset, SequenceView
from airseg.labels.relabel import count_ids
from airseg.recording.stored.recording_figures import MotionStatistics, headings, motion_statistics

Progress = Callable[[str, int, int | None], None]
_PROBES = 7
_SEEN_SHARE = 0.005
_READ_AT_ONCE = 16


@dataclass(frozen=True)
class SequenceFigures:
    """Figures of one sequence.

    Attributes:
        view: the sequence.
        pixels: (256,) int64, pixels by label over its labelled frames.
        changes: (P,) share of pixels whose label differs from the frame before, for each pair of
            neighbouring frames that both have labels.
        motion: how the camera moves; None where poses are unknown.
        speeds_mps, yaw_rates_dps: (T - 1,) from frame to frame; empty where unknown.
        heights_m: (T,) above the start of the world; empty where unknown.
        sample: the frame that shows it best.
    """

    view: SequenceView
    pixels: np.ndarray
    changes: np.ndarray
    motion: MotionStatistics | None
    speeds_mps: np.ndarray
    yaw_rates_dps: np.ndarray
    heights_m: np.ndarray
    sample: int


def figures_of(dataset: Dataset, progress: Progress | None = None) -> list[SequenceFigures]:
    """Read all labels once and return the figures of every sequence."""
    total, done = len(dataset), 0
    found = []
    for view in dataset:
        pixels, changes, richness = np.zeros(256, np.int64), [], np.zeros(len(view), int)
        before: np.ndarray | None = None
        labelled = view.labelled
        for start in range(0, len(view), _READ_AT_ONCE):
            stop = min(start + _READ_AT_ONCE, len(view))
            for index, labels in enumerate(view.label(start, stop), start):
                if labelled[index]:
                    counts = count_ids(labels)
                    pixels += counts
                    shown = counts[: dataset.num_classes] >= _SEEN_SHARE * labels.size
                    richness[index] = 1 + int(shown.sum())
                    if before is not None:
                        changes.append(np.count_nonzero(labels != before) / labels.size)
                before = labels if labelled[index] else None
            done += stop - start
            if progress:
                progress("counting", done, total)
        found.append(
            SequenceFigures(
                view, pixels, np.array(changes), *_motion(view), _best(richness, labelled)
            )
        )
    return found


def _motion(
    view: SequenceView,
) -> tuple[MotionStatistics | None, np.ndarray, np.ndarray, np.ndarray]:
    """Return motion, speeds, yaw rates and heights; None and nothing where poses are unknown."""
    poses, times = view.poses, view.timestamps_ns
    if not np.isfinite(poses).all():
        return None, np.zeros(0), np.zeros(0), np.zeros(0)
    seconds = np.maximum(np.diff(times) / 1e9, 1e-9)
    speeds = np.linalg.norm(np.diff(poses[:, :3], axis=0), axis=1) / seconds
    yaw_rates = np.abs(np.degrees(np.diff(np.unwrap(headings(poses))))) / seconds
    return motion_statistics(poses, times), speeds, yaw_rates, -poses[:, 2]


def _best(richness: np.ndarray, labelled: np.ndarray) -> int:
    """Return the labelled frame with the most classes among some that are spread evenly."""
    frames = np.flatnonzero(labelled)
    if not len(frames):
        return len(labelled) // 2
    places = np.linspace(0, len(frames) - 1, _PROBES + 2).round().astype(int)[1:-1]
    probes = frames[np.unique(places)]
    return int(probes[np.argmax(richness[probes])])


def duration_s(view: SequenceView) -> float:
    """Return the time from the first frame to the last."""
    return float(view.timestamps_ns[-1] - view.timestamps_ns[0]) / 1e9
