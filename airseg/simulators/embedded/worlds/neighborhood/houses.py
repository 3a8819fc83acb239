"""Houses: walls, openings, roofs, porches, garages. One house is many named objects, as in AirSim.

A plot's frame stands at the middle of its frontage; u runs away from the street, v to the right
when one looks at the house.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import Frame, WorldBuilder, srgb

_WALLS = [
    ((0.62, 0.36, 0.28), m.BRICK),
    ((0.55, 0.43, 0.36), m.BRICK),
    ((0.68, 0.5, 0.4), m.BRICK),
    ((0.85, 0.81, 0.72), m.PLASTER),
    ((0.76, 0.74, 0.7), m.PLASTER),
    ((0.8, 0.68, 0.52), m.PLASTER),
    ((0.7, 0.74, 0.76), m.BOARDS),
    ((0.62, 0.66, 0.58), m.BOARDS),
    ((0.6, 0.58, 0.55), m.STONE_WALL),
]
_ROOFS = [
    ((0.34, 0.34, 0.36), m.SHINGLES),
    ((0.56, 0.55, 0.52), m.SHINGLES),
    ((0.3, 0.36, 0.28), m.SHINGLES),
    ((0.58, 0.31, 0.23), m.TILES),
    ((0.5, 0.36, 0.28), m.TILES),
    ((0.36, 0.35, 0.37), m.SHINGLES),
    ((0.45, 0.42, 0.38), m.SHINGLES),
    ((0.4, 0.3, 0.26), m.SHINGLES),
]
_TRIM = srgb(0.88, 0.87, 0.84)
_GLASS = srgb(0.16, 0.2, 0.25)


@dataclass(frozen=True)
class House:
    """A house in its plot, metres: its middle, its depth along u, its width along v."""

    u: float
    v: float
    depth: float
    width: float
    garage_side: int

    @property
    def back(self) -> float:
        """U of the rear wall."""
        return self.u + self.depth / 2

    @property
    def front(self) -> float:
        """U of the front wall."""
        return self.u - self.depth / 2


def _vary(
    random: np.random.Generator, rgb: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return a color lighter or darker, and a little off in hue."""
    tone = random.uniform(0.85, 1.1)
    return srgb(*(c * tone * random.uniform(0.97, 1.03) for c in rgb))


def add_house(builder: WorldBuilder, plot: Frame, plot_width: float) -> House:
    """Add a house of a random style to a plot and return its place."""
    random = builder.random
    storeys = 1 + int(random.random() < 0.5)
    height = 2.9 * storeys + 0.3
    side = -1 if random.random() < 0.5 else 1
    width = random.uniform(9.5, min(13.0, plot_width - 9.0))
    depth = random.uniform(7.5, 9.5)
    house = House(random.uniform(7.5, 9.0) + depth / 2, -1.6 * side, depth, width, side)
    rgb, material = _WALLS[random.integers(len(_WALLS))]
    color = _vary(random, rgb)
    roof_rgb, roof_material = _ROOFS[random.integers(len(_ROOFS))]
    roof_color = _vary(random, roof_rgb)
    walls = builder.add_object("Outer_Wall_Half")
    size = (depth, width, height)
    middle = (house.u, house.v, height / 2)
    builder.add_part(walls, "lid", plot, middle, size, color, material)
    builder.add_solid(walls, plot, middle, size)
    foundation = (depth + 0.16, width + 0.16, 0.5)
    base = builder.add_object("House_Base_Quart")
    builder.add_part(
        base, "lid", plot, (house.u, house.v, 0.25), foundation, srgb(0.5, 0.49, 0.47), m.STONE_WALL
    )
    _add_main_roof(builder, plot, house, height, roof_color, roof_material, color, material)
    _add_openings(builder, plot, house, storeys)
    _add_garage(builder, plot, house, color, material, roof_color, roof_material)
    _add_porch(builder, plot, house, roof_color)
    return house


def _add_main_roof(
    builder: WorldBuilder,
    plot: Frame,
    house: House,
    height: float,
    color: tuple[float, float, float],
    material: int,
    wall_color: tuple[float, float, float],
    wall_material: int,
) -> None:
    random = builder.random
    style = random.choice(["gable", "hip", "cross", "flat"], p=[0.42, 0.3, 0.18, 0.1])
    rise = random.uniform(2.2, 3.4)
    over = 0.9
    if style == "flat":
        roof = builder.add_object("Roof_Flat")
        size = (house.depth + 0.7, house.width + 0.7, 0.35)
        grey = srgb(0.42, 0.42, 0.42)
        builder.add_part(roof, "box", plot, (house.u, house.v, height + 0.1), size, grey, m.ROCK)
        builder.add_solid(roof, plot, (house.u, house.v, height + 0.1), size)
        rise = 0.3
    else:
        roof = builder.add_object("Roof_Middle" if style != "hip" else "Roof_Quart_Corner")
        solid = "hip" if style == "hip" else "gable"
        size = (house.width + over, house.depth + over, rise)
        middle = (house.u, house.v, height + rise / 2 - 0.12)
        builder.add_part(roof, solid, plot, middle, size, color, material, yaw=np.pi / 2)
        builder.add_solid(roof, plot, middle, (size[1], size[0], rise))
        eaves = builder.add_object("Roof_Edge_End")
        edge = (house.depth + over + 0.08, house.width + over + 0.08, 0.16)
        builder.add_part(eaves, "box", plot, (house.u, house.v, height - 0.1), edge, _TRIM, m.PLAIN)
    if style == "cross":
        gable = builder.add_object("Roof_Apex")
        wide = house.width * 0.42
        v = house.v - house.garage_side * house.width * 0.2
        size = (house.depth * 0.62, wide, rise * 0.85)
        front = house.front + size[0] / 2 - 0.7
        middle = (front, v, height + size[2] / 2 - 0.08)
        builder.add_part(gable, "gable", plot, middle, size, color, material)
        panel = builder.add_object("Outer_Wall_Half_Apex")
        fill = (0.5, wide * 0.8, size[2] * 0.55)
        place = (house.front - 0.2, v, height + 0.02)
        builder.add_part(panel, "lid", plot, place, fill, wall_color, wall_material)
    if random.random() < 0.75:
        stack = builder.add_object("Chimney_Base")
        u = house.u + random.uniform(-0.2, 0.2) * house.depth
        v = house.v + random.uniform(-0.35, 0.35) * house.width
        top = height + rise * 0.75 + 0.6
        brick = srgb(0.5, 0.32, 0.26)
        size = (0.75, 0.75, 2.6)
        builder.add_part(stack, "lid", plot, (u, v, top - 1.0), size, brick, m.BRICK)
        builder.add_part(
            stack, "box", plot, (u, v, top + 0.35), (0.95, 0.95, 0.16), srgb(0.4, 0.4, 0.4), m.ROCK
        )


def _add_openings(builder: WorldBuilder, plot: Frame, house: House, storeys: int) -> None:
    """Add windows on all four sides and the doors."""
    for storey in range(storeys):
        up = 1.55 + 2.85 * storey
        for u, sign in ((house.front, -1), (house.back, 1)):
            windows = builder.add_object("Outer_Wall_Half_Win")
            count = int(house.width // 2.9)
            for i in range(count):
                v = house.v + (i - (count - 1) / 2) * house.width / count
                if storey == 0 and i == count // 2:
                    continue  # the door's place
                _add_window(builder, windows, plot, (u + 0.02 * sign, v, up), along_v=True)
        for v, sign in ((house.v - house.width / 2, -1), (house.v + house.width / 2, 1)):
            windows = builder.add_object("Outer_Wall_Quart_Win")
            for f in (-0.25, 0.25):
                place = (house.u + f * house.depth, v + 0.02 * sign, up)
                _add_window(builder, windows, plot, place, along_v=False)
    for u, kind in (
        (house.front - 0.03, "Outer_Door_Swing"),
        (house.back + 0.03, "Outer_Door_BP_C"),
    ):
        door = builder.add_object(kind)
        count = int(house.width // 2.9)
        v = house.v + (count // 2 - (count - 1) / 2) * house.width / count
        paint = [(0.45, 0.18, 0.15), (0.2, 0.3, 0.26), (0.35, 0.25, 0.18), (0.8, 0.79, 0.76)]
        color = srgb(*paint[builder.random.integers(len(paint))])
        builder.add_part(door, "box", plot, (u, v, 1.1), (0.14, 1.3, 2.3), _TRIM, m.PLAIN)
        builder.add_part(door, "box", plot, (u, v, 1.05), (0.22, 1.0, 2.1), color, m.PLANKS)


def _add_window(
    builder: WorldBuilder,
    owner: int,
    plot: Frame,
    at: tuple[float, float, float],
    *,
    along_v: bool,
) -> None:
    frame, pane = (0.14, 1.45, 1.35), (0.2, 1.2, 1.1)
    bar = (0.24, 0.07, 1.1)
    for size, color, material in (
        (frame, _TRIM, m.PLAIN),
        (pane, _GLASS, m.GLASS),
        (bar, _TRIM, m.PLAIN),
    ):
        extent = size if along_v else (size[1], size[0], size[2])
        builder.add_part(owner, "box", plot, at, extent, color, material)


def _add_garage(
    builder: WorldBuilder,
    plot: Frame,
    house: House,
    color: tuple[float, float, float],
    material: int,
    roof_color: tuple[float, float, float],
    roof_material: int,
) -> None:
    width, depth, height = 3.6, 6.2, 2.7
    v = house.v + house.garage_side * (house.width / 2 + width / 2)
    u = house.front + 0.6 + depth / 2
    walls = builder.add_object("Outer_Wall_Half_Garage")
    builder.add_part(
        walls, "lid", plot, (u, v, height / 2), (depth, width, height), color, material
    )
    builder.add_solid(walls, plot, (u, v, height / 2), (depth, width, height))
    door = builder.add_object("Garage_Door_BP")
    front = u - depth / 2 - 0.02
    builder.add_part(
        door, "box", plot, (front, v, 1.1), (0.12, 2.7, 2.2), srgb(0.82, 0.82, 0.8), m.BOARDS
    )
    roof = builder.add_object("Roof_Half")
    if builder.random.random() < 0.5:
        size = (depth + 0.5, width + 0.5, 1.4)
        builder.add_part(
            roof, "gable", plot, (u, v, height + 0.62), size, roof_color, roof_material
        )
    else:
        size = (depth + 0.4, width + 0.4, 0.25)
        builder.add_part(
            roof, "box", plot, (u, v, height + 0.1), size, srgb(0.4, 0.4, 0.41), m.ROCK
        )


def _add_porch(
    builder: WorldBuilder, plot: Frame, house: House, color: tuple[float, float, float]
) -> None:
    """Add a small roof on pillars and steps before the front door, at two of three houses."""
    if builder.random.random() > 0.66:
        return
    count = int(house.width // 2.9)
    v = house.v + (count // 2 - (count - 1) / 2) * house.width / count
    u = house.front - 0.9
    pillars = builder.add_object("Porch_Pillar")
    for offset in (-1.1, 1.1):
        post = (0.18, 0.18, 2.5)
        builder.add_part(pillars, "box", plot, (u - 0.6, v + offset, 1.25), post, _TRIM, m.PLAIN)
    roof = builder.add_object("Flat_Roof")
    builder.add_part(roof, "gable", plot, (u + 0.2, v, 2.85), (2.4, 3.0, 0.8), color, m.SHINGLES)
    steps = builder.add_object("Outdoor_Steps")
    stone = srgb(0.56, 0.55, 0.53)
    builder.add_part(steps, "lid", plot, (u, v, 0.1), (1.9, 2.4, 0.2), stone, m.PAVING)
    builder.add_part(steps, "lid", plot, (u - 1.15, v, 0.05), (0.5, 2.0, 0.1), stone, m.PAVING)
