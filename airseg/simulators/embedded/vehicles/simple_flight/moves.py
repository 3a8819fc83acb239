"""The loops of AirSim's moves, each a generator that sends a goal and waits for its next turn.

A turn comes every 20 ms of simulator time. What a loop returns is what its call answers; one that
is closed before has been cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np

from airseg.geometry import rotation_matrix
from airseg.simulators.embedded.vehicles.simple_flight.autopilot import Autopilot
from airseg.simulators.protocol import DrivetrainType, YawMode

Loop = Generator[None, None, bool]

ACCURACY_M = 0.5
PERIOD_S = 0.02
_LANDING_MPS = 0.2
_STILL_MPS = 0.05
_STILL_TURNS = 10
_STILL_RAD_S = 0.01
_OLDEST_STICKS_S = 0.1
_STICK_RANGE = 10_000.0
_FULL_YAW_DEG = 100.0


def repeat(autopilot: Autopilot, order: Callable[[], None], duration_s: float) -> Loop:
    """Send an order for a time, seconds; True when the time is over."""
    if duration_s <= 0:
        return True
    is_over = autopilot.timer(duration_s)
    while True:
        order()
        if is_over():
            return True
        yield


def land(autopilot: Autopilot, timeout_s: float) -> Loop:
    """Sink until the vehicle has not sunk for eleven turns."""
    if timeout_s <= 0:
        return False
    is_over = autopilot.timer(timeout_s)
    down, still = np.array([0.0, 0.0, _LANDING_MPS]), 0
    while True:
        autopilot.fly_at(down, YawMode())
        still = still + 1 if autopilot.velocity[2] <= _STILL_MPS else 0
        if still > _STILL_TURNS:
            return True
        if is_over():
            return False
        yield


def rotate_to_yaw(
    autopilot: Autopilot, yaw_deg: float, timeout_s: float, margin_deg: float
) -> Loop:
    """Turn, until the heading is within the margin and the turning has stopped.

    The margin is measured without going round: 179 and -179 degrees are 358 apart, as in AirSim.
    """
    if timeout_s <= 0:
        return True
    is_over = autopilot.timer(timeout_s)
    place, target = autopilot.position, normalized_degrees(yaw_deg)
    while True:
        if abs(np.degrees(autopilot.yaw) - target) <= margin_deg:
            autopilot.hold(place, YawMode())
            if abs(autopilot.yaw_rate) <= _STILL_RAD_S:
                return True
        else:
            autopilot.hold(place, YawMode(False, target))
        if is_over():
            return False
        yield


def fly_by_sticks(
    autopilot: Autopilot,
    limits: np.ndarray,
    duration_s: float,
    drivetrain: int,
    yaw_mode: YawMode,
) -> Loop:
    """Fly as the remote control's sticks say, within (3,) limits of x, y (m/s) and height (m)."""
    if duration_s <= 0:
        return True
    is_over = autopilot.timer(duration_s)
    turn = rotation_matrix(autopilot.state["orientation"])
    while True:
        sticks = autopilot.remote
        age_s = (autopilot.now_ns - sticks.timestamp) * 1e-9
        if sticks.is_valid and (sticks.timestamp == 0 or age_s <= _OLDEST_STICKS_S):
            pushed = np.array([sticks.pitch * limits[1], sticks.roll * limits[0], 0.0])
            velocity = turn.T @ pushed / _STICK_RANGE
            turning = sticks.yaw * _FULL_YAW_DEG / _STICK_RANGE
            yaw = YawMode(yaw_mode.is_rate, yaw_mode.yaw_or_rate + turning)
            height = sticks.throttle / _STICK_RANGE * limits[2] + autopilot.position[2]
            yaw = adjusted_yaw(velocity, drivetrain, yaw)
            autopilot.fly_at_height(velocity[0], velocity[1], height, yaw)
        if is_over():
            return True
        yield


def adjusted_yaw(heading: np.ndarray, drivetrain: int, yaw: YawMode) -> YawMode:
    """Return the yaw to order: with ForwardOnly, an angle is measured from the heading (3,)."""
    if drivetrain != DrivetrainType.ForwardOnly or yaw.is_rate:
        return yaw
    if not np.linalg.norm(heading) > ACCURACY_M:
        return YawMode()
    ahead = np.degrees(np.arctan2(heading[1], heading[0]))
    return YawMode(False, normalized_degrees(yaw.yaw_or_rate + float(ahead)))


def normalized_degrees(angle: float) -> float:
    """Return an angle within -180 and 180 degrees."""
    angle = float(np.fmod(angle, 360.0))
    if angle > 180.0:
        return angle - 360.0
    return angle + 360.0 if angle < -180.0 else angle
