"""Where cameras sit on their vehicles: mounting them as a plan says, and asking where they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from airseg.geometry import (
    IDENTITY,
    compose_poses,
    invert_pose,
    pose_difference,
    quaternion_from_euler,
)
from airseg.recording.flying.views import View
from airseg.simulators.protocol import Pose, Quaternionr, Vector3r

_ZERO = np.concatenate([np.zeros(3), IDENTITY])
_NO_DIFFERENCE_M, _NO_DIFFERENCE_DEG = 1e-5, 1e-3


def mount(client: Any, view: View) -> None:
    """Set a camera's place on its vehicle and its field of view.

    Poses of cameras are relative to what a camera is fixed to: the vehicle for those of
    settings.json, a mount in front of it for AirSim's own. Which one it is, the camera is asked.
    Time must stand still.
    """
    turn = quaternion_from_euler(0.0, np.radians(view.camera.pitch_deg), 0.0)
    wanted = np.concatenate([np.asarray(view.camera.position_m, float), turn])
    moved = compose_poses(invert_pose(mount_of(client, view)), wanted)
    client.simSetCameraPose(view.camera_name, as_pose(moved), view.vehicle)
    client.simSetCameraFov(view.camera_name, view.camera.fov_deg, view.vehicle)


def mount_of(client: Any, view: View) -> np.ndarray:
    """Return the (7,) pose, relative to its vehicle, that a camera has at a pose of zero.

    The camera is left there.
    """
    client.simSetCameraPose(view.camera_name, as_pose(_ZERO), view.vehicle)
    found = camera_offset(client, view)
    metres, degrees = pose_difference(found, _ZERO)
    if metres < _NO_DIFFERENCE_M and degrees < _NO_DIFFERENCE_DEG:
        return _ZERO
    return found if np.isfinite(found).all() else _ZERO


def camera_offset(client: Any, view: View) -> np.ndarray:
    """Return the (7,) pose of a view's camera relative to its vehicle, as it is now."""
    camera = camera_pose(client, view)
    return compose_poses(invert_pose(vehicle_pose(client, view.vehicle)), camera)


def camera_pose(client: Any, view: View) -> np.ndarray:
    """Return the (7,) pose at which a view's camera is, relative to its vehicle's start."""
    more = (view.vehicle,) if view.vehicle else ()
    return _as_array(client.simGetCameraInfo(view.camera_name, *more).pose)


def vehicle_pose(client: Any, vehicle: str) -> np.ndarray:
    """Return the (7,) pose at which a vehicle is seen, relative to its start."""
    more = (vehicle,) if vehicle else ()
    return _as_array(client.simGetVehiclePose(*more))


def as_pose(pose: np.ndarray) -> Pose:
    """Return a (7,) pose as the simulator takes it."""
    return Pose(Vector3r.from_array(pose[:3]), Quaternionr.from_array(pose[3:]))


def _as_array(pose: Any) -> np.ndarray:
    p, q = pose.position, pose.orientation
    return np.array([p.x_val, p.y_val, p.z_val, q.w_val, q.x_val, q.y_val, q.z_val], float)
