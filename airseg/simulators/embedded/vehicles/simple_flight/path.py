"""AirSim's path following: steer at a point a lookahead ahead of the place reached on the path.

It does not brake at the end, answers False where it stops short of it, and does nothing at all on
a path that is shorter than the lookahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.simulators.embedded.vehicles.simple_flight.autopilot import Autopilot
from airseg.simulators.embedded.vehicles.simple_flight.moves import (
    ACCURACY_M,
    PERIOD_S,
    Loop,
    adjusted_yaw,
)
from airseg.simulators.protocol import DrivetrainType, YawMode

_LOOKAHEAD_TURNS = 40
_ADAPTIVE_LOOKAHEAD_TURNS = 30
_TOUCHING_M = 1e-5


@dataclass(frozen=True)
class _Place:
    """Somewhere on a path: a segment, metres along it, and (3,) where that is."""

    segment: int
    offset: float
    position: np.ndarray


class _Path:
    """(N, 3) points, the first of them where the flight begins."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = points
        self.start = _Place(0, 0.0, points[0])
        self._steps = np.diff(points, axis=0)
        self._lengths = np.linalg.norm(self._steps, axis=1)

    def is_end(self, place: _Place) -> bool:
        """Tell whether a place is past all segments."""
        return place.segment >= len(self._lengths)

    def ahead(self, place: _Place, distance: float) -> _Place:
        """Return the place that lies a distance further on, the end at most."""
        segment, offset = place.segment, place.offset
        while segment < len(self._lengths):
            length = float(self._lengths[segment])
            if length > 0 and length >= distance + offset:
                along = distance + offset
                step = self._steps[segment] * (along / length)
                return _Place(segment, along, self.points[segment] + step)
            distance -= length - offset
            segment, offset = segment + 1, 0.0
        return _Place(segment, 0.0, self.points[-1])


def chosen_lookahead(
    velocity: float, drivetrain: int, yaw_mode: YawMode, lookahead: float, adaptive: float
) -> float:
    """Check a path's arguments and return the lookahead, metres; below 0 it follows the velocity.

    Raises:
        ValueError: the arguments do not go together; the messages are AirSim's.
    """
    if drivetrain == DrivetrainType.ForwardOnly and yaw_mode.is_rate:
        raise ValueError("Yaw cannot be specified as rate if drivetrain is ForwardOnly")
    a_turn = velocity * PERIOD_S
    if lookahead == 0:
        raise ValueError("lookahead distance cannot be 0")
    if lookahead > 0:
        if a_turn > lookahead:
            raise ValueError(
                f"lookahead value {lookahead:f} is too small for velocity {velocity:f}. "
                f"It must be at least {a_turn:f}"
            )
        if lookahead < ACCURACY_M:
            raise ValueError(
                f"lookahead value {lookahead:f} is smaller than drone's distance accuracy "
                f"{ACCURACY_M:f}."
            )
        return lookahead
    turns = _ADAPTIVE_LOOKAHEAD_TURNS if adaptive > 0 else _LOOKAHEAD_TURNS
    return max(a_turn * turns, 1.5 * ACCURACY_M)


def follow_path(
    autopilot: Autopilot,
    points: np.ndarray,
    velocity: float,
    timeout_s: float,
    drivetrain: int,
    yaw_mode: YawMode,
    lookahead: float,
    adaptive: float,
) -> Loop:
    """Fly along (N, 3) points from the present place; see `chosen_lookahead` for the arguments."""
    path = _Path(np.vstack([autopilot.position, points]))
    is_over = autopilot.timer(timeout_s)
    reached, sideways, progress = path.start, 0.0, 0.0
    goal = path.ahead(reached, lookahead)
    while not is_over() and (not path.is_end(goal) or progress > 0):
        _steer(autopilot, goal.position, velocity, drivetrain, yaw_mode)
        yield
        if is_over():
            return False
        towards = goal.position - reached.position
        if np.abs(towards).max() <= _TOUCHING_M:
            return True
        flown = autopilot.position - reached.position
        towards /= np.linalg.norm(towards)
        progress = float(flown @ towards)
        if adaptive:
            sideways = float(np.linalg.norm(flown - towards * progress)) * adaptive
        if progress >= 0:
            reached = path.ahead(reached, progress)
        goal = path.ahead(reached, lookahead + sideways)
    return False


def _steer(
    autopilot: Autopilot, goal: np.ndarray, speed: float, drivetrain: int, yaw_mode: YawMode
) -> None:
    """Order a velocity towards a (3,) place; none when it is near, and none up or down."""
    position = autopilot.position
    towards = goal - position
    distance = float(np.linalg.norm(towards))
    yaw = adjusted_yaw(towards, drivetrain, yaw_mode)
    if distance < ACCURACY_M:
        velocity = np.zeros(3)
    else:
        velocity = towards / distance * min(speed, distance / PERIOD_S)
    if abs(towards[2]) <= ACCURACY_M:
        velocity[2] = 0.0
    autopilot.fly_at(velocity, yaw)
