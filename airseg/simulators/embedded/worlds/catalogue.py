"""The named worlds."""

from __future__ import annotations

from collections.abc import Callable

from airseg.errors import SettingsError, did_you_mean
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


def build_world(name: str = "neighborhood", seed: int = 0) -> World:
    """Build a world; the same name and seed build the same bytes.

    Args:
        name: one of `WORLD_NAMES`.
        seed: any integer from 0.

    Raises:
        SettingsError: there is no world of that name, or the seed is negative.
    """
    if name not in _BUILDERS:
        hint = did_you_mean(name, _BUILDERS) or f" Worlds: {', '.join(WORLD_NAMES)}."
        raise SettingsError(f"there is no world '{name}'.{hint}")
    if seed < 0:
        raise SettingsError(f"the world's seed is {seed}; it must be 0 or greater.")
    return _BUILDERS[name](seed)
