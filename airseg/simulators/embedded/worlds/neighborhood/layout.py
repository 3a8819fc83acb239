"""The world `neighborhood`: streets, plots, parks and what surrounds them.

The street grid contains the loop that people fly in AirSim's Neighborhood: from (0, 0) to
(125, 0), (125, -130), (0, -130) and back, North-East metres. The carriageway along it is free of
obstacles from the ground to 25 m.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import Frame, World, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.neighborhood.houses import House, add_house
from airseg.simulators.embedded.worlds.parts.plants import (
    add_broadleaf,
    add_bush,
    add_far_tree,
    add_flower_bed,
    add_hedge,
    add_tree,
)
from airseg.simulators.embedded.worlds.parts.street_furniture import (
    add_car,
    add_lamp,
    add_power_line,
    add_stop_sign,
    add_street_sign,
    add_traffic,
    add_traffic_light,
)

NORTHS = (-125.0, 0.0, 125.0, 250.0)
"""Where the streets that run east and west lie."""
EASTS = (-260.0, -130.0, 0.0, 130.0)
"""Where the streets that run north and south lie."""
STREET_HALF_WIDTH = 4.0
LANE_MIDDLE = 1.4
"""How far to the right of a street's middle cars drive, metres."""
PAVEMENT_WIDTH = 2.2
PLOT_DEPTH = 38.0
_OVERHANG = 45.0

# What is grey, red, brown or blue is so in several classes, as in life: no colour tells what it is.
_ASPHALT = ((0.34, 0.34, 0.35), (0.42, 0.4, 0.37), (0.27, 0.28, 0.31), (0.47, 0.43, 0.39))
_PAVING = ((0.56, 0.55, 0.53), (0.66, 0.58, 0.46), (0.6, 0.38, 0.31), (0.44, 0.45, 0.47))
_STONE = ((0.52, 0.5, 0.47), (0.66, 0.58, 0.46), (0.38, 0.37, 0.38), (0.58, 0.43, 0.35))
_WATER = (
    (0.2, 0.58, 0.66),
    (0.16, 0.34, 0.52),
    (0.24, 0.4, 0.34),
    (0.45, 0.55, 0.6),
    (0.3, 0.36, 0.4),
)
_WOOD = srgb(0.5, 0.38, 0.27)
_BOARDS = ((0.5, 0.38, 0.27), (0.45, 0.45, 0.44), (0.36, 0.4, 0.26), (0.56, 0.34, 0.27))
_WHITE_WOOD = srgb(0.82, 0.81, 0.78)


def build_neighborhood(seed: int) -> World:
    """Build the world of a seed."""
    builder = WorldBuilder("neighborhood", seed)
    builder.add_object("SkySphere")
    _add_terrain(builder)
    _add_streets(builder)
    for i in range(len(NORTHS) - 1):
        for j in range(len(EASTS) - 1):
            _add_block(builder, NORTHS[i], NORTHS[i + 1], EASTS[j], EASTS[j + 1])
    _add_edge_of_the_world(builder)
    for route in routes():
        add_traffic(builder, route)
    return builder.build()


def routes() -> list[np.ndarray]:
    """Return (N, 2) closed polylines, north and east, along the right-hand lanes.

    Cars go around blocks, always turning right, so that their ways never cross. The lanes outside
    the loop that people fly and drive stay free: whoever drives there meets oncoming traffic only.
    """
    blocks = [(0, 0), (0, 2), (1, 1), (2, 0), (2, 2)]
    found = [
        _round_trip(NORTHS[i], NORTHS[i + 1], EASTS[j], EASTS[j + 1], LANE_MIDDLE)
        for i, j in blocks
    ]
    found.append(_round_trip(NORTHS[0], NORTHS[-1], EASTS[0], EASTS[-1], -LANE_MIDDLE)[::-1])
    return found


def _round_trip(south: float, north: float, west: float, east: float, inset: float) -> np.ndarray:
    """Return a clockwise trip (from above) around a rectangle, in a lane `inset` inside it."""
    return np.array(
        [
            [south + inset, west + inset],
            [north - inset, west + inset],
            [north - inset, east - inset],
            [south + inset, east - inset],
        ]
    )


def _add_terrain(builder: WorldBuilder) -> None:
    lawn = builder.add_object("Landscape")
    green = srgb(0.37, 0.43, 0.23)
    middle = Frame((NORTHS[0] + NORTHS[-1]) / 2, (EASTS[0] + EASTS[-1]) / 2)
    builder.add_part(lawn, "lid", middle, (0, 0, -0.5), (5000, 5000, 1.0), green, m.LAWN)
    for k in range(14):
        angle = k * 2 * np.pi / 14 + builder.random.uniform(-0.15, 0.15)
        reach = builder.random.uniform(900, 1500)
        place = (reach * np.cos(angle), reach * np.sin(angle), -20.0)
        size = (
            builder.random.uniform(500, 900),
            builder.random.uniform(500, 900),
            builder.random.uniform(120, 260),
        )
        builder.add_part(lawn, "ball", middle, place, size, srgb(0.3, 0.4, 0.24), m.LAWN)


def _add_streets(builder: WorldBuilder) -> None:
    wide = 2 * STREET_HALF_WIDTH
    for north in NORTHS:
        for east in EASTS:
            crossing = builder.add_object("Road")
            at = Frame(north, east)
            tar, size = builder.tint(*_ASPHALT), (wide, wide, 0.1)
            builder.add_part(crossing, "lid", at, (0, 0, -0.02), size, tar, m.CROSSING)
            _add_corner(builder, at)
    for yaw, lines, stops in ((0.0, EASTS, NORTHS), (np.pi / 2, NORTHS, EASTS)):
        for line in lines:
            ends = [stops[0] - _OVERHANG, *stops, stops[-1] + _OVERHANG]
            for a, b in pairwise(ends):
                middle = (a + b) / 2
                at = Frame(middle, line) if yaw == 0.0 else Frame(line, middle, yaw)
                _add_street(builder, at, abs(b - a) - wide)


def _add_street(builder: WorldBuilder, at: Frame, length: float) -> None:
    """Add a stretch of street along u with pavements, lamps and parked cars."""
    street = builder.add_object("Road")
    wide = 2 * STREET_HALF_WIDTH
    tar = builder.tint(*_ASPHALT)
    builder.add_part(street, "lid", at, (0, 0, -0.02), (length, wide, 0.1), tar, m.STREET)
    for side in (-1, 1):
        pavement = builder.add_object("Driveway_Edge")
        v = side * (STREET_HALF_WIDTH + PAVEMENT_WIDTH / 2)
        size = (length + 0.4, PAVEMENT_WIDTH, 0.3)
        builder.add_part(pavement, "lid", at, (0, v, 0.0), size, builder.tint(*_PAVING), m.PAVING)
        for u in np.arange(-length / 2 + 9.0, length / 2 - 6.0, 34.0):
            shift = u + (17.0 if side > 0 else 0.0)
            if shift > length / 2 - 4.0:
                continue
            lamp = at.at(shift, side * (STREET_HALF_WIDTH + 0.55), -side * np.pi / 2)
            add_lamp(builder, lamp)
        for u in np.arange(-length / 2 + 12.0, length / 2 - 12.0, 11.0):
            if builder.random.random() < 0.3:
                v = side * (STREET_HALF_WIDTH - 0.55)
                turn = 0.0 if side > 0 else np.pi
                add_car(builder, at.at(u + builder.random.uniform(-2, 2), v, turn))


def _add_corner(builder: WorldBuilder, at: Frame) -> None:
    """Add the signs of a crossing."""
    out = STREET_HALF_WIDTH + 1.2
    add_street_sign(builder, at.at(out, out))
    if (round(at.north) // 125 + round(at.east) // 130) % 2 == 0:
        for quarter in range(4):
            turned = at.at(0.0, 0.0, quarter * np.pi / 2)
            add_traffic_light(builder, turned.at(-out + 0.3, out - 0.3))
        return
    for u, v, yaw in ((out, -out + 0.6, 0.0), (-out, out - 0.6, np.pi)):
        add_stop_sign(builder, at.at(u, v, yaw))


def _add_block(builder: WorldBuilder, south: float, north: float, west: float, east: float) -> None:
    """Fill the block between four streets with plots on all sides and a park in the middle."""
    inset = STREET_HALF_WIDTH + PAVEMENT_WIDTH
    south, north, west, east = south + inset, north - inset, west + inset, east - inset
    per_side = 5
    width = (north - south) / per_side
    for i in range(per_side):
        middle = south + (i + 0.5) * width
        _add_plot(builder, Frame(middle, west, np.pi / 2), width)
        _add_plot(builder, Frame(middle, east, -np.pi / 2), width)
    inner_west, inner_east = west + PLOT_DEPTH, east - PLOT_DEPTH
    width = (inner_east - inner_west) / 2
    for i in range(2):
        middle = inner_west + (i + 0.5) * width
        _add_plot(builder, Frame(south, middle, 0.0), width)
        _add_plot(builder, Frame(north, middle, np.pi), width)
    _add_park(builder, (south + north) / 2, (west + east) / 2, inner_east - inner_west)
    line = Frame(south + 4.0, (west + inner_west) / 2 + PLOT_DEPTH / 2 - 1.2)
    add_power_line(builder, line, (north - south - 8.0) / 3, 4)


def _add_plot(builder: WorldBuilder, plot: Frame, width: float) -> None:
    random = builder.random
    house = add_house(builder, plot, width)
    _add_paths(builder, plot, house)
    _add_boundaries(builder, plot, width)
    _add_front_garden(builder, plot, house, width)
    _add_back_garden(builder, plot, house, width)
    if random.random() < 0.5:
        v = house.v + house.garage_side * (house.width / 2 + 1.8)
        add_car(builder, plot.at(house.front - 3.2, v, np.pi * random.integers(2)))


def _add_paths(builder: WorldBuilder, plot: Frame, house: House) -> None:
    v = house.v + house.garage_side * (house.width / 2 + 1.8)
    long = house.front + 0.6 + PAVEMENT_WIDTH
    drive = builder.add_object("Driveway")
    tone = builder.random.uniform(0.85, 1.1)
    of_stone = builder.random.random() < 0.5
    color = tuple(c * tone for c in builder.tint(*(_PAVING if of_stone else _ASPHALT)))
    material = m.PAVING if builder.random.random() < 0.5 else m.CROSSING
    middle = (long / 2 - PAVEMENT_WIDTH, v, 0.02)
    builder.add_part(drive, "lid", plot, middle, (long, 3.2, 0.12), color, material)
    path = builder.add_object("Garden_Rocks")
    u = 0.4
    while u < house.front - 2.2:
        size = (0.75, 1.1, 0.14)
        place = (u, house.v + builder.random.uniform(-0.1, 0.1), 0.02)
        yaw = builder.random.uniform(-0.12, 0.12)
        builder.add_part(path, "lid", plot, place, size, builder.tint(*_STONE), m.ROCK, yaw=yaw)
        u += 0.9


def _add_boundaries(builder: WorldBuilder, plot: Frame, width: float) -> None:
    """Add what separates a plot from its neighbours and from the street."""
    random = builder.random
    left = plot.at(9.0, -width / 2)
    _add_divider(
        builder, left, PLOT_DEPTH - 9.0, random.choice(["boards", "wall", "hedge", "rails"])
    )
    rear = plot.at(PLOT_DEPTH - 0.2, -width / 2, np.pi / 2)
    _add_divider(builder, rear, width, random.choice(["boards", "wall", "hedge"]))
    front = random.choice(["rails", "hedge", "wall", "open"], p=[0.32, 0.26, 0.3, 0.12])
    if front == "open":
        return
    # Two pieces, with the path between them.
    for v in (-width / 2 + 0.3, 1.6):
        start = plot.at(0.5, v, np.pi / 2)
        _add_divider(builder, start, width / 2 - 5.8, front, low=True)


def _add_divider(
    builder: WorldBuilder, at: Frame, length: float, kind: str, *, low: bool = False
) -> None:
    """Add a fence, wall or hedge along u."""
    if length < 1.0:
        return
    if kind == "hedge":
        add_hedge(builder, at, length, 0.9 if low else 1.7)
        return
    if kind == "wall":
        tall = 0.75 if low else 1.3
        wall = builder.add_object("Wall_Low")
        size = (length, 0.34, tall)
        place = (length / 2, 0, tall / 2)
        builder.add_part(wall, "lid", at, place, size, builder.tint(*_STONE), m.STONE_WALL)
        cap = builder.add_object("Wall_Low_End")
        top = (length / 2, 0, tall + 0.05)
        slabs = builder.tint(*_PAVING)
        builder.add_part(cap, "box", at, top, (length + 0.1, 0.44, 0.1), slabs, m.ROCK)
        builder.add_solid(wall, at, place, size)
        return
    fence = builder.add_object("Fence")
    tall = 1.0 if low or kind == "rails" else 1.8
    tone = builder.random.uniform(0.7, 1.2)
    boards = builder.tint(*_BOARDS)
    color = _WHITE_WOOD if kind == "rails" else tuple(c * tone for c in boards)
    for u in np.arange(0.0, length + 0.01, 2.2 if kind == "rails" else 2.6):
        post = (0.12, 0.12, tall + 0.1)
        builder.add_part(fence, "lid", at, (u, 0, post[2] / 2), post, color, m.PLAIN)
    if kind == "rails":
        for up in (0.3, 0.6, 0.9):
            rail = (length, 0.06, 0.14)
            builder.add_part(fence, "box", at, (length / 2, 0, up), rail, color, m.PLAIN)
    else:
        board = (length, 0.06, tall - 0.1)
        builder.add_part(fence, "box", at, (length / 2, 0, tall / 2), board, color, m.PLANKS)
    builder.add_solid(fence, at, (length / 2, 0, tall / 2), (length, 0.14, tall))


def _add_front_garden(builder: WorldBuilder, plot: Frame, house: House, width: float) -> None:
    random = builder.random
    side = -house.garage_side
    for v in (house.v - 2.6, house.v + 2.6):
        if random.random() < 0.6:
            add_flower_bed(builder, plot.at(house.front - 0.75, v, np.pi / 2), 2.6, 0.9)
    if random.random() < 0.75:
        place = plot.at(random.uniform(3.2, 5.0), side * random.uniform(0.22, 0.36) * width)
        add_tree(builder, place, scale=0.8)
    for _ in range(random.integers(0, 3)):
        place = plot.at(random.uniform(1.8, 6.0), side * random.uniform(0.1, 0.42) * width)
        add_bush(builder, place, random.uniform(0.7, 1.3))
    if random.random() < 0.35:
        _add_rocks(builder, plot.at(random.uniform(2.0, 4.0), side * 0.3 * width))
    if random.random() < 0.6:
        bin_ = builder.add_object("bin")
        v = house.v + house.garage_side * (house.width / 2 + 0.1)
        middle = (house.front + 0.1, v, 0.5)
        builder.add_part(bin_, "box", plot, middle, (0.55, 0.5, 1.0), srgb(0.2, 0.3, 0.22), m.PLAIN)


def _add_back_garden(builder: WorldBuilder, plot: Frame, house: House, width: float) -> None:
    random = builder.random
    back, end = house.back, PLOT_DEPTH - 1.5
    terrace = builder.add_object("Garden_Rocks")
    paving = (2.6, house.width * 0.7, 0.12)
    place, slabs = (back + 1.3, house.v, 0.02), builder.tint(*_STONE)
    builder.add_part(terrace, "lid", plot, place, paving, slabs, m.PAVING)
    pool_v = None
    if random.random() < 0.62:
        pool_v = random.uniform(-0.14, 0.14) * width
        _add_pool(builder, plot.at((back + end) / 2 + 1.0, pool_v))
    if random.random() < 0.5:
        _add_chairs(builder, plot.at(back + 1.6, house.v + random.uniform(-2, 2)))
    for _ in range(random.integers(2, 5)):
        u = random.uniform(back + 3.0, end - 0.5)
        side = -1 if random.random() < 0.5 else 1
        v = side * width * random.uniform(0.3 if pool_v is None else 0.4, 0.44)
        add_tree(builder, plot.at(u, v), scale=random.uniform(0.75, 1.0))
    for _ in range(random.integers(1, 4)):
        add_bush(
            builder,
            plot.at(end - 0.3, random.uniform(-0.44, 0.44) * width),
            random.uniform(0.8, 1.6),
        )
    if random.random() < 0.5:
        _add_rocks(builder, plot.at(end - 1.2, random.uniform(-0.35, 0.35) * width))
    if random.random() < 0.5:
        add_flower_bed(builder, plot.at((back + end) / 2, -0.44 * width), 5.0, 0.9)


def _add_pool(builder: WorldBuilder, at: Frame) -> None:
    long = builder.random.uniform(5.5, 8.0)
    wide = builder.random.uniform(3.2, 4.4)
    surround = builder.add_object("Driveway_Quart")
    size, slabs = (long + 2.4, wide + 2.4, 0.12), builder.tint(*_PAVING)
    builder.add_part(surround, "lid", at, (0, 0, 0.0), size, slabs, m.PAVING)
    rim = builder.add_object("Swimming_Pool_Edge")
    tile = srgb(0.72, 0.78, 0.78)
    builder.add_part(rim, "lid", at, (0, 0, 0.04), (long + 0.7, wide + 0.7, 0.12), tile, m.PAVING)
    water = builder.add_object("Swimming_Pool_Floor")
    tone = builder.random.uniform(0.85, 1.15)
    blue = tuple(c * tone for c in builder.tint(*_WATER))
    builder.add_part(water, "lid", at, (0, 0, 0.06), (long, wide, 0.12), blue, m.WATER)
    steps = builder.add_object("Swimming_Pool_Steps")
    for v in (-0.3, 0.3):
        rail = (0.06, 0.06, 0.9)
        place = (long / 2 + 0.1, v, 0.5)
        builder.add_part(steps, "box", at, place, rail, srgb(0.8, 0.8, 0.82), m.PAINT)


def _add_chairs(builder: WorldBuilder, at: Frame) -> None:
    color = srgb(0.78, 0.77, 0.74) if builder.random.random() < 0.5 else _WOOD
    for v in (-0.9, 0.9):
        chair = builder.add_object("Garden_Chair")
        builder.add_part(chair, "box", at, (0, v, 0.42), (0.55, 0.55, 0.08), color, m.PLAIN)
        builder.add_part(chair, "box", at, (0.26, v, 0.72), (0.07, 0.55, 0.6), color, m.PLAIN)
        builder.add_part(chair, "box", at, (0, v, 0.2), (0.4, 0.4, 0.4), color, m.PLAIN)


def _add_rocks(builder: WorldBuilder, at: Frame) -> None:
    for _ in range(builder.random.integers(2, 5)):
        rock = builder.add_object("Rock")
        u, v = builder.random.uniform(-1.0, 1.0, 2)
        size = builder.random.uniform(0.5, 1.3)
        tone = builder.random.uniform(0.75, 1.2)
        grey = tuple(c * tone for c in builder.tint(*_STONE))
        solid = (size, 0.8 * size, 0.7 * size)
        yaw = builder.random.uniform(0, 6.28)
        builder.add_part(rock, "blob", at, (u, v, 0.22 * size), solid, grey, m.ROCK, yaw=yaw)


def _add_park(builder: WorldBuilder, north: float, east: float, width: float) -> None:
    """Add what lies between the back gardens: trees, a monument of stone, benches."""
    random = builder.random
    at = Frame(north, east)
    half_u = 125.0 / 2 - STREET_HALF_WIDTH - PAVEMENT_WIDTH - PLOT_DEPTH - 2.0
    monument = builder.add_object("Monument_01")
    stone = builder.tint(*_STONE)
    builder.add_part(monument, "lid", at, (0, 0, 0.25), (3.4, 3.4, 0.5), stone, m.STONE_WALL)
    builder.add_part(monument, "trunk", at, (0, 0, 1.9), (1.0, 1.0, 2.8), stone, m.ROCK)
    builder.add_solid(monument, at, (0, 0, 1.7), (3.4, 3.4, 3.4))
    for v in (-4.0, 4.0):
        bench = builder.add_object("Bench")
        builder.add_part(bench, "box", at, (0, v, 0.45), (1.8, 0.5, 0.1), _WOOD, m.PLANKS)
        builder.add_part(bench, "box", at, (0, v * 1.06, 0.8), (1.8, 0.08, 0.5), _WOOD, m.PLANKS)
        builder.add_part(bench, "box", at, (0, v, 0.2), (1.5, 0.3, 0.4), stone, m.ROCK)
    for _ in range(9):
        u = random.uniform(-half_u, half_u)
        v = random.uniform(5.5, width / 2 - 3.0) * random.choice([-1, 1])
        add_tree(builder, at.at(u, v), scale=1.15)
    _add_rocks(builder, at.at(random.uniform(-4, 4), 7.0))
    add_flower_bed(builder, at.at(3.2, 0, 0.0), 1.6, 4.0)


def _add_edge_of_the_world(builder: WorldBuilder) -> None:
    """Close the horizon with woods beyond the last streets."""
    low_n, high_n = NORTHS[0] - 30.0, NORTHS[-1] + 30.0
    low_e, high_e = EASTS[0] - 30.0, EASTS[-1] + 30.0
    random = builder.random
    for ring in range(3):
        out = 14.0 * ring
        for north in (low_n - out, high_n + out):
            for east in np.arange(low_e - out, high_e + out, 13.0):
                _plant_outside(builder, north, east + random.uniform(-3, 3))
        for east in (low_e - out, high_e + out):
            for north in np.arange(low_n - out, high_n + out, 13.0):
                _plant_outside(builder, north + random.uniform(-3, 3), east)
    for _ in range(10):
        side = random.choice([-1, 1])
        at = Frame(random.uniform(low_n, high_n), (high_e if side > 0 else low_e) - side * 12.0)
        if _is_on_street(at.north, at.east):
            continue
        add_broadleaf(builder, at, "Oak", random.uniform(8, 12))


def _plant_outside(builder: WorldBuilder, north: float, east: float) -> None:
    if not _is_on_street(north, east):
        add_far_tree(builder, Frame(north, east), builder.random.uniform(9.0, 16.0))


def _is_on_street(north: float, east: float) -> bool:
    return bool(
        min(abs(north - n) for n in NORTHS) < 9.0 or min(abs(east - e) for e in EASTS) < 9.0
    )
