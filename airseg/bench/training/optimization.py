"""Optimisers and their learning rate."""

from __future__ import annotations

import math

import torch

from airseg.bench.recipes.recipe import TrainRecipe
from airseg.models.base import VideoSegmenter

_WARM_UP_FROM = 1e-5


def build_optimizer(train: TrainRecipe, model: VideoSegmenter) -> torch.optim.Optimizer:
    """Return a recipe's optimiser of all of a network's parameters."""
    rate, decay = train.learning_rate, train.weight_decay
    if train.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), rate, train.momentum, weight_decay=decay)
    kind = torch.optim.Adam if train.optimizer == "adam" else torch.optim.AdamW
    return kind(model.parameters(), rate, weight_decay=decay)


def learning_rate(train: TrainRecipe, step: int, steps: int | None = None) -> float:
    """Return the learning rate of a step.

    Args:
        train: schedule and warm-up; the schedule begins after the warm-up and spans what is left.
        step: counted from 0.
        steps: of the whole training; the recipe's if None.
    """
    steps = train.steps if steps is None else steps
    if step < train.warmup_steps:
        share = (step + 1) / train.warmup_steps
        if train.warmup == "exponential" and train.learning_rate > _WARM_UP_FROM:
            return _WARM_UP_FROM * (train.learning_rate / _WARM_UP_FROM) ** share
        return train.learning_rate * share
    done = (step - train.warmup_steps) / max(steps - train.warmup_steps, 1)
    if train.schedule == "poly":
        return train.learning_rate * max(1 - done, 1e-3) ** train.power
    if train.schedule == "cosine":
        return train.learning_rate * (0.5 + 0.5 * math.cos(math.pi * min(done, 1.0)) + 1e-4)
    return train.learning_rate
