"""Advancing simulator time to where a frame belongs, and standing still there.

AirSim steps in wall time: what comes of 40 ms is 39 or 42 ms, and on a busy machine anything. So
the time is read after each step, and the rest is stepped again, until a frame is as near to its
place as the simulator's grain allows: 3 ms, and a frame of the game where a car is driven, each
times a ClockSpeed below 1. A clock that proves to be exact is not read any more.
"""

from __future__ import annotations

import time
from typing import Any

from airseg.errors import SimulatorError
from airseg.recording.flying.views import told_settings

CAR_CLOCK_SPEED = 0.2
"""ClockSpeed at which half a frame of the game, as near as a car's time comes, is below 2 ms."""
NEAR_NS = 2_001_000
"""How near to their places AirSim's times are at best: 14 steps of 3,000,064 ns are 42.0009 ms."""

_GRAIN_NS = 3_000_000
_FRAME_NS = 1_000_000_000 // 60
_MOST_STEPS = 12
_PROVEN = 5
_FARTHEST_NS = 60_000_000_000
_SETTLE_S, _POLL_S = 2.0, 0.005
_SLICE_NS = 1_000_000_000
_MISSING = ("not implemented", "could not find", "not available", "has no attribute")


def is_missing(cause: Exception) -> bool:
    """Tell whether an error says that a simulator, in its mode, does not have a method.

    Our client's error and the official client's both carry AirSim's text.
    """
    return any(text in str(cause) for text in _MISSING)


class Stepper:
    """Advances simulator time while it is paused.

    Args:
        client: the simulator.
        vehicle: whose state tells the time, or an empty name.
        step_ns: from frame to frame.

    Attributes:
        is_steppable: whether the simulator can; AirSim in ComputerVision mode cannot, and then
            frames carry whatever time its running clock shows.
    """

    def __init__(self, client: Any, vehicle: str, step_ns: int) -> None:
        self._client, self._vehicle, self._step_ns = client, vehicle, step_ns
        self.is_steppable = True
        self._readers = ["getMultirotorState", "getCarState"]
        self._origin: tuple[int, int] | None = None
        self._now_ns: int | None = None
        self._exact = 0
        self._is_coarse: bool | None = None
        self._speed = 1.0

    @property
    def speed(self) -> float:
        """Seconds of the simulator in a second of the wall's, by its settings."""
        return self._speed

    @property
    def is_exact(self) -> bool:
        """Whether the last steps were all exactly as long as they were told to be."""
        return self._exact >= _PROVEN

    def begin(self, frame: int) -> None:
        """Let a frame's place be now; those of later frames are counted from it."""
        self._speed = _clock_speed(self._client)
        self._now_ns = self.now_ns()
        self._origin = None if self._now_ns is None else (frame, self._now_ns)

    def observe(self, frame: int, timestamp_ns: int) -> None:
        """Learn what time a captured frame really has."""
        if self._origin is None:
            self._origin = (frame, timestamp_ns)
        if timestamp_ns != self._place_of(frame):
            self._exact = 0
        self._now_ns = timestamp_ns

    def now_ns(self) -> int | None:
        """Return the simulator's time, or None where no call tells it."""
        while self._readers:
            try:
                more = (self._vehicle,) if self._vehicle else ()
                return int(getattr(self._client, self._readers[0])(*more).timestamp)
            except Exception as cause:
                if not is_missing(cause):
                    raise
                del self._readers[0]
        return None

    def advance_to(self, frame: int) -> None:
        """Let time pass until a frame's place, then stand still.

        Time moves at least by the grain, so that no two frames share a moment.
        """
        if not self.is_steppable:
            return
        place, now = self._place_of(frame), self._now_ns
        least = min(round(_GRAIN_NS * self._slowness), self._step_ns)
        rest = self._step_ns if place is None or now is None else max(place - now, least)
        if rest > max(_FARTHEST_NS, 10 * self._step_ns):
            raise SimulatorError(
                f"frame {frame}: belongs at {place} ns, and simulator time is {now} ns. Was the "
                "simulator restarted or reset, or its clock set back?"
            )
        for _ in range(_MOST_STEPS):
            before, asked = now, self._asked(rest, least)
            self._continue(asked)
            now = place if self.is_exact or place is None else self.now_ns()
            self._now_ns = now
            if now is None or place is None or before is None or self.is_exact:
                return
            self._is_coarse = bool(self._is_coarse) or now - before != asked
            rest = place - now
            self._exact = self._exact + 1 if rest == 0 else 0
            if rest < min(self._grain_ns, self._step_ns) // 2 and (rest <= 0 or self._is_coarse):
                return
            rest = max(rest, least) if self._is_coarse else rest

    def tick(self) -> None:
        """Let what is seen follow what was set, while time stands still."""
        if self.is_steppable:
            self._continue(0)

    def pass_time(self, span_ns: int) -> None:
        """Let a span pass that was flown before, so that the world is as it was then.

        A simulator whose steps take as long as they last goes by the wall; its world is not the
        same twice, and waiting for it would be in vain.
        """
        while span_ns > 0 and self.is_steppable:
            began = time.monotonic()
            part = min(span_ns, _SLICE_NS)
            self._continue(part)
            if part == _SLICE_NS and time.monotonic() - began > 0.9 * part / 1e9:
                return
            span_ns -= part

    def remedy(self, drift_ns: int) -> str:
        """Return what to write into settings.json where times were further off than need be.

        Args:
            drift_ns: the furthest that a frame's time was from its place.
        """
        if drift_ns <= NEAR_NS or not self.is_steppable:
            return ""
        if not self._drives:
            load = "take load off the simulator's machine."
            if told_settings(self._client).get("ClockType") == "SteppableClock":
                return load.capitalize()
            return f'Write "ClockType": "SteppableClock" into settings.json, and {load}'
        if self._slowness <= CAR_CLOCK_SPEED:
            return ""
        return (
            f'For times within 2 ms of their places, write "ClockSpeed": {CAR_CLOCK_SPEED} into '
            f"settings.json; {self._step_ns / 1e6:g} ms then take "
            f"{self._step_ns / 1e6 / CAR_CLOCK_SPEED:g}."
        )

    @property
    def _drives(self) -> bool:
        return bool(self._readers) and self._readers[0] == "getCarState"

    @property
    def _slowness(self) -> float:
        """How much finer a ClockSpeed below 1 makes the grain."""
        return min(self._speed, 1.0)

    @property
    def _grain_ns(self) -> int:
        """By how much time can move at least: a physics step, or a frame of the game."""
        return round((_FRAME_NS if self._drives else _GRAIN_NS) * self._slowness)

    def _asked(self, rest: int, least: int) -> int:
        """Return for how many nanoseconds to continue so that a rest passes, or a little less.

        A step too few is made up for, a step too many is not. Cars stop at the first frame after
        the span, multirotors at a step before or after it.
        """
        if self._is_coarse or (self._is_coarse is None and self._drives):
            rest = max(rest - self._grain_ns // (2 if self._drives else 3), least)
        # A clock that is exact passes what it is told to; others that, times ClockSpeed. Until it
        # is known which one this is, nothing is asked for that could be too much.
        known = self._is_coarse is not None
        rate = (self._speed if self._is_coarse else 1.0) if known else max(self._speed, 1.0)
        return round(rest / rate)

    def _place_of(self, frame: int) -> int | None:
        if self._origin is None:
            return None
        first, began_ns = self._origin
        return began_ns + (frame - first) * self._step_ns

    def _continue(self, span_ns: int) -> None:
        try:
            self._client.simContinueForTime(span_ns / 1e9)
        except Exception as cause:
            if not is_missing(cause):
                raise
            self.is_steppable = False
            return
        # In Car mode AirSim answers before the time has passed; a clock that was exact so far does
        # not, and the next image's own time would tell.
        if self.is_exact:
            return
        latest = time.monotonic() + _SETTLE_S + 2 * span_ns / 1e9
        while not self._client.simIsPause():
            if time.monotonic() > latest:
                raise SimulatorError("the simulator did not pause again after a time step.")
            time.sleep(_POLL_S)


def _clock_speed(client: Any) -> float:
    """Return the ClockSpeed of a simulator's settings; 1 where they do not say."""
    try:
        speed = float(told_settings(client).get("ClockSpeed", 1.0))
    except (ValueError, TypeError):
        return 1.0
    return speed if speed > 0 else 1.0
