"""Putting one object together: parts that share an owner and a place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.simulators.embedded.scene.world import ALWAYS, Frame, WorldBuilder, srgb

Triple = tuple[float, float, float]
Color = tuple[float, ...]
"""A place (u, v, height), a size along them, or a colour."""

_CELL_M = 2.5


@dataclass(frozen=True)
class Assembly:
    """An object under construction; see `WorldBuilder.add_part` for what the numbers mean."""

    builder: WorldBuilder
    owner: int
    at: Frame

    def add(
        self,
        solid: str,
        middle: Triple,
        size: Triple,
        color: Color,
        material: int,
        *,
        yaw: float = 0.0,
        tilt: float = 0.0,
        level: int = ALWAYS,
    ) -> None:
        """Add a solid of a name."""
        self.builder.add_part(
            self.owner, solid, self.at, middle, size, color, material,
            yaw=yaw, tilt=tilt, level=level,
        )  # fmt: skip

    def box(
        self,
        middle: Triple,
        size: Triple,
        color: Color,
        material: int,
        *,
        level: int = ALWAYS,
    ) -> None:
        """Add a box."""
        self.add("box", middle, size, color, material, level=level)

    def lid(
        self,
        middle: Triple,
        size: Triple,
        color: Color,
        material: int,
        *,
        level: int = ALWAYS,
    ) -> None:
        """Add a box that needs no bottom."""
        self.add("lid", middle, size, color, material, level=level)

    def block(self, middle: Triple, size: Triple) -> None:
        """Let others collide with a box; one that stands askew becomes several small ones.

        Collision boxes lie along the world's axes, so a long wall at 45 degrees would otherwise
        fill a square as wide as it is long.
        """
        askew = abs(np.sin(2 * self.at.yaw)) > 0.02
        counts = [max(1, int(np.ceil(s / _CELL_M))) if askew else 1 for s in size[:2]]
        step_u, step_v = size[0] / counts[0], size[1] / counts[1]
        for i in range(counts[0]):
            for j in range(counts[1]):
                u = middle[0] - size[0] / 2 + (i + 0.5) * step_u
                v = middle[1] - size[1] / 2 + (j + 0.5) * step_v
                self.builder.add_solid(
                    self.owner, self.at, (u, v, middle[2]), (step_u, step_v, size[2])
                )


def begin(builder: WorldBuilder, kind: str, at: Frame, *, movable: bool = False) -> Assembly:
    """Begin an object of a family at a place."""
    return Assembly(builder, builder.add_object(kind, movable=movable), at)


def varied(
    random: np.random.Generator, rgb: Triple, low: float = 0.86, high: float = 1.1
) -> Triple:
    """Return the linear albedo of an sRGB colour made lighter or darker, its hue a little off."""
    tone = random.uniform(low, high)
    return srgb(*(min(c * tone * random.uniform(0.97, 1.03), 0.97) for c in rgb))


def numbered(random: np.random.Generator, family: str, count: int) -> str:
    """Return one of the numbered variants of a family, such as ``SM_Window_03``."""
    return f"{family}_{int(random.integers(1, count + 1)):02d}"


def lettered(random: np.random.Generator, family: str, count: int) -> str:
    """Return one of the lettered variants of a family, such as ``Foliage_Pine_B``."""
    return f"{family}_{'ABCDEFGH'[int(random.integers(count))]}"
