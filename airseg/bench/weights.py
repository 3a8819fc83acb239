"""Weights a network starts from: ImageNet's, or a checkpoint's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from airseg.errors import RecipeError
from airseg.models.base import VideoSegmenter
from airseg.models.resnet import ResNet


def load_weights(model: VideoSegmenter, weights: str) -> None:
    """Load what a recipe's ``model.weights`` asks for into a network.

    Args:
        model: changed in place.
        weights: ``none``, ``imagenet``, or a file with the network's names, stored flat or under
            ``model_state`` as published checkpoints are, or under ``model`` as ours are.

    Raises:
        RecipeError: the weights cannot be had, or do not fit.
    """
    if weights == "imagenet":
        backbone = getattr(model, "resnet", None)
        if not isinstance(backbone, ResNet):
            raise RecipeError("weights: imagenet: this network has no backbone they would fit.")
        _load_imagenet(backbone)
    elif weights != "none":
        _load_file(model, Path(weights))


def _load_imagenet(backbone: ResNet) -> None:
    """Load torchvision's weights; a stride-2 shortcut that ImageNet lacks stays as initialised."""
    import torchvision  # importing it takes seconds, and only this needs it

    try:
        source = torchvision.models.get_model(f"resnet{backbone.depth}", weights="DEFAULT")
    except OSError as cause:
        raise RecipeError(
            f"the ImageNet weights of resnet{backbone.depth} cannot be downloaded ({cause}). "
            "Offline, use weights: none, or put the file into the folder that "
            "`python -c 'import torch; print(torch.hub.get_dir())'` names."
        ) from None
    missing = set(backbone.load_state_dict(source.state_dict(), strict=False).missing_keys)
    strange = {k for k in missing if not k.startswith("layer1.0.downsample")}
    if strange:
        raise RecipeError(f"the ImageNet weights lack {min(strange)}.")


def _load_file(model: VideoSegmenter, path: Path) -> None:
    state: Any
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise RecipeError(f"weights: {path}: there is no such file.") from None
    except Exception as cause:  # torch raises many kinds for files that are no checkpoints
        reason = str(cause).strip().splitlines()[0][:200]
        raise RecipeError(f"weights: {path}: cannot be loaded ({reason}).") from None
    for key in ("model_state", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    try:
        wrong = model.load_state_dict(state, strict=False)
    except (RuntimeError, TypeError, AttributeError) as cause:
        reason = str(cause).strip().splitlines()[-1].strip()
        raise RecipeError(f"weights: {path}: do not fit the network: {reason}") from None
    if wrong.missing_keys or wrong.unexpected_keys:
        raise RecipeError(
            f"weights: {path}: {len(wrong.missing_keys)} are missing and "
            f"{len(wrong.unexpected_keys)} are not the network's, for example "
            f"{(wrong.missing_keys + wrong.unexpected_keys)[0]}."
        )
