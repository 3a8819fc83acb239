"""What is in a sequence: how much of which class, and how it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from airseg.labels.relabel import count_ids
from airseg.recording.stored.frame_table import POSE_COLUMNS
from airseg.recording.stored.storage import Recording

_READERS = 2


@dataclass(frozen=True)
class MotionStatistics:
    """How the camera moves.

    Attributes:
        duration_s: simulator time from the first frame to the last.
        length_m: of the way.
        mean_speed_mps, top_speed_mps: of the camera, from its positions.
        mean_yaw_rate_dps, top_yaw_rate_dps: how fast it turns, in absolute value.
        lowest_m, highest_m: height above the start of the world, up positive.
    """

    duration_s: float
    length_m: float
    mean_speed_mps: float
    top_speed_mps: float
    mean_yaw_rate_dps: float
    top_yaw_rate_dps: float
    lowest_m: float
    highest_m: float


def motion_statistics(poses: np.ndarray, timestamps_ns: np.ndarray) -> MotionStatistics:
    """Return how a camera moves.

    Args:
        poses: (T, 7) NED metres and quaternion w x y z, T >= 1.
        timestamps_ns: (T,) int64.
    """
    up = -poses[:, 2]
    seconds = np.maximum(np.diff(timestamps_ns) / 1e9, 1e-9)
    if not len(seconds):
        return MotionStatistics(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, float(up.min()), float(up.max()))
    way = np.linalg.norm(np.diff(poses[:, :3], axis=0), axis=1)
    yaw = np.unwrap(headings(poses))
    turning = np.abs(np.degrees(np.diff(yaw))) / seconds
    total = float(seconds.sum())
    return MotionStatistics(
        total,
        float(way.sum()),
        float(way.sum() / total),
        float((way / seconds).max()),
        float((turning * seconds).sum() / total),
        float(turning.max()),
        float(up.min()),
        float(up.max()),
    )


def headings(poses: np.ndarray) -> np.ndarray:
    """Return (T,) yaw in radians of (T, 7) poses."""
    w, x, y, z = poses[:, 3:].T
    return np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


def recording_motion(recording: Recording) -> MotionStatistics | None:
    """Return how a recording's camera moves; None where it has no frames."""
    if not len(recording):
        return None
    poses = recording.frames[list(POSE_COLUMNS)].to_numpy()
    return motion_statistics(poses, recording.frames["timestamp_ns"].to_numpy())


def recording_id_pixels(
    recording: Recording, every: int, progress: Callable[[int, int], None]
) -> np.ndarray:
    """Return (256,) int64: pixels of each id over every `every`-th frame."""
    indices = range(0, len(recording), every)
    with ThreadPoolExecutor(_READERS) as pool:
        images = pool.map(recording.read_ids, indices)
        return _sum_counts(images, len(indices), progress)


def _sum_counts(
    images: Iterable[np.ndarray], total: int, progress: Callable[[int, int], None]
) -> np.ndarray:
    pixels = np.zeros(256, np.int64)
    for done, image in enumerate(images, 1):
        pixels += count_ids(image)
        progress(done, total)
    return pixels
