"""A recipe's network, ready to be trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from airseg.bench.recipes.recipe import Recipe
from airseg.bench.training.clip_loss import Outputs
from airseg.bench.training.normalization import remove_batch_norm
from airseg.bench.training.weights import load_weights
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.models.base import VideoSegmenter


def build(recipe: Recipe, num_classes: int) -> VideoSegmenter:
    """Build a recipe's network, initialised from its seed."""
    torch.manual_seed(recipe.train.seed)
    model = build_model(recipe.model.name, num_classes, **recipe.model.options)
    if recipe.model.initialization == "torch":
        torch.manual_seed(recipe.train.seed)
        reset_layers(model)
    load_weights(model, recipe.model.weights)
    if not recipe.model.batch_norm:
        remove_batch_norm(model)
    if recipe.train.channels_last:
        model = model.to(memory_format=torch.channels_last)
    return model


def reset_layers(model: nn.Module) -> None:
    """Give convolutions and linear layers the weights that PyTorch's own constructors give them.

    They are 1.7 to 2.4 times as narrow as those of FANet's authors and of torchvision's ResNets,
    and what the founding paper's notebook trains from.
    """
    for layer in model.modules():
        if isinstance(layer, nn.modules.conv._ConvNd | nn.Linear):
            layer.reset_parameters()


class Learner(nn.Module):
    """A network as it is trained: from frames as they are stored to logits, without memory."""

    def __init__(self, model: VideoSegmenter, *, channels_last: bool) -> None:
        super().__init__()
        self.model, self.channels_last = model, channels_last

    def forward(self, frames: Tensor, flow: Tensor | None = None) -> Outputs:
        """Return weighted logits of (B, T, h, w, 3) frames, uint8, or float from 0 to 1.

        `flow` is the exact one, (B, T, 2, h, w), for networks that want it.
        """
        moved = frames.movedim(-1, -3)
        if not self.channels_last:
            moved = moved.contiguous()
        scaled = moved.float() / 255.0 if frames.dtype == torch.uint8 else moved.float()
        exact = (None, flow) if self.model.wants_flow else ()
        return self.model.training_outputs(scaled, *exact)[0]


def running_average(model: VideoSegmenter, decay: float) -> AveragedModel | None:
    """Return a running average of a network, statistics of its normalisation included.

    The decay warms up as TensorFlow's moving averages do, min(decay, (1 + t) / (10 + t)) after t
    steps: with a decay of 0.999 alone, the random weights a training begins with would still be
    most of the average after some hundred steps. Statistics are averaged with the weights they
    belong to; those of the raw network fit other weights.
    """
    if not decay:
        return None

    @torch.no_grad()
    def average(kept: Any, new: Any, steps: Any) -> None:
        now = min(decay, (1 + int(steps)) / (10 + int(steps)))
        if torch.is_floating_point(kept[0]):
            torch._foreach_lerp_(kept, new, 1 - now)
        else:
            for old, value in zip(kept, new, strict=True):
                old.copy_(value)

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)


def needs_flow(recipe: Recipe, model: VideoSegmenter) -> bool:
    """Return whether clips need exact flow.

    Raises:
        RecipeError: they do, and augmentation would move the frames and not the flow.
    """
    needed = model.wants_flow or (recipe.loss.motion > 0 and recipe.loss.motion_flow == "exact")
    if needed and recipe.data.reverse:
        raise RecipeError(
            f"{recipe.name}: exact flow goes to the frame before, which data.reverse turns around. "
            "Leave it out."
        )
    change = recipe.data.augment
    if needed and change is not None and (change.crop is not None or change.scale != (1.0, 1.0)):
        raise RecipeError(
            f"{recipe.name}: exact flow goes with no scale and crop of data.augment. Leave them "
            "out, or set loss.motion_flow: classical."
        )
    return needed
