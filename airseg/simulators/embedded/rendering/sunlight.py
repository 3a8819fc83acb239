"""How much light of the sun and of street lamps reaches the pixels of a run."""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit
from airseg.simulators.embedded.rendering.light import CLOUD_DRIFT
from airseg.simulators.embedded.rendering.materials import smooth_noise
from airseg.simulators.embedded.rendering.runs import (
    CLOUDS,
    DOWN,
    EAST,
    LAMPS,
    NORTH,
    NX,
    NY,
    NZ,
    SUN,
)


@njit(cache=True, nogil=True, error_model="numpy")
def _shadow(shadow_map, shadow_frame, px, py, pz, slope):  # noqa: ANN001, ANN202
    """Return how much sun reaches a spot, 0 to 1, from a 3x3 neighbourhood of the map.

    `shadow_frame` holds rows right, down, away, then the map's middle and its pixels per metre.
    """
    x = px - shadow_frame[3, 0]
    y = py - shadow_frame[3, 1]
    z = pz - shadow_frame[3, 2]
    scale = shadow_frame[4, 0]
    size = shadow_map.shape[0]
    right = shadow_frame[0, 0] * x + shadow_frame[0, 1] * y + shadow_frame[0, 2] * z
    down = shadow_frame[1, 0] * x + shadow_frame[1, 1] * y + shadow_frame[1, 2] * z
    away = shadow_frame[2, 0] * x + shadow_frame[2, 1] * y + shadow_frame[2, 2] * z
    column = int(np.floor(0.5 * size + scale * right))
    row = int(np.floor(0.5 * size + scale * down))
    if column < 1 or row < 1 or column >= size - 1 or row >= size - 1:
        return 1.0  # outside the map, or nothing moves
    bias = (0.6 + 2.2 * slope) / scale
    limit = 10000.0 - away + bias
    lit = 0
    for j in range(-1, 2):
        for i in range(-1, 2):
            # Unsigned, because compilers look after negative indices otherwise.
            if shadow_map[np.uint64(row + j), np.uint64(column + i)] <= limit:
                lit += 1
    return lit / 9.0


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _clouds_shadow(px, py, drift_x, drift_y):  # noqa: ANN001, ANN202
    """Return how much sun drifting clouds let through to a place, 0.25 to 1."""
    x = px * 0.013 + 6.0 * drift_x
    y = py * 0.013 + 6.0 * drift_y
    n = 0.65 * smooth_noise(x, y) + 0.35 * smooth_noise(2.3 * x + 5.0, 2.3 * y)
    return 1.0 - 0.75 * min(max((n - 0.5) * 5.0, 0.0), 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _lamp_light(lamps, frame, px, py, pz, nz):  # noqa: ANN001, ANN202
    """Return how strongly street lamps light a spot."""
    x, y = (px - frame[0]) / frame[2], (py - frame[1]) / frame[2]
    i, j = int(np.floor(x)), int(np.floor(y))
    if i < 0 or j < 0 or i >= lamps.shape[0] - 1 or j >= lamps.shape[1] - 1:
        return 0.0
    fx, fy = x - i, y - j
    low = lamps[i, j] * (1 - fy) + lamps[i, j + 1] * fy
    high = lamps[i + 1, j] * (1 - fy) + lamps[i + 1, j + 1] * fy
    height = max(-pz, 0.0)
    above = max(1.0 - height / 7.5, 0.0)  # lamps shine down
    return (low * (1 - fx) + high * fx) * above * (0.45 - 0.55 * min(nz, 0.0))


@njit(cache=True, nogil=True, error_model="numpy")
def sun_run(n, light, shadow_map, shadow_frame, moving_map, moving_frame, s):  # noqa: ANN001, ANN201
    """Write `SUN`, from 0 to 1, of a run's pixels; arguments as in `shading.shade_strip`."""
    drift_x, drift_y = light[CLOUD_DRIFT], light[CLOUD_DRIFT + 1]
    for k in range(n):
        s[CLOUDS + k] = _clouds_shadow(s[NORTH + k], s[EAST + k], drift_x, drift_y)
    for k in range(n):
        toward = s[NX + k] * light[0] + s[NY + k] * light[1] + s[NZ + k] * light[2]
        sun = 0.0
        if toward > 0.0:
            px, py, pz = s[NORTH + k], s[EAST + k], s[DOWN + k]
            slope = min(np.sqrt(1.0 - min(toward * toward, 1.0)) / max(toward, 0.05), 4.0)
            sun = toward * _shadow(shadow_map, shadow_frame, px, py, pz, slope)
            if sun > 0.0:
                sun *= _shadow(moving_map, moving_frame, px, py, pz, slope)
            sun *= s[CLOUDS + k]
        s[SUN + k] = sun


@njit(cache=True, nogil=True, error_model="numpy")
def lamp_run(n, lamps, lamp_frame, s):  # noqa: ANN001, ANN201
    """Write `LAMPS` of a run's pixels; arguments as in `shading.shade_strip`."""
    for k in range(n):
        s[LAMPS + k] = _lamp_light(
            lamps, lamp_frame, s[NORTH + k], s[EAST + k], s[DOWN + k], s[NZ + k]
        )
