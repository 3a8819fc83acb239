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
from airseg.simulators.embedded.worlds.neighborhood.plots import (
    ASPHALT,
    PAVEMENT_WIDTH,
    PAVING,
    PLOT_DEPTH,
    STONE,
    WOOD,
    add_plot,
    add_rocks,
)
from airseg.simulators.embedded.worlds.parts.plants import (
    add_broadleaf,
    add_far_tree,
    add_flower_bed,
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
_OVERHANG = 45.0


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
            tar, size = builder.tint(*ASPHALT), (wide, wide, 0.1)
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
    tar = builder.tint(*ASPHALT)
    builder.add_part(street, "lid", at, (0, 0, -0.02), (length, wide, 0.1), tar, m.STREET)
    for side in (-1, 1):
        pavement = builder.add_object("Driveway_Edge")
        v = side * (STREET_HALF_WIDTH + PAVEMENT_WIDTH / 2)
        size = (length + 0.4, PAVEMENT_WIDTH, 0.3)
        builder.add_part(pavement, "lid", at, (0, v, 0.0), size, builder.tint(*PAVING), m.PAVING)
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
        add_plot(builder, Frame(middle, west, np.pi / 2), width)
        add_plot(builder, Frame(middle, east, -np.pi / 2), width)
    inner_west, inner_east = west + PLOT_DEPTH, east - PLOT_DEPTH
    width = (inner_east - inner_west) / 2
    for i in range(2):
        middle = inner_west + (i + 0.5) * width
        add_plot(builder, Frame(south, middle, 0.0), width)
        add_plot(builder, Frame(north, middle, np.pi), width)
    _add_park(builder, (south + north) / 2, (west + east) / 2, inner_east - inner_west)
    line = Frame(south + 4.0, (west + inner_west) / 2 + PLOT_DEPTH / 2 - 1.2)
    add_power_line(builder, line, (north - south - 8.0) / 3, 4)


def _add_park(builder: WorldBuilder, north: float, east: float, width: float) -> None:
    """Add what lies between the back gardens: trees, a monument of stone, benches."""
    random = builder.random
    at = Frame(north, east)
    half_u = 125.0 / 2 - STREET_HALF_WIDTH - PAVEMENT_WIDTH - PLOT_DEPTH - 2.0
    monument = builder.add_object("Monument_01")
    stone = builder.tint(*STONE)
    builder.add_part(monument, "lid", at, (0, 0, 0.25), (3.4, 3.4, 0.5), stone, m.STONE_WALL)
    builder.add_part(monument, "trunk", at, (0, 0, 1.9), (1.0, 1.0, 2.8), stone, m.ROCK)
    builder.add_solid(monument, at, (0, 0, 1.7), (3.4, 3.4, 3.4))
    for v in (-4.0, 4.0):
        bench = builder.add_object("Bench")
        builder.add_part(bench, "box", at, (0, v, 0.45), (1.8, 0.5, 0.1), WOOD, m.PLANKS)
        builder.add_part(bench, "box", at, (0, v * 1.06, 0.8), (1.8, 0.08, 0.5), WOOD, m.PLANKS)
        builder.add_part(bench, "box", at, (0, v, 0.2), (1.5, 0.3, 0.4), stone, m.ROCK)
    for _ in range(9):
        u = random.uniform(-half_u, half_u)
        v = random.uniform(5.5, width / 2 - 3.0) * random.choice([-1, 1])
        add_tree(builder, at.at(u, v), scale=1.15)
    add_rocks(builder, at.at(random.uniform(-4, 4), 7.0))
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
