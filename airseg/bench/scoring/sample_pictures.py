"""Frames of a result kept as pictures: what was seen, what is true, what was predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from airseg.bench.aside import write_aside
from airseg.classes import class_palette
from airseg.dataset.format.label_images import read_color, read_labels
from airseg.dataset.reading.reader import SequenceView
from airseg.errors import DatasetError
from airseg.recording.stored.png import encode_png


def save_sample(folder: Path, view: SequenceView, index: int, prediction: np.ndarray) -> None:
    """Write ``<sequence>-<frame>-frame.png``, ``-label.png`` and ``-prediction.png``.

    The latter two are palette PNGs: their values are classes, and people see the classes' colours.

    Args:
        folder: of the result.
        view, index: which frame.
        prediction: (H, W) uint8 classes.
    """
    palette = class_palette(view.dataset.class_names)
    images = {
        "frame": encode_png(view.rgb(index, index + 1)[0]),
        "label": encode_png(view.label(index, index + 1)[0], palette=palette),
        "prediction": encode_png(np.ascontiguousarray(prediction), palette=palette),
    }
    for kind, data in images.items():
        write_aside(folder / f"{view.name}-{index:06d}-{kind}.png", data)


def load_sample(stem: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return frame (H, W, 3) uint8 RGB, label and prediction (H, W) uint8; None if one is missing.

    Args:
        stem: the files' common name, without ``-frame.png`` and so on.
    """
    try:
        frame = read_color(Path(f"{stem}-frame.png"))
        label, guess = (read_labels(Path(f"{stem}-{k}.png")) for k in ("label", "prediction"))
    except DatasetError:
        return None
    return (frame, label, guess) if label.ndim == guess.ndim == 2 else None
