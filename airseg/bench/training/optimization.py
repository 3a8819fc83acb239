"""Optimisers and their learning rate."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from airseg.bench.recipes.recipe import Recipe, TrainRecipe
from airseg.errors import RecipeError
from airseg.models.base import VideoSegmenter

_WARM_UP_FROM = 1e-5
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def build_optimizer(train: TrainRecipe, model: VideoSegmenter) -> torch.optim.Optimizer:
    """Return a recipe's optimiser of all of a network's parameters.

    Groups of parameters carry ``rate_factor``, how many times the schedule's rate they learn at.
    """
    rate, decay = train.learning_rate, train.weight_decay
    groups = parameter_groups(train, model)
    if train.optimizer == "sgd":
        return torch.optim.SGD(groups, rate, train.momentum, weight_decay=decay)
    kind = torch.optim.Adam if train.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, rate, weight_decay=decay)


def parameter_groups(train: TrainRecipe, model: VideoSegmenter) -> list[dict[str, Any]]:
    """Divide parameters by how they are trained, as SegFormer's and TV3S' code does.

    Everything outside the backbone is the head: it learns at `head_rate` times the rate, and all of
    it decays. In the backbone, normalisation decays only if `norm_decay` says so.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    norms = {
        id(p)
        for module in model.modules()
        if isinstance(module, _NORMS)
        for p in module.parameters(recurse=False)
    }
    for name, parameter in model.named_parameters():
        is_head = not name.startswith(model.backbone_names)
        factor = train.head_rate if is_head else 1.0
        spared = not is_head and id(parameter) in norms and not train.norm_decay
        groups.setdefault((factor, 0.0 if spared else train.weight_decay), []).append(parameter)
    return [
        {"params": members, "rate_factor": factor, "weight_decay": decay}
        for (factor, decay), members in groups.items()
    ]


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


def training_lengths(recipe: Recipe, epoch: int) -> tuple[int, int]:
    """Return how many steps to take, and after how many to validate."""
    train = recipe.train
    steps = train.steps if train.epochs is None else max(round(train.epochs * epoch), 1)
    if train.warmup_steps >= steps and train.warmup_steps:
        raise RecipeError(
            f"{recipe.name}: train.warmup_steps is {train.warmup_steps}, and there are only "
            f"{steps} steps: train.epochs {train.epochs} of {epoch}."
        )
    return steps, epoch if train.validate_every == "epoch" else train.validate_every
