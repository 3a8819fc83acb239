"""What a settings.json asks for and the embedded simulator does not have: told, and left out.

A file written for Unreal, or for Cosys-AirSim, should start here too. So what is unknown does not
stop the start; one line says what was left out, and what is there in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LARGEST_SIDE = 4096
KNOWN_SENSORS = range(1, 9)
"""Sensor types of AirSim, and echo (7) and GPU lidar (8) of Cosys-AirSim."""

VEHICLE_TYPES = {
    "Multirotor": ("simpleflight", "px4multirotor", "arducopter", "arducoptersolo"),
    "Car": ("physxcar", "ardurover", "cphusky", "pioneer"),
    "ComputerVision": ("computervision",),
}
"""What each SimMode creates, in lower case; the last two cars are Cosys-AirSim's."""


def leave_out(data: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return a settings file without what is not there, and a line for each thing left out.

    Args:
        data: the file as JSON; it is not changed. What has a wrong type is left for others to
            refuse.
    """
    told: list[str] = []
    data = dict(data)
    if data.get("SimMode") == "SkidVehicle":
        told.append("SimMode SkidVehicle is Cosys-AirSim's; its vehicles drive as cars, mode Car")
        data["SimMode"] = "Car"
    mode = data.get("SimMode") or "Multirotor"
    if isinstance(data.get("Vehicles"), dict):
        data["Vehicles"] = dict(_vehicles(data["Vehicles"], mode, told))
    if "CameraDefaults" in data:
        data["CameraDefaults"] = _camera(data["CameraDefaults"], "CameraDefaults", told)
    if isinstance(data.get("ExternalCameras"), dict):
        data["ExternalCameras"] = {
            name: _camera(camera, f"ExternalCameras.{name}", told)
            for name, camera in data["ExternalCameras"].items()
        }
    if isinstance(data.get("DefaultSensors"), dict):
        data["DefaultSensors"] = dict(_sensors(data["DefaultSensors"], "DefaultSensors", told))
    return data, told


def _vehicles(vehicles: dict[str, Any], mode: str, told: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield what AirSim creates: vehicles of the mode that are to be created."""
    for name, vehicle in vehicles.items():
        if not isinstance(vehicle, dict):
            yield name, vehicle
            continue
        if vehicle.get("AutoCreate") is False:
            continue
        kind = vehicle.get("VehicleType", "")
        known = VEHICLE_TYPES.get(mode, ())
        if isinstance(kind, str) and known and kind.lower() not in known:
            told.append(
                f"Vehicles.{name}: VehicleType '{kind}' is none of mode {mode}; it is not created"
            )
            continue
        where = f"Vehicles.{name}"
        vehicle = dict(vehicle)
        if not all(axis in vehicle for axis in "XYZ"):
            # As AirSim does: a place counts as a whole or not at all.
            if any(axis in vehicle for axis in "XYZ"):
                told.append(f"{where}: of X, Y and Z one is missing, so all are ignored")
            vehicle = {key: value for key, value in vehicle.items() if key not in ("X", "Y", "Z")}
        if isinstance(vehicle.get("Sensors"), dict):
            vehicle["Sensors"] = dict(_sensors(vehicle["Sensors"], f"{where}.Sensors", told))
        if isinstance(vehicle.get("Cameras"), dict):
            vehicle["Cameras"] = {
                key: _camera(camera, f"{where}.Cameras.{key}", told)
                for key, camera in vehicle["Cameras"].items()
            }
        yield name, vehicle


def _sensors(sensors: dict[str, Any], where: str, told: list[str]) -> Iterator[tuple[str, Any]]:
    for name, sensor in sensors.items():
        kind = sensor.get("SensorType", 0) if isinstance(sensor, dict) else 1
        if isinstance(kind, int) and kind not in KNOWN_SENSORS:
            told.append(f"{where}.{name}: SensorType {kind} is not simulated; it is left out")
        else:
            yield name, sensor


def _camera(camera: Any, where: str, told: list[str]) -> Any:
    if not isinstance(camera, dict) or not isinstance(camera.get("CaptureSettings"), list):
        return camera
    captures = []
    for number, capture in enumerate(camera["CaptureSettings"]):
        if isinstance(capture, dict):
            capture = dict(capture)
            for side in ("Width", "Height"):
                value = capture.get(side)
                if isinstance(value, int) and value > LARGEST_SIDE:
                    told.append(
                        f"{where}.CaptureSettings.{number}: {side} {value} is too large; "
                        f"it is {LARGEST_SIDE}"
                    )
                    capture[side] = LARGEST_SIDE
            if capture.get("ProjectionMode") == "orthographic":
                told.append(f"{where}.CaptureSettings.{number}: drawn in perspective")
                capture["ProjectionMode"] = "perspective"
        captures.append(capture)
    return {**camera, "CaptureSettings": captures}
