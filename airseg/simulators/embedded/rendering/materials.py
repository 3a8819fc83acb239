"""The names of materials, and the noise that their textures are made of.

All noise is integer hashing, so that every machine computes the same.
"""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit

(
    LAWN,
    STREET,
    CROSSING,
    PAVING,
    BRICK,
    PLASTER,
    BOARDS,
    TILES,
    SHINGLES,
    PLANKS,
    LEAVES,
    NEEDLES,
    BARK,
    STONE_WALL,
    ROCK,
    WATER,
    PAINT,
    GLASS,
    PLAIN,
    FLOWERS,
    BIRCH_BARK,
    LAMP,
    LANE,
    ZEBRA,
    COBBLES,
    FLAGSTONES,
    GRAVEL,
    SAND,
    FOREST_FLOOR,
    STUCCO,
    LOGS,
    METAL_ROOF,
    CANVAS,
    FROND,
) = range(34)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def cell_noise(ix, iy):  # noqa: ANN001, ANN201
    """Return a value from 0 to 1 that belongs to an integer cell."""
    # 32 bits all through, so that compilers can hash several pixels at once.
    h = np.uint32(np.uint32(np.int32(ix)) * np.uint32(374761393))
    h = np.uint32(h + np.uint32(np.uint32(np.int32(iy)) * np.uint32(668265263)))
    h = np.uint32(np.uint32(h ^ np.uint32(h >> np.uint32(13))) * np.uint32(1274126177))
    h = np.uint32(h ^ np.uint32(h >> np.uint32(16)))
    return np.float64(np.int32(np.uint32(h >> np.uint32(8)))) * (1.0 / 16777216.0)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def smooth_noise(x, y):  # noqa: ANN001, ANN201
    """Return noise from 0 to 1 that varies smoothly over about one unit."""
    fx, fy = np.floor(x), np.floor(y)
    ix, iy = np.int32(fx), np.int32(fy)
    tx, ty = x - fx, y - fy
    tx = tx * tx * (3.0 - 2.0 * tx)
    ty = ty * ty * (3.0 - 2.0 * ty)
    a, b = cell_noise(ix, iy), cell_noise(ix + 1, iy)
    c, d = cell_noise(ix, iy + 1), cell_noise(ix + 1, iy + 1)
    return a + (b - a) * tx + (c - a) * ty + (a - b - c + d) * tx * ty


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def fade(detail, footprint):  # noqa: ANN001, ANN201
    """Return how visible (0 to 1) a detail of a size is to pixels of a footprint, both metres."""
    return min(max(1.6 - 2.2 * footprint / detail, 0.0), 1.0)
