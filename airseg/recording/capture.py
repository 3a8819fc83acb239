"""One instant: all images in one request, checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from airseg.errors import SimulatorError
from airseg.flight.plan import FlightPlan
from airseg.simulators.protocol import ImageRequest, ImageType

CAMERA = "0"


@dataclass(frozen=True)
class Instant:
    """What the simulator delivered for one moment.

    Attributes:
        timestamp_ns: the simulator's time, the same for all images.
        pose: (7,) of the camera, NED metres and quaternion w x y z.
        rgb: (H, W, 3) uint8; colors: (H, W, 3) uint8, the segmentation image, RGB.
        depth: (H, W) float16 metres, or None.
    """

    timestamp_ns: int
    pose: np.ndarray
    rgb: np.ndarray
    colors: np.ndarray
    depth: np.ndarray | None


class Capturer:
    """Takes instants with one camera of the plan's size.

    Args:
        client: ours, or an official one.
        plan: which size and images are wanted.
    """

    def __init__(self, client: Any, plan: FlightPlan) -> None:
        self._client, self._plan = client, plan
        self._is_rgb = bool(getattr(client, "images_are_rgb", False))
        wanted = [(ImageType.Scene, False), (ImageType.Segmentation, False)]
        if plan.depth:
            wanted.append((ImageType.DepthPlanar, True))
        self._requests = [ImageRequest(CAMERA, int(t), f, False) for t, f in wanted]
        self._before: Instant | None = None

    def colors(self) -> np.ndarray:
        """Return a segmentation image, (H, W, 3) uint8 RGB, of any size."""
        response = self._client.simGetImages(
            [ImageRequest(CAMERA, ImageType.Segmentation, False, False)]
        )[0]
        return self._pixels(response, check_size=False)

    def take(self, frame: int) -> Instant:
        """Return the present instant.

        Raises:
            SimulatorError: an image is missing or of the wrong size, the images are of different
                moments, or the picture stands still while the camera moves.
        """
        responses = self._client.simGetImages(self._requests)
        if len(responses) != len(self._requests):
            raise SimulatorError(
                f"frame {frame}: asked for {len(self._requests)} images, got {len(responses)}."
            )
        times = {int(r.time_stamp) for r in responses}
        if len(times) > 1:
            raise SimulatorError(
                f"frame {frame}: the images are of different moments, "
                f"{(max(times) - min(times)) / 1e6:.1f} ms apart. Is the simulator paused?"
            )
        first = responses[0]
        instant = Instant(
            timestamp_ns=times.pop(),
            pose=_pose(first),
            rgb=self._pixels(first),
            colors=self._pixels(responses[1]),
            depth=self._depth(responses[2]) if self._plan.depth else None,
        )
        self._refuse_repeats(frame, instant)
        self._before = instant
        return instant

    def _refuse_repeats(self, frame: int, instant: Instant) -> None:
        before = self._before
        if before is None or np.abs(instant.pose[:3] - before.pose[:3]).max() < 0.01:
            return
        if np.array_equal(instant.rgb, before.rgb):
            raise SimulatorError(
                f"frame {frame}: the camera moved but the picture is the one before. The simulator "
                "repeats frames; lower its load, or restart it."
            )

    def _pixels(self, response: Any, *, check_size: bool = True) -> np.ndarray:
        data = response.image_data_uint8
        data = data.encode("latin-1") if isinstance(data, str) else bytes(data)
        self._check(response, len(data), 3, check_size=check_size)
        image = np.frombuffer(data, np.uint8).reshape(response.height, response.width, 3)
        return image if self._is_rgb else np.ascontiguousarray(image[..., ::-1])

    def _depth(self, response: Any) -> np.ndarray:
        values = np.asarray(response.image_data_float, np.float32)
        self._check(response, values.size, 1)
        # Values left the simulator as half floats, so nothing is lost here.
        limited = np.minimum(values, 65504.0).astype(np.float16)
        return limited.reshape(response.height, response.width)

    def _check(self, response: Any, size: int, channels: int, *, check_size: bool = True) -> None:
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
        camera = self._plan.camera
        if check_size and (width, height) != (camera.width, camera.height):
            raise SimulatorError(
                f"the simulator delivers {kind} at {width}x{height}; the plan wants "
                f"{camera.width}x{camera.height}. In settings.json, give CameraDefaults."
                f"CaptureSettings an entry with ImageType {int(response.image_type)}, Width "
                f"{camera.width}, Height {camera.height}."
            )


def _pose(response: Any) -> np.ndarray:
    p, q = response.camera_position, response.camera_orientation
    return np.array([p.x_val, p.y_val, p.z_val, q.w_val, q.x_val, q.y_val, q.z_val], float)
