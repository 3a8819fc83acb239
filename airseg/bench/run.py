"""Run a recipe: train each of its rows, score it, time it, write its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from airseg.bench.data import FrameStore
from airseg.bench.engine import Trained, pick_device, train
from airseg.bench.evaluate import (
    Scores,
    commonest_class,
    score_constant,
    score_split,
    stream_predictions,
)
from airseg.bench.recipe import Recipe, resolve_variant
from airseg.bench.results import (
    CurveResult,
    DatasetResult,
    Result,
    ScoreResult,
    SpeedResult,
    load_result,
    save_result,
)
from airseg.bench.scoring import describe_matrices, describe_scores, motion_source
from airseg.bench.speed import measure_speed
from airseg.dataset.reader import Dataset
from airseg.errors import RecipeError
from airseg.models.base import VideoSegmenter

Progress = Callable[[str, int, int | None], None]


def run_recipe(
    recipe: Recipe,
    dataset: Dataset,
    out: Path,
    progress: Progress,
    *,
    device_name: str | None = None,
    command: str = "",
) -> list[Path]:
    """Make every row of a recipe; rows that are done are kept, unfinished ones continued.

    Args:
        recipe: as loaded.
        dataset: with training frames, and frames in the split to score.
        out: folder of the results; checkpoints and predictions go into a folder a row beside them.
        progress: told about long work.
        device_name: where to compute, or None for CUDA where there is one.
        command: what the user typed, for the record.

    Returns:
        The paths of the results, in the recipe's order.
    """
    device = pick_device(device_name)
    torch.backends.cudnn.benchmark = device.type == "cuda"
    sequences = dataset.split(recipe.evaluate.split)
    if not sequences:
        raise RecipeError(f"the dataset has no sequence in its {recipe.evaluate.split} split.")
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    store: FrameStore | None = None
    for label, row in _rows(recipe):
        run = f"{recipe.name}-{_slug(label)}"
        done = _finished(out, run, row, dataset)
        if done:
            progress(f"{label}: done before", 1, 1)
            paths.append(done)
            continue
        if store is None or store.size != (row.data.height, row.data.width):
            store = FrameStore(dataset, row.data.height, row.data.width)
        folder = out / run
        folder.mkdir(exist_ok=True)
        named = partial(_as_training, progress, label)
        trained = train(row, dataset, folder / "checkpoint.pt", device, named, store)
        paths.append(
            _score(run, label, row, dataset, sequences, trained, device, out, progress, command)
        )
    if recipe.baseline:
        paths.append(_baseline(recipe, dataset, sequences, out, command))
    return paths


def _as_training(progress: Progress, label: str, what: str, done: int, total: int | None) -> None:
    """Tell the progress of a row's training under the row's label."""
    progress(f"{label}: training", done, total)


def _rows(recipe: Recipe) -> list[tuple[str, Recipe]]:
    if not recipe.variants:
        return [(recipe.name, recipe)]
    return [(v.label, resolve_variant(recipe, v)) for v in recipe.variants]


def _finished(out: Path, run: str, recipe: Recipe, dataset: Dataset) -> Path | None:
    """Return the result of a row that was finished before on the same data, if any."""
    path = out / f"{run}.json"
    if not path.exists():
        return None
    found = load_result(path)
    same = found.recipe_hash == recipe.fingerprint()
    return path if same and found.dataset.content_hash == dataset.content_hash else None


def _score(
    run: str,
    label: str,
    recipe: Recipe,
    dataset: Dataset,
    sequences: list[str],
    trained: Trained,
    device: torch.device,
    out: Path,
    progress: Progress,
    command: str,
) -> Path:
    size = (recipe.data.height, recipe.data.width)
    total = sum(dataset.sequence(s).length for s in sequences)
    scored = 0

    def count(frames: int) -> None:
        nonlocal scored
        scored += frames
        progress(f"{label}: scoring", scored, total)

    scores = score_split(
        trained.model, dataset, sequences, size, device, thorough=True, progress=count
    )
    speed = measure_speed(trained.model, *size, device, recipe.evaluate.speed_frames)
    samples = choose_samples(dataset, sequences, recipe.evaluate.samples)
    _save_predictions(out / run, trained.model, dataset, samples, size, device)
    result = Result(
        run=run,
        label=label,
        protocol=recipe.protocol,
        recipe=recipe.model_dump(mode="json"),
        recipe_hash=recipe.fingerprint(),
        dataset=_dataset(dataset, recipe, sequences),
        scores=score_result(scores, dataset),
        speed=SpeedResult(**asdict(speed)),
        curves=CurveResult(loss=trained.curves.loss, validation=trained.curves.validation),
        training_seconds=trained.seconds,
        supervised_frames=trained.supervised_frames,
        samples=samples,
        command=command,
    )
    return save_result(out, result)


def _baseline(
    recipe: Recipe, dataset: Dataset, sequences: list[str], out: Path, command: str
) -> Path:
    """Score the training split's commonest class, predicted everywhere."""
    label = commonest_class(dataset, dataset.split("train"))
    scores = score_constant(dataset, sequences, label, thorough=True)
    result = Result(
        run=f"{recipe.name}-majority-class",
        label=f"majority class ({dataset.class_names[label]})",
        kind="baseline",
        protocol=recipe.protocol,
        recipe=recipe.model_dump(mode="json"),
        recipe_hash=recipe.fingerprint(),
        dataset=_dataset(dataset, recipe, sequences),
        scores=score_result(scores, dataset),
        command=command,
    )
    return save_result(out, result)


def score_result(scores: Scores, dataset: Dataset) -> ScoreResult:
    """Return scores in the form a result has them."""
    if scores.counts:
        views = [dataset.sequence(name) for name in scores.counts]
        return describe_scores(scores.counts, dataset.class_names, motion_source(views))
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


def _save_predictions(
    folder: Path,
    model: VideoSegmenter,
    dataset: Dataset,
    samples: list[tuple[str, int]],
    size: tuple[int, int],
    device: torch.device,
) -> None:
    """Write frame, label and prediction of the samples as PNG files."""
    wanted: dict[str, set[int]] = {}
    for name, index in samples:
        wanted.setdefault(name, set()).add(index)
    for name, indices in wanted.items():
        view = dataset.sequence(name)
        stop = max(indices) + 1
        for start, predictions in stream_predictions(model, view, size, device, frames=stop):
            for index in indices & set(range(start, start + len(predictions))):
                images: dict[str, Any] = {
                    "frame": view.rgb(index, index + 1)[0][..., ::-1],
                    "label": view.label(index, index + 1)[0],
                    "prediction": predictions[index - start],
                }
                for kind, image in images.items():
                    path = folder / f"{name}-{index:06d}-{kind}.png"
                    cv2.imwrite(str(path), np.ascontiguousarray(image))


def _dataset(dataset: Dataset, recipe: Recipe, sequences: list[str]) -> DatasetResult:
    return DatasetResult(
        content_hash=dataset.content_hash,
        split=recipe.evaluate.split,
        sequences={s: dataset.sequence(s).length for s in sequences},
    )


def _slug(text: str) -> str:
    kept = "".join(c if c.isalnum() else "-" for c in text.lower())
    return "-".join(part for part in kept.split("-") if part) or "row"
