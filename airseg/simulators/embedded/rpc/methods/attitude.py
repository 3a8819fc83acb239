"""RPC methods that steer a multirotor by its attitude, its motors or a remote control's sticks."""

from __future__ import annotations

from typing import Any

import numpy as np

from airseg.simulators.embedded.answers import Deferred
from airseg.simulators.embedded.rpc.methods.multirotor import MultirotorApi
from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.vehicles.simple_flight.autopilot import Autopilot
from airseg.simulators.embedded.vehicles.simple_flight.state import (
    LEVEL_LOOP,
    POSITION_LOOP,
    RATE_LOOP,
    ROTOR_SPEED_RAD_S,
    ROTOR_THRUST_N,
    ROTOR_TORQUE_NM,
    ROTOR_TURNS,
    VELOCITY_LOOP,
)
from airseg.simulators.protocol import RcData, Vector3r

_ANGLE_ORDER = (float, float, float, float, float, str)
AngleOrder = tuple[float, float, float, float, float, str]
"""Roll, pitch, yaw, then height m or throttle 0 to 1, for how many seconds, vehicle."""
_GAIN_KINDS = ([float], [float], [float], str)


class AttitudeApi(MultirotorApi):
    """Orders below positions and velocities. Angles are radians of the body: right, up, right."""

    @rpc("moveByRollPitchYawZ", *_ANGLE_ORDER)
    def roll_pitch_yaw_z(self, *order: *AngleOrder) -> Deferred:
        """Hold angles at a height for a time."""
        return self._lean(*order, lift_is_height=True)

    @rpc("moveByRollPitchYawThrottle", *_ANGLE_ORDER)
    def roll_pitch_yaw_throttle(self, *order: *AngleOrder) -> Deferred:
        """Hold angles with a throttle for a time."""
        return self._lean(*order)

    @rpc("moveByRollPitchYawrateZ", *_ANGLE_ORDER)
    def roll_pitch_yaw_rate_z(self, *order: *AngleOrder) -> Deferred:
        """Hold roll and pitch while turning, at a height, for a time."""
        return self._lean(*order, yaw_is_rate=True, lift_is_height=True)

    @rpc("moveByRollPitchYawrateThrottle", *_ANGLE_ORDER)
    def roll_pitch_yaw_rate_throttle(self, *order: *AngleOrder) -> Deferred:
        """Hold roll and pitch while turning, with a throttle, for a time."""
        return self._lean(*order, yaw_is_rate=True)

    @rpc("moveByAngleRatesZ", *_ANGLE_ORDER)
    def angle_rates_z(self, *order: *AngleOrder) -> Deferred:
        """Turn about all three axes at a height for a time."""
        return self._lean(*order, are_rates=True, lift_is_height=True)

    @rpc("moveByAngleRatesThrottle", *_ANGLE_ORDER)
    def angle_rates_throttle(self, *order: *AngleOrder) -> Deferred:
        """Turn about all three axes with a throttle for a time."""
        return self._lean(*order, are_rates=True)

    @rpc("moveByMotorPWMs", float, float, float, float, float, str)
    def motor_pwms(
        self,
        front_right: float,
        rear_left: float,
        front_left: float,
        rear_right: float,
        duration: float,
        name: str,
    ) -> Deferred:
        """Set the four motors, each 0 to 1, for a time."""
        signals = np.array([front_right, rear_left, front_left, rear_right])
        return self._repeat(name, lambda pilot: pilot.drive_motors(signals), duration)

    @rpc("moveByRC", RcData, str)
    def remote_control(self, sticks: RcData, name: str) -> None:
        """Set the remote control's sticks.

        They steer without API control only, and until the next tick only unless RemoteControlID
        is -1: else a joystick is read, which there is none of.
        """
        with self._simulation.lock:
            self._multirotor(name).aircraft.autopilot.take_remote(sticks)

    @rpc("setAngleRateControllerGains", *_GAIN_KINDS)
    def set_rate_gains(self, kp: list[float], ki: list[float], kd: list[float], name: str) -> None:
        """Set the gains of roll, pitch and yaw rate."""
        self._set_gains(name, RATE_LOOP, kp, ki, kd)

    @rpc("setAngleLevelControllerGains", *_GAIN_KINDS)
    def set_level_gains(self, kp: list[float], ki: list[float], kd: list[float], name: str) -> None:
        """Set the gains of roll, pitch and yaw."""
        self._set_gains(name, LEVEL_LOOP, kp, ki, kd)

    @rpc("setVelocityControllerGains", *_GAIN_KINDS)
    def set_velocity_gains(
        self, kp: list[float], ki: list[float], kd: list[float], name: str
    ) -> None:
        """Set the gains of the velocity along x, y and z."""
        self._set_gains(name, VELOCITY_LOOP, kp, ki, kd)

    @rpc("setPositionControllerGains", *_GAIN_KINDS)
    def set_position_gains(
        self, kp: list[float], ki: list[float], kd: list[float], name: str
    ) -> None:
        """Set the gains of the position along x, y and z."""
        self._set_gains(name, POSITION_LOOP, kp, ki, kd)

    @rpc(
        "setSafety",
        int,
        float,
        int,
        int,
        Vector3r,
        float,
        float,
        float,
        str,
        support=PARTLY,
        note="refused, as AirSim's SimpleFlight refuses it",
    )
    def set_safety(self, *rules: Any) -> bool:
        """Refuse rules of safety: there is nothing that would watch over them."""
        self._vehicle(rules[-1])
        raise ValueError("The setSafety call requires safety_eval_ptr_ to be set first")

    @rpc("getRotorStates", str)
    def rotor_states(self, name: str) -> dict[str, Any]:
        """Return thrust (newton), torque (newton metres) and speed (rad/s) of the rotors."""
        with self._simulation.lock:
            pulls = self._multirotor(name).aircraft.state["rotor"]
            rotors = [
                {
                    "thrust": float(pull * ROTOR_THRUST_N),
                    "torque_scaler": float(-turn * pull * ROTOR_TORQUE_NM),
                    "speed": float(np.sqrt(pull) * ROTOR_SPEED_RAD_S),
                }
                for pull, turn in zip(pulls, ROTOR_TURNS, strict=True)
            ]
            return {"rotors": rotors, "timestamp": self._simulation.clock.now_ns}

    def _lean(
        self,
        roll: float,
        pitch: float,
        yaw: float,
        lift: float,
        duration: float,
        name: str,
        **kinds: bool,
    ) -> Deferred:
        def order(pilot: Autopilot) -> None:
            pilot.lean(roll, pitch, yaw, lift, **kinds)

        return self._repeat(name, order, duration)

    def _set_gains(
        self, name: str, loop: int, kp: list[float], ki: list[float], kd: list[float]
    ) -> None:
        """Set a loop's gains, of angles in the axes' order, of x, y, z where those belong."""
        if min(len(kp), len(ki), len(kd)) < 3:
            raise ValueError("gains are three numbers each: kp, ki and kd")

        def by_axis(gains: list[float], fourth: float) -> np.ndarray:
            if loop in (RATE_LOOP, LEVEL_LOOP):
                return np.array([*gains[:3], fourth])
            return np.array([gains[1], gains[0], 0.0, gains[2]])

        with self._simulation.lock:
            pilot = self._multirotor(name).aircraft.autopilot
            pilot.set_gains(loop, by_axis(kp, 1.0), by_axis(ki, 0.0), by_axis(kd, 0.0))
