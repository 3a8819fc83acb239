"""The cascade of SimpleFlight: position, velocity, angle and angle rate, then the mixer.

Each axis of a goal is a position, a velocity, an angle, an angle rate or the throttle itself, and
is handed down from loop to loop. Outputs of a loop are clipped to -1 and 1 before they are scaled
to the goal of the next. An axis whose kind of goal changes starts with an empty memory.
"""

from __future__ import annotations

import math

from airseg.kernels import njit
from airseg.simulators.embedded.vehicles.simple_flight.rotations import euler_angles, to_body
from airseg.simulators.embedded.vehicles.simple_flight.state import (
    ANGLE_LEVEL,
    ANGLE_RATE,
    LEVEL_LOOP,
    PASSTHROUGH,
    POSITION,
    POSITION_LOOP,
    RATE_LOOP,
    VELOCITY,
    VELOCITY_LOOP,
)

_TWO_PI = 2 * math.pi
_MAX_RATE = 2.5
_MAX_TILT = math.pi / 5.5
_MAX_SPEED = 6.0
_MIN_THROTTLE = 0.3
_MIN_ANGLING_THROTTLE = 0.05
_CLIMB_DISCOUNT = 0.9999


@njit(cache=True)
def control(r):  # noqa: ANN001, ANN201
    """Set the motors of a record from its goal and its present motion."""
    now_ms = r.now_ns // 1_000_000
    for axis in range(4):
        if r.mode[axis] != r.goal_mode[axis] or r.gains_have_changed:
            r.mode[axis] = r.goal_mode[axis]
            _forget(r, axis, now_ms)
        mode, goal = r.mode[axis], r.goal[axis]
        if mode == PASSTHROUGH:
            r.output[axis] = goal
        elif mode == ANGLE_RATE:
            r.output[axis] = _rate(r, axis, goal, now_ms)
        elif mode == ANGLE_LEVEL:
            r.output[axis] = _level(r, axis, goal, now_ms)
        elif mode == VELOCITY:
            # The goals of all three axes, whatever they are: with a height held, a height in
            # metres is taken for a speed as soon as the body tilts. AirSim does so, too.
            r.output[axis] = _velocity(r, axis, r.goal[1], r.goal[0], r.goal[3], now_ms)
        elif mode == POSITION:
            r.output[axis] = _position(r, axis, goal, now_ms)
    r.gains_have_changed = False
    _mix(r)


@njit(cache=True)
def _forget(r, axis, now_ms):  # noqa: ANN001, ANN202
    for loop in range(4):
        r.integral[loop, axis] = 0.0
        r.last_error[loop, axis] = 0.0
        r.last_ms[loop, axis] = now_ms


@njit(cache=True)
def _clip(value):  # noqa: ANN001, ANN202
    """Clip to -1 and 1 as C++ does it: what is no number becomes -1."""
    if value > 1.0:
        return 1.0
    return value if value >= -1.0 else -1.0


@njit(cache=True)
def _pid(r, loop, axis, error, now_ms):  # noqa: ANN001, ANN202
    """Return the output of one loop. Time has the grain of AirSim's board: whole milliseconds."""
    span = (now_ms - r.last_ms[loop, axis]) * 0.001
    slope = 0.0
    if span > 1e-6:
        kept = _CLIMB_DISCOUNT if loop == VELOCITY_LOOP and axis == 3 else 1.0
        grown = kept * r.integral[loop, axis] + span * error * r.ki[loop, axis]
        r.integral[loop, axis] = _clip(grown)
        slope = (error - r.last_error[loop, axis]) / span
        r.last_error[loop, axis] = error
    r.last_ms[loop, axis] = now_ms
    pushed = r.kp[loop, axis] * error + r.integral[loop, axis] + r.kd[loop, axis] * slope
    return _clip(pushed)


@njit(cache=True)
def _rate(r, axis, goal, now_ms):  # noqa: ANN001, ANN202
    return _pid(r, RATE_LOOP, axis, goal - r.angular_velocity[axis], now_ms)


@njit(cache=True)
def _level(r, axis, goal, now_ms):  # noqa: ANN001, ANN202
    roll, pitch, yaw = euler_angles(r.orientation)
    angle = roll if axis == 0 else (pitch if axis == 1 else yaw)
    error = (goal - angle + math.pi) % _TWO_PI - math.pi
    return _rate(r, axis, _MAX_RATE * _pid(r, LEVEL_LOOP, axis, error, now_ms), now_ms)


@njit(cache=True)
def _velocity(r, axis, x, y, z, now_ms):  # noqa: ANN001, ANN202
    """Follow a velocity of the world, compared in the axes of the tilted body."""
    v = r.velocity
    ex, ey, ez = to_body(r.orientation, x - v[0], y - v[1], z - v[2])
    if axis == 0:
        return _level(r, 0, _MAX_TILT * _pid(r, VELOCITY_LOOP, 0, ey, now_ms), now_ms)
    if axis == 1:
        return _level(r, 1, -_MAX_TILT * _pid(r, VELOCITY_LOOP, 1, ex, now_ms), now_ms)
    return max((1.0 - _pid(r, VELOCITY_LOOP, 3, ez, now_ms)) / 2, _MIN_THROTTLE)


@njit(cache=True)
def _position(r, axis, goal, now_ms):  # noqa: ANN001, ANN202
    """Follow a position along one axis of the world.

    The wanted speed of this axis is turned into the body alone, without the others', so that the
    hold is weak or none unless the nose points north or south. AirSim does so, too.
    """
    place = 1 - axis if axis < 2 else 2
    speed = _MAX_SPEED * _pid(r, POSITION_LOOP, axis, goal - r.position[place], now_ms)
    if place == 0:
        return _velocity(r, axis, speed, 0.0, 0.0, now_ms)
    if place == 1:
        return _velocity(r, axis, 0.0, speed, 0.0, now_ms)
    return _velocity(r, axis, 0.0, 0.0, speed, now_ms)


@njit(cache=True)
def _mix(r):  # noqa: ANN001, ANN202
    """Set the motors: front right, rear left, front left, rear right."""
    motor, out = r.motor, r.output
    if r.mode[0] == r.mode[1] == r.mode[2] == r.mode[3] == PASSTHROUGH:
        for k in range(4):
            motor[k] = out[k]
    elif out[3] < _MIN_ANGLING_THROTTLE:
        for k in range(4):
            motor[k] = out[3]
    else:
        roll, pitch, yaw = out[0], out[1], out[2]
        motor[0] = out[3] - roll + pitch + yaw
        motor[1] = out[3] + roll - pitch + yaw
        motor[2] = out[3] + roll + pitch - yaw
        motor[3] = out[3] - roll - pitch - yaw
        least = min(motor[0], motor[1], motor[2], motor[3])
        largest = max(motor[0], motor[1], motor[2], motor[3]) - min(least, 0.0)
        for k in range(4):
            motor[k] = (motor[k] - min(least, 0.0)) / max(largest, 1.0)
    for k in range(4):  # a motor that is told no number stands still
        motor[k] = min(motor[k], 1.0) if motor[k] > 0.0 else 0.0
