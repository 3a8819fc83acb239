"""Sequences in Rerun (https://rerun.io): pictures, classes by name, depth, path, scores over time.

Unlike in MCAP, class ids stay ids here: they can be hovered, queried and recoloured. A file of it
is for looking; keep MCAP or the dataset itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from airseg.classes import IGNORE_INDEX
from airseg.dataset.exporting.common import Progress, each_frame, encode_color
from airseg.errors import DatasetError, first_line
from airseg.recording.stored.shown_flight import ShownFlight

FrameScores = Callable[[np.ndarray, np.ndarray], dict[str, float]]
"""From a frame's prediction and labels, (H, W) uint8 both, to scores by name."""

_WORLD, _CAMERA, _IMAGE = "world", "world/camera", "world/camera/image"
_PATH_COLOR = (250, 166, 26)
_IGNORED_COLOR = (0, 0, 0)
_SKY_M = 10_000.0
_FAR_QUANTILE = 0.95
_COMMON_ERA_NS = 10**17  # three years after 1970; clocks that begin at nought stay below


def has_rerun() -> bool:
    """Return whether rerun-sdk is installed."""
    try:
        import rerun  # noqa: F401
    except ImportError:
        return False
    return True


def open_stream(flight: ShownFlight) -> Any:
    """Return a stream (`rerun.RecordingStream`) for a sequence, with how its views are laid out.

    Raises:
        DatasetError: rerun-sdk is not installed.
    """
    if not has_rerun():
        raise DatasetError("Rerun's files need rerun-sdk. Run: pip install 'airseg[view]'")
    import rerun as rr

    stream = rr.RecordingStream("airseg", recording_id=flight.name)
    stream.send_recording_name(flight.name)
    return stream


def save_flight(
    flight: ShownFlight,
    path: Path,
    frames: range,
    scores: FrameScores | None = None,
    progress: Progress | None = None,
) -> None:
    """Write a sequence as an ``.rrd`` file, which appears when it is whole.

    Args:
        flight: the sequence.
        path: the file.
        frames: numbers of the frames to show.
        scores: what to plot of each frame that has labels and a prediction.
        progress: told how far it is.

    Raises:
        DatasetError: rerun-sdk is not installed, or the file cannot be written.
    """
    stream = open_stream(flight)
    beside = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream.save(beside, default_blueprint=layout(flight, has_scores=scores is not None))
        log_flight(stream, flight, frames, scores, progress)
        stream.disconnect()
        beside.replace(path)
    except (OSError, RuntimeError) as cause:
        raise DatasetError(f"{path}: cannot be written ({first_line(cause)}).") from None
    finally:
        beside.unlink(missing_ok=True)


def layout(flight: ShownFlight, *, has_scores: bool) -> Any:
    """Return the viewer's first arrangement of a sequence (`rerun.blueprint.Blueprint`)."""
    import rerun.blueprint as rrb

    def picture(name: str, *layers: str) -> Any:
        return rrb.Spatial2DView(
            name=name, origin=_IMAGE, contents=[f"{_IMAGE}/{layer}" for layer in layers]
        )

    pictures = [picture("labels", "color", "labels")]
    if flight.read_prediction is not None:
        pictures.append(picture("prediction", "color", "prediction"))
    if flight.read_depth is not None:
        pictures.append(picture("depth", "depth"))
    curves = [rrb.TimeSeriesView(name="share of pixels", origin="classes")]
    if has_scores:
        curves.insert(0, rrb.TimeSeriesView(name="scores", origin="scores"))
    elif flight.has_poses:
        curves.append(rrb.TimeSeriesView(name="motion", origin="motion"))
    left = rrb.Vertical(*pictures)
    if not flight.has_poses:
        return rrb.Blueprint(rrb.Horizontal(left, rrb.Vertical(*curves)))
    scene = rrb.Spatial3DView(
        name="world", origin=_WORLD, contents=["$origin/**", f"- {_IMAGE}/depth"]
    )
    return rrb.Blueprint(rrb.Horizontal(left, rrb.Vertical(scene, *curves)))


def log_flight(
    stream: Any,
    flight: ShownFlight,
    frames: range,
    scores: FrameScores | None = None,
    progress: Progress | None = None,
) -> None:
    """Log frames of a sequence into a stream; see `save_flight`."""
    _log_constants(stream, flight)

    def read(shown: _Chosen, place: int) -> tuple[bytes, dict[str, np.ndarray]]:
        index = shown.frames[place]
        color = encode_color(flight.read_rgb(index), None)
        layers: dict[str, np.ndarray] = {}
        if flight.labelled[index]:
            layers["labels"] = flight.read_labels(index)
        if flight.read_prediction is not None:
            layers["prediction"] = flight.read_prediction(index)
        if flight.read_depth is not None:
            layers["depth"] = flight.read_depth(index)
        return color, layers

    for _, place, (color, layers) in each_frame([_Chosen(frames)], read, "logging", progress):
        _log_frame(stream, flight, frames[place], color, layers)
        if scores is not None and {"labels", "prediction"} <= layers.keys():
            found = scores(layers["prediction"], layers["labels"])
            _log_numbers(stream, "scores", found)


class _Chosen:
    """The frames of a sequence that are shown, as what `each_frame` goes through."""

    def __init__(self, frames: range) -> None:
        self.frames = frames

    def __len__(self) -> int:
        return len(self.frames)


def _log_constants(stream: Any, flight: ShownFlight) -> None:
    """Log what holds all the time: classes, the camera's lens, the way, how curves look."""
    import rerun as rr

    colors = [tuple(color) for color in flight.palette.tolist()]
    classes = [(value, name, colors[value]) for value, name in enumerate(flight.class_names)]
    classes.append((IGNORE_INDEX, "ignored", _IGNORED_COLOR))
    stream.log("/", rr.AnnotationContext(classes), static=True)
    for value, name in enumerate(flight.class_names):
        curve = rr.SeriesLines(names=name, colors=colors[value])
        stream.log(f"classes/{_escaped(name)}", curve, static=True)
    if flight.intrinsics is not None:
        lens = flight.intrinsics
        pinhole = rr.Pinhole(
            focal_length=(lens.fx, lens.fy),
            principal_point=(lens.cx, lens.cy),
            resolution=(flight.width, flight.height),
            camera_xyz=rr.ViewCoordinates.FRD,
        )
        stream.log(_IMAGE, pinhole, static=True)
    if flight.has_poses:
        # North, east, down: the world's own axes, of which the camera's are the first turned.
        stream.log(_WORLD, rr.ViewCoordinates.FRD, static=True)
        way = rr.LineStrips3D([flight.poses[:, :3]], colors=[_PATH_COLOR])
        stream.log(f"{_WORLD}/path", way, static=True)


def _log_frame(
    stream: Any, flight: ShownFlight, index: int, color: bytes, layers: dict[str, np.ndarray]
) -> None:
    import rerun as rr

    stream.set_time("frame", sequence=index)
    stream.set_time("flight_time", duration=float(flight.seconds[index]))
    time_ns = int(flight.timestamps_ns[index])
    if time_ns > _COMMON_ERA_NS:
        stream.set_time("sim_time", timestamp=np.datetime64(time_ns, "ns"))
    if flight.has_poses:
        pose = flight.poses[index]
        turn = rr.Quaternion(xyzw=[*pose[4:], pose[3]])
        stream.log(_CAMERA, rr.Transform3D(translation=pose[:3], quaternion=turn))
        motion = {"speed_mps": float(flight.speeds_mps[index]), "height_m": -float(pose[2])}
        _log_numbers(stream, "motion", motion)
    stream.log(f"{_IMAGE}/color", rr.EncodedImage(contents=color, media_type="image/png"))
    for name in ("labels", "prediction"):
        if name in layers:
            stream.log(f"{_IMAGE}/{name}", rr.SegmentationImage(layers[name], opacity=0.5))
    if "depth" in layers:
        depth = layers["depth"]
        near = depth[depth < _SKY_M]  # the sky, further than anything, would leave no colours
        shown = (0.0, float(np.quantile(near, _FAR_QUANTILE)) if near.size else 1.0)
        picture = rr.DepthImage(depth, meter=1.0, depth_range=shown)
        stream.log(f"{_IMAGE}/depth", picture)
    if "labels" in layers:
        pixels = np.bincount(layers["labels"].ravel(), minlength=256)
        shares = pixels[: len(flight.class_names)] / layers["labels"].size
        _log_numbers(stream, "classes", dict(zip(flight.class_names, shares.tolist(), strict=True)))


def _log_numbers(stream: Any, place: str, numbers: dict[str, float]) -> None:
    import rerun as rr

    for name, value in numbers.items():
        if np.isfinite(value):
            stream.log(f"{place}/{_escaped(name)}", rr.Scalars(value))


def _escaped(name: str) -> str:
    """Return a name as one part of an entity's path."""
    import rerun as rr

    return rr.escape_entity_path_part(name)
