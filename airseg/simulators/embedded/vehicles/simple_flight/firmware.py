"""What SimpleFlight decides at each step: remote control, arming, hover time-out, landed state."""

from __future__ import annotations

import math

from airseg.kernels import njit
from airseg.simulators.embedded.vehicles.simple_flight.controllers import control
from airseg.simulators.embedded.vehicles.simple_flight.state import (
    ANGLE_LEVEL,
    ANGLE_RATE,
    ARMED,
    BEING_ARMED,
    BEING_DISARMED,
    DISARMED,
    IDLE_THROTTLE,
    INACTIVE,
    PASSTHROUGH,
    POSITION,
)

GOAL_TIMEOUT_MS = 60
_REMOTE_INTERVAL_MS = 10
_REQUEST_MS = 100
_STICK_TOLERANCE = 0.1
_LEVEL_SWITCH_LIMIT = 0.3
_ALLOWING_SWITCH_LIMIT = 0.1
_ARMED_THROTTLE = 0.1
_STILL = 0.08
_CLIMBING = 0.01
_NO_REQUEST, _ARM, _DISARM, _NEUTRAL = range(4)
_STICK_SCALE = (math.pi / 5.5, math.pi / 5.5, math.pi, 1.0)


@njit(cache=True)
def decide(r):  # noqa: ANN001, ANN201
    """Run the flight controller of a record once: choose the goal, then set the motors."""
    now_ms = r.now_ns // 1_000_000
    _read_remote(r, now_ms)
    if not r.has_api_control:
        for axis in range(4):
            r.goal[axis] = r.remote_goal[axis]
            r.goal_mode[axis] = r.remote_mode[axis]
    elif r.has_taken_off and now_ms - r.goal_ms > GOAL_TIMEOUT_MS and not r.has_timed_out:
        _hold_here(r)
    _notice_landing(r)
    control(r)


@njit(cache=True)
def _hold_here(r):  # noqa: ANN001, ANN202
    r.goal[0], r.goal[1], r.goal[2], r.goal[3] = r.position[1], r.position[0], 0.0, r.position[2]
    r.goal_mode[0] = r.goal_mode[1] = r.goal_mode[3] = POSITION
    r.goal_mode[2] = ANGLE_RATE
    r.has_timed_out = True


@njit(cache=True)
def _notice_landing(r):  # noqa: ANN001, ANN202
    """Tell flying from standing by the motors of the last step and the present motion."""
    runs = (r.motor[0] + r.motor[1] + r.motor[2] + r.motor[3]) / 4 > _ARMED_THROTTLE
    if r.has_taken_off and not runs:
        still = True
        for k in range(3):
            still &= abs(r.velocity[k]) < _STILL and abs(r.angular_velocity[k]) < _STILL
        if still:
            r.is_landed, r.has_taken_off = True, False
    elif not r.has_taken_off and runs and abs(r.velocity[2]) > _CLIMBING:
        r.is_landed, r.has_taken_off = False, True


@njit(cache=True)
def _read_remote(r, now_ms):  # noqa: ANN001, ANN202
    span_ms = now_ms - r.remote_ms
    if span_ms <= _REMOTE_INTERVAL_MS:
        return
    r.remote_ms = now_ms
    if not r.remote_is_connected:
        for axis in range(4):
            r.channels[axis] = 0.0
    _choose_mode(r)
    request = _request(r)
    if r.vehicle_state == INACTIVE:
        if request == _ARM and _has_waited(r, span_ms):
            r.vehicle_state = BEING_ARMED
    elif r.vehicle_state == BEING_ARMED:
        for axis in range(3):
            r.remote_goal[axis] = 0.0
        r.remote_goal[3] = _ARMED_THROTTLE
        if request == _NEUTRAL and _has_waited(r, span_ms):
            r.vehicle_state = ARMED
    elif r.vehicle_state == ARMED:
        if request == _DISARM:
            if _has_waited(r, span_ms):
                r.vehicle_state = BEING_DISARMED
        else:
            r.request_ms = 0
            for axis in range(4):
                r.remote_goal[axis] = r.channels[axis] * _STICK_SCALE[axis]
            r.remote_goal[3] = max(r.remote_goal[3], IDLE_THROTTLE)
    elif r.vehicle_state == BEING_DISARMED:
        for axis in range(3):
            r.remote_goal[axis] = 0.0
        r.vehicle_state = DISARMED
    elif r.vehicle_state == DISARMED:
        for axis in range(4):
            r.remote_goal[axis] = 0.0
        r.vehicle_state = INACTIVE


@njit(cache=True)
def _has_waited(r, span_ms):  # noqa: ANN001, ANN202
    """Tell whether the sticks have asked for long enough, and begin anew if so."""
    r.request_ms += min(span_ms, _REQUEST_MS)  # the first reading has no reading before it
    if r.request_ms <= _REQUEST_MS:
        return False
    r.request_ms = 0
    return True


@njit(cache=True)
def _choose_mode(r):  # noqa: ANN001, ANN202
    if r.remote_is_connected and r.level_switch != r.switches[0]:
        r.level_switch = r.switches[0]
        is_level = r.level_switch < _LEVEL_SWITCH_LIMIT
        r.remote_mode[0] = r.remote_mode[1] = ANGLE_LEVEL if is_level else ANGLE_RATE
        r.remote_mode[2], r.remote_mode[3] = ANGLE_RATE, PASSTHROUGH
    elif not r.remote_is_connected:
        for axis in range(3):
            r.remote_goal[axis] = 0.0
    if r.remote_is_connected:
        allows = r.switches[1] > _ALLOWING_SWITCH_LIMIT
    else:
        allows = r.api_is_allowed_without_remote
    r.allows_api_control = r.api_is_always_allowed or allows


@njit(cache=True)
def _request(r):  # noqa: ANN001, ANN202
    """Return what the sticks ask for: throttle down and pitch back, yaw and roll apart."""
    roll, pitch, yaw, throttle = r.channels[0], r.channels[1], r.channels[2], r.channels[3]
    far = 1.0 - _STICK_TOLERANCE
    down = throttle <= _STICK_TOLERANCE and (pitch + 1) / 2 >= far
    if down and yaw >= far and roll <= -far:
        return _ARM
    if down and yaw <= -far and roll >= far:
        return _DISARM
    if max(abs(roll), abs(pitch), abs(yaw)) <= _STICK_TOLERANCE:
        return _NEUTRAL
    return _NO_REQUEST
