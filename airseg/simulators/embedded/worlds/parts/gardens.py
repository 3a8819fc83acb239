"""What stands in gardens and between them: walls, fences, pools, rocks, seats."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import NEAR, Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.parts.placing import Triple, begin, varied


def add_stone_wall(
    builder: WorldBuilder,
    at: Frame,
    length: float,
    tall: float,
    color: Triple,
    *,
    kind: str,
    cap_kind: str,
) -> None:
    """Add a wall of rough stone with a cap along u, from the frame's origin."""
    wall = begin(builder, kind, at)
    middle = (length / 2, 0, tall / 2)
    wall.lid(middle, (length, 0.4, tall), color, m.STONE_WALL)
    wall.block(middle, (length, 0.4, tall))
    cap = begin(builder, cap_kind, at)
    size = (length + 0.08, 0.5, 0.1)
    cap.box((length / 2, 0, tall + 0.04), size, tuple(1.15 * c for c in color), m.ROCK)


def add_plastered_wall(
    builder: WorldBuilder, at: Frame, length: float, tall: float, color: Triple, kind: str
) -> None:
    """Add a rendered garden wall along u, with a row of tiles on top."""
    wall = begin(builder, kind, at)
    middle = (length / 2, 0, tall / 2)
    wall.lid(middle, (length, 0.3, tall), color, m.STUCCO)
    wall.block(middle, (length, 0.3, tall))
    tiles = srgb(0.6, 0.41, 0.31)
    wall.add("gable", (length / 2, 0, tall + 0.1), (length, 0.52, 0.22), tiles, m.TILES)


def add_rail_fence(
    builder: WorldBuilder,
    at: Frame,
    length: float,
    color: Triple,
    kind: str,
    *,
    rails: int = 2,
) -> None:
    """Add a fence of round rails between posts along u."""
    fence, tall = begin(builder, kind, at), 1.05
    count = max(1, round(length / 2.4))
    for k in range(count + 1):
        u = k * length / count
        fence.lid((u, 0, tall / 2), (0.13, 0.13, tall), color, m.PLANKS)
    for k in range(rails):
        up = tall * (k + 0.7) / rails
        fence.box((length / 2, 0, up), (length, 0.08, 0.12), color, m.PLAIN)
    fence.block((length / 2, 0, tall / 2), (length, 0.14, tall))


def add_board_fence(
    builder: WorldBuilder, at: Frame, length: float, tall: float, color: Triple, kind: str
) -> None:
    """Add a tight fence of upright boards along u."""
    fence = begin(builder, kind, at)
    fence.lid((length / 2, 0, tall / 2), (length, 0.07, tall - 0.06), color, m.PLANKS)
    count = max(1, round(length / 2.5))
    for k in range(count + 1):
        u = k * length / count
        fence.lid((u, 0, tall / 2 + 0.05), (0.14, 0.14, tall + 0.1), color, m.PLAIN)
    fence.block((length / 2, 0, tall / 2), (length, 0.14, tall))


def add_iron_fence(
    builder: WorldBuilder, at: Frame, length: float, tall: float, color: Triple, kind: str
) -> None:
    """Add a railing of thin upright bars along u."""
    fence = begin(builder, kind, at)
    for up in (0.16, tall / 2, tall - 0.12):
        fence.box((length / 2, 0, up), (length, 0.05, 0.06), color, m.PLAIN)
    bars, size = f"row{round(length / 0.2)}:20", (0.04, length, tall)
    fence.add(bars, (length / 2, 0, tall / 2), size, color, m.PLAIN, yaw=np.pi / 2, level=NEAR)
    fence.block((length / 2, 0, tall / 2), (length, 0.1, tall))


def add_pool(
    builder: WorldBuilder,
    at: Frame,
    size: tuple[float, float],
    *,
    prefix: str,
    paving_kind: str,
    paving: tuple[Triple, int],
) -> None:
    """Add a swimming pool with a rim, steps and a paved surround.

    Args:
        builder: what to add it to.
        at: its middle.
        size: of the water along u and v, metres.
        prefix: its objects are named this and ``_Rim``, ``_Water`` and ``_Ladder``.
        paving_kind, paving: family of the surround, its colour and material.
    """
    long, wide = size
    surround = begin(builder, paving_kind, at)
    surround.lid((0, 0, 0.0), (long + 3.0, wide + 3.0, 0.1), *paving)
    rim = begin(builder, f"{prefix}_Rim", at)
    rim.lid((0, 0, 0.02), (long + 0.7, wide + 0.7, 0.16), srgb(0.74, 0.76, 0.74), m.PAVING)
    water = begin(builder, f"{prefix}_Water", at)
    blue = varied(builder.random, (0.24, 0.56, 0.62))
    water.lid((0, 0, 0.035), (long, wide, 0.16), blue, m.WATER)
    ladder = begin(builder, f"{prefix}_Ladder", at)
    for v in (-0.3, 0.3):
        ladder.box((long / 2 + 0.1, v, 0.55), (0.06, 0.06, 0.9), srgb(0.8, 0.8, 0.82), m.PAINT)
    ladder.block((long / 2 + 0.1, 0, 0.5), (0.1, 0.7, 1.0))


def add_rocks(
    builder: WorldBuilder, at: Frame, kind: str, count: int, rgb: Triple, spread: float = 1.2
) -> None:
    """Add a heap of boulders, each an object."""
    random = builder.random
    for _ in range(count):
        u, v = random.uniform(-spread, spread, 2)
        size = random.uniform(0.45, 1.4)
        rock = begin(builder, kind, at)
        solid = (size, 0.8 * size, 0.7 * size)
        yaw = random.uniform(0, 6.28)
        rock.add(
            "ball", (u, v, 0.2 * size), solid, varied(random, rgb, 0.75, 1.15), m.ROCK, yaw=yaw
        )
        rock.block((u, v, 0.25 * size), (0.7 * size, 0.7 * size, 0.5 * size))


def add_bench(builder: WorldBuilder, at: Frame, kind: str, wood: Triple, feet: Triple) -> None:
    """Add a bench that faces along u."""
    bench = begin(builder, kind, at)
    bench.box((0, 0, 0.45), (0.5, 1.8, 0.09), wood, m.PLANKS)
    bench.box((-0.24, 0, 0.78), (0.08, 1.8, 0.5), wood, m.PLANKS)
    for v in (-0.7, 0.7):
        bench.lid((0, v, 0.2), (0.42, 0.1, 0.42), feet, m.PLAIN)
    bench.block((0, 0, 0.45), (0.6, 1.8, 0.9))


def add_table_set(builder: WorldBuilder, at: Frame, kinds: tuple[str, str], color: Triple) -> None:
    """Add a table (first family) and four chairs (second family)."""
    table = begin(builder, kinds[0], at)
    table.add("cylinder", (0, 0, 0.74), (0.9, 0.9, 0.06), color, m.PLAIN)
    table.box((0, 0, 0.37), (0.1, 0.1, 0.7), color, m.PLAIN)
    for k in range(4):
        chair = begin(builder, kinds[1], at.at(0, 0, k * np.pi / 2))
        chair.box((0.85, 0, 0.44), (0.44, 0.44, 0.06), color, m.PLAIN)
        chair.box((1.05, 0, 0.7), (0.05, 0.44, 0.5), color, m.PLAIN)
        chair.box((0.85, 0, 0.2), (0.36, 0.36, 0.42), color, m.PLAIN)


def add_parasol(builder: WorldBuilder, at: Frame, kind: str, color: Triple) -> None:
    """Add a sunshade."""
    shade = begin(builder, kind, at)
    shade.box((0, 0, 1.2), (0.06, 0.06, 2.4), srgb(0.7, 0.68, 0.62), m.PLAIN)
    shade.add("pyramid", (0, 0, 2.4), (2.6, 2.6, 0.5), color, m.CANVAS)
