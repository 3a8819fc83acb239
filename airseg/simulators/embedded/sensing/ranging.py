"""Measuring distances in the world: single rays and whole lidar scans, from depth renderings.

A point is where a pixel's ray meets a mesh, so that it lies on the mesh that images show, and
carries the number of the object it lies on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.geometry import quaternion_from_euler, quaternion_multiply, rotate, rotation_matrix
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer
from airseg.simulators.embedded.rendering.shading import SKY_DEPTH_M
from airseg.simulators.embedded.rendering.stage import Placement
from airseg.simulators.embedded.settings import SensorSetting

_SECTOR_DEG = 60.0
_SECTOR_PIXELS = 192
_RAY_FOV_DEG = 0.5
_MOST_POINTS = 100_000
"""More of them AirSim does not measure in one scan."""


@dataclass(frozen=True)
class Scene:
    """The moment in which distances are measured, see `Renderer.render`."""

    renderer: Renderer
    time_ns: int
    bodies: dict[int, Placement]
    own_body: int | None


def ray_length(scene: Scene, origin: np.ndarray, orientation: np.ndarray) -> float:
    """Return how far a ray goes, metres, or infinity.

    Args:
        scene: what is measured.
        origin: (3,) NED metres.
        orientation: (4,) quaternion; the ray goes along its x.
    """
    view = CameraView(origin, orientation, _RAY_FOV_DEG, 3, 3)
    depth = _depth(scene, view)[0][1, 1]
    return float(depth) if depth < SKY_DEPTH_M else float("inf")


def is_visible(scene: Scene, origin: np.ndarray, target: np.ndarray) -> bool:
    """Tell whether nothing stands between two (3,) places, NED metres."""
    way = target - origin
    length = float(np.linalg.norm(way))
    if length < 1e-6:
        return True
    yaw, pitch = np.arctan2(way[1], way[0]), np.arctan2(-way[2], np.hypot(way[0], way[1]))
    reach = ray_length(scene, origin, quaternion_from_euler(0.0, float(pitch), float(yaw)))
    return reach >= length * 0.999 - 0.05


def lidar_scan(
    scene: Scene,
    position: np.ndarray,
    orientation: np.ndarray,
    setting: SensorSetting,
    is_car: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return one turn of a lidar, channel by channel.

    Args:
        scene: what is measured.
        position, orientation: (3,) and (4,), of the sensor in the world.
        setting: channels, range, rates and angles.
        is_car: whether AirSim's default angles of cars apply, else those of multirotors.

    Returns:
        Points and object indices, see `scan`.
    """
    points = min(setting.PointsPerSecond / setting.RotationsPerSecond, _MOST_POINTS)
    count = max(int(points / setting.NumberOfChannels), 1)
    azimuth, elevation = turning_beams(setting, count, is_car=is_car)
    return scan(scene, position, orientation, azimuth, elevation, setting.Range)


def scan(
    scene: Scene,
    position: np.ndarray,
    orientation: np.ndarray,
    azimuth: np.ndarray,
    elevation: np.ndarray,
    reach: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what beams meet.

    Args:
        scene: what is measured.
        position, orientation: (3,) and (4,), of the sensor in the world.
        azimuth, elevation: (N,) of each beam, degrees to the right and up.
        reach: how far a beam goes, metres.

    Returns:
        (P, 3) float32 points in the sensor's own frame, metres, in the order of the beams; and (P,)
        int object indices. Beams that meet nothing have no point.
    """
    points, objects, beams = [], [], []
    for sector in np.arange(-180.0, 180.0, _SECTOR_DEG) + _SECTOR_DEG / 2:
        # Each beam belongs to one sector, those at its edges included.
        mine = (_wrapped(azimuth - sector) + _SECTOR_DEG / 2) // _SECTOR_DEG == 0
        if mine.any():
            cloud, index, hit = _scan_sector(
                scene, position, orientation, sector, azimuth[mine], elevation[mine]
            )
            points.append(cloud)
            objects.append(index)
            beams.append(np.flatnonzero(mine)[hit])
    if not points:
        return np.zeros((0, 3), np.float32), np.zeros(0, np.int64)
    order = np.argsort(np.concatenate(beams), kind="stable")
    cloud, index = np.concatenate(points)[order], np.concatenate(objects)[order]
    near = np.linalg.norm(cloud, axis=1) <= reach
    return cloud[near].astype(np.float32), index[near]


def turning_beams(
    setting: SensorSetting, count: int, *, is_car: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return azimuths (right) and elevations (up) of all beams of a turn, degrees.

    `count` beams of each channel go all around; those that miss the horizontal limits are left out.
    """
    upper = setting.VerticalFOVUpper
    lower = setting.VerticalFOVLower
    upper = (10.0 if is_car else -15.0) if upper is None else upper
    lower = (-10.0 if is_car else -45.0) if lower is None else lower
    start = 0.0 if setting.HorizontalFOVStart is None else setting.HorizontalFOVStart
    end = 359.0 if setting.HorizontalFOVEnd is None else setting.HorizontalFOVEnd
    # As AirSim does: from start to end to the right, modulo 360, and all around if they are equal.
    span = (end - start) % 360.0 or 360.0
    turns = np.linspace(start, start + span, max(int(count * span / 360.0), 1), endpoint=False)
    rises = np.linspace(upper, lower, setting.NumberOfChannels)
    azimuth, elevation = np.meshgrid(_wrapped(turns), rises)
    return azimuth.ravel(), elevation.ravel()


def _scan_sector(
    scene: Scene,
    position: np.ndarray,
    orientation: np.ndarray,
    sector: float,
    azimuth: np.ndarray,
    elevation: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points in the sensor's frame, objects, and numbers of beams near one azimuth."""
    # High enough for the steepest beam at the sector's edge.
    steep = min(float(np.abs(elevation).max()) + 1.0, 80.0)
    focal = _SECTOR_PIXELS / 2 / np.tan(np.radians(_SECTOR_DEG / 2 + 1.0))
    height = int(2 * focal * np.tan(np.radians(steep)) / np.cos(np.radians(_SECTOR_DEG / 2))) + 4
    height = min(height, 4 * _SECTOR_PIXELS)
    turn = quaternion_from_euler(0.0, 0.0, float(np.radians(sector)))
    view = CameraView(
        position,
        quaternion_multiply(orientation, turn),
        _SECTOR_DEG + 2.0,
        _SECTOR_PIXELS,
        height,
    )
    depth, index = _depth(scene, view)
    across = np.radians(_wrapped(azimuth - sector))
    column = np.floor(_SECTOR_PIXELS / 2 + focal * np.tan(across)).astype(int)
    row = np.floor(height / 2 - focal * np.tan(np.radians(elevation)) / np.cos(across)).astype(int)
    seen = (column >= 0) & (column < _SECTOR_PIXELS) & (row >= 0) & (row < height)
    column, row = column[seen], row[seen]
    z = depth[row, column].astype(float)
    hit = z < SKY_DEPTH_M
    x = (column + 0.5 - _SECTOR_PIXELS / 2) / focal
    y = (row + 0.5 - height / 2) / focal
    local = np.stack([np.ones_like(x), x, y], 1)[hit] * z[hit, None]
    objects = index[row, column][hit].astype(np.int64)
    return local @ rotation_matrix(turn).T, objects, np.flatnonzero(seen)[hit]


def _depth(scene: Scene, view: CameraView) -> tuple[np.ndarray, np.ndarray]:
    render = scene.renderer.render(view, scene.time_ns, bodies=scene.bodies, without=scene.own_body)
    return render.depth_planar, render.object_index


def _wrapped(degrees: np.ndarray) -> np.ndarray:
    return (degrees + 180.0) % 360.0 - 180.0


def mounted(
    body_position: np.ndarray,
    body_orientation: np.ndarray,
    setting: SensorSetting,
    default_z: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return where a sensor is in the world: (3,) position and (4,) orientation.

    `default_z` is its height (down) on the body where the setting says nothing, metres.
    """
    offset = np.array([setting.X, setting.Y, default_z if setting.Z is None else setting.Z])
    turn = quaternion_from_euler(*np.radians([setting.Roll, setting.Pitch, setting.Yaw]))
    place = body_position + rotate(body_orientation, offset)
    return place, quaternion_multiply(body_orientation, turn)
