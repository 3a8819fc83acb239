"""Networks by name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import TypeVar

from airseg.errors import RecipeError, did_you_mean
from airseg.models.base import VideoSegmenter

Builder = TypeVar("Builder", bound=Callable[..., VideoSegmenter])
_BUILDERS: dict[str, Callable[..., VideoSegmenter]] = {}
_MODULES = tuple(
    f"airseg.models.{name}"
    for name in (
        "fanet",
        "espnet",
        "conv_lstm",
        "feature_flow",
        "memory_attention",
        "tv3s",
        "baselines",
    )
)


def register_model(builder: Builder) -> Builder:
    """Make a builder available under its own name."""
    name = builder.__name__
    if name in _BUILDERS:
        raise ValueError(f"two models are named '{name}'")
    _BUILDERS[name] = builder
    return builder


def list_models() -> list[str]:
    """Return the names of all networks, sorted."""
    _load()
    return sorted(_BUILDERS)


def build_model(name: str, num_classes: int, **options: object) -> VideoSegmenter:
    """Build a network.

    Args:
        name: one of `list_models`.
        num_classes: channels of the logits.
        options: what the network's builder takes, such as ``tca_depth``.

    Raises:
        RecipeError: no such network, or it has no such option; the message names the nearest.
    """
    _load()
    if name not in _BUILDERS:
        hint = did_you_mean(name, _BUILDERS) or f" Models: {', '.join(list_models())}."
        raise RecipeError(f"there is no model '{name}'.{hint}")
    builder = _BUILDERS[name]
    known = [p for p in inspect.signature(builder).parameters if p != "num_classes"]
    for option in options:
        if option not in known:
            hint = did_you_mean(option, known) or f" Options: {', '.join(known)}."
            raise RecipeError(f"model {name} has no option '{option}'.{hint}")
    return builder(num_classes=num_classes, **options)


def _load() -> None:
    for module in _MODULES:
        importlib.import_module(module)
