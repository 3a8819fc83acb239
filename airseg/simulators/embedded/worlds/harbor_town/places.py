"""Places of `harbor_town`: the square, the church, the market, gardens and fields."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.harbor_town.houses import RowHouse, add_row_house
from airseg.simulators.embedded.worlds.parts.fixtures import add_lantern, add_planter
from airseg.simulators.embedded.worlds.parts.gardens import (
    add_bench,
    add_board_fence,
    add_iron_fence,
    add_plastered_wall,
    add_pool,
    add_rocks,
    add_stone_wall,
    add_table_set,
)
from airseg.simulators.embedded.worlds.parts.placing import Triple, begin, numbered, varied
from airseg.simulators.embedded.worlds.parts.plants import leaf_color
from airseg.simulators.embedded.worlds.parts.roads import GroundPlan, RoadNetwork
from airseg.simulators.embedded.worlds.parts.southern_plants import (
    add_citrus,
    add_climber,
    add_cypress,
    add_olive,
    add_palm,
    add_plane_tree,
    add_shrub,
)

CHURCH_DEG, MARKET_DEG = 258.5, 362.0
"""In which directions from the square the church and the market lie."""
SHORE_EAST = 203.0
"""Where the land ends, metres east."""
_STONE, _PALE = srgb(0.58, 0.55, 0.49), srgb(0.68, 0.63, 0.54)
_IRON, _WOOD = srgb(0.16, 0.17, 0.18), srgb(0.46, 0.35, 0.25)
_TILE = srgb(0.6, 0.4, 0.3)


def add_terrain(builder: WorldBuilder) -> None:
    """Add dry land, the sea to the east and hills in all other directions."""
    land = begin(builder, "Landscape_Dry", Frame())
    land.lid((0, 0, -0.5), (5000, 5000, 1.0), srgb(0.45, 0.45, 0.28), m.LAWN)
    sea = begin(builder, "SM_Sea_Plane", Frame())
    sea.lid((150, SHORE_EAST + 1500, -0.48), (5000, 3000, 1.0), srgb(0.14, 0.29, 0.34), m.WATER)
    hills = begin(builder, "Landscape_Hills", Frame())
    for k in range(15):
        angle = np.radians(150 + 14.5 * k) + builder.random.uniform(-0.1, 0.1)
        reach = builder.random.uniform(800, 1400)
        place = (155 + reach * np.cos(angle), reach * np.sin(angle), -20.0)
        size = (*builder.random.uniform(420, 800, 2), builder.random.uniform(140, 320))
        color = varied(builder.random, (0.46, 0.45, 0.32))
        hills.add("ball", place, size, color, m.LAWN)


def add_square(builder: WorldBuilder, center: tuple[float, float], radius: float) -> None:
    """Add the round square with its fountain, plane trees and low walls."""
    random = builder.random
    at = Frame(*center)
    paving = begin(builder, "SM_Plaza_Paving", at)
    paving.add("drum", (0, 0, 0.02), (2 * radius + 0.3, 2 * radius + 0.3, 0.2), _PALE, m.FLAGSTONES)
    basin = begin(builder, "SM_Fountain_Basin", at)
    basin.add("drum", (0, 0, 0.3), (9.6, 9.6, 0.6), _STONE, m.STONE_WALL)
    basin.add("trunk", (0, 0, 1.5), (1.3, 1.3, 2.4), _STONE, m.ROCK)
    basin.add("drum", (0, 0, 2.2), (3.2, 3.2, 0.3), _PALE, m.ROCK)
    basin.add("trunk", (0, 0, 3.0), (0.6, 0.6, 1.6), _PALE, m.ROCK)
    basin.block((0, 0, 0.3), (9.6, 9.6, 0.6))
    basin.block((0, 0, 1.9), (2.4, 2.4, 3.8))
    water = begin(builder, "SM_Fountain_Water", at)
    water.add("drum", (0, 0, 0.32), (8.8, 8.8, 0.6), srgb(0.3, 0.52, 0.54), m.WATER)
    water.add("drum", (0, 0, 2.22), (2.9, 2.9, 0.3), srgb(0.3, 0.52, 0.54), m.WATER)
    for k in range(10):
        turned = at.at(0, 0, (k + 0.25) * 2 * np.pi / 10)
        add_plane_tree(builder, turned.at(15.5, 0.0), random.uniform(6.5, 8.5))
        wood = varied(random, (0.46, 0.35, 0.25))
        add_bench(builder, turned.at(11.0, 0, np.pi), "SM_Bench", wood, _IRON)
        add_lantern(builder, turned.at(12.5, 4.0), "SM_Lantern_Iron", _IRON)
        wall = turned.at(21.2, -3.2, np.pi / 2)
        if k % 2:
            add_iron_fence(builder, wall, 6.4, 1.0, _IRON, "SM_Railing_Iron")
        else:
            add_stone_wall(
                builder, wall, 6.4, 0.6, _STONE, kind="SM_LowWall", cap_kind="SM_LowWall_Cap"
            )
        pot = turned.at(9.0, 3.0)
        add_planter(builder, pot, "SM_Planter", varied(random, (0.6, 0.42, 0.32)), 1.1)
        add_shrub(builder, Frame(*pot.point(0, 0)), "SM_Shrub_Potted", 0.9)
    statue = begin(builder, "SM_Statue", at.at(-17.0, 8.0))
    statue.lid((0, 0, 0.7), (1.5, 1.5, 1.4), _STONE, m.ROCK)
    statue.add("trunk", (0, 0, 2.2), (0.6, 0.6, 1.7), srgb(0.3, 0.38, 0.34), m.ROCK)
    statue.add("ball", (0, 0, 3.2), (0.36, 0.36, 0.45), srgb(0.3, 0.38, 0.34), m.ROCK)
    statue.block((0, 0, 1.6), (1.5, 1.5, 3.2))


def add_arcade(builder: WorldBuilder, plot: Frame, width: float) -> None:
    """Add arches over the pavement before a house of the square."""
    arcade = begin(builder, numbered(builder.random, "SM_Arcade", 3), plot)
    tall = 3.9
    for v in (-width / 4, width / 4):
        size = (width / 2, 0.42, tall)
        arcade.add("arch", (-1.45, v, tall / 2 + 0.1), size, _PALE, m.STUCCO, yaw=np.pi / 2)
    arcade.box((-0.6, 0, tall + 0.2), (2.1, width, 0.24), _PALE, m.STUCCO)
    for v in (-width / 2, 0.0, width / 2):
        arcade.block((-1.45, v, tall / 2), (0.42, 0.8, tall))


def add_church(builder: WorldBuilder, at: Frame) -> None:
    """Add a church that faces -u, a bell tower and a paved forecourt."""
    yard = begin(builder, "SM_Plaza_Paving", at)
    yard.lid((-1.0, 0, 0.0), (26.0, 24.0, 0.12), _PALE, m.FLAGSTONES)
    wall = srgb(0.76, 0.7, 0.58)
    nave = begin(builder, "SM_Church_Nave", at)
    nave.lid((15, 0, 4.5), (22, 11, 9), wall, m.STUCCO)
    nave.add("gable", (15, 0, 10.6), (22, 11, 3.2), wall, m.STUCCO)
    nave.block((15, 0, 5), (22, 11, 10))
    roof = begin(builder, "SM_Church_Roof", at)
    roof.add("gable", (15.1, 0, 10.75), (21.7, 12.2, 3.5), _TILE, m.TILES)
    portal = begin(builder, "SM_Church_Portal", at)
    portal.box((3.95, 0, 1.9), (0.3, 2.6, 3.8), _STONE, m.ROCK)
    portal.box((3.88, 0, 1.6), (0.3, 1.9, 3.2), _WOOD, m.PLANKS)
    portal.add("cylinder", (3.9, 0, 7.2), (0.3, 1.9, 1.9), _STONE, m.ROCK, tilt=0.0)
    windows = begin(builder, "SM_Church_Window", at)
    for side in (-1, 1):
        for u in (8, 12, 16, 20, 24):
            windows.box((u, side * 5.5, 5.2), (1.0, 0.16, 2.8), _STONE, m.PLAIN)
            windows.box((u, side * 5.52, 5.2), (0.7, 0.2, 2.5), srgb(0.16, 0.2, 0.26), m.GLASS)
    tower = begin(builder, "SM_Bell_Tower", at)
    tower.lid((7, 8.2, 9.5), (5.4, 5.4, 19), wall, m.STUCCO)
    tower.box((7, 8.2, 13.2), (5.8, 5.8, 0.4), _STONE, m.ROCK)
    tower.block((7, 8.2, 9.5), (5.4, 5.4, 19))
    for quarter in range(4):
        c, s = np.cos(quarter * np.pi / 2), np.sin(quarter * np.pi / 2)
        size = (0.3, 1.7, 3.0) if quarter % 2 == 0 else (1.7, 0.3, 3.0)
        tower.box((7 + 2.62 * c, 8.2 + 2.62 * s, 16), size, srgb(0.1, 0.1, 0.1), m.PLAIN)
    cap = begin(builder, "SM_Church_Roof", at)
    cap.add("pyramid", (7, 8.2, 20.4), (6.2, 6.2, 2.8), _TILE, m.TILES)
    for side in (-1, 1):
        for u in (-8, -2):
            add_cypress(builder, at.at(u, side * 10.0), builder.random.uniform(7, 10))
            add_bench(
                builder, at.at(u + 3, side * 9.0, -side * np.pi / 2), "SM_Bench", _WOOD, _IRON
            )


def add_market(builder: WorldBuilder, at: Frame) -> None:
    """Add a paved market place with stalls in rows."""
    random = builder.random
    paving = begin(builder, "SM_Plaza_Paving", at)
    paving.lid((-6, 0, 0.0), (34, 25, 0.12), srgb(0.62, 0.55, 0.44), m.FLAGSTONES)
    for u in (-17, -11, -5, 1, 7):
        for v in (-6.5, 0.0, 6.5):
            if random.random() < 0.8:
                add_stall(
                    builder, at.at(u, v + random.uniform(-0.6, 0.6), random.uniform(-0.1, 0.1))
                )
    for side in (-1, 1):
        for u in (-20, -8, 4):
            add_plane_tree(builder, at.at(u, side * 10.5), random.uniform(6, 7.5))


def add_stall(builder: WorldBuilder, at: Frame) -> None:
    """Add a market stall with its crates."""
    random = builder.random
    stall = begin(builder, numbered(random, "SM_Market_Stall", 4), at)
    for u in (-1.1, 1.1):
        for v in (-1.5, 1.5):
            stall.box((u, v, 1.15), (0.07, 0.07, 2.3), _WOOD, m.PLAIN)
    stall.lid((0, 0, 0.45), (1.6, 2.8, 0.9), _WOOD, m.PLANKS)
    cloth = ((0.6, 0.22, 0.18), (0.26, 0.38, 0.3), (0.66, 0.54, 0.32), (0.3, 0.38, 0.52))
    color = varied(random, cloth[random.integers(4)])
    stall.add("gable", (0, 0, 2.6), (3.3, 2.7, 0.6), color, m.CANVAS, yaw=np.pi / 2)
    stall.block((0, 0, 1.2), (2.2, 3.0, 2.4))
    crates = begin(builder, "SM_Crates", at)
    for v in (-0.9, 0.0, 0.9):
        goods = varied(
            random, ((0.7, 0.42, 0.16), (0.5, 0.2, 0.14), (0.36, 0.44, 0.2))[random.integers(3)]
        )
        crates.box((-0.2, v, 1.0), (0.9, 0.8, 0.24), goods, m.FLOWERS)


def add_back_garden(
    builder: WorldBuilder,
    plan: GroundPlan,
    network: RoadNetwork,
    plot: Frame,
    house: RowHouse,
) -> None:
    """Add a walled garden behind a house, if there is room for one."""
    random = builder.random
    back = house.front + house.depth
    long = 8.5 if _is_free(plan, network, plot, back, 8.5) else 4.6
    if not _is_free(plan, network, plot, back, long):
        return
    plan.take_box(plot, (back + long / 2, 0), (long, house.width))
    style = random.random()
    color = varied(random, ((0.8, 0.77, 0.7), (0.74, 0.6, 0.43))[random.integers(2)])
    for start, length in (
        (plot.at(back, -house.width / 2), long),
        (plot.at(back + long, -house.width / 2, np.pi / 2), house.width),
    ):
        if style < 0.32:
            add_plastered_wall(builder, start, length, 1.7, color, "SM_GardenWall_Plaster")
        elif style < 0.68:
            stone = varied(random, (0.56, 0.53, 0.47))
            add_stone_wall(
                builder, start, length, 1.25, stone, kind="SM_LowWall", cap_kind="SM_LowWall_Cap"
            )
        else:
            add_board_fence(builder, start, length, 1.6, _WOOD, "SM_Fence_Wood")
    if long > 8 and random.random() < 0.42:
        size = (random.uniform(3.6, 4.6), min(2.8, house.width - 4.0))
        paving = (varied(random, (0.66, 0.6, 0.5)), m.FLAGSTONES)
        at = plot.at(back + long / 2 + 0.6, 0.0)
        add_pool(
            builder, at, size, prefix="SM_Pool", paving_kind="SM_Courtyard_Paving", paving=paving
        )
        add_climber(builder, plot.at(back + long - 0.5, -0.4 * house.width, np.pi / 2), 2.5, 1.6)
        return
    court = begin(builder, "SM_Courtyard_Paving", plot)
    color = varied(random, (0.62, 0.53, 0.42))
    court.lid((back + 1.7, 0, 0.0), (3.2, house.width - 0.7, 0.08), color, m.FLAGSTONES)
    if random.random() < 0.5:
        chairs = varied(random, (0.7, 0.68, 0.62))
        add_table_set(builder, plot.at(back + 1.9, 0.8), ("SM_Cafe_Table", "SM_Cafe_Chair"), chairs)
    if random.random() < 0.4:
        add_climber(builder, plot.at(back + 0.3, -0.4 * house.width), long * 0.6, 2.2)
    place = plot.at(back + long - 1.6, random.uniform(-0.25, 0.25) * house.width)
    if random.random() < 0.6:
        add_citrus(builder, place, random.uniform(2.6, 3.6))
    else:
        add_shrub(builder, place, "SM_Shrub_Oleander", 1.5)


def add_front_garden(builder: WorldBuilder, plot: Frame, width: float, deep: float) -> None:
    """Add a strip of garden between the pavement and a house that stands back, behind a wall."""
    random = builder.random
    ground = begin(builder, "SM_Courtyard_Paving", plot)
    ground.lid(
        (deep / 2, 0, 0.0), (deep, 1.5, 0.1), varied(random, (0.6, 0.54, 0.45)), m.FLAGSTONES
    )
    stone = varied(random, (0.57, 0.54, 0.48))
    is_railed = random.random() < 0.5
    for v in (-width / 2 + 0.1, 0.8):
        run = plot.at(0.1, v, np.pi / 2)
        long = width / 2 - 0.9
        if is_railed:
            add_iron_fence(builder, run, long, 1.2, _IRON, "SM_Railing_Iron")
        else:
            add_stone_wall(
                builder, run, long, 0.85, stone, kind="SM_LowWall", cap_kind="SM_LowWall_Cap"
            )
        for _ in range(int(random.integers(1, 4))):
            place = plot.at(random.uniform(0.9, 2.0), v + random.uniform(0.3, long))
            add_shrub(builder, place, "SM_Shrub_Lavender", random.uniform(0.6, 1.2))
    if random.random() < 0.7:
        add_citrus(builder, plot.at(1.5, 0.3 * width), random.uniform(2.4, 3.4))


def _is_free(plan: GroundPlan, network: RoadNetwork, plot: Frame, back: float, long: float) -> bool:
    half = 0.38 * min(long, 5.0)
    return all(
        plan.is_free(plot.point(back + 0.9 + half + u, v), half)
        and network.clearance(plot.point(back + u, v)) > 3.0
        for u in (0.0, long - 2 * half - 0.6)
        for v in (-1.6, 1.6)
    )


def add_courtyard_piece(builder: WorldBuilder, plan: GroundPlan, at: Frame) -> None:
    """Add one thing of a shared courtyard where the ground is free."""
    random = builder.random
    choice, here = random.random(), (at.north, at.east)
    at = at.at(0, 0, random.uniform(0, np.pi))
    if choice < 0.14 and plan.is_free(here, 5.6):
        size = (random.uniform(5.0, 6.5), random.uniform(2.8, 3.6))
        paving = (varied(random, (0.64, 0.58, 0.48)), m.FLAGSTONES)
        add_pool(
            builder, at, size, prefix="SM_Pool", paving_kind="SM_Courtyard_Paving", paving=paving
        )
        plan.take(here, 5.2)
    elif choice < 0.3 and plan.is_free(here, 2.8):
        add_olive(builder, at, random.uniform(3.4, 5.0))
        plan.take(here, 2.2)
    elif choice < 0.42 and plan.is_free(here, 1.6):
        add_cypress(builder, at, random.uniform(6.0, 11.0))
        plan.take(here, 1.2)
    elif choice < 0.52 and plan.is_free(here, 3.0):
        add_palm(builder, at, random.uniform(5.0, 9.0))
        plan.take(here, 2.0)
    elif choice < 0.62 and plan.is_free(here, 3.2):
        _add_pergola(builder, at)
        plan.take(here, 3.0)
    elif choice < 0.72 and plan.is_free(here, 1.8):
        add_rocks(builder, at, "StaticMeshActor", 3, (0.55, 0.52, 0.46))
        plan.take(here, 1.6)
    elif plan.is_free(here, 1.0):
        add_shrub(builder, at, "SM_Shrub_Lavender", random.uniform(0.8, 1.5))
        plan.take(here, 0.7)


def _add_pergola(builder: WorldBuilder, at: Frame) -> None:
    pergola = begin(builder, "SM_Pergola", at)
    for u in (-1.7, 1.7):
        for v in (-1.7, 1.7):
            pergola.lid((u, v, 1.2), (0.3, 0.3, 2.4), _STONE, m.STONE_WALL)
    for k in range(7):
        pergola.box((0, -1.8 + 0.6 * k, 2.5), (4.2, 0.12, 0.16), _WOOD, m.PLANKS)
    vine = begin(builder, "SM_Grapevine", at)
    color = leaf_color(builder, (0.36, 0.44, 0.2))
    for _ in range(7):
        u, v = builder.random.uniform(-1.7, 1.7, 2)
        vine.add("ball", (u, v, 2.62), (1.5, 1.3, 0.4), color, m.LEAVES)
    pergola.block((0, 0, 2.5), (4.2, 4.2, 0.3))


def add_countryside(
    builder: WorldBuilder,
    plan: GroundPlan,
    network: RoadNetwork,
    center: tuple[float, float],
    inner: float,
) -> None:
    """Add villas, olive groves and walls around the town, and woods that close the view."""
    random = builder.random
    for _ in range(420):
        angle, reach = random.uniform(0, 2 * np.pi), random.uniform(inner + 20, 246)
        at = Frame(center[0] + reach * np.cos(angle), center[1] + reach * np.sin(angle), angle)
        here = (at.north, at.east)
        if at.east > SHORE_EAST - 25 or network.clearance(here) < 4.0:
            continue
        choice = random.random()
        if choice < 0.1 and plan.is_free(here, 15.0) and network.clearance(here) > 16.0:
            _add_villa(builder, at.at(0, 0, np.pi / 2 * random.integers(4)))
            plan.take(here, 14.0)
        elif choice < 0.2 and plan.is_free(here, 4.0):
            stone = varied(random, (0.58, 0.54, 0.46))
            run = at.at(0, -4.0, np.pi / 2)
            if network.clearance(run.point(8.0, 0)) > 3.0 and plan.is_free(run.point(6.0, 0), 1.0):
                add_stone_wall(
                    builder, run, 8.0, 0.9, stone, kind="SM_DryWall", cap_kind="SM_LowWall_Cap"
                )
        elif choice < 0.75 and plan.is_free(here, 2.6):
            add_olive(builder, at, random.uniform(3.2, 5.0))
            plan.take(here, 2.2)
        elif plan.is_free(here, 1.5):
            add_cypress(builder, at, random.uniform(6, 12))
            plan.take(here, 1.2)
    _add_woods(builder, network, center)


def _add_villa(builder: WorldBuilder, at: Frame) -> None:
    """Add a house that stands alone, with a pool and a wall around."""
    random = builder.random
    house = add_row_house(builder, at.at(-9.0, 0.0), random.uniform(8, 10), open_sides=(-1, 1))
    paving = (varied(random, (0.68, 0.62, 0.52)), m.FLAGSTONES)
    pool = at.at(house.depth - 4.0, 0.0, np.pi / 2)
    add_pool(
        builder,
        pool,
        (7.0, 3.4),
        prefix="SM_Pool",
        paving_kind="SM_Courtyard_Paving",
        paving=paving,
    )
    color: Triple = varied(random, (0.82, 0.78, 0.7))
    for corner, length, turn in (
        ((-9.5, -11.0), 21.0, 0.0),
        ((-9.5, 11.0), 21.0, 0.0),
        ((11.5, -11.0), 22.0, np.pi / 2),
    ):
        add_plastered_wall(
            builder, at.at(*corner, turn), length, 1.8, color, "SM_GardenWall_Plaster"
        )
    for v in (-9.0, 9.0):
        add_palm(builder, at.at(9.0, v), random.uniform(5, 8))
        add_climber(builder, at.at(-4.0, 1.17 * v), 6.0, 1.9)


def _add_woods(builder: WorldBuilder, network: RoadNetwork, center: tuple[float, float]) -> None:
    random = builder.random
    for ring in range(3):
        reach = 252.0 + 13.0 * ring
        for angle in np.arange(0, 2 * np.pi, 9.0 / reach):
            out = reach + random.uniform(-4, 4)
            at = Frame(center[0] + out * np.cos(angle), center[1] + out * np.sin(angle))
            if at.east > SHORE_EAST - 20 or network.clearance((at.north, at.east)) < 4.0:
                continue
            tree = begin(builder, "SM_Pine_Far", at)
            tall = random.uniform(6, 12)
            green = ((0.3, 0.38, 0.2), (0.24, 0.34, 0.19), (0.42, 0.45, 0.3))[random.integers(3)]
            size = (0.9 * tall, 0.9 * tall, 0.85 * tall)
            tree.add("ball", (0, 0, 0.45 * tall), size, leaf_color(builder, green), m.LEAVES)
