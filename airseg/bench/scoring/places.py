"""Where a flight was tested: where training flights flew, on a new street, or in a new town."""

from __future__ import annotations

from typing import Any

from airseg.dataset.reading import Dataset, SequenceView

KNOWN, NEW_STREET, NEW_TOWN = "trained place", "new street", "new town"
PLACES = (KNOWN, NEW_STREET, NEW_TOWN)


def places_of(dataset: Dataset, split: str) -> dict[str, str]:
    """Return what kind of place each flight of a split shows, by its name.

    A new town is a world that no training flight shows; a new street is a world that they show,
    built from a seed that none of them was flown in. Left out is whose seed nobody noted.
    """
    trained = [_place(dataset.sequence(name)) for name in dataset.split("train")]
    worlds = {world for world, _ in trained}
    seeds = {place for place in trained if place[1] is not None}
    found = {}
    for name in dataset.split(split):
        world, seed = _place(dataset.sequence(name))
        if world not in worlds:
            found[name] = NEW_TOWN
        elif seed is not None and len(seeds) > 0:
            found[name] = KNOWN if (world, seed) in seeds else NEW_STREET
    return found


def _place(view: SequenceView) -> tuple[str, int | None]:
    """Return the world and its seed, None where it is not noted."""
    simulator: Any = view.details.get("simulator")
    noted = simulator if isinstance(simulator, dict) else {}
    seed = noted.get("seed")
    return str(noted.get("world", view.environment)), None if seed is None else int(seed)
