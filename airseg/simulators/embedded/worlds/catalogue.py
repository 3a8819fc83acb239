"""The named worlds: those that are shipped, and those that installed packages add."""

from __future__ import annotations

from collections.abc import Callable

from airseg.errors import SettingsError
from airseg.extensions import Registry
from airseg.simulators.embedded.scene.world import World
from airseg.simulators.embedded.worlds.harbor_town.layout import build_harbor_town
from airseg.simulators.embedded.worlds.neighborhood.layout import build_neighborhood
from airseg.simulators.embedded.worlds.pine_estate.layout import build_pine_estate

_BUILDERS: dict[str, Callable[[int], World]] = {
    "harbor_town": build_harbor_town,
    "neighborhood": build_neighborhood,
    "pine_estate": build_pine_estate,
}

WORLD_NAMES: tuple[str, ...] = tuple(sorted(_BUILDERS))
"""Of the worlds that are shipped."""

_WORLDS = Registry(
    "world", "airseg.worlds", lambda: _BUILDERS, callable, "a function of a seed", SettingsError
)


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
    builder = _WORLDS[name]
    if seed < 0:
        raise SettingsError(f"the world's seed is {seed}; it must be 0 or greater.")
    world = builder(seed)
    if not isinstance(world, World):
        raise SettingsError(
            f"world '{name}': its builder should return a World, found {type(world).__name__}."
        )
    return world
