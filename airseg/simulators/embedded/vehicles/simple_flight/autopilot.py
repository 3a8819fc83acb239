"""Orders to SimpleFlight: goals of the cascade, arming, and who is in control."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from airseg.simulators.embedded.vehicles.simple_flight.rotations import euler_angles
from airseg.simulators.embedded.vehicles.simple_flight.state import (
    ACTIVE,
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
    VELOCITY,
)
from airseg.simulators.protocol import RcData, YawMode

_TILTING = (ANGLE_LEVEL, ANGLE_LEVEL)
_TURNING = (ANGLE_RATE, ANGLE_RATE)


class Autopilot:
    """What tasks tell a multirotor's flight controller and read from it.

    Positions are relative to the vehicle's start. A goal counts only under API control, and holds
    until the next one or for 60 ms of simulator time.

    Args:
        states: (1,) array of `state.STATE`.
    """

    def __init__(self, states: np.ndarray) -> None:
        self.state = states[0]
        self.remote = RcData()

    @property
    def now_ns(self) -> int:
        """Simulator time."""
        return int(self.state["now_ns"])

    @property
    def position(self) -> np.ndarray:
        """(3,) metres, NED."""
        return self.state["position"].copy()

    @property
    def velocity(self) -> np.ndarray:
        """(3,) m/s, NED."""
        return self.state["velocity"].copy()

    @property
    def yaw(self) -> float:
        """Heading, radians."""
        return float(euler_angles(self.state["orientation"])[2])

    @property
    def yaw_rate(self) -> float:
        """Rad/s about the body's own axis."""
        return float(self.state["angular_velocity"][2])

    def timer(self, seconds: float) -> Callable[[], bool]:
        """Return what tells, from now on, whether so much simulator time has passed.

        Raises:
            ValueError: the time is NaN, which AirSim would wait for without end.
        """
        if np.isnan(seconds):
            raise ValueError("the time given is no number, so the order would never end")
        start_ns = self.now_ns
        return lambda: (self.now_ns - start_ns) * 1e-9 >= seconds

    def fly_at(self, velocity: np.ndarray, yaw: YawMode) -> None:
        """Want a (3,) velocity of the world."""
        x, y, z = velocity
        turn, kind = _yaw_goal(yaw)
        self._want((VELOCITY, VELOCITY, kind, VELOCITY), (y, x, turn, z))

    def fly_at_height(self, x: float, y: float, z: float, yaw: YawMode) -> None:
        """Want a velocity over ground, and a height."""
        turn, kind = _yaw_goal(yaw)
        self._want((VELOCITY, VELOCITY, kind, POSITION), (y, x, turn, z))

    def hold(self, position: np.ndarray, yaw: YawMode) -> None:
        """Want a (3,) position."""
        x, y, z = position
        turn, kind = _yaw_goal(yaw)
        self._want((POSITION, POSITION, kind, POSITION), (y, x, turn, z))

    def lean(
        self,
        roll: float,
        pitch: float,
        yaw: float,
        lift: float,
        *,
        yaw_is_rate: bool = False,
        are_rates: bool = False,
        lift_is_height: bool = False,
    ) -> None:
        """Want angles or rates (radians), and a height or a throttle."""
        tilt = _TURNING if are_rates else _TILTING
        turn = ANGLE_RATE if yaw_is_rate or are_rates else ANGLE_LEVEL
        kind = POSITION if lift_is_height else PASSTHROUGH
        self._want((*tilt, turn, kind), (roll, pitch, yaw, lift))

    def drive_motors(self, signals: np.ndarray) -> None:
        """Want (4,) motor signals, 0 to 1: front right, rear left, front left, rear right."""
        self._want((PASSTHROUGH,) * 4, signals)

    def enable_api(self, enabled: bool) -> None:
        """Take or give up control; taking it is refused silently where it is not allowed."""
        state = self.state
        if not enabled:
            state["has_api_control"] = False
        elif state["allows_api_control"]:
            state["has_api_control"] = True
            state["goal"], state["goal_mode"] = state["remote_goal"], state["remote_mode"]

    def arm(self) -> bool:
        """Arm, with idle motors until the next goal; False if it may not."""
        state = self.state
        if not state["has_api_control"]:
            return False
        if state["vehicle_state"] == ARMED:
            return True
        if state["vehicle_state"] not in (INACTIVE, DISARMED, BEING_DISARMED):
            return False
        state["vehicle_state"] = ARMED
        self._set_throttle(IDLE_THROTTLE)
        return True

    def disarm(self) -> bool:
        """Disarm: motors off until the next goal; False if it may not."""
        state = self.state
        may = state["vehicle_state"] in (ACTIVE, ARMED, BEING_ARMED)
        if not (state["has_api_control"] and may):
            return False
        state["vehicle_state"] = DISARMED
        self._set_throttle(0.0)
        return True

    def take_remote(self, sticks: RcData) -> None:
        """Take what a remote control says; it steers only without API control."""
        self.remote = sticks
        state = self.state
        state["remote_is_connected"] = sticks.is_valid
        if sticks.is_valid:
            state["channels"] = sticks.roll, -sticks.pitch, sticks.yaw, sticks.throttle
            state["switches"] = sticks.switches & 1, sticks.switches >> 1 & 1

    def set_gains(self, loop: int, kp: np.ndarray, ki: np.ndarray, kd: np.ndarray) -> None:
        """Set (4,) gains of a loop, axis by axis; every controller forgets what it summed up."""
        for name, values in (("kp", kp), ("ki", ki), ("kd", kd)):
            self.state[name][loop] = values
        self.state["gains_have_changed"] = True

    def _want(self, mode: tuple[int, ...], goal: np.ndarray | tuple[float, ...]) -> None:
        state = self.state
        if state["has_api_control"]:
            state["goal_mode"], state["goal"] = mode, goal
            state["goal_ms"] = self.now_ns // 1_000_000
            state["has_timed_out"] = False

    def _set_throttle(self, throttle: float) -> None:
        self.state["goal"] = 0.0, 0.0, 0.0, throttle
        self.state["goal_mode"] = (*_TURNING, ANGLE_RATE, PASSTHROUGH)


def _yaw_goal(yaw: YawMode) -> tuple[float, int]:
    """Return the goal of the yaw axis, radians or rad/s, and what it is."""
    return float(np.radians(yaw.yaw_or_rate)), ANGLE_RATE if yaw.is_rate else ANGLE_LEVEL
