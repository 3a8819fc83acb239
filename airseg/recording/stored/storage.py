"""The folder of one recorded sequence, for reading::

    NAME/
      recording.json       what was flown, with what, and how it ended
      frames.csv           one line a frame, written when all its files are in place
      rgb/000000.png       8-bit colour
      seg/000000.png       8-bit ids of `recording.json`'s object table; 0 belongs to no mesh
      depth/000000.png     16-bit; the bits are half floats, metres along the optical axis
      flow/000000.png      16-bit, where it was asked for; the bits are half floats, pixels right
                           and down since the frame before, side by side
      instance/000000.png  8-bit colour, where it was asked for: red + 256 green + 65536 blue is the
                           number of the object, see `airseg.labels.instances`; 0 is none
      instance.csv         checksums of these, a line a frame

A frame exists if and only if its line does. Lines carry CRC-32 sums of the files and of themselves,
and so does `recording.json`.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import pandas as pd

from airseg.errors import OtherFormatError, RecordingError
from airseg.labels.instances import numbers_of_colors
from airseg.path_names import PATH_NAMES, is_path_name
from airseg.recording.stored.description_schema import check_description
from airseg.recording.stored.frame_table import (
    COLUMNS,
    FLOW_COLUMNS,
    FRAME_TABLE,
    INSTANCE_TABLE,
    read_frames,
)
from airseg.recording.stored.png import png_size
from airseg.text_files import read_file

FORMAT_VERSION = 2
_READABLE_FORMATS = (1, 2)  # 1 has no checksums of its text files, and no segments
KINDS = ("rgb", "seg", "depth")
_LONGEST_DESCRIPTION = 1 << 26
ALL_KINDS = (*KINDS, "flow", "instance")
INSTANCES_NOTE = "instances"
"""Which note says that there are instances, and how they were told apart. Readers that do not know
of instances pass notes by, so that the format need not change."""
_CHECKSUM = re.compile(r'(?<="checksum": ")[0-9a-f]{8}(?=")')


@dataclass(frozen=True)
class ObjectGroup:
    """Meshes that share a segmentation id.

    Attributes:
        id: value in the recorded id images, 1 to 255.
        group: the family's name.
        meshes: names as the simulator lists them.
        color: RGB in which the simulator drew the id.
    """

    id: int
    group: str
    meshes: tuple[str, ...]
    color: tuple[int, int, int]


@dataclass(frozen=True)
class Segment:
    """Frames that were recorded in one go.

    Attributes:
        first: the first of them; the next segment's first is the one after the last.
        status, reason: how the run ended that recorded them; empty while it is the last segment,
            of which the recording itself says that.
    """

    first: int
    status: str = ""
    reason: str = ""


@dataclass(frozen=True)
class RecordingInfo:
    """What `recording.json` says.

    Attributes:
        sequence: name of the sequence.
        plan: the whole flight plan; plan_fingerprint: hash of what decides the frames.
        mode: ``pose``, ``step`` or ``realtime``; rate_hz: frames a second of simulator time.
        camera: width, height, fov_deg, fx, fy, cx, cy (pixels), pitch_deg.
        simulator: dialect, mode, settings text, places of some meshes, world and seed where known.
        environment, split: from the plan.
        object_table: ids and meshes.
        status: ``recording``, ``complete``, ``interrupted`` or ``failed``; reason: why.
        frames_planned: how many there will be, or None while the flight itself decides.
        airseg_version, format: who wrote it, in which layout.
        has_depth, has_flow: whether these are recorded.
        notes: what else happened: `largest_step_error_ns`, `largest_drift_ns` and `off_their_place`
            of stepped time; `late`, `dropped` and `largest_lateness_ns` of real time; `placement`,
            how poses were set, and `largest_pose_error_mm`; `suspect_frames`; `instances`, how
            objects were told apart.
        frames: how many there were when the status was written.
        segments: the runs that recorded it; between them, simulator time may have jumped.
    """

    sequence: str
    plan: dict[str, Any]
    plan_fingerprint: str
    mode: str
    rate_hz: float
    camera: dict[str, Any]
    simulator: dict[str, Any]
    environment: str
    split: str | None
    object_table: tuple[ObjectGroup, ...]
    status: str
    reason: str
    frames_planned: int | None
    airseg_version: str
    format: int = FORMAT_VERSION
    has_depth: bool = True
    notes: dict[str, Any] = field(default_factory=dict)
    has_flow: bool = False
    frames: int = 0
    segments: tuple[Segment, ...] = ()

    @property
    def has_instance(self) -> bool:
        """Whether every object has a number of its own."""
        return INSTANCES_NOTE in self.notes

    @property
    def kinds(self) -> tuple[str, ...]:
        """The folders that hold images."""
        left_out = {
            "depth": not self.has_depth,
            "flow": not self.has_flow,
            "instance": not self.has_instance,
        }
        return tuple(kind for kind in ALL_KINDS if not left_out.get(kind))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of `frames.csv`, without the checksum of each line."""
        return FLOW_COLUMNS if self.has_flow else COLUMNS

    def to_json(self) -> str:
        """Return the file's text, which carries a checksum of itself."""
        data = {**asdict(self), "format": FORMAT_VERSION, "checksum": "0" * 8}
        text = json.dumps(data, indent=1, sort_keys=True)
        return _CHECKSUM.sub(_checksum(text), text, count=1)

    @classmethod
    def from_json(cls, text: str, source: Path) -> Self:
        """Read the file's text; `source` names it in errors.

        Raises:
            RecordingError: it was changed since it was written, or is of another format.
        """
        try:
            data = json.loads(text)
            version = data["format"]
            if version not in _READABLE_FORMATS:
                raise _other_format(data, source)
            checksum = data.pop("checksum", None)
            if checksum != (_checksum(text) if version > 1 else None):
                raise RecordingError(
                    f"{source}: it was changed since it was written: its checksum differs. Restore "
                    "it. If the change was meant, set its format to 1 and take its checksum out."
                )
            if not is_path_name(data["sequence"]):
                raise RecordingError(
                    f"{source}: sequence: {str(data['sequence'])[:60]!a} cannot name a sequence: "
                    f"{PATH_NAMES}."
                )
            check_description(text, source)
            table = tuple(
                ObjectGroup(int(g["id"]), str(g["group"]), tuple(g["meshes"]), tuple(g["color"]))
                for g in data.pop("object_table")
            )
            segments = tuple(Segment(**s) for s in data.pop("segments", ()))
            return cls(object_table=table, segments=segments, **data)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as cause:
            raise RecordingError(f"{source}: not a recording's description ({cause}).") from None


def _other_format(data: dict[str, Any], source: Path) -> RecordingError:
    """Return what to say of a format that is none of ours: one to come, or none at all."""
    version, writer = data["format"], data.get("airseg_version")
    if type(version) is not int or version < 1:
        return RecordingError(f"{source}: format: {str(version)[:40]!a} is no number of a format.")
    by = f"airseg {writer[:40]!a}" if isinstance(writer, str) else "another airseg"
    return OtherFormatError(
        f"{source}: written in format {version} by {by}; this airseg reads formats up to "
        f"{FORMAT_VERSION}. Install a newer airseg. Nothing was changed."
    )


def _checksum(text: str) -> str:
    """Return the CRC-32 of a description with zeros where its checksum stands, eight digits."""
    return f"{zlib.crc32(_CHECKSUM.sub('0' * 8, text, count=1).encode()):08x}"


class Recording:
    """A recorded sequence, opened for reading.

    Reading a frame raises `RecordingError` where its file is missing, differs from its checksum, or
    is no image of the camera's size.

    Attributes:
        path: its folder; name: the sequence's name.
        info: what `recording.json` says.
        frames: one row a frame, `COLUMNS`; only complete lines.
    """

    def __init__(self, path: Path, info: RecordingInfo, frames: pd.DataFrame) -> None:
        self.path, self.info, self.frames = path, info, frames

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a recording's folder.

        Raises:
            RecordingError: it is no recording, or its description or frame list is damaged.
        """
        folder = Path(path)
        info, frames = read_info(folder), read_frames(folder)
        if info.has_instance and len(frames) and "instance_crc32" not in frames:
            raise RecordingError(
                f"{folder}: has no {INSTANCE_TABLE}, which holds the checksums of instance. "
                "Restore it."
            )
        return cls(folder, info, frames)

    @property
    def name(self) -> str:
        """Name of the sequence."""
        return self.info.sequence

    @property
    def object_table(self) -> tuple[ObjectGroup, ...]:
        """Ids and the meshes behind them."""
        return self.info.object_table

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        return (
            f"Recording({self.name!r}, {len(self)} frames, {self.info.status}, "
            f"{len(self.object_table)} mesh groups)"
        )

    def read_rgb(self, index: int) -> np.ndarray:
        """Return a frame's colour: (H, W, 3) uint8, RGB."""
        return cv2.cvtColor(self._read("rgb", index, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def read_ids(self, index: int) -> np.ndarray:
        """Return a frame's ids: (H, W) uint8; 0 belongs to no mesh."""
        return self._read("seg", index, cv2.IMREAD_UNCHANGED)

    def read_depth(self, index: int) -> np.ndarray:
        """Return a frame's depth: (H, W) float16, metres along the optical axis."""
        return self._read("depth", index, cv2.IMREAD_UNCHANGED).view(np.float16)

    def read_flow(self, index: int) -> np.ndarray:
        """Return (H, W, 2) float16: pixels right and down since the frame before."""
        camera = self.info.camera
        packed = self._read("flow", index, cv2.IMREAD_UNCHANGED).view(np.float16)
        return packed.reshape(camera["height"], camera["width"], 2)

    def read_instance(self, index: int) -> np.ndarray:
        """Return a frame's objects: (H, W) uint32, see `airseg.labels.instances`; 0 is none."""
        blue_first = self._read("instance", index, cv2.IMREAD_COLOR)
        return numbers_of_colors(blue_first[..., ::-1])

    def read_file(self, kind: str, index: int) -> bytes:
        """Return a frame's file of a kind (one of `ALL_KINDS`) as it is stored.

        Raises:
            RecordingError: it is missing, or differs from its checksum.
        """
        path = frame_file(self.path, kind, index)
        try:
            data = read_file(path, RecordingError)
        except RecordingError as cause:
            raise RecordingError(
                f"{cause} Frame {index} cannot be read: restore its file, or record it again."
            ) from None
        table = INSTANCE_TABLE if kind == "instance" else FRAME_TABLE
        if f"{kind}_crc32" not in self.frames:
            raise RecordingError(
                f"{self.path}: has no {table}, which holds the checksums of {kind}. Restore it."
            )
        if zlib.crc32(data) != int(self.frames[f"{kind}_crc32"].iloc[index]):
            raise RecordingError(
                f"{path}: frame {index} is damaged: its checksum differs from {table}. "
                "Restore the file, or record the sequence again."
            )
        return data

    def _read(self, kind: str, index: int, flags: int) -> np.ndarray:
        path, data = frame_file(self.path, kind, index), self.read_file(kind, index)
        camera = self.info.camera
        shape = (camera["height"], camera["width"])
        flow = (shape[0], 2 * shape[1])
        wanted = {"rgb": (*shape, 3), "instance": (*shape, 3), "flow": flow}.get(kind, shape)
        promised = png_size(data)
        if promised is not None and promised != wanted[:2]:
            raise RecordingError(
                f"{path}: expected an image of shape {wanted}, found a header that says "
                f"{promised[1]}x{promised[0]} pixels. Record the sequence again."
            )
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if promised else None
        except cv2.error:  # such as more pixels than OpenCV believes in
            image = None
        if image is None or image.shape != wanted:
            found = "no image" if image is None else f"shape {image.shape}"
            raise RecordingError(f"{path}: expected an image of shape {wanted}, found {found}.")
        return image


def frame_file(folder: Path, kind: str, index: int) -> Path:
    """Return where a frame's file of a kind (one of `ALL_KINDS`) lies."""
    return folder / kind / f"{index:06d}.png"


def refuse_lost_files(folder: Path, info: RecordingInfo, frames: int) -> None:
    """Raise where a frame of a recording has no file any more; what is in files is not read.

    Raises:
        RecordingError: names the first such frame.
    """
    for kind in info.kinds:
        there = {path.name for path in (folder / kind).glob("*.png")}
        lost = [i for i in range(frames) if frame_file(folder, kind, i).name not in there]
        if lost:
            raise RecordingError(
                f"{frame_file(folder, kind, lost[0])}: is gone, as are {len(lost)} of {frames} "
                f"files of {kind}. Restore them, or let `airseg verify --repair` cut the recording "
                "before the first, and record it again."
            )


def read_info(folder: Path) -> RecordingInfo:
    """Read `recording.json` of a folder.

    Raises:
        RecordingError: there is none, or it was changed, damaged, or written in another format.
    """
    path = folder / "recording.json"
    if not path.exists():
        raise RecordingError(f"{folder}: not a recording: it has no {path.name}.")
    try:
        text = read_file(path, RecordingError, _LONGEST_DESCRIPTION).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RecordingError(f"{folder}: not a recording: {path.name}: not text.") from None
    return RecordingInfo.from_json(text, path)


def find_recordings(paths: Iterable[str | Path]) -> list[Path]:
    """Return the folders of recordings among or directly below `paths`, in order.

    Raises:
        RecordingError: a path is no recording and holds none.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if (path / "recording.json").exists():
            found.append(path)
            continue
        below = sorted(p.parent for p in path.glob("*/recording.json"))
        if not below:
            what = "is a file, no recording" if path.exists() else "there is no such folder"
            what = "is no recording and holds none" if path.is_dir() else what
            raise RecordingError(f"{path}: {what}. Name the folder that `airseg record` wrote.")
        found += below
    return found


def refuse_deeper_recordings(paths: Sequence[Path]) -> None:
    """Raise where a recording lies deeper in a folder than is looked for, and is not named."""
    named = {path.resolve() for path in paths}
    for path in paths:
        below = () if (path / "recording.json").exists() else path.glob("*/*/recording.json")
        for found in (p.parent for p in below if not (p.parents[1] / "recording.json").exists()):
            if not named & {found.resolve(), found.resolve().parent}:
                raise RecordingError(
                    f"{found}: is a recording, and too deep in {path} to be looked for. Name "
                    f"{found.parent} as well or instead, or move it away."
                )
