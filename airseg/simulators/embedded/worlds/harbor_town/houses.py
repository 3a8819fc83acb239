"""Terraced houses of a southern town: two to four storeys under flat, tiled or sloping roofs.

A plot's frame stands at the middle of its frontage, on the edge of the pavement; u runs away from
the street, v to the right when one looks at the house.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import ALWAYS, NEAR, Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.parts.placing import (
    Assembly,
    Triple,
    begin,
    numbered,
    varied,
)
from airseg.simulators.embedded.worlds.parts.southern_plants import add_climber

STOREY_M = 3.15
_WALLS = (
    ((0.86, 0.84, 0.79), m.STUCCO),
    ((0.83, 0.8, 0.72), m.STUCCO),
    ((0.78, 0.64, 0.42), m.STUCCO),
    ((0.74, 0.57, 0.38), m.STUCCO),
    ((0.8, 0.71, 0.53), m.STUCCO),
    ((0.73, 0.5, 0.4), m.STUCCO),
    ((0.6, 0.65, 0.67), m.STUCCO),
    ((0.58, 0.62, 0.52), m.STUCCO),
    ((0.62, 0.57, 0.48), m.STONE_WALL),
    ((0.55, 0.53, 0.5), m.STONE_WALL),
    ((0.6, 0.42, 0.33), m.BRICK),
)
_TILES = ((0.63, 0.4, 0.29), (0.57, 0.42, 0.32), (0.68, 0.47, 0.34), (0.5, 0.37, 0.3))
_FLAT = ((0.62, 0.58, 0.5), (0.66, 0.5, 0.4), (0.55, 0.54, 0.52), (0.74, 0.72, 0.66))
_SHUTTERS = ((0.26, 0.36, 0.32), (0.3, 0.4, 0.5), (0.42, 0.32, 0.24), (0.5, 0.52, 0.46))
_AWNINGS = ((0.6, 0.2, 0.16), (0.24, 0.36, 0.3), (0.66, 0.52, 0.3), (0.28, 0.36, 0.5))
_GLASS, _IRON = srgb(0.14, 0.17, 0.2), srgb(0.16, 0.17, 0.18)
_STONE, _TRIM = srgb(0.6, 0.57, 0.51), srgb(0.8, 0.78, 0.72)


@dataclass(frozen=True)
class RowHouse:
    """A house in its row.

    Attributes:
        front, depth, width, height: u of its front wall and its extents, metres.
        storeys: above and with the ground floor.
        shutters, trim: linear albedos.
    """

    front: float
    depth: float
    width: float
    height: float
    storeys: int
    shutters: Triple
    trim: Triple


def add_row_house(
    builder: WorldBuilder,
    plot: Frame,
    width: float,
    *,
    depth: float = 10.0,
    open_sides: tuple[int, ...] = (),
) -> RowHouse:
    """Add a house that fills its frontage.

    Args:
        builder: what to add it to.
        plot: middle of the frontage.
        width: of the frontage, metres.
        depth: away from the street, metres.
        open_sides: -1 and 1 for sides that no neighbour hides; they get windows.
    """
    random = builder.random
    storeys = int(random.choice([2, 3, 4], p=[0.42, 0.42, 0.16]))
    house = RowHouse(
        front=random.uniform(0.05, 0.35),
        depth=depth + random.uniform(-0.8, 0.4),
        width=width,
        height=STOREY_M * storeys + random.uniform(0.2, 0.9),
        storeys=storeys,
        shutters=varied(random, _SHUTTERS[random.integers(len(_SHUTTERS))]),
        trim=_STONE if random.random() < 0.5 else _TRIM,
    )
    rgb, material = _WALLS[random.integers(len(_WALLS))]
    color = varied(random, rgb)
    walls = begin(builder, numbered(random, "SM_House_Row", 12), plot)
    size = (house.depth, width + 0.03, house.height)
    middle = (house.front + house.depth / 2, 0.0, house.height / 2)
    walls.lid(middle, size, color, material)
    walls.block(middle, size)
    _add_plinth(builder, plot, house)
    _add_front(builder, plot, house)
    _add_rear(builder, plot, house)
    for side in open_sides:
        _add_side(builder, plot, house, side)
    _add_roof(builder, plot, house, walls, color, material)
    if random.random() < 0.12:
        v = random.uniform(-0.45, 0.1) * width
        add_climber(builder, plot.at(house.front - 0.1, v, np.pi / 2), 0.4 * width, 4.5)
    return house


def _add_plinth(builder: WorldBuilder, plot: Frame, house: RowHouse) -> None:
    base = begin(builder, numbered(builder.random, "SM_Plinth", 3), plot)
    middle = (house.front + house.depth / 2, 0, 0.35)
    base.lid(middle, (house.depth + 0.1, house.width + 0.05, 0.7), _STONE, m.STONE_WALL)
    if builder.random.random() < 0.6:
        ledge = begin(builder, "SM_Cornice", plot)
        for storey in range(1, house.storeys):
            up = STOREY_M * storey + 0.1
            ledge.box((house.front, 0, up), (0.16, house.width, 0.16), house.trim, m.PLAIN)


def _columns(house: RowHouse) -> list[float]:
    """Return where windows stand along the front, v in metres."""
    count = max(2, int(house.width // 2.6))
    return [(k - (count - 1) / 2) * house.width / count for k in range(count)]


def _add_front(builder: WorldBuilder, plot: Frame, house: RowHouse) -> None:
    random = builder.random
    columns = _columns(house)
    door_at = int(random.integers(len(columns)))
    _add_door(builder, plot, house, columns[door_at])
    is_shop = random.random() < 0.36
    if is_shop:
        _add_shop(builder, plot, house, [v for k, v in enumerate(columns) if k != door_at])
    first = 1 if is_shop else 0
    balconies = random.random() < 0.6
    for storey in range(first, house.storeys):
        windows = begin(builder, numbered(random, "SM_Window", 8), plot)
        shutters = begin(builder, numbered(random, "SM_Shutter", 4), plot)
        up = STOREY_M * storey + 1.75
        closed = bool(random.random() < 0.25)
        if storey > 0:
            _add_windows(windows, house, house.front, up, -1)
            for off in (-0.26, 0.26) if closed else (-0.86, 0.86):
                _add_shutters(shutters, house, off, up, len(columns))
        for k, v in enumerate(columns):
            if storey > 0 and random.random() < 0.16:
                _add_flower_box(builder, plot, house, v, up - 0.9)
            if storey > 0 or k == door_at:
                continue
            _add_window(windows, house, (house.front, v, up), -1)
            for off in (-0.86, 0.86):
                _add_shutters(shutters, house, v + off, up, 1)
        if balconies and storey > 0 and random.random() < 0.75:
            v = columns[random.integers(len(columns))]
            long = 1.7 if random.random() < 0.6 else 0.8 * house.width
            _add_balcony(builder, plot, house, 0.0 if long > 2 else v, up - 1.0, long)


def _add_window(windows: Assembly, house: RowHouse, place: Triple, out: int) -> None:
    """Add a window to a wall that looks along u; `out` is -1 at the front, 1 at the rear."""
    u, v, up = place
    windows.box((u + 0.02 * out, v, up), (0.12, 1.2, 1.65), house.trim, m.PLAIN)
    windows.box((u + 0.04 * out, v, up), (0.12, 0.96, 1.42), _GLASS, m.GLASS)
    windows.box((u + 0.06 * out, v, up), (0.12, 0.06, 1.42), house.trim, m.PLAIN, level=NEAR)


def _add_windows(windows: Assembly, house: RowHouse, u: float, up: float, out: int) -> None:
    """Add all windows of a storey to a wall, as three parts: frames, panes and bars."""
    count = len(_columns(house))
    width = house.width / count
    level = ALWAYS if out < 0 else NEAR  # of a rear wall, not even the panes count from far
    for wide, high, depth, color, material, shown in (
        (1.2, 1.65, 0.02, house.trim, m.PLAIN, NEAR),
        (0.96, 1.42, 0.04, _GLASS, m.GLASS, level),
        (0.06, 1.42, 0.06, house.trim, m.PLAIN, NEAR),
    ):
        row = f"row{count}:{round(100 * wide / width)}"
        size = (0.12, house.width, high)
        windows.add(row, (u + depth * out, 0, up), size, color, material, level=shown)


def _add_shutters(shutters: Assembly, house: RowHouse, v: float, up: float, count: int) -> None:
    """Add one wing of the shutters of `count` windows, which lie evenly about v."""
    width = house.width if count > 1 else 1.0
    row = f"row{count}:{round(50 * count / width)}"
    place, size = (house.front - 0.1, v, up), (0.08, width, 1.5)
    level = NEAR if count > 1 else ALWAYS
    shutters.add(row, place, size, house.shutters, m.BOARDS, level=level)


def _add_flower_box(
    builder: WorldBuilder, plot: Frame, house: RowHouse, v: float, up: float
) -> None:
    box = begin(builder, "SM_Window_Flowers", plot)
    green = varied(builder.random, (0.32, 0.42, 0.2))
    for off in (-0.35, 0.0, 0.35):
        size = (0.4, 0.5, builder.random.uniform(0.35, 0.6))
        box.add("crumb", (house.front - 0.15, v + off, up), size, green, m.FLOWERS)


def _add_balcony(
    builder: WorldBuilder, plot: Frame, house: RowHouse, v: float, floor: float, long: float
) -> None:
    balcony = begin(builder, numbered(builder.random, "SM_Balcony_Iron", 4), plot)
    u = house.front - 0.42
    balcony.box((u, v, floor), (0.9, long, 0.14), house.trim, m.PLAIN)
    front = u - 0.42
    for up in (0.14, 0.95):
        balcony.box((front, v, floor + up), (0.05, long, 0.06), _IRON, m.PLAIN)
    for side in (-1, 1):
        for up in (0.14, 0.95):
            edge = (u, v + side * (long / 2 - 0.03), floor + up)
            balcony.box(edge, (0.85, 0.05, 0.06), _IRON, m.PLAIN, level=NEAR)
    bars = f"row{round(long / 0.28)}:13"
    balcony.add(bars, (front, v, floor + 0.52), (0.035, long, 0.85), _IRON, m.PLAIN, level=NEAR)


def _add_door(builder: WorldBuilder, plot: Frame, house: RowHouse, v: float) -> None:
    random = builder.random
    door = begin(builder, numbered(random, "SM_Door_Wood", 6), plot)
    wood = varied(
        random, ((0.4, 0.28, 0.2), (0.24, 0.33, 0.3), (0.3, 0.38, 0.46))[random.integers(3)]
    )
    door.box((house.front, v, 1.3), (0.2, 1.6, 2.6), house.trim, m.PLAIN, level=NEAR)
    door.box((house.front - 0.02, v, 1.2), (0.24, 1.15, 2.3), wood, m.PLANKS)
    step = begin(builder, "SM_Doorstep", plot)
    step.lid((house.front - 0.2, v, 0.12), (0.5, 1.5, 0.28), _STONE, m.ROCK)


def _add_shop(builder: WorldBuilder, plot: Frame, house: RowHouse, columns: list[float]) -> None:
    random = builder.random
    front = begin(builder, numbered(random, "SM_Shopfront", 4), plot)
    for v in columns:
        front.box((house.front - 0.01, v, 1.4), (0.16, 2.1, 2.3), house.shutters, m.PLAIN)
        front.box((house.front - 0.03, v, 1.55), (0.18, 1.85, 1.8), _GLASS, m.GLASS)
    cloth = varied(random, _AWNINGS[random.integers(len(_AWNINGS))])
    awning = begin(builder, numbered(random, "SM_Awning_Cloth", 3), plot)
    long = min(2.3 * len(columns), house.width - 1.0)
    v = float(np.mean(columns))
    awning.add("box", (house.front - 0.62, v, 2.78), (1.35, long, 0.06), cloth, m.CANVAS, tilt=0.32)
    if random.random() < 0.5:
        board = begin(builder, "SM_Shop_Board", plot)
        board.box((house.front - 0.05, v, 3.2), (0.14, long * 0.8, 0.42), house.shutters, m.PLANKS)


def _add_rear(builder: WorldBuilder, plot: Frame, house: RowHouse) -> None:
    back = house.front + house.depth
    windows = begin(builder, numbered(builder.random, "SM_Window_Rear", 3), plot)
    for storey in range(house.storeys):
        _add_windows(windows, house, back, STOREY_M * storey + 1.75, 1)
    door = begin(builder, numbered(builder.random, "SM_Door_Wood", 6), plot)
    door.box((back, 0, 1.1), (0.2, 1.0, 2.2), house.shutters, m.PLANKS)


def _add_side(builder: WorldBuilder, plot: Frame, house: RowHouse, side: int) -> None:
    """Add windows to a gable wall."""
    windows = begin(builder, numbered(builder.random, "SM_Window", 8), plot)
    v = side * house.width / 2
    for storey in range(house.storeys):
        up = STOREY_M * storey + 1.75
        for share in (0.25, 0.72):
            u = house.front + share * house.depth
            windows.box((u, v, up), (1.2, 0.18, 1.65), house.trim, m.PLAIN)
            windows.box((u, v, up), (0.96, 0.24, 1.42), _GLASS, m.GLASS)
            for off in (-0.86, 0.86):
                windows.box((u + off, v, up), (0.5, 0.2, 1.5), house.shutters, m.BOARDS)


def _add_roof(
    builder: WorldBuilder,
    plot: Frame,
    house: RowHouse,
    walls: Assembly,
    color: Triple,
    material: int,
) -> None:
    random = builder.random
    style = random.choice(["flat", "ridge", "shed"], p=[0.42, 0.44, 0.14])
    if style == "flat":
        _add_flat_roof(builder, plot, house, walls, color, material)
        return
    tiles = varied(random, _TILES[random.integers(len(_TILES))])
    middle = house.front + house.depth / 2
    roof = begin(builder, numbered(random, "SM_Roof_Tile", 6), plot)
    rise = random.uniform(0.17, 0.25) * house.depth
    if style == "ridge":
        slope, cover, fill, turn = house.depth + 0.9, house.width - 0.04, house.width, np.pi / 2
        place = (middle, 0, house.height + rise / 2)
        walls.add("gable", place, (fill, house.depth, rise), color, material, yaw=turn)
        lifted = (middle, 0, house.height + rise / 2 + 0.1)
        roof.add("gable", lifted, (cover, slope, rise + 0.24), tiles, m.TILES, yaw=turn)
    else:
        place = (middle, 0, house.height + rise / 2)
        walls.add("shed", place, (house.depth, house.width, rise), color, material)
        lifted = (middle, 0, house.height + rise / 2 + 0.08)
        size = (house.depth + 0.6, house.width - 0.04, rise + 0.22)
        roof.add("shed", lifted, size, tiles, m.TILES)
    roof.block((middle, 0, house.height + rise / 2), (house.depth, house.width, rise))
    eaves = begin(builder, "SM_Roof_Eaves", plot)
    place = (middle, 0, house.height - 0.05)
    eaves.box(place, (house.depth + 0.7, house.width - 0.06, 0.12), house.trim, m.PLANKS)
    _add_chimney(builder, plot, house, house.height + 0.6 * rise, color)


def _add_chimney(
    builder: WorldBuilder, plot: Frame, house: RowHouse, foot: float, color: Triple
) -> None:
    random = builder.random
    if random.random() > 0.75:
        return
    stack = begin(builder, numbered(random, "SM_Chimney", 4), plot)
    u = house.front + random.uniform(0.25, 0.75) * house.depth
    v = random.choice([-1, 1]) * random.uniform(0.15, 0.4) * house.width
    stack.lid((u, v, foot + 0.4), (0.6, 0.8, 2.0), color, m.STUCCO)
    stack.box((u, v, foot + 1.45), (0.8, 1.0, 0.1), _STONE, m.ROCK)
    for off in (-0.2, 0.2):
        stack.add(
            "cylinder", (u, v + off, foot + 1.7), (0.22, 0.22, 0.45), srgb(0.6, 0.4, 0.3), m.PLAIN
        )


def _add_flat_roof(
    builder: WorldBuilder,
    plot: Frame,
    house: RowHouse,
    walls: Assembly,
    color: Triple,
    material: int,
) -> None:
    """Add a terrace behind a parapet, with what people keep on it."""
    random = builder.random
    middle, top = house.front + house.depth / 2, house.height
    tall = random.uniform(0.6, 1.05)
    for u in (house.front + 0.14, house.front + house.depth - 0.14):
        walls.box((u, 0, top + tall / 2), (0.28, house.width, tall), color, material)
    for side in (-1, 1):
        v = side * (house.width / 2 - 0.13)
        walls.box((middle, v, top + tall / 2), (house.depth, 0.26, tall), color, material)
    roof = begin(builder, numbered(random, "SM_Roof_Flat", 5), plot)
    tone = varied(random, _FLAT[random.integers(len(_FLAT))])
    surface = m.FLAGSTONES if random.random() < 0.4 else m.GRAVEL
    size = (house.depth - 0.5, house.width - 0.5, 0.12)
    roof.lid((middle, 0, top + 0.03), size, tone, surface)
    if random.random() < 0.45:  # the stairs' head
        hut = begin(builder, numbered(random, "SM_Rooftop_Hut", 3), plot)
        u = house.front + 0.7 * house.depth
        v = random.choice([-1, 1]) * 0.22 * house.width
        hut.lid((u, v, top + 1.2), (2.6, 2.4, 2.4), color, material)
        hut.box((u - 1.32, v, top + 1.05), (0.1, 0.9, 1.9), house.shutters, m.PLANKS)
        cap = begin(builder, numbered(random, "SM_Roof_Flat", 5), plot)
        cap.box((u, v, top + 2.45), (2.9, 2.7, 0.14), tone, m.STUCCO)
    if random.random() < 0.4:
        tank = begin(builder, "SM_Water_Tank", plot)
        u, v = house.front + 0.3 * house.depth, random.uniform(-0.25, 0.25) * house.width
        tank.add("cylinder", (u, v, top + 0.9), (1.2, 1.2, 1.3), srgb(0.56, 0.58, 0.6), m.PLAIN)
    if random.random() < 0.3:
        _add_laundry(builder, plot, house, top)


def _add_laundry(builder: WorldBuilder, plot: Frame, house: RowHouse, top: float) -> None:
    random = builder.random
    line = begin(builder, "SM_Laundry", plot)
    u = house.front + 0.45 * house.depth
    for side in (-1, 1):
        line.box((u, side * 0.36 * house.width, top + 0.95), (0.06, 0.06, 1.9), _IRON, m.PLAIN)
    line.box((u, 0, top + 1.8), (0.02, 0.72 * house.width, 0.02), _IRON, m.PLAIN)
    for k in range(4):
        cloth = varied(
            random, ((0.85, 0.84, 0.82), (0.5, 0.56, 0.66), (0.66, 0.4, 0.36))[random.integers(3)]
        )
        v = (k - 1.5) * 0.16 * house.width
        line.box((u, v, top + 1.45), (0.03, 0.7, random.uniform(0.5, 0.9)), cloth, m.PLAIN)
