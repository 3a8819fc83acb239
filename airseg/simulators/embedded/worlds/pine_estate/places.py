"""Places of `pine_estate`: lots around the houses, ponds, the playground, the woods far out."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.parts.conifers import (
    add_autumn_tree,
    add_pine,
    add_spruce,
    add_trimmed_hedge,
    add_undergrowth,
)
from airseg.simulators.embedded.worlds.parts.fixtures import add_bollard_light, add_mailbox
from airseg.simulators.embedded.worlds.parts.gardens import (
    add_bench,
    add_board_fence,
    add_pool,
    add_rail_fence,
    add_rocks,
    add_stone_wall,
    add_table_set,
)
from airseg.simulators.embedded.worlds.parts.placing import Triple, begin, lettered, varied
from airseg.simulators.embedded.worlds.parts.plants import leaf_color
from airseg.simulators.embedded.worlds.parts.roads import GroundPlan, RoadNetwork
from airseg.simulators.embedded.worlds.parts.vehicles_on_site import add_hatchback, add_pickup
from airseg.simulators.embedded.worlds.pine_estate.houses import Lodge, add_lodge, add_tool_shed

HALF_LOT = 11.0
_STONE, _GRAVEL = srgb(0.5, 0.48, 0.45), srgb(0.54, 0.5, 0.44)
_WOOD, _DARK = srgb(0.46, 0.37, 0.28), srgb(0.2, 0.2, 0.2)
_FENCES = ("rails", "boards", "wall", "hedge", "open")


def add_terrain(builder: WorldBuilder) -> None:
    """Add the floor of the wood and wooded hills all around."""
    floor = begin(builder, "Ground_ForestFloor", Frame())
    floor.lid((0, 0, -0.5), (5000, 5000, 1.0), srgb(0.4, 0.42, 0.23), m.FOREST_FLOOR)
    hills = begin(builder, "Ground_Hills", Frame())
    for k in range(17):
        angle = k * 2 * np.pi / 17 + builder.random.uniform(-0.15, 0.15)
        reach = builder.random.uniform(800, 1400)
        place = (reach * np.cos(angle), reach * np.sin(angle), -25.0)
        size = (*builder.random.uniform(450, 900, 2), builder.random.uniform(160, 360))
        base = ((0.28, 0.35, 0.22), (0.42, 0.36, 0.2), (0.34, 0.36, 0.22))[k % 3]
        hills.add("ball", place, size, varied(builder.random, base), m.FOREST_FLOOR)


def add_lot(builder: WorldBuilder, plot: Frame, order: int) -> None:
    """Add a house with all that belongs to it.

    Args:
        builder: what to add it to.
        plot: middle of the frontage; u points away from the road.
        order: which lot this is; neighbouring lawns lie at different heights, a hair apart.
    """
    random = builder.random
    side = -1 if random.random() < 0.5 else 1
    lodge = add_lodge(builder, plot, side)
    lawn = begin(builder, "Ground_Lawn", plot)
    base = ((0.4, 0.44, 0.23), (0.47, 0.45, 0.25), (0.36, 0.41, 0.22))[random.integers(3)]
    top = 0.003 + 0.0008 * (order % 13)
    size = (31.0, 2 * HALF_LOT, 0.2)
    lawn.lid((14.8, 0, top - 0.1), size, varied(random, base), m.LAWN)
    _add_drive(builder, plot, lodge, side)
    _add_front(builder, plot, lodge, side)
    _add_borders(builder, plot)
    _add_yard(builder, plot, lodge)


def _add_drive(builder: WorldBuilder, plot: Frame, lodge: Lodge, side: int) -> None:
    random = builder.random
    v = lodge.v + side * (lodge.width / 2 + 2.6)
    long = lodge.front + 1.2 + 2.6
    drive = begin(builder, "Env_Driveway", plot)
    is_gravel = random.random() < 0.55
    color = varied(random, (0.53, 0.49, 0.43) if is_gravel else (0.42, 0.41, 0.4))
    material = m.GRAVEL if is_gravel else (m.PAVING if random.random() < 0.5 else m.CROSSING)
    drive.lid((long / 2 - 2.6, v, -0.076), (long, 3.6, 0.2), color, material)
    if random.random() < 0.6:
        turn = np.pi * random.integers(2)
        at = plot.at(lodge.front - 3.4, v, turn)
        if random.random() < 0.5:
            add_pickup(builder, at, "Veh_Pickup")
        else:
            add_hatchback(builder, at, "Veh_Wagon")
    paint = varied(
        random, ((0.3, 0.32, 0.34), (0.5, 0.2, 0.17), (0.24, 0.34, 0.3))[random.integers(3)]
    )
    add_mailbox(builder, plot.at(-0.5, v - side * 2.6), "Prop_Mailbox", paint)


def _add_front(builder: WorldBuilder, plot: Frame, lodge: Lodge, side: int) -> None:
    """Add a path to the door, beds and what separates the garden from the road."""
    random = builder.random
    path = begin(builder, "Prop_SteppingStone", plot)
    u = 0.4
    while u < lodge.front - 3.2:
        size = (0.7, random.uniform(0.9, 1.3), 0.14)
        place = (u, lodge.v + random.uniform(-0.12, 0.12), -0.012)
        path.add(
            "lid",
            place,
            size,
            varied(random, (0.5, 0.48, 0.44)),
            m.ROCK,
            yaw=random.uniform(-0.2, 0.2),
        )
        u += 0.95
    kind = _FENCES[random.choice(5, p=[0.4, 0.1, 0.2, 0.14, 0.16])]
    if kind != "open":
        drive = lodge.v + side * (lodge.width / 2 + 2.6)
        gates = sorted(((lodge.v - 1.1, lodge.v + 1.1), (drive - 2.3, drive + 2.3)))
        ends = [-HALF_LOT + 0.3, *gates[0], *gates[1], HALF_LOT - 0.3]
        for start, stop in zip(ends[::2], ends[1::2], strict=True):
            if stop - start > 1.2:
                _add_divider(builder, plot.at(0.3, start, np.pi / 2), stop - start, kind, low=True)
    open_side = -side
    if random.random() < 0.6:
        add_autumn_tree(builder, plot.at(4.2, open_side * 6.8), random.uniform(5.0, 8.0))
    else:
        add_spruce(builder, plot.at(4.6, open_side * 7.4), random.uniform(6.0, 10.0))
    for _ in range(int(random.integers(2, 5))):
        beside = plot.at(lodge.front - 0.9, lodge.v + random.uniform(-0.5, 0.5) * lodge.width)
        add_undergrowth(builder, beside, random.uniform(0.7, 1.2))
    for v in (-HALF_LOT + 1.2, HALF_LOT - 1.2):
        if v * side < 0 or random.random() < 0.4:
            add_tree = (add_spruce, add_pine, add_autumn_tree)[random.integers(3)]
            add_tree(builder, plot.at(random.uniform(1.8, 3.0), v), random.uniform(5.5, 9.0))
    if random.random() < 0.4:
        _add_rock_garden(builder, plot.at(4.0, open_side * 3.4))
    if random.random() < 0.4:
        add_bollard_light(builder, plot.at(1.6, lodge.v + 1.0), "Prop_PathLight")


def _add_rock_garden(builder: WorldBuilder, at: Frame) -> None:
    bed = begin(builder, "Env_RockGardenBed", at)
    bed.add("drum", (0, 0, -0.02), (4.4, 3.2, 0.14), _GRAVEL, m.GRAVEL)
    add_rocks(
        builder, at, "Env_Boulder", int(builder.random.integers(3, 7)), (0.5, 0.48, 0.44), 1.1
    )
    for _ in range(2):
        u, v = builder.random.uniform(-1.2, 1.2, 2)
        add_undergrowth(builder, at.at(u, v), 0.6)


def _add_divider(
    builder: WorldBuilder, at: Frame, length: float, kind: str, *, low: bool = False
) -> None:
    """Add a fence, wall or hedge along u."""
    random = builder.random
    if kind == "rails":
        color = varied(random, ((0.46, 0.4, 0.33), (0.6, 0.57, 0.5))[random.integers(2)])
        add_rail_fence(builder, at, length, color, "Fence_SplitRail", rails=3 if low else 2)
    elif kind == "boards":
        color = varied(random, (0.5, 0.4, 0.3))
        add_board_fence(builder, at, length, 1.1 if low else 1.8, color, "Fence_Palisade")
    elif kind == "wall":
        stone = varied(random, (0.5, 0.48, 0.44))
        tall = 0.7 if low else 1.1
        add_stone_wall(
            builder,
            at,
            length,
            tall,
            stone,
            kind="Env_FieldstoneWall",
            cap_kind="Env_FieldstoneCap",
        )
    else:
        add_trimmed_hedge(builder, at, length, 1.0 if low else 1.7)


def _add_borders(builder: WorldBuilder, plot: Frame) -> None:
    random = builder.random
    for v in (-HALF_LOT + 0.2, HALF_LOT - 0.2):
        if random.random() < 0.6:
            kind = _FENCES[random.integers(4)]
            _add_divider(builder, plot.at(11.0, v), 18.5, kind)
    if random.random() < 0.6:
        rear = plot.at(29.8, -HALF_LOT + 0.4, np.pi / 2)
        _add_divider(builder, rear, 2 * HALF_LOT - 0.8, _FENCES[random.integers(2)])


def _add_yard(builder: WorldBuilder, plot: Frame, lodge: Lodge) -> None:
    """Add what is behind the house."""
    random = builder.random
    terrace = begin(builder, "Prop_Flagstones", plot)
    size = (2.8, 0.7 * lodge.width, 0.14)
    terrace.lid(
        (lodge.back + 1.4, lodge.v, -0.03), size, varied(random, (0.52, 0.5, 0.46)), m.FLAGSTONES
    )
    wood = varied(random, (0.5, 0.4, 0.3))
    add_table_set(
        builder,
        plot.at(lodge.back + 1.5, lodge.v + 1.5),
        ("Prop_GardenTable", "Prop_GardenChair"),
        wood,
    )
    room = 29.0 - lodge.back - 3.0
    middle = lodge.back + 3.2 + room / 2
    if room > 5.5 and random.random() < 0.42:
        paving = (
            varied(random, (0.5, 0.48, 0.45)),
            m.FLAGSTONES if random.random() < 0.5 else m.PAVING,
        )
        at = plot.at(middle - 0.3, random.uniform(-2, 2), np.pi / 2)
        basin = (random.uniform(5.5, 7.5), min(3.4, room - 3.4))
        add_pool(builder, at, basin, prefix="Pool", paving_kind="Prop_Flagstones", paving=paving)
    elif random.random() < 0.5:
        _add_fire_pit(builder, plot.at(middle, random.uniform(-3, 3)))
    if random.random() < 0.5:
        add_tool_shed(builder, plot.at(26.5, random.choice([-1, 1]) * 8.0))
    if random.random() < 0.5:
        _add_wood_pile(builder, plot.at(lodge.back + 0.7, lodge.v - 0.36 * lodge.width))
    for v in (-8.6, 8.6):
        if random.random() < 0.7:
            add_tree = (add_autumn_tree, add_spruce, add_pine)[random.integers(3)]
            place = plot.at(
                random.uniform(lodge.back + 1.5, lodge.back + 4.5), v + random.uniform(-0.8, 0.8)
            )
            add_tree(builder, place, random.uniform(5.5, 10.0))


def _add_fire_pit(builder: WorldBuilder, at: Frame) -> None:
    """Add a ring of stones on gravel with logs to sit on."""
    bed = begin(builder, "Env_RockGardenBed", at)
    bed.add("drum", (0, 0, -0.02), (5.4, 5.4, 0.14), _GRAVEL, m.GRAVEL)
    ring = begin(builder, "Prop_FirePit", at)
    for k in range(9):
        angle = k * 2 * np.pi / 9
        place = (0.7 * np.cos(angle), 0.7 * np.sin(angle), 0.14)
        ring.add("ball", place, (0.5, 0.4, 0.36), _STONE, m.ROCK, yaw=angle)
    ring.block((0, 0, 0.15), (1.6, 1.6, 0.3))
    for k in range(3):
        seat = at.at(0, 0, k * 2.1)
        add_bench(builder, seat.at(-2.0, 0), "Prop_LogBench", _WOOD, _WOOD)


def _add_wood_pile(builder: WorldBuilder, at: Frame) -> None:
    pile = begin(builder, "Prop_Firewood", at)
    pile.lid((0, 0, 0.6), (0.8, 2.4, 1.2), varied(builder.random, (0.5, 0.4, 0.28)), m.LOGS)
    pile.block((0, 0, 0.6), (0.8, 2.4, 1.2))


def add_pond(builder: WorldBuilder, plan: GroundPlan, at: Frame, reach: float) -> None:
    """Add a pond with a rim of stones, reeds, a jetty and benches."""
    random = builder.random
    here = (at.north, at.east)
    plan.take(here, reach + 4.0)
    bank = begin(builder, "Env_PondBank", at)
    water = begin(builder, "Pool_PondWater", at)
    color = srgb(0.24, 0.36, 0.34)
    for k, (u, v, share) in enumerate(((0.0, 0.0, 0.72), (0.36, 0.3, 0.5), (-0.4, -0.22, 0.5))):
        wide = 2 * reach * share
        place = (u * reach, v * reach)
        bank.add(
            "drum", (*place, -0.08 + 0.003 * k), (wide + 2.2, wide + 2.0, 0.2), _GRAVEL, m.GRAVEL
        )
        water.add("drum", (*place, -0.06 + 0.003 * k), (wide, wide, 0.2), color, m.WATER)
    for k in range(int(2.2 * reach)):
        angle, out = k * 2.4, reach * random.uniform(0.86, 1.02)
        shore = at.at(out * np.cos(angle), out * np.sin(angle))
        if k % 3 == 0:
            add_rocks(builder, shore, "Env_Boulder", 2, (0.48, 0.46, 0.43), 0.6)
        else:
            _add_reeds(builder, shore)
    jetty = begin(builder, "Env_Jetty", at.at(0, 0, 0.6))
    jetty.box((-0.75 * reach, 0, 0.32), (0.8 * reach, 1.6, 0.1), _WOOD, m.PLANKS)
    for u in np.linspace(-1.1, -0.4, 4):
        for v in (-0.7, 0.7):
            jetty.lid((u * reach, v, 0.4), (0.16, 0.16, 0.8), _WOOD, m.BARK)
    jetty.block((-0.75 * reach, 0, 0.2), (0.8 * reach, 1.6, 0.4))
    for k in range(4):
        seat = at.at(0, 0, 0.5 + k * np.pi / 2).at(-reach - 2.0, 0)
        add_bench(builder, seat, "Prop_Bench", _WOOD, _DARK)


def _add_reeds(builder: WorldBuilder, at: Frame) -> None:
    random = builder.random
    reeds = begin(builder, "Foliage_Reeds", at)
    color = leaf_color(builder, (0.5, 0.46, 0.26))
    for _ in range(5):
        u, v = random.uniform(-0.7, 0.7, 2)
        tall = random.uniform(0.7, 1.4)
        reeds.add("cone", (u, v, tall / 2), (0.35, 0.35, tall), color, m.NEEDLES)


def add_playground(builder: WorldBuilder, plan: GroundPlan, at: Frame) -> None:
    """Add a small park: a pavilion, a gravel court with swings and a slide, benches."""
    random = builder.random
    plan.take((at.north, at.east), 17.0)
    court = begin(builder, "Env_GravelCourt", at)
    court.add("drum", (0, 0, -0.07), (27.0, 24.0, 0.2), _GRAVEL, m.GRAVEL)
    pavilion = begin(builder, "House_Pavilion", at.at(6.0, -4.0))
    pavilion.lid((0, 0, 0.1), (6.5, 6.5, 0.3), _STONE, m.FLAGSTONES)
    for u in (-2.8, 2.8):
        for v in (-2.8, 2.8):
            pavilion.lid((u, v, 1.6), (0.3, 0.3, 2.8), _WOOD, m.LOGS)
    pavilion.block((0, 0, 2.9), (6.0, 6.0, 0.2))
    roof = begin(builder, "Roof_Shingle_A", at.at(6.0, -4.0))
    roof.add("pyramid", (0, 0, 4.0), (8.0, 8.0, 2.2), srgb(0.4, 0.34, 0.28), m.SHINGLES)
    _add_swings(builder, at.at(-5.0, 4.0, 0.4))
    slide = begin(builder, "Prop_PlaySlide", at.at(-5.0, -5.0))
    slide.lid((0, 0, 0.9), (1.2, 1.2, 1.8), _WOOD, m.PLANKS)
    slide.add("box", (2.2, 0, 0.95), (3.6, 0.7, 0.1), srgb(0.66, 0.52, 0.2), m.PAINT, tilt=-0.5)
    slide.block((0.8, 0, 0.9), (3.0, 1.2, 1.8))
    monument = begin(builder, "Env_Monolith", at.at(0.0, 0.0))
    monument.add("trunk", (0, 0, 1.3), (1.6, 1.2, 2.6), _STONE, m.ROCK)
    monument.block((0, 0, 1.3), (1.6, 1.2, 2.6))
    for k in range(8):
        around = at.at(0, 0, k * np.pi / 4)
        if k % 2:
            add_bench(builder, around.at(11.0, 0, np.pi), "Prop_Bench", _WOOD, _DARK)
        else:
            add_rail_fence(builder, around.at(13.6, -4.0, np.pi / 2), 8.0, _WOOD, "Fence_SplitRail")
        add_autumn_tree(builder, around.at(15.5, 5.0), random.uniform(6.0, 9.0))


def _add_swings(builder: WorldBuilder, at: Frame) -> None:
    frame = begin(builder, "Prop_Swings", at)
    steel = srgb(0.5, 0.24, 0.2)
    for v in (-2.4, 2.4):
        for tilt in (-0.25, 0.25):
            place = (-np.sin(tilt) * 1.2, v, 1.2)
            frame.add("box", place, (0.1, 0.1, 2.5), steel, m.PAINT, tilt=tilt)
    frame.box((0, 0, 2.4), (0.12, 4.9, 0.12), steel, m.PAINT)
    for v in (-1.0, 1.0):
        frame.box((0, v, 0.6), (0.3, 0.6, 0.06), _DARK, m.PLAIN)
        for off in (-0.28, 0.28):
            frame.box((0, v + off, 1.5), (0.03, 0.03, 1.8), _DARK, m.PLAIN)
    frame.block((0, 0, 1.2), (1.2, 4.9, 2.4))


def add_far_wood(builder: WorldBuilder, network: RoadNetwork) -> None:
    """Close the view with coarse trees around the estate."""
    random = builder.random
    middle = Frame(38.0, 10.0)
    for ring in range(3):
        out_north, out_east = 276.0 + 12 * ring, 268.0 + 12 * ring
        for angle in np.arange(0.0, 2 * np.pi, 8.5 / out_north):
            jitter = random.uniform(-4, 4)
            u = (out_north + jitter) * np.cos(angle)
            v = (out_east + jitter) * np.sin(angle)
            at = middle.at(u, v)
            if network.clearance((at.north, at.east)) < 4.0:
                continue
            tree = begin(builder, lettered(random, "Foliage_FarTree", 2), at)
            tall = random.uniform(10, 18)
            base: Triple = ((0.2, 0.3, 0.2), (0.24, 0.33, 0.2), (0.5, 0.4, 0.2))[
                random.choice(3, p=[0.5, 0.3, 0.2])
            ]
            color = leaf_color(builder, base)
            size = (0.4 * tall, 0.4 * tall, tall)
            if base[0] > 0.4:
                tree.add(
                    "ball",
                    (0, 0, 0.45 * tall),
                    (0.6 * tall, 0.6 * tall, 0.9 * tall),
                    color,
                    m.LEAVES,
                )
            else:
                tree.add("skirt", (0, 0, 0.5 * tall), size, color, m.NEEDLES)
