"""How often two label images have each pair of values, in one compiled pass.

NumPy would copy the chosen pixels of both, make a wide integer of each pair and count those: four
images of eight bytes a pixel, where two of one byte are read.
"""

from __future__ import annotations

import numpy as np

from airseg.late_kernels import late_njit


def pair_counts(rows: np.ndarray, columns: np.ndarray, chosen: np.ndarray, size: int) -> np.ndarray:
    """Return (S, S) int64, how often each pair occurs; larger values count as the last.

    Args:
        rows, columns: images of one shape, uint8.
        chosen: the same shape, bool: which pixels count.
        size: S.
    """
    counts = np.zeros((2, size, size), np.int64)
    _count(
        np.ascontiguousarray(rows).ravel(),
        np.ascontiguousarray(columns).ravel(),
        np.ascontiguousarray(chosen).ravel(),
        counts,
    )
    return counts.sum(0)


@late_njit
def _count(rows: np.ndarray, columns: np.ndarray, chosen: np.ndarray, counts: np.ndarray) -> None:
    """Add to two tables in turn: one would wait for its own last write where neighbours agree."""
    last = counts.shape[1] - 1
    for i in range(len(rows)):
        counts[i & 1, min(rows[i], last), min(columns[i], last)] += chosen[i]
