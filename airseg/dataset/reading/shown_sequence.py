"""A dataset's sequence as viewers and films show it."""

from __future__ import annotations

import json

import numpy as np

from airseg.dataset.reading.reader import SequenceView
from airseg.labels import LabelMap
from airseg.recording.stored.shown_flight import ShownFlight, intrinsics_of


def shown_sequence(view: SequenceView, label_map: LabelMap) -> ShownFlight:
    """Return a packed sequence with its classes; speeds are those of its positions.

    Args:
        view: the sequence.
        label_map: the one inside its dataset.
    """
    times = view.timestamps_ns
    seconds = (times - times[0]) / 1e9
    return ShownFlight(
        name=view.name,
        split=view.split,
        width=view.width,
        height=view.height,
        class_names=label_map.class_names,
        palette=label_map.palette(),
        timestamps_ns=times,
        seconds=seconds,
        speeds_mps=_speeds(view.poses[:, :3], seconds),
        poses=view.poses,
        labelled=view.labelled,
        rate_hz=view.rate_hz,
        intrinsics=intrinsics_of(view.details.get("camera", {})),
        read_rgb=lambda index: view.rgb(index, index + 1)[0],
        read_labels=lambda index: view.label(index, index + 1)[0],
        read_depth=(lambda index: view.depth(index, index + 1)[0]) if view.has_depth else None,
        documents={
            "sequence.json": json.dumps(view.details, indent=1, sort_keys=True),
            "label_map.yaml": label_map.text,
        },
    )


def _speeds(positions: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Return (T,) metres a second; NaN where no time passes, or nobody knows the positions."""
    if len(seconds) < 2 or (np.diff(seconds) <= 0).any():
        return np.full(len(seconds), np.nan)
    return np.linalg.norm(np.gradient(positions, seconds, axis=0), axis=1)
