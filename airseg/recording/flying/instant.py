"""One instant: all images of all views, checked before anything is written."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from airseg.depth import no_distances
from airseg.errors import SimulatorError
from airseg.flight.plan import FlightPlan, PlanCamera
from airseg.recording.flying.views import FIRST_CAMERA, View, Views, views_of
from airseg.simulators.protocol import ImageRequest, ImageType

_IDS = int(ImageType.Segmentation)
_FARTHEST_M = 65504.0  # the greatest half float


@dataclass(frozen=True)
class Instant:
    """What the simulator delivered for one moment of one view.

    Attributes:
        timestamp_ns: the simulator's time of the colour image.
        pose: (7,) of the camera, NED metres and quaternion w x y z.
        rgb: (H, W, 3) uint8; colors: (H, W, 3) uint8, the segmentation image, RGB.
        depth: (H, W) float16 metres, or None.
        flow: (H, W, 2) float16 pixels right and down since the frame before, or None.
        numbers: (H, W) float32, places of objects in the simulator's list of them, or None.
    """

    timestamp_ns: int
    pose: np.ndarray
    rgb: np.ndarray
    colors: np.ndarray
    depth: np.ndarray | None
    flow: np.ndarray | None = None
    numbers: np.ndarray | None = None


@dataclass(frozen=True)
class Seen:
    """One view of an instant with what tells its objects apart.

    Attributes:
        frame: its number, for messages.
        instant: what the simulator delivered.
        drawn: (H, W) unsigned, see `SceneIds.decode`; raw_ids: (H, W) uint8.
        looked: what a numbering took of the view beside the frame, see `numbering`, or None.
    """

    frame: int
    instant: Instant
    drawn: np.ndarray
    raw_ids: np.ndarray
    looked: np.ndarray | None


class Capturer:
    """Takes instants of all views of a plan.

    Args:
        client: ours, or an official one.
        plan: which sizes and images are wanted.
        views: which cameras; None takes the plan's, of a simulator without other vehicles.

    Attributes:
        time_runs: whether the simulator's clock runs while images are taken, so that each has a
            time stamp of its own; they still show one moment.
        largest_spread_ns: between the time stamps of one frame.
    """

    def __init__(self, client: Any, plan: FlightPlan, views: Views | None = None) -> None:
        self._client, self._plan = client, plan
        self._is_rgb = bool(getattr(client, "images_are_rgb", False))
        self.views = views.all if views else views_of(plan, "")
        self._starts = [views.starts[view.vehicle] if views else np.zeros(3) for view in self.views]
        self._kinds = [(ImageType.Scene, False), (ImageType.Segmentation, False)]
        if plan.depth:
            self._kinds.append((ImageType.DepthPlanar, True))
        if plan.flow:
            self._kinds.append((ImageType.OpticalFlow, True))
        self._before: list[Instant] = []
        self.time_runs = False
        self.largest_spread_ns = 0

    def warm_up(self) -> None:
        """Let simulator and reader do once what takes long the first time; nothing is kept.

        It also shows whether time stands still while nobody lets it pass.
        """
        answers = self.fetch()
        times = {int(r.time_stamp) for r in (*answers, self._one_image())}
        self.time_runs = len(times) > 1
        with contextlib.suppress(SimulatorError):  # what is amiss is told at frame 0
            self.read(0, answers)
        self._before, self.largest_spread_ns = [], 0

    def ask_for_numbers(self) -> None:
        """Ask for the number of the object in each pixel from now on, with each frame."""
        self._kinds.append((ImageType.Segmentation, True))

    def numbers(self) -> np.ndarray | None:
        """Return (H, W) float32, segmentation of the first view as floats; None where empty."""
        answer = self._one_image(as_float=True)
        values = np.asarray(answer.image_data_float, np.float32)
        size = (int(answer.height), int(answer.width))
        return values.reshape(size) if values.size == size[0] * size[1] > 0 else None

    def look_again(self) -> list[Any]:
        """Return the present segmentation image of each view, and nothing else, as they come."""
        answers: list[Any] = []
        for vehicle, views in itertools.groupby(self.views, key=lambda v: v.vehicle):
            requests = [ImageRequest(v.camera_name, _IDS, False, False) for v in views]
            answers += self._client.simGetImages(requests, *((vehicle,) if vehicle else ()))
        return answers

    def segmentation(self, answers: list[Any]) -> list[Any]:
        """Return the segmentation image of each view, as it came, of all that was fetched."""
        return answers[1 :: len(self._kinds)]

    def pixels(self, answers: list[Any]) -> list[np.ndarray]:
        """Return (H, W, 3) uint8 RGB of one image for each view."""
        return [
            self._pixels(answer, view.camera)
            for view, answer in zip(self.views, answers, strict=True)
        ]

    def colors(self) -> np.ndarray:
        """Return a segmentation image of the first view, (H, W, 3) uint8 RGB, of any size."""
        return self._pixels(self._one_image(), None)

    def fetch(self) -> list[Any]:
        """Return the present images of all views as they come, one request for each vehicle."""
        answers: list[Any] = []
        for vehicle, views in itertools.groupby(self.views, key=lambda v: v.vehicle):
            requests = [
                ImageRequest(v.camera_name, int(kind), as_float, False)
                for v in views
                for kind, as_float in self._kinds
            ]
            # Without a name, clients of one vehicle need no second argument.
            more = (vehicle,) if vehicle else ()
            answers += self._client.simGetImages(requests, *more)
        return answers

    def poses(self, answers: list[Any]) -> list[np.ndarray] | None:
        """Return the (7,) pose of each view's camera, from its vehicle's start; None if any lacks.

        Args:
            answers: what was fetched.
        """
        if len(answers) != len(self.views) * len(self._kinds):
            return None
        return [_pose(answer) for answer in answers[:: len(self._kinds)]]

    def read(self, frame: int, answers: list[Any]) -> list[Instant]:
        """Return what was fetched, view by view.

        Raises:
            SimulatorError: an image is missing, black or of the wrong size, the images are of
                different moments, two views show the same, a pose or a depth is no number, or the
                picture stands still while the camera moves.
        """
        wanted = len(self.views) * len(self._kinds)
        if len(answers) != wanted:
            raise SimulatorError(f"frame {frame}: asked for {wanted} images, got {len(answers)}.")
        self._note_spread(frame, [int(r.time_stamp) for r in answers])
        per_view = len(self._kinds)
        instants = [
            self._read_view(view, start, answers[i * per_view : (i + 1) * per_view])
            for i, (view, start) in enumerate(zip(self.views, self._starts, strict=True))
        ]
        for view, instant, before in itertools.zip_longest(self.views, instants, self._before):
            _refuse_no_numbers(frame, view, instant)
            _refuse_black(frame, view, instant)
            _refuse_repeats(frame, instant, before)
        _refuse_twins(frame, self.views, instants)
        self._before = instants
        return instants

    def _one_image(self, *, as_float: bool = False) -> Any:
        vehicle = self.views[0].vehicle
        requests = [ImageRequest(FIRST_CAMERA, _IDS, as_float, False)]
        answers = self._client.simGetImages(requests, *((vehicle,) if vehicle else ()))
        if len(answers) != 1:
            raise SimulatorError(f"asked the simulator for 1 image, got {len(answers)}.")
        return answers[0]

    def _note_spread(self, frame: int, times: list[int]) -> None:
        spread = max(times) - min(times)
        if spread and not self.time_runs:
            raise SimulatorError(
                f"frame {frame}: the images are of different moments, {spread / 1e6:.1f} ms "
                "apart. Is the simulator paused?"
            )
        self.largest_spread_ns = max(self.largest_spread_ns, spread)

    def _read_view(self, view: View, start: np.ndarray, answers: list[Any]) -> Instant:
        floats = dict(zip([k for k, as_float in self._kinds if as_float], answers[2:], strict=True))
        depth = flow = numbers = None
        if ImageType.DepthPlanar in floats:
            # Values left the simulator as half floats, so nothing is lost here.
            depth = self._floats(floats[ImageType.DepthPlanar], view.camera, 1)
        if ImageType.OpticalFlow in floats:
            flow = self._floats(floats[ImageType.OpticalFlow], view.camera, 2)
        if ImageType.Segmentation in floats:
            told = floats[ImageType.Segmentation]
            numbers = np.asarray(told.image_data_float, np.float32)
            _check(told, numbers.size, 1, view.camera)
            numbers = numbers.reshape(told.height, told.width)
        return Instant(
            timestamp_ns=int(answers[0].time_stamp),
            pose=_pose(answers[0]) + np.concatenate([start, np.zeros(4)]),
            rgb=self._pixels(answers[0], view.camera),
            colors=self._pixels(answers[1], view.camera),
            depth=depth,
            flow=flow,
            numbers=numbers,
        )

    def _pixels(self, response: Any, camera: PlanCamera | None) -> np.ndarray:
        data = response.image_data_uint8
        data = data.encode("latin-1") if isinstance(data, str) else data
        _check(response, len(data), 3, camera)
        image = np.frombuffer(data, np.uint8).reshape(response.height, response.width, 3)
        return image if self._is_rgb else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    def _floats(self, response: Any, camera: PlanCamera, channels: int) -> np.ndarray:
        values = np.asarray(response.image_data_float, np.float32)
        _check(response, values.size, channels, camera)
        limited = np.clip(values, -_FARTHEST_M, _FARTHEST_M).astype(np.float16)
        shape = (response.height, response.width, channels)
        return limited.reshape(shape if channels > 1 else shape[:2])


def _refuse_no_numbers(frame: int, view: View, instant: Instant) -> None:
    """Raise where a pose or a depth cannot be one; an infinite depth is the sky's."""
    if not np.isfinite(instant.pose).all() or abs(np.linalg.norm(instant.pose[3:]) - 1) > 1e-3:
        raise SimulatorError(
            f"frame {frame}: the camera's pose{_of_view(view)} is no position and unit quaternion: "
            f"{instant.pose.tolist()}. Was the vehicle given a pose that is no number? Reset or "
            "restart the simulator."
        )
    if instant.depth is not None and (wrong := no_distances(instant.depth)):
        raise SimulatorError(
            f"frame {frame}: {wrong} depths{_of_view(view)} are no numbers, or negative. Restart "
            "the simulator, or set depth: false in the plan."
        )


def _of_view(view: View) -> str:
    return f" of view {view.sequence.lstrip('-')}" if view.sequence else ""


def _refuse_black(frame: int, view: View, instant: Instant) -> None:
    """Raise where an image shows nothing at all; no night is that dark."""
    where = _of_view(view)
    if not instant.rgb.any():
        raise SimulatorError(
            f"frame {frame}: the colour image{where} is black all over. Does the simulator render "
            "(no -nullrhi), and does the camera stand outside of objects?"
        )
    if not instant.colors.any():
        raise SimulatorError(
            f"frame {frame}: the segmentation image{where} is black all over. Is segmentation "
            "switched off in settings.json (SegmentationSettings.InitMethod None)?"
        )


def _refuse_twins(frame: int, views: list[View], instants: list[Instant]) -> None:
    """Raise where two views show one picture: the simulator took one camera for another."""
    for (a, first), (b, second) in itertools.combinations(zip(views, instants, strict=True), 2):
        if first.rgb.shape != second.rgb.shape or not np.array_equal(first.rgb[0], second.rgb[0]):
            continue
        if np.array_equal(first.rgb, second.rgb):
            raise SimulatorError(
                f"frame {frame}: cameras {a.camera_name} of {a.vehicle or 'the first vehicle'} and "
                f"{b.camera_name} of {b.vehicle or 'the first vehicle'} deliver the same picture, "
                "byte for byte. Write settings.json with `airseg settings PLAN`, which gives each "
                "vehicle a name and a place, and restart the simulator."
            )


def _refuse_repeats(frame: int, instant: Instant, before: Instant | None) -> None:
    if before is None or np.abs(instant.pose[:3] - before.pose[:3]).max() < 0.01:
        return
    # A row tells nearly always, at once.
    same_row = instant.rgb.shape == before.rgb.shape and np.array_equal(
        instant.rgb[0], before.rgb[0]
    )
    if same_row and np.array_equal(instant.rgb, before.rgb):
        raise SimulatorError(
            f"frame {frame}: the camera moved but the picture is the one before. The simulator "
            "repeats frames; lower its load, or restart it."
        )


def _check(response: Any, size: int, channels: int, camera: PlanCamera | None) -> None:
    """Raise unless an image has as many values as it says, and the size that is wanted."""
    kind = ImageType(int(response.image_type)).name
    width, height = int(response.width), int(response.height)
    if size == 0 or width * height == 0:
        raise SimulatorError(
            f"the simulator delivers an empty {kind} image"
            f"{f' ({response.message})' if response.message else ''}. Does the camera exist, "
            "and does the simulator render (no -nullrhi)?"
        )
    if size != width * height * channels:
        raise SimulatorError(
            f"the {kind} image says {width}x{height} but has {size} values instead of "
            f"{width * height * channels}."
        )
    if camera and (width, height) != (camera.width, camera.height):
        raise SimulatorError(
            f"the simulator delivers {kind} at {width}x{height}; the plan wants "
            f"{camera.width}x{camera.height}. In settings.json, give CameraDefaults."
            f"CaptureSettings an entry with ImageType {int(response.image_type)}, Width "
            f"{camera.width}, Height {camera.height}; `airseg settings PLAN` writes it."
        )


def _pose(response: Any) -> np.ndarray:
    p, q = response.camera_position, response.camera_orientation
    return np.array([p.x_val, p.y_val, p.z_val, q.w_val, q.x_val, q.y_val, q.z_val], float)
