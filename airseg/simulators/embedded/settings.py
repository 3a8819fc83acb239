"""AirSim's settings.json, as far as the embedded simulator follows it.

Unknown keys are left alone, because a file written for Unreal has many; keys that are read must
have the right type. One entry of ``CaptureSettings`` replaces the whole setting of its image type,
and a type without an entry is 256x144, as in AirSim. Without any file every type is 640x480.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from airseg.errors import SettingsError, did_you_mean, first_line
from airseg.simulators.embedded.client_files import is_plain_name
from airseg.simulators.embedded.leaving_out import LARGEST_SIDE, leave_out
from airseg.simulators.protocol import DEFAULT_HOST, DEFAULT_PORT, ImageType
from airseg.text_files import read_text

SIM_MODES = ("Multirotor", "Car", "ComputerVision")
_DEFAULT_VEHICLE = {
    "Multirotor": "SimpleFlight",
    "Car": "PhysXCar",
    "ComputerVision": "ComputerVision",
}


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class CaptureSetting(_Tolerant):
    """Size, view and look of one image type.

    Exposure stays as it is drawn unless ``AutoExposureSpeed`` is set; the eye then adapts at once.
    """

    ImageType: int = 0
    Width: int = Field(256, ge=1, le=LARGEST_SIDE)
    Height: int = Field(144, ge=1, le=LARGEST_SIDE)
    FOV_Degrees: float = Field(90.0, gt=0, lt=180)
    AutoExposureSpeed: float = Field(0.0, ge=0)
    AutoExposureBias: float = Field(0.0, ge=-15, le=15)
    AutoExposureMinBrightness: float = Field(0.03, ge=0)
    AutoExposureMaxBrightness: float = Field(0.64, ge=0)
    MotionBlurAmount: float = Field(0.0, ge=0, le=1)
    TargetGamma: float | None = Field(None, gt=0, le=10)
    ProjectionMode: Literal["", "perspective"] = ""


class NoiseSetting(_Tolerant):
    """Interference of one image type, by AirSim's names; drawn into Scene only."""

    ImageType: int = 0
    Enabled: bool = False
    RandContrib: float = Field(0.2, ge=0)
    HorzWaveContrib: float = Field(0.03, ge=0)
    HorzWaveStrength: float = Field(0.08, ge=0)
    HorzWaveScreenSize: float = Field(1.0, ge=0)
    HorzNoiseLinesContrib: float = Field(1.0, ge=0)
    HorzNoiseLinesDensityY: float = Field(0.01, ge=0)
    HorzNoiseLinesDensityXY: float = Field(0.5, ge=0)
    HorzDistortionContrib: float = Field(1.0, ge=0)
    HorzDistortionStrength: float = Field(0.002, ge=0)


class GimbalSetting(_Tolerant):
    """A mount that keeps angles (degrees, of the world) as far as its stabilization says."""

    Stabilization: Annotated[float, AfterValidator(lambda v: min(max(v, 0.0), 1.0))] = 0.0
    Pitch: float | None = None
    Roll: float | None = None
    Yaw: float | None = None


class CameraSetting(_Tolerant):
    """A camera on a vehicle, or the defaults of all; metres (NED) and degrees."""

    CaptureSettings: list[CaptureSetting] = []
    NoiseSettings: list[NoiseSetting] = []
    Gimbal: GimbalSetting = GimbalSetting()
    X: float | None = None
    Y: float | None = None
    Z: float | None = None
    Pitch: float | None = None
    Roll: float | None = None
    Yaw: float | None = None


class SensorSetting(_Tolerant):
    """A sensor of a vehicle; metres (body frame) and degrees.

    ``SensorType``: 1 barometer, 2 IMU, 3 GPS, 4 magnetometer, 5 distance, 6 lidar; of
    Cosys-AirSim 7 echo and 8 GPU lidar. A sensor that is not switched on is off.
    """

    SensorType: int = Field(ge=1, le=8)
    Enabled: bool = False
    X: float = 0.0
    Y: float = 0.0
    Z: float | None = None
    Pitch: float = 0.0
    Roll: float = 0.0
    Yaw: float = 0.0
    MinDistance: float = Field(0.2, ge=0)
    MaxDistance: float = Field(40.0, gt=0)
    NumberOfChannels: int = Field(16, ge=1, le=256)
    Range: float = Field(100.0, gt=0)
    PointsPerSecond: int = Field(100_000, ge=1)
    RotationsPerSecond: float = Field(10.0, gt=0)
    HorizontalFOVStart: float | None = None
    HorizontalFOVEnd: float | None = None
    VerticalFOVUpper: float | None = None
    VerticalFOVLower: float | None = None
    DataFrame: Literal["VehicleInertialFrame", "SensorLocalFrame"] = "VehicleInertialFrame"
    # Of Cosys-AirSim's sensors alone.
    MeasurementsPerCycle: int = Field(512, ge=1, le=100_000)
    NumberOfTraces: int = Field(1000, ge=-100_000, le=100_000)
    SensorLowerAzimuthLimit: float = -90.0
    SensorUpperAzimuthLimit: float = 90.0
    SensorLowerElevationLimit: float = -90.0
    SensorUpperElevationLimit: float = 90.0
    AttenuationPerDistance: float = 0.0
    AttenuationPerReflection: float = 0.0
    AttenuationLimit: float = -100.0
    DistanceLimit: float = Field(10.0, gt=0)


class AnnotationSetting(_Tolerant):
    """A layer of Cosys-AirSim in which objects have colours: 0 RGB, 1 greyscale, 2 textures."""

    Name: str
    Type: int = Field(0, ge=0, le=2)
    Default: int = 0
    SetDirect: bool = False


class RecordedCamera(_Tolerant):
    """An image that AirSim's own recorder takes; of the first vehicle, if none is named."""

    CameraName: str = Field("0", validation_alias=AliasChoices("CameraName", "CameraID"))
    ImageType: int = 0
    PixelsAsFloat: bool = False
    Compress: bool = True
    VehicleName: str = ""


class RecordingSetting(_Tolerant):
    """AirSim's own recorder."""

    RecordOnMove: bool = False
    RecordInterval: float = Field(0.05, gt=0)
    Folder: str = ""
    Enabled: bool = False
    Cameras: list[RecordedCamera] | None = None


class RemoteControlSetting(_Tolerant):
    """A joystick, which there is none of; -1 lets `moveByRC` take its place."""

    RemoteControlID: int = 0
    AllowAPIWhenDisconnected: bool = False


class VehicleSetting(_Tolerant):
    """A vehicle; its place is global, metres (NED) and degrees.

    ``DefaultVehicleState`` is what a start and a reset leave a multirotor in, "" being Armed.
    """

    VehicleType: str = ""
    X: float = 0.0
    Y: float = 0.0
    Z: float = 0.0
    Pitch: float = 0.0
    Roll: float = 0.0
    Yaw: float = 0.0
    DefaultVehicleState: Literal[
        "", "Armed", "Inactive", "Disarmed", "Active", "BeingArmed", "BeingDisarmed", "Unknown"
    ] = ""
    AllowAPIAlways: bool = True
    IsFpvVehicle: bool = False
    EnableCollisions: bool = True
    EnableCollisionPassthrogh: bool = False
    RC: RemoteControlSetting = RemoteControlSetting()
    Cameras: dict[str, CameraSetting] = {}
    Sensors: dict[str, SensorSetting] = {}


class WindSetting(_Tolerant):
    """How the air moves, m/s NED; multirotors alone feel it."""

    X: float = 0.0
    Y: float = 0.0
    Z: float = 0.0


class OriginSetting(_Tolerant):
    """Where the world's origin lies on the globe."""

    Latitude: float = 47.641468
    Longitude: float = -122.140165
    Altitude: float = 122.0


class _File(_Tolerant):
    SimMode: str = "Multirotor"
    ApiServerPort: int = Field(DEFAULT_PORT, ge=0, le=65535)
    LocalHostIp: str = DEFAULT_HOST
    ClockSpeed: float = Field(1.0, gt=0)
    PhysicsEngineName: Literal["", "FastPhysicsEngine", "ExternalPhysicsEngine"] = ""
    ClockType: str = ""
    CameraDefaults: CameraSetting = CameraSetting()
    ExternalCameras: dict[str, CameraSetting] = {}
    Vehicles: dict[str, VehicleSetting] = {}
    Annotation: list[AnnotationSetting] = []
    OriginGeopoint: OriginSetting = OriginSetting()
    Wind: WindSetting = WindSetting()
    DefaultSensors: dict[str, SensorSetting] | None = None
    Recording: RecordingSetting = RecordingSetting()


@dataclass(frozen=True)
class Settings:
    """Resolved settings.

    Attributes:
        text: the file as read, what `getSettingsString` answers.
        sim_mode: one of `SIM_MODES`.
        host, port: where to listen.
        clock_speed: simulator seconds a wall second.
        physics_is_external: whether multirotors keep the pose they are given; no force moves them.
        clock_type: of AirSim's clocks, or an empty text for the mode's own.
        camera_defaults: what cameras without settings of their own have.
        vehicles: by name; at least one.
        origin: of the world, on the globe.
        wind: how the air moves at the start.
        external_cameras: by name; fixed to the world.
        sensors: what vehicles have beside their own sensors, by name; None is the mode's default.
        recording: AirSim's own recorder.
        annotations: layers of Cosys-AirSim.
        told: what the file asks for and was left out, a line each.
    """

    text: str = "{}"
    sim_mode: str = "Multirotor"
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    clock_speed: float = 1.0
    physics_is_external: bool = False
    clock_type: str = ""
    camera_defaults: CameraSetting = field(default_factory=lambda: _LARGE)  # type: ignore[has-type]
    vehicles: dict[str, VehicleSetting] = field(
        default_factory=lambda: {"SimpleFlight": VehicleSetting()}
    )
    origin: OriginSetting = field(default_factory=OriginSetting)
    wind: WindSetting = field(default_factory=WindSetting)
    external_cameras: dict[str, CameraSetting] = field(default_factory=dict)
    sensors: dict[str, SensorSetting] | None = None
    told: tuple[str, ...] = ()
    annotations: tuple[AnnotationSetting, ...] = ()
    recording: RecordingSetting = field(default_factory=RecordingSetting)

    @property
    def is_steppable(self) -> bool:
        """Whether AirSim would take its SteppableClock, which multirotors have by default."""
        own = "SteppableClock" if self.sim_mode == "Multirotor" else "ScalableClock"
        return (self.clock_type or own) == "SteppableClock"


_LARGE = CameraSetting(
    CaptureSettings=[CaptureSetting(ImageType=int(t), Width=640, Height=480) for t in ImageType]
)


def read_settings(path: Path) -> Settings:
    """Read a settings.json.

    Raises:
        SettingsError: the file cannot be read, is no JSON, or has a wrong value; the message names
            the file and the line or field.
    """
    return parse_settings(read_text(path, SettingsError), str(path))


def parse_settings(text: str, source: str = "settings") -> Settings:
    """Check the text of a settings.json; `source` names it in errors. See `read_settings`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as cause:  # such as a number of 5,000 digits
        line = getattr(cause, "lineno", 1)
        is_deep = isinstance(cause, RecursionError)
        reason = "nested too deeply" if is_deep else getattr(cause, "msg", first_line(cause))
        raise SettingsError(f"{source}:{line}: not valid JSON: {reason}.") from None
    if not isinstance(data, dict):
        raise SettingsError(f"{source}: expected a JSON object, found {type(data).__name__}.")
    data, told = leave_out(data)
    try:
        file = _File.model_validate(data)
    except ValidationError as cause:
        raise SettingsError(_explain(cause, source)) from None
    mode = file.SimMode or "Multirotor"
    if mode not in SIM_MODES:
        raise SettingsError(
            f"{source}: Unknown SimMode: {mode}, failed to set default vehicle settings. "
            f"Modes: {', '.join(SIM_MODES)}."
        )
    _check_names(file, source)
    if file.ClockType not in ("", "SteppableClock", "ScalableClock"):
        raise SettingsError(
            f"{source}: clock_type {file.ClockType} is not recognized. Take SteppableClock or "
            "ScalableClock."
        )
    return Settings(
        text=text,
        sim_mode=mode,
        host=file.LocalHostIp or DEFAULT_HOST,
        port=file.ApiServerPort,
        clock_speed=file.ClockSpeed,
        physics_is_external=file.PhysicsEngineName == "ExternalPhysicsEngine",
        clock_type=file.ClockType,
        camera_defaults=file.CameraDefaults,
        vehicles=file.Vehicles or {_DEFAULT_VEHICLE[mode]: VehicleSetting()},
        origin=file.OriginGeopoint,
        wind=file.Wind,
        external_cameras=file.ExternalCameras,
        sensors=file.DefaultSensors,
        recording=file.Recording,
        told=tuple(told),
        annotations=tuple(file.Annotation),
    )


def _check_names(file: _File, source: str) -> None:
    """Refuse names of vehicles and cameras that would become others as parts of files' names."""
    recorded = [c for c in file.Recording.Cameras or [] if c.CameraName]
    named = [("Vehicles", name) for name in file.Vehicles]
    named += [("Recording.Cameras: CameraName", camera.CameraName) for camera in recorded]
    for place, name in named:
        if not is_plain_name(name):
            raise SettingsError(
                f"{source}: {place}: {name[:100]!r} cannot be part of a file's name. Take a name "
                "of up to 100 letters, digits, spaces, - and _."
            )


def default_settings(sim_mode: str = "Multirotor") -> Settings:
    """Return the settings without a file: one vehicle, 640x480 for every image type."""
    if sim_mode not in SIM_MODES:
        hint = did_you_mean(sim_mode, SIM_MODES, "Modes")
        raise SettingsError(f"there is no SimMode '{sim_mode}'.{hint}")
    text = json.dumps({"SettingsVersion": 1.2, "SimMode": sim_mode})
    vehicles = {_DEFAULT_VEHICLE[sim_mode]: VehicleSetting()}
    return Settings(text=text, sim_mode=sim_mode, vehicles=vehicles)


def capture_setting(settings: CameraSetting, image_type: int) -> CaptureSetting:
    """Return the size and view of an image type; the last entry for it wins, as in AirSim."""
    for entry in reversed(settings.CaptureSettings):
        if entry.ImageType == image_type:
            return entry
    return CaptureSetting(ImageType=image_type)


def noise_setting(settings: CameraSetting, image_type: int) -> NoiseSetting | None:
    """Return the noise of an image type, or None; the last entry for it wins."""
    for entry in reversed(settings.NoiseSettings):
        if entry.ImageType == image_type:
            return entry
    return None


def _explain(cause: ValidationError, source: str) -> str:
    first: Any = cause.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    found = "" if isinstance(first.get("input"), dict | list) else f", found {first.get('input')!r}"
    return f"{source}: {name}: {first['msg']}{found}."
