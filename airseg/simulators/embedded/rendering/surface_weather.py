"""What rain, snow and leaves make of the surfaces that they lie on."""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit
from airseg.simulators.embedded.rendering.light import HAZE_COLOR, LEAF_COVER, SNOW_COVER
from airseg.simulators.embedded.rendering.light import WET as WET_GROUND
from airseg.simulators.embedded.rendering.materials import (
    CROSSING,
    LAWN,
    PAVING,
    STREET,
    WATER,
    cell_noise,
    fade,
    smooth_noise,
)
from airseg.simulators.embedded.rendering.runs import (
    DOWN,
    EAST,
    FOOTPRINT,
    NORTH,
    NZ,
    SLANT,
    WET,
    B,
    G,
    R,
)


@njit(cache=True, nogil=True, error_model="numpy")
def _weathered(r, g, b, px, py, pz, nz, material, footprint, light, is_round):  # noqa: ANN001, ANN202
    """Return an albedo under rain, snow and leaves, and how much the surface mirrors."""
    wet = 0.0
    flat = material <= PAVING
    if light[WET_GROUND] > 0.0 and nz < -0.6:
        pool = smooth_noise(px * 0.23, py * 0.23) if flat else 0.3
        wet = light[WET_GROUND] * min(max(1.6 * pool - 0.15, 0.12), 1.0)
        if material == LAWN or is_round:
            wet *= 0.15
        dark = 1.0 - 0.45 * light[WET_GROUND]
        r, g, b = r * dark, g * dark, b * dark
    if light[LEAF_COVER] > 0.0 and flat and nz < -0.6:
        i, j = np.floor(px * 9.0), np.floor(py * 9.0)
        # Each cell holds at most one leaf, an ellipse somewhere within it.
        along = px * 9.0 - i - 0.5 + 0.4 * (cell_noise(i + 3.0, j) - 0.5)
        across = py * 9.0 - j - 0.5 + 0.4 * (cell_noise(i, j + 3.0) - 0.5)
        turn = 6.28318 * cell_noise(i + 17.0, j)
        c, s = np.cos(turn), np.sin(turn)
        lying = (c * along + s * across) ** 2 / 0.14 + (c * across - s * along) ** 2 / 0.045 < 1.0
        near = fade(0.13, footprint)
        share = light[LEAF_COVER] * (0.15 + 1.1 * smooth_noise(px * 0.3, py * 0.3))
        shown = (1.0 if lying and cell_noise(i, j) < share else 0.0) * near
        shown += 0.22 * share * (1.0 - near)
        hue = cell_noise(i + 5.0, j + 9.0)
        r += (0.22 + 0.25 * hue - r) * shown
        g += (0.07 + 0.13 * hue - g) * shown
        b += (0.03 - b) * shown
    if light[SNOW_COVER] > 0.0:
        lies = min(max((-nz - 0.25) * 2.2, 0.0), 1.0)
        patch = 0.6 * smooth_noise(px * 0.7, py * 0.7) + 0.4 * smooth_noise(px * 3.0, py * 3.0)
        cover = min(max((light[SNOW_COVER] * 1.5 - patch) * 3.0, 0.0), 1.0) * lies
        if material == STREET or material == CROSSING:
            cover *= 0.75  # driven on
        if material == WATER:
            cover = 0.0
        r, g, b = r + (0.8 - r) * cover, g + (0.83 - g) * cover, b + (0.88 - b) * cover
        wet *= 1.0 - cover
    return r, g, b, wet


@njit(cache=True, nogil=True, error_model="numpy")
def weather_run(n, material, is_round, light, s):  # noqa: ANN001, ANN201
    """Let rain, snow and leaves change the albedo of a run, and write `WET`."""
    for k in range(n):
        s[R + k], s[G + k], s[B + k], s[WET + k] = _weathered(
            s[R + k],
            s[G + k],
            s[B + k],
            s[NORTH + k],
            s[EAST + k],
            s[DOWN + k],
            s[NZ + k],
            material,
            s[FOOTPRINT + k],
            light,
            is_round,
        )


@njit(cache=True, nogil=True, error_model="numpy")
def wet_run(n, light, s):  # noqa: ANN001, ANN201
    """Let wet surfaces mirror the haze."""
    for k in range(n):
        mirror = (1.0 - min(s[SLANT + k], 1.0)) ** 4
        strength = s[WET + k] * (0.06 + 0.6 * mirror)
        s[R + k] += (light[HAZE_COLOR] * light[6] - s[R + k]) * strength
        s[G + k] += (light[HAZE_COLOR + 1] * light[6] - s[G + k]) * strength
        s[B + k] += (light[HAZE_COLOR + 2] * light[6] - s[B + k]) * strength
