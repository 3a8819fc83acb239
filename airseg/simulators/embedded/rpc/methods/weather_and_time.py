"""RPC methods about the world: time, objects, segmentation, weather."""

from __future__ import annotations

import logging
import math
import re

from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.worlds.parts.basic_shapes import BASIC_SHAPES
from airseg.simulators.protocol import WeatherParameter

_LOG = logging.getLogger(__name__)
_LONGEST_STEP_S = 3600


class WorldApi:
    """Methods that every SimMode has."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("ping")
    def ping(self) -> bool:
        """Tell that the server is there."""
        return True

    @rpc("getServerVersion")
    @rpc("getMinRequiredClientVersion")
    def version(self) -> int:
        """Return the version of AirSim 1.8's protocol."""
        return 1

    @rpc("reset")
    def reset(self) -> None:
        """Bring the vehicles back to their start; the world, time and a pause stay as they are."""
        self._simulation.reset()

    @rpc("simPause", bool)
    def pause(self, is_paused: bool) -> None:
        """Stop time, or let it go on."""
        self._simulation.clock.pause(is_paused)

    @rpc("simIsPaused")
    def is_paused(self) -> bool:
        """Tell whether time stands still."""
        return self._simulation.clock.at_rest

    @rpc("simContinueForTime", float)
    def continue_for_time(self, seconds: float) -> None:
        """Let this much time pass, with one tick of the game at least, then stand still."""
        if not 0 <= seconds <= _LONGEST_STEP_S:
            raise ValueError(f"cannot continue for {seconds} seconds; at most {_LONGEST_STEP_S}")
        self._simulation.clock.continue_for_time(seconds)

    @rpc("simContinueForFrames", int)
    def continue_for_frames(self, frames: int) -> None:
        """Let the time of this many rendered frames, at 60 a second, pass; then stand still."""
        if not 0 <= frames <= 60 * _LONGEST_STEP_S:
            raise ValueError(f"cannot continue for {frames} frames")
        self._simulation.clock.continue_for_frames(frames)

    @rpc("getSettingsString")
    def settings_string(self) -> str:
        """Return the settings as they were read."""
        return self._simulation.settings.text

    @rpc("simListSceneObjects", str)
    def list_objects(self, name_regex: str) -> list[str]:
        """Return the names that an expression matches wholly, letters' case included."""
        pattern = re.compile(name_regex)
        return [n for n in self._simulation.object_names if n and pattern.fullmatch(n)]

    @rpc("simListAssets")
    def list_assets(self) -> list[str]:
        """Return the families of meshes, and the plain shapes."""
        return [*self._simulation.world.assets, *BASIC_SHAPES]

    @rpc("simSetSegmentationObjectID", str, int, bool)
    def set_segmentation_id(self, mesh_name: str, object_id: int, is_name_regex: bool) -> bool:
        """Give an id to a mesh or to all that match."""
        return self._simulation.segmentation.set(mesh_name, object_id, is_name_regex)

    @rpc("simGetSegmentationObjectID", str)
    def segmentation_id(self, mesh_name: str) -> int:
        """Return the id of a mesh whose name is given in lower case, or -1."""
        return self._simulation.segmentation.get(mesh_name)

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

    @rpc("simRunConsoleCommand", str, support=PARTLY, note="answers false: no console")
    def console_command(self, command: str) -> bool:
        """Answer that nothing ran: there is no engine console."""
        return False

    @rpc("simPrintLogMessage", str, str, int, support=PARTLY, note="goes to the log")
    def print_log(self, message: str, parameter: str, severity: int) -> None:
        """Take a message for the screen that is not there."""
