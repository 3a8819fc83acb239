"""Scoring: stream every frame of a split through a network and compare at the labels' own size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from airseg.bench.frames import resize_frame, to_model
from airseg.bench.metrics.confusion import ConfusionMatrix
from airseg.bench.metrics.sequence_scorer import SequenceScorer
from airseg.bench.results.result import ScoreResult
from airseg.bench.scoring.estimated_flow import FlowCache, estimated_motions
from airseg.bench.scoring.sample_pictures import save_sample
from airseg.bench.scoring.scored_classes import ScoredClasses
from airseg.bench.scoring.scoring import (
    describe_matrices,
    describe_scores,
    motion_source,
    motions,
)
from airseg.dataset.reading.reader import Dataset, SequenceView
from airseg.errors import RecipeError
from airseg.models.base import VideoSegmenter
from airseg.models.label_maps import label_map

_CHUNK = 4


@dataclass(frozen=True)
class Scores:
    """Scores of a split.

    Attributes:
        total, by_sequence: confusion matrices of all its frames together, and of each sequence.
        counts: of each sequence, everything `airseg.bench.metrics` counts; empty where only the
            matrices were asked for.
    """

    total: ConfusionMatrix
    by_sequence: dict[str, ConfusionMatrix]
    counts: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


def score_split(
    model: VideoSegmenter,
    dataset: Dataset,
    sequences: Sequence[str],
    size: tuple[int, int],
    device: torch.device,
    *,
    frames: int | None = None,
    thorough: bool = False,
    scored: ScoredClasses | None = None,
    flow_cache: FlowCache | None = None,
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
        thorough: count what the temporal and boundary metrics need, too.
        scored: which classes count, and as what; all as themselves if None.
        flow_cache: keeps estimated motion, which is the same for every network.
        progress: told how many frames are scored.
    """

    def predict(view: SequenceView) -> Iterator[tuple[int, np.ndarray]]:
        return stream_predictions(model, view, size, device, frames=frames)

    return score_predictions(
        predict,
        dataset,
        sequences,
        frames=frames,
        thorough=thorough,
        scored=scored,
        flow_cache=flow_cache,
        progress=progress,
    )


def score_predictions(
    predict: Callable[[SequenceView], Iterator[tuple[int, np.ndarray]]],
    dataset: Dataset,
    sequences: Sequence[str],
    *,
    frames: int | None = None,
    thorough: bool = True,
    scored: ScoredClasses | None = None,
    flow_cache: FlowCache | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Scores:
    """Score predictions from anywhere.

    Args:
        predict: from a sequence to its predictions in order: first frame number, (T, H, W) uint8.
        dataset, sequences, frames, thorough, scored, flow_cache, progress: see `score_split`.
    """
    total = ConfusionMatrix(dataset.num_classes, dataset.ignore_index)
    by_sequence, counts = {}, {}
    for name in sequences:
        view = dataset.sequence(name)
        matrix = ConfusionMatrix(dataset.num_classes, dataset.ignore_index)
        scorer = SequenceScorer(dataset.num_classes, dataset.ignore_index)
        moving = (
            zip(motions(view, frames), estimated_motions(view, frames, flow_cache), strict=True)
            if thorough
            else None
        )
        for start, predictions in predict(view):
            labels = view.label(start, start + len(predictions))
            if scored is not None:
                predictions, labels = scored.predictions[predictions], scored.labels[labels]
            matrix.update(torch.from_numpy(predictions), torch.from_numpy(labels))
            if moving is not None:
                for prediction, label in zip(predictions, labels, strict=True):
                    scorer.update(prediction, label, *next(moving))
            progress(len(predictions))
        total.merge(matrix)
        by_sequence[name] = matrix
        if thorough:
            counts[name] = scorer.counts()
    return Scores(total, by_sequence, counts)


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
    moving = _exact_flows(view, size, stop) if model.wants_flow else None
    for start in range(0, stop, _CHUNK):
        end = min(start + _CHUNK, stop)
        rgb = np.stack([resize_frame(f, size) for f in view.rgb(start, end)])
        exact: tuple[torch.Tensor, ...] = ()
        if moving is not None:
            flow = np.stack([next(moving) for _ in range(start, end)])
            exact = (torch.from_numpy(flow)[None].to(device),)
        with torch.inference_mode():
            logits, memory = model.coarse(to_model(rgb)[None].to(device), memory, *exact)
            labels = label_map(
                logits,
                (view.height, view.width),
                align_corners=model.align_corners,
                frame_size=size,
            )
        yield start, labels[0].cpu().numpy()


def _exact_flows(view: SequenceView, size: tuple[int, int], stop: int) -> Iterator[np.ndarray]:
    """Yield each frame's way back as networks take it: (2, h, w), NaN where nobody knows.

    Raises:
        RecipeError: the sequence has no motion.
    """
    if motion_source([view]) is None:
        raise RecipeError(
            f"{view.name}: the network wants exact flow, which is made of depth, poses and "
            "a camera, and it lacks some. Record with depth, and relabel without --no-depth."
        )
    for motion in motions(view, stop):
        yield np.full((2, *size), np.nan, np.float32) if motion is None else motion.flow(size)


def score_constant(
    dataset: Dataset,
    sequences: Sequence[str],
    label: int,
    *,
    thorough: bool = False,
    scored: ScoredClasses | None = None,
    flow_cache: FlowCache | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Scores:
    """Score the prediction of one class everywhere: what any network must beat.

    See `score_split` for the arguments.
    """

    def predict(view: SequenceView) -> Iterator[tuple[int, np.ndarray]]:
        for start in range(0, view.length, _CHUNK):
            count = min(_CHUNK, view.length - start)
            yield start, np.full((count, view.height, view.width), label, np.uint8)

    return score_predictions(
        predict,
        dataset,
        sequences,
        thorough=thorough,
        scored=scored,
        flow_cache=flow_cache,
        progress=progress,
    )


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


def score_result(scores: Scores, dataset: Dataset) -> ScoreResult:
    """Return scores in the form a result has them."""
    if scores.counts:
        views = [dataset.sequence(name) for name in scores.counts]
        return describe_scores(scores.counts, dataset.class_names, motion_source(views))  # type: ignore[arg-type]
    return describe_matrices(scores.total, scores.by_sequence, dataset.class_names)


def choose_samples(dataset: Dataset, sequences: list[str], count: int) -> list[tuple[str, int]]:
    """Return frames to show, spread evenly over the sequences: (sequence, frame number)."""
    samples = []
    for i in range(count):
        name = sequences[i % len(sequences)]
        length = dataset.sequence(name).length
        turn, turns = i // len(sequences), -(-count // len(sequences))
        samples.append((name, min(int(length * (turn + 0.5) / turns), length - 1)))
    return samples


def save_samples(
    folder: Path,
    model: VideoSegmenter,
    dataset: Dataset,
    samples: list[tuple[str, int]],
    size: tuple[int, int],
    device: torch.device,
    told: Callable[[int], Callable[[int], None]],
) -> None:
    """Stream a network to some frames, and write frame, label and prediction of each as PNG files.

    Args:
        folder: where to write.
        model: in evaluation mode.
        dataset: where the frames are.
        samples: sequence and frame number of each.
        size: (height, width) of what the network sees.
        device: where to compute.
        told: makes what is told how many frames have been streamed, of how many it is given.
    """
    wanted: dict[str, set[int]] = {}
    for name, index in samples:
        wanted.setdefault(name, set()).add(index)
    streamed = told(sum(max(indices) + 1 for indices in wanted.values()))
    for name, indices in wanted.items():
        view = dataset.sequence(name)
        stop = max(indices) + 1
        for start, predictions in stream_predictions(model, view, size, device, frames=stop):
            for index in indices & set(range(start, start + len(predictions))):
                save_sample(folder, view, index, predictions[index - start])
            streamed(len(predictions))
