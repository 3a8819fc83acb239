"""Which parts stand wholly behind what is drawn already, so that their triangles cost nothing.

Of the parts within a view of a town, one in fifteen is seen. Parts are drawn from near to far.
Tiles sum up the depth buffer (the farthest that any pixel of a tile sees), and a part whose box
lies behind all tiles that it touches is left out. The test errs on the side of drawing, so that
every pixel is what it would be without it. It is Greene, Kass and Miller, "Hierarchical Z-buffer
visibility", SIGGRAPH 1993, with one level, and tiles that are summed up when they are asked for.
"""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit

TILE = 8
"""Pixels a side."""

_SLACK_M = 0.002
"""By how much boxes are taken to be larger than they are: more than float32 vertices can be off."""

_UNKNOWN = np.float32(-1.0)
"""In place of a tile's sum, when its pixels have changed since."""


@njit(cache=True, nogil=True, error_model="numpy")
def bound_parts(  # noqa: ANN201
    order,  # noqa: ANN001
    origin,  # noqa: ANN001
    part_axes,  # noqa: ANN001
    size,  # noqa: ANN001
    low,  # noqa: ANN001
    high,  # noqa: ANN001
    eye,  # noqa: ANN001
    axes,  # noqa: ANN001
    focal,  # noqa: ANN001
    width,  # noqa: ANN001
    height,  # noqa: ANN001
    bounds,  # noqa: ANN001
    nearest,  # noqa: ANN001
):
    """Tell where on the screen parts may be.

    Args:
        order: (n,) part numbers.
        origin, part_axes, size, low, high: boxes of all parts, see `world.Geometry`.
        eye: (3,) camera position; axes: (3, 3) rows right, down, forward; focal: pixels.
        width, height: pixels.
        bounds: (n, 4) int32 output, first and last column, first and last row; they are those of
            the whole screen where a part reaches behind the camera.
        nearest: (n,) float64 output, the greatest 1/z.
    """
    corner = np.empty(3)
    edges = np.empty((3, 3))
    for n in range(order.shape[0]):
        p = order[n]
        for k in range(3):
            corner[k] = 0.0
            for j in range(3):
                corner[k] += axes[k, j] * (origin[p, j] - eye[j])
        near = -_SLACK_M
        for i in range(3):
            for k in range(3):
                edges[i, k] = 0.0
                for j in range(3):
                    edges[i, k] += axes[k, j] * part_axes[p, i, j]
                edges[i, k] *= size[p, i]
                corner[k] += low[p, i] * edges[i, k]
                edges[i, k] *= high[p, i] - low[p, i]
            near += min(edges[i, 2], 0.0)
        near += corner[2]
        bounds[n, 0], bounds[n, 1] = 0, width - 1
        bounds[n, 2], bounds[n, 3] = 0, height - 1
        nearest[n] = np.inf
        if near <= 0.01:
            continue
        nearest[n] = 1.0 / near
        left, right, top, bottom = 1e30, -1e30, 1e30, -1e30
        for which in range(8):
            a, b, c = float(which & 1), float((which >> 1) & 1), float(which >> 2)
            x = corner[0] + a * edges[0, 0] + b * edges[1, 0] + c * edges[2, 0]
            y = corner[1] + a * edges[0, 1] + b * edges[1, 1] + c * edges[2, 1]
            scale = focal / (corner[2] + a * edges[0, 2] + b * edges[1, 2] + c * edges[2, 2])
            slack = 0.51 + _SLACK_M * scale
            left, right = min(left, x * scale - slack), max(right, x * scale + slack)
            top, bottom = min(top, y * scale - slack), max(bottom, y * scale + slack)
        bounds[n, 0] = int(min(max(left + 0.5 * width, 0.0), width - 1.0))
        bounds[n, 1] = int(min(max(right + 0.5 * width, 0.0), width - 1.0))
        bounds[n, 2] = int(min(max(top + 0.5 * height, 0.0), height - 1.0))
        bounds[n, 3] = int(min(max(bottom + 0.5 * height, 0.0), height - 1.0))


@njit(cache=True, nogil=True)
def is_hidden(bound, nearest, top, bottom, depth, tiles):  # noqa: ANN001, ANN201
    """Tell whether a part cannot change a pixel of rows `top` to `bottom` - 1.

    Args:
        bound, nearest: (4,) and a number, as `bound_parts` wrote them.
        top, bottom: the rows that `tiles` belong to.
        depth: (H, W) float32 of 1/z, 0 where nothing is.
        tiles: (ceil(rows / 8), ceil(W / 8)) float32; what is unknown is summed up.
    """
    last = (min(bound[3], bottom - 1) - top) // TILE
    for j in range((max(bound[2], top) - top) // TILE, last + 1):
        for i in range(bound[0] // TILE, bound[1] // TILE + 1):
            if tiles[j, i] == _UNKNOWN:
                least = np.float32(1e30)
                for y in range(top + j * TILE, min(top + (j + 1) * TILE, bottom)):
                    for x in range(i * TILE, min((i + 1) * TILE, depth.shape[1])):
                        least = min(least, depth[y, x])
                tiles[j, i] = least
            if tiles[j, i] < nearest:
                return False
    return True


@njit(cache=True, nogil=True)
def forget_tiles(bound, top, bottom, tiles):  # noqa: ANN001, ANN201
    """Take note that a part was drawn: its tiles must be summed up again."""
    last = (min(bound[3], bottom - 1) - top) // TILE
    for j in range((max(bound[2], top) - top) // TILE, last + 1):
        for i in range(bound[0] // TILE, bound[1] // TILE + 1):
            tiles[j, i] = _UNKNOWN
