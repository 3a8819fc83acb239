"""Cameras on vehicles and in the world, and what each remembers of the instant before."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from airseg.geometry import (
    IDENTITY,
    euler_from_quaternion,
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_multiply,
    rotate,
)
from airseg.simulators.embedded.rendering.optical_flow import Instant
from airseg.simulators.embedded.rendering.renderer import CameraView
from airseg.simulators.embedded.settings import (
    CameraSetting,
    CaptureSetting,
    NoiseSetting,
    VehicleSetting,
    capture_setting,
    noise_setting,
)
from airseg.simulators.embedded.vehicles.vehicle import Car, FreeCamera, Vehicle

_LOG = logging.getLogger(__name__)
_DEGREES = np.pi / 180
_NUMBERED = {
    "": "front_center",
    "0": "front_center",
    "1": "front_right",
    "2": "front_left",
    "4": "back_center",
}
_DRONE_NAMES = {**_NUMBERED, "3": "bottom_center", "fpv": "front_center"}
_CAR_NAMES = {**_NUMBERED, "3": "fpv"}
"""Other names of built-in cameras; those of free cameras are as those of multirotors."""
# Offsets from the body's middle, metres, and pitch and yaw, degrees.
_DRONE_MOUNTS = {
    "front_center": ((0.5, 0.0, -0.1), 0, 0),
    "front_right": ((0.5, 0.125, -0.1), 0, 0),
    "front_left": ((0.5, -0.125, -0.1), 0, 0),
    "bottom_center": ((0.0, 0.0, 0.1), -90, 0),
    "back_center": ((-0.5, 0.0, -0.1), 0, 180),
}
_CAR_MOUNTS = {
    "front_center": ((2.0, 0.0, -1.0), 0, 0),
    "front_right": ((2.0, 0.125, -1.0), 0, 0),
    "front_left": ((2.0, -0.125, -1.0), 0, 0),
    "fpv": ((0.0, -0.25, -1.25), 0, 0),
    "back_center": ((-2.0, 0.0, -1.0), 0, 180),
}
_FREE_MOUNTS = {
    "front_center": ((0.0, 0.0, 0.0), 0, 0),
    "front_right": ((0.0, 0.125, 0.0), 0, 0),
    "front_left": ((0.0, -0.125, 0.0), 0, 0),
    "bottom_center": ((0.0, 0.0, 0.0), -90, 0),
    "back_center": ((0.0, 0.0, 0.0), 0, 180),
}


@dataclass
class Camera:
    """A camera fixed to a vehicle, or to the world.

    Attributes:
        offset: (3,) metres in the body's frame, or the world's.
        turn: (4,) quaternion, camera to body.
        settings: sizes, views and looks by image type.
        mounted: offset and turn as the settings have them.
        fov_deg: horizontal field of view, degrees, when changed over the wire.
        distortion: (5,) K1 K2 K3 P1 P2.
        has_mount: whether poses that are set are relative to how it was mounted, as those of
            AirSim's built-in cameras, or to the body.
    """

    offset: np.ndarray
    turn: np.ndarray
    settings: CameraSetting
    fov_deg: float | None = None
    distortion: np.ndarray = field(default_factory=lambda: np.zeros(5))
    has_mount: bool = False

    def __post_init__(self) -> None:
        self.mounted = (self.offset.copy(), self.turn.copy())
        gimbal = self.settings.Gimbal
        self._held = [gimbal.Roll, gimbal.Pitch, gimbal.Yaw]
        self._captures: dict[int, CaptureSetting] = {}
        self._shown: tuple[bytes, Instant] | None = None
        self._before: Instant | None = None

    def capture(self, image_type: int) -> CaptureSetting:
        """Return size, view and look of an image type."""
        if image_type not in self._captures:
            self._captures[image_type] = capture_setting(self.settings, image_type)
        return self._captures[image_type]

    def noise(self, image_type: int) -> NoiseSetting | None:
        """Return the noise of an image type, or None."""
        return noise_setting(self.settings, image_type)

    def fov(self, image_type: int) -> float:
        """Return the horizontal field of view of an image type, degrees."""
        return self.fov_deg or self.capture(image_type).FOV_Degrees

    @property
    def has_gimbal(self) -> bool:
        """Whether it keeps angles of the world, as far as its stabilization says."""
        return self.settings.Gimbal.Stabilization > 0

    def mount(self, offset: np.ndarray, turn: np.ndarray) -> None:
        """Fix it elsewhere, at once; a gimbal takes the turn, (4,), as the angles it shall keep."""
        place, base = self.mounted if self.has_mount else (np.zeros(3), IDENTITY)
        self.offset = place + rotate(base, offset)
        if self.has_gimbal:
            self._held = [float(a) / _DEGREES for a in euler_from_quaternion(turn)]
        else:
            self.turn = quaternion_multiply(base, turn)

    def stabilize(self, carrier: np.ndarray) -> None:
        """Let the gimbal act once, as at every tick: mix the angles it has with those it keeps.

        Args:
            carrier: (4,) orientation of what it is fixed to.
        """
        share = self.settings.Gimbal.Stabilization
        present = euler_from_quaternion(quaternion_multiply(carrier, self.turn))
        mixed = [
            has if wants is None else share * wants * _DEGREES + (1 - share) * has
            for has, wants in zip(present, self._held, strict=True)
        ]
        turned = quaternion_from_euler(*mixed)
        self.turn = quaternion_multiply(quaternion_conjugate(carrier), turned)

    def remember(self, key: bytes, instant: Instant) -> Instant:
        """Take note of the instant that is shown now; return the one before it.

        Args:
            key: equal for captures of one instant.
            instant: camera and placements now.
        """
        if self._shown is None or self._shown[0] != key:
            self._before = self._shown[1] if self._shown else instant
            self._shown = (key, instant)
        return self._before or instant

    def forget(self) -> None:
        """Go back to how it was mounted, without any instant before."""
        self.offset, self.turn = self.mounted[0].copy(), self.mounted[1].copy()
        gimbal = self.settings.Gimbal
        self._held = [gimbal.Roll, gimbal.Pitch, gimbal.Yaw]
        self.fov_deg, self.distortion = None, np.zeros(5)
        self.forget_instants()

    def forget_instants(self) -> None:
        """Let the next image be the first: there is no motion since the one before."""
        self._shown = self._before = None


def build_cameras(
    vehicle: Vehicle, setting: VehicleSetting, defaults: CameraSetting
) -> dict[str, Camera]:
    """Return a vehicle's cameras by each of their names: the built-in ones, and the settings'.

    A camera of the settings takes the place of a built-in one under that very name alone: an entry
    for ``0`` leaves ``front_center`` as it was.
    """
    is_car = isinstance(vehicle, Car)
    mounts = _CAR_MOUNTS if is_car else _DRONE_MOUNTS
    if isinstance(vehicle, FreeCamera):
        mounts = _FREE_MOUNTS
    cameras: dict[str, Camera] = {}
    for name, (offset, pitch, yaw) in mounts.items():
        turn = quaternion_from_euler(0.0, pitch * _DEGREES, yaw * _DEGREES)
        cameras[name] = Camera(np.array(offset, float), turn, defaults, has_mount=True)
    for other, name in (_CAR_NAMES if is_car else _DRONE_NAMES).items():
        cameras[other] = cameras[name]
    built_in = dict(cameras)
    for name, own in setting.Cameras.items():
        cameras[name] = _set_up(own, defaults, built_in.get(name))
    return cameras


def build_external_cameras(
    settings: dict[str, CameraSetting], defaults: CameraSetting
) -> dict[str, Camera]:
    """Return the cameras that are fixed to the world, by name; their places are global NED."""
    return {name: _set_up(own, defaults, None) for name, own in settings.items()}


def _set_up(own: CameraSetting, defaults: CameraSetting, base: Camera | None) -> Camera:
    place = base.offset.copy() if base else np.zeros(3)
    wanted = [_first(getattr(own, axis), getattr(defaults, axis)) for axis in "XYZ"]
    place = np.array([p if c is None else c for p, c in zip(place, wanted, strict=True)])
    turns = [_first(getattr(own, a), getattr(defaults, a)) for a in ("Roll", "Pitch", "Yaw")]
    angles = [(a or 0.0) * _DEGREES for a in turns]
    turned = any(a is not None for a in turns)
    turn = quaternion_from_euler(*angles) if turned or base is None else base.turn
    # It begins with the defaults of all cameras; its own entries come after and win.
    changes: dict[str, Any] = {
        name: [*getattr(defaults, name), *getattr(own, name)]
        for name in ("CaptureSettings", "NoiseSettings")
    }
    if "Gimbal" not in own.model_fields_set:
        changes["Gimbal"] = defaults.Gimbal
    return Camera(place, turn, own.model_copy(update=changes))


def _first(*values: float | None) -> float | None:
    """Return the first value that is one."""
    return next((value for value in values if value is not None), None)


def find_camera(cameras: dict[str, Camera], name: str) -> Camera:
    """Return a camera by its name or number.

    Raises:
        LookupError: there is no such camera.
    """
    found = cameras.get(name)
    if found is None:
        known = ", ".join(f"'{key}'" for key in sorted(cameras)) or "none"
        _LOG.warning("camera '%s' is not there; AirSim would have crashed here", name)
        raise LookupError(f"Camera '{name}' is not available. Cameras: {known}")
    return found


def stabilize(vehicle: Vehicle | None, cameras: Iterable[Camera]) -> None:
    """Let the gimbals of a vehicle's cameras, or of the world's, act once."""
    carrier = IDENTITY if vehicle is None else vehicle.actor.orientation
    for camera in cameras:
        if camera.has_gimbal:
            camera.stabilize(carrier)


def camera_view(vehicle: Vehicle | None, camera: Camera, image_type: int) -> CameraView:
    """Return where a camera is now and what it takes in; without a vehicle, in the world."""
    size = camera.capture(image_type)
    if vehicle is None:
        position, orientation = camera.offset.copy(), camera.turn
    else:
        position = vehicle.actor.point(camera.offset)
        orientation = quaternion_multiply(vehicle.actor.orientation, camera.turn)
    return CameraView(position, orientation, camera.fov(image_type), size.Width, size.Height)
