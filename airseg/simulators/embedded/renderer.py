"""The camera of the embedded simulator: colour, object numbers and depth of one instant.

Everything runs on the CPU in compiled kernels. The same world, view, time and atmosphere give the
same bytes in every process and for every number of threads.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from airseg.geometry import rotation_matrix
from airseg.simulators.embedded import raster, shading
from airseg.simulators.embedded.world import FAR, World, triangle_normals

SHADOW_MAP_SIZE = 4096
_BANDS = 16
_KERNELS = threading.RLock()
"""Held while compiled kernels run: numba's default thread pool serves one caller at a time."""

AFTERNOON_SUN = (0.42, -0.50, -0.757)
"""Direction to the sun, North-East-Down, of a clear afternoon."""


@dataclass(frozen=True)
class CameraView:
    """Where a camera is and what it takes in.

    Attributes:
        position: (3,) NED metres.
        orientation: (4,) quaternion w x y z, body to world; the camera looks along its x.
        fov_deg: horizontal field of view, degrees.
        width, height: pixels.
    """

    position: np.ndarray
    orientation: np.ndarray
    fov_deg: float = 90.0
    width: int = 640
    height: int = 480


@dataclass(frozen=True)
class Atmosphere:
    """Weather and light.

    Attributes:
        fog, rain, snow, dust: each 0 to 1, as `simSetWeatherParameter` takes them.
        sun_direction: towards the sun, NED; z is negative while the sun is up.
    """

    fog: float = 0.0
    rain: float = 0.0
    snow: float = 0.0
    dust: float = 0.0
    sun_direction: tuple[float, float, float] = AFTERNOON_SUN


CLEAR = Atmosphere()


@dataclass(frozen=True)
class Render:
    """One instant seen by one camera.

    Attributes:
        rgb: (H, W, 3) uint8, anti-aliased.
        object_index: (H, W) uint16, index into `World.objects`; never filtered.
        depth_planar: (H, W) float32, metres along the optical axis; the sky is 65504.
        focal: focal length, pixels.
    """

    rgb: np.ndarray
    object_index: np.ndarray
    depth_planar: np.ndarray
    focal: float


class Renderer:
    """Draws one world. Calls from several threads wait for each other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._geometry = world.geometry
        self._vertices = world.geometry.vertices.copy()
        self._normals = world.geometry.normals.copy()
        self._center = world.geometry.center.copy()
        self._origin = world.geometry.origin.copy()
        self._axes = world.geometry.axes.copy()
        self._poses: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._shadows: dict[tuple[float, ...], tuple[np.ndarray, np.ndarray]] = {}
        self._camera_points = np.empty_like(self._vertices, np.float64)
        capacity = len(world.geometry.triangles) * 2
        self._screen = np.empty((capacity, 9))
        self._source = np.empty(capacity, np.int32)

    def render(self, view: CameraView, time_ns: int = 0, atmosphere: Atmosphere = CLEAR) -> Render:
        """Draw what a camera sees.

        Args:
            view: the camera.
            time_ns: simulator time; the worlds stand still so far, so nothing depends on it.
            atmosphere: weather and light.
        """
        axes = _camera_axes(view.orientation)
        eye = np.array(view.position, float)
        focal = 0.5 * view.width / np.tan(np.radians(view.fov_deg) / 2)
        shape = (view.height, view.width)
        depth, triangle = np.empty(shape, np.float32), np.empty(shape, np.int32)
        rgb, smooth = np.empty((*shape, 3), np.uint8), np.empty((*shape, 3), np.uint8)
        part, planar = np.empty(shape, np.int32), np.empty(shape, np.float32)
        object_index = np.empty(shape, np.uint16)
        light = _light(atmosphere)
        with _KERNELS:
            shadow_map, shadow_frame = self._shadow_map(tuple(light[:3]))
            count = self._project(eye, axes, focal, view)
            raster.rasterize(self._screen, self._source, count, _BANDS, depth, triangle)
            g = self._geometry
            shading.shade(
                depth,
                triangle,
                g.triangle_part,
                self._normals,
                self._origin,
                self._axes,
                g.size,
                g.color,
                g.material,
                g.object_index,
                g.is_round,
                eye,
                axes,
                focal,
                light,
                shadow_map,
                shadow_frame,
                rgb,
                part,
                object_index,
                planar,
            )
            shading.smooth_edges(rgb, part, planar, smooth)
        return Render(smooth, object_index, planar, focal)

    def object_pose(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the (3,) position and (4,) orientation of an object."""
        resting = (self.world.objects[index].position, np.array([1.0, 0.0, 0.0, 0.0]))
        return self._poses.get(index, resting)

    def set_object_pose(self, index: int, position: np.ndarray, orientation: np.ndarray) -> None:
        """Move an object; its shadow follows when the shadow map is next drawn.

        Args:
            index: object index.
            position: (3,) NED metres of the object's middle.
            orientation: (4,) quaternion w x y z, relative to how the object was built.
        """
        g = self._geometry
        turn = rotation_matrix(orientation)
        middle = self.world.objects[index].position
        with _KERNELS:
            for p in np.flatnonzero(g.object_index == index):
                v = slice(g.vertex_start[p], g.vertex_start[p + 1])
                t = slice(g.triangle_start[p], g.triangle_start[p + 1])
                self._vertices[v] = (g.vertices[v] - middle) @ turn.T + position
                self._normals[t] = triangle_normals(self._vertices, g.triangles[t])
                self._origin[p] = turn @ (g.origin[p] - middle) + position
                self._center[p] = self._origin[p]
                self._axes[p] = g.axes[p] @ turn.T
            self._poses[index] = (np.array(position, float), np.array(orientation, float))
            self._shadows.clear()

    def reset(self) -> None:
        """Put every object back where it was built."""
        for index in list(self._poses):
            resting = self.world.objects[index].position
            self.set_object_pose(index, resting, np.array([1.0, 0.0, 0.0, 0.0]))
        self._poses.clear()

    def _project(self, eye: np.ndarray, axes: np.ndarray, focal: float, view: CameraView) -> int:
        g = self._geometry
        indices = np.empty(len(g.radius), np.int32)
        distances = np.empty(len(g.radius))
        planes = _frustum_planes(axes, focal, view.width, view.height)
        count = raster.select_parts(
            self._center, g.radius, g.level, eye, planes, indices, distances
        )
        order = indices[:count][np.argsort(distances[:count], kind="stable")]
        return raster.project_perspective(
            order,
            self._vertices,
            g.triangles,
            self._normals,
            g.vertex_start,
            g.triangle_start,
            eye,
            axes,
            focal,
            view.width,
            view.height,
            self._camera_points,
            self._screen,
            self._source,
        )

    def _shadow_map(self, sun: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Return the (S, S) map and its (5, 3) frame for a direction to the sun."""
        if sun in self._shadows:
            return self._shadows[sun]
        g = self._geometry
        away = -np.array(sun)
        right = np.cross(away, [0.0, 0.0, 1.0] if abs(away[2]) < 0.99 else [1.0, 0.0, 0.0])
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(away, right), away])
        # What lies far out, the terrain and the hills, is too large to cast a useful shadow.
        small = g.radius[g.triangle_part] < 100.0
        keep = small & (g.level[g.triangle_part] != FAR)
        corners = self._vertices[g.triangles[keep].ravel()].astype(float)
        middle = (corners.min(0) + corners.max(0)) / 2
        spread = np.abs((corners - middle) @ axes[:2].T).max()
        scale = SHADOW_MAP_SIZE / 2 / (spread + 1.0)
        screen = np.empty((int(keep.sum()), 9))
        count = raster.project_parallel(
            self._vertices, g.triangles, keep, middle, axes, scale, SHADOW_MAP_SIZE / 2, screen
        )
        shape = (SHADOW_MAP_SIZE, SHADOW_MAP_SIZE)
        depth, triangle = np.empty(shape, np.float32), np.empty(shape, np.int32)
        source = np.arange(count, dtype=np.int32)
        raster.rasterize(screen, source, count, 64, depth, triangle)
        frame = np.vstack([axes, middle, [scale, 0.0, 0.0]])
        if len(self._shadows) >= 4:  # a moving sun must not fill the memory
            self._shadows.pop(next(iter(self._shadows)))
        self._shadows[sun] = (depth, frame)
        return depth, frame


def _camera_axes(orientation: np.ndarray) -> np.ndarray:
    """Return (3, 3) rows right, down, forward of a camera that looks along its x."""
    turn = rotation_matrix(orientation)
    return np.ascontiguousarray(np.stack([turn[:, 1], turn[:, 2], turn[:, 0]]))


def _frustum_planes(axes: np.ndarray, focal: float, width: int, height: int) -> np.ndarray:
    """Return the (4, 3) inward normals of the view's sides."""
    right, down, forward = axes
    x, y = 0.5 * width / focal, 0.5 * height / focal
    planes = np.stack(
        [right + x * forward, -right + x * forward, down + y * forward, -down + y * forward]
    )
    return planes / np.linalg.norm(planes, axis=1, keepdims=True)


def _light(atmosphere: Atmosphere) -> np.ndarray:
    """Return the (12,) light of `shading.shade`."""
    sun = np.array(atmosphere.sun_direction, float)
    sun /= np.linalg.norm(sun) or 1.0
    up = float(-sun[2])
    day = float(np.clip((up + 0.12) / 0.4, 0.03, 1.0))
    strength = float(np.clip(up / 0.15, 0.0, 1.0))
    warmth = float(np.clip(1.0 - up / 0.45, 0.0, 1.0))
    overcast = float(np.clip(atmosphere.rain + 0.8 * atmosphere.snow + atmosphere.fog, 0.0, 1.0))
    color = np.array([1.0, 1.0 - 0.32 * warmth, 1.0 - 0.6 * warmth]) * strength
    haze = 0.0009 + 0.035 * atmosphere.fog**1.5 + 0.006 * atmosphere.rain
    haze += 0.010 * atmosphere.snow + 0.02 * atmosphere.dust
    tint = np.array([0.56, 0.66, 0.82]) * (1 - overcast) + np.array([0.62, 0.64, 0.66]) * overcast
    tint += (np.array([0.62, 0.47, 0.28]) - tint) * min(atmosphere.dust * 2.0, 1.0)
    day *= 1.0 - 0.25 * atmosphere.rain
    return np.array([*sun, *color, day, haze, overcast, *tint])
