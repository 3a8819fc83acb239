"""Read missions that QGroundControl wrote.

The `.plan` file is JSON; its mission items are MAVLink commands: 16 is a waypoint, 22 a take-off,
178 a change of speed. Places are degrees of latitude and longitude and metres above home
(https://docs.qgroundcontrol.com/master/en/qgc-dev-guide/file_formats/plan.html).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from airseg.errors import PlanError
from airseg.flight.plan import FlightPlan

_WAYPOINT, _TAKEOFF, _SPEED = 16, 22, 178
_PLACES = (_WAYPOINT, _TAKEOFF)
_METRES_A_DEGREE = 111_319.49  # of latitude, on the sphere of WGS 84's equatorial radius


def import_mission(path: Path) -> FlightPlan:
    """Return the plan of a QGroundControl mission.

    Home, the planned one, becomes the start of the world. The mission's commands for landing and
    returning are left out: a recording ends at the last waypoint.

    Raises:
        PlanError: it is no mission, or has fewer than two places.
    """
    mission = _read(path)
    home = mission.get("plannedHomePosition")
    if not isinstance(home, list) or len(home) < 2:
        raise PlanError(f"{path}: mission.plannedHomePosition: expected latitude and longitude.")
    speed = float(mission.get("hoverSpeed") or 5.0)
    places: list[dict[str, Any]] = []
    for number, item in enumerate(_items(mission)):
        params = item.get("params") or []
        if item.get("command") == _SPEED and len(params) > 1 and params[1] and params[1] > 0:
            speed = float(params[1])
        if item.get("command") in _PLACES:
            position = _position(path, number, params, home, item)
            places.append({"position": position, "speed_mps": speed})
    if len(places) < 2:
        raise PlanError(f"{path}: the mission has {len(places)} places; a flight needs two.")
    text = {
        "description": f"Imported from the QGroundControl mission {path.name}.",
        "start": {"position": places[0]["position"]},
        "waypoints": places[1:],
        "limits": {"speed_mps": max(15.0, *(p["speed_mps"] for p in places))},
    }
    try:
        return FlightPlan.model_validate(text)
    except ValidationError as cause:
        first = cause.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the plan"
        raise PlanError(f"{path}: {field}: {first['msg']}.") from None


def plan_text(plan: FlightPlan) -> str:
    """Return a plan as YAML, without what it leaves at its default."""
    data = plan.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlanError(f"{path}: there is no such file.") from None
    except (OSError, ValueError) as cause:
        raise PlanError(f"{path}: not a QGroundControl plan ({cause}).") from None
    mission = data.get("mission") if isinstance(data, dict) else None
    if not isinstance(mission, dict) or data.get("fileType") != "Plan":
        raise PlanError(f"{path}: not a QGroundControl plan: fileType is not Plan, or no mission.")
    return mission


def _items(mission: dict[str, Any]) -> list[dict[str, Any]]:
    """Return simple mission items, those of surveys and the like among them."""
    found: list[dict[str, Any]] = []
    for item in mission.get("items") or []:
        survey = item.get("TransectStyleComplexItem") or {}
        found += survey.get("Items") or [item]
    return found


def _position(
    path: Path, number: int, params: list[Any], home: list[float], item: dict[str, Any]
) -> list[float]:
    """Return metres North, East, Down from home."""
    if len(params) < 7 or any(not isinstance(v, int | float) for v in params[4:7]):
        raise PlanError(f"{path}: mission item {number + 1}: params 5 to 7 are no place.")
    latitude, longitude, altitude = (float(v) for v in params[4:7])
    if item.get("command") == _TAKEOFF and latitude == 0 and longitude == 0:
        latitude, longitude = float(home[0]), float(home[1])  # a take-off where it stands
    if item.get("frame") == 0 and len(home) > 2:
        altitude -= float(home[2])  # above the sea
    north = (latitude - home[0]) * _METRES_A_DEGREE
    east = (longitude - home[1]) * _METRES_A_DEGREE * math.cos(math.radians(home[0]))
    return [round(north, 2), round(east, 2), round(-altitude, 2)]
