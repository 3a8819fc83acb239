"""The world `pine_estate`: winding roads through a wood in autumn, with lodges on large lots.

The origin lies on the one straight stretch, which leads north to the junction with traffic lights
at (115, 0). Turning left there and following the bend leads back to the origin from the south. The
straight carriageway is free from the ground to 25 m.
"""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import Frame, World, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.parts.conifers import (
    add_deadwood,
    add_forest_tree,
    add_undergrowth,
)
from airseg.simulators.embedded.worlds.parts.fixtures import (
    add_arm_lamp,
    add_bollard_light,
    add_pole_line,
    add_sign,
    add_traffic_light,
)
from airseg.simulators.embedded.worlds.parts.gardens import add_rail_fence, add_rocks
from airseg.simulators.embedded.worlds.parts.placing import begin, varied
from airseg.simulators.embedded.worlds.parts.roads import (
    GroundPlan,
    Road,
    RoadNetwork,
    add_carriageways,
    add_strip,
    beside,
    frames_along,
    resampled,
    straight,
    winding,
)
from airseg.simulators.embedded.worlds.parts.street_furniture import add_traffic
from airseg.simulators.embedded.worlds.parts.vehicles_on_site import (
    add_bus,
    add_hatchback,
    add_pickup,
    add_van,
)
from airseg.simulators.embedded.worlds.pine_estate import places

SOUTH, NORTH = (-60.0, 0.0), (115.0, 0.0)
"""The two junctions at the ends of the straight stretch, north and east."""
LANE_MIDDLE = 1.6
"""How far to the right of a road's middle cars drive, metres."""
_HALF_WIDTH = 3.9
_ASPHALT, _GRAVEL = srgb(0.36, 0.36, 0.36), srgb(0.52, 0.48, 0.42)
_CONCRETE, _WOOD = srgb(0.55, 0.54, 0.52), srgb(0.44, 0.36, 0.28)
_STEEL = srgb(0.3, 0.32, 0.32)

_WEST = [NORTH, (121, -42), (104, -98), (54, -130), (-4, -120), (-42, -74), SOUTH]
_EAST = [NORTH, (119, 44), (98, 96), (48, 124), (-4, 112), (-42, 66), SOUTH]
_FAR_EAST = [(98, 96), (136, 140), (122, 196), (64, 218), (8, 184), (-4, 112)]
_SPUR = [(54, -130), (76, -172), (66, -216), (30, -236)]
_SOUTH_WEST = [(-42, -74), (-92, -100), (-142, -72), (-160, 28)]


def build_pine_estate(seed: int) -> World:
    """Build the world of a seed."""
    builder = WorldBuilder("pine_estate", seed)
    builder.add_object("SkySphere")
    plan = GroundPlan()
    places.add_terrain(builder)
    network = _lay_roads(builder)
    _take_roadsides(plan)
    for at, reach in ((Frame(38.0, 61.0), 13.0), (Frame(66.0, 168.0), 17.0)):
        places.add_pond(builder, plan, at, reach)
    places.add_playground(builder, plan, Frame(34.0, -64.0))
    _furnish_roads(builder, network, plan)
    _add_lots(builder, network, plan)
    _plant_wood(builder, network, plan)
    places.add_far_wood(builder, network)
    for route in routes():
        add_traffic(builder, route, 105.0)
    return builder.build()


def routes() -> list[np.ndarray]:
    """Return (N, 2) closed polylines, north and east, along the right-hand lanes.

    Cars go around the western block and the far eastern one, always turning right, so that their
    ways never cross; whoever goes around the western block to the left meets oncoming cars only.
    """
    west = np.concatenate([winding(_WEST)[:-1], straight(SOUTH, NORTH)[:-1]])
    inner = winding(_EAST)
    start, stop = _nearest(inner, _FAR_EAST[0]), _nearest(inner, _FAR_EAST[-1])
    far = np.concatenate([winding(_FAR_EAST), inner[start + 1 : stop][::-1]])
    return [_lane(west), _lane(far)]


def _nearest(line: np.ndarray, place: tuple[float, float]) -> int:
    return int(np.argmin(np.linalg.norm(line - np.array(place), axis=1)))


def _lane(loop: np.ndarray) -> np.ndarray:
    """Return the right-hand lane of a closed loop, run through so that it turns right."""
    after = np.roll(loop, -1, axis=0)
    area = float((loop[:, 0] * after[:, 1] - loop[:, 1] * after[:, 0]).sum())
    clockwise = loop if area > 0 else loop[::-1]
    spread = resampled(np.vstack([clockwise, clockwise[:1]]), 6.0)
    return beside(spread, LANE_MIDDLE)[:-1]


def _lay_roads(builder: WorldBuilder) -> RoadNetwork:
    network = RoadNetwork()  # gravel lies lowest, so that it ends under the asphalt
    arrival = winding([(-240, 44), (-160, 28), (-100, 6), SOUTH])
    departure = winding([NORTH, (168, 8), (214, 40), (262, 62), (318, 66)])
    main = np.concatenate([arrival[:-1], straight(SOUTH, NORTH), departure[1:]])
    for family, line, material in (
        ("Env_Road_Gravel", winding(_SPUR), m.GRAVEL),
        ("Env_Road_Gravel", winding(_SOUTH_WEST), m.GRAVEL),
        ("Env_Road_Main", main, m.LANE),
        ("Env_Road_Bend", winding(_WEST), m.LANE),
        ("Env_Road_Bend", winding(_EAST), m.LANE),
        ("Env_Road_Bend", winding(_FAR_EAST), m.LANE),
    ):
        color = _ASPHALT if material == m.LANE else _GRAVEL
        network.add(Road(family, line, _HALF_WIDTH, color, material))
    add_carriageways(builder, network)
    end = begin(builder, "Env_Road_Turnaround", Frame(*_SPUR[-1]))
    end.add("drum", (0, 0, -0.0688), (21.0, 21.0, 0.2), _GRAVEL, m.GRAVEL)
    _lay_roadsides(builder, network)
    for middle, lit in ((NORTH, True), (SOUTH, False)):
        _add_junction(builder, Frame(*middle), lit=lit)
    for middle in (_FAR_EAST[0], _FAR_EAST[-1]):
        patch = begin(builder, "Env_Road_Junction", Frame(*middle))
        patch.add("drum", (0, 0, -0.0595), (8.6, 8.6, 0.2), _ASPHALT, m.CROSSING)
    return network


def _lay_roadsides(builder: WorldBuilder, network: RoadNetwork) -> None:
    """Lay gravel shoulders, pavements along the straight stretch and a gravel path elsewhere."""
    for order, road in enumerate(network.roads):
        for side in (-1, 1):
            line = beside(road.points, side * (_HALF_WIDTH + 0.35))
            keep = network.clear_of(road, (line[:-1] + line[1:]) / 2, 0.2)
            top = 0.0275 + 0.0002 * order
            add_strip(builder, "Env_Road_Shoulder", line, 1.1, top, _GRAVEL, m.GRAVEL, keep)
        if road.material != m.LANE:
            continue
        for side in (-1, 1):
            if road.family != "Env_Road_Main" and side > 0:
                continue
            line = beside(road.points, side * (_HALF_WIDTH + 2.1))
            keep = network.clear_of(road, (line[:-1] + line[1:]) / 2, 1.0)
            if road.family == "Env_Road_Main":
                is_straight = (road.points[:-1, 0] > SOUTH[0]) & (road.points[:-1, 0] < NORTH[0])
                args = ("Env_Sidewalk", line, 1.7, 0.1, _CONCRETE, m.PAVING, keep & is_straight)
            else:
                args = ("Env_Footpath", line, 1.5, 0.024 + 0.0005 * order, _GRAVEL, m.GRAVEL, keep)
            add_strip(builder, *args)


def _add_junction(builder: WorldBuilder, at: Frame, *, lit: bool) -> None:
    patch = begin(builder, "Env_Road_Junction", at)
    patch.add("drum", (0, 0, -0.058), (12.5, 12.5, 0.2), _ASPHALT, m.CROSSING)
    out = _HALF_WIDTH + 0.9
    for quarter in range(4):
        arm = at.at(0, 0, quarter * np.pi / 2)
        stripes = begin(builder, "Env_Road_Crosswalk", arm)
        stripes.lid((8.4, 0, -0.055), (2.6, 2 * _HALF_WIDTH - 0.8, 0.2), _ASPHALT, m.ZEBRA)
        if lit:
            reach = 1.6 if quarter % 2 else 0.0
            pole = arm.at(-out - 1.6, out)
            add_traffic_light(builder, pole, "Prop_TrafficSignal", reach=reach)
        else:
            add_sign(builder, arm.at(-out - 3.0, out), "Prop_Sign_Stop", "stop")
    add_sign(builder, at.at(out + 2.0, out + 1.0), "Prop_Sign_StreetName", "name")


def _take_roadsides(plan: GroundPlan) -> None:
    """Keep the corners of the junctions open."""
    for middle in (NORTH, SOUTH):
        plan.take(middle, 15.0)
    plan.take(_SPUR[-1], 13.0)


def _furnish_roads(builder: WorldBuilder, network: RoadNetwork, plan: GroundPlan) -> None:
    random = builder.random
    for order, road in enumerate(network.roads):
        others = RoadNetwork([r for r in network.roads if r is not road])
        is_paved = road.material == m.LANE
        for side in (-1, 1):
            for at in frames_along(road.points, 34.0, side * (_HALF_WIDTH + 1.15), 12.0 + 8 * side):
                if others.clearance((at.north, at.east)) < 4.0:
                    continue
                if is_paved:
                    add_arm_lamp(builder, at.at(0, 0, np.pi), "Prop_StreetLight", _STEEL, tall=5.2)
                else:
                    add_bollard_light(builder, at, "Prop_PathLight")
            for at in frames_along(road.points, 57.0, side * (_HALF_WIDTH + 1.2), 30.0 + 5 * order):
                if others.clearance((at.north, at.east)) > 5.0:
                    face = ("limit", "warning")[random.integers(2)]
                    kind = "Prop_Sign_Speed" if face == "limit" else "Prop_Sign_Caution"
                    add_sign(builder, at.at(0, 0, -np.pi / 2), kind, face)
            for at in frames_along(road.points, 9.0, side * (_HALF_WIDTH + 0.35), 14.0):
                if random.random() < 0.16 and others.clearance((at.north, at.east)) > 9.0:
                    turn = 0.0 if side > 0 else np.pi
                    _park(builder, at.at(0, 0, -side * np.pi / 2 + turn))
        if order in (2, 4):
            line = list(frames_along(road.points, 32.0, 8.6, 20.0))
            kept = [p for p in line if others.clearance((p.north, p.east)) > 3.0]
            add_pole_line(builder, kept, ("Prop_UtilityPole", "Prop_UtilityCable"), _WOOD)
            for at in kept:
                plan.take((at.north, at.east), 1.0)
    stop = next(frames_along(network.roads[3].points, 500.0, _HALF_WIDTH + 0.9, 66.0))
    add_bus(builder, stop.at(0, 0, -np.pi / 2), "Veh_SchoolBus", (0.78, 0.58, 0.16))
    add_sign(builder, stop.at(1.6, 6.0, np.pi / 2), "Prop_Sign_BusStop", "parking")


def _park(builder: WorldBuilder, at: Frame) -> None:
    choice = builder.random.random()
    if choice < 0.45:
        add_pickup(builder, at, "Veh_Pickup")
    elif choice < 0.88:
        add_hatchback(builder, at, "Veh_Wagon")
    else:
        add_van(builder, at, "Veh_Camper")


def _add_lots(builder: WorldBuilder, network: RoadNetwork, plan: GroundPlan) -> None:
    """Line the roads with lots where there is room."""
    count = 0
    offset = _HALF_WIDTH + 3.2
    for road in network.roads:
        for side in (-1, 1):
            for plot in frames_along(road.points, 5.0, side * offset, 8.0):
                if not _has_room(network, plan, plot):
                    continue
                for u in (5.0, 13.0, 21.0, 28.0):
                    for v in (-7.5, 0.0, 7.5):
                        plan.take(plot.point(u, v), 4.0)
                places.add_lot(builder, plot, count)
                count += 1


def _has_room(network: RoadNetwork, plan: GroundPlan, plot: Frame) -> bool:
    inside = [(u, v) for u in (5.0, 13.0, 21.0, 28.0) for v in (-9.0, 0.0, 9.0)]
    for u, v in inside:
        place = plot.point(u, v)
        if not plan.is_free(place, 2.6) or network.clearance(place) < 2.2:
            return False
    edge = [(2.0, -11.0), (2.0, 11.0), (14.0, -11.5), (14.0, 11.5), (31.0, -10.0), (31.0, 10.0)]
    return all(network.clearance(plot.point(u, v)) > 2.2 for u, v in edge)


def _plant_wood(builder: WorldBuilder, network: RoadNetwork, plan: GroundPlan) -> None:
    """Fill what is left with trees, undergrowth, deadwood and boulders; leave a few glades."""
    random = builder.random
    glades = random.uniform((-220, -230), (290, 260), (9, 2))
    for north in np.arange(-225.0, 300.0, 7.5):
        for east in np.arange(-245.0, 265.0, 7.5):
            here = (north + random.uniform(-3.2, 3.2), east + random.uniform(-3.2, 3.2))
            room = network.clearance(here)
            if room < 3.4:
                continue
            at = Frame(*here, random.uniform(0, 6.28))
            is_glade = bool((np.linalg.norm(glades - np.array(here), axis=1) < 15.0).any())
            choice = random.random()
            if choice < 0.74 and room > 4.6 and not is_glade and plan.is_free(here, 1.9):
                add_forest_tree(builder, at, random.uniform(8.0, 17.0))
            elif choice > 0.93 and plan.is_free(here, 1.4):
                if random.random() < 0.5:
                    add_rocks(builder, at, "Env_Boulder", 2, (0.46, 0.45, 0.42), 1.0)
                else:
                    add_deadwood(builder, at)
            elif plan.is_free(here, 0.9) and random.random() < 0.6:
                add_undergrowth(builder, at, random.uniform(0.8, 1.8))
    _fence_roads(builder, network, plan)


def _fence_roads(builder: WorldBuilder, network: RoadNetwork, plan: GroundPlan) -> None:
    """Fence stretches of road where the wood comes close."""
    random = builder.random
    for road in network.roads:
        others = RoadNetwork([r for r in network.roads if r is not road])
        for side in (-1, 1):
            for at in frames_along(road.points, 12.0, side * (_HALF_WIDTH + 3.6), 6.0):
                run = at.at(0.0, 4.5 * side, -np.pi / 2 * side)
                ends = [run.point(u, 0.0) for u in (0.0, 4.5, 9.0)]
                is_clear = all(others.clearance(p) > 3.0 and plan.is_free(p, 0.4) for p in ends)
                if is_clear and random.random() < 0.5:
                    color = varied(random, (0.46, 0.4, 0.33))
                    add_rail_fence(builder, run, 9.0, color, "Fence_SplitRail", rails=3)
