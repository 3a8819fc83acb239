"""Training: one network, one recipe, one dataset; resumable at any step, the same on every run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from airseg.bench.checkpoint import load_checkpoint, save_checkpoint
from airseg.bench.data import Batches, FrameStore
from airseg.bench.evaluate import score_split
from airseg.bench.losses import inconsistency_loss
from airseg.bench.recipe import LossRecipe, Recipe, TrainRecipe
from airseg.bench.weights import load_weights
from airseg.dataset.reader import Dataset
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.models.base import VideoSegmenter, upsample

Progress = Callable[[str, int, int | None], None]
_CURVE_POINTS = 400


@dataclass(frozen=True)
class Curves:
    """What happened while training.

    Attributes:
        loss: (step, mean training loss since the point before).
        validation: (step, class-mean IoU on the validation split).
    """

    loss: list[tuple[int, float]]
    validation: list[tuple[int, float]]


@dataclass(frozen=True)
class Trained:
    """A trained network and how it got there.

    Attributes:
        model: in evaluation mode.
        curves: of the whole training, earlier runs included.
        seconds: wall time, earlier runs included; supervised_frames: how many were trained on.
    """

    model: VideoSegmenter
    curves: Curves
    seconds: float
    supervised_frames: int


def pick_device(name: str | None = None) -> torch.device:
    """Return the device of a name, or CUDA where there is one, else the CPU.

    Raises:
        RecipeError: the name is no device, or there is no such device here.
    """
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as cause:
        reason = str(cause).strip().splitlines()[0]
        raise RecipeError(f"--device {name}: cannot be used here ({reason}).") from None
    return device


def build(recipe: Recipe, num_classes: int) -> VideoSegmenter:
    """Build a recipe's network, initialised from its seed."""
    torch.manual_seed(recipe.train.seed)
    model = build_model(recipe.model.name, num_classes, **recipe.model.options)
    load_weights(model, recipe.model.weights)
    return model


def train(
    recipe: Recipe,
    dataset: Dataset,
    checkpoint: Path,
    device: torch.device,
    progress: Progress,
    store: FrameStore | None = None,
) -> Trained:
    """Train a recipe's network, or continue from its checkpoint.

    Gradients never cross clips, and the frames a clip's context consists of are not supervised.

    Args:
        recipe: one row's.
        dataset: with a training split.
        checkpoint: where to write; what it holds is continued.
        device: where to compute.
        progress: told about every step.
        store: frames read before, to share between rows of the same size.

    Raises:
        RecipeError: the dataset has no training frames, the loss is no number any more, or the
            checkpoint belongs to another training.
    """
    return _Training(recipe, dataset, checkpoint, device, progress, store).run()


class _Training:
    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        checkpoint: Path,
        device: torch.device,
        progress: Progress,
        store: FrameStore | None,
    ) -> None:
        self._recipe, self._dataset, self._device = recipe, dataset, device
        self._checkpoint, self._progress = checkpoint, progress
        self._fingerprint = f"{recipe.fingerprint()}-{dataset.content_hash}"
        names = dataset.split("train")
        if not names:
            raise RecipeError("the dataset has no sequence in its training split.")
        lengths = {n: dataset.sequence(n).length for n in names}
        self._store = store or FrameStore(dataset, recipe.data.height, recipe.data.width)
        self._model = build(recipe, dataset.num_classes).to(device)
        self._batches = Batches(
            self._store, lengths, recipe.data, self._model.memory_depth, recipe.train.seed
        )
        self._optimizer = _optimizer(recipe.train, self._model)
        self._weights = _class_weights(recipe.loss, self._store, lengths, dataset)
        self._step, self._seconds, self._frames = 0, 0.0, 0
        self._loss: list[tuple[int, float]] = []
        self._validation: list[tuple[int, float]] = []
        self._recent: list[float] = []

    def run(self) -> Trained:
        state = load_checkpoint(self._checkpoint, self._fingerprint)
        if state is not None:
            self._restore(state)
        train = self._recipe.train
        began = saved = time.monotonic()
        self._began = began
        try:
            for frames, labels in self._batches.from_step(self._step):
                if self._step >= train.steps:
                    break
                self._learn(frames, labels)
                self._step += 1
                if train.validate_every and self._step % train.validate_every == 0:
                    self._validate()
                # Ctrl-C arrives here, between steps, where the state is whole.
                self._progress(self._recipe.name, self._step, train.steps)
                if time.monotonic() - saved > train.checkpoint_every_s:
                    self._save()
                    saved = time.monotonic()
        except KeyboardInterrupt:
            self._save()
            raise
        self._save()
        curves = Curves(self._loss, self._validation)
        return Trained(self._model.eval(), curves, self._seconds, self._frames)

    def _learn(self, frames: Tensor, labels: Tensor) -> None:
        """Take one optimiser step on a batch of clips."""
        train = self._recipe.train
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(train, self._step)
        self._model.train()
        outputs, _ = self._model.training_outputs(frames.to(self._device))
        loss = clip_loss(outputs, labels.to(self._device), self._recipe.loss, self._weights)
        value = float(loss.detach())
        if not np.isfinite(value):
            raise RecipeError(
                f"{self._recipe.name}: the loss is {value} at step {self._step}. The last "
                f"checkpoint is kept. Lower train.learning_rate ({train.learning_rate}), or set "
                "train.clip_gradient."
            )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if train.clip_gradient:
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), train.clip_gradient)
        self._optimizer.step()
        self._frames += labels.shape[0] * labels.shape[1]
        self._recent.append(value)
        if len(self._recent) >= max(train.steps // _CURVE_POINTS, 1):
            self._loss.append((self._step + 1, float(np.mean(self._recent))))
            self._recent = []

    def _validate(self) -> None:
        names = self._dataset.split("val")
        if not names:
            return
        self._model.eval()
        data = self._recipe.data
        scores = score_split(
            self._model,
            self._dataset,
            names,
            (data.height, data.width),
            self._device,
            frames=self._recipe.train.validation_frames,
        )
        self._validation.append((self._step, scores.total.mean_iou))

    def _save(self) -> None:
        now = time.monotonic()
        self._seconds, self._began = self._seconds + now - self._began, now
        state = {
            "fingerprint": self._fingerprint,
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self._step,
            "seconds": self._seconds,
            "frames": self._frames,
            "loss": self._loss,
            "validation": self._validation,
            "recent": self._recent,
            "random": torch.get_rng_state(),
        }
        save_checkpoint(self._checkpoint, state)

    def _restore(self, state: dict) -> None:
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._step, self._seconds, self._frames = state["step"], state["seconds"], state["frames"]
        self._loss = [tuple(p) for p in state["loss"]]
        self._validation = [tuple(p) for p in state["validation"]]
        self._recent = list(state["recent"])
        torch.set_rng_state(state["random"])


def clip_loss(
    outputs: list[tuple[float, Tensor]], labels: Tensor, recipe: LossRecipe, weights: Tensor | None
) -> Tensor:
    """Return the loss of a batch of clips; context frames are left out.

    Args:
        outputs: weighted logits (B, T, C, h, w); the last S frames of T are supervised.
        labels: (B, S, H, W) int64, 255 does not count.
        recipe: at which resolution to compare.
        weights: (C,) class weights, or None.
    """
    supervised = labels.shape[1]
    total = labels.new_zeros((), dtype=torch.float32)
    for share, logits in outputs:
        chosen, truth = logits[:, -supervised:], labels
        if recipe.resolution == "full":
            chosen = upsample(chosen, labels.shape[-2:])
        else:
            truth = functional.interpolate(labels.float(), chosen.shape[-2:], mode="nearest-exact")
            truth = truth.long()
        weight = None if weights is None else weights.to(chosen.device)
        loss = functional.cross_entropy(
            chosen.flatten(0, 1).float(), truth.flatten(0, 1), weight, ignore_index=255
        )
        total = total + share * loss
        if recipe.inconsistency and logits is outputs[0][1]:
            total = total + recipe.inconsistency * inconsistency_loss(
                chosen, truth, recipe.inconsistency_form, recipe.inconsistency_power
            )
    return total


def learning_rate(train: TrainRecipe, step: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    if step < train.warmup_steps:
        return train.learning_rate * (step + 1) / train.warmup_steps
    done = (step - train.warmup_steps) / max(train.steps - train.warmup_steps, 1)
    if train.schedule == "poly":
        return train.learning_rate * max(1 - done, 1e-3) ** 0.9
    if train.schedule == "cosine":
        return train.learning_rate * (0.5 + 0.5 * np.cos(np.pi * min(done, 1.0)) + 1e-4)
    return train.learning_rate


def _optimizer(train: TrainRecipe, model: VideoSegmenter) -> torch.optim.Optimizer:
    rate, decay = train.learning_rate, train.weight_decay
    if train.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), rate, train.momentum, weight_decay=decay)
    kind = torch.optim.Adam if train.optimizer == "adam" else torch.optim.AdamW
    return kind(model.parameters(), rate, weight_decay=decay)


def _class_weights(
    loss: LossRecipe, store: FrameStore, lengths: dict[str, int], dataset: Dataset
) -> Tensor | None:
    if loss.class_weights == "none":
        return None
    counts = np.zeros(256, np.int64)
    for name, length in lengths.items():
        _, labels = store.frames(name, range(0, length, 10))
        counts += np.bincount(labels.ravel(), minlength=256)
    share = counts[: dataset.num_classes] / max(counts[: dataset.num_classes].sum(), 1)
    weights = 1 / np.sqrt(np.maximum(share, 1e-3))
    return torch.tensor(weights / weights.mean(), dtype=torch.float32)
