"""RPC methods that read sensors. Readings are ideal: without noise, bias or delay."""

from __future__ import annotations

from typing import Any

import numpy as np

from airseg.geometry import quaternion_multiply, rotation_matrix
from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.sensing.ranging import (
    Scene,
    is_visible,
    lidar_scan,
    mounted,
    ray_length,
)
from airseg.simulators.embedded.settings import SensorSetting
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.vehicles.body import Actor, Motion
from airseg.simulators.embedded.vehicles.geodesy import GRAVITY_MPS2, air_at, geo_point, local_point
from airseg.simulators.embedded.vehicles.vehicle import Car, Vehicle
from airseg.simulators.protocol import GeoPoint, Pose, Quaternionr, Vector3r

BAROMETER, IMU, GPS, MAGNETOMETER, DISTANCE, LIDAR, ECHO, GPU_LIDAR = range(1, 9)
_KINDS = {
    BAROMETER: "barometer",
    IMU: "IMU",
    GPS: "gps",
    MAGNETOMETER: "magnetometer",
    DISTANCE: "distance sensor",
    LIDAR: "lidar",
    ECHO: "echo sensor",
    GPU_LIDAR: "GPU lidar",
}
# The field at AirSim's default origin, north east down, in gauss as AirSim tells it.
_FIELD = np.array([0.253, 0.069, 0.472])
_IDEAL = "without noise, bias and delay"


class SensorApi:
    """Sensors of vehicles, and lines of sight."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("getImuData", str, str, support=PARTLY, note=_IDEAL)
    def imu(self, sensor: str, name: str) -> dict[str, Any]:
        """Return orientation, and turning and acceleration in the body's frame, gravity felt."""
        with self._simulation.lock:
            body = self._sensor(IMU, sensor, name)[0].body
            felt = body.acceleration - np.array([0.0, 0.0, GRAVITY_MPS2])
            return {
                "time_stamp": self._simulation.clock.now_ns,
                "orientation": Quaternionr.from_array(body.orientation),
                "angular_velocity": Vector3r.from_array(body.angular_velocity),
                "linear_acceleration": Vector3r.from_array(
                    rotation_matrix(body.orientation).T @ felt
                ),
            }

    @rpc("getBarometerData", str, str, support=PARTLY, note=_IDEAL)
    def barometer(self, sensor: str, name: str) -> dict[str, Any]:
        """Return height above the sea, metres, and pressure, pascal."""
        with self._simulation.lock:
            body = self._sensor(BAROMETER, sensor, name)[0].body
            altitude = self._simulation.settings.origin.Altitude - float(body.position[2])
            return {
                "time_stamp": self._simulation.clock.now_ns,
                "altitude": altitude,
                "pressure": air_at(altitude).pressure_pa,
                "qnh": 1013.25,
            }

    @rpc("getMagnetometerData", str, str, support=PARTLY, note=f"{_IDEAL}; one field everywhere")
    def magnetometer(self, sensor: str, name: str) -> dict[str, Any]:
        """Return the earth's field in the body's frame, gauss."""
        with self._simulation.lock:
            body = self._sensor(MAGNETOMETER, sensor, name)[0].body
            field = rotation_matrix(body.orientation).T @ _FIELD
            return {
                "time_stamp": self._simulation.clock.now_ns,
                "magnetic_field_body": Vector3r.from_array(field),
                "magnetic_field_covariance": [],
            }

    @rpc("getGpsData", str, str, support=PARTLY, note=_IDEAL)
    def gps(self, sensor: str, name: str) -> dict[str, Any]:
        """Return the place on the globe."""
        with self._simulation.lock:
            body = self._sensor(GPS, sensor, name)[0].body
            now_ns = self._simulation.clock.now_ns
            return {
                "time_stamp": now_ns,
                "gnss": {
                    "geo_point": geo_point(body.position, self._simulation.settings.origin),
                    "eph": 0.1,
                    "epv": 0.1,
                    "velocity": Vector3r.from_array(body.velocity),
                    "fix_type": 3,
                    "time_utc": now_ns // 1000,
                },
                "is_valid": True,
            }

    @rpc("getDistanceSensorData", str, str, support=PARTLY, note=_IDEAL)
    def distance(self, sensor: str, name: str) -> dict[str, Any]:
        """Return how far it is along the sensor's x, metres."""
        with self._simulation.lock:
            vehicle, setting = self._sensor(DISTANCE, sensor, name)
            carrier = _carrier(vehicle)
            place, turn = self._mounted(vehicle, setting)
            scene, now_ns = self._scene(vehicle), self._simulation.clock.now_ns
            origin, orientation = carrier.position.copy(), carrier.orientation
        reach = ray_length(scene, place, turn)
        back = orientation * np.array([1.0, -1.0, -1.0, -1.0])
        offset = rotation_matrix(orientation).T @ (place - origin)
        return {
            "time_stamp": now_ns,
            "distance": float(np.clip(reach, setting.MinDistance, setting.MaxDistance)),
            "min_distance": setting.MinDistance,
            "max_distance": setting.MaxDistance,
            "relative_pose": Pose(
                Vector3r.from_array(offset),
                Quaternionr.from_array(quaternion_multiply(back, turn)),
            ),
        }

    @rpc(
        "getLidarData", str, str, support=PARTLY, note="a whole turn of one instant, without noise"
    )
    def lidar(self, sensor: str, name: str) -> dict[str, Any]:
        """Return a turn of points and the segmentation id of each."""
        with self._simulation.lock:
            vehicle, setting = self._sensor(LIDAR, sensor, name)
            place, turn = self._mounted(vehicle, setting)
            scene, now_ns = self._scene(vehicle), self._simulation.clock.now_ns
            origin = vehicle.origin
        points, objects = lidar_scan(scene, place, turn, setting, isinstance(vehicle, Car))
        if setting.DataFrame == "VehicleInertialFrame":
            points = points @ rotation_matrix(turn).T + (place - origin)
        ids = self._simulation.segmentation.ids_of(objects)
        return {
            "time_stamp": now_ns,
            "point_cloud": np.ascontiguousarray(points, np.float32).ravel(),
            "pose": Pose(Vector3r.from_array(place - origin), Quaternionr.from_array(turn)),
            "segmentation": [int(v) for v in ids],
        }

    @rpc("simTestLineOfSightToPoint", GeoPoint, str)
    def line_of_sight(self, point: GeoPoint, name: str) -> bool:
        """Tell whether nothing stands between a vehicle and a place on the globe."""
        with self._simulation.lock:
            vehicle = self._simulation.vehicle(name)
            scene, place = self._scene(vehicle), _carrier(vehicle).position.copy()
        return is_visible(scene, place, self._place(point))

    @rpc("simTestLineOfSightBetweenPoints", GeoPoint, GeoPoint)
    def line_of_sight_between(self, first: GeoPoint, second: GeoPoint) -> bool:
        """Tell whether nothing stands between two places on the globe."""
        with self._simulation.lock:
            scene = self._scene(None)
        return is_visible(scene, self._place(first), self._place(second))

    def _place(self, point: GeoPoint) -> np.ndarray:
        place = local_point(
            point.latitude, point.longitude, point.altitude, self._simulation.settings.origin
        )
        if not np.isfinite(place).all():
            raise ValueError("the place has a component that is no finite number")
        return place

    def _scene(self, vehicle: Vehicle | None) -> Scene:
        simulation = self._simulation
        return Scene(
            simulation.renderer,
            simulation.clock.world_ns,
            simulation.body_placements(),
            vehicle.body_index if vehicle else None,
        )

    def _mounted(self, vehicle: Vehicle, setting: SensorSetting) -> tuple[np.ndarray, np.ndarray]:
        """Return where a sensor is; what looks out stands a metre up, except on multirotors."""
        up = -1.0 if self._simulation.mode != "Multirotor" else 0.0
        carrier = _carrier(vehicle)
        return mounted(carrier.position, carrier.orientation, setting, up)

    def _sensor(self, kind: int, sensor: str, name: str) -> tuple[Vehicle, SensorSetting]:
        """Return a vehicle and its sensor of a kind; an empty name means the first one.

        Raises:
            LookupError: it has none; the message is AirSim's.
        """
        vehicle = self._simulation.vehicle(name, "Vehicle API")
        for key, setting in self._sensors_of(vehicle).items():
            if setting.SensorType == kind and setting.Enabled and sensor in ("", key):
                return vehicle, setting
        raise LookupError(f"No {_KINDS[kind]} with name {sensor} exist on vehicle")

    def _sensors_of(self, vehicle: Vehicle) -> dict[str, SensorSetting]:
        """Return a vehicle's sensors, sorted by name: its own, and default ones of other types."""
        own, default = vehicle.setting.Sensors, self._simulation.settings.sensors
        if default is None:
            default = _DEFAULTS[self._simulation.mode]
        mentioned = {setting.SensorType for setting in own.values()}
        more = {k: v for k, v in default.items() if v.SensorType not in mentioned}
        return dict(sorted({**own, **more}.items()))


def _carrier(vehicle: Vehicle) -> Actor | Motion:
    """Return what carries sensors: the body, or what is seen of it if that is nowhere."""
    body = vehicle.body
    return body if np.isfinite([*body.position, *body.orientation]).all() else vehicle.actor


def _enabled(**kinds: int) -> dict[str, SensorSetting]:
    return {name: SensorSetting(SensorType=kind, Enabled=True) for name, kind in kinds.items()}


_DEFAULTS = {
    "Multirotor": _enabled(barometer=BAROMETER, gps=GPS, imu=IMU, magnetometer=MAGNETOMETER),
    "Car": _enabled(gps=GPS),
    "ComputerVision": {},
}
"""Sensors that vehicles have without being told, by mode."""
