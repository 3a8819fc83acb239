"""RPC methods about vehicles: poses and state of all kinds, orders to multirotors and cars."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from airseg.simulators.embedded.rpc import Deferred, Double, rpc
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.tasks import FlyVelocity, FollowPath, Hold, Land, Spin, Task, Turn
from airseg.simulators.embedded.vehicles import Car, Multirotor, Vehicle
from airseg.simulators.protocol import (
    CarControls,
    CollisionInfo,
    DrivetrainType,
    KinematicsState,
    Pose,
    Quaternionr,
    Vector3r,
    YawMode,
)

_METRES_PER_DEGREE = 111_320.0


def _check_finite(what: str, *values: float) -> None:
    """Refuse what would make a vehicle's whole state NaN, for good.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    if not all(math.isfinite(v) for v in values):
        raise ValueError(f"{what} has a component that is no finite number")


def _check_move(yaw_mode: YawMode, *values: float) -> None:
    _check_finite("the yaw mode", yaw_mode.yaw_or_rate)
    _check_finite("the move", *values)


class VehicleApi:
    """Methods that every SimMode has."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("listVehicles")
    def list_vehicles(self) -> list[str]:
        """Return the names of all vehicles."""
        return list(self._simulation.vehicles)

    @rpc("simGetVehiclePose", str)
    def pose(self, name: str) -> Pose:
        """Return where a vehicle is, relative to its start."""
        with self._simulation.lock:
            vehicle = self._simulation.vehicle(name)
            return Pose(
                Vector3r.from_array(vehicle.body.position - vehicle.origin),
                Quaternionr.from_array(vehicle.body.orientation),
            )

    @rpc("simSetVehiclePose", Pose, bool, str)
    def set_pose(self, pose: Pose, ignore_collision: bool, name: str) -> None:
        """Put a vehicle somewhere, relative to its start; NaN components keep their value."""
        with self._simulation.lock:
            vehicle = self._simulation.vehicle(name)
            position, orientation = pose.position.to_array(), pose.orientation.to_array()
            if np.isinf([*position, *orientation]).any():
                raise ValueError("the pose has a component that is infinite")
            vehicle.place(position + vehicle.origin, orientation)

    @rpc("simGetGroundTruthKinematics", str)
    def kinematics(self, name: str) -> KinematicsState:
        """Return a vehicle's motion, relative to its start."""
        with self._simulation.lock:
            vehicle = self._simulation.vehicle(name)
            return vehicle.body.kinematics(vehicle.origin)

    @rpc("simGetCollisionInfo", str)
    def collision(self, name: str) -> CollisionInfo:
        """Return what a vehicle last hit; reading clears `has_collided`."""
        with self._simulation.lock:
            vehicle = self._simulation.vehicle(name)
            told = vehicle.collision
            vehicle.collision = CollisionInfo(**{**told.__dict__, "has_collided": False})
            return told

    @rpc("enableApiControl", bool, str)
    def enable_api_control(self, enabled: bool, name: str) -> None:
        """Let the API control a vehicle, or not."""
        with self._simulation.lock:
            self._vehicle(name).api_enabled = enabled

    @rpc("isApiControlEnabled", str)
    def is_api_control_enabled(self, name: str) -> bool:
        """Tell whether the API controls a vehicle."""
        return self._vehicle(name).api_enabled

    @rpc("armDisarm", bool, str)
    def arm(self, arm: bool, name: str) -> bool:
        """Arm or disarm a vehicle."""
        with self._simulation.lock:
            vehicle = self._vehicle(name)
            if isinstance(vehicle, Multirotor):
                vehicle.armed = arm
            return True

    @rpc("getHomeGeoPoint", str)
    def home(self, name: str) -> dict[str, Any]:
        """Return where a vehicle started, on the globe."""
        return self._geo_point(self._vehicle(name).origin)

    def _vehicle(self, name: str) -> Vehicle:
        return self._simulation.vehicle(name, "Vehicle API")

    def _geo_point(self, position: np.ndarray) -> dict[str, Any]:
        origin = self._simulation.settings.origin
        latitude = origin.Latitude + position[0] / _METRES_PER_DEGREE
        per_degree = _METRES_PER_DEGREE * math.cos(math.radians(origin.Latitude))
        return {
            "latitude": Double(latitude),
            "longitude": Double(origin.Longitude + position[1] / per_degree),
            "altitude": float(origin.Altitude - position[2]),
        }


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
        _check_move(yaw_mode, lookahead, velocity)
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
        _check_move(yaw_mode, vx, vy, vz)
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
        _check_move(yaw_mode, vx, vy, vz)
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
        _check_move(yaw_mode, vx, vy, z)
        velocity = np.array([vx, vy, 0.0])
        return self._begin(
            name,
            lambda v: FlyVelocity(
                velocity, duration, drivetrain, yaw_mode, height_z=z + float(v.origin[2])
            ),
        )

    @rpc("rotateToYaw", float, float, float, str)
    def rotate_to_yaw(self, yaw: float, timeout: float, margin: float, name: str) -> Deferred:
        """Turn to a heading, degrees."""
        _check_finite("the turn", yaw, margin)
        return self._begin(
            name,
            lambda v: Turn(v.body.position, math.radians(yaw), math.radians(margin), timeout),
        )

    @rpc("rotateByYawRate", float, float, str)
    def rotate_by_yaw_rate(self, rate: float, duration: float, name: str) -> Deferred | bool:
        """Turn at a rate, degrees a second, for a time."""
        if duration <= 0:
            return True
        _check_finite("the turn", rate)
        return self._begin(name, lambda v: Spin(v.body.position, math.radians(rate), duration))

    @rpc("getMultirotorState", str)
    def state(self, name: str) -> dict[str, Any]:
        """Return motion, place on the globe, and whether it stands on the ground."""
        with self._simulation.lock:
            vehicle = self._multirotor(name)
            return {
                "collision": CollisionInfo(),
                "kinematics_estimated": vehicle.body.kinematics(vehicle.origin),
                "gps_location": self._geo_point(vehicle.body.position),
                "timestamp": self._simulation.clock.now_ns,
                "landed_state": 0 if vehicle.is_landed else 1,
                "rc_data": {
                    "timestamp": 0,
                    "pitch": 0.0,
                    "roll": 0.0,
                    "throttle": 0.0,
                    "yaw": 0.0,
                    "is_initialized": False,
                    "is_valid": False,
                },
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


class CarApi(VehicleApi):
    """Orders to cars."""

    @rpc("setCarControls", CarControls, str)
    def set_controls(self, controls: CarControls, name: str) -> None:
        """Set pedals and wheel."""
        _check_finite("the controls", controls.throttle, controls.steering, controls.brake)
        with self._simulation.lock:
            cast(Car, self._vehicle(name)).controls = controls

    @rpc("getCarControls", str)
    def controls(self, name: str) -> CarControls:
        """Return pedals and wheel as last set."""
        return cast(Car, self._vehicle(name)).controls

    @rpc("getCarState", str)
    def state(self, name: str) -> dict[str, Any]:
        """Return speed, gear and motion."""
        with self._simulation.lock:
            car = cast(Car, self._vehicle(name))
            speed = abs(car.speed)
            return {
                "speed": float(car.speed),
                "gear": -1 if car.speed < -0.1 else min(1 + int(speed / 8), 5),
                "rpm": float(900 + 180 * speed),
                "maxrpm": 7500.0,
                "handbrake": car.controls.handbrake,
                "kinematics_estimated": car.body.kinematics(car.origin),
                "timestamp": self._simulation.clock.now_ns,
            }


VEHICLE_APIS: dict[str, type[VehicleApi]] = {
    "Multirotor": MultirotorApi,
    "Car": CarApi,
    "ComputerVision": VehicleApi,
}
