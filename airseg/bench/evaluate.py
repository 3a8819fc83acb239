"""Scoring: stream every frame of a split through a network and compare at the labels' own size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from airseg.bench.data import resize_frame, to_model
from airseg.bench.metrics import ConfusionMatrix
from airseg.dataset.reader import Dataset, SequenceView
from airseg.errors import RecipeError
from airseg.models.base import VideoSegmenter, upsample

_CHUNK = 4


@dataclass(frozen=True)
class Scores:
    """Confusion matrices of a split: of all its frames together, and of each sequence."""

    total: ConfusionMatrix
    by_sequence: dict[str, ConfusionMatrix]


def score_split(
    model: VideoSegmenter,
    dataset: Dataset,
    sequences: Sequence[str],
    size: tuple[int, int],
    device: torch.device,
    *,
    frames: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Scores:
    """Score a network on whole sequences; its memory starts anew with each.

    Args:
        model: in evaluation mode.
        dataset: where the sequences are.
        sequences: their names.
        size: (height, width) of what the network sees.
        device: where to compute.
        frames: only the first ones of each sequence, or None.
        progress: told how many frames are scored.
    """
    total = ConfusionMatrix(dataset.num_classes, dataset.ignore_index)
    by_sequence = {}
    for name in sequences:
        scores = ConfusionMatrix(dataset.num_classes, dataset.ignore_index)
        view = dataset.sequence(name)
        for start, predictions in stream_predictions(model, view, size, device, frames=frames):
            labels = view.label(start, start + len(predictions))
            scores.update(torch.from_numpy(predictions), torch.from_numpy(labels))
            progress(len(predictions))
        total.merge(scores)
        by_sequence[name] = scores
    return Scores(total, by_sequence)


def stream_predictions(
    model: VideoSegmenter,
    view: SequenceView,
    size: tuple[int, int],
    device: torch.device,
    *,
    frames: int | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield a sequence's predictions in order: first frame number, (T, H, W) uint8 classes."""
    memory = None
    stop = view.length if frames is None else min(frames, view.length)
    for start in range(0, stop, _CHUNK):
        end = min(start + _CHUNK, stop)
        rgb = np.stack([resize_frame(f, size) for f in view.rgb(start, end)])
        with torch.inference_mode():
            logits, memory = model.coarse(to_model(rgb)[None].to(device), memory)
            full = upsample(logits.float(), (view.height, view.width))
        yield start, full[0].argmax(1).to(torch.uint8).cpu().numpy()


def score_constant(dataset: Dataset, sequences: Sequence[str], label: int) -> Scores:
    """Score the prediction of one class everywhere: what any network must beat."""
    total = ConfusionMatrix(dataset.num_classes, dataset.ignore_index)
    by_sequence = {}
    for name in sequences:
        scores = ConfusionMatrix(dataset.num_classes, dataset.ignore_index)
        view = dataset.sequence(name)
        for start in range(0, view.length, 8):
            labels = torch.from_numpy(view.label(start, min(start + 8, view.length)))
            scores.update(torch.full_like(labels, label), labels)
        total.merge(scores)
        by_sequence[name] = scores
    return Scores(total, by_sequence)


def commonest_class(dataset: Dataset, sequences: Sequence[str]) -> int:
    """Return the class with the most pixels in some sequences.

    Raises:
        RecipeError: not one pixel has a class.
    """
    counts = np.zeros(256, np.int64)
    for name in sequences:
        view = dataset.sequence(name)
        for start in range(0, view.length, 10):
            counts += np.bincount(view.label(start, start + 1).ravel(), minlength=256)
    known = counts[: dataset.num_classes]
    if not known.any():
        raise RecipeError("not one pixel of the training split has a class.")
    return int(np.argmax(known))
