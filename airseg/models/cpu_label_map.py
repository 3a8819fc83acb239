"""The label map on a CPU, a row at a time: no tensor of the frame's size but the labels themselves.

A coarse row is stretched to the frame's width once; two such rows, blended, are a row of logits,
whose best class is kept while the next class's row is made. The products are those of
`torch.nn.functional.interpolate` on planes, in its order and fused as it fuses them, so the classes
are the same wherever the two run on the same processor. numba takes half a second to import:
import this where it is needed.
"""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit
from airseg.models.upsampling import Place


def cpu_label_map(
    logits: np.ndarray, height: int, width: int, rows: Place, columns: Place
) -> np.ndarray:
    """Return classes (N, H, W) uint8 of logits (N, C, h, w) float32, of any strides.

    Args:
        logits, height, width: as above.
        rows, columns: where pixels lie between logits; see `airseg.models.upsampling`.
    """
    out = np.empty((len(logits), height, width), np.uint8)
    for each, into in zip(logits, out, strict=True):
        _label(each, into, rows, columns)
    return out


@njit(cache=True, nogil=True, fastmath={"contract"})
def _label(logits: np.ndarray, out: np.ndarray, rows: Place, columns: Place) -> None:
    """Fill (H, W) classes; logits are (C, h, w)."""
    classes, h, w = logits.shape
    height, width = out.shape
    top_rows, _, weights_y = _places(h, height, rows)
    left, right, weights_x = _places(w, width, columns)
    stretched = np.empty((2, classes, width), np.float32)  # even rows, odd rows
    held = np.full(2, -1, np.int64)
    line, best = np.empty(width, np.float32), np.empty(width, np.float32)
    found = np.empty(width, np.int32)  # as wide as a logit, so that both fill a register alike
    for y in range(height):
        above = top_rows[y]
        below = min(above + 1, h - 1)
        for row in (above, below):
            if held[row % 2] != row:
                held[row % 2] = row
                _stretch(logits, row, left, right, weights_x, stretched[row % 2])
        best[:] = -np.inf
        found[:] = 0
        for c in range(classes):
            _blend(stretched[above % 2, c], stretched[below % 2, c], weights_y[y], line)
            _keep_best(line, c, best, found)
        for x in range(width):
            out[y, x] = found[x]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _blend(first: np.ndarray, second: np.ndarray, weight: float, into: np.ndarray) -> None:
    """Fill (W,) with the mean of two rows, by the second's weight."""
    if weight == 0:  # the product with an infinite logit would be no number
        into[:] = first
        return
    rest = np.float32(1) - weight
    for x in range(len(into)):
        into[x] = rest * first[x] + weight * second[x]


@njit(cache=True, nogil=True)
def _keep_best(line: np.ndarray, c: int, best: np.ndarray, found: np.ndarray) -> None:
    """Keep a class where it is the best so far; as argmax: of equals the first, NaN before all."""
    for x in range(len(line)):
        value, before = line[x], best[x]
        better = (value > before) | ((value != value) & (before == before))
        best[x] = value if better else before
        found[x] = np.int32(c) if better else found[x]


@njit(cache=True, nogil=True)
def _places(coarse: int, fine: int, place: Place) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both neighbours of each fine pixel, and the second's weight."""
    scale, shift, offset = np.float32(place[0]), np.float32(place[1]), np.float32(place[2])
    first, second = np.empty(fine, np.int64), np.empty(fine, np.int64)
    weight = np.empty(fine, np.float32)
    for i in range(fine):
        at = max(scale * (np.float32(i) + shift) + offset, np.float32(0))
        first[i] = min(np.int64(at), coarse - 1)  # type: ignore[call-overload]
        second[i] = min(first[i] + 1, coarse - 1)
        weight[i] = min(max(at - np.float32(first[i]), np.float32(0)), np.float32(1))
    return first, second, weight


@njit(cache=True, nogil=True, fastmath={"contract"})
def _stretch(
    logits: np.ndarray,
    row: int,
    left: np.ndarray,
    right: np.ndarray,
    weights: np.ndarray,
    into: np.ndarray,
) -> None:
    """Fill (C, W) with a row of (C, h, w) logits."""
    classes, _, w = logits.shape
    width = into.shape[1]
    for c in range(classes):
        for x in range(width):
            if w == width:
                into[c, x] = logits[c, row, x]
            else:
                rest = np.float32(1) - weights[x]
                into[c, x] = rest * logits[c, row, left[x]] + weights[x] * logits[c, row, right[x]]
