"""Sample frames for the page: frame, labels, and what each row predicted, as data of an image."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from airseg.bench.results.result import Result
from airseg.bench.scoring.sample_pictures import load_sample
from airseg.classes import IGNORE_INDEX, class_palette
from airseg.dataset.format.label_images import image_size

_WIDTH_PX = 480
_BUDGET_BYTES = 24_000_000
"""Frames beyond this are left out, each flight's last first, so that the page opens anywhere."""


@dataclass
class Moment:
    """One sample frame.

    Attributes:
        index: frame number in its flight.
        frame: JPEG, label: PNG of class colours, as data URLs.
        predictions: the same of each row that has one, by run.
    """

    index: int
    frame: str
    label: str
    predictions: dict[str, str] = field(default_factory=dict)


def collect_moments(rows: Sequence[tuple[Path, Result]]) -> dict[str, list[Moment]]:
    """Return the sample frames of each flight in time order, with every row's prediction.

    Args:
        rows: results and their files; the pictures lie in folders named after them, or after their
            runs, beside them. A result that travelled without its pictures has none.
    """
    wanted: dict[tuple[int, str, int], list[tuple[str, Path]]] = {}
    turns: dict[str, dict[int, None]] = {}
    for path, result in rows:
        named = path.with_suffix("")
        folder = named if named.is_dir() else path.parent / result.run
        for name, index in result.samples:
            turns.setdefault(name, {})[index] = None
            turn = list(turns[name]).index(index)
            stem = folder / f"{name}-{index:06d}"
            wanted.setdefault((turn, name, index), []).append((result.run, stem))
    flights: dict[str, list[Moment]] = {}
    palette = class_palette(list(rows[0][1].scores.class_iou)) if rows else class_palette()
    spent = 0
    for _, name, index in sorted(wanted):
        found = wanted[_, name, index]
        moment = _read_moment(index, found, palette) if spent < _BUDGET_BYTES else None
        if moment is not None:
            flights.setdefault(name, []).append(moment)
            spent += sum(map(len, [moment.frame, moment.label, *moment.predictions.values()]))
    return {name: sorted(m, key=lambda m: m.index) for name, m in sorted(flights.items())}


def _read_moment(index: int, runs: list[tuple[str, Path]], palette: np.ndarray) -> Moment | None:
    moment: Moment | None = None
    for run, stem in runs:
        places = [Path(f"{stem}-{kind}.png") for kind in ("frame", "label", "prediction")]
        # Sizes of headers, before anything is decoded; one that promises too much is refused.
        found = load_sample(stem) if all(map(image_size, places)) else None
        if found is None:
            continue
        frame, label, guess = found
        if moment is None:
            moment = Moment(index, _jpeg(frame[..., ::-1]), classes_png(label, palette))
        moment.predictions[run] = classes_png(guess, palette)
    return moment


def classes_png(labels: np.ndarray, palette: np.ndarray) -> str:
    """Return labels in class colours as the data URL of a PNG; what has no class is transparent.

    Where the picture is made smaller, pixels are taken, never mixed.

    Args:
        labels: (H, W) uint8 class indices.
        palette: (256, 3) uint8 RGB by class index.
    """
    height, width = labels.shape
    if width > _WIDTH_PX:
        size = (_WIDTH_PX, max(1, round(height * _WIDTH_PX / width)))
        labels = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
    image = np.dstack([palette[labels][..., ::-1], (labels != IGNORE_INDEX) * np.uint8(255)])
    return _url("image/png", cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1])


def _jpeg(bgr: np.ndarray) -> str:
    height, width = bgr.shape[:2]
    if width > _WIDTH_PX:
        size = (_WIDTH_PX, max(1, round(height * _WIDTH_PX / width)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return _url("image/jpeg", cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 82])[1])


def _url(kind: str, data: np.ndarray) -> str:
    return f"data:{kind};base64," + base64.b64encode(data.tobytes()).decode("ascii")
