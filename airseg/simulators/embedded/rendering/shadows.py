"""Where the sun does not reach: one map for what stands, a small one for what moves."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from airseg.simulators.embedded.rendering import raster
from airseg.simulators.embedded.rendering.stage import Stage
from airseg.simulators.embedded.rendering.strips import in_strips
from airseg.simulators.embedded.scene.world import FAR, Geometry, World

RESTING_MAP_SIZE = 4096
MOVING_MAP_SIZE = 768
MOVING_REACH_M = 70.0
"""How far from the camera things that move cast shadows."""

_LARGEST_CASTER_M = 100.0
_KEPT_MAPS = 4
_STRIP_ROWS = 256


@dataclass(frozen=True)
class ShadowMap:
    """What the sun sees.

    Attributes:
        nearest: (S, S) float32, grows towards the sun; 0 where nothing casts a shadow.
        frame: (5, 3): rows right, down, away from the sun, then the map's middle, then its pixels
            per metre in the first place.
    """

    nearest: np.ndarray
    frame: np.ndarray


_KEPT: WeakKeyDictionary[World, dict[tuple, ShadowMap]] = WeakKeyDictionary()
"""Maps of what rests, by world: its renderers share them."""


class Shadows:
    """Draws shadow maps of a stage, and keeps those of what rests."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._casts = np.zeros(0, bool)
        self._version = -1
        self._kept = _KEPT.setdefault(stage.world, {})

    def resting(self, sun: tuple[float, float, float]) -> ShadowMap:
        """Return the map of all that stands where it was built."""
        if self._version != self._stage.version:
            self._casts = self._resting_casters()
            self._version = self._stage.version
        # What rests stands where the world has it, so that a reset brings the same shadows back.
        key = (sun, np.packbits(self._casts).tobytes())
        if key not in self._kept:
            if len(self._kept) >= _KEPT_MAPS:  # a moving sun must not fill the memory
                self._kept.pop(next(iter(self._kept)), None)
            self._kept[key] = self._draw_resting(sun)
        return self._kept[key]

    def moving(self, sun: tuple[float, float, float], eye: np.ndarray) -> ShadowMap:
        """Return the map of what moves near a camera."""
        geometry = self._stage.geometry
        near: list[np.ndarray] = []
        for index in self._stage.moving:
            parts = self._stage.parts_of(index)
            if len(parts) and _distance(geometry, parts[0], eye) < MOVING_REACH_M:
                near.append(parts)
        axes = _sun_axes(sun)
        scale = MOVING_MAP_SIZE / 2 / MOVING_REACH_M
        # Whole texels, so that shadows do not crawl along with the camera.
        steps = np.round(axes[:2] @ eye * scale) / scale
        middle = axes[:2].T @ steps + axes[2] * (axes[2] @ eye)
        if not near:
            nearest = np.zeros((1, 1), np.float32)
        else:
            nearest = _draw(geometry, np.concatenate(near), axes, middle, scale, MOVING_MAP_SIZE)
        return ShadowMap(nearest, np.vstack([axes, middle, [scale, 0.0, 0.0]]))

    def _resting_casters(self) -> np.ndarray:
        """Return which parts of the world cast shadows and stand where they were built, (P,) bool.

        Whatever came later was put somewhere, and does not rest.
        """
        g = self._stage.geometry
        # What lies far out, the terrain and the hills, is too large to cast a useful shadow.
        casts = (g.radius < _LARGEST_CASTER_M) & (g.radius > 0) & (g.level != FAR)
        for index in self._stage.moving:
            casts[self._stage.parts_of(index)] = False
        return casts[: len(self._stage.world.geometry.radius)]

    def _draw_resting(self, sun: tuple[float, float, float]) -> ShadowMap:
        g = self._stage.geometry
        parts = np.flatnonzero(self._casts)
        axes = _sun_axes(sun)
        low = (g.center[parts] - g.radius[parts, None]).min(0).astype(float)
        high = (g.center[parts] + g.radius[parts, None]).max(0).astype(float)
        middle = (low + high) / 2
        across = np.abs((g.center[parts] - middle) @ axes[:2].T) + g.radius[parts, None]
        scale = RESTING_MAP_SIZE / 2 / (float(across.max()) + 1.0)
        nearest = _draw(g, parts, axes, middle, scale, RESTING_MAP_SIZE)
        return ShadowMap(nearest, np.vstack([axes, middle, [scale, 0.0, 0.0]]))


def _draw(
    geometry: Geometry,
    parts: np.ndarray,
    axes: np.ndarray,
    middle: np.ndarray,
    scale: float,
    size: int,
) -> np.ndarray:
    starts = geometry.triangle_start
    screen = np.empty((int((starts[parts + 1] - starts[parts]).sum()), 9))
    count = raster.project_parallel(
        parts,
        geometry.vertices,
        geometry.triangles,
        starts,
        middle,
        axes,
        scale,
        size / 2,
        screen,
    )
    nearest, triangle = np.empty((size, size), np.float32), np.empty((size, size), np.int32)
    in_strips(
        size,
        lambda top, bottom: raster.draw_map_strip(screen, count, top, bottom, nearest, triangle),
        _STRIP_ROWS,
    )
    return nearest


def _distance(geometry: Geometry, part: int, eye: np.ndarray) -> float:
    return float(np.linalg.norm(geometry.center[part] - eye))


def _sun_axes(sun: tuple[float, float, float]) -> np.ndarray:
    """Return (3, 3) rows right, down, away for a direction to the sun."""
    away = -np.array(sun)
    right = np.cross(away, [0.0, 0.0, 1.0] if abs(away[2]) < 0.99 else [1.0, 0.0, 0.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(away, right), away])
