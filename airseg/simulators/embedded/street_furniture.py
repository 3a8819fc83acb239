"""What stands along streets: cars, lamps, signs, power poles."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from airseg.simulators.embedded import materials as m
from airseg.simulators.embedded.world import Frame, WorldBuilder, srgb

_CAR_COLORS = [
    (0.75, 0.75, 0.76),
    (0.86, 0.86, 0.85),
    (0.16, 0.17, 0.19),
    (0.42, 0.43, 0.45),
    (0.55, 0.12, 0.12),
    (0.14, 0.24, 0.45),
    (0.2, 0.33, 0.24),
    (0.62, 0.5, 0.33),
]


def add_car(builder: WorldBuilder, at: Frame) -> int:
    """Add a car whose nose points along u; it can be moved."""
    car = builder.add_object("Car", movable=True)
    color = srgb(*_CAR_COLORS[builder.random.integers(len(_CAR_COLORS))])
    long = builder.random.uniform(4.0, 4.7)
    tall = builder.random.uniform(0.0, 0.25)
    dark, rubber = srgb(0.13, 0.15, 0.18), srgb(0.09, 0.09, 0.09)
    cabin = long * 0.52

    def box(middle: tuple, size: tuple, color: tuple, material: int) -> None:
        builder.add_part(car, "box", at, middle, size, color, material)

    box((0, 0, 0.62), (long, 1.76, 0.52), color, m.PAINT)
    box((0.3, 0, 0.42), (long * 0.96, 1.7, 0.3), dark, m.PLAIN)
    box((-0.2, 0, 1.12 + tall / 2), (cabin, 1.5, 0.52 + tall), dark, m.GLASS)
    box((-0.25, 0, 1.42 + tall), (cabin * 0.82, 1.46, 0.09), color, m.PAINT)
    for u in (-0.2 - cabin / 2 + 0.08, -0.2 + cabin * 0.02, -0.2 + cabin / 2 - 0.08):
        box((u, 0, 1.12 + tall / 2), (0.1, 1.54, 0.54 + tall), color, m.PAINT)
    for u in (-long * 0.31, long * 0.31):
        for v in (-0.8, 0.8):
            builder.add_part(car, "cylinder", at, (u, v, 0.33), (0.66, 0.24, 0.66), rubber, m.PLAIN)
    for v in (-0.6, 0.6):
        box((long / 2, v, 0.66), (0.06, 0.36, 0.16), srgb(0.95, 0.94, 0.86), m.PLAIN)
        box((-long / 2, v, 0.68), (0.06, 0.34, 0.16), srgb(0.62, 0.06, 0.06), m.PLAIN)
    builder.add_solid(car, at, (0, 0, 0.75), (long, 1.8, 1.5))
    return car


def add_lamp(builder: WorldBuilder, at: Frame) -> int:
    """Add a street lamp; its arm reaches along u, over the street."""
    lamp = builder.add_object("Lamp")
    steel = srgb(0.34, 0.35, 0.36)
    builder.add_part(lamp, "trunk", at, (0, 0, 2.9), (0.2, 0.2, 5.8), steel, m.PLAIN)
    builder.add_part(lamp, "box", at, (0.8, 0, 5.75), (1.7, 0.1, 0.1), steel, m.PLAIN)
    builder.add_part(
        lamp, "box", at, (1.5, 0, 5.68), (0.7, 0.3, 0.14), srgb(0.85, 0.85, 0.78), m.PLAIN
    )
    builder.add_solid(lamp, at, (0, 0, 2.9), (0.25, 0.25, 5.8))
    return lamp


def add_stop_sign(builder: WorldBuilder, at: Frame) -> int:
    """Add a stop sign that faces along u."""
    sign = builder.add_object("Stop_Sign")
    builder.add_part(sign, "box", at, (0, 0, 1.2), (0.08, 0.08, 2.4), srgb(0.5, 0.5, 0.5), m.PLAIN)
    for size, color in ((0.86, (0.9, 0.9, 0.9)), (0.76, (0.72, 0.1, 0.12))):
        depth = 0.1 if size < 0.8 else 0.07
        builder.add_part(
            sign, "box", at, (0.06, 0, 2.35), (depth, size, size), srgb(*color), m.PLAIN
        )
    builder.add_part(
        sign, "box", at, (0.07, 0, 2.35), (0.11, 0.56, 0.14), srgb(0.92, 0.92, 0.92), m.PLAIN
    )
    builder.add_solid(sign, at, (0, 0, 1.3), (0.2, 0.8, 2.7))
    return sign


def add_street_sign(builder: WorldBuilder, at: Frame) -> int:
    """Add a pole with the names of two streets."""
    sign = builder.add_object("Street_Sign")
    builder.add_part(
        sign, "box", at, (0, 0, 1.4), (0.08, 0.08, 2.8), srgb(0.45, 0.46, 0.46), m.PLAIN
    )
    green = srgb(0.1, 0.38, 0.25)
    builder.add_part(sign, "box", at, (0, 0, 2.7), (1.1, 0.05, 0.24), green, m.PLAIN)
    builder.add_part(sign, "box", at, (0, 0, 2.96), (0.05, 1.1, 0.24), green, m.PLAIN)
    builder.add_solid(sign, at, (0, 0, 1.4), (0.2, 0.2, 2.8))
    return sign


def add_power_line(builder: WorldBuilder, at: Frame, spacing: float, poles: int) -> None:
    """Add poles along u with three cables between neighbours."""
    wood = srgb(0.36, 0.29, 0.22)
    for i in range(poles):
        pole = builder.add_object("Power_Line")
        here = at.at(i * spacing, 0)
        builder.add_part(pole, "trunk", here, (0, 0, 4.6), (0.3, 0.3, 9.2), wood, m.BARK)
        builder.add_part(pole, "box", here, (0, 0, 8.5), (0.14, 2.4, 0.16), wood, m.PLANKS)
        builder.add_solid(pole, here, (0, 0, 4.6), (0.35, 0.35, 9.2))
        if i == poles - 1:
            continue
        cable = builder.add_object("Power_Line_Cable_Single")
        for v in (-1.1, 0.0, 1.1):
            _hang_cable(builder, cable, here, v, spacing)


def _hang_cable(builder: WorldBuilder, cable: int, at: Frame, v: float, spacing: float) -> None:
    """Hang one wire in twelve straight pieces that sag in the middle."""
    ends = np.linspace(0, 1, 13)
    height = 8.65 - 1.4 * 4 * ends * (1 - ends)
    for (a, b), (low, high) in zip(pairwise(ends), pairwise(height), strict=True):
        middle = ((a + b) / 2 * spacing, v, (low + high) / 2)
        run, rise = (b - a) * spacing, high - low
        size = (float(np.hypot(run, rise)) + 0.02, 0.035, 0.035)
        tilt = float(np.arctan2(rise, run))
        color = srgb(0.1, 0.1, 0.1)
        builder.add_part(cable, "box", at, middle, size, color, m.PLAIN, tilt=tilt)
