"""The state of one simulation: world, vehicles, cameras, light, and the time they share."""

from __future__ import annotations

import threading
from datetime import datetime

import numpy as np

from airseg.simulators.embedded.cameras import Camera, build_cameras
from airseg.simulators.embedded.clock import SimulationClock
from airseg.simulators.embedded.renderer import AFTERNOON_SUN, Atmosphere, Renderer
from airseg.simulators.embedded.segmentation import SegmentationIds
from airseg.simulators.embedded.settings import Settings, VehicleSetting
from airseg.simulators.embedded.vehicles import VEHICLES, Vehicle
from airseg.simulators.embedded.world import World
from airseg.simulators.protocol import WeatherParameter

# What Unreal lists beside meshes: things without a mesh, which recorders and label maps must bear.
ENGINE_ACTORS = (
    "CameraDirector",
    "ExponentialHeightFog_1",
    "LightSource",
    "PlayerStart",
    "PostProcessVolume2_7",
    "SkyLight_1",
    "WorldSettings_1",
)


class Simulation:
    """Everything a method of the RPC reads or changes. Hold `lock` to do so."""

    def __init__(self, world: World, renderer: Renderer, settings: Settings) -> None:
        self.world, self.renderer, self.settings = world, renderer, settings
        self.lock = threading.RLock()
        self.clock = SimulationClock(self._step, self.lock, settings.clock_speed)
        self.segmentation = SegmentationIds(world)
        self.vehicles: dict[str, Vehicle] = {}
        self.cameras: dict[str, dict[str, Camera]] = {}
        for name, setting in settings.vehicles.items():
            self.add_vehicle(name, setting)
        self._object_index = {o.name: i for i, o in enumerate(world.objects)}
        self.object_names = [*self._object_index, *ENGINE_ACTORS]
        self.weather_enabled = False
        self.weather = dict.fromkeys(WeatherParameter, 0.0)
        self.sun_direction = AFTERNOON_SUN

    def add_vehicle(self, name: str, setting: VehicleSetting) -> None:
        """Add a vehicle of the kind that the simulation's mode has."""
        vehicle = VEHICLES[self.settings.sim_mode](name, setting, self.world)
        self.vehicles[name] = vehicle
        self.cameras[name] = build_cameras(vehicle, setting, self.settings.camera_defaults)

    def vehicle(self, name: str, kind: str = "Vehicle Sim-API") -> Vehicle:
        """Return a vehicle; an empty name means the first one.

        Raises:
            LookupError: there is none of that name; the message is AirSim's.
        """
        found = next(iter(self.vehicles.values())) if name == "" else self.vehicles.get(name)
        if found is None or (kind == "Vehicle API" and not found.has_api):
            raise LookupError(
                f"{kind} for '{name}' is not available. This could either because this is "
                "simulation-only API or this vehicle does not exist"
            )
        return found

    def cameras_of(self, vehicle: Vehicle) -> dict[str, Camera]:
        """Return a vehicle's cameras by name."""
        return self.cameras[vehicle.name]

    def object_index(self, name: str) -> int | None:
        """Return the index of a mesh, or None."""
        return self._object_index.get(name)

    def reset(self) -> None:
        """Go back to the start: vehicles, objects, weather, light and time. A pause goes on."""
        with self.lock:
            for vehicle in self.vehicles.values():
                vehicle.reset()
            self.renderer.reset()
            self.weather_enabled = False
            self.weather = dict.fromkeys(WeatherParameter, 0.0)
            self.sun_direction = AFTERNOON_SUN
            self.clock.reset()

    def atmosphere(self) -> Atmosphere:
        """Return the light and weather of now."""
        if not self.weather_enabled:
            return Atmosphere(sun_direction=self.sun_direction)
        weather = self.weather
        return Atmosphere(
            fog=weather[WeatherParameter.Fog],
            rain=weather[WeatherParameter.Rain],
            snow=weather[WeatherParameter.Snow],
            dust=weather[WeatherParameter.Dust],
            sun_direction=self.sun_direction,
        )

    def set_time_of_day(self, enabled: bool, start: str) -> None:
        """Move the sun to where it stands at a local time, ``%Y-%m-%d %H:%M:%S``.

        Raises:
            ValueError: the time has another form.
        """
        if not enabled:
            self.sun_direction = AFTERNOON_SUN
            return
        moment = (
            datetime.strptime(start, "%Y-%m-%d %H:%M:%S") if start else datetime(2024, 6, 21, 15)
        )
        self.sun_direction = sun_direction(moment, self.settings.origin.Latitude)

    def _step(self, span_ns: int) -> None:
        for vehicle in self.vehicles.values():
            vehicle.step(span_ns / 1e9, self.clock.now_ns)


def sun_direction(moment: datetime, latitude_deg: float) -> tuple[float, float, float]:
    """Return the (3,) NED direction to the sun at a local solar time.

    The usual approximations of declination and hour angle; a degree or two is close enough.
    """
    day = moment.timetuple().tm_yday
    hour = moment.hour + moment.minute / 60 + moment.second / 3600
    declination = -np.radians(23.44) * np.cos(2 * np.pi * (day + 10) / 365)
    turn = np.radians(15.0 * (hour - 12.0))
    latitude = np.radians(latitude_deg)
    up = np.sin(latitude) * np.sin(declination)
    up += np.cos(latitude) * np.cos(declination) * np.cos(turn)
    north = np.cos(latitude) * np.sin(declination)
    north -= np.sin(latitude) * np.cos(declination) * np.cos(turn)
    east = -np.cos(declination) * np.sin(turn)
    return float(north), float(east), float(-up)
