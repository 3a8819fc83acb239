"""One sequence as viewers and films show it: with classes, whether it was recorded or packed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from airseg.labels import LabelMap
from airseg.labels.resolution import resolve
from airseg.recording.stored.frame_table import POSE_COLUMNS
from airseg.recording.stored.storage import Recording


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion: focal lengths and principal point, pixels."""

    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True)
class ShownFlight:
    """What there is to show of a sequence; pictures are read when they are asked for.

    Attributes:
        name: of the sequence; split: its part of a dataset, or empty.
        width, height: pixels of a frame.
        class_names: by label; palette: (256, 3) uint8 RGB by label.
        timestamps_ns: (T,) int64, the simulator's clock.
        seconds: (T,) float64, since the flight began.
        speeds_mps: (T,) float64; NaN where it is not known.
        poses: (T, 7) float64, the camera: x y z in NED metres, then qw qx qy qz; NaN where unknown.
        labelled: (T,) bool, which frames have labels.
        rate_hz: frames a second of simulator time, where it is known.
        intrinsics: the camera, or None where nobody said.
        read_rgb, read_labels: by number of the frame, (H, W, 3) uint8 RGB and (H, W) uint8.
        read_depth: (H, W) float16, metres along the optical axis; None where there is no depth.
        read_png: the colour frame as a PNG that is stored already; None where none is.
        read_prediction: (H, W) uint8, what a network says; None where none was asked.
        documents: texts that belong to it, by file name.
    """

    name: str
    split: str
    width: int
    height: int
    class_names: tuple[str, ...]
    palette: np.ndarray
    timestamps_ns: np.ndarray
    seconds: np.ndarray
    speeds_mps: np.ndarray
    poses: np.ndarray
    labelled: np.ndarray
    rate_hz: float | None
    intrinsics: Intrinsics | None
    read_rgb: Callable[[int], np.ndarray]
    read_labels: Callable[[int], np.ndarray]
    read_depth: Callable[[int], np.ndarray] | None = None
    read_png: Callable[[int], bytes] | None = None
    read_prediction: Callable[[int], np.ndarray] | None = None
    documents: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.timestamps_ns)

    @property
    def has_poses(self) -> bool:
        """Whether it is known where the camera was, all the time."""
        return bool(np.isfinite(self.poses).all())


def shown_recording(recording: Recording, label_map: LabelMap) -> ShownFlight:
    """Return a recording with the classes of a label map; what the map leaves out is ignored."""
    table = resolve(label_map, recording.object_table).table
    info, frames = recording.info, recording.frames
    velocity = frames[["vel_x", "vel_y", "vel_z"]].to_numpy()
    return ShownFlight(
        name=recording.name,
        split=info.split or "",
        width=int(info.camera["width"]),
        height=int(info.camera["height"]),
        class_names=label_map.class_names,
        palette=label_map.palette(),
        timestamps_ns=frames["timestamp_ns"].to_numpy(),
        seconds=frames["plan_time_ns"].to_numpy() / 1e9,
        speeds_mps=np.linalg.norm(velocity, axis=1),
        poses=frames[list(POSE_COLUMNS)].to_numpy(),
        labelled=np.ones(len(recording), bool),
        rate_hz=info.rate_hz,
        intrinsics=intrinsics_of(info.camera),
        read_rgb=recording.read_rgb,
        read_labels=lambda index: cv2.LUT(recording.read_ids(index), table),
        read_depth=recording.read_depth if info.has_depth else None,
        read_png=lambda index: recording.read_file("rgb", index),
        documents={"recording.json": info.to_json(), "label_map.yaml": label_map.text},
    )


def intrinsics_of(camera: dict[str, object]) -> Intrinsics | None:
    """Return the pinhole of a recording's camera; of older ones by their field of view."""
    known = {name: camera.get(name) for name in ("fx", "fy", "cx", "cy", "fov_deg", "width")}
    numbers = {k: float(v) for k, v in known.items() if isinstance(v, int | float)}
    if numbers.keys() >= {"fx", "fy", "cx", "cy"}:
        return Intrinsics(numbers["fx"], numbers["fy"], numbers["cx"], numbers["cy"])
    height = camera.get("height")
    if not numbers.keys() >= {"fov_deg", "width"} or not isinstance(height, int | float):
        return None
    focal = numbers["width"] / 2 / float(np.tan(np.radians(numbers["fov_deg"]) / 2))
    return Intrinsics(focal, focal, numbers["width"] / 2, height / 2)
