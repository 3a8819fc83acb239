"""Run a recipe: train each of its rows, score it, time it, write its result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from filelock import FileLock, Timeout

from airseg.bench.aside import write_aside
from airseg.bench.environment import inspect_environment
from airseg.bench.frames import FrameStore
from airseg.bench.recipes.recipe import Recipe, Row
from airseg.bench.recipes.row_choice import BASELINE, choose_rows
from airseg.bench.results.result import (
    CurveResult,
    DatasetResult,
    Result,
    SelectionResult,
    ValidationResult,
    load_result,
    number,
    save_result,
)
from airseg.bench.scoring.estimated_flow import FlowCache
from airseg.bench.scoring.evaluate import (
    choose_samples,
    commonest_class,
    save_samples,
    score_constant,
    score_result,
)
from airseg.bench.scoring.places import places_of
from airseg.bench.scoring.scored_classes import ScoredClasses, scored_classes
from airseg.bench.selection import select_rows
from airseg.bench.speed.streaming_speed import measure_speed
from airseg.bench.training.engine import Trained, train
from airseg.bench.training.fabric import pick_device, rank
from airseg.bench.training.journal import Journal
from airseg.bench.training.training_protocol import Protocol, protocol_of
from airseg.dataset.reading.reader import Dataset
from airseg.errors import RecipeError

Progress = Callable[[str, int, int | None], None]


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
        select: ``val`` scores only the values of a sweep that validation chose; None scores all.
        flow_cache: folder that keeps the estimated motion of the frames that are scored, for the
            next row; None estimates it for each.
    """

    out: Path
    progress: Progress
    device_name: str | None = None
    command: str = ""
    only: tuple[str, ...] = ()
    tensorboard: bool = False
    select: Literal["val"] | None = None
    flow_cache: Path | None = None

    @property
    def cache(self) -> FlowCache | None:
        """The folder of estimated motion, where one is given."""
        return FlowCache(self.flow_cache) if self.flow_cache else None


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
    select: Literal["val"] | None = None,
    flow_cache: Path | None = None,
) -> list[Path]:
    """Make every row of a recipe; rows that are done are kept, unfinished ones continued.

    Args:
        recipe: as loaded.
        dataset: with training frames, and frames in the split to score.
        out, progress, device_name, command, only, tensorboard, select, flow_cache: see
            `Surroundings`.

    Returns:
        The paths of the results, in the recipe's order.

    Raises:
        RecipeError: a row cannot be made, or another process is making it.
        DatasetError: nothing is in the split to score, to choose by or to train on.
    """
    where = Surroundings(out, progress, device_name, command, only, tensorboard, select, flow_cache)
    device = pick_device(device_name)
    torch.backends.cudnn.benchmark = device.type == "cuda"
    if select == recipe.evaluate.split:
        raise RecipeError(
            f"--select {select}: evaluate.split is {select}, too: what is chosen by these flights "
            "would do better on them than on others. Set evaluate.split=test."
        )
    if recipe.protocol == "fair":
        for split in (recipe.evaluate.split, *([select] if select else [])):
            dataset.needed_split(split)
    out.mkdir(parents=True, exist_ok=True)
    if flow_cache is not None:  # whether it can be is told before hours of training
        flow_cache.mkdir(parents=True, exist_ok=True)
    paths = []
    workshop = _Workshop(dataset, device, where)
    chosen = choose_rows(recipe, only)
    selected: dict[str, SelectionResult] = {}
    if select is not None:
        chosen, selected = select_rows(chosen, workshop.validate)
    for row in chosen:
        done = out / f"{row.run}.json"
        if is_finished(done, row.recipe, dataset):
            progress(f"{row.label}: done before", 1, 1)
            paths.append(done)
            continue
        path = workshop.make(row, selected.get(row.run))
        if path:
            paths.append(path)
    wanted = not only or BASELINE in only
    if recipe.baseline and recipe.protocol == "fair" and wanted and rank() == 0:
        paths.append(_baseline(recipe, dataset, where))
    return paths


def is_finished(path: Path, recipe: Recipe, dataset: Dataset) -> bool:
    """Return whether a row's result is there, of the same recipe on the same data."""
    if not path.exists():
        return False
    found = load_result(path)
    same = found.recipe_hash == recipe.fingerprint()
    return same and found.dataset.content_hash == dataset.content_hash


def lengths(dataset: Dataset, sequences: Iterable[str]) -> dict[str, int]:
    """Return the frames of each of some flights."""
    return {name: dataset.sequence(name).length for name in sequences}


def frame_sizes(dataset: Dataset, sequences: Iterable[str]) -> list[str]:
    """Return the sizes of the frames of some flights, width x height, each once."""
    views = [dataset.sequence(name) for name in sequences]
    return sorted({f"{view.width}x{view.height}" for view in views})


class _Workshop:
    """Trains rows and scores them; frames are shared among rows of one size."""

    def __init__(self, dataset: Dataset, device: torch.device, where: Surroundings) -> None:
        self._dataset, self._device, self._where = dataset, device, where
        self._store: FrameStore | None = None

    def make(self, row: Row, selection: SelectionResult | None) -> Path | None:
        """Train, score and time a row; of several processes the first one writes the result."""
        with self._locked(row) as folder:
            trained, protocol = self._train(row, folder)
            if rank() != 0:
                return None
            return _score(
                row, self._dataset, protocol, trained, self._device, self._where, selection
            )

    def validate(self, row: Row) -> float | None:
        """Train a row and return its validation score; the test flights are not looked at."""
        path = self._where.out / row.run / "validation.json"
        made_of = f"{row.recipe.fingerprint()}-{self._dataset.content_hash}"
        kept = _kept_validation(path, made_of)
        if kept is None:
            with self._locked(row) as folder:
                trained, protocol = self._train(row, folder)
                model = trained.model
                frames = protocol.validated_frames(model.memory_depth)
                told = _Counted(self._where.progress, row.label, "validating", frames)
                kept = protocol.validation(model, self._device, told)
            assert kept is not None, "flights to validate on were asked for at the start"
            if rank() == 0:
                content = {"made_of": made_of, "validation": kept.model_dump(mode="json")}
                write_aside(path, (json.dumps(content, indent=1) + "\n").encode())
        return kept.mean_iou

    def _train(self, row: Row, folder: Path) -> tuple[Trained, Protocol]:
        where, data = self._where, row.recipe.data
        if self._store is None or self._store.size != (data.height, data.width):
            self._store = FrameStore(self._dataset, data.height, data.width)
        journal = Journal(
            folder / "training.csv", folder / "tensorboard" if where.tensorboard else None
        )
        named = partial(_as_training, where.progress, row.label)
        checkpoint = folder / "checkpoint.pt"
        trained = train(
            row.recipe, self._dataset, checkpoint, self._device, named, self._store, journal
        )
        return trained, protocol_of(row.recipe, self._dataset, self._store)

    @contextmanager
    def _locked(self, row: Row) -> Iterator[Path]:
        """Yield a row's folder, which no other run writes into meanwhile."""
        folder = self._where.out / row.run
        folder.mkdir(exist_ok=True)
        if rank() != 0:  # of one run, whose first process has the lock
            yield folder
            return
        lock = FileLock(folder / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise RecipeError(
                f"{folder}: another run is making this row. Wait for it, or choose another --out."
            ) from None
        try:
            yield folder
        finally:
            lock.release()


def _kept_validation(path: Path, made_of: str) -> ValidationResult | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["made_of"] == made_of:
            return ValidationResult.model_validate(content["validation"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # none yet, or cut off: it is made again
    return None


class _Counted:
    """Adds up the frames that a stage of a row has done, and tells how many there are.

    Args:
        progress: told; label: of the row; stage: what is being done.
        total: frames in all.
    """

    def __init__(self, progress: Progress, label: str, stage: str, total: int) -> None:
        self._progress, self._what, self._total = progress, f"{label}: {stage}", total
        self.done = 0

    def __call__(self, frames: int) -> None:
        self.done += frames
        self._progress(self._what, self.done, self._total)


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
    selection: SelectionResult | None,
) -> Path:
    recipe, model = row.recipe, trained.model
    size = (recipe.data.height, recipe.data.width)
    told = partial(_Counted, where.progress, row.label)
    scoring = told("scoring", protocol.scored_frames(model.memory_depth))
    scores = protocol.score(model, device, scoring, where.cache)
    speed = measure_speed(
        model,
        *size,
        device,
        recipe.evaluate.speed_frames,
        lambda done, total: where.progress(f"{row.label}: timing", done, total),
    )
    # Under the paper's protocol there is no frame that was not seen while training.
    shown = [] if protocol.leaks else dataset.split(recipe.evaluate.split)
    samples = choose_samples(dataset, shown, recipe.evaluate.samples)
    save_samples(
        where.out / row.run, model, dataset, samples, size, device, partial(told, "saving samples")
    )
    validation = protocol.validation(
        model, device, told("validating", protocol.validated_frames(model.memory_depth))
    )
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
        speed=speed,
        curves=_curves(trained),
        training_seconds=trained.seconds,
        steps=trained.steps,
        supervised_frames=trained.supervised_frames,
        scored_frames=scoring.done,
        trained={} if protocol.leaks else lengths(dataset, dataset.split("train")),
        frame_sizes=frame_sizes(dataset, sequences),
        validation=validation,
        places={} if protocol.leaks else places_of(dataset, split),
        swept=[] if selection else list(row.swept),
        selection=selection,
        environment=inspect_environment(device),
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


def _baseline(recipe: Recipe, dataset: Dataset, where: Surroundings) -> Path:
    """Score the training split's commonest class, predicted everywhere, where that is not done."""
    run = f"{recipe.name}-{BASELINE}"
    done = where.out / f"{run}.json"
    if is_finished(done, recipe, dataset):
        where.progress("majority class: done before", 1, 1)
        return done
    split = recipe.evaluate.split
    sequences = dataset.split(split)
    scored_lengths = lengths(dataset, sequences)
    label = commonest_class(dataset, dataset.split("train"))
    scoring = _Counted(where.progress, "majority class", "scoring", sum(scored_lengths.values()))
    scored = scored_classes(recipe.evaluate, dataset)
    scores = score_constant(
        dataset,
        sequences,
        label,
        thorough=True,
        scored=scored,
        flow_cache=where.cache,
        progress=scoring,
    )
    result = Result(
        run=run,
        label=f"majority class ({dataset.class_names[label]})",
        kind="baseline",
        protocol=recipe.protocol,
        recipe=recipe.model_dump(mode="json"),
        recipe_hash=recipe.fingerprint(),
        dataset=DatasetResult(
            content_hash=dataset.content_hash, split=split, sequences=scored_lengths
        ),
        scores=score_result(scores, dataset),
        scored_frames=sum(scored_lengths.values()),
        trained=lengths(dataset, dataset.split("train")),
        frame_sizes=frame_sizes(dataset, sequences),
        validation=_validation_of_constant(dataset, label, scored),
        places=places_of(dataset, split),
        command=where.command,
    )
    return save_result(where.out, result)


def _validation_of_constant(
    dataset: Dataset, label: int, scored: ScoredClasses | None
) -> ValidationResult | None:
    names = dataset.split("val")
    if not names:
        return None
    found = score_constant(dataset, names, label, scored=scored)
    return ValidationResult(
        mean_iou=number(found.total.mean_iou),
        sequences={n: number(m.mean_iou) for n, m in found.by_sequence.items()},
        frames=sum(dataset.sequence(n).length for n in names),
    )
