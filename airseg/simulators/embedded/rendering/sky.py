"""The colour of the sky, and the curve from light to what a screen shows."""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit
from airseg.simulators.embedded.rendering.light import CLOUD_DRIFT, EXPOSURE, NIGHT
from airseg.simulators.embedded.rendering.materials import cell_noise, smooth_noise

BLOCK = 64
"""How many pixels of the sky are coloured at once."""

_GAMMA_STEPS = 65535
_GAMMA = (np.linspace(0.0, 1.0, _GAMMA_STEPS + 1) ** 0.4545 * 255.0 + 0.5).astype(np.uint8)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def tone(x):  # noqa: ANN001, ANN201
    """Compress linear light to a display value, uint8 (a filmic curve, then gamma)."""
    x = max(x, 0.0)
    y = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)
    return _GAMMA[int(min(y, 1.0) * _GAMMA_STEPS + 0.5)]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _sky(dx, dy, dz, sx, sy, sz, sr, sg, sb, day, overcast, drift_x, drift_y, night):  # noqa: ANN001, ANN202
    """Return the linear colour of the sky in a unit direction, from single numbers of the light.

    Written without branches that a colour hangs on, so that compilers do several pixels at once.
    """
    up = max(-dz, 0.0)
    horizon = (1.0 - up) ** 4
    r = (0.16 + 0.46 * horizon) * day + 0.004
    g = (0.33 + 0.37 * horizon) * day + 0.006
    b = (0.78 + 0.10 * horizon) * day + 0.016
    toward_sun = max(dx * sx + dy * sy + dz * sz, 0.0)
    halo = toward_sun**24 * 0.25 + toward_sun**400 * 1.2
    r += halo * sr
    g += halo * sg * 0.9
    b += halo * sb * 0.75
    x = dx / (up + 0.12) * 1.1 + drift_x
    y = dy / (up + 0.12) * 1.1 + drift_y
    n = 0.5 * smooth_noise(x + 3.1, y) + 0.27 * smooth_noise(x * 2.3, y * 2.3 + 9.0)
    n += 0.15 * smooth_noise(x * 5.1, y * 5.1) + 0.08 * smooth_noise(x * 11.3, y * 11.3)
    cover = min(max((n - 0.47 + 0.25 * overcast) / 0.24, 0.0), 1.0)
    cover *= min(up * 5.0, 1.0) if up > 0.02 else 0.0
    lit = (0.62 + 0.38 * (1.0 - cover * 0.6)) * day
    r += (0.92 * lit - r) * cover * 0.85
    g += (0.93 * lit - g) * cover * 0.85
    b += (0.97 * lit - b) * cover * 0.85
    if night > 0.0:
        i, j = np.floor(dx / (up + 0.3) * 140.0), np.floor(dy / (up + 0.3) * 140.0)
        shines = cell_noise(i, j) > 0.9965 and up > 0.05
        star = night * 0.35 * cell_noise(i + 7.0, j) if shines else 0.0
        r, g, b = r + star, g + star, b + star
    return r, g, b


@njit(cache=True, nogil=True, error_model="numpy")
def sky_color(dx, dy, dz, light, out):  # noqa: ANN001, ANN201
    """Write the linear colour of the sky in a unit direction; `light` as in `shade_strip`."""
    out[0], out[1], out[2] = _sky(
        dx,
        dy,
        dz,
        light[0],
        light[1],
        light[2],
        light[3],
        light[4],
        light[5],
        light[6],
        light[8],
        light[CLOUD_DRIFT],
        light[CLOUD_DRIFT + 1],
        light[NIGHT],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def color_sky(row, first, last, axes, focal, light, red, green, blue, rgb):  # noqa: ANN001, ANN201
    """Colour pixels `first` to `last` - 1 of a row, which see the sky; the rest is scratch."""
    height, width = rgb.shape[:2]
    sx, sy, sz, sr, sg, sb = light[0], light[1], light[2], light[3], light[4], light[5]
    day, overcast, night, exposure = light[6], light[8], light[NIGHT], light[EXPOSURE]
    drift_x, drift_y = light[CLOUD_DRIFT], light[CLOUD_DRIFT + 1]
    haze_r, haze_g, haze_b = light[9] * day, light[10] * day, light[11] * day
    thickness = min(light[7] * 900.0, 1.0)
    right_x, right_y, right_z = axes[0, 0], axes[0, 1], axes[0, 2]
    cy = (row + 0.5 - 0.5 * height) / focal
    base_x = axes[1, 0] * cy
    base_y = axes[1, 1] * cy
    base_z = axes[1, 2] * cy
    ahead_x, ahead_y, ahead_z = axes[2, 0], axes[2, 1], axes[2, 2]
    for start in range(first, last, BLOCK):
        for i in range(BLOCK):  # a whole block always: what lies beyond `last` is not used
            cx = (start + i + 0.5 - 0.5 * width) / focal
            dx = right_x * cx + base_x + ahead_x
            dy = right_y * cx + base_y + ahead_y
            dz = right_z * cx + base_z + ahead_z
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx / length, dy / length, dz / length
            r, g, b = _sky(
                dx, dy, dz, sx, sy, sz, sr, sg, sb, day, overcast, drift_x, drift_y, night
            )
            thick = thickness * (1.0 - 0.6 * max(-dz, 0.0))
            red[i] = (r + (haze_r - r) * thick) * exposure
            green[i] = (g + (haze_g - g) * thick) * exposure
            blue[i] = (b + (haze_b - b) * thick) * exposure
        for i in range(min(BLOCK, last - start)):
            rgb[row, start + i, 0] = tone(red[i])
            rgb[row, start + i, 1] = tone(green[i])
            rgb[row, start + i, 2] = tone(blue[i])
