"""Frames of a dataset at the size networks see them, kept in memory as far as they fit."""

from __future__ import annotations

import os
import threading
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from airseg.bench.metrics.motion import focal_length, motion_from_depth
from airseg.dataset.reading import Dataset
from airseg.errors import RecipeError

_LEAST_CACHE_BYTES = 3 * 1024**3
_READ_AT_ONCE = 16


class FrameSource(Protocol):
    """Anything that has frames by sequence and number."""

    def frames(self, sequence: str, index: range) -> tuple[np.ndarray, np.ndarray]:
        """Return (T, h, w, 3) uint8 RGB and (T, h, w) uint8 labels of some frames."""

    def flow(self, sequence: str, index: range) -> np.ndarray:
        """Return (T, 2, h, w) float32 exact flow from each of some frames to the one before.

        Raises:
            RecipeError: the source has none.
        """


class FrameStore:
    """Frames at training resolution, kept in memory as far as they fit.

    Args:
        dataset: where they come from.
        height, width: size while training.
    """

    def __init__(self, dataset: Dataset, height: int, width: int) -> None:
        self._dataset, self.size = dataset, (height, width)
        self._kept: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._bytes = 0
        self._lock = threading.Lock()
        self._limit = _cache_bytes()

    def frames(self, sequence: str, index: range) -> tuple[np.ndarray, np.ndarray]:
        """Return (T, h, w, 3) uint8 RGB and (T, h, w) uint8 labels of some frames."""
        if not self._keep(sequence):
            return self._read(sequence, index)
        rgb, labels = self._kept[sequence]
        chosen = slice(index.start, index.stop, index.step)
        return rgb[chosen], labels[chosen]

    def flow(self, sequence: str, index: range) -> np.ndarray:
        """Return (T, 2, h, w) float32 exact flow from each of some frames to the one before.

        In pixels of the size while training, x before y; NaN where a point was not seen, and all
        over the first frame. From depth and poses, so it holds for what stands still.

        Raises:
            RecipeError: the dataset has no depth, or no camera.
        """
        view = self._dataset.sequence(sequence)
        focal = focal_length(view.details.get("camera", {}), view.width)
        if not view.has_depth or focal is None:
            raise RecipeError(
                f"{sequence}: exact flow is made of depth, poses and a camera, and it lacks some. "
                "Record with depth, and relabel without --no-depth."
            )
        found = np.full((len(index), 2, *self.size), np.nan, np.float32)
        depth = view.depth(index.start, index[-1] + 1, index.step)
        for i in range(1, len(index)):
            now, before = index[i], index[i - 1]
            motion = motion_from_depth(
                depth[i], depth[i - 1], view.poses[now], view.poses[before], focal
            )
            found[i] = motion.flow(self.size)
        return found

    def _keep(self, sequence: str) -> bool:
        """Read a whole sequence where it fits; return whether it is kept."""
        with self._lock:  # threads that read ahead must not read one twice
            if sequence not in self._kept:
                length = self._dataset.sequence(sequence).length
                needed = length * self.size[0] * self.size[1] * 4
                if self._bytes + needed > self._limit:
                    return False
                self._kept[sequence] = self._read(sequence, range(length))
                self._bytes += needed
            return True

    def _read(self, sequence: str, index: range) -> tuple[np.ndarray, np.ndarray]:
        view = self._dataset.sequence(sequence)
        rgb = np.empty((len(index), *self.size, 3), np.uint8)
        labels = np.empty((len(index), *self.size), np.uint8)
        for first in range(0, len(index), _READ_AT_ONCE):
            part = index[first : first + _READ_AT_ONCE]
            frames = view.rgb(part.start, part[-1] + 1, part.step)
            truth = view.label(part.start, part[-1] + 1, part.step)
            for i, (frame, label) in enumerate(zip(frames, truth, strict=True)):
                rgb[first + i] = resize_frame(frame, self.size)
                labels[first + i] = cv2.resize(  # the middle pixel, where the picture's mean lies
                    label, self.size[::-1], interpolation=cv2.INTER_NEAREST_EXACT
                )
        return rgb, labels


def _cache_bytes() -> int:
    """Return how much to keep in memory: a quarter of the machine's, where it says."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        machine = 0
    return max(machine // 4, _LEAST_CACHE_BYTES)


def resize_frame(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an (H, W, 3) uint8 frame at another (height, width)."""
    if frame.shape[:2] == size:
        return frame
    method = cv2.INTER_AREA if size[0] < frame.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(frame, size[::-1], interpolation=method)


def to_model(frames: np.ndarray) -> Tensor:
    """Return (..., 3, H, W) float from 0 to 1 of (..., H, W, 3) uint8 frames."""
    return torch.from_numpy(np.moveaxis(frames, -1, -3).astype(np.float32) / 255.0)
