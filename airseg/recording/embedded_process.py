"""Run the embedded simulator as a child process, for as long as it is needed."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Self

from airseg.errors import SimulatorError
from airseg.flight import FlightPlan
from airseg.recording.further_settings import FurtherSettings
from airseg.recording.simulator_settings import settings_text
from airseg.simulators.protocol import DEFAULT_HOST

_ENDS = "airseg: "
_LOADS = "loading "
_START_TIMEOUT_S = 300


def simulator_key(plan: FlightPlan) -> str:
    """Return what a simulator must be set up for; plans of one key can share one."""
    return settings_text([("plan", plan)], clock_is_exact=True)


class EmbeddedProcess:
    """A simulator of our own in another process; a context manager that stops it.

    Args:
        plan: what it must be set up for.
        world, seed: which world to build.
        clock: ``simulated``, or ``airsim`` for AirSim's own.
        told: called with what it says meanwhile, line by line: that it compiles, say.
        further: settings beside those that the plan needs.

    Attributes:
        port: where it listens on the loopback address.
    """

    def __init__(
        self,
        plan: FlightPlan,
        world: str,
        seed: int,
        clock: str = "simulated",
        told: Callable[[str], None] | None = None,
        further: FurtherSettings | None = None,
    ) -> None:
        self._plan, self._world, self._seed, self._clock = plan, world, seed, clock
        self._told, self._further = told, further
        self._said: deque[str] = deque(maxlen=20)
        self.port = 0

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="airseg-")
        settings = Path(self._folder.name) / "settings.json"
        is_exact = self._clock == "simulated"
        text = settings_text([("plan", self._plan)], clock_is_exact=is_exact, further=self._further)
        settings.write_text(text, encoding="ascii")
        command = [sys.executable, "-m", "airseg", "sim", "--port", "0", "--exit-with-stdin"]
        command += ["--host", DEFAULT_HOST, "--world", self._world, "--seed", str(self._seed)]
        command += ["--settings", str(settings), "--clock", self._clock]
        # A simulator of our own begins anew with each flight, so that it can be repeated.
        command += ["--ideal", "full-reset"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the recorder, which finishes its frame and then stops the simulator. No
            # session of its own: Linux shares the cores out by session first, and the priority of
            # the recorder's encoders counts within one only.
            process_group=0,
        )
        # Read always: a pipe that nobody empties stops whoever writes into it.
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self.port = self._wait_until_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        process = self._process
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._listener.join()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
        self._folder.cleanup()

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            if said := line.strip():
                self._said.append(said)
                # Why it ends, says the error that is raised then; that it loads, who starts it.
                if self._told and not said.startswith((_ENDS, _LOADS)):
                    self._told(said)

    def _wait_until_ready(self) -> int:
        process = self._process
        timer = threading.Timer(_START_TIMEOUT_S, process.kill)
        timer.start()
        try:
            for line in process.stdout or ():
                found = re.search(r"listening on \S+:(\d+)", line)
                if found:
                    return int(found.group(1))
        finally:
            timer.cancel()
        self._listener.join()
        last = self._said[-1].removeprefix(_ENDS) if self._said else "it said nothing"
        raise SimulatorError(f"the embedded simulator did not start: {last}")
