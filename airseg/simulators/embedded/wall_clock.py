"""AirSim's own clocks, which go by the wall: ``airseg sim --clock airsim``.

What a client sees of time on AirSim, and plans for it must bear: steps that begin in wall time, 60
ticks a second, a grain of 3 ms, images of a request that carry time stamps of their own, and, with
a ScalableClock, time that goes on while the simulator is paused.

How the periods of physics and of frames lie when a call comes is drawn from a seed. So the number
of steps and ticks of each continue call is repeatable, though they take place in wall time.

Sources: AirSim's ScheduledExecutor.hpp, SteppableClock.hpp, ScalableClock.hpp, SimModeWorldBase.cpp
and SimModeCar.cpp.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np

from airseg.simulators.embedded.clock import STEP_NS, Clock, Physics

_FRAME_S = 1 / 60
_PERIOD_S = STEP_NS / 1e9
_LONGEST_WAIT_S = 1.0


class AirSimClock(Clock):
    """The clock of one SimMode.

    Args:
        physics, tick, lock, speed: see `Clock`.
        mode: SimMode; physics of multirotors steps by itself, cars move with the frames.
        steppable: SteppableClock, else ScalableClock.
        seed: of how periods lie when a continue call comes.
    """

    stamps_one_by_one = True

    def __init__(
        self,
        physics: Physics,
        tick: Callable[[], None],
        lock: threading.RLock,
        speed: float = 1.0,
        *,
        mode: str = "Multirotor",
        steppable: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(physics, tick, lock, speed)
        self._mode, self._steppable = mode, steppable
        # Faster than life, periods get shorter; slower, steps do.
        self._period_s = _PERIOD_S / max(int(speed), 1)
        self._step_ns = STEP_NS * min(speed, 1.0)
        self._chance = np.random.default_rng(seed)
        self._frames = threading.Condition(lock)
        self._ticks = 0
        self._orders = 0
        self._driven = 0
        self._pause_at: tuple[int | None, int | None] = (None, None)
        # AirSim adds steps up in double precision, whose grain is 256 ns in our times.
        self._stepped_ns = float(time.time_ns())
        self._before_ns = self.now_ns

    @property
    def now_ns(self) -> int:
        if self._steppable:
            return int(self._stepped_ns)
        return int(time.time_ns() * self._speed)

    @property
    def at_rest(self) -> bool:
        return self.paused and not self._driven

    def restart_world(self, *, from_the_start: bool) -> None:
        """Leave everything as it is: nobody can set the wall's clock back."""

    def pause(self, paused: bool) -> None:
        with self._lock:
            self.paused = paused
            self._orders += 1
            self._pause_at = (None, None)

    def continue_for_time(self, seconds: float) -> None:
        self._refuse_in("continueForTime")
        if self._mode == "Car":
            # A later tick finds that the time is over; nobody waits for it here.
            with self._lock:
                self._pause_at = (self.now_ns + round(seconds * self._speed * 1e9), None)
                self.paused = False
            return
        physics, frame = self._chance.random(2) * (self._period_s, _FRAME_S)
        steps = np.arange(physics, seconds, self._period_s)
        # At least one frame is drawn, however short the span.
        ticks = np.arange(frame, max(seconds, frame + 1e-9), _FRAME_S)
        self._drive(steps, ticks, max(seconds, ticks[-1]))

    def continue_for_frames(self, frames: int) -> None:
        self._refuse_in("continueForFrames")
        if self._mode == "Car":
            with self._lock:
                self._pause_at = (None, self._ticks + frames)
                self.paused = False
            return
        physics, frame = self._chance.random(2) * (self._period_s, _FRAME_S)
        ticks = frame + np.arange(frames) * _FRAME_S
        last = float(ticks[-1]) if frames else 0.0
        self._drive(np.arange(physics, last, self._period_s), ticks, last)

    def begin_picture(self) -> None:
        """Wait for the next frame, if there are any while time stands still."""
        with self._frames:
            if self.at_rest:
                return
            due = self._ticks + 1
            self._frames.wait_for(lambda: self._ticks >= due or self.at_rest, _LONGEST_WAIT_S)

    def _refuse_in(self, name: str) -> None:
        if self._mode == "ComputerVision":
            raise NotImplementedError(f"{name} is not implemented by SimMode")

    def _drive(self, steps: np.ndarray, ticks: np.ndarray, span_s: float) -> None:
        """Step and tick at wall times from now on, then stand still."""
        with self._lock:
            self.paused = True
            self._driven += 1
            order = self._orders
        began = time.perf_counter()
        try:
            for due, is_step in _in_order(steps, ticks):
                self._sleep_until(began + due)
                with self._lock:
                    if order != self._orders or self._closing.is_set():
                        break
                    if is_step:
                        self._step()
                    else:
                        self._tick_now()
            else:
                self._sleep_until(began + span_s)
        finally:
            with self._lock:
                self._driven -= 1
                self._frames.notify_all()
        while not self.paused and not self._closing.wait(0.002):
            pass  # somebody let time run meanwhile; AirSim's call ends when it is paused again

    def _step(self) -> None:
        """Take one physics step."""
        before = self.now_ns
        if self._steppable:
            self._stepped_ns += self._step_ns
            self._physics(1, self.now_ns - before)
        else:
            span, self._before_ns = before - self._before_ns, before  # a pause and all
            if span > 0:
                self._physics(1, span)

    def _tick_now(self) -> None:
        frame_ns = round(1e9 * _FRAME_S * self._speed)
        if self._mode == "Car":
            if self._steppable:
                self._stepped_ns += frame_ns
            count = max(round(frame_ns / STEP_NS), 1)
            self._physics(count, frame_ns // count)
        self.world_ns += frame_ns  # the world goes by frames, whatever the clock shows
        self._ticks += 1
        self._tick()
        until, frames = self._pause_at
        if (until is not None and self.now_ns >= until) or (
            frames is not None and self._ticks >= frames
        ):
            self.paused, self._pause_at = True, (None, None)
        self._frames.notify_all()

    def _run(self) -> None:
        step_due = tick_due = time.perf_counter()
        while not self._closing.is_set():
            self._sleep_until(min(step_due, tick_due) if self._has_physics else tick_due)
            now = time.perf_counter()
            with self._lock:
                runs = not self.paused and not self._driven
                if self._has_physics and now >= step_due:
                    # Late steps are neither made up for nor merged.
                    step_due = max(step_due + self._period_s, now)
                    if runs:
                        self._step()
                if now >= tick_due:
                    tick_due = max(tick_due + _FRAME_S, now)
                    if runs:
                        self._tick_now()

    @property
    def _has_physics(self) -> bool:
        return self._mode == "Multirotor"

    def _sleep_until(self, due: float) -> None:
        delay = due - time.perf_counter()
        if delay > 0:
            self._closing.wait(delay)


def _in_order(steps: np.ndarray, ticks: np.ndarray) -> Iterator[tuple[float, bool]]:
    """Yield (seconds, whether it is a step) in the order of time."""
    return iter(sorted([(float(t), True) for t in steps] + [(float(t), False) for t in ticks]))
