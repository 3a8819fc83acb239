"""RPC methods about cameras: images, poses, view angles, distortion."""

from __future__ import annotations

import math

import numpy as np

from airseg.simulators.embedded.rpc.image_answers import Capturing
from airseg.simulators.embedded.rpc.rpc_server import rpc
from airseg.simulators.embedded.sensing.cameras import Camera, camera_view
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.protocol import (
    CameraInfo,
    ImageRequest,
    ImageResponse,
    ImageType,
    Pose,
    ProjectionMatrix,
    Quaternionr,
    Vector3r,
)

_DISTORTION = ("K1", "K2", "K3", "P1", "P2")


class CameraApi:
    """Methods about the cameras of every SimMode."""

    def __init__(self, simulation: Simulation, *, red_first: bool = False) -> None:
        self._simulation = simulation
        self._capturing = Capturing(simulation, red_first=red_first)

    @rpc("simGetImages", [ImageRequest], str, bool)
    def images(
        self, requests: list[ImageRequest], vehicle_name: str, external: bool
    ) -> list[ImageResponse]:
        """Return images of one instant."""
        return self._capturing.take(requests, vehicle_name, external)

    @rpc("simGetImage", str, int, str, bool)
    def image(self, camera: str, image_type: int, vehicle_name: str, external: bool) -> bytes:
        """Return one PNG."""
        request = ImageRequest(camera, image_type, pixels_as_float=False, compress=True)
        return self._capturing.take([request], vehicle_name, external)[0].image_data_uint8

    @rpc("simGetCameraInfo", str, str, bool)
    def camera_info(self, camera_name: str, vehicle_name: str, external: bool) -> CameraInfo:
        """Return pose, view angle and projection of a camera."""
        simulation = self._simulation
        with simulation.lock:
            vehicle, camera = simulation.find_camera(camera_name, vehicle_name, external)
            view = camera_view(vehicle, camera, ImageType.Scene)
        focal = 1.0 / math.tan(math.radians(view.fov_deg) / 2)
        matrix = [
            [focal, 0.0, 0.0, 0.0],
            [0.0, focal * view.width / view.height, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.1],
            [0.0, 0.0, 1.0, 0.0],
        ]
        origin = vehicle.origin if vehicle else np.zeros(3)
        pose = Pose(
            Vector3r.from_array(view.position - origin),
            Quaternionr.from_array(view.orientation),
        )
        return CameraInfo(pose, view.fov_deg, ProjectionMatrix(matrix))

    @rpc("simSetCameraPose", str, Pose, str, bool)
    def set_camera_pose(
        self, camera_name: str, pose: Pose, vehicle_name: str, external: bool
    ) -> None:
        """Mount a camera elsewhere, relative to its mount, the body, or the world if external."""
        offset, turn = pose.position.to_array(), pose.orientation.to_array()
        if not np.isfinite([*offset, *turn]).all() or not turn.any():
            raise ValueError("the pose has a component that is no number")
        with self._simulation.lock:
            camera = self._camera(camera_name, vehicle_name, external)
            camera.mount(offset, turn / np.linalg.norm(turn))

    @rpc("simSetCameraFov", str, float, str, bool)
    def set_camera_fov(
        self, camera_name: str, degrees: float, vehicle_name: str, external: bool
    ) -> None:
        """Change the horizontal field of view of a camera, degrees."""
        if not 1.0 <= degrees <= 170.0:
            raise ValueError(f"a field of view of {degrees} degrees is not between 1 and 170")
        with self._simulation.lock:
            self._camera(camera_name, vehicle_name, external).fov_deg = degrees

    @rpc("simGetCurrentFieldOfView", str, str, bool)
    def field_of_view(self, camera_name: str, vehicle_name: str, external: bool) -> str:
        """Return the horizontal field of view of a camera in words."""
        with self._simulation.lock:
            camera = self._camera(camera_name, vehicle_name, external)
            return f"Horizontal FOV: {camera.fov(ImageType.Scene):.6g} degrees"

    @rpc("simSetDistortionParam", str, str, float, str, bool)
    def set_distortion(
        self, camera_name: str, name: str, value: float, vehicle_name: str, external: bool
    ) -> None:
        """Set one of K1, K2, K3, P1, P2 of a camera's lens."""
        if name not in _DISTORTION:
            raise ValueError(f"there is no '{name}' among {', '.join(_DISTORTION)}")
        if not abs(value) <= 10.0:
            raise ValueError(f"{name} of {value} is not between -10 and 10")
        with self._simulation.lock:
            camera = self._camera(camera_name, vehicle_name, external)
            camera.distortion[_DISTORTION.index(name)] = value

    @rpc("simGetDistortionParams", str, str, bool)
    def distortion(self, camera_name: str, vehicle_name: str, external: bool) -> list[float]:
        """Return K1, K2, K3, P1, P2 of a camera's lens."""
        with self._simulation.lock:
            camera = self._camera(camera_name, vehicle_name, external)
            return [float(v) for v in camera.distortion]

    def _camera(self, camera_name: str, vehicle_name: str, external: bool) -> Camera:
        return self._simulation.find_camera(camera_name, vehicle_name, external)[1]
