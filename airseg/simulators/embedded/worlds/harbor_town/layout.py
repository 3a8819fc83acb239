"""The world `harbor_town`: rings and spokes of terraced streets around a square, and a quay.

The origin lies on the spoke that runs north to the square. From there one can go round the block
to the north-west: up the spoke to (60, 0), left along the inner ring, out along the next spoke and
back along the outer ring. The carriageway of that spoke is free from the ground to 25 m.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import Frame, World, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.harbor_town import places
from airseg.simulators.embedded.worlds.harbor_town.houses import RowHouse, add_row_house
from airseg.simulators.embedded.worlds.harbor_town.quay import add_quay
from airseg.simulators.embedded.worlds.parts.fixtures import (
    add_arm_lamp,
    add_lantern,
    add_sign,
    add_traffic_light,
)
from airseg.simulators.embedded.worlds.parts.gardens import add_iron_fence
from airseg.simulators.embedded.worlds.parts.placing import begin, varied
from airseg.simulators.embedded.worlds.parts.roads import (
    GroundPlan,
    Road,
    RoadNetwork,
    add_carriageways,
    add_pavements,
    arc,
    frames_along,
    straight,
)
from airseg.simulators.embedded.worlds.parts.southern_plants import add_citrus, add_palm
from airseg.simulators.embedded.worlds.parts.street_furniture import add_traffic
from airseg.simulators.embedded.worlds.parts.vehicles_on_site import (
    add_hatchback,
    add_scooter,
    add_van,
)

CENTER = (155.0, 0.0)
"""Middle of the square, north and east."""
SPOKES_DEG = (180.0, 232.0, 285.0, 335.0, 390.0, 450.0, 497.0)
"""Directions of the streets that leave the square, clockwise from north; the first has the origin,
the one at 450 (due east) leads to the quay."""
RINGS = (30.0, 95.0, 165.0)
"""Radii of the streets around the square."""
HALF_WIDTH = 4.3
PAVEMENT = 1.7
LANE_MIDDLE = 1.6
"""How far to the right of a street's middle cars drive, metres."""
_FRONT = HALF_WIDTH + PAVEMENT + 0.1
_DEPTH = 10.0
_QUAY_SPOKE = 5
_SPOKE_END = 252.0
_ASPHALT, _SETTS, _COBBLE = srgb(0.37, 0.37, 0.37), srgb(0.58, 0.52, 0.43), srgb(0.47, 0.46, 0.44)
_IRON = srgb(0.15, 0.17, 0.17)
_SLABS = srgb(0.58, 0.56, 0.51)
_FREE_BLOCKS = (6, 0, 1)
"""Outer blocks around the loop: see `routes`."""


def build_harbor_town(seed: int) -> World:
    """Build the world of a seed."""
    builder = WorldBuilder("harbor_town", seed)
    builder.add_object("SkySphere")
    plan = GroundPlan()
    places.add_terrain(builder)
    network = _lay_streets(builder)
    houses = _add_rows(builder, plan)
    places.add_square(builder, CENTER, RINGS[0] - HALF_WIDTH - PAVEMENT)
    _add_church_and_market(builder, plan)
    add_quay(builder, CENTER, RINGS[-1] + HALF_WIDTH + PAVEMENT)
    for plot, house in houses:
        places.add_back_garden(builder, plan, network, plot, house)
    _fill_courtyards(builder, plan, network)
    places.add_countryside(builder, plan, network, CENTER, RINGS[-1])
    _furnish_streets(builder, network)
    for route in routes():
        add_traffic(builder, route, 110.0)
    return builder.build()


def routes() -> list[np.ndarray]:
    """Return (N, 2) closed polylines, north and east, along the right-hand lanes.

    Cars go around blocks, always turning right, so that their ways never cross. The lanes outside
    the block north-west of the origin stay free for whoever flies or drives around it to the left.
    """
    found = []
    for k in range(len(SPOKES_DEG)):
        start, stop = _sector(k)
        if k not in _FREE_BLOCKS[::2]:
            found.append(_round_trip(start, stop, RINGS[1], RINGS[2]))
        if k != 0:
            found.append(_round_trip(start, stop, RINGS[0], RINGS[1]))
    return found


def _sector(k: int) -> tuple[float, float]:
    """Return the directions, in degrees, between which block k lies."""
    ends = (*SPOKES_DEG, SPOKES_DEG[0] + 360.0)
    return ends[k], ends[k + 1]


def _round_trip(start: float, stop: float, inner: float, outer: float) -> np.ndarray:
    """Return a clockwise trip (from above) around a block, in the lanes on its side."""
    near, far = inner + LANE_MIDDLE, outer - LANE_MIDDLE

    def corner(radius: float, direction: float, turn: float) -> float:
        return direction + turn * float(np.degrees(LANE_MIDDLE / radius))

    top = arc(CENTER, far, corner(far, start, 1), corner(far, stop, -1))
    bottom = arc(CENTER, near, corner(near, stop, -1), corner(near, start, 1))
    return np.concatenate([top, bottom])


def polar(radius: float, direction_deg: float, turn: float = 0.0) -> Frame:
    """Return a place around the square whose u points outwards, turned by `turn` radians."""
    angle = np.radians(direction_deg)
    north, east = CENTER[0] + radius * np.cos(angle), CENTER[1] + radius * np.sin(angle)
    return Frame(float(north), float(east), float(angle + turn))


def _lay_streets(builder: WorldBuilder) -> RoadNetwork:
    network = RoadNetwork()  # spokes lie lowest, so that they end under the first ring
    for k, direction in enumerate(SPOKES_DEG):
        is_cobbled = k in (2, 4, 6)
        color, material = (_COBBLE, m.COBBLES) if is_cobbled else (_ASPHALT, m.LANE)
        family = "SM_Road_Cobble" if is_cobbled else "SM_Road_Spoke"
        end = polar(198.0 if k == _QUAY_SPOKE else _SPOKE_END, direction)
        begins = polar(RINGS[0], direction)
        line = straight((begins.north, begins.east), (end.north, end.east))
        network.add(Road(family, line, HALF_WIDTH, color, material))
    for k, radius in enumerate(RINGS):
        color, material = (_SETTS, m.COBBLES) if k == 0 else (_ASPHALT, m.LANE)
        family = ("SM_Road_Setts", "SM_Road_Ring", "SM_Road_Boulevard")[k]
        network.add(Road(family, arc(CENTER, radius, 0.0, 360.0), HALF_WIDTH, color, material))
    add_carriageways(builder, network)
    add_pavements(builder, network, "SM_Sidewalk_Slab", PAVEMENT, _SLABS, m.PAVING)
    for direction in SPOKES_DEG:
        for ring, radius in enumerate(RINGS):
            _add_crossing(builder, polar(radius, direction), ring)
    return network


def _add_crossing(builder: WorldBuilder, at: Frame, ring: int) -> None:
    """Cover where two streets meet; mark it, and light or sign it."""
    wide = 2 * HALF_WIDTH
    if ring > 0:
        patch = begin(builder, "SM_Road_Junction", at)
        patch.lid((0, 0, -0.053), (wide, wide, 0.2), _ASPHALT, m.CROSSING)
    for u in (-1, 1):
        for v in (-1, 1):
            corner = begin(builder, "SM_Sidewalk_Corner", at)
            place = (u * (HALF_WIDTH + 1.7), v * (HALF_WIDTH + 1.7), 0.035)
            if ring > 0 or u > 0:
                corner.lid(place, (3.4, 3.4, 0.2), _SLABS, m.PAVING)
    for quarter in range(4):
        if (ring == 0 and quarter != 0) or (ring == 2 and quarter == 0 and at.east > 160.0):
            continue
        arm = at.at(0, 0, quarter * np.pi / 2)
        stripes = begin(builder, "SM_Crosswalk", arm)
        stripes.lid((HALF_WIDTH + 2.6, 0, -0.05), (2.6, wide - 0.9, 0.2), _ASPHALT, m.ZEBRA)
        for v in (-1, 1):
            if quarter % 2 == 0 and ring > 0:
                rail = arm.at(HALF_WIDTH + 4.6, v * (HALF_WIDTH + 0.18))
                add_iron_fence(builder, rail, 4.4, 1.0, _IRON, "SM_Railing_Iron")
    out = HALF_WIDTH + 0.6
    if ring == 1:
        for quarter in range(4):
            pole = at.at(0, 0, quarter * np.pi / 2)
            reach = 1.3 if quarter in (1, 3) else 0.0
            add_traffic_light(builder, pole.at(-out, out), "SM_TrafficLight", reach=reach)
        return
    add_sign(builder, at.at(out, -out, np.pi), "SM_Sign_Stop", "stop")
    add_sign(builder, at.at(out, out), "SM_Sign_Street", "name")
    if ring == 2:
        add_sign(builder, at.at(-out, out), "SM_Sign_Warning", "danger")


Row = tuple[Frame, RowHouse]


def _add_rows(builder: WorldBuilder, plan: GroundPlan) -> list[Row]:
    """Line the streets with houses; return each with its plot."""
    rows: list[Row] = []
    for k in range(len(SPOKES_DEG)):
        sector = _sector(k)
        fronts = [(RINGS[0] + _FRONT, 0.0), (RINGS[1] - _FRONT, np.pi)]
        fronts += [(RINGS[1] + _FRONT, 0.0), (RINGS[2] - _FRONT, np.pi)]
        if k not in (_QUAY_SPOKE - 1, _QUAY_SPOKE):
            fronts.append((RINGS[2] + _FRONT, 0.0))
        for radius, turn in fronts:
            rows += _arc_row(builder, plan, sector, radius, turn)
        for inner, outer in pairwise(RINGS):
            rows += _spoke_rows(builder, plan, sector, inner, outer)
    return rows


def _gaps(radius: float) -> list[float]:
    """Return in which directions a row opens to the church's square or to the market."""
    if abs(radius - RINGS[1] - _FRONT) < 0.1:
        return [places.CHURCH_DEG]
    return [places.MARKET_DEG] if abs(radius - RINGS[1] + _FRONT) < 0.1 else []


def _arc_row(
    builder: WorldBuilder,
    plan: GroundPlan,
    sector: tuple[float, float],
    radius: float,
    turn: float,
) -> list[Row]:
    """Line one side of a ring between two spokes."""
    outside = radius > RINGS[-1]
    long = np.radians(sector[1] - sector[0]) * radius - 2 * (_FRONT + 0.1)
    count = max(1, round(long / 7.4))
    width = long / count
    rows = []
    for i in range(count):
        direction = sector[0] + np.degrees((_FRONT + 0.1 + (i + 0.5) * width) / radius)
        is_corner = i in (0, count - 1)
        near_gap = any(abs(direction - g) * np.pi / 180 * radius < 13.0 for g in _gaps(radius))
        if near_gap or (outside and not is_corner and builder.random.random() < 0.45):
            continue
        plot = polar(radius, direction, turn)
        sides: tuple[int, ...] = (-1, 1) if outside else ()
        if is_corner and not outside:
            # v runs clockwise where u points outwards, and the other way where it points in.
            sides = ((-1 if i == 0 else 1) * (1 if turn == 0.0 else -1),)
        rows.append(_add_house(builder, plan, plot, width, sides))
        if radius < RINGS[0] + _FRONT + 0.1:
            places.add_arcade(builder, plot, width)
    return rows


def _spoke_rows(
    builder: WorldBuilder,
    plan: GroundPlan,
    sector: tuple[float, float],
    inner: float,
    outer: float,
) -> list[Row]:
    """Line the two spokes of a block, between the rows of its rings."""
    rows = []
    start, stop = inner + _FRONT + _DEPTH + 1.6, outer - _FRONT - _DEPTH - 1.6
    count = max(1, round((stop - start) / 7.2))
    width = (stop - start) / count
    for direction, side in ((sector[0], 1), (sector[1], -1)):
        for i in range(count):
            if builder.random.random() < 0.06:
                continue  # an alley
            street = polar(start + (i + 0.5) * width, direction)
            plot = street.at(0.0, side * _FRONT, side * np.pi / 2)
            ends = {0: -1, count - 1: 1}
            sides = (-side * ends[i],) if i in ends else ()
            rows.append(_add_house(builder, plan, plot, width, sides))
    return rows


def _add_house(
    builder: WorldBuilder, plan: GroundPlan, plot: Frame, width: float, sides: tuple[int, ...]
) -> Row:
    setback, depth = 0.0, _DEPTH - 0.5
    reach = float(np.hypot(plot.north - CENTER[0], plot.east - CENTER[1]))
    if reach > RINGS[1] and builder.random.random() < 0.3:
        setback, depth = 3.0, _DEPTH - 2.0
        places.add_front_garden(builder, plot, width, setback)
    plot = plot.at(setback, 0.0)
    house = add_row_house(builder, plot, width, depth=depth, open_sides=sides)
    middle = (house.front + house.depth / 2, 0.0)
    plan.take_box(plot, middle, (house.depth + 0.5, width))
    return plot, house


def _add_church_and_market(builder: WorldBuilder, plan: GroundPlan) -> None:
    church = polar(RINGS[1] + _FRONT, places.CHURCH_DEG)
    places.add_church(builder, church.at(14.0, 0.0))
    plan.take_box(church, (22.0, 0.0), (44.0, 22.0))
    market = polar(RINGS[1] - _FRONT - 22.0, places.MARKET_DEG, np.pi)
    places.add_market(builder, market)
    plan.take_box(market, (-8.0, 0.0), (36.0, 26.0))


def _fill_courtyards(builder: WorldBuilder, plan: GroundPlan, network: RoadNetwork) -> None:
    """Plant and furnish what lies behind the houses."""
    random = builder.random
    for k in range(len(SPOKES_DEG)):
        sector = _sector(k)
        for (inner, outer), tries in zip(pairwise(RINGS), (110, 320), strict=True):
            for _ in range(tries):
                at = polar(random.uniform(inner + 18, outer - 18), random.uniform(*sector))
                if network.clearance((at.north, at.east)) > PAVEMENT + 1.0:
                    places.add_courtyard_piece(builder, plan, at)


def _furnish_streets(builder: WorldBuilder, network: RoadNetwork) -> None:
    """Set lamps, trees, signs and parked vehicles along all streets."""
    random = builder.random
    for road in network.roads:
        is_square = road.family == "SM_Road_Setts"
        others = RoadNetwork([r for r in network.roads if r is not road])

        def is_clear(at: Frame, others: RoadNetwork = others, room: float = 4.0) -> bool:
            return others.clearance((at.north, at.east)) > room

        for side in (-1, 1):
            edge = side * (HALF_WIDTH + 0.4)
            for at in frames_along(road.points, 27.0, edge, 9.0 if side > 0 else 22.0):
                if not is_clear(at):
                    continue
                if road.material == m.COBBLES:
                    add_lantern(builder, at, "SM_Lantern_Iron", _IRON)
                else:
                    add_arm_lamp(builder, at.at(0, 0, np.pi), "SM_StreetLamp", _IRON)
            for at in frames_along(road.points, 64.0, edge, 38.0):
                if is_clear(at):
                    face = ("parking", "limit")[random.integers(2)]
                    kind = "SM_Sign_Parking" if face == "parking" else "SM_Sign_Limit"
                    add_sign(builder, at.at(0, 0, -np.pi / 2), kind, face)
            for at in frames_along(road.points, 12.6, side * (HALF_WIDTH + 1.0), 4.0):
                if not is_square and is_clear(at) and random.random() < 0.7:
                    _add_street_tree(builder, at, is_wide=road.family == "SM_Road_Boulevard")
            if is_square:
                continue
            parked = side * (HALF_WIDTH - 0.72)
            for at in frames_along(road.points, 6.3, parked, 14.0):
                if random.random() < 0.33 and is_clear(at, room=9.0):
                    _park(builder, at.at(0, 0, -side * np.pi / 2), side)


def _add_street_tree(builder: WorldBuilder, at: Frame, *, is_wide: bool) -> None:
    random = builder.random
    pit = begin(builder, "SM_Tree_Pit", at)
    pit.lid((0, 0, 0.06), (1.0, 1.0, 0.2), varied(random, (0.42, 0.36, 0.28)), m.GRAVEL)
    if is_wide:
        add_palm(builder, at, random.uniform(6.5, 10.0))
    else:
        add_citrus(builder, at, random.uniform(2.9, 3.5))


def _park(builder: WorldBuilder, at: Frame, side: int) -> None:
    """Park something; drivers in the left lane face the other way."""
    random = builder.random
    at = at.at(random.uniform(-0.5, 0.5), 0.0, 0.0 if side > 0 else np.pi)
    choice = random.random()
    if choice < 0.62:
        add_hatchback(builder, at, "BP_Car_Parked")
    elif choice < 0.8:
        add_van(builder, at, "BP_Van")
    else:
        for k in range(int(random.integers(1, 4))):
            slot = at.at(k * 1.2 - 1.2, 0.1, np.pi / 2 + random.uniform(-0.2, 0.2))
            add_scooter(builder, slot, "BP_Scooter")
