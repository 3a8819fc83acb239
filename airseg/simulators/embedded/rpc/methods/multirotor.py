"""RPC methods that only multirotors have: where to fly. Each move answers when it ends."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from airseg.simulators.embedded.answers import Deferred
from airseg.simulators.embedded.rpc.methods.vehicles import VehicleApi, check_finite, check_move
from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.vehicles.geodesy import geo_point, local_point
from airseg.simulators.embedded.vehicles.tasks import (
    FlyVelocity,
    FollowPath,
    Hold,
    Land,
    Spin,
    Task,
    Turn,
)
from airseg.simulators.embedded.vehicles.vehicle import Multirotor
from airseg.simulators.protocol import (
    CollisionInfo,
    DrivetrainType,
    Vector3r,
    YawMode,
)


class MultirotorApi(VehicleApi):
    """Orders to multirotors. Each move answers when it ends; see `tasks`."""

    @rpc("takeoff", float, str)
    def takeoff(self, timeout: float, name: str) -> Deferred:
        """Climb two metres above the present place at half a metre a second."""
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            if np.linalg.norm(vehicle.body.velocity) > 0.05 and not vehicle.is_landed:
                raise RuntimeError("takeoff: the vehicle is already moving")
            goal = vehicle.body.position + np.array([0.0, 0.0, -2.0])
            return self._fly_to(vehicle, goal, 0.5, timeout)

    @rpc("land", float, str)
    def land(self, timeout: float, name: str) -> Deferred:
        """Go down until something holds the vehicle up."""
        return self._begin(name, lambda v: Land(v.body.position, timeout))

    @rpc("goHome", float, str)
    def go_home(self, timeout: float, name: str) -> Deferred:
        """Fly to the start."""
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            return self._fly_to(vehicle, vehicle.origin, 0.5, timeout)

    @rpc("hover", str)
    def hover(self, name: str) -> bool:
        """Stay here."""
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            vehicle.begin(Hold(vehicle.body.position))
            return True

    @rpc("cancelLastTask", str)
    def cancel(self, name: str) -> None:
        """End the running order with the answer False, and stay."""
        self.hover(name)

    @rpc("moveToPosition", float, float, float, float, float, int, YawMode, float, float, str)
    def move_to_position(
        self,
        x: float,
        y: float,
        z: float,
        velocity: float,
        timeout: float,
        drivetrain: int,
        yaw_mode: YawMode,
        lookahead: float,
        adaptive: float,
        name: str,
    ) -> Deferred:
        """Fly straight to a place relative to the start."""
        goal = [Vector3r(x, y, z)]
        return self.move_on_path(
            goal, velocity, timeout, drivetrain, yaw_mode, lookahead, adaptive, name
        )

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
    ) -> Deferred:
        """Climb or sink to a height."""
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            place = vehicle.body.position - vehicle.origin
            goal = [Vector3r(float(place[0]), float(place[1]), z)]
        return self.move_on_path(goal, velocity, timeout, 0, yaw_mode, lookahead, adaptive, name)

    @rpc("moveOnPath", [Vector3r], float, float, int, YawMode, float, float, str)
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
        """Fly along points relative to the start, slowing down towards the last."""
        if not path:
            return True
        if drivetrain == DrivetrainType.ForwardOnly and yaw_mode.is_rate:
            raise ValueError("Yaw cannot be specified as rate if drivetrain is ForwardOnly")
        check_move(yaw_mode, lookahead, velocity)
        if lookahead == 0:
            raise ValueError("lookahead distance cannot be 0")
        if not velocity > 0:
            raise ValueError(f"a velocity of {velocity} m/s is not above 0")
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            here = vehicle.body.position
            points = np.array([here, *[p.to_array() + vehicle.origin for p in path]])
            if not np.isfinite(points).all():
                raise ValueError("the path has a component that is no number")
            task = FollowPath(points, velocity, timeout, drivetrain, yaw_mode, lookahead)
            vehicle.begin(task)
            return task.answer

    @rpc("moveByVelocity", float, float, float, float, int, YawMode, str)
    def move_by_velocity(
        self,
        vx: float,
        vy: float,
        vz: float,
        duration: float,
        drivetrain: int,
        yaw_mode: YawMode,
        name: str,
    ) -> Deferred | bool:
        """Fly at a velocity, north east down, for a time."""
        if duration <= 0:
            return True
        check_move(yaw_mode, vx, vy, vz)
        velocity = np.array([vx, vy, vz])
        return self._begin(name, lambda v: FlyVelocity(velocity, duration, drivetrain, yaw_mode))

    @rpc("moveByVelocityBodyFrame", float, float, float, float, int, YawMode, str)
    def move_by_velocity_body(
        self,
        vx: float,
        vy: float,
        vz: float,
        duration: float,
        drivetrain: int,
        yaw_mode: YawMode,
        name: str,
    ) -> Deferred | bool:
        """Fly at a velocity, forward right down, for a time."""
        if duration <= 0:
            return True
        check_move(yaw_mode, vx, vy, vz)
        velocity = np.array([vx, vy, vz])
        return self._begin(
            name,
            lambda v: FlyVelocity(velocity, duration, drivetrain, yaw_mode, in_body_frame=True),
        )

    @rpc("moveByVelocityZ", float, float, float, float, int, YawMode, str)
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
        """Fly at a velocity over ground, at a height, for a time."""
        if duration <= 0:
            return False
        check_move(yaw_mode, vx, vy, z)
        velocity = np.array([vx, vy, 0.0])
        return self._begin(
            name,
            lambda v: FlyVelocity(
                velocity, duration, drivetrain, yaw_mode, height_z=z + float(v.origin[2])
            ),
        )

    @rpc("moveByVelocityZBodyFrame", float, float, float, float, int, YawMode, str)
    def move_by_velocity_z_body(
        self,
        vx: float,
        vy: float,
        z: float,
        duration: float,
        drivetrain: int,
        yaw_mode: YawMode,
        name: str,
    ) -> Deferred | bool:
        """Fly forward and right at a velocity, at a height, for a time."""
        if duration <= 0:
            return False
        check_move(yaw_mode, vx, vy, z)
        velocity = np.array([vx, vy, 0.0])
        return self._begin(
            name,
            lambda v: FlyVelocity(
                velocity,
                duration,
                drivetrain,
                yaw_mode,
                height_z=z + float(v.origin[2]),
                in_body_frame=True,
            ),
        )

    @rpc("moveToGPS", float, float, float, float, float, int, YawMode, float, float, str)
    def move_to_gps(
        self,
        latitude: float,
        longitude: float,
        altitude: float,
        velocity: float,
        timeout: float,
        drivetrain: int,
        yaw_mode: YawMode,
        lookahead: float,
        adaptive: float,
        name: str,
    ) -> Deferred | bool:
        """Fly to a place on the globe."""
        check_finite("the place", latitude, longitude, altitude)
        origin = self._simulation.settings.origin
        with self._simulation.lock:
            place = local_point(latitude, longitude, altitude, origin)
            goal = Vector3r.from_array(place - self._multirotor(name).origin)
        return self.move_on_path(
            [goal], velocity, timeout, drivetrain, yaw_mode, lookahead, adaptive, name
        )

    @rpc(
        "moveByManual",
        float,
        float,
        float,
        float,
        int,
        YawMode,
        str,
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
    ) -> Deferred | bool:
        """Fly as the remote control's sticks say, within limits, for a time."""
        if duration <= 0:
            return True
        check_move(yaw_mode, vx_max, vy_max, z_min)
        with self._simulation.lock:
            sticks = self._multirotor(name).remote
            velocity = np.array([-sticks.pitch * vx_max, sticks.roll * vy_max, 0.0])
        return self._begin(
            name,
            lambda v: FlyVelocity(velocity, duration, drivetrain, yaw_mode, in_body_frame=True),
        )

    @rpc("rotateToYaw", float, float, float, str)
    def rotate_to_yaw(self, yaw: float, timeout: float, margin: float, name: str) -> Deferred:
        """Turn to a heading, degrees."""
        check_finite("the turn", yaw, margin)
        return self._begin(
            name,
            lambda v: Turn(v.body.position, math.radians(yaw), math.radians(margin), timeout),
        )

    @rpc("rotateByYawRate", float, float, str)
    def rotate_by_yaw_rate(self, rate: float, duration: float, name: str) -> Deferred | bool:
        """Turn at a rate, degrees a second, for a time."""
        if duration <= 0:
            return True
        check_finite("the turn", rate)
        return self._begin(name, lambda v: Spin(v.body.position, math.radians(rate), duration))

    @rpc("getMultirotorState", str)
    def state(self, name: str) -> dict[str, Any]:
        """Return motion, place on the globe, and whether it stands on the ground."""
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            return {
                "collision": CollisionInfo(),
                "kinematics_estimated": vehicle.body.kinematics(vehicle.origin),
                "gps_location": geo_point(vehicle.body.position, self._simulation.settings.origin),
                "timestamp": self._simulation.clock.now_ns,
                "landed_state": 0 if vehicle.is_landed else 1,
                "rc_data": vehicle.remote.to_msgpack(),
            }

    def _multirotor(self, name: str) -> Multirotor:
        return cast(Multirotor, self._vehicle(name))

    def _begin(self, name: str, make: Any) -> Deferred:
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            task: Task = make(vehicle)
            vehicle.begin(task)
            return task.answer

    def _fly_to(
        self, vehicle: Multirotor, goal: np.ndarray, speed: float, timeout: float
    ) -> Deferred:
        points = np.array([vehicle.body.position, goal])
        task = FollowPath(points, speed, timeout, 0, YawMode(True, 0.0), -1.0)
        vehicle.begin(task)
        return task.answer
