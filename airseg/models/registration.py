"""Where a frame's pixels were in the frame before: by one homography, or by classical flow.

All on the CPU with OpenCV, nothing learned. A homography is exact where the camera only turns, or
where the world is one plane; what stands out of the plane it misses.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_CORNERS, _QUALITY, _DISTANCE = 500, 0.01, 8
_WINDOW, _LEVELS = (21, 21), 3
_ROUND_TRIP_PX, _INLIER_PX = 1.0, 3.0
_LEAST_INLIERS, _LEAST_SHARE = 15, 0.3
_STRETCH = (0.5, 2.0)


@dataclass(frozen=True)
class Registration:
    """How a frame lies on the one before.

    Attributes:
        matrix: (3, 3) float64 from pixels of the frame before to those of the frame, or None where
            none can be trusted.
        points: (N, 2) float32 pixels of the frame, x before y, at which corners were found again.
        inliers: (N,) bool: which of them move as the matrix says.
    """

    matrix: np.ndarray | None
    points: np.ndarray
    inliers: np.ndarray

    @property
    def inlier_share(self) -> float:
        """Share of the points that are inliers; 0 where there are none."""
        return float(self.inliers.mean()) if len(self.inliers) else 0.0


def register(before: np.ndarray, frame: np.ndarray) -> Registration:
    """Return the homography from a frame to the next one.

    Corners (Shi and Tomasi, 1994) are followed by pyramidal Lucas-Kanade there and back, and those
    that return to where they were vote (RANSAC). The draws start anew with every frame, so that a
    frame's result does not depend on which others were registered before it.

    Args:
        before, frame: (H, W) uint8 grey images.

    Returns:
        The matrix is None with fewer than 15 inliers or 30 % of them, where it stretches areas
        more than twofold, or where it moves a corner of the image by half its side.
    """
    nothing = Registration(None, np.empty((0, 2), np.float32), np.empty(0, bool))
    corners = cv2.goodFeaturesToTrack(before, _CORNERS, _QUALITY, _DISTANCE)
    if corners is None or len(corners) < 4:
        return nothing
    options = {"winSize": _WINDOW, "maxLevel": _LEVELS}
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, frame, corners, None, **options)  # type: ignore[call-overload]
    back, returned, _ = cv2.calcOpticalFlowPyrLK(frame, before, there, None, **options)  # type: ignore[call-overload]
    off = np.linalg.norm((back - corners).reshape(-1, 2), axis=1)
    kept = (found.ravel() == 1) & (returned.ravel() == 1) & (off < _ROUND_TRIP_PX)
    if kept.sum() < 4:
        return nothing
    old, new = corners.reshape(-1, 2)[kept], there.reshape(-1, 2)[kept]
    cv2.setRNGSeed(0)
    matrix, mask = cv2.findHomography(old, new, cv2.RANSAC, _INLIER_PX)
    if matrix is None:
        return Registration(None, new, np.zeros(len(new), bool))
    result = Registration(matrix, new, mask.ravel() == 1)
    return result if _is_credible(result, *frame.shape) else Registration(None, new, result.inliers)


def _is_credible(found: Registration, height: int, width: int) -> bool:
    if found.inliers.sum() < _LEAST_INLIERS or found.inlier_share < _LEAST_SHARE:
        return False
    stretch = np.linalg.det(found.matrix[:2, :2])
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], float)
    moved = apply_homography(found.matrix, corners)
    far = np.abs(moved - corners) > 0.5 * np.array([width, height])
    return _STRETCH[0] <= stretch <= _STRETCH[1] and np.isfinite(moved).all() and not far.any()


def apply_homography(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return (..., 2) points, x before y, where a (3, 3) matrix sends them."""
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        return mapped[..., :2] / mapped[..., 2:]


def homography_flow(
    matrix: np.ndarray, frame: tuple[int, int], size: tuple[int, int]
) -> np.ndarray:
    """Return the way back that a homography tells, on a map of another size.

    Args:
        matrix: (3, 3) from pixels of the frame before to those of the frame.
        frame: (H, W) of the frames.
        size: (h, w) of the map; centres of pixels stay centres: x' = (x + 0.5) w / W - 0.5.

    Returns:
        (h, w, 2) float32 pixels of the map, x before y.
    """
    ratio = np.array([size[1] / frame[1], size[0] / frame[0]])
    columns, rows = np.meshgrid(np.arange(size[1]), np.arange(size[0]))
    places = np.stack([columns, rows], -1).astype(float)
    earlier = apply_homography(np.linalg.inv(matrix), (places + 0.5) / ratio - 0.5)
    return ((earlier + 0.5) * ratio - 0.5 - places).astype(np.float32)


def classical_flow(before: np.ndarray, frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the way back by dense inverse search (Kroeger et al., ECCV 2016), as above.

    Args:
        before, frame: (H, W) uint8 grey images.
        size: (h, w) of the map.
    """
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
    flow = search.calc(frame, before, None)
    ratio = np.array([size[1] / frame.shape[1], size[0] / frame.shape[0]], np.float32)
    return cv2.resize(flow, size[::-1], interpolation=cv2.INTER_AREA) * ratio


def planar_cells(
    found: Registration, frame: tuple[int, int], grid: int, threshold: float | None
) -> np.ndarray:
    """Return (grid, grid) bool: in which cells of the image the homography holds.

    Yang et al., 2026 (arXiv 2606.09162): the share of inliers among a cell's corners, split at the
    median over cells that have corners. A median sends half of the cells to the flow even over one
    plane; a threshold does not. A cell without corners follows the flow.

    Args:
        found: of the frame.
        frame: (H, W).
        grid: cells a side.
        threshold: share of inliers from which a cell is planar; None for the median.
    """
    scale = grid / np.array([frame[1], frame[0]])
    cells = np.clip(((found.points + 0.5) * scale).astype(int), 0, grid - 1)
    index = cells[:, 1] * grid + cells[:, 0]
    total = np.bincount(index, minlength=grid * grid)
    good = np.bincount(index[found.inliers], minlength=grid * grid)
    share = np.where(total > 0, good / np.maximum(total, 1), np.nan)
    if threshold is not None:
        planar = share >= threshold
    elif total.any():
        planar = share > np.nanmedian(share)
    else:
        planar = np.zeros(grid * grid, bool)
    return planar.reshape(grid, grid)
