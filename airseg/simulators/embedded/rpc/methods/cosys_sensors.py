"""RPC methods of the sensors that only Cosys-AirSim has: echo and GPU lidar."""

from __future__ import annotations

from typing import Any

import numpy as np

from airseg.simulators.embedded.rpc.methods.sensors import ECHO, GPU_LIDAR, SensorApi
from airseg.simulators.embedded.sensing.ranging import scan, turning_beams
from airseg.simulators.embedded.settings import SensorSetting
from airseg.simulators.protocol import Pose, Quaternionr, Vector3r

_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


class CosysSensorApi(SensorApi):
    """Sensors of AirSim, and Cosys-AirSim's own; these are what is seen of one instant."""

    def gpu_lidar(self, sensor: str, name: str) -> dict[str, Any]:
        """Return a turn of points, five numbers each: x, y, z, colour, intensity.

        The colour is that of instance segmentation, its three bytes as one number; intensity is 0,
        as it is without a map of materials.
        """
        simulation = self._simulation
        with simulation.lock:
            vehicle, setting = self._sensor(GPU_LIDAR, sensor, name)
            place, turn = self._mounted(vehicle, setting)
            scene, now_ns, origin = self._scene(vehicle), simulation.clock.now_ns, vehicle.origin
        azimuth, elevation = turning_beams(setting, setting.MeasurementsPerCycle, is_car=True)
        points, objects = scan(scene, place, turn, azimuth, elevation, setting.Range)
        red, green, blue = simulation.segmentation.colors_of(objects).astype(np.uint32).T
        color = (red << 16) | (green << 8) | blue
        cloud = np.column_stack([points, color, np.zeros(len(points))])
        return _answer(now_ns, cloud, place - origin, turn)

    def echo(self, sensor: str, name: str) -> dict[str, Any]:
        """Return first echoes, six numbers each: x, y, z, attenuation, way, reflections.

        Rays leave over a half sphere; each comes straight back from what it meets first.
        """
        simulation = self._simulation
        with simulation.lock:
            vehicle, setting = self._sensor(ECHO, sensor, name)
            place, turn = self._mounted(vehicle, setting)
            scene, now_ns, origin = self._scene(vehicle), simulation.clock.now_ns, vehicle.origin
        azimuth, elevation = _half_sphere(setting)
        points, objects = scan(scene, place, turn, azimuth, elevation, setting.DistanceLimit / 2)
        way = 2 * np.linalg.norm(points, axis=1)
        loss = way * setting.AttenuationPerDistance + setting.AttenuationPerReflection
        cloud = np.column_stack([points, loss, way, np.ones(len(points))])
        heard = loss >= setting.AttenuationLimit
        stage = simulation.renderer.stage
        answer = _answer(now_ns, cloud[heard], place - origin, turn)
        return {
            **answer,
            "groundtruth": [stage.objects[k].name for k in objects[heard]],
            "passive_beacons_point_cloud": [],
            "passive_beacons_groundtruth": [],
        }


def _half_sphere(setting: SensorSetting) -> tuple[np.ndarray, np.ndarray]:
    """Return azimuths and elevations, degrees, evenly spread ahead and within the limits."""
    count = np.arange(abs(setting.NumberOfTraces))
    if setting.NumberOfTraces < 0:  # in the horizontal plane alone
        azimuth = -90 + 180 * (count + 0.5) / len(count)
        elevation = np.zeros(len(count))
    else:
        x = (count + 0.5) / len(count)
        radius, angle = np.sqrt(1 - x**2), count * _GOLDEN_ANGLE
        y, z = radius * np.cos(angle), radius * np.sin(angle)
        azimuth, elevation = np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(z))
    inside = (azimuth >= setting.SensorLowerAzimuthLimit) & (
        azimuth <= setting.SensorUpperAzimuthLimit
    )
    inside &= elevation >= setting.SensorLowerElevationLimit
    inside &= elevation <= setting.SensorUpperElevationLimit
    return azimuth[inside], elevation[inside]


def _answer(now_ns: int, cloud: np.ndarray, place: np.ndarray, turn: np.ndarray) -> dict[str, Any]:
    return {
        "time_stamp": now_ns,
        "point_cloud": np.ascontiguousarray(cloud, np.float32).ravel(),
        "pose": Pose(Vector3r.from_array(place), Quaternionr.from_array(turn)),
    }
