"""Simulator time: integer nanoseconds that run with the wall clock, or step by step.

While it runs, time advances in physics steps of 3 ms, as AirSim's steppable clock does. While it
is paused it stands still, and `advance` moves it by an exact span, as fast as the machine can.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

START_NS = 1_700_000_000_000_000_000
"""Every simulation begins at this time, so that the same calls give the same time stamps."""

STEP_NS = 3_000_000


class SimulationClock:
    """Time and the thread that drives it.

    Args:
        physics: called with a span in nanoseconds whenever time has advanced by it.
        lock: held while time advances; whoever reads or changes the simulation holds it too.
        speed: simulator seconds a wall second.
    """

    def __init__(
        self, physics: Callable[[int], None], lock: threading.RLock, speed: float = 1.0
    ) -> None:
        self._physics, self._lock, self._speed = physics, lock, speed
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.now_ns = START_NS
        self.paused = False
        self._advancing = 0

    @property
    def at_rest(self) -> bool:
        """Whether time stands still: paused, and nobody takes a step just now."""
        return self.paused and not self._advancing

    def start(self) -> None:
        """Begin to run with the wall clock."""
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._closing.set()
        if self._thread:
            self._thread.join(5)

    def reset(self) -> None:
        """Go back to the start; a pause goes on."""
        with self._lock:
            self.now_ns = START_NS

    def pause(self, paused: bool) -> None:
        """Stop or go on."""
        with self._lock:
            self.paused = paused

    def advance(self, span_ns: int) -> None:
        """Advance by exactly a span, then stand still."""
        remaining = span_ns
        with self._lock:
            self.paused = True
            self._advancing += 1
        try:
            while remaining > 0 and not self._closing.is_set():
                with self._lock:  # taken step by step, so that other calls get their turn
                    step = min(STEP_NS, remaining)
                    self._step(step)
                    remaining -= step
        finally:
            with self._lock:
                self._advancing -= 1

    def _step(self, span_ns: int) -> None:
        self.now_ns += span_ns
        self._physics(span_ns)

    def _run(self) -> None:
        wall_step = STEP_NS / 1e9 / self._speed
        due = time.perf_counter()
        while not self._closing.is_set():
            due += wall_step
            delay = due - time.perf_counter()
            if delay > 0:
                self._closing.wait(delay)
            elif delay < -0.25:
                due = time.perf_counter()  # overloaded: simulator time falls behind, as in AirSim
            with self._lock:
                if not self.paused:
                    self._step(STEP_NS)
