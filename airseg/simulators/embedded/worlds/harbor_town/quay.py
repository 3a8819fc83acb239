"""The quay of `harbor_town`: promenade, piers with boats, breakwater and lighthouse."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.harbor_town.places import SHORE_EAST, add_stall
from airseg.simulators.embedded.worlds.parts.fixtures import add_bollards, add_lantern, add_planter
from airseg.simulators.embedded.worlds.parts.gardens import (
    add_bench,
    add_parasol,
    add_rocks,
    add_stone_wall,
    add_table_set,
)
from airseg.simulators.embedded.worlds.parts.placing import begin, varied
from airseg.simulators.embedded.worlds.parts.southern_plants import add_citrus, add_palm, add_shrub
from airseg.simulators.embedded.worlds.parts.vehicles_on_site import add_boat

_STONE, _PALE = srgb(0.58, 0.55, 0.49), srgb(0.68, 0.63, 0.54)
_IRON, _WOOD = srgb(0.16, 0.17, 0.18), srgb(0.46, 0.35, 0.25)


def add_quay(builder: WorldBuilder, center: tuple[float, float], inner: float) -> None:
    """Add the promenade, piers, boats and a breakwater with a lighthouse."""
    random = builder.random
    at = Frame(*center)
    paving = begin(builder, "SM_Quay_Paving", at)
    start = inner - 1.0
    wide = SHORE_EAST - start
    paving.lid((0, start + wide / 2, -0.085), (210, wide, 0.2), _PALE, m.FLAGSTONES)
    edge = begin(builder, "SM_Quay_Wall", at)
    edge.lid((0, SHORE_EAST, 0.12), (330, 1.2, 0.36), _STONE, m.STONE_WALL)
    for north in range(-96, 97, 12):
        if abs(north) < 7:
            continue
        add_palm(builder, at.at(north, 182.0), random.uniform(7, 11))
        _add_promenade_bed(builder, at.at(north + 6.0, 182.0))
        if north % 24 == 0:
            add_lantern(builder, at.at(north + 4, 196.0), "SM_Lantern_Iron", _IRON)
            add_bench(builder, at.at(north + 8, 197.5, np.pi / 2), "SM_Bench", _WOOD, _IRON)
            add_bollards(builder, at.at(north, 201.2, np.pi / 2), "SM_Bollard", 4, 3.0)
        elif random.random() < 0.6:
            add_stall(builder, at.at(north, 190.0, np.pi / 2 * random.integers(2)))
        else:
            shade = varied(random, (0.66, 0.6, 0.5))
            add_parasol(builder, at.at(north, 190.0), "SM_Parasol", shade)
            add_table_set(builder, at.at(north, 190.0), ("SM_Cafe_Table", "SM_Cafe_Chair"), shade)
    for north in (-70, -25, 30, 75):
        _add_pier(builder, at.at(north, SHORE_EAST, np.pi / 2))
    mole = begin(builder, "SM_Breakwater", at)
    mole.lid((118, SHORE_EAST + 40, 0.5), (7, 84, 1.4), _STONE, m.STONE_WALL)
    mole.block((118, SHORE_EAST + 40, 0.5), (7, 84, 1.4))
    for k in range(16):
        add_rocks(
            builder,
            at.at(123, SHORE_EAST + 3 + 5 * k),
            "StaticMeshActor",
            2,
            (0.5, 0.48, 0.45),
            2.0,
        )
    tower = begin(builder, "SM_Lighthouse", at.at(118, SHORE_EAST + 78))
    tower.add("trunk", (0, 0, 6.5), (4.2, 4.2, 12), srgb(0.84, 0.83, 0.79), m.STUCCO)
    tower.add("cylinder", (0, 0, 13.2), (2.2, 2.2, 1.6), srgb(0.14, 0.17, 0.2), m.GLASS)
    tower.add("cone", (0, 0, 14.5), (2.8, 2.8, 1.2), srgb(0.5, 0.2, 0.17), m.PLAIN)
    tower.block((0, 0, 6.5), (4, 4, 13))


def _add_promenade_bed(builder: WorldBuilder, at: Frame) -> None:
    """Add a raised bed of shrubs and flowers, or pots, between two palms."""
    random = builder.random
    if random.random() < 0.5:
        stone = varied(random, (0.58, 0.55, 0.49))
        for side in (-0.9, 0.9):
            add_stone_wall(
                builder,
                at.at(-2.5, side),
                5.0,
                0.45,
                stone,
                kind="SM_LowWall",
                cap_kind="SM_LowWall_Cap",
            )
        for u in (-1.8, -0.6, 0.6, 1.8):
            add_shrub(builder, at.at(u, 0.0), "SM_Shrub_Lavender", random.uniform(0.9, 1.4))
        return
    for u in (-2.0, 2.0):
        add_planter(builder, at.at(u, 0), "SM_Planter", varied(random, (0.6, 0.42, 0.32)), 1.1)
        add_citrus(builder, at.at(u, 0), random.uniform(2.2, 2.8))


def _add_pier(builder: WorldBuilder, at: Frame) -> None:
    """Add a wooden pier along u with boats at its sides."""
    random = builder.random
    pier = begin(builder, "SM_Pier_Planks", at)
    pier.box((14, 0, 0.4), (28, 2.4, 0.14), varied(random, (0.5, 0.42, 0.33)), m.PLANKS)
    for u in range(2, 29, 5):
        for v in (-1.1, 1.1):
            pier.lid((u, v, 0.4), (0.26, 0.26, 1.3), _WOOD, m.BARK)
    pier.block((14, 0, 0.3), (28, 2.4, 0.4))
    for u in (6, 13, 20, 27):
        for side in (-1, 1):
            if random.random() < 0.7:
                place = at.at(u, side * 5.5, side * np.pi / 2 + np.pi * random.integers(2))
                mast = random.random() < 0.4
                add_boat(builder, place, "BP_Sail_Boat" if mast else "BP_Fishing_Boat", mast=mast)
