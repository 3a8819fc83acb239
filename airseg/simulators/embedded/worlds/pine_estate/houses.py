"""Houses of a wooded estate: log cabins, timber and glass, A-frames and boarded farmhouses.

A plot's frame stands at the edge of the road; u runs away from it, v to the right when one looks
at the house.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import NEAR, Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.parts.placing import (
    Assembly,
    Triple,
    begin,
    lettered,
    varied,
)

_LOGS = ((0.52, 0.39, 0.27), (0.44, 0.32, 0.23), (0.6, 0.47, 0.32), (0.36, 0.29, 0.24))
_BOARDS = (
    (0.78, 0.77, 0.73),
    (0.55, 0.57, 0.56),
    (0.5, 0.24, 0.19),
    (0.36, 0.4, 0.38),
    (0.62, 0.55, 0.42),
)
_CLADDING = ((0.24, 0.24, 0.25), (0.5, 0.38, 0.27), (0.4, 0.36, 0.32), (0.6, 0.46, 0.32))
_METAL = ((0.25, 0.34, 0.29), (0.33, 0.34, 0.36), (0.47, 0.27, 0.2), (0.5, 0.52, 0.54))
_SHINGLES = ((0.36, 0.33, 0.31), (0.44, 0.36, 0.29), (0.3, 0.32, 0.33), (0.42, 0.41, 0.34))
_GLASS, _STONE = srgb(0.15, 0.19, 0.22), srgb(0.5, 0.48, 0.45)
_CONCRETE = srgb(0.56, 0.55, 0.53)
_DOORS = ((0.4, 0.2, 0.16), (0.22, 0.32, 0.3), (0.48, 0.36, 0.25), (0.3, 0.32, 0.36))


@dataclass(frozen=True)
class Lodge:
    """A house in its plot, metres: u of its front and its middle v, its depth, width and eaves."""

    front: float
    v: float
    depth: float
    width: float
    height: float

    @property
    def u(self) -> float:
        """U of its middle."""
        return self.front + self.depth / 2

    @property
    def back(self) -> float:
        """U of its rear wall."""
        return self.front + self.depth


def _roofing(random: np.random.Generator) -> tuple[Triple, int, str]:
    if random.random() < 0.5:
        return varied(random, _METAL[random.integers(4)]), m.METAL_ROOF, "Roof_StandingSeam"
    return varied(random, _SHINGLES[random.integers(4)]), m.SHINGLES, "Roof_Shingle"


def add_lodge(builder: WorldBuilder, plot: Frame, garage_side: int) -> Lodge:
    """Add a house of a random style and return its place."""
    random = builder.random
    style = random.choice(["cabin", "modern", "aframe", "farm"], p=[0.32, 0.28, 0.14, 0.26])
    front = random.uniform(8.5, 12.0)
    v = -garage_side * random.uniform(1.5, 2.5)
    if style == "cabin":
        lodge = _add_cabin(builder, plot, front, v)
    elif style == "modern":
        lodge = _add_modern(builder, plot, front, v)
    elif style == "aframe":
        lodge = _add_a_frame(builder, plot, front, v)
    else:
        lodge = _add_farmhouse(builder, plot, front, v)
    _add_garage(builder, plot, lodge, garage_side)
    return lodge


def _add_body(
    builder: WorldBuilder, plot: Frame, lodge: Lodge, kind: str, color: Triple, material: int
) -> Assembly:
    walls = begin(builder, kind, plot)
    middle = (lodge.u, lodge.v, lodge.height / 2)
    size = (lodge.depth, lodge.width, lodge.height)
    walls.lid(middle, size, color, material)
    walls.block(middle, size)
    base = begin(builder, "House_Foundation", plot)
    footing = (lodge.depth + 0.2, lodge.width + 0.2, 0.5)
    base.lid((lodge.u, lodge.v, 0.2), footing, _STONE, m.STONE_WALL)
    return walls


def _add_gable(
    builder: WorldBuilder,
    plot: Frame,
    lodge: Lodge,
    walls: Assembly,
    wall: tuple[Triple, int],
    rise: float,
    *,
    ridge_along_u: bool,
) -> None:
    """Add a roof with overhangs over walls that fill its gables."""
    random = builder.random
    color, material, kind = _roofing(random)
    roof = begin(builder, lettered(random, kind, 3), plot)
    middle = (lodge.u, lodge.v, lodge.height + rise / 2)
    over = 1.1
    if ridge_along_u:
        fill, cover, turn = (
            (lodge.depth, lodge.width, rise),
            (lodge.depth + 0.9, lodge.width + over, rise + 0.28),
            0.0,
        )
    else:
        fill, cover, turn = (
            (lodge.width, lodge.depth, rise),
            (lodge.width + 0.9, lodge.depth + over, rise + 0.28),
            np.pi / 2,
        )
    # The gable's wall stands out by as much as the roof, less a hand: its end is what one sees.
    end = (fill[0] + 0.02, fill[1], fill[2])
    walls.add("gable", middle, end, *wall, yaw=turn)
    roof.add("gable", (lodge.u, lodge.v, middle[2] + 0.02), cover, color, material, yaw=turn)
    fascia = begin(builder, "Roof_Fascia", plot)
    edge = (cover[0] + 0.04, cover[1] + 0.04, 0.14)
    place = (lodge.u, lodge.v, lodge.height - 0.08)
    fascia.add("box", place, edge, srgb(0.34, 0.28, 0.23), m.PLANKS, yaw=turn)
    long, wide = (cover[0], cover[1]) if ridge_along_u else (cover[1], cover[0])
    roof.block(middle, (long, wide, rise))


def _window(
    owner: Assembly, place: Triple, size: tuple[float, float], frame: Triple, *, along_v: bool
) -> None:
    """Add a window with a cross bar to a wall; `size` is its width and height."""
    wide, high = size
    for depth, grow, color, material in (
        (0.16, 0.22, frame, m.PLAIN),
        (0.22, 0.0, _GLASS, m.GLASS),
    ):
        extent = (depth, wide + grow, high + grow)
        owner.box(place, extent if along_v else (extent[1], extent[0], extent[2]), color, material)
    bar = (0.26, 0.07, high)
    owner.box(place, bar if along_v else (bar[1], bar[0], bar[2]), frame, m.PLAIN, level=NEAR)


def _add_openings(
    builder: WorldBuilder, plot: Frame, lodge: Lodge, frame: Triple, storeys: int
) -> None:
    """Add windows on all sides and a door at the front and the rear."""
    random = builder.random
    count = max(2, int(lodge.width // 3.0))
    for storey in range(storeys):
        up = 1.6 + 2.8 * storey
        for u in (lodge.front, lodge.back):
            windows = begin(builder, lettered(random, "House_Window", 4), plot)
            for k in range(count):
                if storey == 0 and k == count // 2:
                    continue
                v = lodge.v + (k - (count - 1) / 2) * lodge.width / count
                _window(windows, (u, v, up), (random.choice([1.1, 1.6]), 1.25), frame, along_v=True)
        for side in (-1, 1):
            windows = begin(builder, lettered(random, "House_Window", 4), plot)
            for share in (-0.25, 0.25):
                place = (lodge.u + share * lodge.depth, lodge.v + side * lodge.width / 2, up)
                _window(windows, place, (1.2, 1.2), frame, along_v=False)
    v = lodge.v + (count // 2 - (count - 1) / 2) * lodge.width / count
    for u in (lodge.front, lodge.back):
        door = begin(builder, lettered(random, "House_Door", 3), plot)
        color = varied(random, _DOORS[random.integers(4)])
        door.box((u, v, 1.2), (0.16, 1.3, 2.4), frame, m.PLAIN)
        door.box((u, v, 1.15), (0.24, 1.0, 2.15), color, m.PLANKS)
    _add_porch(builder, plot, lodge, v)


def _add_porch(builder: WorldBuilder, plot: Frame, lodge: Lodge, v: float) -> None:
    """Add a wooden deck before the front door, most often under a roof on posts."""
    random = builder.random
    wood = varied(random, (0.48, 0.39, 0.3))
    wide = random.uniform(3.4, lodge.width)
    deck = begin(builder, lettered(random, "House_Deck", 3), plot)
    deck.lid((lodge.front - 1.2, v, 0.2), (2.4, wide, 0.4), wood, m.PLANKS)
    deck.lid((lodge.front - 2.7, v, 0.1), (0.6, 1.6, 0.2), wood, m.PLANKS)
    deck.block((lodge.front - 1.2, v, 0.2), (2.4, wide, 0.4))
    posts = begin(builder, "House_PorchPost", plot)
    covered = random.random() < 0.65
    tall = 2.45 if covered else 0.95
    for off in (-0.5, -0.17, 0.17, 0.5):
        post = (lodge.front - 2.3, v + off * (wide - 0.3), 0.4 + tall / 2)
        posts.lid(post, (0.16, 0.16, tall), wood, m.PLAIN)
    for side in (-1, 1):
        rail = (lodge.front - 2.3, v + side * 0.33 * wide, 1.25)
        posts.box(rail, (0.08, 0.3 * wide, 0.1), wood, m.PLAIN)
        for k in range(5):
            bar = (rail[0], rail[1] + (k - 2) * 0.055 * wide, 0.85)
            posts.box(bar, (0.05, 0.06, 0.8), wood, m.PLAIN, level=NEAR)
    if covered:
        color, material, kind = _roofing(random)
        cover = begin(builder, lettered(random, kind, 3), plot)
        size = (3.0, wide + 0.6, 0.7)
        cover.add("shed", (lodge.front - 1.4, v, 3.15), size, color, material)


def _add_stone_chimney(builder: WorldBuilder, plot: Frame, lodge: Lodge, top: float) -> None:
    """Add a chimney of field stone that stands against a side wall."""
    random = builder.random
    side = -1 if random.random() < 0.5 else 1
    stack = begin(builder, lettered(random, "House_ChimneyStack", 2), plot)
    u, v = lodge.u + random.uniform(-1.5, 1.5), lodge.v + side * (lodge.width / 2 + 0.3)
    stone = varied(random, (0.5, 0.48, 0.44))
    stack.lid((u, v, 1.4), (1.7, 0.9, 2.8), stone, m.STONE_WALL)
    stack.lid((u, v, top / 2), (1.0, 0.8, top), stone, m.STONE_WALL)
    stack.box((u, v, top), (1.2, 1.0, 0.14), _CONCRETE, m.ROCK)
    stack.block((u, v, top / 2), (1.0, 0.8, top))


def _add_cabin(builder: WorldBuilder, plot: Frame, front: float, v: float) -> Lodge:
    random = builder.random
    storeys = 1 if random.random() < 0.65 else 2
    size = (random.uniform(7.0, 9.0), random.uniform(8.5, 11.5))
    lodge = Lodge(front, v, *size, 2.9 * storeys + 0.3)
    color = varied(random, _LOGS[random.integers(4)])
    kind = lettered(random, "Cabin_LogWall", 4)
    walls = _add_body(builder, plot, lodge, kind, color, m.LOGS)
    for du in (-0.5, 0.5):
        for dv in (-0.5, 0.5):
            corner = (lodge.u + du * (lodge.depth + 0.1), lodge.v + dv * (lodge.width + 0.1))
            walls.lid((*corner, lodge.height / 2), (0.4, 0.4, lodge.height), color, m.LOGS)
    rise = random.uniform(2.4, 3.6)
    ridge_along_u = bool(random.random() < 0.45)
    _add_gable(builder, plot, lodge, walls, (color, m.PLANKS), rise, ridge_along_u=ridge_along_u)
    trim = varied(
        random, ((0.4, 0.3, 0.22), (0.7, 0.66, 0.58), (0.3, 0.36, 0.28))[random.integers(3)]
    )
    _add_openings(builder, plot, lodge, trim, storeys)
    _add_stone_chimney(builder, plot, lodge, lodge.height + rise + 0.5)
    return lodge


def _add_farmhouse(builder: WorldBuilder, plot: Frame, front: float, v: float) -> Lodge:
    random = builder.random
    size = (random.uniform(7.5, 9.0), random.uniform(8.5, 11.0))
    lodge = Lodge(front, v, *size, 5.9)
    color = varied(random, _BOARDS[random.integers(5)])
    kind = lettered(random, "House_ClapboardWall", 4)
    walls = _add_body(builder, plot, lodge, kind, color, m.BOARDS)
    rise = random.uniform(2.2, 3.2)
    _add_gable(builder, plot, lodge, walls, (color, m.BOARDS), rise, ridge_along_u=False)
    if random.random() < 0.6:  # a cross gable over the front
        wide = 0.42 * lodge.width
        bay = (lodge.front + 1.6, lodge.v, lodge.height + 1.0)
        walls.add("gable", bay, (3.3, wide, 2.0), color, m.BOARDS)
        tone, material, roof = _roofing(random)
        cover = begin(builder, lettered(random, roof, 3), plot)
        cover.add(
            "gable", (bay[0] + 0.3, bay[1], bay[2] + 0.12), (3.1, wide + 0.6, 2.1), tone, material
        )
    _add_openings(builder, plot, lodge, srgb(0.84, 0.83, 0.8), 2)
    if random.random() < 0.7:
        _add_stone_chimney(builder, plot, lodge, lodge.height + rise + 0.4)
    return lodge


def _add_modern(builder: WorldBuilder, plot: Frame, front: float, v: float) -> Lodge:
    """Add two boxes of timber and glass under roofs of one slope."""
    random = builder.random
    lodge = Lodge(front, v, random.uniform(8.0, 9.5), random.uniform(10.0, 12.5), 3.3)
    color = varied(random, _CLADDING[random.integers(4)])
    kind = lettered(random, "House_TimberCladding", 4)
    walls = _add_body(builder, plot, lodge, kind, color, m.PLANKS)
    side = -1 if random.random() < 0.5 else 1
    half = lodge.width / 2
    tall = 6.4
    upper = (lodge.u, lodge.v + side * half / 2, tall / 2)
    walls.lid(upper, (lodge.depth - 0.8, half, tall), color, m.PLANKS)
    walls.block(upper, (lodge.depth - 0.8, half, tall))
    metal = varied(random, _METAL[random.integers(4)])
    slope = begin(builder, lettered(random, "Roof_StandingSeam", 3), plot)
    turn = 0.0 if random.random() < 0.5 else np.pi
    wall_wedge = (lodge.depth - 0.8, half, 1.2)
    walls.add("shed", (upper[0], upper[1], tall + 0.6), wall_wedge, color, m.PLANKS, yaw=turn)
    cover = (lodge.depth + 0.8, half + 0.9, 1.45)
    slope.add("shed", (upper[0], upper[1], tall + 0.72), cover, metal, m.METAL_ROOF, yaw=turn)
    flat = begin(builder, lettered(random, "Roof_FlatMembrane", 2), plot)
    tone = varied(random, (0.44, 0.44, 0.43))
    place = (lodge.u, lodge.v - side * half / 2 * 0.98, lodge.height + 0.12)
    flat.box(place, (lodge.depth + 1.0, half + 0.7, 0.3), tone, m.GRAVEL)
    flat.block(place, (lodge.depth, half, 0.3))
    _add_glass_front(builder, plot, lodge, side, tall)
    _add_openings(builder, plot, lodge, srgb(0.2, 0.2, 0.21), 1)
    return lodge


def _add_glass_front(
    builder: WorldBuilder, plot: Frame, lodge: Lodge, side: int, tall: float
) -> None:
    """Glaze the tall half at the front and the low half at the rear."""
    glass = begin(builder, lettered(builder.random, "House_CurtainGlass", 3), plot)
    dark = srgb(0.17, 0.17, 0.18)
    v = lodge.v + side * lodge.width / 4
    wide = 0.42 * lodge.width
    u = lodge.front + 0.4
    glass.box((u, v, 4.7), (0.14, wide, 2.4), _GLASS, m.GLASS)
    rear = (lodge.back, lodge.v - side * lodge.width / 4, 1.6)
    glass.box(rear, (0.14, wide, 2.5), _GLASS, m.GLASS)
    for k in range(4):
        off = (k - 1.5) * wide / 3
        glass.box((u, v + off, 4.7), (0.22, 0.08, 2.4), dark, m.PLAIN)
        glass.box((rear[0], rear[1] + off, rear[2]), (0.22, 0.08, 2.5), dark, m.PLAIN)
    glass.box((u, v, tall / 2 + 0.25), (0.24, wide, 0.1), dark, m.PLAIN)


def _add_a_frame(builder: WorldBuilder, plot: Frame, front: float, v: float) -> Lodge:
    """Add a house that is nearly all roof."""
    random = builder.random
    lodge = Lodge(front, v, random.uniform(9.0, 11.0), random.uniform(7.0, 8.0), 2.2)
    peak = random.uniform(7.0, 8.4)
    color = varied(random, _CLADDING[random.integers(1, 4)])
    walls = begin(builder, "AFrame_GableWall", plot)
    walls.add(
        "gable",
        (lodge.u, lodge.v, peak / 2 - 0.1),
        (lodge.depth, lodge.width, peak),
        color,
        m.PLANKS,
    )
    walls.block((lodge.u, lodge.v, peak / 4), (lodge.depth, 0.8 * lodge.width, peak / 2))
    walls.block((lodge.u, lodge.v, 0.75 * peak), (lodge.depth, 0.3 * lodge.width, peak / 2))
    tone, material, kind = _roofing(random)
    roof = begin(builder, lettered(random, kind, 3), plot)
    # The roof ends before the gable walls do, so that these are seen.
    roof_size = (lodge.depth - 0.5, lodge.width + 0.9, peak + 0.3)
    roof.add("gable", (lodge.u, lodge.v, peak / 2 + 0.05), roof_size, tone, material)
    glass = begin(builder, lettered(random, "House_CurtainGlass", 3), plot)
    for u in (lodge.front - 0.03, lodge.back + 0.03):
        pane = (0.1, 0.62 * lodge.width, 0.5 * peak)
        glass.add("gable", (u, lodge.v, 0.62 * peak), pane, _GLASS, m.GLASS)
        _window(glass, (u, lodge.v - 1.7, 1.4), (1.3, 1.5), color, along_v=True)
    door = begin(builder, lettered(random, "House_Door", 3), plot)
    paint = varied(random, _DOORS[random.integers(4)])
    door.box((lodge.front, lodge.v + 0.9, 1.1), (0.24, 1.0, 2.1), paint, m.PLANKS)
    deck = begin(builder, lettered(random, "House_Deck", 3), plot)
    wood = varied(random, (0.48, 0.39, 0.3))
    deck.lid((lodge.front - 1.4, lodge.v, 0.2), (2.8, lodge.width, 0.4), wood, m.PLANKS)
    deck.block((lodge.front - 1.4, lodge.v, 0.2), (2.8, lodge.width, 0.4))
    return lodge


def _add_garage(builder: WorldBuilder, plot: Frame, lodge: Lodge, side: int) -> None:
    """Add a garage or a carport beside the house."""
    random = builder.random
    width, depth, tall = 4.2, 6.4, 2.8
    v = lodge.v + side * (lodge.width / 2 + width / 2 + 0.5)
    u = lodge.front + 1.0 + depth / 2
    color = varied(random, _CLADDING[random.integers(4)])
    tone, material, kind = _roofing(random)
    roof = begin(builder, lettered(random, kind, 3), plot)
    if random.random() < 0.35:
        posts = begin(builder, "House_Carport", plot)
        for du in (-0.45, 0.45):
            for dv in (-0.45, 0.45):
                place = (u + du * depth, v + dv * width, tall / 2)
                posts.lid(place, (0.2, 0.2, tall), color, m.PLANKS)
        posts.block((u, v, tall), (depth, width, 0.2))
        roof.add("shed", (u, v, tall + 0.35), (depth + 0.8, width + 0.6, 0.8), tone, material)
        return
    walls = begin(builder, lettered(random, "House_GarageWall", 2), plot)
    walls.lid((u, v, tall / 2), (depth, width, tall), color, m.PLANKS)
    walls.add("gable", (u, v, tall + 0.6), (depth + 0.02, width, 1.2), color, m.PLANKS)
    walls.block((u, v, tall / 2), (depth, width, tall))
    roof.add("gable", (u, v, tall + 0.72), (depth + 0.6, width + 0.8, 1.4), tone, material)
    door = begin(builder, "House_GarageDoor", plot)
    paint = varied(random, ((0.78, 0.77, 0.74), (0.5, 0.38, 0.27))[random.integers(2)])
    door.box((u - depth / 2, v, 1.15), (0.16, 3.0, 2.3), paint, m.BOARDS)


def add_tool_shed(builder: WorldBuilder, at: Frame) -> None:
    """Add a small shed for tools and firewood."""
    random = builder.random
    color = varied(random, _LOGS[random.integers(4)])
    shed = begin(builder, lettered(random, "House_ToolShed", 2), at)
    shed.lid((0, 0, 1.1), (2.6, 3.2, 2.2), color, m.PLANKS)
    shed.box((-1.3, 0.5, 0.95), (0.14, 0.9, 1.9), varied(random, (0.4, 0.33, 0.27)), m.PLANKS)
    shed.block((0, 0, 1.1), (2.6, 3.2, 2.2))
    tone, material, kind = _roofing(random)
    roof = begin(builder, lettered(random, kind, 3), at)
    roof.add("shed", (0, 0, 2.5), (3.2, 3.7, 0.7), tone, material)
