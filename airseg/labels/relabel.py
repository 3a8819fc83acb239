"""Replace raw ids by labels, and count raw ids, one frame at a time.

A 256-entry table through OpenCV's `LUT` measured 0.06 to 0.3 ms for a 640x480 frame, against 7 to
15 ms for the usual loop of `isin` and `where` over the classes; counting eight ids at a time 0.12
ms, against 0.30 ms for OpenCV's histogram and 0.60 ms for NumPy's.
"""

from __future__ import annotations

import cv2
import numpy as np

from airseg.late_kernels import late_njit


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
    flat = np.ascontiguousarray(raw_ids).reshape(-1)
    whole = flat.size // 8 * 8
    counts = _count_eights(flat[:whole].view(np.uint64), flat)
    return counts + np.bincount(flat[whole:], minlength=256)


@late_njit
def _count_eights(eights: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Count ids eight at a time; most neighbours are the same, and then eight cost as one."""
    counts = np.zeros(256, np.int64)
    for i in range(eights.size):
        first = eights[i] & np.uint64(0xFF)
        if eights[i] == first * np.uint64(0x0101010101010101):
            counts[first] += 8
        else:
            for k in range(8 * i, 8 * i + 8):
                counts[ids[k]] += 1
    return counts


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
