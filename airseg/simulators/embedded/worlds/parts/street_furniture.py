"""What stands along streets: cars, lamps, signs, power poles."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from airseg.simulators.embedded.clock import START_NS
from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.traffic import Drive
from airseg.simulators.embedded.scene.world import Frame, WorldBuilder, srgb

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


def add_car(builder: WorldBuilder, at: Frame, *, solid: bool = True) -> int:
    """Add a car whose nose points along u; it can be moved.

    Args:
        builder: what to add it to.
        at: its middle.
        solid: whether others collide with it where it is built.
    """
    car = builder.add_object("Car", movable=True)
    color = srgb(*_CAR_COLORS[builder.random.integers(len(_CAR_COLORS))])
    long = builder.random.uniform(4.0, 4.7)
    tall = builder.random.uniform(0.0, 0.25)
    dark, rubber = srgb(0.13, 0.15, 0.18), srgb(0.09, 0.09, 0.09)
    steel = srgb(0.55, 0.56, 0.57)
    cabin, middle = long * 0.6, -0.05 * long

    def part(solid: str, place: tuple, size: tuple, tint: tuple, material: int) -> None:
        builder.add_part(car, solid, at, place, size, tint, material)

    part("box", (0, 0, 0.55), (long, 1.74, 0.42), color, m.PAINT)
    part("hood", (0, 0, 0.83), (long * 0.985, 1.74, 0.16), color, m.PAINT)
    part("box", (0, 0, 0.34), (long * 0.94, 1.66, 0.16), dark, m.PLAIN)
    part("cabin", (middle, 0, 1.16 + tall / 2), (cabin, 1.6, 0.54 + tall), dark, m.GLASS)
    roof = (cabin * 0.63, 1.34, 0.07)
    part("box", (middle - 0.03 * cabin, 0, 1.45 + tall), roof, color, m.PAINT)
    part("box", (middle, 0, 1.1 + tall / 2), (0.09, 1.5, 0.4 + tall), color, m.PAINT)
    for u in (-long * 0.31, long * 0.31):
        for v in (-0.78, 0.78):
            part("wheel", (u, v, 0.33), (0.66, 0.24, 0.66), rubber, m.PLAIN)
            part("wheel", (u, v * 1.04, 0.33), (0.36, 0.2, 0.36), steel, m.PAINT)
    for v in (-0.6, 0.6):
        part("box", (long / 2, v, 0.64), (0.06, 0.36, 0.15), srgb(0.95, 0.94, 0.86), m.LAMP)
        part("box", (-long / 2, v, 0.66), (0.06, 0.34, 0.15), srgb(0.62, 0.06, 0.06), m.LAMP)
    for u in (-long / 2, long / 2):
        part("box", (u, 0, 0.42), (0.1, 1.7, 0.16), dark, m.PLAIN)
        part("box", (u * 1.01, 0, 0.5), (0.06, 0.5, 0.11), srgb(0.85, 0.85, 0.82), m.PLAIN)
    if solid:
        builder.add_solid(car, at, (0, 0, 0.75), (long, 1.8, 1.5))
    return car


def add_traffic(builder: WorldBuilder, route: np.ndarray, spacing_m: float = 130.0) -> None:
    """Let cars drive around a closed route, about one every `spacing_m` metres."""
    random = builder.random
    length = float(np.linalg.norm(route - np.roll(route, 1, axis=0), axis=1).sum())
    speed = random.uniform(7.0, 11.0)  # one for all of a route: nobody runs into the next
    first = random.uniform(0.0, spacing_m)
    for start in np.arange(first, first + length - spacing_m / 2, spacing_m):
        drive = Drive(len(builder), route, speed, float(start + random.uniform(-30.0, 30.0)))
        north, east, _ = drive.at(START_NS)
        add_car(builder, Frame(north, east), solid=False)
        builder.add_drive(drive)


def add_traffic_light(builder: WorldBuilder, at: Frame) -> int:
    """Add a traffic light that faces those who come along u; its arm reaches over the street."""
    light = builder.add_object("Traffic_Light")
    steel, dark = srgb(0.36, 0.37, 0.38), srgb(0.1, 0.11, 0.1)
    builder.add_part(light, "trunk", at, (0, 0, 2.7), (0.22, 0.22, 5.4), steel, m.PLAIN)
    builder.add_part(light, "box", at, (0, -1.3, 5.3), (0.1, 2.7, 0.1), steel, m.PLAIN)
    for v, up in ((-2.5, 4.85), (-0.22, 2.9)):
        builder.add_part(light, "box", at, (0, v, up), (0.24, 0.34, 0.95), dark, m.PLAIN)
        for k, color in enumerate(((0.8, 0.1, 0.08), (0.85, 0.6, 0.1), (0.1, 0.7, 0.3))):
            place = (-0.13, v, up + 0.29 - 0.29 * k)
            builder.add_part(light, "ball", at, place, (0.1, 0.22, 0.22), srgb(*color), m.LAMP)
    builder.add_solid(light, at, (0, 0, 2.7), (0.3, 0.3, 5.4))
    return light


def add_lamp(builder: WorldBuilder, at: Frame) -> int:
    """Add a street lamp; its arm reaches along u, over the street."""
    lamp = builder.add_object("Lamp")
    steel = srgb(0.34, 0.35, 0.36)
    builder.add_part(lamp, "trunk", at, (0, 0, 2.9), (0.2, 0.2, 5.8), steel, m.PLAIN)
    builder.add_part(lamp, "box", at, (0.8, 0, 5.75), (1.7, 0.1, 0.1), steel, m.PLAIN)
    builder.add_part(
        lamp, "box", at, (1.5, 0, 5.68), (0.7, 0.3, 0.14), srgb(0.85, 0.85, 0.78), m.LAMP
    )
    builder.add_light(at, (1.5, 0, 5.6))
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
