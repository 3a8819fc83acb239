"""Read missions that QGroundControl wrote.

The `.plan` file is JSON; its items are MAVLink mission commands with seven parameters, the last
three of which are latitude, longitude and height
(https://docs.qgroundcontrol.com/master/en/qgc-dev-guide/file_formats/plan.html,
https://mavlink.io/en/messages/common.html#mav_commands). An item is flown as it means, or told by
its number as left out; what would fly elsewhere than the vehicle did is refused.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from airseg import yaml_schema
from airseg.documents import first_complaint
from airseg.errors import PlanError
from airseg.flight.plan import FlightPlan
from airseg.text_files import read_text

_WAYPOINT, _SPLINE, _SPEED, _SET_HOME, _TRANSITION = 16, 82, 178, 179, 3000
_TAKEOFF, _VTOL_TAKEOFF = 22, 84
_LOITER_FOREVER, _LOITER_TURNS, _LOITER_TIME, _LOITER_TO_HEIGHT = 17, 18, 19, 31
_LOITERS = (_LOITER_FOREVER, _LOITER_TURNS, _LOITER_TIME, _LOITER_TO_HEIGHT)
_RETURN, _LANDINGS_THERE = 20, (21, 85, 94)
_PLACES = (_WAYPOINT, _SPLINE, _TAKEOFF, _VTOL_TAKEOFF, *_LOITERS)
_NAMES = {
    20: "return to launch", 21: "land", 85: "VTOL land", 93: "delay", 94: "place a payload",
    112: "delay", 115: "turn to a heading", 177: "jump", 189: "start of landing",
    195: "look at a place", 197: "look ahead again", 201: "look at a place",
    203: "take a picture", 205: "turn the camera",
    206: "take pictures by distance", 530: "camera mode", 1000: "turn the camera",
    2000: "take pictures", 2001: "end of pictures", 2500: "film", 2501: "end of film",
    3000: "VTOL transition",
}  # fmt: skip
_ABOVE_HOME, _ABOVE_SEA, _ABOVE_TERRAIN = (3, 6), (0, 5), (10, 11)
# QGroundControl's own word for the frame (AltMode of its QGroundControlQmlGlobal.h); before files
# had a globalPlanAltitudeMode, 1 meant above the sea, too.
_FRAMES_OF_MODES = {1: _ABOVE_HOME, 2: _ABOVE_SEA, 3: _ABOVE_SEA, 4: _ABOVE_TERRAIN}
_COMPUTED = 3  # from the terrain: what is shown is the height above that
_SAYS_MODES = "globalPlanAltitudeMode"
_ALONG, _UP_AND_DOWN = (0, 1), (2, 3)  # kinds of speed: in air, over ground; climb, descent
_FORWARD_FLIGHT = 4
_PLANE, _VTOLS, _ARDUPILOT = 1, range(19, 26), 3
# What hovers flies at the mission's hover speed, everything else at its cruise speed.
_HOVERS = {None, 0, 2, 3, 4, 13, 14, 15, 29, 35, 43}
_LANDINGS = ("fwLandingPattern", "vtolLandingPattern")
_FARTHEST_DEGREES = 1.0  # a plan's world ends at 10 km
_METRES_A_DEGREE = 111_319.49  # of latitude, on the sphere of WGS 84's equatorial radius


@dataclass(frozen=True)
class ImportedMission:
    """A mission as it can be flown.

    Attributes:
        plan: the flight.
        left_out: what of the mission is not in it, by the numbers of its items.
    """

    plan: FlightPlan
    left_out: tuple[str, ...]


def import_mission(path: Path) -> ImportedMission:
    """Return the plan of a QGroundControl mission.

    Home, the planned one, becomes the start of the world. Landing and returning are left out: a
    recording ends at the last waypoint.

    Raises:
        PlanError: it is no mission, has fewer than two places, or one that cannot be known.
    """
    flight = _Flight(path, _read(path))
    for item in flight.items():
        flight.fly(item)
    if len(flight.places) < 2:
        raise PlanError(f"{path}: the mission has {len(flight.places)} places; a flight needs two.")
    first, *others = flight.places
    text = {
        "description": f"Imported from the QGroundControl mission {path.name}.",
        "start": {key: first[key] for key in ("position", "yaw_deg") if key in first},
        "waypoints": others,
        "limits": {"speed_mps": max(15.0, *(p["speed_mps"] for p in flight.places))},
    }
    try:
        return ImportedMission(FlightPlan.model_validate(text), flight.left_out())
    except ValidationError as cause:
        raise PlanError(f"{path}: {first_complaint(cause, 'the plan')}.") from None


def plan_text(plan: FlightPlan) -> str:
    """Return a plan as YAML, without what it leaves at its default."""
    return yaml_schema.dump(plan.model_dump(mode="json", exclude_defaults=True), width=100)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(read_text(path, PlanError), object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as cause:
        raise PlanError(f"{path}: not a QGroundControl plan ({cause}).") from None
    mission = data.get("mission") if isinstance(data, dict) else None
    if not isinstance(mission, dict) or data.get("fileType") != "Plan":
        raise PlanError(f"{path}: not a QGroundControl plan: fileType is not Plan, or no mission.")
    return mission


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON, whose readers keep the last of two same keys and say nothing."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twin = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{json.dumps(twin)[:60]} stands twice in one object")
    return found


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and -1e15 < value < 1e15


@dataclass(frozen=True)
class _Item:
    """One command: its number in the mission, and what it says.

    Attributes:
        mode, shown_height: what QGroundControl shows of its height beside frame and parameters.
    """

    number: str
    command: int
    frame: Any
    params: list[Any]
    mode: Any = None
    shown_height: Any = None


@dataclass
class _Flight:
    """A mission on its way to a plan: where it is, how fast it flies, and what it leaves out."""

    path: Path
    mission: dict[str, Any]
    places: list[dict[str, Any]] = field(default_factory=list)
    _left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        home = self.mission.get("plannedHomePosition")
        if not isinstance(home, list) or len(home) < 2 or not all(map(_is_number, home[:2])):
            self._refuse("plannedHomePosition", "expected latitude and longitude", home)
        if abs(home[0]) >= 90 or abs(home[1]) > 180:
            self._refuse("plannedHomePosition", "expected degrees of latitude and longitude", home)
        height = home[2] if len(home) > 2 else None
        if height is not None and not _is_number(height):
            self._refuse("plannedHomePosition", "expected metres above the sea", height)
        self._home = (float(home[0]), float(home[1]))
        self._home_height = height
        self._here = self._home
        kind = self.mission.get("vehicleType")
        if kind is not None and not _is_number(kind):
            self._refuse("vehicleType", "expected a number", kind)
        self._default_speed = self._speed("hoverSpeed", 5.0)
        if kind not in _HOVERS and kind not in _VTOLS:
            self._default_speed = self._speed("cruiseSpeed", 15.0)
        self._speed_mps = self._default_speed
        self._is_ardupilot = self.mission.get("firmwareType") == _ARDUPILOT
        self._is_copter = self._is_ardupilot and kind in _HOVERS - {None, 0}

    def items(self) -> Iterator[_Item]:
        """Yield the commands in order, those of surveys and the like among them."""
        listed = self.mission.get("items")
        if not isinstance(listed, list):
            self._refuse("items", "expected a list", listed)
        for number, item in enumerate(listed, 1):
            if not isinstance(item, dict):
                self._refuse(f"item {number}", "expected an object", item)
            if item.get("type", "SimpleItem") == "SimpleItem":
                yield self._simple(str(number), item)
            elif item.get("complexItemType") in _LANDINGS:
                self._leave_out("landing", str(number))
            else:
                yield from self._generated(number, item)

    def _generated(self, number: int, item: dict[str, Any]) -> Iterator[_Item]:
        """Yield the commands that QGroundControl made of a survey or a corridor."""
        style = item.get("TransectStyleComplexItem")
        inner = style.get("Items") if isinstance(style, dict) else None
        kind = str(item.get("complexItemType"))[:40]
        if not isinstance(inner, list) or not inner:
            raise PlanError(
                f"{self.path}: mission item {number} ({kind}): has no generated waypoints, so "
                "nobody knows what it flies. Open and save the mission in today's QGroundControl, "
                "or replace the item by waypoints."
            )
        for part, one in enumerate(inner, 1):
            if not isinstance(one, dict):
                self._refuse(f"item {number}.{part}", "expected an object", one)
            yield self._simple(f"{number}.{part}", one)

    def _simple(self, number: str, item: dict[str, Any]) -> _Item:
        command, params = item.get("command"), item.get("params")
        if type(command) is not int:
            self._refuse(f"item {number}", "expected the number of a command", command)
        if params is None:  # as QGroundControl wrote it before 2017
            params = [item.get(f"param{n}") for n in range(1, 5)]
            place = item.get("coordinate")
            params += place if isinstance(place, list) else []
        if not isinstance(params, list):
            self._refuse(f"item {number}: params", "expected a list of numbers", params)
        for place, value in enumerate(params, 1):
            if value is not None and not _is_number(value):
                self._refuse(f"item {number}: param {place}", "expected a number or null", value)
        shown = item.get("AltitudeMode"), item.get("Altitude")
        return _Item(number, command, item.get("frame"), [*params], *shown)

    def fly(self, item: _Item) -> None:
        """Take one command into the flight, or note that it is left out."""
        if item.command in (_VTOL_TAKEOFF, _TRANSITION):
            self._change_wings(item)
        if item.command == _SET_HOME:
            raise PlanError(
                f"{self.path}: mission item {item.number}: sets home anew (command {_SET_HOME}), "
                "which the heights behind it count from. Take it out, and plan from one home."
            )
        if item.command in _PLACES:
            self._add_place(item)
        elif item.command == _SPEED:
            self._change_speed(item)
        elif item.command != _TRANSITION:
            name = _NAMES.get(item.command)
            what = f"{name} (command {item.command})" if name else f"command {item.command}"
            self._leave_out(what, item.number)
            self._go_down(item)

    def left_out(self) -> tuple[str, ...]:
        """Return what is not flown, each thing once with the numbers of its items."""
        told = []
        for what, numbers in self._left_out.items():
            shown = ", ".join(numbers[:8]) + (", ..." if len(numbers) > 8 else "")
            told.append(f"item{'s' if len(numbers) > 1 else ''} {shown}: {what} is left out")
        return tuple(told)

    def _add_place(self, item: _Item) -> None:
        place: dict[str, Any] = {
            "position": self._position(item),
            "speed_mps": self._speed_mps,
        }
        wait, yaw = (item.params[0] or 0), item.params[3]
        if item.command == _SPLINE:
            self._leave_out("the curve of a spline (its place is flown)", item.number)
        elif item.command in _LOITERS:
            self._leave_out("the circling of a loiter (its place is flown)", item.number)
        elif item.command == _WAYPOINT and wait > 0:
            self._leave_out("the wait at a waypoint (its place is flown)", item.number)
        # ArduPilot's vehicles do not look at the heading of a waypoint.
        if item.command == _WAYPOINT and yaw is not None and not self._is_ardupilot:
            place["yaw_deg"] = math.remainder(yaw, 360)
        self.places.append(place)

    def _go_down(self, item: _Item) -> None:
        """Remember where the vehicle comes down: a take-off behind it may start there."""
        latitude, longitude = [*item.params, *[None] * 6][4:6]
        if item.command == _RETURN:
            self._here = self._home
        elif item.command in _LANDINGS_THERE and (latitude or longitude):
            self._here = (latitude or 0.0, longitude or 0.0)

    def _position(self, item: _Item) -> list[float]:
        """Return metres North, East, Down from home."""
        if len(item.params) < 7 or item.params[6] is None:
            self._no_place(item)
        latitude, longitude, height = item.params[4:7]
        is_here = (latitude is None and longitude is None) or latitude == 0 == longitude
        stays = item.command in (_TAKEOFF, _VTOL_TAKEOFF, *_LOITERS)
        if is_here and (stays or (self._is_ardupilot and latitude == 0)):
            latitude, longitude = self._here
        if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
            self._no_place(item)
        self._here = (latitude, longitude)
        self._check_distance(item)
        if height == 0 and self._is_copter and item.command not in (_TAKEOFF, _VTOL_TAKEOFF):
            # ArduCopter's word for the height it has (mode_auto.cpp, loc_from_cmd).
            down = self.places[-1]["position"][2] if self.places else self._no_height(item)
        else:
            down = round(-self._above_home(item, height), 2)
        north = (latitude - self._home[0]) * _METRES_A_DEGREE
        around = math.remainder(longitude - self._home[1], 360)
        east = around * _METRES_A_DEGREE * math.cos(math.radians(self._home[0]))
        return [round(north, 2), round(east, 2), down]

    def _check_distance(self, item: _Item) -> None:
        """Refuse what lies beyond every world; most often home was never set, or is swapped."""
        around = math.remainder(self._here[1] - self._home[1], 360)
        degrees = max(abs(self._here[0] - self._home[0]), abs(around))
        if degrees > _FARTHEST_DEGREES:
            raise PlanError(
                f"{self.path}: mission item {item.number}: lies at {self._here[0]:g}, "
                f"{self._here[1]:g}, {degrees:g} degrees from home at {self._home[0]:g}, "
                f"{self._home[1]:g}. Plan home (plannedHomePosition) where the flight is."
            )

    def _refuse_contradiction(self, item: _Item, height: float) -> None:
        """Refuse a height that vehicles fly otherwise than QGroundControl shows it."""
        mode, is_new = item.mode, _SAYS_MODES in self.mission
        if type(mode) is not int or mode not in _FRAMES_OF_MODES or (mode == 1 and not is_new):
            return
        told = ""
        if item.frame not in _FRAMES_OF_MODES[mode]:
            told = f"AltitudeMode {mode} contradicts its frame {_shown(item.frame)}"
        elif is_new and mode != _COMPUTED and _is_number(item.shown_height):
            is_other = abs(item.shown_height - height) > 0.01
            told = f"Altitude {item.shown_height:g} contradicts its param 7, {height:g}"
            told = told if is_other else ""
        if told:
            raise PlanError(
                f"{self.path}: mission item {item.number}: {told}, and nobody knows which is "
                "meant. Set its height in QGroundControl, and save the mission."
            )

    def _above_home(self, item: _Item, height: float) -> float:
        self._refuse_contradiction(item, height)
        if item.frame in _ABOVE_HOME and type(item.frame) is int:
            return float(height)
        if item.frame in _ABOVE_SEA and type(item.frame) is int:
            if self._home_height is None:
                raise PlanError(
                    f"{self.path}: mission item {item.number}: its height is above the sea, and "
                    "plannedHomePosition does not say how high home is. Add home's altitude, or "
                    "set heights relative to home."
                )
            return float(height - self._home_height)
        what = "above the terrain" if item.frame in _ABOVE_TERRAIN else "of an unknown kind"
        raise PlanError(
            f"{self.path}: mission item {item.number}: its height is {what} (frame "
            f"{_shown(item.frame)}), which no flight plan can say. Set heights relative to home."
        )

    def _change_speed(self, item: _Item) -> None:
        kind, speed, _, is_relative = [*item.params, None, None, None, None][:4]
        if is_relative:  # older versions of MAVLink let it mean a change by so much
            self._refuse(f"item {item.number}: param 4", "expected an absolute speed", is_relative)
        if kind in _UP_AND_DOWN:
            self._leave_out("a change of climb or descent speed", item.number)
        elif kind not in _ALONG:
            self._refuse(f"item {item.number}: param 1", "expected a kind of speed, 0 to 3", kind)
        elif speed == -2:
            self._speed_mps = self._default_speed
        elif speed is not None and speed > 0:
            self._speed_mps = float(speed)
        elif speed != -1:  # which changes the throttle alone
            self._refuse(f"item {item.number}: param 2", "expected a speed in m/s", speed)

    def _change_wings(self, item: _Item) -> None:
        """Let a VTOL fly at its cruise speed on its wings, at its hover speed on its rotors."""
        on_wings = item.command == _VTOL_TAKEOFF or item.params[:1] == [_FORWARD_FLIGHT]
        name, usual = ("cruiseSpeed", 15.0) if on_wings else ("hoverSpeed", 5.0)
        self._default_speed = self._speed_mps = self._speed(name, usual)

    def _speed(self, name: str, usual: float) -> float:
        speed = self.mission.get(name, usual)
        if not _is_number(speed) or speed <= 0:
            self._refuse(name, "expected a speed in m/s", speed)
        return float(speed)

    def _leave_out(self, what: str, number: str) -> None:
        self._left_out[what].append(number)

    def _no_place(self, item: _Item) -> NoReturn:
        raise PlanError(f"{self.path}: mission item {item.number}: params 5 to 7 are no place.")

    def _no_height(self, item: _Item) -> NoReturn:
        raise PlanError(
            f"{self.path}: mission item {item.number}: height 0 is the height ArduCopter has, and "
            "nothing says which. Begin with a take-off."
        )

    def _refuse(self, where: str, expected: str, found: Any) -> NoReturn:
        raise PlanError(f"{self.path}: mission {where}: {expected}, found {_shown(found)}.")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:60] + "..."
