"""What `recording.json` must hold, field by field: it may come from anybody.

Its checksum tells of accidents. Whoever edits the file by hand takes the checksum out, or makes it
anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airseg.errors import RecordingError
from airseg.flight.plan import PrintableName

_MOST_PIXELS = 1 << 26
_Count = Annotated[int, Field(ge=0, lt=1 << 63)]
_Byte = Annotated[int, Field(ge=0, le=255)]
_Length = Annotated[float, Field(gt=0)]


class _Part(BaseModel):
    """A part of the description; what later versions add to it is passed by."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Camera(_Part):
    width: int
    height: int
    fov_deg: float | None = Field(None, gt=0, lt=180)
    pitch_deg: float | None = None
    fx: _Length | None = None
    fy: _Length | None = None
    cx: float | None = None
    cy: float | None = None


class _Simulator(_Part):
    server_version: int | None = None
    sim_mode: str | None = None
    settings: str | None = None
    further_settings: str | None = None
    world: str | None = None
    seed: int | None = None
    places: dict[str, tuple[float, float, float]] = {}


class _Notes(_Part):
    suspect_frames: tuple[_Count, _Count, str] | None = None
    instances: str = ""
    frames_asked: _Count | None = None
    replayed: str = ""
    view: dict[str, str] = {}
    placement: str = ""
    largest_step_error_ns: _Count | None = None
    largest_drift_ns: _Count = 0
    largest_spread_ns: _Count = 0
    largest_lateness_ns: _Count = 0
    off_their_place: list[Any] = []
    off_their_place_count: _Count = 0
    late: list[Any] = []
    late_count: _Count = 0
    dropped: _Count = 0
    largest_pose_error_mm: float = 0.0
    largest_pose_error_deg: float = 0.0


class _ObjectGroup(_Part):
    id: int = Field(ge=1, le=255)
    group: str
    meshes: list[str]
    color: tuple[_Byte, _Byte, _Byte]


class _Segment(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    first: _Count
    status: str = ""
    reason: str = ""


class _Description(BaseModel):
    """The file as a whole; its fields are those of `storage.RecordingInfo`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    format: int
    checksum: str | None = None
    sequence: str
    plan: dict[str, Any]
    plan_fingerprint: str
    mode: Literal["pose", "step", "realtime"]
    rate_hz: float = Field(gt=0, le=1000)
    camera: _Camera
    simulator: _Simulator
    environment: PrintableName
    split: Literal["train", "val", "test"] | None
    object_table: list[_ObjectGroup]
    status: Literal["recording", "complete", "interrupted", "failed"]
    reason: str
    frames_planned: _Count | None
    airseg_version: str
    has_depth: bool = True
    notes: _Notes = _Notes()
    has_flow: bool = False
    frames: _Count = 0
    segments: list[_Segment] = []


def check_description(text: str, source: Path) -> None:
    """Refuse a description whose fields are missing, or are not what they must be.

    Args:
        text: of the file.
        source: names it in errors.

    Raises:
        RecordingError: names the first such field.
    """
    try:
        found = _Description.model_validate_json(text)
    except ValidationError as cause:
        first = cause.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RecordingError(
            f"{source}: not a recording's description: {field[:80]!a}: {first['msg']}."
        ) from None
    _check_size(found.camera, source)


def _check_size(camera: _Camera, source: Path) -> None:
    """Refuse frames of no size, or of more pixels than anybody records: room is made for them."""
    width, height = camera.width, camera.height
    if min(width, height) < 1 or width * height > _MOST_PIXELS:
        raise RecordingError(
            f"{source}: camera: a frame of {str(width)[:20]}x{str(height)[:20]} pixels; expected "
            f"whole numbers, and at most {_MOST_PIXELS:,} pixels."
        )
