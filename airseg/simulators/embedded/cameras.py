"""Cameras on vehicles, and the images a request asks of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from airseg.geometry import quaternion_from_euler, quaternion_multiply
from airseg.simulators.embedded.renderer import CameraView, Render
from airseg.simulators.embedded.segmentation import SegmentationIds
from airseg.simulators.embedded.settings import (
    CameraSetting,
    CaptureSetting,
    VehicleSetting,
    capture_setting,
)
from airseg.simulators.embedded.vehicles import Car, FreeCamera, Vehicle
from airseg.simulators.protocol import ImageRequest, ImageResponse, ImageType

_DEGREES = np.pi / 180
_ALIASES = {
    "": "front_center",
    "0": "front_center",
    "1": "front_right",
    "2": "front_left",
    "3": "bottom_center",
    "4": "back_center",
}
# Offsets from the body's middle, metres, and pitch and yaw, degrees.
_DRONE_MOUNTS = {
    "front_center": ((0.5, 0.0, -0.1), 0, 0),
    "front_right": ((0.5, 0.25, -0.1), 0, 0),
    "front_left": ((0.5, -0.25, -0.1), 0, 0),
    "bottom_center": ((0.0, 0.0, 0.1), -90, 0),
    "back_center": ((-0.5, 0.0, -0.1), 0, 180),
    "fpv": ((0.5, 0.0, -0.1), 0, 0),
}
_CAR_MOUNTS = {
    "front_center": ((1.0, 0.0, -1.5), 0, 0),
    "front_right": ((1.0, 0.4, -1.5), 0, 0),
    "front_left": ((1.0, -0.4, -1.5), 0, 0),
    "fpv": ((0.3, 0.0, -1.3), 0, 0),
    "back_center": ((-2.2, 0.0, -1.2), 0, 180),
}
SUPPORTED = frozenset(
    {
        ImageType.Scene,
        ImageType.DepthPlanar,
        ImageType.DepthPerspective,
        ImageType.DepthVis,
        ImageType.Segmentation,
        ImageType.Infrared,
    }
)


@dataclass
class Camera:
    """A camera fixed to a vehicle.

    Attributes:
        offset: (3,) metres in the body's frame; turn: (4,) quaternion, camera to body.
        captures: size and view of each image type; view angles can be changed over the wire.
    """

    offset: np.ndarray
    turn: np.ndarray
    settings: CameraSetting
    fov_deg: float | None = None
    captures: dict[int, CaptureSetting] = field(default_factory=dict)

    def capture(self, image_type: int) -> CaptureSetting:
        """Return size and view of an image type."""
        if image_type not in self.captures:
            self.captures[image_type] = capture_setting(self.settings, image_type)
        return self.captures[image_type]

    def fov(self, image_type: int) -> float:
        """Return the horizontal field of view of an image type, degrees."""
        return self.fov_deg or self.capture(image_type).FOV_Degrees


def build_cameras(
    vehicle: Vehicle, setting: VehicleSetting, defaults: CameraSetting
) -> dict[str, Camera]:
    """Return a vehicle's cameras by name: the built-in ones, changed or joined by the settings'."""
    mounts = _CAR_MOUNTS if isinstance(vehicle, Car) else _DRONE_MOUNTS
    cameras: dict[str, Camera] = {}
    for name, (offset, pitch, yaw) in mounts.items():
        place = np.zeros(3) if isinstance(vehicle, FreeCamera) else np.array(offset, float)
        turn = quaternion_from_euler(0.0, pitch * _DEGREES, yaw * _DEGREES)
        cameras[name] = Camera(place, turn, defaults)
    for alias, own in setting.Cameras.items():
        name = _ALIASES.get(alias, alias)
        base = cameras.get(name)
        place = base.offset.copy() if base else np.zeros(3)
        place = np.array(
            [p if c is None else c for p, c in zip(place, (own.X, own.Y, own.Z), strict=True)]
        )
        angles = [(a or 0.0) * _DEGREES for a in (own.Roll, own.Pitch, own.Yaw)]
        turned = any(a is not None for a in (own.Roll, own.Pitch, own.Yaw))
        turn = quaternion_from_euler(*angles) if turned or base is None else base.turn
        cameras[name] = Camera(place, turn, own if own.CaptureSettings else defaults)
    return cameras


def find_camera(cameras: dict[str, Camera], name: str) -> Camera:
    """Return a camera by its name or number.

    Raises:
        LookupError: the vehicle has no such camera.
    """
    found = cameras.get(_ALIASES.get(name, name))
    if found is None:
        raise LookupError(
            f"Camera '{name}' is not available. Cameras: {', '.join(sorted(cameras))}"
        )
    return found


def camera_view(vehicle: Vehicle, camera: Camera, image_type: int) -> CameraView:
    """Return where a camera is now and what it takes in."""
    size = camera.capture(image_type)
    return CameraView(
        vehicle.body.point(camera.offset),
        quaternion_multiply(vehicle.body.orientation, camera.turn),
        camera.fov(image_type),
        size.Width,
        size.Height,
    )


def fill_response(
    response: ImageResponse, request: ImageRequest, render: Render, ids: SegmentationIds
) -> ImageResponse:
    """Put the pixels a request asks for into its response."""
    response.height, response.width = render.depth_planar.shape[:2]
    if request.pixels_as_float:
        values = _as_floats(request.image_type, render, ids)
        # Values pass through half floats on their way, as in AirSim.
        response.image_data_float = values.astype(np.float16).astype(np.float32)
        return response
    bgr = np.ascontiguousarray(_as_bgr(request.image_type, render, ids))
    if request.compress:
        response.image_data_uint8 = cv2.imencode(".png", bgr)[1].tobytes()
    else:
        response.image_data_uint8 = bgr.tobytes()
    return response


def _as_floats(image_type: int, render: Render, ids: SegmentationIds) -> np.ndarray:
    depth = render.depth_planar
    if image_type == ImageType.DepthPlanar:
        return depth
    if image_type == ImageType.DepthPerspective:
        return np.minimum(depth * _ray_lengths(render), 65504.0)
    if image_type == ImageType.DepthVis:
        return np.minimum(depth / 100.0, 1.0)
    if image_type == ImageType.Infrared:
        return ids.ids_of(render.object_index).astype(np.float32)
    return _as_bgr(image_type, render, ids)[..., ::-1].mean(2) / 255.0


def _as_bgr(image_type: int, render: Render, ids: SegmentationIds) -> np.ndarray:
    if image_type == ImageType.Scene:
        return render.rgb[..., ::-1]
    if image_type == ImageType.Segmentation:
        return ids.colors_of(render.object_index)[..., ::-1]
    if image_type == ImageType.Infrared:
        grey = ids.ids_of(render.object_index)
    else:
        depth = render.depth_planar
        if image_type == ImageType.DepthPerspective:
            depth = depth * _ray_lengths(render)
        grey = (np.minimum(depth / 100.0, 1.0) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, 2)


def _ray_lengths(render: Render) -> np.ndarray:
    """Return (H, W) float32: how much longer the ray to a pixel is than its planar depth."""
    height, width = render.depth_planar.shape
    x = (np.arange(width) + 0.5 - width / 2) / render.focal
    y = (np.arange(height) + 0.5 - height / 2) / render.focal
    return np.sqrt(1 + x[None] ** 2 + y[:, None] ** 2).astype(np.float32)
