"""What the networks a recipe can name cost, without building their weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from airseg.bench.speed.streaming_speed import count_gmacs
from airseg.errors import RecipeError
from airseg.models import build_model


@dataclass(frozen=True)
class ModelCost:
    """A network with its default options.

    Attributes:
        name: for recipes; paper: where it comes from.
        parameters: numbers in all weights; gmacs: multiply-adds of a frame of a stream, 1e9.
        memory_bytes: what a stream remembers.
        problem: why it cannot be built here, or nothing; the numbers are 0 then.
    """

    name: str
    paper: str
    parameters: int
    gmacs: float
    memory_bytes: int
    problem: str = ""


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
            return ModelCost(name, "", 0, 0.0, 0, str(cause))
        frame = torch.empty(1, 1, 3, height, width)
        return ModelCost(
            name,
            model.paper,
            sum(p.numel() for p in model.parameters()),
            count_gmacs(model, frame),
            model.memory_bytes(height, width),
        )
