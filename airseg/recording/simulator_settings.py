"""The settings.json that a simulator needs so that plans can be recorded from it."""

from __future__ import annotations

import json
from typing import Any

from airseg.errors import PlanError
from airseg.flight.plan import FlightPlan, PlanCamera
from airseg.path_names import names_of_one_file
from airseg.recording.flying.stepping import CAR_CLOCK_SPEED
from airseg.recording.flying.views import FIRST_CAMERA
from airseg.recording.further_settings import FurtherSettings
from airseg.simulators.protocol import ImageType

_MODES = {"multirotor": "Multirotor", "car": "Car", "camera": "ComputerVision"}
_VEHICLE_TYPES = {
    "Multirotor": "SimpleFlight",
    "Car": "PhysXCar",
    "ComputerVision": "ComputerVision",
}
_APART_M = 6.0
_FIRST_VEHICLE = {"Multirotor": "SimpleFlight", "Car": "PhysXCar", "ComputerVision": "CV"}


def simulator_settings(
    named: list[tuple[str, FlightPlan]], *, clock_is_exact: bool = False
) -> dict[str, Any]:
    """Return settings with which one start of a simulator serves all of some plans.

    Args:
        named: names and plans.
        clock_is_exact: whether steps are as long as they are told to be, at any ClockSpeed.

    Raises:
        PlanError: two plans need different settings; the message names both and the difference.
    """
    if not named:
        raise PlanError("no plans are given; name at least one.")
    needs = [(name, _needs(plan)) for name, plan in named]
    first_name, first = needs[0]
    for name, need in needs[1:]:
        for what, value in need.items():
            if value != first[what]:
                raise PlanError(
                    f"plans {first_name} and {name} need different settings: {what} is "
                    f"{first[what]} and {value}. Write a file for each, and restart the simulator "
                    "in between."
                )
    plan = named[0][1]
    mode = first["SimMode"]
    settings: dict[str, Any] = {
        "SettingsVersion": 1.2,
        "SimMode": mode,
        "ViewMode": "NoDisplay",
        "CameraDefaults": {"CaptureSettings": _captures(plan.camera, plan)},
    }
    if mode != "ComputerVision":  # there, a clock that is stepped never moves
        settings["ClockType"] = "SteppableClock"
    if not clock_is_exact and first["ClockSpeed"] != 1:
        settings["ClockSpeed"] = first["ClockSpeed"]
    cameras = {key: _camera(camera, plan) for key, camera in plan.cameras.items()}
    if cameras or plan.companions:
        # AirSim keeps vehicles by name; without a mark, the first in the alphabet is its default.
        first = {**_vehicle(mode, cameras), "IsFpvVehicle": True}
        name = _FIRST_VEHICLE[mode]
        while names_of_one_file([name, *plan.companions]):
            name += "1"
        settings["Vehicles"] = {name: first}
        for number, (key, other) in enumerate(plan.companions.items(), 1):
            own = {FIRST_CAMERA: _camera(other.camera, plan)} if other.camera else {}
            apart = {"Y": _APART_M * number}  # bodies that start in one place push each other away
            settings["Vehicles"][key] = {**_vehicle(mode, own), **apart}
    return settings


def settings_text(
    named: list[tuple[str, FlightPlan]],
    *,
    clock_is_exact: bool = False,
    further: FurtherSettings | None = None,
) -> str:
    """Return the file's text with what a user adds to it; see `simulator_settings`.

    Raises:
        PlanError: two plans need different settings.
        SettingsError: what is added is another than a plan needs.
    """
    settings = simulator_settings(named, clock_is_exact=clock_is_exact)
    return json.dumps(further.added_to(settings) if further else settings, indent=2) + "\n"


def _needs(plan: FlightPlan) -> dict[str, Any]:
    return {
        "SimMode": _MODES[plan.vehicle],
        "ClockSpeed": _clock_speed(plan),
        "the image size": f"{plan.camera.width}x{plan.camera.height}",
        "optical flow": plan.flow,
        "cameras": {k: f"{c.width}x{c.height}" for k, c in plan.cameras.items()},
        "companions": {
            k: f"{c.camera.width}x{c.camera.height}" if c.camera else ""
            for k, c in plan.companions.items()
        },
    }


def _clock_speed(plan: FlightPlan) -> float:
    """Return the speed at which each step can be near its place; in real time, life's own."""
    return CAR_CLOCK_SPEED if plan.vehicle == "car" and plan.mode != "realtime" else 1


def _captures(camera: PlanCamera, plan: FlightPlan) -> list[dict[str, Any]]:
    """Return one entry for each image type; a type without one stays 256x144 in AirSim."""
    kinds = [ImageType.Scene, ImageType.DepthPlanar, ImageType.Segmentation]
    if plan.flow:
        kinds.append(ImageType.OpticalFlow)
    return [
        {
            "ImageType": int(kind),
            "Width": camera.width,
            "Height": camera.height,
            "FOV_Degrees": camera.fov_deg,
        }
        for kind in kinds
    ]


def _camera(camera: PlanCamera, plan: FlightPlan) -> dict[str, Any]:
    x, y, z = camera.position_m
    place = {"X": x, "Y": y, "Z": z, "Pitch": camera.pitch_deg, "Roll": 0.0, "Yaw": 0.0}
    return {"CaptureSettings": _captures(camera, plan), **place}


def _vehicle(mode: str, cameras: dict[str, Any]) -> dict[str, Any]:
    vehicle: dict[str, Any] = {"VehicleType": _VEHICLE_TYPES[mode], "X": 0.0, "Y": 0.0, "Z": 0.0}
    if cameras:
        vehicle["Cameras"] = cameras
    return vehicle
