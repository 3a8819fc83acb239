"""Training: one network, one recipe, one dataset; resumable at any step, the same on every run.

What a step does depends on the recipe and the step's number alone: its batch, its augmentation and
its random numbers. A training that goes on from a checkpoint therefore ends as an undisturbed one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from airseg.bench.frames import FrameStore
from airseg.bench.recipes import Recipe
from airseg.bench.training.batches import Batch, Batches, augmentation_of
from airseg.bench.training.checkpoint import TrainingState, load_checkpoint, save_checkpoint
from airseg.bench.training.clip_loss import (
    Outputs,
    class_weights,
    clip_loss,
    label_weight,
    pairs_of,
    truths_of,
)
from airseg.bench.training.fabric import build_fabric, pick_device, world_size
from airseg.bench.training.failures import (
    free_memory,
    is_out_of_memory,
    save_culprit,
    what_would_fit,
)
from airseg.bench.training.journal import Journal
from airseg.bench.training.learner import Learner, build, needs_flow, running_average
from airseg.bench.training.normalization import share_batch_norm
from airseg.bench.training.optimization import build_optimizer, learning_rate, training_lengths
from airseg.bench.training.outcome import Curves, Trained
from airseg.bench.training.training_protocol import Protocol, protocol_of
from airseg.classes import IGNORE_INDEX
from airseg.dataset.reading import Dataset
from airseg.dataset.reading.augmentation import augment, draw_changes
from airseg.errors import RecipeError
from airseg.models.base import VideoSegmenter

__all__ = ["Curves", "Trained", "build", "clip_loss", "learning_rate", "pick_device", "train"]

Progress = Callable[[str, int, int | None], None]
_CURVE_POINTS = 400
_BATCHES_AHEAD = 4


def train(
    recipe: Recipe,
    dataset: Dataset,
    checkpoint: Path,
    device: torch.device,
    progress: Progress,
    store: FrameStore | None = None,
    journal: Journal | None = None,
) -> Trained:
    """Train a recipe's network, or continue from its checkpoint.

    Gradients never cross clips, and the frames a clip's context consists of are not supervised.
    Under torchrun every process calls this; they share each batch, and the first one writes.

    Args:
        recipe: one row's.
        dataset: with a training split.
        checkpoint: where to write; what it holds is continued.
        device: where to compute.
        progress: told about every step.
        store: frames read before, to share between rows of the same size.
        journal: where curves are written as they grow, or None.

    Raises:
        RecipeError: the dataset has no training frames, the loss is no number any more, memory ran
            out, or the checkpoint belongs to another training.
    """
    store = store or FrameStore(dataset, recipe.data.height, recipe.data.width)
    protocol = protocol_of(recipe, dataset, store)
    return _Training(recipe, dataset, protocol, checkpoint, device, progress, journal).run()


class _Training:
    def __init__(
        self,
        recipe: Recipe,
        dataset: Dataset,
        protocol: Protocol,
        checkpoint: Path,
        device: torch.device,
        progress: Progress,
        journal: Journal | None,
    ) -> None:
        self._recipe, self._protocol, self._train = recipe, protocol, recipe.train
        self._checkpoint, self._progress, self._journal = checkpoint, progress, journal
        self._fingerprint = f"{recipe.fingerprint()}-{dataset.content_hash}"
        self._fabric = build_fabric(recipe.train, device)
        self._device = self._fabric.device
        self._model = build(recipe, dataset.num_classes).to(self._device)
        # The founding paper's labels at an eighth are the nearest pixels, edges on edges.
        self._aligned = self._model.align_corners and not protocol.leaks
        if world_size() > 1 and recipe.train.sync_batch_norm:
            share_batch_norm(self._model, self._device)
        self._batches = Batches(
            protocol.source,
            protocol.clips(self._model.training_context),
            recipe.data,
            recipe.train.seed,
            rank=self._fabric.global_rank,
            world_size=self._fabric.world_size,
            fixed=protocol.leaks,  # the founding paper's notebook deals its batches out once
            ahead=_BATCHES_AHEAD if self._device.type == "cuda" else 0,
            with_flow=needs_flow(recipe, self._model),
        )
        self._steps, self._validate_every = training_lengths(recipe, len(self._batches))
        self._weights = class_weights(recipe.loss, dataset.num_classes, protocol.class_counts)
        self._augment = augmentation_of(recipe.data.augment)
        self._optimizer = build_optimizer(recipe.train, self._model)
        self._average = running_average(self._model, recipe.train.ema)
        learner: Any = Learner(self._model, channels_last=recipe.train.channels_last)
        if recipe.train.compile:
            learner = torch.compile(learner)
        self._learner, self._stepper = self._fabric.setup(learner, self._optimizer)
        self._state = TrainingState()

    def run(self) -> Trained:
        found = load_checkpoint(self._checkpoint, self._fingerprint)
        if found is not None:
            self._restore(found)
        state = self._state
        if self._journal and self._fabric.is_global_zero:
            self._journal.open_at(state.step)
        self._began = saved = time.monotonic()
        try:
            for batch in self._batches.from_step(state.step):
                if state.step >= self._steps:
                    break
                self._learn(batch)
                if self._validate_every and state.step % self._validate_every == 0:
                    self._validate()
                # Ctrl-C arrives here, between steps, where the state is whole.
                self._progress(self._recipe.name, state.step, self._steps)
                if time.monotonic() - saved > self._train.checkpoint_every_s:
                    self._save()
                    saved = time.monotonic()
        except KeyboardInterrupt:
            self._save()
            raise
        self._save()
        self._fabric.barrier()
        if self._journal and self._fabric.is_global_zero:
            self._journal.close()
        curves = Curves(
            state.loss,
            state.validation,
            state.validation_jaccard,
            state.training_jaccard,
            len(self._batches),
        )
        return Trained(self._scored_model().eval(), curves, state.seconds, state.frames, state.step)

    def _learn(self, batch: Batch) -> None:
        """Take one optimiser step."""
        state, rate = self._state, learning_rate(self._train, self._state.step, self._steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"]
        torch.manual_seed(self._seed_of_step())
        self._model.train()
        self._stepper.zero_grad(set_to_none=True)
        value = None
        try:
            value = self._gradients(batch)
        except Exception as cause:
            if not is_out_of_memory(cause):
                raise
        if value is None:  # outside of the handler, whose traceback holds on to activations
            raise self._out_of_memory(batch)
        norm = 0.0
        if self._train.clip_gradient:
            norm = float(
                self._fabric.clip_gradients(  # type: ignore[arg-type]
                    self._learner,
                    self._stepper,
                    max_norm=self._train.clip_gradient,
                    error_if_nonfinite=False,
                )
            )
        if self._train.precision == "fp16":
            norm = 0.0  # one that is no number is part of the search for a scale
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise self._not_a_number(batch, value, norm)
        self._stepper.step()
        if self._average is not None:
            self._average.update_parameters(self._model)
        state.step += 1
        state.frames += batch.size * batch.labels.shape[1]
        self._note_loss(value, rate)

    def _gradients(self, batch: Batch) -> float:
        """Add up the gradients of the batch's parts; return the loss of the batch of all."""
        total = torch.zeros((), device=self._device)
        whole: list[Tensor] | None = None
        parts, world = list(batch.parts(self._train.accumulate)), self._fabric.world_size
        # Shared normalisation waits for all processes in every part: with fewer clips, take part.
        while len(parts) < min(self._train.accumulate, -(-batch.size // world)):
            parts.append(parts[-1].without_labels())
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            with nullcontext() if last else self._fabric.no_backward_sync(self._learner):
                frames, labels, flow = self._changed(part)
                outputs = self._learner(frames, flow)
                if whole is None:
                    whole = self._label_weights(outputs, batch)
                share = len(part.clips) / batch.size
                # Processes average their gradients, and these are to be added up.
                loss = world * clip_loss(
                    outputs,
                    labels,
                    self._recipe.loss,
                    self._weights,
                    whole,
                    share,
                    pairs_of(frames, flow, self._recipe.loss),
                    align_corners=self._aligned,
                )
                if self._recipe.loss.reduction == "sum":
                    loss = loss * batch.size
                self._fabric.backward(loss, model=self._learner)
            total += loss.detach()
            self._note_jaccard(outputs, labels)
        if world > 1:
            total = self._fabric.all_reduce(total, reduce_op="mean")  # type: ignore[assignment]
        return float(total)

    def _changed(self, part: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return frames (B, T, h, w, 3), labels (B, S, h, w) and flow, on the device, augmented."""
        frames = part.frames.to(self._device, non_blocking=True)
        labels = part.labels.to(self._device, non_blocking=True)
        if self._augment is not None:
            epoch = self._state.step // len(self._batches)
            changes = draw_changes(part.clips, self._augment, seed=self._train.seed, epoch=epoch)
            moved, labels = augment(frames.movedim(-1, -3), labels, changes, self._augment)
            frames = moved.movedim(-3, -1)
        flow = None if part.flow is None else part.flow.to(self._device, non_blocking=True)
        return frames, labels.long(), flow

    def _label_weights(self, outputs: Outputs, batch: Batch) -> list[Tensor] | None:
        """Return what each output's sum over pixels is divided by: of all parts and processes."""
        if len(batch.clips) == batch.size and self._train.accumulate == 1:
            return None
        labels = self._changed(batch)[1]
        truths = truths_of(outputs, labels, self._recipe.loss, align_corners=self._aligned)
        weights = [label_weight(truth, self._weights) for truth in truths]
        if self._fabric.world_size == 1:
            return weights
        return list(self._fabric.all_reduce(torch.stack(weights), reduce_op="sum"))

    def _seed_of_step(self) -> int:
        """Return a seed that no other step, process or seed of the recipe has."""
        place = [self._train.seed, self._state.step, self._fabric.global_rank]
        return int(np.random.SeedSequence(place).generate_state(1)[0])

    def _note_loss(self, value: float, rate: float) -> None:
        state = self._state
        state.recent.append(value)
        if len(state.recent) >= max(self._steps // _CURVE_POINTS, 1):
            state.loss.append((state.step, float(np.mean(state.recent))))
            state.recent = []
            self._write("loss", state.loss[-1][1], rate)
        if self._protocol.leaks and state.step % len(self._batches) == 0:
            state.training_jaccard.append((state.step, float(np.mean(state.jaccards))))
            state.jaccards = []
            self._write("training_jaccard", state.training_jaccard[-1][1], rate)

    def _note_jaccard(self, outputs: Outputs, labels: Tensor) -> None:
        """Note the founding paper's metric of the frames just trained on, as its curves have it."""
        if not self._protocol.leaks:
            return
        loss = self._recipe.loss
        truth = truths_of(outputs[:1], labels, loss, align_corners=self._aligned)[0]
        known = (truth != IGNORE_INDEX).flatten(2)
        right = (outputs[0][1][:, -labels.shape[1] :].argmax(2) == truth).flatten(2) & known  # type: ignore[index]
        accuracy = right.sum(-1) / known.sum(-1)
        accuracy = accuracy[known.any(-1)]
        self._state.jaccards += (accuracy / (2 - accuracy)).tolist()

    def _validate(self) -> None:
        if self._fabric.is_global_zero:
            model = self._scored_model().eval()
            scores = self._protocol.validate(model, self._device)
            if scores is not None:
                step, rate = (
                    self._state.step,
                    learning_rate(self._train, self._state.step - 1, self._steps),
                )
                self._state.validation.append((step, scores.mean_iou))
                self._state.validation_jaccard.append((step, scores.paper_jaccard))
                self._write("validation_mean_iou", scores.mean_iou, rate)
                self._write("validation_jaccard", scores.paper_jaccard, rate)
        self._fabric.barrier()

    def _write(self, kind: str, value: float, rate: float) -> None:
        if self._journal and self._fabric.is_global_zero:
            seconds = self._state.seconds + time.monotonic() - self._began
            self._journal.add(self._state.step, kind, value, rate, seconds, self._state.frames)

    def _scored_model(self) -> VideoSegmenter:
        return self._model if self._average is None else self._average.module  # type: ignore[return-value]

    def _save(self) -> None:
        state, now = self._state, time.monotonic()
        state.seconds, self._began = state.seconds + now - self._began, now
        if not self._fabric.is_global_zero:
            return
        content = {
            **vars(state),
            "fingerprint": self._fingerprint,
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "precision": self._fabric.strategy.precision.state_dict(),
        }
        if self._average is not None:
            content["average"] = self._average.state_dict()
        save_checkpoint(self._checkpoint, content)

    def _restore(self, found: dict[str, Any]) -> None:
        self._model.load_state_dict(found["model"])
        self._optimizer.load_state_dict(found["optimizer"])
        self._fabric.strategy.precision.load_state_dict(found["precision"])
        if self._average is not None:
            self._average.load_state_dict(found["average"])
        self._state = TrainingState(**{f.name: found[f.name] for f in fields(TrainingState)})

    def _not_a_number(self, batch: Batch, value: float, norm: float) -> RecipeError:
        step = self._state.step
        name = f"nan-step{step}-rank{self._fabric.global_rank}.pt"
        path = save_culprit(self._checkpoint.with_name(name), batch, step, self._model)
        what = f"loss is {value}" if not math.isfinite(value) else f"gradient's norm is {norm}"
        return RecipeError(
            f"{self._recipe.name}: the {what} at step {step}. Its batch and weights are in {path}; "
            "the last checkpoint is kept. Lower train.learning_rate "
            f"({self._train.learning_rate}), or set train.clip_gradient."
        )

    def _out_of_memory(self, batch: Batch) -> RecipeError:
        def attempt(smaller: Batch) -> None:
            try:
                frames, labels, flow = self._changed(smaller)
                outputs = self._learner(frames, flow)
                loss = clip_loss(
                    outputs, labels, self._recipe.loss, self._weights, align_corners=self._aligned
                )
                self._fabric.backward(loss, model=self._learner)
            finally:
                self._optimizer.zero_grad(set_to_none=True)

        self._optimizer.zero_grad(set_to_none=True)
        free_memory()
        part = next(batch.parts(self._train.accumulate))
        advice = what_would_fit(batch, part, attempt, self._fabric.world_size)
        return RecipeError(f"{self._recipe.name}: {advice}")
