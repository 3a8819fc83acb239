"""Networks by name: every file of this folder that registers one, and what other packages add."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from airseg.errors import RecipeError, did_you_mean
from airseg.extensions import Registry
from airseg.models.base import VideoSegmenter

Builder = TypeVar("Builder", bound=Callable[..., VideoSegmenter])
_BUILDERS: dict[str, Callable[..., VideoSegmenter]] = {}
_REGISTERS = re.compile(r"^from airseg\.models\.registry import .*\bregister_model\b", re.MULTILINE)


def register_model(builder: Builder) -> Builder:
    """Make a builder available under its own name.

    Raises:
        ValueError: there is one of that name.
    """
    name = builder.__name__
    if name in _BUILDERS:
        raise ValueError(f"two models are named '{name}'")
    _BUILDERS[name] = builder
    return builder


def list_models() -> list[str]:
    """Return the names of all networks, sorted."""
    return _NETWORKS.names()


def builder_of(name: str) -> Callable[..., VideoSegmenter]:
    """Return what builds a network, which names its options and their types.

    Raises:
        RecipeError: there is no such network.
    """
    return _NETWORKS[name]


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
    builder = builder_of(name)
    known = [p for p in inspect.signature(builder).parameters if p != "num_classes"]
    for option in options:
        if option not in known:
            hint = did_you_mean(option, known, "Options")
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
        kind = kinds.get(option, Any)
        if isinstance(value, bool) and {int, float} & {kind, *get_args(kind)} and kind is not bool:
            told = str(value).lower()
            raise RecipeError(f"model {name}: {option}: expected a number, found {told}.")
        try:
            found[option] = TypeAdapter(kind).validate_python(value)
        except ValidationError as cause:
            said = cause.errors()[0]["msg"]
            raise RecipeError(f"model {name}: {option}: {said}, found {value!r}.") from None
    return found


@cache
def _load() -> None:
    """Import the files beside this one that register networks, and only those.

    The others may want a GPU's compiler, or take seconds.
    """
    package = importlib.import_module("airseg.models")
    for finder, name, _ in pkgutil.iter_modules(package.__path__, "airseg.models."):
        spec = finder.find_spec(name, None)
        source = spec.loader.get_source(name) if spec and spec.loader else None  # type: ignore[attr-defined]
        if source and _REGISTERS.search(source):
            importlib.import_module(name)


def _shipped() -> dict[str, Callable[..., VideoSegmenter]]:
    _load()
    return {n: b for n, b in _BUILDERS.items() if b.__module__.startswith("airseg.models.")}


_NETWORKS = Registry(
    "model", "airseg.models", _shipped, callable, "a function that builds a network", RecipeError
)
