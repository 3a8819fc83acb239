"""Plots of the neighbourhood: a house, its paths and fences, and the gardens around it."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.neighborhood.houses import House, add_house
from airseg.simulators.embedded.worlds.parts.plants import (
    add_bush,
    add_flower_bed,
    add_hedge,
    add_tree,
)
from airseg.simulators.embedded.worlds.parts.street_furniture import add_car

PAVEMENT_WIDTH = 2.2
PLOT_DEPTH = 38.0
"""From the pavement to the rear fence, metres."""

# What is grey, red, brown or blue is so in several classes, as in life: no colour tells what it is.
ASPHALT = ((0.34, 0.34, 0.35), (0.42, 0.4, 0.37), (0.27, 0.28, 0.31), (0.47, 0.43, 0.39))
PAVING = ((0.56, 0.55, 0.53), (0.66, 0.58, 0.46), (0.6, 0.38, 0.31), (0.44, 0.45, 0.47))
STONE = ((0.52, 0.5, 0.47), (0.66, 0.58, 0.46), (0.38, 0.37, 0.38), (0.58, 0.43, 0.35))
_WATER = (
    (0.2, 0.58, 0.66),
    (0.16, 0.34, 0.52),
    (0.24, 0.4, 0.34),
    (0.45, 0.55, 0.6),
    (0.3, 0.36, 0.4),
)
WOOD = srgb(0.5, 0.38, 0.27)
_BOARDS = ((0.5, 0.38, 0.27), (0.45, 0.45, 0.44), (0.36, 0.4, 0.26), (0.56, 0.34, 0.27))
_WHITE_WOOD = srgb(0.82, 0.81, 0.78)


def add_plot(builder: WorldBuilder, plot: Frame, width: float) -> None:
    """Add a house and its garden; u points away from the street, `width` is along it."""
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
    color = tuple(c * tone for c in builder.tint(*(PAVING if of_stone else ASPHALT)))
    material = m.PAVING if builder.random.random() < 0.5 else m.CROSSING
    middle = (long / 2 - PAVEMENT_WIDTH, v, 0.02)
    builder.add_part(drive, "lid", plot, middle, (long, 3.2, 0.12), color, material)
    path = builder.add_object("Garden_Rocks")
    u = 0.4
    while u < house.front - 2.2:
        size = (0.75, 1.1, 0.14)
        place = (u, house.v + builder.random.uniform(-0.1, 0.1), 0.02)
        yaw = builder.random.uniform(-0.12, 0.12)
        builder.add_part(path, "lid", plot, place, size, builder.tint(*STONE), m.ROCK, yaw=yaw)
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
        builder.add_part(wall, "lid", at, place, size, builder.tint(*STONE), m.STONE_WALL)
        cap = builder.add_object("Wall_Low_End")
        top = (length / 2, 0, tall + 0.05)
        slabs = builder.tint(*PAVING)
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
        add_rocks(builder, plot.at(random.uniform(2.0, 4.0), side * 0.3 * width))
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
    place, slabs = (back + 1.3, house.v, 0.02), builder.tint(*STONE)
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
        add_rocks(builder, plot.at(end - 1.2, random.uniform(-0.35, 0.35) * width))
    if random.random() < 0.5:
        add_flower_bed(builder, plot.at((back + end) / 2, -0.44 * width), 5.0, 0.9)


def _add_pool(builder: WorldBuilder, at: Frame) -> None:
    long = builder.random.uniform(5.5, 8.0)
    wide = builder.random.uniform(3.2, 4.4)
    surround = builder.add_object("Driveway_Quart")
    size, slabs = (long + 2.4, wide + 2.4, 0.12), builder.tint(*PAVING)
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
    color = srgb(0.78, 0.77, 0.74) if builder.random.random() < 0.5 else WOOD
    for v in (-0.9, 0.9):
        chair = builder.add_object("Garden_Chair")
        builder.add_part(chair, "box", at, (0, v, 0.42), (0.55, 0.55, 0.08), color, m.PLAIN)
        builder.add_part(chair, "box", at, (0.26, v, 0.72), (0.07, 0.55, 0.6), color, m.PLAIN)
        builder.add_part(chair, "box", at, (0, v, 0.2), (0.4, 0.4, 0.4), color, m.PLAIN)


def add_rocks(builder: WorldBuilder, at: Frame) -> None:
    """Add a few boulders."""
    for _ in range(builder.random.integers(2, 5)):
        rock = builder.add_object("Rock")
        u, v = builder.random.uniform(-1.0, 1.0, 2)
        size = builder.random.uniform(0.5, 1.3)
        tone = builder.random.uniform(0.75, 1.2)
        grey = tuple(c * tone for c in builder.tint(*STONE))
        solid = (size, 0.8 * size, 0.7 * size)
        yaw = builder.random.uniform(0, 6.28)
        builder.add_part(rock, "blob", at, (u, v, 0.22 * size), solid, grey, m.ROCK, yaw=yaw)
