"""Vehicles other than the plain car: vans, scooters, pickups, a school bus, boats."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import NEAR, Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.parts.placing import Assembly, Triple, begin, varied

_GLASS, _RUBBER, _DARK = srgb(0.13, 0.15, 0.18), srgb(0.09, 0.09, 0.09), srgb(0.16, 0.16, 0.17)
_HEADLIGHT, _TAILLIGHT = srgb(0.95, 0.94, 0.86), srgb(0.62, 0.06, 0.06)
_PAINTS = (
    (0.84, 0.84, 0.82),
    (0.62, 0.63, 0.64),
    (0.2, 0.22, 0.25),
    (0.5, 0.16, 0.14),
    (0.2, 0.3, 0.46),
    (0.3, 0.38, 0.28),
    (0.6, 0.52, 0.4),
    (0.72, 0.58, 0.32),
)


def _paint(builder: WorldBuilder) -> Triple:
    return varied(builder.random, _PAINTS[builder.random.integers(len(_PAINTS))])


def _wheels(car: Assembly, us: tuple[float, ...], v: float, size: float) -> None:
    for u in us:
        for side in (-v, v):
            car.add("wheel", (u, side, size / 2), (size, 0.26, size), _RUBBER, m.PLAIN)


def _lights(car: Assembly, front: float, rear: float, v: float, height: float) -> None:
    for side in (-v, v):
        car.box((front, side, height), (0.06, 0.3, 0.2), _HEADLIGHT, m.PLAIN, level=NEAR)
        car.box((rear, side, height), (0.06, 0.22, 0.3), _TAILLIGHT, m.PLAIN, level=NEAR)


def add_hatchback(builder: WorldBuilder, at: Frame, kind: str, *, solid: bool = True) -> int:
    """Add a short car whose nose points along u; it can be moved.

    Args:
        builder: what to add it to.
        at: its middle.
        kind: its family.
        solid: whether others collide with it where it is built.
    """
    car = begin(builder, kind, at, movable=True)
    color = _paint(builder)
    long = builder.random.uniform(3.5, 4.4)
    car.box((0, 0, 0.6), (long, 1.68, 0.5), color, m.PAINT)
    car.box((0.0, 0, 0.4), (long * 0.97, 1.6, 0.28), _DARK, m.PLAIN)
    car.add("hood", (0, 0, 0.87), (long * 0.98, 1.66, 0.12), color, m.PAINT)
    car.add("cabin", (-long * 0.1, 0, 1.14), (long * 0.72, 1.54, 0.56), _GLASS, m.GLASS)
    car.box((-long * 0.12, 0, 1.43), (long * 0.46, 1.28, 0.07), color, m.PAINT)
    _wheels(car, (-long * 0.31, long * 0.31), 0.76, 0.6)
    _lights(car, long / 2, -long / 2, 0.58, 0.68)
    if solid:
        car.block((0, 0, 0.75), (long, 1.72, 1.5))
    return car.owner


def add_van(builder: WorldBuilder, at: Frame, kind: str, *, solid: bool = True) -> int:
    """Add a delivery van; arguments as for `add_hatchback`."""
    car = begin(builder, kind, at, movable=True)
    color = _paint(builder)
    car.box((-0.45, 0, 1.3), (3.9, 1.86, 1.75), color, m.PAINT)
    car.box((1.9, 0, 0.85), (1.0, 1.8, 0.8), color, m.PAINT)
    car.add("shed", (1.85, 0, 1.72), (0.9, 1.7, 0.95), _GLASS, m.GLASS, yaw=np.pi)
    car.box((1.0, 0, 1.75), (0.7, 1.9, 0.55), _GLASS, m.GLASS)
    for v in (-0.42, 0.42):
        car.box((-2.4, v, 1.7), (0.06, 0.66, 0.5), _GLASS, m.GLASS)
    car.box((-0.45, 0, 1.02), (3.94, 1.9, 0.07), _DARK, m.PLAIN)
    car.box((0.0, 0, 0.42), (4.7, 1.74, 0.3), _DARK, m.PLAIN)
    _wheels(car, (-1.5, 1.55), 0.82, 0.68)
    _lights(car, 2.41, -2.41, 0.7, 0.8)
    if solid:
        car.block((0, 0, 1.1), (4.85, 1.9, 2.2))
    return car.owner


def add_scooter(builder: WorldBuilder, at: Frame, kind: str) -> int:
    """Add a scooter on its stand."""
    bike = begin(builder, kind, at, movable=True)
    color = _paint(builder)
    bike.box((-0.3, 0, 0.55), (0.75, 0.36, 0.4), color, m.PAINT)
    bike.box((-0.32, 0, 0.79), (0.7, 0.28, 0.1), _DARK, m.PLAIN)
    bike.box((0.2, 0, 0.32), (0.55, 0.34, 0.08), color, m.PAINT)
    bike.box((0.52, 0, 0.66), (0.1, 0.4, 0.66), color, m.PAINT)
    bike.box((0.56, 0, 1.03), (0.08, 0.62, 0.08), _DARK, m.PLAIN)
    for u in (-0.55, 0.66):
        bike.add("wheel", (u, 0, 0.23), (0.46, 0.14, 0.46), _RUBBER, m.PLAIN)
    bike.block((0, 0, 0.5), (1.7, 0.6, 1.0))
    return bike.owner


def add_pickup(builder: WorldBuilder, at: Frame, kind: str, *, solid: bool = True) -> int:
    """Add a pickup truck; arguments as for `add_hatchback`."""
    car = begin(builder, kind, at, movable=True)
    color = _paint(builder)
    car.box((1.75, 0, 0.95), (1.6, 1.86, 0.6), color, m.PAINT)
    car.box((0.3, 0, 0.95), (1.6, 1.86, 0.6), color, m.PAINT)
    car.add("cabin", (0.3, 0, 1.52), (2.0, 1.74, 0.62), _GLASS, m.GLASS)
    car.box((0.25, 0, 1.84), (1.3, 1.46, 0.07), color, m.PAINT)
    car.lid((-1.5, 0, 0.72), (2.0, 1.7, 0.1), _DARK, m.PLAIN)
    for v in (-0.88, 0.88):
        car.box((-1.55, v, 0.95), (2.1, 0.1, 0.6), color, m.PAINT)
    car.box((-2.55, 0, 0.95), (0.1, 1.86, 0.6), color, m.PAINT)
    if builder.random.random() < 0.4:  # firewood
        car.lid((-1.6, 0, 1.0), (1.7, 1.5, 0.5), srgb(0.45, 0.35, 0.25), m.LOGS)
    car.box((0.0, 0, 0.55), (5.0, 1.7, 0.3), _DARK, m.PLAIN)
    _wheels(car, (-1.6, 1.6), 0.82, 0.8)
    _lights(car, 2.56, -2.61, 0.72, 0.98)
    if solid:
        car.block((0, 0, 0.95), (5.2, 1.9, 1.9))
    return car.owner


def add_bus(builder: WorldBuilder, at: Frame, kind: str, rgb: Triple) -> int:
    """Add a bus of an sRGB colour."""
    car = begin(builder, kind, at, movable=True)
    color = varied(builder.random, rgb, 0.95, 1.05)
    car.box((-0.7, 0, 1.05), (8.0, 2.4, 1.0), color, m.PAINT)
    car.box((-0.7, 0, 1.95), (7.8, 2.34, 0.8), _GLASS, m.GLASS)
    car.box((-0.7, 0, 2.55), (8.0, 2.4, 0.45), color, m.PAINT)
    for u in np.arange(-4.6, 3.4, 1.3):
        car.box((u, 0, 1.95), (0.14, 2.4, 0.84), color, m.PAINT)
    car.box((3.85, 0, 1.0), (1.4, 2.1, 0.9), color, m.PAINT)
    car.box((0.0, 0, 0.5), (8.9, 2.2, 0.3), _DARK, m.PLAIN)
    car.box((-0.7, 0, 1.2), (8.04, 2.44, 0.09), srgb(0.1, 0.1, 0.1), m.PLAIN)
    _wheels(car, (-3.0, 3.4), 1.05, 0.95)
    _lights(car, 4.56, -4.71, 0.85, 1.0)
    car.block((0, 0, 1.4), (9.2, 2.4, 2.8))
    return car.owner


def add_boat(builder: WorldBuilder, at: Frame, kind: str, *, mast: bool = False) -> int:
    """Add a boat that lies in the water, with a mast or with a cabin."""
    boat = begin(builder, kind, at, movable=True)
    color = _paint(builder)
    wood = srgb(0.55, 0.42, 0.3)
    long = builder.random.uniform(5.0, 8.5)
    boat.box((-0.12 * long, 0, 0.4), (0.76 * long, 2.1, 0.8), color, m.PAINT)
    boat.add("shed", (0.36 * long, 0, 0.4), (0.24 * long, 1.5, 0.8), color, m.PAINT, yaw=np.pi)
    boat.lid((-0.1 * long, 0, 0.78), (0.7 * long, 1.8, 0.1), wood, m.PLANKS)
    if mast:
        tall = 1.25 * long
        boat.add("trunk", (0, 0, 0.8 + tall / 2), (0.14, 0.14, tall), wood, m.PLAIN)
        boat.box((-0.2 * long, 0, 1.9), (0.4 * long, 0.2, 0.2), srgb(0.8, 0.78, 0.72), m.PLAIN)
    else:
        boat.box((0.05 * long, 0, 1.3), (1.7, 1.5, 1.0), srgb(0.85, 0.84, 0.8), m.PLAIN)
        boat.box((0.06 * long, 0, 1.5), (1.74, 1.54, 0.36), _GLASS, m.GLASS)
    boat.block((0, 0, 0.6), (long, 2.2, 1.2))
    return boat.owner
