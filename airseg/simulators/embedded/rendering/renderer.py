"""The camera of the embedded simulator: colour, object numbers and depth of one instant.

Everything runs on the CPU in compiled kernels. The same world, view, time and atmosphere give the
same bytes in every process and for every number of threads.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from airseg.geometry import rotation_matrix
from airseg.simulators.embedded.clock import START_NS
from airseg.simulators.embedded.rendering import shading
from airseg.simulators.embedded.rendering.light import (
    AFTERNOON_SUN,
    CLEAR,
    Atmosphere,
    lamp_map,
    light_vector,
)
from airseg.simulators.embedded.rendering.normals import surface_normals
from airseg.simulators.embedded.rendering.optical_flow import Camera, Instant, flow_since
from airseg.simulators.embedded.rendering.shading import SKY_DEPTH_M
from airseg.simulators.embedded.rendering.shadows import ShadowMap, Shadows
from airseg.simulators.embedded.rendering.stage import Placement, Stage
from airseg.simulators.embedded.rendering.strips import in_strips
from airseg.simulators.embedded.rendering.visibility import draw_strip, find_candidates
from airseg.simulators.embedded.rendering.weather import fall
from airseg.simulators.embedded.scene.world import Geometry, World, WorldObject

__all__ = ["AFTERNOON_SUN", "CLEAR", "Atmosphere", "CameraView", "Render", "Renderer"]

_LAMP_SPACING_M = 0.75
_KERNELS = threading.RLock()
"""Held while a stage is read or changed, and the cores are at work on a picture."""


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

    def camera(self) -> Camera:
        """Return the pinhole camera of this view."""
        focal = 0.5 * self.width / np.tan(np.radians(self.fov_deg) / 2)
        return Camera(np.array(self.position, float), _camera_axes(self.orientation), float(focal))


@dataclass(frozen=True)
class Render:
    """One instant seen by one camera.

    Attributes:
        rgb: (H, W, 3) uint8, anti-aliased.
        object_index: (H, W) uint16, index into the stage's objects; never filtered.
        depth_planar: (H, W) float32, metres along the optical axis; the sky is 65504.
        focal: focal length, pixels.
        normals: (H, W, 3) float32, unit, NED, 0 for the sky; where asked for.
        flow, flow_depth: (H, W, 2) and (H, W) float32, see `motion.flow_since`; where asked for.
    """

    rgb: np.ndarray
    object_index: np.ndarray
    depth_planar: np.ndarray
    focal: float
    normals: np.ndarray | None = None
    flow: np.ndarray | None = None
    flow_depth: np.ndarray | None = None


class _Image:
    """What a view is drawn into; see `shading.shade_strip`."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.depth, self.planar = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self.triangle, self.part = np.empty(shape, np.int32), np.empty(shape, np.int32)
        self.object_index = np.empty(shape, np.uint16)
        self.rgb = np.empty((*shape, 3), np.uint8)


class Renderer:
    """Draws one world. Calls from several threads wait for each other.

    Attributes:
        world: as built.
        stage: what stands where now.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.stage = Stage(world)
        self._shadows = Shadows(self.stage)
        self._lamps, self._lamp_frame = _lamp_light(world)

    def render(
        self,
        view: CameraView,
        time_ns: int = START_NS,
        atmosphere: Atmosphere = CLEAR,
        *,
        exposure: float = 1.0,
        normals: bool = False,
        before: Instant | None = None,
        bodies: dict[int, Placement] | None = None,
        without: int | None = None,
    ) -> Render:
        """Draw what a camera sees.

        Args:
            view: the camera.
            time_ns: simulator time: where the traffic is, how far the clouds have drifted.
            atmosphere: weather and light.
            exposure: factor on all light.
            normals: whether to tell surface normals.
            before: the instant that optical flow is counted from, if flow is wanted.
            bodies: where vehicles are.
            without: an object that is not drawn: the camera's own vehicle.
        """
        with _KERNELS:
            self._set(time_ns, bodies)
            if without is not None:
                self.stage.set_drawn(without, False)
            try:
                return self._draw(view, time_ns, atmosphere, exposure, normals, before)
            finally:
                if without is not None:
                    self.stage.set_drawn(without, True)

    def instant(
        self, view: CameraView, time_ns: int, bodies: dict[int, Placement] | None = None
    ) -> Instant:
        """Return what a later `render` needs to tell the flow since now."""
        with _KERNELS:
            self._set(time_ns, bodies)
            return Instant(view.camera(), self.stage.placements())

    def object_pose(self, index: int, time_ns: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the (3,) position and (4,) orientation of an object, now or at a time."""
        with _KERNELS:
            if time_ns is not None:
                self.stage.at_time(time_ns)
            found = self.stage.placement(index)
        return found.position, found.orientation

    def object_scale(self, index: int) -> np.ndarray:
        """Return the (3,) scale of an object."""
        return self.stage.placement(index).scale

    def set_object_pose(self, index: int, position: np.ndarray, orientation: np.ndarray) -> None:
        """Move an object, and its shadow with it.

        Args:
            index: object index.
            position: (3,) NED metres of the object's middle.
            orientation: (4,) quaternion w x y z, relative to how the object was built.
        """
        unit = np.array(orientation, float) / np.linalg.norm(orientation)
        with _KERNELS:
            scale = self.stage.placement(index).scale
            self.stage.place(index, Placement(np.array(position, float), unit, scale))

    def set_object_scale(self, index: int, scale: np.ndarray) -> None:
        """Stretch an object about its middle by (3,) factors along its own axes."""
        with _KERNELS:
            found = self.stage.placement(index)
            self.stage.place(
                index, Placement(found.position, found.orientation, np.array(scale, float))
            )

    def set_object_material(self, index: int, color: tuple[float, float, float]) -> None:
        """Paint an object in one linear albedo."""
        with _KERNELS:
            self.stage.recolor(index, color)

    def spawn(
        self,
        asset: str,
        name: str,
        position: np.ndarray,
        orientation: np.ndarray,
        scale: np.ndarray,
        shape: Geometry | None = None,
    ) -> int | None:
        """Bring a copy of a family's first object; return its index, or None without such.

        `shape`, with its middle at the origin, takes the place of the family's.
        """
        with _KERNELS:
            found = (shape, np.zeros(3)) if shape is not None else self.stage.pattern_of(asset)
            if found is None:
                return None
            geometry, middle = found
            item = WorldObject(name, asset, middle, movable=True)
            placement = Placement(
                np.array(position, float), np.array(orientation, float), np.array(scale, float)
            )
            return self._add(geometry, item, placement)

    def add_body(self, geometry: Geometry, item: WorldObject) -> int:
        """Bring an object of given geometry, where it is built; return its index."""
        with _KERNELS:
            return self._add(geometry, item, Placement(item.position))

    def destroy(self, index: int) -> None:
        """Take an object away until the next reset."""
        with _KERNELS:
            self.stage.hide(index)

    def reset(self) -> None:
        """Put every object back where it was built; what was spawned is gone."""
        with _KERNELS:
            self.stage.reset()

    def _set(self, time_ns: int, bodies: dict[int, Placement] | None) -> None:
        self.stage.at_time(time_ns)
        for index, placement in (bodies or {}).items():
            self.stage.place(index, placement)

    def _add(self, geometry: Geometry, item: WorldObject, placement: Placement) -> int:
        return self.stage.spawn(geometry, item, placement)

    def _draw(
        self,
        view: CameraView,
        time_ns: int,
        atmosphere: Atmosphere,
        exposure: float,
        normals: bool,
        before: Instant | None,
    ) -> Render:
        camera = view.camera()
        image = _Image((view.height, view.width))
        light = light_vector(atmosphere, time_ns, exposure)
        sun = (float(light[0]), float(light[1]), float(light[2]))
        shadows = self._shadows.resting(sun), self._shadows.moving(sun, camera.eye)
        g = self.stage.geometry
        candidates = find_candidates(g, camera, view.width, view.height)

        def draw_and_shade(top: int, bottom: int) -> None:
            draw_strip(g, camera, candidates, top, bottom, image.depth, image.triangle)
            self._shade(image, top, bottom, camera, light, shadows)

        in_strips(view.height, draw_and_shade)
        smooth, planar = np.empty_like(image.rgb), image.planar
        in_strips(
            view.height,
            lambda top, bottom: shading.smooth_edges(top, bottom, image.rgb, image.part, smooth),
        )
        fall(smooth, planar, atmosphere, time_ns)
        normal = self._normals(image.triangle, planar, camera) if normals else None
        flow, flow_depth = None, None
        if before is not None:
            flow, flow_depth = flow_since(
                before, camera, planar, image.object_index, SKY_DEPTH_M, self.stage
            )
        return Render(smooth, image.object_index, planar, camera.focal, normal, flow, flow_depth)

    def _shade(
        self,
        image: _Image,
        top: int,
        bottom: int,
        camera: Camera,
        light: np.ndarray,
        shadows: tuple[ShadowMap, ShadowMap],
    ) -> None:
        """Colour the rows `top` to `bottom` - 1 of what is drawn; shadows rest, and move."""
        g, (resting, moving) = self.stage.geometry, shadows
        shading.shade_strip(
            top,
            bottom,
            image.depth,
            image.triangle,
            g.triangle_part,
            g.normals,
            g.origin,
            g.axes,
            g.size,
            g.color,
            g.material,
            g.object_index,
            g.is_round,
            camera.eye,
            camera.axes,
            camera.focal,
            light,
            resting.nearest,
            resting.frame,
            moving.nearest,
            moving.frame,
            self._lamps,
            self._lamp_frame,
            image.rgb,
            image.part,
            image.object_index,
            image.planar,
        )

    def _normals(self, triangle: np.ndarray, planar: np.ndarray, camera: Camera) -> np.ndarray:
        g = self.stage.geometry
        out = np.empty((*triangle.shape, 3), np.float32)
        in_strips(
            triangle.shape[0],
            lambda top, bottom: surface_normals(
                top,
                bottom,
                triangle,
                planar,
                g.triangle_part,
                g.normals,
                g.origin,
                g.axes,
                g.size,
                g.is_round,
                camera.eye,
                camera.axes,
                camera.focal,
                out,
            ),
        )
        return out


def _camera_axes(orientation: np.ndarray) -> np.ndarray:
    """Return (3, 3) rows right, down, forward of a camera that looks along its x."""
    turn = rotation_matrix(orientation)
    return np.ascontiguousarray(np.stack([turn[:, 1], turn[:, 2], turn[:, 0]]))


def _lamp_light(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Return the lamps' light on the ground and its frame; see `light.lamp_map`."""
    if not len(world.lamps):
        return np.zeros((2, 2), np.float32), np.array([0.0, 0.0, 1.0])
    low = world.lamps[:, :2].min(0) - 30.0
    reach = float((world.lamps[:, :2].max(0) + 30.0 - low).max())
    size = int(np.ceil(reach / _LAMP_SPACING_M)) + 2
    lit = lamp_map(world.lamps, low, _LAMP_SPACING_M, size)
    return lit, np.array([*low, _LAMP_SPACING_M])
