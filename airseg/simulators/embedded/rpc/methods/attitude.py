"""RPC methods that steer a multirotor by its attitude, its motors or a remote control's sticks."""

from __future__ import annotations

from typing import Any

import numpy as np

from airseg.simulators.embedded.answers import Deferred
from airseg.simulators.embedded.rpc.methods.multirotor import MultirotorApi
from airseg.simulators.embedded.rpc.methods.vehicles import check_finite
from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.vehicles.tasks import Attitude, LeanFor
from airseg.simulators.embedded.vehicles.vehicle import HOVER_THROTTLE
from airseg.simulators.protocol import RcData, Vector3r

_STICK_TILT = np.radians(30.0)
_STICK_YAW_RATE = np.radians(90.0)
_MOTOR_RATE = 12.0
_ROTOR_FULL_SPEED = 668.0
_ROTOR_FULL_THRUST = 4.179
_GAIN_KINDS = ([float], [float], [float], str)
_GAINS = "accepted; motion has its own fixed dynamics"


class AttitudeApi(MultirotorApi):
    """Orders below positions and velocities. Angles are radians of the body: right, up, right."""

    @rpc("moveByRollPitchYawZ", float, float, float, float, float, str)
    def roll_pitch_yaw_z(
        self, roll: float, pitch: float, yaw: float, z: float, duration: float, name: str
    ) -> Deferred | bool:
        """Hold angles at a height for a time."""
        return self._lean(name, duration, roll, pitch, yaw=yaw, z=z)

    @rpc("moveByRollPitchYawThrottle", float, float, float, float, float, str)
    def roll_pitch_yaw_throttle(
        self, roll: float, pitch: float, yaw: float, throttle: float, duration: float, name: str
    ) -> Deferred | bool:
        """Hold angles with a throttle for a time."""
        return self._lean(name, duration, roll, pitch, yaw=yaw, throttle=throttle)

    @rpc("moveByRollPitchYawrateZ", float, float, float, float, float, str)
    def roll_pitch_yaw_rate_z(
        self, roll: float, pitch: float, yaw_rate: float, z: float, duration: float, name: str
    ) -> Deferred | bool:
        """Hold roll and pitch while turning, at a height, for a time."""
        return self._lean(name, duration, roll, pitch, yaw_rate=yaw_rate, z=z)

    @rpc("moveByRollPitchYawrateThrottle", float, float, float, float, float, str)
    def roll_pitch_yaw_rate_throttle(
        self,
        roll: float,
        pitch: float,
        yaw_rate: float,
        throttle: float,
        duration: float,
        name: str,
    ) -> Deferred | bool:
        """Hold roll and pitch while turning, with a throttle, for a time."""
        return self._lean(name, duration, roll, pitch, yaw_rate=yaw_rate, throttle=throttle)

    @rpc("moveByAngleRatesZ", float, float, float, float, float, str)
    def angle_rates_z(
        self, roll: float, pitch: float, yaw_rate: float, z: float, duration: float, name: str
    ) -> Deferred | bool:
        """Turn about all three axes at a height for a time."""
        return self._lean(name, duration, roll, pitch, yaw_rate=yaw_rate, z=z, is_rate=True)

    @rpc("moveByAngleRatesThrottle", float, float, float, float, float, str)
    def angle_rates_throttle(
        self,
        roll: float,
        pitch: float,
        yaw_rate: float,
        throttle: float,
        duration: float,
        name: str,
    ) -> Deferred | bool:
        """Turn about all three axes with a throttle for a time."""
        return self._lean(
            name, duration, roll, pitch, yaw_rate=yaw_rate, throttle=throttle, is_rate=True
        )

    @rpc(
        "moveByMotorPWMs",
        float,
        float,
        float,
        float,
        float,
        str,
        support=PARTLY,
        note="rotors without inertia of their own",
    )
    def motor_pwms(
        self,
        front_right: float,
        rear_left: float,
        front_left: float,
        rear_right: float,
        duration: float,
        name: str,
    ) -> Deferred | bool:
        """Set the four motors, each 0 to 1, for a time."""
        motors = np.array([front_right, rear_left, front_left, rear_right])
        check_finite("the motors", *motors)
        fr, rl, fl, rr = (float(v) for v in np.clip(motors, 0.0, 1.0))
        roll = _MOTOR_RATE * (fl + rl - fr - rr)
        pitch = _MOTOR_RATE * (fr + fl - rr - rl)
        yaw_rate = 0.2 * _MOTOR_RATE * (fr + rl - fl - rr)
        throttle = (fr + rl + fl + rr) / 4
        return self._lean(
            name, duration, roll, pitch, yaw_rate=yaw_rate, throttle=throttle, is_rate=True
        )

    @rpc("moveByRC", RcData, str)
    def remote_control(self, sticks: RcData, name: str) -> None:
        """Fly as a remote control's sticks say until told otherwise."""
        check_finite("the sticks", sticks.roll, sticks.pitch, sticks.yaw, sticks.throttle)
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            vehicle.remote = sticks
            if not vehicle.api_enabled:
                raise RuntimeError("moveByRC: API control is not enabled")
            attitude = Attitude(
                float(np.clip(sticks.roll, -1, 1)) * _STICK_TILT,
                float(np.clip(sticks.pitch, -1, 1)) * _STICK_TILT,
                throttle=float(np.clip(sticks.throttle, 0, 1)),
            )
            rate = float(np.clip(sticks.yaw, -1, 1)) * _STICK_YAW_RATE
            vehicle.begin(LeanFor(attitude, np.inf, yaw_rate=rate))

    @rpc(
        "setAngleLevelControllerGains", [float], [float], [float], str, support=PARTLY, note=_GAINS
    )
    @rpc("setAngleRateControllerGains", *_GAIN_KINDS, support=PARTLY, note=_GAINS)
    @rpc("setVelocityControllerGains", *_GAIN_KINDS, support=PARTLY, note=_GAINS)
    @rpc("setPositionControllerGains", *_GAIN_KINDS, support=PARTLY, note=_GAINS)
    def set_gains(self, kp: list[float], ki: list[float], kd: list[float], name: str) -> None:
        """Take the gains of a controller that this simulator does not have."""
        check_finite("the gains", *kp, *ki, *kd)
        self._vehicle(name)

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
        note="accepted; nothing is evaded",
    )
    def set_safety(self, *rules: Any) -> bool:
        """Take rules of safety that are not followed."""
        self._vehicle(rules[-1])
        return True

    @rpc("getRotorStates", str, support=PARTLY, note="four equal rotors that carry the thrust")
    def rotor_states(self, name: str) -> dict[str, Any]:
        """Return thrust (newton), torque (newton metres) and speed (rad/s) of the rotors."""
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            powered = vehicle.armed and vehicle.api_enabled and not vehicle.is_landed
            lift = float(np.linalg.norm(vehicle.body.acceleration - np.array([0, 0, 9.81])))
            share = min(lift / 9.81 * HOVER_THROTTLE, 1.0) if powered else 0.0
            rotor = {
                "thrust": float(share * _ROTOR_FULL_THRUST),
                "torque_scaler": float(share * 0.055),
                "speed": float(np.sqrt(share) * _ROTOR_FULL_SPEED),
            }
            return {"rotors": [rotor] * 4, "timestamp": self._simulation.clock.now_ns}

    def _lean(
        self,
        name: str,
        duration: float,
        roll: float,
        pitch: float,
        *,
        yaw: float | None = None,
        yaw_rate: float = 0.0,
        z: float | None = None,
        throttle: float | None = None,
        is_rate: bool = False,
    ) -> Deferred | bool:
        check_finite("the order", roll, pitch, yaw or 0.0, yaw_rate, z or 0.0, throttle or 0.0)
        if duration <= 0:
            return True

        def order(vehicle: Any) -> LeanFor:
            height = None if z is None else z + float(vehicle.origin[2])
            attitude = Attitude(roll, pitch, throttle, height, is_rate)
            return LeanFor(attitude, duration, yaw=yaw, yaw_rate=yaw_rate)

        return self._begin(name, order)
