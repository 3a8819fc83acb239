"""A recipe's network, ready to be trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from airseg.bench.recipes.recipe import Recipe
from airseg.bench.training.clip_loss import Outputs
from airseg.bench.training.normalization import remove_batch_norm
from airseg.bench.training.weights import load_weights
from airseg.models import build_model
from airseg.models.base import VideoSegmenter


def build(recipe: Recipe, num_classes: int) -> VideoSegmenter:
    """Build a recipe's network, initialised from its seed."""
    torch.manual_seed(recipe.train.seed)
    model = build_model(recipe.model.name, num_classes, **recipe.model.options)
    load_weights(model, recipe.model.weights)
    if not recipe.model.batch_norm:
        remove_batch_norm(model)
    if recipe.train.channels_last:
        model = model.to(memory_format=torch.channels_last)
    return model


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
    """Return a running average of a network's weights; its statistics are the network's own."""
    if not decay:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
