"""RPC methods about the simulation as a whole: is it there, reset, pause, let time pass."""

from __future__ import annotations

from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.simulation import Simulation

_LONGEST_STEP_S = 3600


class SimulationApi:
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

    @rpc("simRunConsoleCommand", str, support=PARTLY, note="answers false: no console")
    def console_command(self, command: str) -> bool:
        """Answer that nothing ran: there is no engine console."""
        return False

    @rpc("simPrintLogMessage", str, str, int, support=PARTLY, note="goes to the log")
    def print_log(self, message: str, parameter: str, severity: int) -> None:
        """Take a message for the screen that is not there."""
