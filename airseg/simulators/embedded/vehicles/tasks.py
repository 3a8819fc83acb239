"""What a multirotor is told to do: each task says, step by step, how fast to fly and turn.

A task ends by itself, by its time-out in simulator time, or because another one takes its place;
then its answer is False, as in AirSim.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from airseg.geometry import wrap_angle
from airseg.simulators.embedded.answers import Deferred
from airseg.simulators.embedded.vehicles.body import Body
from airseg.simulators.protocol import DrivetrainType, YawMode

ARRIVAL_M = 0.5
_HOLD_GAIN = 1.2
_BRAKING_MPS2 = 2.0


@dataclass(frozen=True)
class Attitude:
    """How a task wants the body to lean and how hard to pull.

    Attributes:
        roll, pitch: radians, right wing down and nose up; or radians a second if `is_rate`.
        throttle: 0 to 1, or None where `height_z` is held.
        height_z: NED metres, or None.
        is_rate: whether roll and pitch are rates.
    """

    roll: float
    pitch: float
    throttle: float | None = None
    height_z: float | None = None
    is_rate: bool = False


@dataclass
class Wish:
    """What a task wants now: a velocity (3,) NED in m/s, and a heading or a turn rate (rad/s).

    Where there is an attitude, it takes the place of the velocity.
    """

    velocity: np.ndarray
    yaw: float | None = None
    yaw_rate: float = 0.0
    attitude: Attitude | None = None


class Task(ABC):
    """One order. `answer` resolves when it ends."""

    def __init__(self, timeout_s: float = np.inf, *, result_at_timeout: bool = False) -> None:
        if np.isnan(timeout_s):
            raise ValueError("the time given is no number, so the order would never end")
        self.answer = Deferred()
        self.finished = False
        self._left_s = float(timeout_s)
        self._result_at_timeout = result_at_timeout

    def finish(self, result: bool) -> None:
        """End the task with an answer."""
        if not self.finished:
            self.finished = True
            self.answer.resolve(result)

    def count_down(self, span_s: float) -> None:
        """Let simulator time pass; the task ends when none is left."""
        self._left_s -= span_s
        if self._left_s <= 1e-9:
            self.finish(self._result_at_timeout)

    @abstractmethod
    def wish(self, body: Body) -> Wish:
        """Return what the task wants of a body in its present state."""


def hold(body: Body, place: np.ndarray, speed: float = 5.0) -> np.ndarray:
    """Return the velocity that keeps a body at a place."""
    wanted = (place - body.position) * _HOLD_GAIN
    length = float(np.linalg.norm(wanted))
    return wanted if length <= speed else wanted * (speed / length)


class Hold(Task):
    """Stay at a place until told otherwise."""

    def __init__(self, place: np.ndarray) -> None:
        super().__init__()
        self._place = place.copy()

    def wish(self, body: Body) -> Wish:
        return Wish(hold(body, self._place))


class FollowPath(Task):
    """Fly along a polyline, slowing down towards its end."""

    def __init__(
        self,
        points: np.ndarray,
        speed: float,
        timeout_s: float,
        drivetrain: int,
        yaw_mode: YawMode,
        lookahead: float,
    ) -> None:
        super().__init__(timeout_s)
        self._points = points
        self._speed = speed
        self._steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        self._ends = np.concatenate([[0.0], np.cumsum(self._steps)])
        self._lookahead = max(lookahead, 0.75) if lookahead > 0 else max(0.4 * speed, 0.75)
        self._travelled = 0.0
        self._forward_only = drivetrain == DrivetrainType.ForwardOnly
        self._yaw_mode = yaw_mode

    @property
    def end(self) -> np.ndarray:
        """(3,) where the path ends."""
        return self._points[-1]

    def wish(self, body: Body) -> Wish:
        self._follow(body.position)
        left = self._ends[-1] - self._travelled
        gap = float(np.linalg.norm(self.end - body.position))
        if left < ARRIVAL_M and gap < 0.6 * ARRIVAL_M:
            self.finish(True)
        target = self._at(self._travelled + self._lookahead)
        towards = target - body.position
        distance = float(np.linalg.norm(towards))
        speed = min(self._speed, np.sqrt(2 * _BRAKING_MPS2 * max(gap, left)) * 0.8)
        if left < self._lookahead:
            velocity = hold(body, self.end, speed)
        else:
            velocity = towards / max(distance, 1e-9) * speed
        return Wish(velocity, *self._heading(velocity))

    def _heading(self, velocity: np.ndarray) -> tuple[float | None, float]:
        if self._forward_only:
            if np.hypot(velocity[0], velocity[1]) < 0.3:
                return None, 0.0
            ahead = float(np.arctan2(velocity[1], velocity[0]))
            return ahead + np.radians(self._yaw_mode.yaw_or_rate), 0.0
        if self._yaw_mode.is_rate:
            return None, float(np.radians(self._yaw_mode.yaw_or_rate))
        return float(np.radians(self._yaw_mode.yaw_or_rate)), 0.0

    def _at(self, travelled: float) -> np.ndarray:
        s = min(max(travelled, 0.0), self._ends[-1])
        k = min(int(np.searchsorted(self._ends, s, side="right")) - 1, len(self._steps) - 1)
        share = (s - self._ends[k]) / max(self._steps[k], 1e-9)
        return self._points[k] + share * (self._points[k + 1] - self._points[k])

    def _follow(self, position: np.ndarray) -> None:
        """Move on to the nearest point of the next stretch of path; never back."""
        for s in np.linspace(self._travelled, self._travelled + self._lookahead, 9)[1:]:
            here = np.linalg.norm(self._at(self._travelled) - position)
            if np.linalg.norm(self._at(s) - position) < here:
                self._travelled = float(min(s, self._ends[-1]))


class FlyVelocity(Task):
    """Fly at a velocity for a time; its natural end answers True."""

    def __init__(
        self,
        velocity: np.ndarray,
        duration_s: float,
        drivetrain: int,
        yaw_mode: YawMode,
        *,
        height_z: float | None = None,
        in_body_frame: bool = False,
    ) -> None:
        super().__init__(duration_s, result_at_timeout=True)
        self._velocity = velocity
        self._forward_only = drivetrain == DrivetrainType.ForwardOnly
        self._yaw_mode, self._height_z, self._in_body = yaw_mode, height_z, in_body_frame

    def wish(self, body: Body) -> Wish:
        velocity = self._velocity.copy()
        if self._in_body:
            c, s = np.cos(body.yaw), np.sin(body.yaw)
            velocity[:2] = c * velocity[0] - s * velocity[1], s * velocity[0] + c * velocity[1]
        if self._height_z is not None:
            velocity[2] = np.clip((self._height_z - body.position[2]) * _HOLD_GAIN, -4.0, 4.0)
        if self._forward_only and np.hypot(velocity[0], velocity[1]) > 0.3:
            ahead = float(np.arctan2(velocity[1], velocity[0]))
            return Wish(velocity, ahead + np.radians(self._yaw_mode.yaw_or_rate))
        if self._yaw_mode.is_rate:
            return Wish(velocity, None, float(np.radians(self._yaw_mode.yaw_or_rate)))
        return Wish(velocity, float(np.radians(self._yaw_mode.yaw_or_rate)))


class LeanFor(Task):
    """Hold an attitude for a time; its natural end answers True."""

    def __init__(
        self,
        attitude: Attitude,
        duration_s: float,
        *,
        yaw: float | None = None,
        yaw_rate: float = 0.0,
    ) -> None:
        super().__init__(duration_s, result_at_timeout=True)
        self._wish = Wish(np.zeros(3), yaw, yaw_rate, attitude)

    def wish(self, body: Body) -> Wish:
        return self._wish


class Turn(Task):
    """Turn to a heading, within a margin, at a fixed place."""

    def __init__(self, place: np.ndarray, yaw: float, margin: float, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self._place, self._yaw, self._margin = place.copy(), yaw, margin

    def wish(self, body: Body) -> Wish:
        if abs(wrap_angle(self._yaw - body.yaw)) <= self._margin:
            self.finish(True)
        return Wish(hold(body, self._place), self._yaw)


class Spin(Task):
    """Turn at a rate for a time, at a fixed place."""

    def __init__(self, place: np.ndarray, rate: float, duration_s: float) -> None:
        super().__init__(duration_s, result_at_timeout=True)
        self._place, self._rate = place.copy(), rate

    def wish(self, body: Body) -> Wish:
        return Wish(hold(body, self._place), None, self._rate)


class Land(Task):
    """Go down slowly until something holds the vehicle up."""

    _DESCENT_MPS = 0.4

    def __init__(self, place: np.ndarray, timeout_s: float) -> None:
        super().__init__(timeout_s)
        self._place = place.copy()
        self._still_s = 0.0

    def count_down(self, span_s: float) -> None:
        self._still_s += span_s
        if self._still_s > 0.5:
            self.finish(True)
        super().count_down(span_s)

    def wish(self, body: Body) -> Wish:
        if abs(body.velocity[2]) > 0.05:
            self._still_s = 0.0
        velocity = hold(body, np.array([*self._place[:2], body.position[2]]))
        velocity[2] = self._DESCENT_MPS
        return Wish(velocity)
