"""Optical flow: where what a pixel shows was seen at the instant before, exactly.

Nothing is estimated. A pixel's depth gives the point in the world, the object's rigid motion takes
it back to where it was, and the camera of before projects it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.kernels import njit
from airseg.simulators.embedded.rendering.stage import Placement, Stage
from airseg.simulators.embedded.rendering.strips import in_strips

_BEHIND_M = 0.05


@dataclass(frozen=True)
class Camera:
    """A pinhole camera at one instant.

    Attributes:
        eye: (3,) NED metres.
        axes: (3, 3) rows right, down, forward.
        focal: pixels.
    """

    eye: np.ndarray
    axes: np.ndarray
    focal: float


@dataclass(frozen=True)
class Instant:
    """What flow needs to know of the instant before: the camera, and what stood where."""

    camera: Camera
    placements: dict[int, Placement]


def flow_since(
    before: Instant,
    now: Camera,
    planar: np.ndarray,
    object_index: np.ndarray,
    sky: float,
    stage: Stage,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the motion of every pixel since an instant.

    Args:
        before: the earlier instant.
        now: the present camera.
        planar: (H, W) float32 depth along the optical axis, metres.
        object_index: (H, W) uint16.
        sky: the depth that stands for the sky, whose points are infinitely far.
        stage: what stands where now.

    Returns:
        flow: (H, W, 2) float32, pixels to the right and down: pixel ``(x, y)`` shows what was
            at ``(x, y) - flow``; NaN where that was behind the camera.
        depth: (H, W) float32 metres, how deep it was; where the earlier depth image is nearer
            there, it was hidden.
    """
    rows, matrices = _object_motions(before.placements, stage)
    flow = np.empty((*planar.shape, 2), np.float32)
    depth = np.empty(planar.shape, np.float32)
    then = before.camera
    in_strips(
        planar.shape[0],
        lambda top, bottom: _flow(
            top,
            bottom,
            planar,
            object_index,
            np.float32(sky),
            rows,
            matrices,
            now.eye,
            now.axes,
            now.focal,
            then.eye,
            then.axes,
            then.focal,
            flow,
            depth,
        ),
    )
    return flow, depth


def _object_motions(
    placements: dict[int, Placement], stage: Stage
) -> tuple[np.ndarray, np.ndarray]:
    """Return each object's row (-1: at rest) and (K, 3, 4) maps from now to before."""
    rows = np.full(len(stage.objects), -1, np.int32)
    matrices = [np.zeros((3, 4))]
    present = stage.placements()
    for index in sorted({*placements, *present}):
        if index >= len(stage.objects):
            continue
        middle = stage.middle(index)
        resting = Placement(middle)
        now, then = present.get(index, resting), placements.get(index, resting)
        if now is then:
            continue
        back = _square(then.matrix(middle)) @ np.linalg.inv(_square(now.matrix(middle)))
        rows[index] = len(matrices)
        matrices.append(back[:3])
    return rows, np.stack(matrices)


def _square(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix, [0.0, 0.0, 0.0, 1.0]])


@njit(cache=True, nogil=True)
def _flow(  # noqa: ANN202
    top,  # noqa: ANN001
    bottom,  # noqa: ANN001
    planar,  # noqa: ANN001
    object_index,  # noqa: ANN001
    sky,  # noqa: ANN001
    rows,  # noqa: ANN001
    matrices,  # noqa: ANN001
    eye,  # noqa: ANN001
    axes,  # noqa: ANN001
    focal,  # noqa: ANN001
    old_eye,  # noqa: ANN001
    old_axes,  # noqa: ANN001
    old_focal,  # noqa: ANN001
    flow,  # noqa: ANN001
    depth,  # noqa: ANN001
):
    height, width = planar.shape
    point = np.empty(3)
    for row in range(top, bottom):
        for column in range(width):
            cx = (column + 0.5 - 0.5 * width) / focal
            cy = (row + 0.5 - 0.5 * height) / focal
            z = np.float64(planar[row, column])
            endless = planar[row, column] >= sky
            for k in range(3):
                ray = axes[0, k] * cx + axes[1, k] * cy + axes[2, k]
                point[k] = ray if endless else eye[k] + ray * z
            if not endless:
                m = rows[object_index[row, column]]
                if m >= 0:
                    x, y, down = point[0], point[1], point[2]
                    for k in range(3):
                        point[k] = (
                            matrices[m, k, 0] * x
                            + matrices[m, k, 1] * y
                            + matrices[m, k, 2] * down
                            + matrices[m, k, 3]
                        )
                for k in range(3):
                    point[k] -= old_eye[k]
            right, down, ahead = 0.0, 0.0, 0.0
            for k in range(3):
                right += old_axes[0, k] * point[k]
                down += old_axes[1, k] * point[k]
                ahead += old_axes[2, k] * point[k]
            if ahead < _BEHIND_M * (0.001 if endless else 1.0):
                flow[row, column, 0] = np.nan
                flow[row, column, 1] = np.nan
                depth[row, column] = np.nan
                continue
            flow[row, column, 0] = cx * focal - old_focal * right / ahead
            flow[row, column, 1] = cy * focal - old_focal * down / ahead
            depth[row, column] = sky if endless else ahead
