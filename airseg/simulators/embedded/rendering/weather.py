"""What falls through the air between the camera and the world: rain, snow and leaves.

Each drop or flake is a function of simulator time alone, so that the same instant always looks the
same. Labels and depth are those of the world behind.
"""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit
from airseg.simulators.embedded.clock import START_NS
from airseg.simulators.embedded.rendering.light import Atmosphere
from airseg.simulators.embedded.rendering.materials import cell_noise

_PER_PIXEL = {"rain": 2600 / 307_200, "snow": 2400 / 307_200, "leaves": 90 / 307_200}


def fall(rgb: np.ndarray, planar: np.ndarray, atmosphere: Atmosphere, time_ns: int) -> None:
    """Draw rain, snow and leaves into a colour image.

    Args:
        rgb: (H, W, 3) uint8, changed in place.
        planar: (H, W) float32 metres; nothing falls in front of what is nearer than it.
        atmosphere: how much of each there is.
        time_ns: simulator time.
    """
    seconds = (time_ns - START_NS) / 1e9
    pixels = planar.size
    if atmosphere.rain > 0:
        count = int(_PER_PIXEL["rain"] * pixels * atmosphere.rain)
        _rain(rgb, planar, count, seconds)
    if atmosphere.snow > 0:
        count = int(_PER_PIXEL["snow"] * pixels * atmosphere.snow)
        _flakes(rgb, planar, count, seconds, 0.9, 0.11, np.array([236.0, 240.0, 246.0]), 0.0)
    if atmosphere.falling_leaves > 0:
        count = int(_PER_PIXEL["leaves"] * pixels * atmosphere.falling_leaves)
        _flakes(rgb, planar, count, seconds, 1.3, 0.35, np.array([176.0, 92.0, 30.0]), 60.0)


@njit(cache=True, nogil=True)
def _rain(rgb, planar, count, seconds):  # noqa: ANN001, ANN202
    """Draw streaks; near ones are longer, fainter and faster across the image."""
    height, width = planar.shape
    for n in range(count):
        distance = 1.0 + 14.0 * cell_noise(n, 1)
        speed = height * 9.0 / distance
        x = cell_noise(n, 2) * width * 1.2 - 0.1 * width
        y = cell_noise(n, 3) * height + speed * seconds
        turn = np.floor(y / height)
        y -= turn * height
        x = (x + cell_noise(n, int(turn) + 11) * width) % width
        length = height * 0.32 / distance
        alpha = 0.10 + 0.16 * cell_noise(n, 4)
        steps = int(length) + 1
        for s in range(steps):
            row, column = int(y + s), int(x - 0.12 * s)
            if row < 0 or row >= height or column < 0 or column >= width:
                continue
            if planar[row, column] < distance:
                continue
            fading = alpha * min(1.0, 2.0 * (1.0 - abs(2.0 * s / steps - 1.0)))
            for c in range(3):
                value = np.float64(rgb[row, column, c])
                rgb[row, column, c] = np.uint8(value + (205.0 - value) * fading)


@njit(cache=True, nogil=True)
def _flakes(rgb, planar, count, seconds, speed_mps, size_m, color, spread):  # noqa: ANN001, ANN202
    """Draw soft discs that sway as they fall."""
    height, width = planar.shape
    for n in range(count):
        distance = 1.5 + 22.0 * cell_noise(n, 21)
        scale = 0.5 * width / distance
        y = (
            cell_noise(n, 22) * height
            + speed_mps * (0.7 + 0.6 * cell_noise(n, 23)) * scale * seconds
        )
        turn = np.floor(y / height)
        y -= turn * height
        x = cell_noise(n, int(turn) + 31) * width
        x += np.sin(seconds * 1.7 + 6.28 * cell_noise(n, 24)) * 0.12 * scale
        radius = max(size_m * 0.22 * scale, 0.6)
        radius = min(radius, 0.02 * width)
        tone = (cell_noise(n, 25) - 0.5) * spread
        for row in range(max(int(y - radius), 0), min(int(y + radius) + 2, height)):
            for column in range(max(int(x - radius), 0), min(int(x + radius) + 2, width)):
                dx, dy = column - x, row - y
                inside = 1.2 - (dx * dx + dy * dy) / (radius * radius)
                if inside <= 0.0 or planar[row, column] < distance:
                    continue
                alpha = 0.85 * min(inside, 1.0)
                for c in range(3):
                    value = np.float64(rgb[row, column, c])
                    goal = min(max(color[c] + tone, 0.0), 255.0)
                    rgb[row, column, c] = np.uint8(value + (goal - value) * alpha)
