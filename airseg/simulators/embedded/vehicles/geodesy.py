"""Places on the globe, and the air there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from airseg.simulators.embedded.answers import Double
from airseg.simulators.embedded.settings import OriginSetting

GRAVITY_MPS2 = 9.80665
_METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True)
class Air:
    """The standard atmosphere somewhere: kelvin, pascal, kg/m^3."""

    temperature_k: float
    pressure_pa: float
    density: float


def geo_point(position: np.ndarray, origin: OriginSetting) -> dict[str, Any]:
    """Return a (3,) NED place, metres, on the globe; the worlds are small, so the globe is flat."""
    per_degree = _METRES_PER_DEGREE * math.cos(math.radians(origin.Latitude))
    return {
        "latitude": Double(origin.Latitude + position[0] / _METRES_PER_DEGREE),
        "longitude": Double(origin.Longitude + position[1] / per_degree),
        "altitude": float(origin.Altitude - position[2]),
    }


def local_point(
    latitude: float, longitude: float, altitude: float, origin: OriginSetting
) -> np.ndarray:
    """Return a place on the globe as (3,) NED metres: the inverse of `geo_point`."""
    per_degree = _METRES_PER_DEGREE * math.cos(math.radians(origin.Latitude))
    return np.array(
        [
            (latitude - origin.Latitude) * _METRES_PER_DEGREE,
            (longitude - origin.Longitude) * per_degree,
            origin.Altitude - altitude,
        ]
    )


def air_at(altitude_m: float) -> Air:
    """Return the air of the International Standard Atmosphere, for heights below 11 km."""
    temperature = 288.15 - 0.0065 * altitude_m
    pressure = 101_325.0 * (temperature / 288.15) ** 5.25588
    return Air(temperature, pressure, pressure / (287.0528 * temperature))
