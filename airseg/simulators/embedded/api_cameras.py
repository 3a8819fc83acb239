"""RPC methods about cameras: images, poses, view angles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from airseg.simulators.embedded.cameras import (
    SUPPORTED,
    camera_view,
    fill_response,
    find_camera,
)
from airseg.simulators.embedded.renderer import Render
from airseg.simulators.embedded.rpc import rpc
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


class CameraApi:
    """Methods about the cameras of every SimMode."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("simGetImages", [ImageRequest], str, bool)
    def images(
        self, requests: list[ImageRequest], vehicle_name: str, external: bool
    ) -> list[ImageResponse]:
        """Return images of one instant; those of one camera come from one rendering."""
        return self._capture(requests, vehicle_name)

    @rpc("simGetImage", str, int, str, bool)
    def image(self, camera: str, image_type: int, vehicle_name: str, external: bool) -> bytes:
        """Return one PNG."""
        request = ImageRequest(camera, image_type, pixels_as_float=False, compress=True)
        return self._capture([request], vehicle_name)[0].image_data_uint8

    @rpc("simGetCameraInfo", str, str, bool)
    def camera_info(self, camera_name: str, vehicle_name: str, external: bool) -> CameraInfo:
        """Return pose, view angle and projection of a camera."""
        simulation = self._simulation
        with simulation.lock:
            vehicle = simulation.vehicle(vehicle_name)
            camera = find_camera(simulation.cameras_of(vehicle), camera_name)
            view = camera_view(vehicle, camera, ImageType.Scene)
        focal = 1.0 / math.tan(math.radians(view.fov_deg) / 2)
        matrix = [
            [focal, 0.0, 0.0, 0.0],
            [0.0, focal * view.width / view.height, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.1],
            [0.0, 0.0, 1.0, 0.0],
        ]
        pose = Pose(
            Vector3r.from_array(view.position - vehicle.origin),
            Quaternionr.from_array(view.orientation),
        )
        return CameraInfo(pose, view.fov_deg, ProjectionMatrix(matrix))

    @rpc("simSetCameraPose", str, Pose, str, bool)
    def set_camera_pose(
        self, camera_name: str, pose: Pose, vehicle_name: str, external: bool
    ) -> None:
        """Mount a camera elsewhere on its vehicle; the pose is relative to the body."""
        simulation = self._simulation
        offset, turn = pose.position.to_array(), pose.orientation.to_array()
        if not np.isfinite([*offset, *turn]).all() or not turn.any():
            raise ValueError("the pose has a component that is no number")
        with simulation.lock:
            camera = find_camera(
                simulation.cameras_of(simulation.vehicle(vehicle_name)), camera_name
            )
            camera.offset, camera.turn = offset, turn / np.linalg.norm(turn)

    @rpc("simSetCameraFov", str, float, str, bool)
    def set_camera_fov(
        self, camera_name: str, degrees: float, vehicle_name: str, external: bool
    ) -> None:
        """Change the horizontal field of view of a camera, degrees."""
        if not 1.0 <= degrees <= 170.0:
            raise ValueError(f"a field of view of {degrees} degrees is not between 1 and 170")
        simulation = self._simulation
        with simulation.lock:
            vehicle = simulation.vehicle(vehicle_name)
            find_camera(simulation.cameras_of(vehicle), camera_name).fov_deg = degrees

    def _capture(self, requests: list[ImageRequest], vehicle_name: str) -> list[ImageResponse]:
        simulation = self._simulation
        for request in requests:
            if request.image_type not in SUPPORTED:
                names = ", ".join(t.name for t in sorted(SUPPORTED))
                raise ValueError(
                    f"image type {request.image_type} is not supported by the embedded simulator; "
                    f"supported: {names}"
                )
        with simulation.lock:
            vehicle = simulation.vehicle(vehicle_name)
            cameras = simulation.cameras_of(vehicle)
            views = [
                camera_view(vehicle, find_camera(cameras, r.camera_name), r.image_type)
                for r in requests
            ]
            now_ns, atmosphere = simulation.clock.now_ns, simulation.atmosphere()
        renders: dict[tuple[Any, ...], Render] = {}
        responses = []
        for request, view in zip(requests, views, strict=True):
            key = (request.camera_name, view.fov_deg, view.width, view.height)
            if key not in renders:
                renders[key] = simulation.renderer.render(view, now_ns, atmosphere)
            response = ImageResponse(
                camera_name=request.camera_name,
                camera_position=Vector3r.from_array(view.position - vehicle.origin),
                camera_orientation=Quaternionr.from_array(view.orientation),
                time_stamp=now_ns,
                pixels_as_float=request.pixels_as_float,
                compress=request.compress,
                image_type=int(request.image_type),
            )
            responses.append(
                fill_response(response, request, renders[key], simulation.segmentation)
            )
        return responses
