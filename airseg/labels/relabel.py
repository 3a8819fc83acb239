"""Replace raw ids by labels, and count raw ids, one frame at a time.

A 256-entry table through OpenCV's `LUT` measured 0.06 to 0.3 ms for a 640x480 frame, against 7 to
15 ms for the usual loop of `isin` and `where` over the classes.
"""

from __future__ import annotations

import cv2
import numpy as np

_EXACT_IN_FLOAT32 = 1 << 24
"""Largest count that OpenCV's float histogram holds exactly."""


def apply_table(raw_ids: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return the label of every pixel.

    Args:
        raw_ids: (H, W) uint8.
        table: (256,) uint8, label by raw id.

    Returns:
        (H, W) uint8, freshly allocated.

    Raises:
        ValueError: other shapes or types; a wider integer would be cut off silently.
    """
    if raw_ids.dtype != np.uint8 or raw_ids.ndim != 2:
        raise ValueError(f"expected (H, W) uint8 raw ids, found {raw_ids.shape} {raw_ids.dtype}")
    if table.dtype != np.uint8 or table.shape != (256,):
        raise ValueError(f"expected a (256,) uint8 table, found {table.shape} {table.dtype}")
    return cv2.LUT(raw_ids, table)


def count_ids(raw_ids: np.ndarray) -> np.ndarray:
    """Return how many pixels each raw id has.

    Args:
        raw_ids: (H, W) uint8.

    Returns:
        (256,) int64.
    """
    if raw_ids.size > _EXACT_IN_FLOAT32:
        return np.bincount(raw_ids.ravel(), minlength=256)
    histogram = cv2.calcHist([raw_ids], [0], None, [256], [0, 256])
    return histogram.ravel().astype(np.int64)  # (256, 1) before OpenCV 5, (256,) since


def count_labels(id_pixels: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return how many pixels each label has, from the counts of the raw ids.

    Args:
        id_pixels: (256,) int64, pixels by raw id.
        table: (256,) uint8, label by raw id.

    Returns:
        (256,) int64, pixels by label.
    """
    pixels = np.zeros(256, np.int64)
    np.add.at(pixels, table, id_pixels)
    return pixels
