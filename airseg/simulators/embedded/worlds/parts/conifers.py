"""Trees and undergrowth of a northern wood in autumn."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import ALWAYS, FAR, NEAR, Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.parts.placing import Triple, begin, lettered, varied
from airseg.simulators.embedded.worlds.parts.plants import add_crown, add_trunk, leaf_color

_AUTUMN = (
    (0.5, 0.29, 0.18),
    (0.55, 0.38, 0.2),
    (0.58, 0.49, 0.25),
    (0.47, 0.44, 0.22),
    (0.36, 0.42, 0.19),
    (0.42, 0.33, 0.21),
)


_UNDERGROWTH = ((0.36, 0.4, 0.2), (0.42, 0.36, 0.2), (0.3, 0.37, 0.2), (0.46, 0.42, 0.24))


def _add_tiers(
    builder: WorldBuilder,
    tree: int,
    at: Frame,
    height: float,
    spread: float,
    foot: float,
    tiers: int,
    color: Triple,
) -> None:
    """Add a conifer's boughs in tiers, or as one cone from far."""
    random = builder.random
    step = (height - foot) / (tiers + 0.6)
    for k in range(tiers):
        wide = spread * (1.0 - 0.82 * k / tiers) * random.uniform(0.92, 1.06)
        tall = 1.75 * step
        middle = (0.0, 0.0, foot + k * step + tall / 2)
        yaw = random.uniform(0, 6.28)
        size = (wide, wide, tall)
        builder.add_part(tree, "skirt", at, middle, size, color, m.NEEDLES, yaw=yaw, level=NEAR)
    far = (0.86 * spread, 0.86 * spread, height - foot)
    middle = (0.0, 0.0, (height + foot) / 2)
    builder.add_part(tree, "far_cone", at, middle, far, color, m.NEEDLES, level=FAR)


def add_spruce(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add a dark spruce whose boughs reach almost to the ground."""
    tree = builder.add_object(lettered(builder.random, "Foliage_Spruce", 5))
    color = leaf_color(builder, (0.19, 0.28, 0.19))
    add_trunk(builder, tree, at, 0.35 * height, 0.025 * height + 0.1, m.BARK)
    spread = height * builder.random.uniform(0.34, 0.44)
    _add_tiers(builder, tree, at, height, spread, 0.08 * height, 5, color)
    return tree


def add_larch(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add a larch that has turned yellow."""
    tree = builder.add_object(lettered(builder.random, "Foliage_Larch", 3))
    color = leaf_color(builder, (0.56, 0.47, 0.22))
    add_trunk(builder, tree, at, 0.5 * height, 0.025 * height + 0.08, m.BARK)
    spread = height * builder.random.uniform(0.28, 0.36)
    _add_tiers(builder, tree, at, height, spread, 0.16 * height, 5, color)
    return tree


def add_pine(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add a pine: a tall bare trunk, reddish above, under a few flat clouds of needles."""
    random = builder.random
    tree = builder.add_object(lettered(random, "Foliage_Pine", 4))
    color = leaf_color(builder, (0.24, 0.33, 0.2))
    bark = varied(random, (0.46, 0.33, 0.24))
    width = 0.022 * height + 0.12
    size = (width, width, 0.86 * height)
    builder.add_part(tree, "trunk", at, (0, 0, 0.43 * height), size, bark, m.BARK)
    builder.add_solid(tree, at, (0, 0, 0.43 * height), size)
    for k in range(4):
        angle = k * 2.2 + random.uniform(0, 1.0)
        out = 0.0 if k == 3 else height * random.uniform(0.05, 0.11)
        wide = height * random.uniform(0.2, 0.3)
        up = height * (0.64 + 0.095 * k)
        middle = (out * np.cos(angle), out * np.sin(angle), up)
        crown = (wide, wide, 0.68 * wide)
        yaw = random.uniform(0, 6.28)
        # Only the crown's top is seen against the sky: the others can be coarse.
        levels = (("blob", NEAR), ("ball", FAR)) if k == 3 else (("ball", ALWAYS),)
        for solid, level in levels:
            builder.add_part(tree, solid, at, middle, crown, color, m.NEEDLES, yaw=yaw, level=level)
    return tree


def add_autumn_tree(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add a maple, aspen or oak in one of autumn's colours, some of them still green."""
    random = builder.random
    kind = ("Foliage_Maple", "Foliage_Aspen", "Foliage_RedOak")[random.integers(3)]
    tree = builder.add_object(lettered(random, kind, 3))
    base = _AUTUMN[random.integers(len(_AUTUMN))]
    color = leaf_color(builder, base)
    is_aspen = kind == "Foliage_Aspen"
    bark = m.BIRCH_BARK if is_aspen else m.BARK
    add_trunk(builder, tree, at, 0.6 * height, 0.03 * height + 0.06, bark)
    spread = height * (0.3 if is_aspen else 0.46)
    size = (spread, spread, 0.55 * height)
    add_crown(builder, tree, at, (0, 0, 0.68 * height), size, color)
    for k in range(3):
        angle = k * 2.1 + random.uniform(0, 0.8)
        out = spread * random.uniform(0.34, 0.52)
        wide = spread * random.uniform(0.55, 0.75)
        middle = (out * np.cos(angle), out * np.sin(angle), height * random.uniform(0.46, 0.86))
        add_crown(builder, tree, at, middle, (wide, wide, 0.85 * wide), leaf_color(builder, base))
    return tree


def add_forest_tree(builder: WorldBuilder, at: Frame, height: float) -> int:
    """Add a tree of the wood, mostly conifers."""
    choice = builder.random.random()
    if choice < 0.52:
        return add_spruce(builder, at, height)
    if choice < 0.75:
        return add_pine(builder, at, 1.1 * height)
    if choice < 0.85:
        return add_larch(builder, at, height)
    return add_autumn_tree(builder, at, 0.75 * height)


def add_undergrowth(builder: WorldBuilder, at: Frame, size: float) -> int:
    """Add ferns, a berry bush or a sapling."""
    random = builder.random
    kind = ("Foliage_Fern", "Foliage_Bilberry", "Foliage_Bracken")[random.integers(3)]
    plant = builder.add_object(kind)
    color = leaf_color(builder, _UNDERGROWTH[random.integers(len(_UNDERGROWTH))])
    for _ in range(3):
        u, v = random.uniform(-0.45, 0.45, 2) * size
        wide = size * random.uniform(0.5, 0.9)
        solid = (wide, wide, 0.7 * wide)
        builder.add_part(plant, "ball", at, (u, v, 0.25 * wide), solid, color, m.LEAVES)
    return plant


def add_deadwood(builder: WorldBuilder, at: Frame) -> int:
    """Add a fallen trunk or a stump."""
    random = builder.random
    bark = varied(random, (0.36, 0.29, 0.22))
    if random.random() < 0.5:
        log = begin(builder, "Foliage_FallenLog", at)
        long, thick = random.uniform(3.0, 6.0), random.uniform(0.3, 0.55)
        size = (thick, thick, long)
        log.add("trunk", (0, 0, 0.4 * thick), size, bark, m.BARK, tilt=np.pi / 2)
        log.block((0, 0, 0.3), (long, thick, 0.6))
        return log.owner
    stump = begin(builder, "Foliage_Stump", at)
    wide = random.uniform(0.45, 0.8)
    stump.add("trunk", (0, 0, 0.25), (1.2 * wide, 1.2 * wide, 0.5), bark, m.BARK)
    top = srgb(0.56, 0.45, 0.32)
    stump.add("cylinder", (0, 0, 0.5), (0.74 * wide, 0.74 * wide, 0.03), top, m.PLAIN)
    stump.block((0, 0, 0.25), (wide, wide, 0.5))
    return stump.owner


def add_trimmed_hedge(builder: WorldBuilder, at: Frame, length: float, tall: float) -> int:
    """Add a hedge of yew or beech along u, from the frame's origin."""
    random = builder.random
    base = ((0.24, 0.33, 0.18), (0.5, 0.36, 0.2), (0.36, 0.4, 0.2))[random.integers(3)]
    color = leaf_color(builder, base)
    hedge = begin(builder, lettered(random, "Foliage_Hedge", 3), at)
    hedge.lid((length / 2, 0, tall / 2), (length, 0.8, tall), color, m.LEAVES)
    for u in np.arange(0.5, length, 1.1):
        size = (1.5, 1.0, 0.5 * tall)
        place = (u, random.uniform(-0.1, 0.1), 0.84 * tall)
        hedge.add("ball", place, size, color, m.LEAVES, level=NEAR)
    hedge.block((length / 2, 0, tall / 2), (length, 0.8, tall))
    return hedge.owner
