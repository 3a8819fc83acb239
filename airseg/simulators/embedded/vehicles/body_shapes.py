"""What vehicles look like to the cameras of others."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import Frame, Geometry, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.parts.street_furniture import add_car


def drone_geometry() -> Geometry:
    """Return a quadrotor whose middle is at the origin, its nose to the north."""
    builder = WorldBuilder("drone", 0)
    drone = builder.add_object("Drone")
    dark, light = srgb(0.15, 0.16, 0.17), srgb(0.8, 0.8, 0.78)
    at = Frame()
    builder.add_part(drone, "hood", at, (0, 0, 0.0), (0.36, 0.22, 0.12), light, m.PAINT)
    builder.add_part(drone, "box", at, (0.16, 0, -0.06), (0.08, 0.08, 0.06), dark, m.PLAIN)
    for turn in (np.pi / 4, -np.pi / 4):
        builder.add_part(
            drone, "box", at, (0, 0, 0.02), (0.78, 0.05, 0.04), dark, m.PLAIN, yaw=turn
        )
    for u in (-0.27, 0.27):
        for v in (-0.27, 0.27):
            builder.add_part(drone, "cylinder", at, (u, v, 0.06), (0.3, 0.3, 0.02), dark, m.PLAIN)
            builder.add_part(
                drone, "cylinder", at, (u, v, 0.03), (0.07, 0.07, 0.08), light, m.PLAIN
            )
    for v in (-0.13, 0.13):
        builder.add_part(drone, "box", at, (0, v, -0.12), (0.34, 0.03, 0.12), dark, m.PLAIN)
    return builder.build().geometry


def car_geometry() -> Geometry:
    """Return a car that stands on the ground at the origin, its nose to the north."""
    builder = WorldBuilder("car", 0)
    add_car(builder, Frame(), solid=False)
    return builder.build().geometry
