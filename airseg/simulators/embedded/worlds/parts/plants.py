"""Trees, hedges and flower beds."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import ALWAYS, FAR, NEAR, Frame, WorldBuilder, srgb

_GREENS = [(0.29, 0.4, 0.19), (0.35, 0.44, 0.21), (0.25, 0.34, 0.18), (0.42, 0.46, 0.25)]


def leaf_color(
    builder: WorldBuilder, base: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return the linear albedo of one plant's leaves, a little off the species' sRGB colour."""
    r, g, b = (c * builder.random.uniform(0.85, 1.15) for c in base)
    # Some lean towards straw, some towards the dark of conifers, one in ten towards rust.
    chance = builder.tints.random()
    goal = (0.5, 0.29, 0.14) if chance < 0.1 else (0.5, 0.47, 0.25) if chance < 0.45 else None
    share = builder.tints.uniform(0.1, 0.75)
    goal = goal or (0.16, 0.25, 0.15)
    return srgb(*(c + (w - c) * share for c, w in zip((r, g, b), goal, strict=True)))


def add_trunk(
    builder: WorldBuilder, tree: int, at: Frame, height: float, width: float, material: int
) -> None:
    """Add a tapering trunk that others collide with."""
    color = srgb(0.8, 0.79, 0.75) if material == m.BIRCH_BARK else srgb(0.36, 0.28, 0.2)
    size = (width, width, height)
    builder.add_part(tree, "trunk", at, (0, 0, height / 2), size, color, material)
    builder.add_solid(tree, at, (0, 0, height / 2), size)


def add_crown(
    builder: WorldBuilder,
    tree: int,
    at: Frame,
    middle: tuple[float, float, float],
    size: tuple[float, float, float],
    color: tuple[float, float, float],
) -> None:
    """Add a leafy ball in two levels of detail."""
    yaw = builder.random.uniform(0, 6.28)
    for solid, level in (("blob", NEAR), ("ball", FAR)):
        builder.add_part(tree, solid, at, middle, size, color, m.LEAVES, yaw=yaw, level=level)


def add_broadleaf(builder: WorldBuilder, at: Frame, kind: str, height: float) -> int:
    """Add a ``Birch``, ``Oak`` or ``Tree`` of a height in metres."""
    tree = builder.add_object(kind)
    random = builder.random
    bark = m.BIRCH_BARK if kind == "Birch" else m.BARK
    spread = {"Birch": 0.20, "Oak": 0.36}.get(kind, 0.28) * height
    base = {"Birch": _GREENS[3], "Oak": _GREENS[2]}.get(kind, _GREENS[random.integers(2)])
    color = leaf_color(builder, base)
    add_trunk(builder, tree, at, 0.55 * height, 0.035 * height + 0.08, bark)
    add_crown(
        builder, tree, at, (0, 0, 0.68 * height), (1.6 * spread, 1.6 * spread, 0.5 * height), color
    )
    for i in range(4 if kind == "Birch" else 6):
        angle = i * 2.4 + random.uniform(0, 0.8)
        out = spread * random.uniform(0.45, 0.75)
        size = spread * random.uniform(0.8, 1.2)
        up = height * random.uniform(0.5, 0.85)
        middle = (out * np.cos(angle), out * np.sin(angle), up)
        add_crown(builder, tree, at, middle, (size, size, 0.8 * size), color)
    return tree


def add_fir(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add a conifer of a height in metres."""
    tree = builder.add_object("Fir")
    color = leaf_color(builder, (0.17, 0.29, 0.18))
    add_trunk(builder, tree, at, 0.3 * height, 0.03 * height + 0.08, m.BARK)
    for i in range(5):
        width = height * (0.46 - 0.075 * i)
        middle = (0.0, 0.0, height * (0.24 + 0.165 * i))
        size = (width, width, 0.30 * height)
        yaw = builder.random.uniform(0, 6.28)
        builder.add_part(tree, "cone", at, middle, size, color, m.NEEDLES, yaw=yaw, level=NEAR)
    far = (0.4 * height, 0.4 * height, 0.88 * height)
    builder.add_part(tree, "cone", at, (0, 0, 0.56 * height), far, color, m.NEEDLES, level=FAR)
    return tree


def add_tree(builder: WorldBuilder, at: Frame, scale: float = 1.0) -> int:
    """Add a tree of a random species."""
    random = builder.random
    kind = ("Fir", "Birch", "Oak", "Tree")[random.choice(4, p=[0.24, 0.28, 0.18, 0.3])]
    if kind == "Fir":
        return add_fir(builder, at, scale * random.uniform(5.5, 10.0))
    return add_broadleaf(builder, at, kind, scale * random.uniform(5.0, 8.5))


def add_hedge(builder: WorldBuilder, at: Frame, length: float, height: float) -> int:
    """Add a trimmed hedge along u, from the frame's origin."""
    hedge = builder.add_object("Hedge")
    color = leaf_color(builder, _GREENS[builder.random.integers(3)])
    size = (length, 0.8, height)
    builder.add_part(hedge, "lid", at, (length / 2, 0, height / 2), size, color, m.LEAVES)
    for u in np.arange(0.4, length, 0.85):
        bump = builder.random.uniform(0.75, 1.0)
        builder.add_part(
            hedge,
            "ball",
            at,
            (u, builder.random.uniform(-0.12, 0.12), height * 0.82),
            (1.1, 1.05 * bump, 0.6 * height * bump),
            color,
            m.LEAVES,
            level=NEAR,
        )
    builder.add_solid(hedge, at, (length / 2, 0, height / 2), size)
    return hedge


def add_bush(builder: WorldBuilder, at: Frame, size: float) -> int:
    """Add a round bush; it belongs to the family of hedges, as in the Neighborhood."""
    bush = builder.add_object("Hedge")
    color = leaf_color(builder, _GREENS[builder.random.integers(4)])
    for _ in range(3):
        u, v = builder.random.uniform(-0.35, 0.35, 2) * size
        extent = size * builder.random.uniform(0.7, 1.05)
        solid = (extent, extent, 0.85 * extent)
        builder.add_part(bush, "ball", at, (u, v, 0.36 * extent), solid, color, m.LEAVES)
    return bush


def add_flower_bed(builder: WorldBuilder, at: Frame, length: float, width: float) -> int:
    """Add a bed of flowers along u, centred on the frame."""
    bed = builder.add_object("Leaves")
    color = leaf_color(builder, _GREENS[0])
    size = (length, width, 0.28)
    builder.add_part(bed, "lid", at, (0, 0, 0.14), size, color, m.FLOWERS)
    for _ in range(int(length * 1.6)):
        u = builder.random.uniform(-length / 2, length / 2)
        v = builder.random.uniform(-width / 2, width / 2)
        tuft = (0.55, 0.5, builder.random.uniform(0.35, 0.6))
        builder.add_part(bed, "ball", at, (u, v, 0.28), tuft, color, m.FLOWERS, level=NEAR)
    return bed


def add_far_tree(builder: WorldBuilder, at: Frame, height: float) -> None:
    """Add a coarse tree for the edge of the world."""
    tree = builder.add_object("Tree")
    color = leaf_color(builder, _GREENS[builder.random.integers(3)])
    size = (0.75 * height, 0.75 * height, 0.95 * height)
    builder.add_part(tree, "blob", at, (0, 0, 0.5 * height), size, color, m.LEAVES, level=ALWAYS)
