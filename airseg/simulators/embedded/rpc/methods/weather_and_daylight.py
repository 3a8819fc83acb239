"""RPC methods about the air and the light: weather, wind, time of day, the sun's strength."""

from __future__ import annotations

import logging
import math

import numpy as np

from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.vehicles.multirotor import Multirotor
from airseg.simulators.protocol import Vector3r, WeatherParameter

_LOG = logging.getLogger(__name__)


class WeatherApi:
    """Weather and light of the world."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("simEnableWeather", bool)
    def enable_weather(self, enable: bool) -> None:
        """Switch weather on or off; what was set while it was on stays set."""
        self._simulation.weather_enabled = enable
        self._simulation.weather[WeatherParameter.Enabled] = float(enable)

    @rpc("simSetWeatherParameter", int, float)
    def set_weather(self, parameter: int, value: float) -> None:
        """Set one kind of weather, 0 to 1; while weather is off, whatever is set becomes 0."""
        simulation = self._simulation
        if parameter not in list(WeatherParameter):
            return
        known = WeatherParameter(parameter)
        if math.isnan(value):
            raise ValueError(f"{known.name} is set to something that is no number")
        if known == WeatherParameter.Enabled:
            simulation.weather_enabled = value == 1.0
        elif not simulation.weather_enabled:
            value = 0.0
        simulation.weather[known] = value

    @rpc("simSetWind", Vector3r)
    def set_wind(self, wind: Vector3r) -> None:
        """Let the air move, metres a second NED; multirotors lean against it."""
        if self._simulation.mode != "Multirotor":
            raise NotImplementedError("setWind not implemented by SimMode")
        blowing = wind.to_array()
        if not np.isfinite(blowing).all():
            raise ValueError("the wind has a component that is no number")
        with self._simulation.lock:
            for vehicle in self._simulation.vehicles.values():
                if isinstance(vehicle, Multirotor):
                    vehicle.wind = blowing

    @rpc("simSetTimeOfDay", bool, str, bool, float, float, bool)
    def set_time_of_day(
        self, enabled: bool, start: str, dst: bool, speed: float, interval: float, move: bool
    ) -> None:
        """Move the sun to a local time, from where it goes on as fast as `speed` says."""
        if not (math.isfinite(speed) and interval > 0):
            raise ValueError(f"a sun of speed {speed} every {interval} seconds cannot be moved")
        if enabled and not move:
            return
        try:
            self._simulation.set_time_of_day(enabled, start, dst, speed, interval)
        except ValueError as cause:
            _LOG.warning("simSetTimeOfDay: %s; the sun stays where it is", cause)

    @rpc("simSetLightIntensity", str, float, support=PARTLY, note="the sun alone: LightSource")
    def set_light(self, name: str, intensity: float) -> bool:
        """Make the sun brighter or darker; 1 is as built."""
        if name != "LightSource":
            return False
        if not 0 <= intensity <= 100:
            raise ValueError(f"an intensity of {intensity} is not between 0 and 100")
        self._simulation.sun_brightness = intensity
        return True
