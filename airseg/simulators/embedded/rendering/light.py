"""Light and weather: from what the API sets to the numbers that the shading kernel reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.simulators.embedded.clock import START_NS

AFTERNOON_SUN = (0.42, -0.50, -0.757)
"""Direction to the sun, North-East-Down, of a clear afternoon."""

# Where each number stands in the vector of light.
SUN, SUN_COLOR, DAY, HAZE, OVERCAST, HAZE_COLOR = 0, 3, 6, 7, 8, 9
WET, SNOW_COVER, LEAF_COVER, CLOUD_DRIFT, NIGHT, EXPOSURE = 12, 13, 14, 15, 17, 18
LIGHT_SIZE = 19

_CLOUD_SPEED_PER_S = 0.004


@dataclass(frozen=True)
class Atmosphere:
    """Weather and light; all but the sun from 0 to 1, as `simSetWeatherParameter` takes them.

    Attributes:
        fog, rain, snow, dust, falling_leaves: in the air.
        wetness, snow_cover, leaf_cover: on the ground.
        sun_direction: towards the sun, NED; z is negative while the sun is up.
        sun_brightness: 1 as built.
    """

    fog: float = 0.0
    rain: float = 0.0
    snow: float = 0.0
    dust: float = 0.0
    falling_leaves: float = 0.0
    wetness: float = 0.0
    snow_cover: float = 0.0
    leaf_cover: float = 0.0
    sun_direction: tuple[float, float, float] = AFTERNOON_SUN
    sun_brightness: float = 1.0


CLEAR = Atmosphere()


def light_vector(atmosphere: Atmosphere, time_ns: int, exposure: float = 1.0) -> np.ndarray:
    """Return the (19,) float64 light of `shading.shade`.

    Args:
        atmosphere: weather and sun.
        time_ns: simulator time; clouds drift with it.
        exposure: factor on all light before the tone curve.
    """
    sun = np.array(atmosphere.sun_direction, float)
    sun /= np.linalg.norm(sun) or 1.0
    up = float(-sun[2])
    day = float(np.clip((up + 0.12) / 0.4, 0.03, 1.0))
    strength = float(np.clip(up / 0.15, 0.0, 1.0)) * atmosphere.sun_brightness
    warmth = float(np.clip(1.0 - up / 0.45, 0.0, 1.0))
    overcast = float(np.clip(atmosphere.rain + 0.8 * atmosphere.snow + atmosphere.fog, 0.0, 1.0))
    haze = 0.0009 + 0.035 * atmosphere.fog**1.5 + 0.006 * atmosphere.rain
    haze += 0.010 * atmosphere.snow + 0.02 * atmosphere.dust
    tint = np.array([0.56, 0.66, 0.82]) * (1 - overcast) + np.array([0.62, 0.64, 0.66]) * overcast
    # A low sun warms the haze.
    tint *= 1.0 + np.array([0.25, 0.02, -0.22]) * warmth * (1 - overcast) * min(strength, 1.0)
    tint += (np.array([0.62, 0.47, 0.28]) - tint) * min(atmosphere.dust * 2.0, 1.0)
    light = np.zeros(LIGHT_SIZE)
    light[SUN : SUN + 3] = sun
    light[SUN_COLOR : SUN_COLOR + 3] = (
        np.array([1.0, 1.0 - 0.32 * warmth, 1.0 - 0.6 * warmth]) * strength
    )
    light[DAY] = day * (1.0 - 0.25 * atmosphere.rain)
    light[HAZE], light[OVERCAST] = haze, overcast
    light[HAZE_COLOR : HAZE_COLOR + 3] = tint
    light[WET] = max(atmosphere.wetness, 0.0)
    light[SNOW_COVER], light[LEAF_COVER] = atmosphere.snow_cover, atmosphere.leaf_cover
    drift = (time_ns - START_NS) / 1e9 * _CLOUD_SPEED_PER_S
    light[CLOUD_DRIFT], light[CLOUD_DRIFT + 1] = drift, 0.4 * drift
    light[NIGHT] = float(np.clip((0.16 - day) / 0.12, 0.0, 1.0))
    light[EXPOSURE] = exposure
    return light


def lamp_map(lamps: np.ndarray, low: np.ndarray, spacing_m: float, size: int) -> np.ndarray:
    """Return how strongly street lamps light the ground, (size, size) float32, north by east.

    Args:
        lamps: (L, 3) NED places of the lamps' heads.
        low: (2,) north and east of the first texel.
        spacing_m: metres between texels.
        size: texels a side.
    """
    lit = np.zeros((size, size), np.float32)
    reach = int(np.ceil(24.0 / spacing_m))
    for north, east, down in lamps:
        i, j = int((north - low[0]) / spacing_m), int((east - low[1]) / spacing_m)
        rows = np.arange(max(i - reach, 0), min(i + reach + 1, size))
        columns = np.arange(max(j - reach, 0), min(j + reach + 1, size))
        dn = low[0] + rows[:, None] * spacing_m - north
        de = low[1] + columns[None] * spacing_m - east
        square = dn**2 + de**2 + down**2
        lit[rows[:, None], columns[None]] += (down**2 / square) ** 1.5
    return lit
