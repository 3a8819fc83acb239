"""Where each pixel was in the frame before: from depth and camera poses, or from recorded flow.

Depth, pose and focal length give the point in the world that a pixel shows, and the earlier camera
projects it: nothing is estimated. It holds for what stands still. What moves by itself counts with
the camera's motion alone, unless the simulator's own flow was recorded, which knows about objects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from airseg.geometry import rotation_matrix

SEEN, ENTERED, UNCOVERED, UNKNOWN = range(4)
VISIBILITIES = ("seen before", "came into view", "uncovered", "unknown")
"""What a pixel shows was: visible in the frame before; outside it; hidden there; who knows."""

MOTION_EDGES_PX = (1.0, 4.0, 16.0)
"""Bins of image motion, pixels a frame: below the first, between, and above the last."""

_FARTHEST_M = 6e4
_NOWHERE = np.float32(-1e6)
_BEHIND_M = 0.05
_HIDDEN_SHARE, _HIDDEN_M = 0.02, 0.1


@dataclass(frozen=True)
class Motion:
    """The way back from one frame to the one before.

    Attributes:
        x, y: (H, W) float32, where each pixel's point was: column and row of the earlier frame;
            far outside where it was behind the camera or is unknown.
        visibility: (H, W) uint8, one of `SEEN`, `ENTERED`, `UNCOVERED`, `UNKNOWN`.
    """

    x: np.ndarray
    y: np.ndarray
    visibility: np.ndarray

    def speed(self) -> np.ndarray:
        """Return (H, W) float32 pixels a frame; huge where the point was behind the camera."""
        height, width = self.x.shape
        return np.hypot(
            np.arange(width, dtype=np.float32) - self.x,
            np.arange(height, dtype=np.float32)[:, None] - self.y,
        )

    def bins(self) -> np.ndarray:
        """Return (H, W) uint8: the bin of `MOTION_EDGES_PX`, or one more where it is unknown."""
        speed = self.speed()
        bins = np.zeros(speed.shape, np.uint8)
        for edge in MOTION_EDGES_PX:
            bins += speed >= edge
        bins[self.visibility == UNKNOWN] = len(MOTION_EDGES_PX) + 1
        return bins

    def warp(self, earlier: np.ndarray, outside: int = 255) -> np.ndarray:
        """Return an earlier (H, W) uint8 image as it would look now, by the nearest pixel.

        Args:
            earlier: an image of the frame before.
            outside: what stands where that frame did not look.
        """
        return cv2.remap(earlier, self.x, self.y, cv2.INTER_NEAREST, borderValue=outside)

    def flow(self, size: tuple[int, int]) -> np.ndarray:
        """Return the way back as networks take it: (2, h, w) float32 pixels of a size (h, w).

        Each place takes the nearest pixel's; NaN where its point was not seen in the frame before.
        """
        height, width = self.x.shape
        rows = ((np.arange(size[0]) + 0.5) * height / size[0]).astype(int)[:, None]
        columns = ((np.arange(size[1]) + 0.5) * width / size[1]).astype(int)
        right = (self.x[rows, columns] - columns) * np.float32(size[1] / width)
        down = (self.y[rows, columns] - rows) * np.float32(size[0] / height)
        seen = self.visibility[rows, columns] == SEEN
        return np.where(seen, np.stack([right, down]), np.nan).astype(np.float32)

    def gone(self) -> np.ndarray:
        """Return (H, W) bool of the *earlier* frame: what nobody sees any more in this one."""
        height, width = self.x.shape
        seen = self.visibility == SEEN
        place = np.rint(self.y[seen]) * width + np.rint(self.x[seen])
        hit = np.zeros(height * width, np.uint8)
        hit[place.astype(np.int32)] = 1
        # A camera that backs away maps this frame's pixels onto every second of the earlier one's.
        return cv2.dilate(hit.reshape(height, width), np.ones((3, 3), np.uint8)) == 0


def focal_length(camera: dict[str, Any], width: int) -> float | None:
    """Return the focal length in pixels that a recording's camera says, or None."""
    if "fx" in camera:
        return float(camera["fx"])
    if "fov_deg" in camera:
        return 0.5 * width / math.tan(math.radians(float(camera["fov_deg"])) / 2)
    return None


def motion_from_depth(
    depth: np.ndarray,
    earlier_depth: np.ndarray,
    pose: np.ndarray,
    earlier_pose: np.ndarray,
    focal: float,
    *,
    flow: np.ndarray | None = None,
) -> Motion:
    """Return the way back from a frame to the one before.

    A point was hidden when all of the 3x3 pixels around its earlier place were nearer than it was
    by more than 2 % and 0.1 m; rounding and slopes stay below that.

    Args:
        depth, earlier_depth: (H, W) metres along the optical axis, now and before.
        pose, earlier_pose: (7,) x y z in NED metres, qw qx qy qz; the camera looks along its +x.
        focal: pixels; the principal point is the image's middle.
        flow: (H, W, 2) pixels right and down since the frame before, where the simulator told it;
            places come from it then, and depth decides what was hidden.
    """
    height, width = depth.shape
    now, before = rotation_matrix(pose[3:]), rotation_matrix(earlier_pose[3:])
    turn = (before.T @ now).astype(np.float32)
    shift = (before.T @ (pose[:3] - earlier_pose[:3])).astype(np.float32)
    right = ((np.arange(width, dtype=np.float32) + 0.5) - 0.5 * width) / focal
    down = (((np.arange(height, dtype=np.float32) + 0.5) - 0.5 * height) / focal)[:, None]
    z = _finite(depth)
    # Axes are forward, right, down; a pixel's ray is (1, right, down).
    ahead, sideways, below = (
        (turn[k, 0] + turn[k, 1] * right + turn[k, 2] * down) * z + shift[k] for k in range(3)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        x = focal * sideways / ahead + (0.5 * width - 0.5)
        y = focal * below / ahead + (0.5 * height - 0.5)
    behind = ahead < _BEHIND_M
    x[behind] = y[behind] = _NOWHERE
    if flow is not None:
        x, y = _places(flow)
    return Motion(x, y, _visibility(x, y, ahead, earlier_depth))


def motion_from_flow(flow: np.ndarray) -> Motion:
    """Return the way back that recorded flow tells alone: without depth nothing counts as hidden.

    Args:
        flow: (H, W, 2) pixels right and down since the frame before; NaN where it is unknown.
    """
    x, y = _places(flow)
    return Motion(x, y, _visibility(x, y, None, None))


def _places(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width, _ = flow.shape
    x = np.arange(width, dtype=np.float32) - flow[..., 0].astype(np.float32)
    y = np.arange(height, dtype=np.float32)[:, None] - flow[..., 1].astype(np.float32)
    unknown = ~(np.isfinite(x) & np.isfinite(y))
    x[unknown] = y[unknown] = _NOWHERE
    return x, y


def _finite(depth: np.ndarray) -> np.ndarray:
    """Return depth as float32 metres, at most as far as the sky; what is no number is the sky."""
    return np.fmin(depth.astype(np.float32), np.float32(_FARTHEST_M))


def _visibility(
    x: np.ndarray, y: np.ndarray, ahead: np.ndarray | None, earlier_depth: np.ndarray | None
) -> np.ndarray:
    height, width = x.shape
    inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    visibility = np.where(inside, np.uint8(SEEN), np.uint8(ENTERED))
    if ahead is None or earlier_depth is None:
        # Flow alone does not tell the point behind the camera from the one nobody knows about.
        visibility[x == _NOWHERE] = UNKNOWN
        return visibility
    around = cv2.dilate(_finite(earlier_depth), np.ones((3, 3), np.uint8))
    there = cv2.remap(around, x, y, cv2.INTER_NEAREST, borderValue=_FARTHEST_M)
    expected = np.minimum(ahead, _FARTHEST_M)
    visibility[inside & (there < expected * (1 - _HIDDEN_SHARE) - _HIDDEN_M)] = UNCOVERED
    return visibility
