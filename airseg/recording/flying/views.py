"""What one flight records: a view for each camera and each vehicle, all of the same instants."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from airseg.errors import RpcError, SimulatorError
from airseg.flight import Trajectory
from airseg.flight.plan import FlightPlan, PlanCamera
from airseg.geometry import euler_from_quaternion

FIRST_CAMERA = "0"


@dataclass(frozen=True)
class View:
    """One camera of one vehicle, recorded into a folder of its own.

    Attributes:
        sequence: name of the folder.
        vehicle: the simulator's name; empty where there is but one vehicle.
        camera_name: the simulator's name; camera: size, angle and mount.
    """

    sequence: str
    vehicle: str
    camera_name: str
    camera: PlanCamera


@dataclass(frozen=True)
class Views:
    """What is recorded, by the simulator's own names.

    Attributes:
        first: name of the plan's own vehicle; empty where the simulator has no other.
        all: the views; the first is the plan's own camera.
        starts: (3,) where each vehicle's own frame begins, from the first one's, metres NED.
    """

    first: str
    all: list[View]
    starts: dict[str, np.ndarray]


def views_of(plan: FlightPlan, name: str, first: str = "") -> list[View]:
    """Return a plan's views; the first is the plan's own camera.

    Args:
        plan: whose cameras and companions there are.
        name: of the sequence.
        first: the simulator's name of the plan's own vehicle.
    """
    views = [View(name, first, FIRST_CAMERA, plan.camera)]
    views += [View(f"{name}-{key}", first, key, camera) for key, camera in plan.cameras.items()]
    views += [
        View(f"{name}-{key}", key, FIRST_CAMERA, other.camera or plan.camera)
        for key, other in plan.companions.items()
    ]
    return views


def find_views(client: Any, plan: FlightPlan) -> Views:
    """Find a plan's vehicles in the simulator, whose default is the first by name, not the plan's.

    Raises:
        SimulatorError: a companion is not there, no vehicle is left for the plan itself, or nobody
            knows where one of several starts.
    """
    names = list(client.listVehicles())
    missing = [name for name in plan.companions if name not in names]
    own = [name for name in names if name not in plan.companions]
    if missing or not own:
        lacking = f"companion {missing[0]}" if missing else "vehicle of the plan's own"
        raise SimulatorError(
            f"the simulator has no {lacking}; its vehicles are {', '.join(names) or 'none'}. Write "
            "its settings.json with `airseg settings PLAN`, and restart it."
        )
    settings = _vehicle_settings(client)
    if plan.companions and (later := next((n for n in names if n not in settings), None)):
        raise SimulatorError(
            f"vehicle {later} stands in no settings.json, so that nobody knows where its frame "
            "begins, and where that of the others does from there. Write the file with `airseg "
            "settings PLAN` instead of adding vehicles by simAddVehicle, and restart the simulator."
        )
    # AirSim's default vehicle: the last of those, else the first by name.
    default = [*own[:1], *(n for n in own if settings.get(n, {}).get("IsFpvVehicle"))][-1]
    first = default if len(names) > 1 else ""
    origin = _start(settings, default)
    starts = {first: np.zeros(3)}
    starts |= {name: _start(settings, name) - origin for name in plan.companions}
    return Views(first, views_of(plan, "", first), starts)


def told_settings(client: Any) -> dict[str, Any]:
    """Return what a simulator says its settings.json holds; nothing where it tells no such text."""
    try:
        told = json.loads(client.getSettingsString())
    except (ValueError, TypeError, AttributeError, RecursionError, RpcError):
        return {}
    return told if isinstance(told, dict) else {}


def sim_mode(client: Any) -> str:
    """Return the simulator's SimMode, or an empty string where its settings do not say."""
    return str(told_settings(client).get("SimMode", ""))


def moves_do_nothing(client: Any) -> bool:
    """Tell whether a simulator's multirotors keep the pose they are given, whatever they are told.

    AirSim: `AirLib/physics/ExternalPhysicsEngine.hpp`.
    """
    settings = told_settings(client)
    return (
        settings.get("SimMode") == "Multirotor"
        and settings.get("PhysicsEngineName") == "ExternalPhysicsEngine"
    )


def _vehicle_settings(client: Any) -> dict[str, Any]:
    vehicles = told_settings(client).get("Vehicles")
    if not isinstance(vehicles, dict):
        return {}
    return {k: v for k, v in vehicles.items() if isinstance(v, dict)}


def _start(settings: dict[str, Any], name: str) -> np.ndarray:
    """Return where a vehicle starts; AirSim ignores places that are not given as a whole."""
    place = [settings.get(name, {}).get(axis) for axis in ("X", "Y", "Z")]
    is_given = all(type(value) in (int, float) for value in place)
    return np.array(place, float) if is_given else np.zeros(3)


def intrinsics(camera: PlanCamera) -> dict[str, float]:
    """Return size, angles, and the pinhole's focal lengths and centre in pixels."""
    focal = camera.width / 2 / np.tan(np.radians(camera.fov_deg) / 2)
    return {
        "width": camera.width,
        "height": camera.height,
        "fov_deg": camera.fov_deg,
        "pitch_deg": camera.pitch_deg,
        "fx": focal,
        "fy": focal,
        "cx": camera.width / 2,
        "cy": camera.height / 2,
    }


def companion_paths(plan: FlightPlan, path: Trajectory) -> dict[str, Trajectory]:
    """Return the trajectory of each companion: the first vehicle's, later and beside it."""
    paths = {}
    frames = np.arange(len(path))
    for name, other in plan.companions.items():
        then = np.maximum(frames - round(other.behind_s * plan.rate_hz), 0)
        headings = np.array([euler_from_quaternion(q)[2] for q in path.orientation[then]])
        forward, right, down = other.offset_m
        c, s = np.cos(headings), np.sin(headings)
        aside = np.stack(
            [c * forward - s * right, s * forward + c * right, np.full(len(frames), down)], axis=1
        )
        position = path.position[then] + aside
        step_s = plan.step_ns / 1e9
        velocity = (
            np.gradient(position, step_s, axis=0) if len(frames) > 1 else np.zeros_like(position)
        )
        paths[name] = replace(
            path, position=position, velocity=velocity, orientation=path.orientation[then]
        )
    return paths
