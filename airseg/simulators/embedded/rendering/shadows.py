"""Where the sun does not reach: one map for what stands, a small one for what moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.simulators.embedded.rendering import raster
from airseg.simulators.embedded.rendering.stage import Stage
from airseg.simulators.embedded.rendering.strips import in_strips
from airseg.simulators.embedded.scene.world import FAR, Geometry

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


class Shadows:
    """Draws shadow maps of a stage, and keeps those of what rests."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._kept: dict[tuple[float, ...], ShadowMap] = {}
        self._version = -1

    def resting(self, sun: tuple[float, float, float]) -> ShadowMap:
        """Return the map of all that stands where it was built."""
        if self._version != self._stage.version:
            self._kept.clear()
            self._version = self._stage.version
        if sun not in self._kept:
            if len(self._kept) >= _KEPT_MAPS:  # a moving sun must not fill the memory
                self._kept.pop(next(iter(self._kept)))
            self._kept[sun] = self._draw_resting(sun)
        return self._kept[sun]

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

    def _draw_resting(self, sun: tuple[float, float, float]) -> ShadowMap:
        g = self._stage.geometry
        # What lies far out, the terrain and the hills, is too large to cast a useful shadow.
        casts = (g.radius < _LARGEST_CASTER_M) & (g.radius > 0) & (g.level != FAR)
        for index in self._stage.moving:
            casts[self._stage.parts_of(index)] = False
        parts = np.flatnonzero(casts)
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
