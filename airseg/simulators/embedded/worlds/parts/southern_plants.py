"""Plants of a southern coast: palms, cypresses, olive and citrus trees, climbing flowers."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import FAR, NEAR, Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.parts.placing import begin, numbered, varied
from airseg.simulators.embedded.worlds.parts.plants import add_crown, add_trunk, leaf_color


def add_palm(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add a date palm; it leans a little."""
    random = builder.random
    tree = begin(builder, numbered(random, "BP_Palm", 4), at.at(0, 0, random.uniform(0, 6.28)))
    bark = varied(random, (0.45, 0.37, 0.29))
    lean = random.uniform(0.0, 0.1)
    thick = random.uniform(0.34, 0.5)
    joints = 3
    for k in range(joints):
        low, high = height * k / joints, height * (k + 1) / joints
        u = lean * (low + high) / 2
        size = (thick * (1 - 0.1 * k), thick * (1 - 0.1 * k), high - low + 0.1)
        tree.add("trunk", (u, 0, (low + high) / 2), size, bark, m.BARK)
    top = lean * height
    tree.add("ball", (top, 0, height), (0.8, 0.8, 1.0), bark, m.BARK)
    tree.block((top / 2, 0, height / 2), (thick + top, thick, height))
    color = varied(random, (0.36, 0.44, 0.2))
    dry = varied(random, (0.55, 0.46, 0.28))
    head = Frame(*tree.at.point(top, 0), tree.at.yaw)
    long = random.uniform(2.2, 3.0)
    for k in range(18):
        yaw = k * 2.4 + random.uniform(-0.2, 0.2)
        lower = k < 5  # old leaves hang, young ones stand up
        drop = long * (1.1 if lower else random.uniform(0.35, 0.8))
        size = (long * (0.75 if lower else random.uniform(0.85, 1.1)), 1.15, drop)
        up = height + 0.1 - 0.18 * drop + (0.0 if lower else 0.25)
        shade = dry if k < 2 else color
        turned = Frame(head.north, head.east, head.yaw + yaw)
        place = (size[0] / 2, 0.0, up)
        for solid, level in (("frond", NEAR), ("blade", FAR)):
            builder.add_part(tree.owner, solid, turned, place, size, shade, m.FROND, level=level)
    return tree.owner


def add_cypress(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add a slim dark cypress."""
    random = builder.random
    tree = builder.add_object(numbered(random, "BP_Cypress", 3))
    color = leaf_color(builder, (0.2, 0.31, 0.19))
    add_trunk(builder, tree, at, 0.3 * height, 0.03 * height + 0.06, m.BARK)
    wide = height * random.uniform(0.15, 0.2)
    add_crown(builder, tree, at, (0, 0, 0.42 * height), (wide, wide, 0.7 * height), color)
    size = (0.72 * wide, 0.72 * wide, 0.62 * height)
    add_crown(builder, tree, at, (0, 0, 0.68 * height), size, color)
    return tree


def add_olive(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add an olive tree: short, gnarled, grey-green."""
    random = builder.random
    tree = builder.add_object(numbered(random, "BP_Olive", 4))
    color = leaf_color(builder, (0.43, 0.47, 0.34))
    add_trunk(builder, tree, at, 0.5 * height, 0.1 * height, m.BARK)
    for i in range(4):
        angle = i * 1.7 + random.uniform(0, 0.8)
        out = height * random.uniform(0.12, 0.3)
        size = height * random.uniform(0.42, 0.62)
        middle = (out * np.cos(angle), out * np.sin(angle), height * random.uniform(0.58, 0.8))
        add_crown(builder, tree, at, middle, (size, size, 0.75 * size), color)
    return tree


def add_citrus(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add an orange tree with its fruit."""
    random = builder.random
    tree = builder.add_object(numbered(random, "BP_Citrus", 2))
    color = leaf_color(builder, (0.24, 0.38, 0.17))
    add_trunk(builder, tree, at, 0.5 * height, 0.05 * height, m.BARK)
    size = 0.6 * height
    add_crown(builder, tree, at, (0, 0, 0.68 * height), (size, size, 0.9 * size), color)
    fruit = srgb(0.82, 0.46, 0.1)
    for _ in range(9):
        a, b = random.uniform(0, 6.28), random.uniform(-0.6, 0.8)
        out = 0.5 * size * np.cos(b)
        middle = (out * np.cos(a), out * np.sin(a), 0.68 * height + 0.45 * size * np.sin(b))
        builder.add_part(tree, "crumb", at, middle, (0.16, 0.16, 0.16), fruit, m.PLAIN, level=NEAR)
    return tree


def add_plane_tree(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add a broad shady plane tree, as they stand on squares."""
    random = builder.random
    tree = builder.add_object(numbered(random, "BP_Plane_Tree", 3))
    color = leaf_color(builder, (0.38, 0.46, 0.2))
    add_trunk(builder, tree, at, 0.55 * height, 0.06 * height, m.BIRCH_BARK)
    for i in range(6):
        angle = i * 1.05 + random.uniform(0, 0.5)
        out = height * random.uniform(0.16, 0.28)
        size = height * random.uniform(0.36, 0.5)
        middle = (out * np.cos(angle), out * np.sin(angle), height * random.uniform(0.6, 0.82))
        add_crown(builder, tree, at, middle, (size, size, 0.8 * size), color)
    return tree


def add_climber(builder: WorldBuilder, at: Frame, length: float, height: float) -> int:
    """Add bougainvillea that climbs a wall which runs along u."""
    random = builder.random
    bush = builder.add_object(numbered(random, "SM_Bougainvillea", 3))
    color = leaf_color(builder, (0.33, 0.42, 0.2))
    for _ in range(max(3, int(length * 2.2))):
        u, up = random.uniform(0, length), height * random.uniform(0.15, 1.0)
        size = random.uniform(0.6, 1.1)
        solid = (size, 0.5 * size, 0.9 * size)
        for shape, level in (("ball", NEAR), ("crumb", FAR)):
            builder.add_part(bush, shape, at, (u, 0, up), solid, color, m.FLOWERS, level=level)
    return bush


def add_shrub(builder: WorldBuilder, at: Frame, kind: str, size: float) -> int:
    """Add a low round bush such as lavender or an oleander."""
    random = builder.random
    bush = builder.add_object(kind)
    base = ((0.42, 0.46, 0.36), (0.3, 0.4, 0.2), (0.48, 0.46, 0.5))[random.integers(3)]
    color = leaf_color(builder, base)
    material = m.FLOWERS if random.random() < 0.3 else m.LEAVES
    for _ in range(3):
        u, v = random.uniform(-0.35, 0.35, 2) * size
        extent = size * random.uniform(0.6, 1.0)
        solid = (extent, extent, 0.8 * extent)
        builder.add_part(
            bush, "ball", at, (u, v, 0.34 * extent), solid, color, material, level=NEAR
        )
    whole = (1.15 * size, 1.15 * size, 0.75 * size)
    builder.add_part(bush, "crumb", at, (0, 0, 0.3 * size), whole, color, material, level=FAR)
    return bush
