"""Networks by name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

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
        "pidnet",
        "smoothing",
        "past_attention",
        "similarity_propagation",
        "tdnet",
        "mask_queries",
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
        RecipeError: no such network, or it has no such option, and the message names the nearest;
            or an option's value is of another type.
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
    return builder(num_classes=num_classes, **_checked(name, builder, options))


def _checked(
    name: str, builder: Callable[..., VideoSegmenter], options: dict[str, object]
) -> dict[str, object]:
    """Return options in the types that a builder names for them.

    Raises:
        RecipeError: a value is of another type.
    """
    kinds = get_type_hints(builder)
    found = {}
    for option, value in options.items():
        try:
            found[option] = TypeAdapter(kinds.get(option, Any)).validate_python(value)
        except ValidationError as cause:
            said = cause.errors()[0]["msg"]
            raise RecipeError(f"model {name}: {option}: {said}, found {value!r}.") from None
    return found


def _load() -> None:
    for module in _MODULES:
        importlib.import_module(module)
