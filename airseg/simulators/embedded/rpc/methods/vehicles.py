"""RPC methods that vehicles of every kind have: poses, motion, collisions, control."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from airseg.geometry import euler_from_quaternion
from airseg.simulators.embedded.client_files import is_plain_name
from airseg.simulators.embedded.leaving_out import VEHICLE_TYPES
from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.settings import VehicleSetting
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.vehicles.geodesy import GRAVITY_MPS2, air_at, geo_point
from airseg.simulators.embedded.vehicles.vehicle import Vehicle
from airseg.simulators.protocol import (
    CollisionInfo,
    KinematicsState,
    Pose,
    Quaternionr,
    Vector3r,
)


def check_finite(what: str, *values: float) -> None:
    """Refuse what would make a vehicle's whole state NaN, for good.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    if not all(math.isfinite(v) for v in values):
        raise ValueError(f"{what} has a component that is no finite number")


class VehicleApi:
    """Methods that every SimMode has."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("listVehicles")
    def list_vehicles(self) -> list[str]:
        """Return the names of all vehicles."""
        return list(self._simulation.vehicles)

    @rpc("simAddVehicle", str, str, Pose, str)
    def add_vehicle(self, name: str, kind: str, pose: Pose, pawn_path: str) -> bool:
        """Add a vehicle of this mode's kind at a global pose; tell whether it could be."""
        simulation = self._simulation
        position, orientation = pose.position.to_array(), pose.orientation.to_array()
        check_finite("the pose", *position, *orientation)
        if not name:
            return False
        if not is_plain_name(name):
            raise ValueError(f"{name[:100]!r} cannot be part of a file's name")
        with simulation.lock:
            if name in simulation.vehicles or kind.lower() not in VEHICLE_TYPES[simulation.mode]:
                return False
            # AirSim stores radians where it later reads degrees, so the orientation is lost.
            roll, pitch, yaw = euler_from_quaternion(orientation)
            x, y, z = (float(v) for v in position)
            setting = VehicleSetting(
                VehicleType=kind, X=x, Y=y, Z=z, Roll=roll, Pitch=pitch, Yaw=yaw
            )
            simulation.add_vehicle(name, setting)
            return True

    @rpc("simGetVehiclePose", str)
    def pose(self, name: str) -> Pose:
        """Return where a vehicle is seen, relative to its start."""
        with self._simulation.lock:
            vehicle = self._simulation.vehicle(name)
            return Pose(
                Vector3r.from_array(vehicle.actor.position - vehicle.origin),
                Quaternionr.from_array(vehicle.actor.orientation),
            )

    @rpc("simSetVehiclePose", Pose, bool, str)
    def set_pose(self, pose: Pose, ignore_collision: bool, name: str) -> None:
        """Put a vehicle somewhere, relative to its start.

        A multirotor's body is there at once, as fast as it was; what is seen of it follows at the
        next tick. Cars and free cameras are moved as they are seen, at once.
        """
        simulation = self._simulation
        with simulation.lock:
            vehicle = simulation.vehicle(name)
            position, orientation = pose.position.to_array(), pose.orientation.to_array()
            if simulation.is_ideal("keep-nan"):
                actor = vehicle.actor
                position = np.where(np.isnan(position), actor.position - vehicle.origin, position)
                if np.isnan(orientation).any():
                    orientation = actor.orientation
            vehicle.place(position + vehicle.origin, orientation, through=ignore_collision)
            simulation.pose_was_set(vehicle)

    @rpc("simGetGroundTruthKinematics", str)
    def kinematics(self, name: str) -> KinematicsState:
        """Return a vehicle's motion, relative to its start."""
        with self._simulation.lock:
            vehicle = self._simulation.vehicle(name)
            return vehicle.body.kinematics(vehicle.origin)

    @rpc("simSetKinematics", KinematicsState, bool, str)
    def set_kinematics(self, state: KinematicsState, ignore_collision: bool, name: str) -> None:
        """Put a vehicle somewhere, relative to its start, in motion."""
        simulation = self._simulation
        with simulation.lock:
            vehicle = simulation.vehicle(name)
            vehicle.set_kinematics(state, through=ignore_collision)
            simulation.pose_was_set(vehicle)

    @rpc("simGetGroundTruthEnvironment", str)
    def environment(self, name: str) -> dict[str, Any]:
        """Return gravity and air where a vehicle is: the standard atmosphere."""
        with self._simulation.lock:
            vehicle = self._simulation.vehicle(name)
            place = geo_point(vehicle.body.position, self._simulation.settings.origin)
            air = air_at(place["altitude"])
            return {
                "position": Vector3r.from_array(vehicle.body.position - vehicle.origin),
                "geo_point": place,
                "gravity": Vector3r(0.0, 0.0, GRAVITY_MPS2),
                "air_pressure": air.pressure_pa,
                "temperature": air.temperature_k,
                "air_density": air.density,
            }

    @rpc("simSetTraceLine", [float], float, str, support=PARTLY, note="accepted; nothing is drawn")
    def set_trace_line(self, color: list[float], thickness: float, name: str) -> None:
        """Take the look of a trace that is never drawn."""
        self._simulation.vehicle(name)

    @rpc("simGetCollisionInfo", str)
    def collision(self, name: str) -> CollisionInfo:
        """Return what a vehicle last hit; reading clears `has_collided`."""
        with self._simulation.lock:
            vehicle = self._simulation.vehicle(name)
            told = vehicle.collision
            vehicle.collision = replace(told, has_collided=False)
            if not told.object_name:
                return told
            object_id = self._simulation.segmentation.get(told.object_name.lower())
            return replace(told, object_id=object_id)

    @rpc("enableApiControl", bool, str)
    def enable_api_control(self, enabled: bool, name: str) -> None:
        """Let the API control a vehicle, or not; where it may not, nothing is said."""
        with self._simulation.lock:
            self._vehicle(name).enable_api(enabled)

    @rpc("isApiControlEnabled", str)
    def is_api_control_enabled(self, name: str) -> bool:
        """Tell whether the API controls a vehicle."""
        return self._vehicle(name).api_enabled

    @rpc("armDisarm", bool, str)
    def arm(self, arm: bool, name: str) -> bool:
        """Arm or disarm a vehicle; a multirotor only under API control."""
        with self._simulation.lock:
            return self._vehicle(name).arm(arm)

    @rpc("getHomeGeoPoint", str)
    def home(self, name: str) -> dict[str, Any]:
        """Return where a vehicle started, on the globe."""
        return geo_point(self._vehicle(name).origin, self._simulation.settings.origin)

    def _vehicle(self, name: str) -> Vehicle:
        return self._simulation.vehicle(name, "Vehicle API")
