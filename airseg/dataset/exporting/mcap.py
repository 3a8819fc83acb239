"""MCAP files (https://mcap.dev) with Foxglove's messages: Foxglove, Rerun and FiftyOne open them.

One file a sequence. Labels travel as palette PNGs, because no viewer of MCAP knows class ids: they
show the colours, and readers of palettes find the values. Frames of reference, from the outside in:

    map             x east, y north, z up, which viewers expect of the outermost one
    world_ned       north, east, down: that of airseg's poses
    camera          x forward, y right, z down, as in airseg's poses
    camera_optical  x right, y down, z forward: that of pictures and of the calibration

All four are told with each frame, because a viewer that seeks sees only what came before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from airseg.dataset.exporting.common import (
    NOTE,
    ExportOptions,
    Facts,
    Progress,
    each_frame,
    encode_color,
    encode_labels,
    published_folder,
)
from airseg.dataset.format.publishing import check_free_space
from airseg.dataset.reading import Dataset
from airseg.dataset.reading.shown_sequence import shown_sequence
from airseg.errors import DatasetError
from airseg.recording.stored.shown_flight import ShownFlight
from airseg.version import __version__

BYTES_PER_PIXEL = 6.0
"""Colour and labels compressed, and half of four bytes of depth."""

_NED_IN_MAP = (0.0, 0.5**0.5, 0.5**0.5, 0.0)  # quaternions w x y z
_OPTICAL_IN_CAMERA = (0.5, 0.5, 0.5, 0.5)
_PATH_COLOR = (0.98, 0.65, 0.1)
_PATH_PIXELS = 2.0
_FARTHEST_M = np.finfo(np.float16).max
_SECOND_NS = 10**9
_LAST_SECOND = 2**32 - 1  # of a message's time


def export_mcap(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write ``<split>/<sequence>.mcap``; see the module.

    Raises:
        DatasetError: foxglove-sdk is not installed.
    """
    flights = [shown_sequence(view, facts.label_map) for view in dataset]
    shared = {"licence": facts.licence, "title": facts.title}
    _write_flights(folder, flights, options, progress, shared)


def export_flights(
    flights: Sequence[ShownFlight],
    folder: Path,
    options: ExportOptions,
    progress: Progress | None = None,
) -> None:
    """Write ``<sequence>.mcap`` of each recording into a new folder.

    Raises:
        DatasetError: foxglove-sdk is not installed, two recordings have one name, or the folder is
            in use.
    """
    names = [flight.name for flight in flights]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError(f"two recordings are named {twice[0]}; export them into two folders.")
    pixels = sum(len(flight) * flight.width * flight.height for flight in flights)
    with published_folder(folder, overwrite=options.overwrite) as unfinished:
        check_free_space(unfinished, int(pixels * BYTES_PER_PIXEL))
        note = {"format": "mcap", "recordings": names, "airseg_version": __version__}
        (unfinished / NOTE).write_text(json.dumps(note, indent=1), encoding="utf-8")
        # All in one folder, whatever split each was recorded for.
        flat = [replace(flight, split="") for flight in flights]
        _write_flights(unfinished, flat, options, progress, {"title": options.title})


def _write_flights(
    folder: Path,
    flights: Sequence[ShownFlight],
    options: ExportOptions,
    progress: Progress | None,
    shared: dict[str, str],
) -> None:
    quality = options.jpeg_quality
    _need_foxglove()

    def encode(flight: ShownFlight, index: int) -> tuple[bytes, bytes | None, np.ndarray | None]:
        if quality is None and flight.read_png is not None:
            color = flight.read_png(index)
        else:
            color = encode_color(flight.read_rgb(index), quality)
        is_labelled = flight.labelled[index]
        labels = encode_labels(flight.read_labels(index), flight.palette) if is_labelled else None
        return color, labels, flight.read_depth(index) if flight.read_depth else None

    film: _McapFile | None = None
    try:
        for flight, index, pictures in each_frame(flights, encode, "exporting", progress):
            if film is None:
                path = folder / flight.split / f"{flight.name}.mcap"
                path.parent.mkdir(parents=True, exist_ok=True)
                film = _McapFile(path, flight, "png" if quality is None else "jpeg", shared)
            film.add(index, *pictures)
            if index == len(flight) - 1:
                film.close()
                film = None
    finally:
        if film is not None:
            film.close()  # its folder is thrown away


def _need_foxglove() -> None:
    try:
        import foxglove  # noqa: F401
    except ImportError:
        raise DatasetError(
            "the mcap format needs foxglove-sdk. Run: pip install 'airseg[mcap]'"
        ) from None


class _McapFile:
    """One sequence's file, frame by frame."""

    def __init__(
        self, path: Path, flight: ShownFlight, color_format: str, shared: dict[str, str]
    ) -> None:
        import foxglove
        from foxglove import channels

        _check_times(flight)
        self._flight, self._color_format = flight, color_format
        # Of its own, so that two exports in one process do not mix; and kept, because channels
        # close when nobody holds it.
        context = self._context = foxglove.Context()
        self._writer = foxglove.open_mcap(path, context=context)
        self._color = channels.CompressedImageChannel("/camera/color", context=context)
        self._labels = channels.CompressedImageChannel("/camera/labels", context=context)
        self._depth = channels.RawImageChannel("/camera/depth", context=context)
        self._calibration = channels.CameraCalibrationChannel("/camera/info", context=context)
        self._frames = channels.FrameTransformsChannel("/tf", context=context)
        self._pose = channels.PoseInFrameChannel("/camera/pose", context=context)
        self._scene = channels.SceneUpdateChannel("/path", context=context)
        self._describe(shared)

    def add(self, index: int, color: bytes, labels: bytes | None, depth: np.ndarray | None) -> None:
        """Write one frame: encoded pictures, and (H, W) float16 metres."""
        from foxglove.messages import CompressedImage, RawImage

        flight, now = self._flight, int(self._flight.timestamps_ns[index])
        about: dict[str, Any] = {"timestamp": _stamp(now), "frame_id": "camera_optical"}
        if flight.has_poses:
            self._add_pose(index, now)
        if flight.intrinsics is not None:
            self._calibration.log(_calibration(flight, about), log_time=now)
        image = CompressedImage(**about, format=self._color_format, data=color)
        self._color.log(image, log_time=now)
        if labels is not None:
            image = CompressedImage(**about, format="png", data=labels)
            self._labels.log(image, log_time=now)
        if depth is not None:
            metres = depth.astype("<f4")
            # The half float's greatest stands for the sky and all that is too far. ROS (REP 118)
            # calls that inf, and so must it be for viewers that colour from nearest to farthest.
            metres[depth >= _FARTHEST_M] = np.inf
            raw = RawImage(
                **about,
                width=flight.width,
                height=flight.height,
                encoding="32FC1",
                step=4 * flight.width,
                data=metres.tobytes(),
            )
            self._depth.log(raw, log_time=now)

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    def _add_pose(self, index: int, now: int) -> None:
        from foxglove.messages import FrameTransform, FrameTransforms, PoseInFrame, Vector3

        pose = self._flight.poses[index].tolist()
        nowhere = Vector3(x=0.0, y=0.0, z=0.0)
        steps = (
            ("map", "world_ned", nowhere, _NED_IN_MAP),
            ("world_ned", "camera", Vector3(x=pose[0], y=pose[1], z=pose[2]), pose[3:]),
            ("camera", "camera_optical", nowhere, _OPTICAL_IN_CAMERA),
        )
        transforms = [
            FrameTransform(
                timestamp=_stamp(now),
                parent_frame_id=parent,
                child_frame_id=child,
                translation=place,
                rotation=_quaternion(turn),
            )
            for parent, child, place, turn in steps
        ]
        self._frames.log(FrameTransforms(transforms=transforms), log_time=now)
        at = PoseInFrame(timestamp=_stamp(now), frame_id="world_ned", pose=_pose(pose))
        self._pose.log(at, log_time=now)
        if index == 0:
            self._scene.log(_path(self._flight), log_time=now)

    def _describe(self, shared: dict[str, str]) -> None:
        """Write what belongs to the whole file: facts, classes by value, and documents."""
        flight, first = self._flight, int(self._flight.timestamps_ns[0])
        facts = {"sequence": flight.name, "split": flight.split, "airseg_version": __version__}
        self._writer.write_metadata("airseg", {k: v for k, v in (facts | shared).items() if v})
        names = {str(value): name for value, name in enumerate(flight.class_names)}
        self._writer.write_metadata("classes", names)
        for name, text in flight.documents.items():
            self._writer.attach(
                log_time=first,
                create_time=first,
                name=name,
                media_type="application/json" if name.endswith(".json") else "application/yaml",
                data=text.encode(),
            )


def _check_times(flight: ShownFlight) -> None:
    """Refuse times that messages cannot hold: they count seconds since 1970 in 32 bits."""
    first, last = int(flight.timestamps_ns.min()), int(flight.timestamps_ns.max())
    if first < 0 or last // _SECOND_NS > _LAST_SECOND:
        raise DatasetError(
            f"{flight.name}: its frames are from {first} to {last} ns; MCAP's messages hold 0 to "
            f"{_LAST_SECOND} s. Export another format."
        )


def _stamp(time_ns: int) -> Any:
    from foxglove.messages import Timestamp

    return Timestamp(sec=time_ns // _SECOND_NS, nsec=time_ns % _SECOND_NS)


def _quaternion(wxyz: Sequence[float]) -> Any:
    from foxglove.messages import Quaternion

    w, x, y, z = wxyz
    return Quaternion(x=x, y=y, z=z, w=w)


def _pose(pose: Sequence[float]) -> Any:
    from foxglove.messages import Pose, Vector3

    place = Vector3(x=pose[0], y=pose[1], z=pose[2])
    return Pose(position=place, orientation=_quaternion(pose[3:]))


def _calibration(flight: ShownFlight, about: dict[str, Any]) -> Any:
    from foxglove.messages import CameraCalibration

    assert flight.intrinsics is not None
    fx, fy, cx, cy = (getattr(flight.intrinsics, name) for name in ("fx", "fy", "cx", "cy"))
    return CameraCalibration(
        **about,
        width=flight.width,
        height=flight.height,
        distortion_model="plumb_bob",
        D=[0.0] * 5,
        K=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        R=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        P=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def _path(flight: ShownFlight) -> Any:
    """Return the whole way as a line of a constant width on the screen."""
    from foxglove import messages

    red, green, blue = _PATH_COLOR
    line = messages.LinePrimitive(
        type=messages.LinePrimitiveLineType.LineStrip,
        # Foxglove's schema requires all fields; viewers may take a missing turn for all noughts.
        pose=_pose([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
        thickness=_PATH_PIXELS,
        scale_invariant=True,
        points=[messages.Point3(x=x, y=y, z=z) for x, y, z in flight.poses[:, :3].tolist()],
        color=messages.Color(r=red, g=green, b=blue, a=1.0),
    )
    entity = messages.SceneEntity(
        timestamp=_stamp(int(flight.timestamps_ns[0])),
        frame_id="world_ned",
        id="path",
        lifetime=messages.Duration(sec=0, nsec=0),  # until it is replaced
        lines=[line],
    )
    return messages.SceneUpdate(entities=[entity])
