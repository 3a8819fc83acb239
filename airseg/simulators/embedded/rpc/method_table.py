"""All methods of the RPC together, and the table that says how far each is supported."""

from __future__ import annotations

from collections.abc import Callable

from airseg.simulators.embedded.rpc.dialects import COSYS, cosys_methods
from airseg.simulators.embedded.rpc.methods.attitude import AttitudeApi
from airseg.simulators.embedded.rpc.methods.builtin_recorder import RecordingApi
from airseg.simulators.embedded.rpc.methods.cameras import CameraApi
from airseg.simulators.embedded.rpc.methods.car import CarApi
from airseg.simulators.embedded.rpc.methods.detections import DetectionApi
from airseg.simulators.embedded.rpc.methods.markers import MarkerApi
from airseg.simulators.embedded.rpc.methods.objects import ObjectApi
from airseg.simulators.embedded.rpc.methods.painting import PaintingApi
from airseg.simulators.embedded.rpc.methods.sensors import SensorApi
from airseg.simulators.embedded.rpc.methods.simulation_control import SimulationApi
from airseg.simulators.embedded.rpc.methods.vehicles import VehicleApi
from airseg.simulators.embedded.rpc.methods.weather_and_daylight import WeatherApi
from airseg.simulators.embedded.rpc.methods.world_shape import WorldShapeApi
from airseg.simulators.embedded.rpc.rpc_server import NO, Method, methods_of
from airseg.simulators.embedded.simulation import Simulation

_VEHICLES: dict[str, type[VehicleApi]] = {
    "Multirotor": AttitudeApi,
    "Car": CarApi,
    "ComputerVision": VehicleApi,
}
_SHARED = (
    SimulationApi,
    CameraApi,
    DetectionApi,
    MarkerApi,
    ObjectApi,
    PaintingApi,
    RecordingApi,
    SensorApi,
    WeatherApi,
    WorldShapeApi,
)

# Methods of AirSim 1.8.1 that are refused, with how many parameters they take.
_LENSES = {
    "simEnableFocusPlane": 4,
    "simEnableManualFocus": 4,
    "simGetFilmbackSettings": 3,
    "simGetFocalLength": 3,
    "simGetFocusAperture": 3,
    "simGetFocusDistance": 3,
    "simGetLensSettings": 3,
    "simGetPresetFilmbackSettings": 3,
    "simGetPresetLensSettings": 3,
    "simSetFilmbackSettings": 5,
    "simSetFocalLength": 4,
    "simSetFocusAperture": 4,
    "simSetFocusDistance": 4,
    "simSetPresetFilmbackSettings": 4,
    "simSetPresetLensSettings": 4,
}
_LENS_NOTE = "cameras are pinholes; simSetCameraFov changes the view"


def all_methods(simulation: Simulation) -> dict[str, Method]:
    """Return what a simulation answers, by name on the wire."""
    methods: dict[str, Method] = {}
    for api in (*_SHARED, _VEHICLES[simulation.mode]):
        methods |= methods_of(api(simulation))
    for name, count in _LENSES.items():
        methods[name] = Method((object,) * count, _refusal(name), NO, _LENS_NOTE)
    return cosys_methods(methods, simulation) if simulation.dialect == COSYS else methods


def support_table() -> list[tuple[str, str, str]]:
    """Return (name on the wire, yes or partly or no, note) of every method, sorted by name."""
    rows = dict.fromkeys(_LENSES, (NO, _LENS_NOTE))
    for api in (*_SHARED, *_VEHICLES.values()):
        for attribute in dir(api):
            for name, _, support, note in getattr(getattr(api, attribute), "rpc_names", ()):
                rows[name] = (support, note)
    return [(name, *rows[name]) for name in sorted(rows, key=str.lower)]


def support_markdown() -> str:
    """Return the table as Markdown."""
    lines = ["| method | supported | |", "| --- | --- | --- |"]
    lines += [f"| {name} | {support} | {note} |" for name, support, note in support_table()]
    return "\n".join(lines) + "\n"


def _refusal(name: str) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise NotImplementedError(
            f"{name} is not supported by the embedded simulator: {_LENS_NOTE}"
        )

    return refuse
