"""RPC methods that only multirotors have: where to fly. Each move answers when it ends."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from airseg.simulators.embedded.answers import Deferred
from airseg.simulators.embedded.rpc.methods.vehicles import VehicleApi
from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.vehicles.geodesy import geo_point, local_point
from airseg.simulators.embedded.vehicles.multirotor import Multirotor
from airseg.simulators.embedded.vehicles.simple_flight import moves
from airseg.simulators.embedded.vehicles.simple_flight.autopilot import Autopilot
from airseg.simulators.embedded.vehicles.simple_flight.path import chosen_lookahead, follow_path
from airseg.simulators.protocol import (
    CollisionInfo,
    Vector3r,
    YawMode,
)

# What calls have in common, after or instead of parameters of their own.
_PATH_ORDER = (float, float, int, YawMode, float, float, str)
PathOrder = tuple[float, float, int, YawMode, float, float, str]
"""Velocity m/s, time-out s, drivetrain, yaw mode, lookahead m, adaptive lookahead, vehicle."""
_VELOCITY_ORDER = (float, float, float, float, int, YawMode, str)

_SLOW_MPS = 0.5
_TAKEOFF_M = 2.0
_STILL_MPS = 0.05


class MultirotorApi(VehicleApi):
    """Orders to multirotors, with the answers that AirSim's SimpleFlight gives.

    One order at a time: a new one ends the one before, which answers False. Without API control
    they are accepted, run their time and answer as usual, and nothing moves.
    """

    @rpc("takeoff", float, str)
    def takeoff(self, timeout: float, name: str) -> Deferred | bool:
        """Climb two metres at half a metre a second; it stops half a metre short: False."""
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            vehicle.aircraft.cancel()
            pilot = vehicle.aircraft.autopilot
            speed = float(np.linalg.norm(pilot.velocity))
            if speed > _STILL_MPS:
                raise RuntimeError(
                    "Cannot perform takeoff because vehicle is already moving with velocity "
                    f"{speed:f} m/s"
                )
            goal = pilot.position - np.array([0.0, 0.0, _TAKEOFF_M])
            return self._fly_to(name, goal, _SLOW_MPS, timeout)

    @rpc("land", float, str)
    def land(self, timeout: float, name: str) -> Deferred:
        """Sink until it sinks no more; called while climbing, it ends at once."""
        return self._begin(name, lambda pilot: moves.land(pilot, timeout))

    @rpc("goHome", float, str)
    def go_home(self, timeout: float, name: str) -> Deferred | bool:
        """Fly to the start at half a metre a second."""
        return self._fly_to(name, np.zeros(3), _SLOW_MPS, timeout)

    @rpc("hover", str)
    def hover(self, name: str) -> bool:
        """End the running order; no goal is sent, so that it hovers 60 ms later. False."""
        self.cancel(name)
        return False

    @rpc("cancelLastTask", str)
    def cancel(self, name: str) -> None:
        """End the running order with the answer False."""
        with self._simulation.lock:
            self._multirotor(name).aircraft.cancel()

    @rpc("moveToPosition", float, float, float, *_PATH_ORDER)
    def move_to_position(
        self,
        x: float,
        y: float,
        z: float,
        *how: *PathOrder,
    ) -> Deferred | bool:
        """Fly straight to a place relative to the start."""
        return self.move_on_path([Vector3r(x, y, z)], *how)

    @rpc("moveToZ", float, float, float, YawMode, float, float, str)
    def move_to_z(
        self,
        z: float,
        velocity: float,
        timeout: float,
        yaw_mode: YawMode,
        lookahead: float,
        adaptive: float,
        name: str,
    ) -> Deferred | bool:
        """Climb or sink to a height."""
        with self._simulation.lock:
            x, y, _ = self._multirotor(name).aircraft.autopilot.position
            goal = [Vector3r(float(x), float(y), z)]
            return self.move_on_path(
                goal, velocity, timeout, 0, yaw_mode, lookahead, adaptive, name
            )

    @rpc("moveOnPath", [Vector3r], *_PATH_ORDER)
    def move_on_path(
        self,
        path: list[Vector3r],
        velocity: float,
        timeout: float,
        drivetrain: int,
        yaw_mode: YawMode,
        lookahead: float,
        adaptive: float,
        name: str,
    ) -> Deferred | bool:
        """Fly along points relative to the start, without slowing down at the last."""
        with self._simulation.lock:
            self._multirotor(name).aircraft.cancel()
            if not path:
                return True
            chosen = chosen_lookahead(velocity, drivetrain, yaw_mode, lookahead, adaptive)
            points = np.array([place.to_array() for place in path])
            return self._begin(
                name,
                lambda pilot: follow_path(
                    pilot, points, velocity, timeout, drivetrain, yaw_mode, chosen, adaptive
                ),
            )

    @rpc("moveByVelocity", *_VELOCITY_ORDER)
    def move_by_velocity(
        self,
        vx: float,
        vy: float,
        vz: float,
        duration: float,
        drivetrain: int,
        yaw_mode: YawMode,
        name: str,
    ) -> Deferred:
        """Fly at a velocity, north east down, for a time."""
        velocity = np.array([vx, vy, vz])
        yaw = moves.adjusted_yaw(np.array([vx, vy, 0.0]), drivetrain, yaw_mode)
        return self._repeat(name, lambda pilot: pilot.fly_at(velocity, yaw), duration)

    @rpc("moveByVelocityBodyFrame", *_VELOCITY_ORDER)
    def move_by_velocity_body(
        self,
        vx: float,
        vy: float,
        vz: float,
        duration: float,
        drivetrain: int,
        yaw_mode: YawMode,
        name: str,
    ) -> Deferred:
        """Fly at a velocity, forward right down as it faces at the call, for a time."""
        with self._simulation.lock:
            x, y = self._turned(vx, vy, name)
            return self.move_by_velocity(x, y, vz, duration, drivetrain, yaw_mode, name)

    @rpc("moveByVelocityZ", *_VELOCITY_ORDER)
    def move_by_velocity_z(
        self,
        vx: float,
        vy: float,
        z: float,
        duration: float,
        drivetrain: int,
        yaw_mode: YawMode,
        name: str,
    ) -> Deferred | bool:
        """Fly at a velocity over ground, at a height, for a time; no time at all is False."""
        if duration <= 0:
            return self.hover(name)
        yaw = moves.adjusted_yaw(np.array([vx, vy, 0.0]), drivetrain, yaw_mode)
        return self._repeat(name, lambda pilot: pilot.fly_at_height(vx, vy, z, yaw), duration)

    @rpc("moveByVelocityZBodyFrame", *_VELOCITY_ORDER)
    def move_by_velocity_z_body(
        self,
        vx: float,
        vy: float,
        z: float,
        duration: float,
        drivetrain: int,
        yaw_mode: YawMode,
        name: str,
    ) -> Deferred:
        """Fly forward and right as it faces at the call, at a height, for a time."""
        with self._simulation.lock:
            x, y = self._turned(vx, vy, name)
            yaw = moves.adjusted_yaw(np.array([x, y, 0.0]), drivetrain, yaw_mode)
            return self._repeat(name, lambda pilot: pilot.fly_at_height(x, y, z, yaw), duration)

    @rpc("moveToGPS", float, float, float, *_PATH_ORDER)
    def move_to_gps(
        self,
        latitude: float,
        longitude: float,
        altitude: float,
        *how: *PathOrder,
    ) -> Deferred | bool:
        """Fly to a place on the globe."""
        origin = self._simulation.settings.origin
        place = local_point(latitude, longitude, altitude, origin)
        goal = Vector3r.from_array(place - self._multirotor(how[-1]).origin)
        return self.move_on_path([goal], *how)

    @rpc(
        "moveByManual",
        *_VELOCITY_ORDER,
        support=PARTLY,
        note="follows the sticks that moveByRC set; there is no other remote control",
    )
    def move_by_manual(
        self,
        vx_max: float,
        vy_max: float,
        z_min: float,
        duration: float,
        drivetrain: int,
        yaw_mode: YawMode,
        name: str,
    ) -> Deferred:
        """Fly as the remote control's sticks say, within limits, for a time."""
        limits = np.array([vx_max, vy_max, z_min])
        return self._begin(
            name,
            lambda pilot: moves.fly_by_sticks(pilot, limits, duration, drivetrain, yaw_mode),
        )

    @rpc("rotateToYaw", float, float, float, str)
    def rotate_to_yaw(self, yaw: float, timeout: float, margin: float, name: str) -> Deferred:
        """Turn to a heading, degrees."""
        return self._begin(name, lambda pilot: moves.rotate_to_yaw(pilot, yaw, timeout, margin))

    @rpc("rotateByYawRate", float, float, str)
    def rotate_by_yaw_rate(self, rate: float, duration: float, name: str) -> Deferred:
        """Turn at a rate, degrees a second, for a time, at the place of the call."""
        with self._simulation.lock:
            place = self._multirotor(name).aircraft.autopilot.position
            yaw = YawMode(True, rate)
            return self._repeat(name, lambda pilot: pilot.hold(place, yaw), duration)

    @rpc("getMultirotorState", str)
    def state(self, name: str) -> dict[str, Any]:
        """Return motion, place on the globe, and whether it has taken off."""
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            return {
                "collision": CollisionInfo(),
                "kinematics_estimated": vehicle.body.kinematics(vehicle.origin),
                "gps_location": geo_point(vehicle.body.position, self._simulation.settings.origin),
                "timestamp": self._simulation.clock.now_ns,
                "landed_state": 0 if vehicle.is_landed else 1,
                "rc_data": vehicle.aircraft.autopilot.remote.to_msgpack(),
            }

    def _multirotor(self, name: str) -> Multirotor:
        return cast(Multirotor, self._vehicle(name))

    def _turned(self, forward: float, right: float, name: str) -> tuple[float, float]:
        """Return a velocity, as a vehicle faces now, as north and east."""
        yaw = self._multirotor(name).aircraft.autopilot.yaw
        c, s = float(np.cos(yaw)), float(np.sin(yaw))
        return c * forward - s * right, s * forward + c * right

    def _begin(self, name: str, make: Any) -> Deferred:
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            return vehicle.begin(make(vehicle.aircraft.autopilot))

    def _repeat(self, name: str, order: Any, duration: float) -> Deferred:
        """Send an order again and again for a time; the answer is True unless it is cancelled."""

        def make(pilot: Autopilot) -> moves.Loop:
            return moves.repeat(pilot, lambda: order(pilot), duration)

        return self._begin(name, make)

    def _fly_to(self, name: str, goal: np.ndarray, speed: float, timeout: float) -> Deferred | bool:
        place = [Vector3r.from_array(goal)]
        return self.move_on_path(place, speed, timeout, 0, YawMode(), -1.0, 1.0, name)
