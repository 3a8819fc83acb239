"""Run a recipe: train each of its rows, score it, time it, write its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from airseg.bench.frames import FrameStore
from airseg.bench.recipes.recipe import Recipe, Row, rows
from airseg.bench.results.result import (
    CurveResult,
    DatasetResult,
    Result,
    SpeedResult,
    load_result,
    number,
    save_result,
)
from airseg.bench.scoring.evaluate import (
    choose_samples,
    commonest_class,
    score_constant,
    score_result,
    stream_predictions,
)
from airseg.bench.speed.streaming_speed import measure_speed
from airseg.bench.training.engine import Trained, train
from airseg.bench.training.fabric import pick_device, rank
from airseg.bench.training.journal import Journal
from airseg.bench.training.training_protocol import Protocol, protocol_of
from airseg.dataset.reading.reader import Dataset
from airseg.errors import RecipeError, did_you_mean
from airseg.models.base import VideoSegmenter

Progress = Callable[[str, int, int | None], None]
BASELINE = "majority-class"
"""What `only` calls the row of the commonest class."""


@dataclass(frozen=True)
class Surroundings:
    """Where and how a recipe is run; nothing of it decides the result.

    Attributes:
        out: folder of the results; checkpoints and predictions go into a folder a row beside them.
        progress: told about long work.
        device_name: where to compute, or None for CUDA where there is one.
        command: what the user typed, for the record.
        only: labels or runs of the rows to make; empty means all.
        tensorboard: whether curves are written for TensorBoard too.
    """

    out: Path
    progress: Progress
    device_name: str | None = None
    command: str = ""
    only: tuple[str, ...] = ()
    tensorboard: bool = False


def run_recipe(
    recipe: Recipe,
    dataset: Dataset,
    out: Path,
    progress: Progress,
    *,
    device_name: str | None = None,
    command: str = "",
    only: tuple[str, ...] = (),
    tensorboard: bool = False,
) -> list[Path]:
    """Make every row of a recipe; rows that are done are kept, unfinished ones continued.

    Args:
        recipe: as loaded.
        dataset: with training frames, and frames in the split to score.
        out, progress, device_name, command, only, tensorboard: see `Surroundings`.

    Returns:
        The paths of the results, in the recipe's order.
    """
    where = Surroundings(out, progress, device_name, command, only, tensorboard)
    device = pick_device(device_name)
    torch.backends.cudnn.benchmark = device.type == "cuda"
    if recipe.protocol == "fair" and not dataset.split(recipe.evaluate.split):
        raise RecipeError(f"the dataset has no sequence in its {recipe.evaluate.split} split.")
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    store: FrameStore | None = None
    for row in choose_rows(recipe, only):
        done = finished(out, row, dataset)
        if done:
            progress(f"{row.label}: done before", 1, 1)
            paths.append(done)
            continue
        data = row.recipe.data
        if store is None or store.size != (data.height, data.width):
            store = FrameStore(dataset, data.height, data.width)
        path = _make_row(row, dataset, store, device, where)
        if path:
            paths.append(path)
    wanted = not only or BASELINE in only
    if recipe.baseline and recipe.protocol == "fair" and wanted and rank() == 0:
        paths.append(_baseline(recipe, dataset, out, command))
    return paths


def choose_rows(recipe: Recipe, only: tuple[str, ...] = ()) -> list[Row]:
    """Return the rows of a recipe that are asked for by label or run; all if none is.

    Raises:
        RecipeError: there is no such row.
    """
    every = rows(recipe)
    for wanted in set(only) - {BASELINE}:
        names = [n for row in every for n in (row.label, row.run)]
        if wanted not in names:
            labels = list(dict.fromkeys(row.label for row in every))
            hint = did_you_mean(wanted, names) or f" Rows: {', '.join(labels)}."
            raise RecipeError(f"--only {wanted}: {recipe.name} has no such row.{hint}")
    return [row for row in every if not only or row.label in only or row.run in only]


def finished(out: Path, row: Row, dataset: Dataset) -> Path | None:
    """Return the result of a row that was finished before on the same data, if any."""
    path = out / f"{row.run}.json"
    if not path.exists():
        return None
    found = load_result(path)
    same = found.recipe_hash == row.recipe.fingerprint()
    return path if same and found.dataset.content_hash == dataset.content_hash else None


def _make_row(
    row: Row, dataset: Dataset, store: FrameStore, device: torch.device, where: Surroundings
) -> Path | None:
    """Train, score and time a row; of several processes the first one writes the result."""
    folder = where.out / row.run
    folder.mkdir(exist_ok=True)
    journal = Journal(
        folder / "training.csv", folder / "tensorboard" if where.tensorboard else None
    )
    named = partial(_as_training, where.progress, row.label)
    trained = train(row.recipe, dataset, folder / "checkpoint.pt", device, named, store, journal)
    if rank() != 0:
        return None
    protocol = protocol_of(row.recipe, dataset, store)
    return _score(row, dataset, protocol, trained, device, where)


def _as_training(progress: Progress, label: str, what: str, done: int, total: int | None) -> None:
    """Tell the progress of a row's training under the row's label."""
    progress(f"{label}: training", done, total)


def _score(
    row: Row,
    dataset: Dataset,
    protocol: Protocol,
    trained: Trained,
    device: torch.device,
    where: Surroundings,
) -> Path:
    recipe, model = row.recipe, trained.model
    size = (recipe.data.height, recipe.data.width)
    total = protocol.scored_frames(model.memory_depth)
    scored = 0

    def count(frames: int) -> None:
        nonlocal scored
        scored += frames
        where.progress(f"{row.label}: scoring", scored, total)

    scores = protocol.score(model, device, count)
    speed = measure_speed(model, *size, device, recipe.evaluate.speed_frames)
    # Under the paper's protocol there is no frame that was not seen while training.
    shown = [] if protocol.leaks else dataset.split(recipe.evaluate.split)
    samples = choose_samples(dataset, shown, recipe.evaluate.samples)
    _save_predictions(where.out / row.run, model, dataset, samples, size, device)
    split, sequences = protocol.scored_split
    result = Result(
        run=row.run,
        label=row.label,
        protocol=recipe.protocol,
        leaks=protocol.leaks,
        recipe=recipe.model_dump(mode="json"),
        recipe_hash=recipe.fingerprint(),
        dataset=DatasetResult(content_hash=dataset.content_hash, split=split, sequences=sequences),
        scores=score_result(scores, dataset),
        speed=SpeedResult(**asdict(speed)),
        curves=_curves(trained),
        training_seconds=trained.seconds,
        supervised_frames=trained.supervised_frames,
        scored_frames=scored,
        samples=samples,
        command=where.command,
    )
    return save_result(where.out, result)


def _curves(trained: Trained) -> CurveResult:
    curves = trained.curves
    return CurveResult(
        loss=curves.loss,
        validation=[(step, number(v)) for step, v in curves.validation],
        validation_jaccard=[(step, number(v)) for step, v in curves.validation_jaccard],
        training_jaccard=curves.training_jaccard,
        epoch_steps=curves.epoch_steps,
    )


def _baseline(recipe: Recipe, dataset: Dataset, out: Path, command: str) -> Path:
    """Score the training split's commonest class, predicted everywhere."""
    split = recipe.evaluate.split
    sequences = dataset.split(split)
    lengths = {s: dataset.sequence(s).length for s in sequences}
    label = commonest_class(dataset, dataset.split("train"))
    scores = score_constant(dataset, sequences, label, thorough=True)
    result = Result(
        run=f"{recipe.name}-{BASELINE}",
        label=f"majority class ({dataset.class_names[label]})",
        kind="baseline",
        protocol=recipe.protocol,
        recipe=recipe.model_dump(mode="json"),
        recipe_hash=recipe.fingerprint(),
        dataset=DatasetResult(content_hash=dataset.content_hash, split=split, sequences=lengths),
        scores=score_result(scores, dataset),
        scored_frames=sum(lengths.values()),
        command=command,
    )
    return save_result(out, result)


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
