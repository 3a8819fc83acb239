"""What the networks a recipe can name cost, without building their weights."""

from __future__ import annotations

import torch

from airseg.bench.leaderboard.model_costs import ModelCost
from airseg.bench.speed.streaming_speed import count_gmacs
from airseg.errors import RecipeError
from airseg.models import build_model

_REQUIRED = ("airseg", "torch", "torchvision")
"""Whose modules networks may have wherever they are built at all."""


def measure_model(
    name: str, num_classes: int, height: int, width: int, options: dict[str, object] | None = None
) -> ModelCost:
    """Build a network on the meta device, where weights have shapes and no values, and count.

    Args:
        name: of `list_models`.
        num_classes: channels of the logits.
        height, width: pixels of a frame.
        options: of its builder.

    Raises:
        RecipeError: there is no such network or option.
    """
    with torch.device("meta"):
        try:
            model = build_model(name, num_classes, **(options or {})).eval()
        except RecipeError as cause:
            if "not installed" not in str(cause):
                raise
            return ModelCost(name, "", 0, 0.0, 0, problem=str(cause))
        frame = torch.empty(1, 1, 3, height, width)
        origins = {type(module).__module__.partition(".")[0] for module in model.modules()}
        return ModelCost(
            name,
            model.paper,
            sum(p.numel() for p in model.parameters()),
            count_gmacs(model, frame),
            model.memory_bytes(height, width),
            "".join(sorted(origins.difference(_REQUIRED))[:1]),
        )
