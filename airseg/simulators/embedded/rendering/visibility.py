"""Which triangle each pixel of a view sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.simulators.embedded.rendering import occlusion, raster
from airseg.simulators.embedded.rendering.optical_flow import Camera
from airseg.simulators.embedded.rendering.strips import in_strips
from airseg.simulators.embedded.scene.world import Geometry

_BOUNDED_AT_ONCE = 2048


@dataclass(frozen=True)
class Candidates:
    """The parts that a view may show, nearest first.

    Attributes:
        order: (n,) int32 part numbers.
        bounds, nearest: (n, 4) int32 and (n,) float64, see `occlusion.bound_parts`.
        most_vertices: of any part.
    """

    order: np.ndarray
    bounds: np.ndarray
    nearest: np.ndarray
    most_vertices: int


def find_candidates(g: Geometry, camera: Camera, width: int, height: int) -> Candidates:
    """Return the parts of a stage that lie within a view and are worth drawing."""
    indices = np.empty(len(g.radius), np.int32)
    distances = np.empty(len(g.radius))
    planes = _frustum_planes(camera, width, height)
    count = raster.select_parts(g.center, g.radius, g.level, camera.eye, planes, indices, distances)
    order = indices[:count][np.argsort(distances[:count], kind="stable")]
    bounds, nearest = np.empty((count, 4), np.int32), np.empty(count)

    def bound(first: int, last: int) -> None:
        occlusion.bound_parts(
            order[first:last],
            g.origin,
            g.axes,
            g.size,
            g.low,
            g.high,
            camera.eye,
            camera.axes,
            camera.focal,
            width,
            height,
            bounds[first:last],
            nearest[first:last],
        )

    in_strips(count, bound, _BOUNDED_AT_ONCE)
    return Candidates(order, bounds, nearest, int(np.diff(g.vertex_start).max()))


def draw_strip(
    g: Geometry,
    camera: Camera,
    candidates: Candidates,
    top: int,
    bottom: int,
    depth: np.ndarray,
    triangle: np.ndarray,
) -> None:
    """Fill rows of (H, W) `depth` and `triangle`, see `raster.draw_strip`."""
    raster.draw_strip(
        candidates.order,
        candidates.bounds,
        candidates.nearest,
        g.vertices,
        g.triangles,
        g.normals,
        g.vertex_start,
        g.triangle_start,
        camera.eye,
        camera.axes,
        camera.focal,
        candidates.most_vertices,
        top,
        bottom,
        depth,
        triangle,
    )


def _frustum_planes(camera: Camera, width: int, height: int) -> np.ndarray:
    """Return the (4, 3) inward normals of the view's sides."""
    right, down, forward = camera.axes
    x, y = 0.5 * width / camera.focal, 0.5 * height / camera.focal
    planes = np.stack(
        [right + x * forward, -right + x * forward, down + y * forward, -down + y * forward]
    )
    return planes / np.linalg.norm(planes, axis=1, keepdims=True)
