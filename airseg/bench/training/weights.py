"""Weights a network starts from: ImageNet's, or a checkpoint's."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from airseg.errors import RecipeError, first_line
from airseg.models.base import VideoSegmenter

_LOG = logging.getLogger(__name__)


def load_weights(model: VideoSegmenter, weights: str) -> None:
    """Load what a recipe's ``model.weights`` asks for into a network.

    Args:
        model: changed in place.
        weights: ``none``, ``imagenet``, or a file with the network's names or those of its
            published code, stored flat or under ``model_state``, ``state_dict`` or ``model``; or
            with a classifier of torchvision's, for the backbone. Of a checkpoint with a running
            average of the weights, which was scored, the average.

    Raises:
        RecipeError: the weights cannot be had, or do not fit.
    """
    if weights == "imagenet":
        _load_imagenet(model)
    elif weights != "none":
        _load_file(model, Path(weights))


def _load_imagenet(model: VideoSegmenter) -> None:
    name = model.imagenet_name
    if not name:
        raise RecipeError("weights: imagenet: this network has no backbone they would fit.")
    if not _is_here(name):  # said before it is tried, because without a connection that may hang
        _LOG.warning("downloading the ImageNet weights of %s. %s", name, _offline_advice(name))
    try:
        source = _fetch(name)
    except OSError as cause:
        raise RecipeError(
            f"the ImageNet weights of {name} cannot be downloaded ({cause}). "
            f"{_offline_advice(name)}"
        ) from None
    model.load_imagenet_state(source.state_dict())


def _offline_advice(name: str) -> str:
    """Return what to do without a connection: which file belongs where."""
    if name.startswith("timm:"):
        return (
            "Offline, use weights: none, or a file of timm's weights as model.weights; on a "
            f"connected machine timm.create_model('{name.removeprefix('timm:')}', pretrained=True) "
            "has them."
        )
    url, file = _hub_file(name)
    return f"Offline, use weights: none, or put {file.name} ({url}) into {file.parent}."


def _hub_file(name: str) -> tuple[str, Path]:
    """Return where torchvision's weights come from, and where PyTorch keeps them."""
    import torchvision

    url = str(torchvision.models.get_model_weights(name)["DEFAULT"].url)
    return url, Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]


def _is_here(name: str) -> bool:
    """Return whether weights need no download; of timm's it is not known, and so not claimed."""
    return name.startswith("timm:") or _hub_file(name)[1].is_file()


def _fetch(name: str) -> nn.Module:
    """Return a classifier with ImageNet weights of torchvision, or with ``timm:`` of timm."""
    # Importing either takes seconds, and only this needs them.
    if name.startswith("timm:"):
        try:
            import timm
        except ImportError:
            raise RecipeError(
                f"weights: imagenet: those of {name} come with timm, which is not installed. "
                "Run: pip install 'airseg[baselines]'"
            ) from None
        return timm.create_model(name.removeprefix("timm:"), pretrained=True)
    import torchvision

    return torchvision.models.get_model(name, weights="DEFAULT")


def _load_file(model: VideoSegmenter, path: Path) -> None:
    state: Any
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise RecipeError(f"weights: {path}: there is no such file.") from None
    except Exception as cause:  # torch raises many kinds for files that are no checkpoints
        reason = first_line(cause)
        raise RecipeError(f"weights: {path}: cannot be loaded ({reason}).") from None
    if isinstance(state, dict) and isinstance(average := state.get("average"), dict):
        # Of a training with train.ema: what was scored, and what `airseg.load_model` gives.
        state = {k: v for k, v in average.items() if k.startswith("module.")}
    for key in ("model_state", "state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(k, str) for k in state):
        raise RecipeError(f"weights: {path}: holds no weights by name.")
    if state and all(k.startswith("module.") for k in state):  # saved while wrapped for many GPUs
        state = {k.removeprefix("module."): v for k, v in state.items()}
    if model.imagenet_name and _is_classifier(state):
        model.load_imagenet_state(state)
        return
    try:
        wrong = model.load_state_dict(model.published_state(state), strict=False)
    except (RuntimeError, TypeError, AttributeError) as cause:
        reason = str(cause).strip().splitlines()[-1].strip()
        raise RecipeError(f"weights: {path}: do not fit the network: {reason}") from None
    # Step counters change nothing, and old files lack them.
    missing = [k for k in wrong.missing_keys if not k.endswith("num_batches_tracked")]
    if missing or wrong.unexpected_keys:
        raise RecipeError(
            f"weights: {path}: belong to another network: {_some(missing)} missing, "
            f"{_some(wrong.unexpected_keys)} left over."
        )


def _some(names: list[str]) -> str:
    """Return how many names there are, and the first."""
    return f"{len(names)} ({names[0]}{', ...' if len(names) > 1 else ''})" if names else "none"


def _is_classifier(state: dict[str, Any]) -> bool:
    """Return whether weights are those of a classifier as torchvision and timm save them."""
    keys = set(state)
    is_resnet = "fc.weight" in keys and bool(keys & {"conv1.weight", "conv1.0.weight"})
    return is_resnet or "features.0.0.weight" in keys
