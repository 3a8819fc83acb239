"""The wire types of AirSim's RPC that client, recorder and embedded simulator share.

Attribute names are those on the wire (and of the official client), so that objects of either
library can be handed to the recorder. Lengths are metres, angles degrees where a name or docstring
does not say radians, times integer nanoseconds of simulator time; positions are North-East-Down.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any, Self

import numpy as np

from airseg.errors import SimulatorError

DEFAULT_PORT = 41451
DEFAULT_HOST = "127.0.0.1"


def parse_address(text: str | None) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``; AirSim's own of None.

    Raises:
        SimulatorError: it has another form.
    """
    if text is None:
        return DEFAULT_HOST, DEFAULT_PORT
    host, _, port = text.rpartition(":")
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if not host or not is_port or "/" in text:
        hint = " Leave out 'http://' and what follows the port." if "/" in text else ""
        raise SimulatorError(
            f"simulator {text}: expected HOST:PORT, such as {DEFAULT_HOST}:{DEFAULT_PORT}.{hint}"
        )
    return host, int(port)


class ImageType(IntEnum):
    """What a capture shows."""

    Scene = 0
    DepthPlanar = 1
    DepthPerspective = 2
    DepthVis = 3
    DisparityNormalized = 4
    Segmentation = 5
    SurfaceNormals = 6
    Infrared = 7
    OpticalFlow = 8
    OpticalFlowVis = 9


class WeatherParameter(IntEnum):
    """What `simSetWeatherParameter` sets, each from 0 to 1."""

    Rain = 0
    Roadwetness = 1
    Snow = 2
    RoadSnow = 3
    MapleLeaf = 4
    RoadLeaf = 5
    Dust = 6
    Fog = 7
    Enabled = 8


class DrivetrainType(IntEnum):
    """How a multirotor's yaw relates to its travel direction."""

    MaxDegreeOfFreedom = 0
    ForwardOnly = 1


class WireStruct:
    """A struct that travels as a map from its field names; nested structs nest.

    Unknown incoming keys are ignored and missing ones keep their defaults, as rpclib does.
    """

    def to_msgpack(self) -> dict[str, Any]:
        """Return the map to send. The official client calls this name too."""
        return {f.name: _to_wire(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_msgpack(cls, encoded: dict[str, Any]) -> Self:
        """Build the struct from a received map.

        Raises:
            TypeError: it is no map, or holds something else where a number or a map belongs.
        """
        if not isinstance(encoded, dict):
            raise TypeError(f"{cls.__name__}: expected a map, found {encoded!r:.60}")
        value = cls()
        for f in fields(cls):  # type: ignore[arg-type]
            if f.name not in encoded:
                continue
            received = encoded[f.name]
            nested = getattr(value, f.name)
            if isinstance(nested, WireStruct):
                received = type(nested).from_msgpack(received)
            elif isinstance(nested, int | float) and not isinstance(received, int | float):
                found = f"{received!r:.60}"
                raise TypeError(f"{cls.__name__}.{f.name}: expected a number, found {found}")
            setattr(value, f.name, received)
        return value


def _to_wire(value: Any) -> Any:
    if isinstance(value, WireStruct):
        return value.to_msgpack()
    if isinstance(value, IntEnum):
        return int(value)
    if isinstance(value, list | tuple):
        return [_to_wire(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


@dataclass
class Vector3r(WireStruct):
    """A position or velocity, North-East-Down."""

    x_val: float = 0.0
    y_val: float = 0.0
    z_val: float = 0.0

    @classmethod
    def from_array(cls, vector: np.ndarray) -> Self:
        """Build from a (3,) array."""
        return cls(float(vector[0]), float(vector[1]), float(vector[2]))

    def to_array(self) -> np.ndarray:
        """Return a (3,) float64 array."""
        return np.array([self.x_val, self.y_val, self.z_val], float)


@dataclass
class Quaternionr(WireStruct):
    """An orientation; Hamilton, body to world."""

    w_val: float = 1.0
    x_val: float = 0.0
    y_val: float = 0.0
    z_val: float = 0.0

    @classmethod
    def from_array(cls, q: np.ndarray) -> Self:
        """Build from a (4,) array ``(w, x, y, z)``."""
        return cls(float(q[0]), float(q[1]), float(q[2]), float(q[3]))

    def to_array(self) -> np.ndarray:
        """Return a (4,) float64 array ``(w, x, y, z)``."""
        return np.array([self.w_val, self.x_val, self.y_val, self.z_val], float)


@dataclass
class Pose(WireStruct):
    """Where something is and which way it points."""

    position: Vector3r = field(default_factory=Vector3r)
    orientation: Quaternionr = field(default_factory=Quaternionr)


@dataclass
class KinematicsState(WireStruct):
    """Motion of a vehicle; m, m/s, m/s^2 and rad/s."""

    position: Vector3r = field(default_factory=Vector3r)
    orientation: Quaternionr = field(default_factory=Quaternionr)
    linear_velocity: Vector3r = field(default_factory=Vector3r)
    angular_velocity: Vector3r = field(default_factory=Vector3r)
    linear_acceleration: Vector3r = field(default_factory=Vector3r)
    angular_acceleration: Vector3r = field(default_factory=Vector3r)


@dataclass
class TimedState(WireStruct):
    """The time of a vehicle's state, nanoseconds; AirSim's states hold much more."""

    timestamp: int = 0


@dataclass
class YawMode(WireStruct):
    """A multirotor's heading: degrees a second, or degrees."""

    is_rate: bool = True
    yaw_or_rate: float = 0.0


@dataclass
class CarControls(WireStruct):
    """Pedals and wheel of a car, each from 0 to 1 (steering from -1, left, to 1, right)."""

    throttle: float = 0.0
    steering: float = 0.0
    brake: float = 0.0
    handbrake: bool = False
    is_manual_gear: bool = False
    manual_gear: int = 0
    gear_immediate: bool = True


@dataclass
class RcData(WireStruct):
    """Sticks of a remote control, each from -1 to 1 (throttle from 0)."""

    timestamp: int = 0
    pitch: float = 0.0
    roll: float = 0.0
    throttle: float = 0.0
    yaw: float = 0.0
    left_z: float = 0.0
    right_z: float = 0.0
    switches: int = 0
    vendor_id: str = ""
    is_initialized: bool = False
    is_valid: bool = False


@dataclass
class ImageRequest(WireStruct):
    """One image of a `simGetImages` call."""

    camera_name: str = "0"
    image_type: int = ImageType.Scene
    pixels_as_float: bool = False
    compress: bool = True


@dataclass
class ImageResponse(WireStruct):
    """One image as delivered.

    `image_data_uint8` holds PNG bytes when `compress`, else `height * width * 3` bytes, blue first
    (AirSim) or red first (Cosys-AirSim). `image_data_float` holds `height * width` values in place
    of it when `pixels_as_float`.
    """

    image_data_uint8: bytes = b""
    image_data_float: Any = field(default_factory=list)
    camera_position: Vector3r = field(default_factory=Vector3r)
    camera_name: str = ""
    camera_orientation: Quaternionr = field(default_factory=Quaternionr)
    time_stamp: int = 0
    message: str = ""
    pixels_as_float: bool = False
    compress: bool = True
    width: int = 0
    height: int = 0
    image_type: int = ImageType.Scene


@dataclass
class ProjectionMatrix(WireStruct):
    """The 4x4 matrix of a camera, row by row."""

    matrix: list[list[float]] = field(default_factory=list)


@dataclass
class CameraInfo(WireStruct):
    """Pose, horizontal field of view in degrees, and projection of a camera."""

    pose: Pose = field(default_factory=Pose)
    fov: float = 0.0
    proj_mat: ProjectionMatrix = field(default_factory=ProjectionMatrix)


@dataclass
class GeoPoint(WireStruct):
    """A place on the globe; degrees and metres above sea level."""

    latitude: float = 0.0
    longitude: float = 0.0
    altitude: float = 0.0


@dataclass
class CollisionInfo(WireStruct):
    """What a vehicle last ran into."""

    has_collided: bool = False
    penetration_depth: float = 0.0
    time_stamp: int = 0
    normal: Vector3r = field(default_factory=Vector3r)
    impact_point: Vector3r = field(default_factory=Vector3r)
    position: Vector3r = field(default_factory=Vector3r)
    object_name: str = ""
    object_id: int = -1
