"""The flight plan: what to fly, with which camera, in which weather. A YAML file."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from airseg.documents import StrictModel, first_complaint, load_document
from airseg.errors import PlanError
from airseg.path_names import PATH_NAMES, is_path_name, names_of_one_file
from airseg.resources import find_resource

FORMAT_VERSION = 1
SAME_PLACE_M = 1e-6
"""How near points are that are one; nothing moves between them."""


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError(f"{name[:40]!a} is no name: expected one printable line")
    return name


Metres = Annotated[float, Field(ge=-10_000, le=10_000)]
Position = tuple[Metres, Metres, Metres]
SimulatorName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,40}$")]
PrintableName = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
Share = Annotated[float, Field(ge=0, le=1)]


class PlanCamera(StrictModel):
    """The camera: pixels, horizontal view angle, and how it sits on the vehicle.

    Attributes:
        pitch_deg: negative looks down.
        position_m: forward, right, down of the vehicle's middle.
    """

    width: int = Field(640, ge=16, le=4096)
    height: int = Field(480, ge=16, le=4096)
    fov_deg: float = Field(90.0, ge=10, le=150)
    pitch_deg: float = Field(0.0, ge=-90, le=90)
    position_m: Position = (0.0, 0.0, 0.0)


class Start(StrictModel):
    """Where the flight begins: metres North, East, Down, and the heading."""

    position: Position
    yaw_deg: float | None = Field(None, ge=-360, le=360)


class Waypoint(StrictModel):
    """A point to pass, how fast to go there, and where to look on the way."""

    position: Position
    speed_mps: float | None = Field(None, gt=0, le=60)
    yaw_deg: float | None = Field(None, ge=-360, le=360)


class Limits(StrictModel):
    """What the vehicle can do; left out values are the vehicle kind's own."""

    speed_mps: float | None = Field(None, gt=0, le=60)
    acceleration_mps2: float | None = Field(None, gt=0, le=50)
    yaw_rate_dps: float | None = Field(None, gt=0, le=720)


class Companion(StrictModel):
    """Another vehicle of the simulator that flies along, with a camera of its own.

    Attributes:
        behind_s: how long after the first vehicle it passes the same place.
        offset_m: where it flies besides: forward, right, down of its heading.
        camera: how it sees; the plan's camera where left out.
    """

    behind_s: float = Field(0.0, ge=0, le=600)
    offset_m: Position = (0.0, 0.0, 0.0)
    camera: PlanCamera | None = None


class Weather(StrictModel):
    """How strong each kind of weather is, 0 to 1."""

    rain: Share = 0.0
    snow: Share = 0.0
    dust: Share = 0.0
    fog: Share = 0.0


class PoseTolerance(StrictModel):
    """How far a camera may be from where the plan wants it; a frame beyond it is refused."""

    position_mm: float = Field(1.0, gt=0, le=10_000)
    angle_deg: float = Field(0.1, gt=0, le=180)

    def holds(self, metres: float, degrees: float) -> bool:
        """Tell whether an error is small enough."""
        return metres * 1e3 <= self.position_mm and degrees <= self.angle_deg


# What can change without making a recording another one.
LEFT_OUT = {"description", "split", "pose_tolerance"}
# Fields that came later: a plan without them keeps its fingerprint, and its recordings.
_LATER_FIELDS = {
    "flow": False,
    "cameras": {},
    "companions": {},
    "time_tolerance_ms": None,
    "seed": None,
}

_DEFAULT_LIMITS = {
    "multirotor": (15.0, 4.0, 90.0),
    "car": (20.0, 3.5, 60.0),
    "camera": (30.0, 8.0, 120.0),
}


class FlightPlan(StrictModel):
    """A flight. Positions are metres North, East, Down from the vehicle's start in the simulator.

    Attributes:
        format: version of this schema.
        description: what the flight is for.
        environment: the world it is made for; seed: of that world, in the embedded simulator.
        vehicle: what flies; it decides the limits and how the trajectory banks.
        rate_hz: frames a second of simulator time; it must divide a second into whole nanoseconds.
        start, waypoints: the path. Legs are straight; corners are rounded so that the path passes
            each waypoint within `tolerance_m`.
        speed_mps: speed of legs that do not say their own.
        look_at: a point, North and East, that the nose follows instead of the path.
        laps: how often the waypoints are flown; more than one lap returns to the start each time.
        duration_s: cuts the flight off.
        mode: ``pose`` sets the exact pose of every frame, ``step`` lets the vehicle fly,
            ``realtime`` sets poses while the simulator's clock runs on.
        time_tolerance_ms: how far a frame's time may lie from its place in mode ``step``; what is
            further off is listed, and more than five in a row end the flight. Half a frame's step
            where left out.
        pose_tolerance: how far the images' poses may be off the plan in mode ``pose``.
        split: which part of a dataset the recording belongs to.
        depth: whether depth is recorded; flow: whether optical flow is, where there is any.
        cameras: more cameras of the vehicle, by the simulator's names for them; each is recorded
            into a folder of its own.
        companions: more vehicles, by the simulator's names for them; likewise.
    """

    format: Literal[1] = 1
    description: str = Field(min_length=1)
    environment: PrintableName = "neighborhood"
    seed: int | None = Field(None, ge=0)
    vehicle: Literal["multirotor", "car", "camera"] = "multirotor"
    camera: PlanCamera = PlanCamera()
    rate_hz: float = Field(25.0, gt=0, le=1000)
    start: Start
    waypoints: list[Waypoint] = Field(min_length=1, max_length=10_000)
    speed_mps: float = Field(5.0, gt=0, le=60)
    tolerance_m: float = Field(1.0, gt=0, le=50)
    look_at: tuple[Metres, Metres] | None = None
    limits: Limits = Limits()
    laps: int = Field(1, ge=1, le=1000)
    duration_s: float | None = Field(None, gt=0, le=86_400)
    weather: Weather = Weather()
    time_of_day: str | None = None
    mode: Literal["pose", "step", "realtime"] = "pose"
    time_tolerance_ms: float | None = Field(None, gt=0, le=1000)
    pose_tolerance: PoseTolerance = PoseTolerance()
    split: Literal["train", "val", "test"] | None = None
    depth: bool = True
    flow: bool = False
    cameras: dict[SimulatorName, PlanCamera] = {}
    companions: dict[SimulatorName, Companion] = {}

    @field_validator("rate_hz")
    @classmethod
    def _divides_a_second(cls, rate_hz: float) -> float:
        step = 1e9 / rate_hz
        if abs(step - round(step)) > 1e-6:
            raise ValueError(f"{rate_hz} Hz is not a whole number of nanoseconds a frame")
        return rate_hz

    @field_validator("time_of_day")
    @classmethod
    def _is_a_time(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
            except ValueError:
                raise ValueError(f"'{text}' is not a time like 2024-06-21 15:00:00") from None
        return text

    @model_validator(mode="after")
    def _stays_above_ground_and_below_limits(self) -> Self:
        places = [("start.position", self.start.position)]
        places += [(f"waypoints[{i}].position", w.position) for i, w in enumerate(self.waypoints)]
        for field, (_, _, down) in places:
            if self.vehicle == "car" and abs(down) > 0.5:
                raise ValueError(f"{field}: a car drives on the ground, so down is 0, not {down}")
            if self.vehicle != "car" and down > 0:
                raise ValueError(
                    f"{field}: {down} m below ground; down is positive, so 10 m up is -10"
                )
        for i, waypoint in enumerate(self.waypoints):
            if (waypoint.speed_mps or 0) > self.speed_limit_mps:
                raise ValueError(
                    f"waypoints[{i}].speed_mps: {waypoint.speed_mps} m/s is above the "
                    f"{self.vehicle}'s limit of {self.speed_limit_mps} m/s (limits.speed_mps)"
                )
        if self.speed_mps > self.speed_limit_mps:
            raise ValueError(
                f"speed_mps: {self.speed_mps} m/s is above the {self.vehicle}'s limit of "
                f"{self.speed_limit_mps} m/s (limits.speed_mps)"
            )
        if self.vehicle == "camera" and self.mode == "step":
            raise ValueError("mode: a free camera has no dynamics to step; use mode: pose")
        if self.companions and self.mode == "step":
            raise ValueError("companions: their poses are set; use mode: pose, or a plan for each")
        if "0" in self.cameras:
            raise ValueError("cameras.0: that is the first camera; describe it under camera")
        if twins := names_of_one_file([*self.cameras, *self.companions]):
            raise ValueError(
                f"cameras, companions: {twins[0]} and {twins[1]} would be recorded into one "
                "folder; name one of them otherwise in settings.json"
            )
        points = [self.start.position, *(w.position for w in self.waypoints)]
        if all(math.dist(p, points[0]) <= SAME_PLACE_M for p in points):
            raise ValueError("waypoints: every waypoint is at the start; nothing would move")
        return self

    @property
    def step_ns(self) -> int:
        """Simulator time between frames, nanoseconds."""
        return round(1e9 / self.rate_hz)

    @property
    def time_tolerance_ns(self) -> int:
        """How far a frame's time may drift from its place, nanoseconds."""
        if self.time_tolerance_ms is None:
            return self.step_ns // 2
        return round(self.time_tolerance_ms * 1e6)

    @property
    def speed_limit_mps(self) -> float:
        """The vehicle's greatest speed, m/s."""
        return self.limits.speed_mps or _DEFAULT_LIMITS[self.vehicle][0]

    @property
    def acceleration_limit_mps2(self) -> float:
        """The vehicle's greatest acceleration, m/s^2."""
        return self.limits.acceleration_mps2 or _DEFAULT_LIMITS[self.vehicle][1]

    @property
    def yaw_rate_limit_dps(self) -> float:
        """How fast the vehicle turns at most, degrees a second."""
        return self.limits.yaw_rate_dps or _DEFAULT_LIMITS[self.vehicle][2]

    def fingerprint(self) -> str:
        """Return a hash of everything that decides what the frames show.

        Description, split and the tolerance of poses can change without making another one of it.
        """
        content = self.model_dump(mode="json", exclude=LEFT_OUT)
        for field, default in _LATER_FIELDS.items():
            if content[field] == default:
                del content[field]
        text = json.dumps(content, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def plan_from_data(data: dict, source: str) -> FlightPlan:
    """Return the plan that a recording holds.

    Raises:
        PlanError: it does not fit this version's schema; `source` is named.
    """
    try:
        return FlightPlan.model_validate(data)
    except ValidationError as cause:
        raise PlanError(f"{source}: plan: {first_complaint(cause)}.") from None


def load_plan(name: str) -> tuple[str, FlightPlan]:
    """Read a plan by path or bare name.

    Returns:
        The plan's name, which becomes the sequence's, and the plan.

    Raises:
        PlanError: there is no such plan, or it is wrong; the message names file, line and field.
    """
    path: Path = find_resource("flight plan", name, PlanError)
    if not is_path_name(path.stem):
        raise PlanError(f"{path}: {path.stem[:60]!a} cannot name a sequence: {PATH_NAMES}.")
    return path.stem, load_document(path, FlightPlan, PlanError)
