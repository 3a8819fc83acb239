"""The named worlds: the folders beside this file, and what installed packages add.

A folder of the name ``x`` has a file ``layout.py`` with a function ``build_x`` of the seed. It is
imported when its world is built: other worlds need not wait for it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from airseg.errors import SettingsError
from airseg.extensions import Registry

if TYPE_CHECKING:
    from airseg.simulators.embedded.scene.world import World

_HERE = Path(__file__).parent
_PACKAGE = __name__.rpartition(".")[0]
_LAYOUT = "layout"

WORLD_NAMES: tuple[str, ...] = tuple(
    sorted(
        found.name
        for found in pkgutil.iter_modules([str(_HERE)])
        if found.ispkg and (_HERE / found.name / f"{_LAYOUT}.py").is_file()
    )
)
"""Of the worlds that are shipped."""


def world_names() -> list[str]:
    """Return the names of all worlds, sorted."""
    return _WORLDS.names()


def build_world(name: str = "neighborhood", seed: int = 0) -> World:
    """Build a world; the same name and seed build the same bytes.

    Args:
        name: one of `world_names`.
        seed: any integer from 0.

    Raises:
        SettingsError: there is no world of that name, the seed is negative, or what a package
            adds as a world builds none.
    """
    from airseg.simulators.embedded.scene.world import World

    builder = _WORLDS[name]
    if seed < 0:
        raise SettingsError(f"the world's seed is {seed}; it must be 0 or greater.")
    world = builder(seed)
    if not isinstance(world, World):
        raise SettingsError(
            f"world '{name}': its builder should return a World, found {type(world).__name__}."
        )
    return world


def _build_shipped(name: str, seed: int) -> World:
    layout = importlib.import_module(f"{_PACKAGE}.{name}.{_LAYOUT}")
    return getattr(layout, f"build_{name}")(seed)


def _shipped() -> dict[str, Callable[[int], World]]:
    return {name: partial(_build_shipped, name) for name in WORLD_NAMES}


_WORLDS = Registry(
    "world", "airseg.worlds", _shipped, callable, "a function of a seed", SettingsError
)
