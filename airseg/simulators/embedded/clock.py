"""Simulator time, simulated: integer nanoseconds that run with the wall clock, or step by step.

Two things happen as time goes on, as in AirSim: physics steps of 3 ms, which move the bodies of
vehicles, and ticks of the game, 60 a second, which move what is seen: actors and their cameras.
While time is paused there are neither, so that a pose set then is seen after the next tick only.

This clock is exact: a continue call lets precisely the span asked for pass, however small, as fast
as the machine can, and ends with a tick; its last physics step is as short as it must be. The same
calls give the same steps and ticks. AirSim's own clocks, which go by the wall, are in `wall_clock`.
"""

from __future__ import annotations

import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable

START_NS = 1_700_000_000_000_000_000
"""Every simulation begins at this time, so that the same calls give the same time stamps."""

STEP_NS = 3_000_000
"""A physics step."""

FRAME_NS = 1_000_000_000 // 60
"""From one tick of the game to the next."""

Physics = Callable[[int, int], None]
"""Told how many steps of how many nanoseconds bodies shall move; called after time has advanced."""


def weakly(method: Callable[..., None]) -> Callable[..., None]:
    """Return what calls a method while its owner is there, and does not keep it alive.

    A simulation and a clock that held each other would wait for the garbage collector, which counts
    objects and comes late, with the 150 MB that are drawn with.
    """
    held = weakref.WeakMethod(method)

    def call(*given: int) -> None:
        if (found := held()) is not None:
            found(*given)

    return call


class Clock(ABC):
    """Time, and what happens as it passes.

    Args:
        physics: see `Physics`.
        tick: called once for every tick of the game.
        lock: held while either is called; whoever reads or changes the simulation holds it too.
        speed: simulator seconds a wall second.

    Attributes:
        paused: whether neither steps nor ticks happen.
        world_ns: time of the world, which moves at ticks; begins again at `START_NS` with a reset.
        stamps_one_by_one: whether each image of a request gets a time stamp of its own.
    """

    stamps_one_by_one = False

    def __init__(
        self, physics: Physics, tick: Callable[[], None], lock: threading.RLock, speed: float
    ) -> None:
        self._physics, self._tick, self._lock, self._speed = physics, tick, lock, speed
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.paused = False
        self.world_ns = START_NS

    @property
    @abstractmethod
    def now_ns(self) -> int:
        """The time."""

    @property
    @abstractmethod
    def at_rest(self) -> bool:
        """What `simIsPaused` answers."""

    def start(self) -> None:
        """Begin to run with the wall clock."""
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._closing.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(5)

    @abstractmethod
    def restart_world(self, *, from_the_start: bool) -> None:
        """Take note of a reset.

        Args:
            from_the_start: set the time back as well, which AirSim does not.
        """

    @abstractmethod
    def pause(self, paused: bool) -> None:
        """Stop or go on; a continue call that is under way is over."""

    @abstractmethod
    def continue_for_time(self, seconds: float) -> None:
        """Let a span of time pass, with one tick at least, then stand still."""

    @abstractmethod
    def continue_for_frames(self, frames: int) -> None:
        """Let the time of some frames pass, then stand still."""

    @abstractmethod
    def begin_picture(self) -> None:
        """Bring what is seen up to date, if time runs: a picture is drawn of a frame of its own."""

    @abstractmethod
    def _run(self) -> None:
        """Let time run with the wall clock until `stop`."""


class SimulatedClock(Clock):
    """The default: exact and repeatable; see the module. Every SimMode steps and stands still."""

    def __init__(
        self, physics: Physics, tick: Callable[[], None], lock: threading.RLock, speed: float = 1.0
    ) -> None:
        super().__init__(physics, tick, lock, speed)
        self._now_ns = START_NS
        self._world_began_ns = START_NS
        self._until_tick_ns = FRAME_NS
        self._advancing = 0
        self._orders = 0

    @property
    def now_ns(self) -> int:
        return self._now_ns

    @property
    def at_rest(self) -> bool:
        return self.paused and not self._advancing

    def restart_world(self, *, from_the_start: bool) -> None:
        with self._lock:
            if from_the_start:
                self._now_ns = START_NS
            self.world_ns, self._world_began_ns = START_NS, self._now_ns
            self._until_tick_ns = FRAME_NS

    def pause(self, paused: bool) -> None:
        with self._lock:
            self.paused = paused
            self._orders += 1

    def continue_for_time(self, seconds: float) -> None:
        self.advance(round(seconds * 1e9))

    def continue_for_frames(self, frames: int) -> None:
        self.advance(frames * FRAME_NS)

    def begin_picture(self) -> None:
        with self._lock:
            if not self.paused:
                self._tick_now(FRAME_NS)

    def advance(self, span_ns: int) -> None:
        """Advance by exactly a span, then stand still."""
        remaining = span_ns
        with self._lock:
            self.paused = True
            self._advancing += 1
            order = self._orders
        try:
            while remaining > 0 and order == self._orders and not self._closing.is_set():
                with self._lock:  # taken anew for each frame, so that other calls get their turn
                    remaining -= self._pass(remaining)
        finally:
            with self._lock:
                self._advancing -= 1
                self._tick_now(FRAME_NS)
        while not self.paused and not self._closing.wait(0.002):
            pass  # somebody let time run meanwhile: as in AirSim, the call ends with a pause only

    def _pass(self, span_ns: int) -> int:
        """Let physics step until a span is over or the next tick is due; return how far it came."""
        whole = min(-(-self._until_tick_ns // STEP_NS), span_ns // STEP_NS)
        count, step_ns = (whole, STEP_NS) if whole else (1, span_ns)
        passed = count * step_ns
        self._now_ns += passed
        self._until_tick_ns -= passed
        self._physics(count, step_ns)
        if self._until_tick_ns <= 0:
            self._tick_now(self._until_tick_ns + FRAME_NS)
        return passed

    def _tick_now(self, next_in_ns: int) -> None:
        self._until_tick_ns = next_in_ns
        self.world_ns = self._now_ns - self._world_began_ns + START_NS
        self._tick()

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
                    self._pass(STEP_NS)
