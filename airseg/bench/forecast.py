"""What a recipe would take, before any of it is done: frames, steps, time and disk of each row."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from airseg.bench.frames import FrameStore
from airseg.bench.recipes.recipe import Recipe, Row, apply_settings
from airseg.bench.recipes.row_choice import choose_rows
from airseg.bench.run import is_finished
from airseg.bench.training.batches import Batches
from airseg.bench.training.engine import train
from airseg.bench.training.fabric import pick_device
from airseg.bench.training.optimization import training_lengths
from airseg.bench.training.training_protocol import protocol_of
from airseg.dataset.reading import Dataset
from airseg.models.base import VideoSegmenter
from airseg.models.label_maps import label_map

_STEPS = 3


@dataclass(frozen=True)
class RowForecast:
    """What one row would take.

    Attributes:
        label: of the row.
        done: whether its result is there already; the rest is then 0.
        clips: of the training split; steps: of the optimiser; supervised: frames in all of them.
        scored: frames of the split that is scored.
        step_s: measured seconds of a step; frame_s: of scoring a frame, as measured.
        disk_bytes: of the checkpoint, the largest file that is kept.
    """

    label: str
    done: bool = False
    clips: int = 0
    steps: int = 0
    supervised: int = 0
    scored: int = 0
    step_s: float = 0.0
    frame_s: float = 0.0
    disk_bytes: int = 0

    @property
    def seconds(self) -> float:
        """Return how long training and scoring would take here."""
        return self.steps * self.step_s + self.scored * self.frame_s


def forecast(
    recipe: Recipe,
    dataset: Dataset,
    out: Path,
    *,
    device_name: str | None = None,
    only: tuple[str, ...] = (),
) -> Iterator[RowForecast]:
    """Yield what each row would take, measured on a few steps and frames of its own.

    Validations, speeds and reading frames for the first time are not in the seconds.

    Args:
        recipe, dataset, out, device_name, only: as for `run_recipe`; nothing is written.

    Raises:
        RecipeError: a row could not be made either.
    """
    device, store = pick_device(device_name), None
    for row in choose_rows(recipe, only):
        if is_finished(out / f"{row.run}.json", row.recipe, dataset):
            yield RowForecast(row.label, done=True)
            continue
        size = (row.recipe.data.height, row.recipe.data.width)
        if store is None or store.size != size:
            store = FrameStore(dataset, *size)
        with tempfile.TemporaryDirectory() as folder:
            yield _measure(row, dataset, store, device, Path(folder))


def _measure(
    row: Row, dataset: Dataset, store: FrameStore, device: torch.device, folder: Path
) -> RowForecast:
    """Train a row for a few steps in a folder that is thrown away, and score a few frames."""
    recipe, times = row.recipe, []
    protocol = protocol_of(recipe, dataset, store)
    few = {"train.steps": _STEPS, "train.epochs": None, "train.warmup_steps": 0}
    shortened = apply_settings(recipe, {**few, "train.validate_every": 0}, "--dry-run")
    checkpoint = folder / "checkpoint.pt"

    def note(what: str, done: int, total: int | None) -> None:
        times.append(time.perf_counter())

    model = train(shortened, dataset, checkpoint, device, note, store).model
    clips = protocol.clips(model.training_context)
    batches = Batches(protocol.source, clips, recipe.data, recipe.train.seed)
    steps, _ = training_lengths(recipe, len(batches))
    return RowForecast(
        row.label,
        clips=len(clips),
        steps=steps,
        supervised=recipe.data.targets * _clips_dealt(steps, len(batches), len(clips), recipe),
        scored=protocol.scored_frames(model.memory_depth),
        step_s=times[-1] - times[-2],  # the first ones compile and allocate
        frame_s=_frame_seconds(model, recipe, dataset, device),
        disk_bytes=checkpoint.stat().st_size,
    )


def _clips_dealt(steps: int, batches: int, clips: int, recipe: Recipe) -> int:
    """Return how many clips some steps see; the last batch of an epoch has what is left."""
    epochs, rest = divmod(steps, batches)
    return epochs * clips + min(rest * recipe.data.clips_per_batch, clips)


def _frame_seconds(
    model: VideoSegmenter, recipe: Recipe, dataset: Dataset, device: torch.device
) -> float:
    """Return the seconds of the last of three frames of a stream, to a label map."""
    view = dataset.sequence(dataset.sequences[0])
    frame = torch.rand(1, 1, 3, recipe.data.height, recipe.data.width, device=device)
    memory, took = None, 0.0
    model.eval()
    exact = (torch.zeros_like(frame[:, :, :2]),) if model.wants_flow else ()
    with torch.inference_mode():
        for _ in range(3):
            began = _now(device)
            logits, memory = model.coarse(frame, memory, *exact)
            label_map(logits, (view.height, view.width), frame_size=frame.shape[-2:]).cpu()
            took = _now(device) - began
    return took


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
