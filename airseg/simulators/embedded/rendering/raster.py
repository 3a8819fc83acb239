"""Visibility: which triangle each pixel sees, and how far away it is.

Camera coordinates are x right, y down, z forward. The depth buffer holds 1/z, which is linear on
the screen; greater is nearer. Each horizontal strip is drawn by one call, which takes parts in a
fixed order, so that the result does not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit
from airseg.simulators.embedded.rendering.occlusion import TILE, forget_tiles, is_hidden

NEAR_M = 0.05
"""Distance of the near plane, metres; triangles that cross it are cut."""

_NEAR_LEVEL_SIZE = 0.035
"""Parts that look smaller than this (radius over distance) take their far level of detail."""

_SMALLEST_SIZE = 0.0011
"""Parts that look smaller than this are not drawn: about a third of a pixel at 90 degrees."""


@njit(cache=True, nogil=True)
def select_parts(center, radius, level, eye, planes, indices, distances):  # noqa: ANN001, ANN201
    """Write the numbers and distances of the parts worth drawing; return how many.

    Args:
        center, radius, level: bounding spheres and levels of detail of all parts.
        eye: (3,) camera position.
        planes: (4, 3) unit normals of the frustum's sides, pointing inwards, through the eye.
        indices, distances: (P,) outputs.
    """
    count = 0
    for p in range(center.shape[0]):
        x = center[p, 0] - eye[0]
        y = center[p, 1] - eye[1]
        z = center[p, 2] - eye[2]
        r = radius[p]
        inside = True
        for k in range(4):
            if planes[k, 0] * x + planes[k, 1] * y + planes[k, 2] * z < -r:
                inside = False
                break
        if not inside:
            continue
        distance = np.sqrt(x * x + y * y + z * z)
        apparent = r / max(distance, 0.01)
        if apparent < _SMALLEST_SIZE:
            continue
        if level[p] == 1 and apparent < _NEAR_LEVEL_SIZE:
            continue
        if level[p] == 2 and apparent >= _NEAR_LEVEL_SIZE:
            continue
        indices[count] = p
        distances[count] = max(distance - r, 0.0)
        count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def draw_strip(  # noqa: ANN201
    order,  # noqa: ANN001
    bounds,  # noqa: ANN001
    nearest,  # noqa: ANN001
    vertices,  # noqa: ANN001
    triangles,  # noqa: ANN001
    normals,  # noqa: ANN001
    vertex_start,  # noqa: ANN001
    triangle_start,  # noqa: ANN001
    eye,  # noqa: ANN001
    axes,  # noqa: ANN001
    focal,  # noqa: ANN001
    most_vertices,  # noqa: ANN001
    top,  # noqa: ANN001
    bottom,  # noqa: ANN001
    depth,  # noqa: ANN001
    triangle,  # noqa: ANN001
):
    """Draw some rows of a view: the parts that can change a pixel there, near to far.

    Args:
        order, bounds, nearest: parts, see `occlusion.bound_parts`.
        vertices, triangles, normals, vertex_start, triangle_start: the world's geometry.
        eye: (3,) camera position; axes: (3, 3) rows right, down, forward; focal: pixels.
        most_vertices: of any part.
        top, bottom: the rows are `top` to `bottom` - 1; `top` is a multiple of `occlusion.TILE`.
        depth: (H, W) float32 output, 0 where nothing is; triangle: (H, W) int32 output, -1 there.
    """
    width = depth.shape[1]
    for y in range(top, bottom):
        for x in range(width):
            depth[y, x] = 0.0
            triangle[y, x] = -1
    tiles = np.zeros(((bottom - top + TILE - 1) // TILE, (width + TILE - 1) // TILE), np.float32)
    points = np.empty((most_vertices, 6))
    polygon, corners = np.empty((4, 3)), np.empty((3, 3))
    for n in range(order.shape[0]):
        if bounds[n, 3] < top or bounds[n, 2] >= bottom:
            continue
        if is_hidden(bounds[n], nearest[n], top, bottom, depth, tiles):
            continue
        _draw_part(
            order[n],
            vertices,
            triangles,
            normals,
            vertex_start,
            triangle_start,
            eye,
            axes,
            focal,
            top,
            bottom,
            points,
            polygon,
            corners,
            depth,
            triangle,
        )
        forget_tiles(bounds[n], top, bottom, tiles)


@njit(cache=True, nogil=True, error_model="numpy")
def _draw_part(  # noqa: ANN202
    p,  # noqa: ANN001
    vertices,  # noqa: ANN001
    triangles,  # noqa: ANN001
    normals,  # noqa: ANN001
    vertex_start,  # noqa: ANN001
    triangle_start,  # noqa: ANN001
    eye,  # noqa: ANN001
    axes,  # noqa: ANN001
    focal,  # noqa: ANN001
    top,  # noqa: ANN001
    bottom,  # noqa: ANN001
    points,  # noqa: ANN001
    polygon,  # noqa: ANN001
    corners,  # noqa: ANN001
    depth,  # noqa: ANN001
    triangle,  # noqa: ANN001
):
    """Draw the triangles of one part that face the camera."""
    half_width, half_height = 0.5 * depth.shape[1], 0.5 * depth.shape[0]
    begin = vertex_start[p]
    for v in range(begin, vertex_start[p + 1]):
        x = vertices[v, 0] - eye[0]
        y = vertices[v, 1] - eye[1]
        z = vertices[v, 2] - eye[2]
        for k in range(3):
            points[v - begin, k] = axes[k, 0] * x + axes[k, 1] * y + axes[k, 2] * z
        inverse = 1.0 / points[v - begin, 2]  # of use only in front of the near plane
        points[v - begin, 3] = half_width + focal * points[v - begin, 0] * inverse
        points[v - begin, 4] = half_height + focal * points[v - begin, 1] * inverse
        points[v - begin, 5] = inverse
    for t in range(triangle_start[p], triangle_start[p + 1]):
        v0 = triangles[t, 0]
        facing = (
            normals[t, 0] * (vertices[v0, 0] - eye[0])
            + normals[t, 1] * (vertices[v0, 1] - eye[1])
            + normals[t, 2] * (vertices[v0, 2] - eye[2])
        )
        if facing >= 0.0:
            continue
        a, b, c = v0 - begin, triangles[t, 1] - begin, triangles[t, 2] - begin
        behind = int(points[a, 2] < NEAR_M) + int(points[b, 2] < NEAR_M)
        behind += int(points[c, 2] < NEAR_M)
        if behind == 0:
            _fill(points[a, 3:], points[b, 3:], points[c, 3:], t, top, bottom, depth, triangle)
            continue
        if behind == 3:
            continue
        for j in range(3):
            corners[0, j], corners[1, j], corners[2, j] = points[a, j], points[b, j], points[c, j]
        n = _cut_at_near(corners, polygon)
        for i in range(n):
            inverse = 1.0 / polygon[i, 2]
            polygon[i, 0] = half_width + focal * polygon[i, 0] * inverse
            polygon[i, 1] = half_height + focal * polygon[i, 1] * inverse
            polygon[i, 2] = inverse
        for k in range(1, n - 1):
            _fill(polygon[0], polygon[k], polygon[k + 1], t, top, bottom, depth, triangle)


@njit(cache=True, nogil=True, error_model="numpy")
def _cut_at_near(corners, polygon):  # noqa: ANN001, ANN202
    """Cut a triangle at the near plane; write its 3 or 4 corners and return how many."""
    n = 0
    for k in range(3):
        nxt = (k + 1) % 3
        here, there = corners[k, 2], corners[nxt, 2]
        if here >= NEAR_M:
            for j in range(3):
                polygon[n, j] = corners[k, j]
            n += 1
        if (here >= NEAR_M) != (there >= NEAR_M):
            f = (NEAR_M - here) / (there - here)
            for j in range(3):
                polygon[n, j] = corners[k, j] + f * (corners[nxt, j] - corners[k, j])
            polygon[n, 2] = NEAR_M
            n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(a, b, c, number, top, bottom, depth, triangle):  # noqa: ANN001, ANN202
    """Draw one screen triangle, corners (x, y, 1/z), into rows `top` to `bottom` - 1."""
    ax, ay, az = a[0], a[1], a[2]
    bx, by, bz = b[0], b[1], b[2]
    cx, cy, cz = c[0], c[1], c[2]
    low, high = min(ay, by, cy), max(ay, by, cy)
    if high < top or low >= bottom:
        return
    left, right = min(ax, bx, cx), max(ax, bx, cx)
    if right < 0.0 or left >= depth.shape[1]:
        return
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if area == 0.0:
        return
    first = max(0, int(np.ceil(max(left, 0.0) - 0.5)))
    last = min(depth.shape[1] - 1, int(np.floor(min(right, 1e9) - 0.5)))
    start = max(top, int(np.ceil(max(low, 0.0) - 0.5)))
    stop = min(bottom - 1, int(np.floor(min(high, 1e9) - 0.5)))
    if first > last or start > stop:
        return
    inverse = 1.0 / area
    # Weights of a and b, and depth, change by a constant from pixel to pixel of a row.
    step_a = (by - cy) * inverse
    step_b = (cy - ay) * inverse
    step_c = -(step_a + step_b)
    step_z = step_a * (az - cz) + step_b * (bz - cz)
    wide = last - first >= 8
    for y in range(start, stop + 1):
        py = y + 0.5
        px = first + 0.5
        wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
        wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
        z = wa * az + wb * bz + (1.0 - wa - wb) * cz
        # The sums run from the same pixel in every strip, so that all agree to the last bit.
        begin, end = 0, last - first
        if wide:  # leave out what lies beside the triangle; the pixels at its rim are tested below
            least, most = 0.0, float(end)
            least, most = _narrowed(wa, step_a, least, most)
            least, most = _narrowed(wb, step_b, least, most)
            least, most = _narrowed(1.0 - wa - wb, step_c, least, most)
            begin, end = int(least), int(most)
        for k in range(end + 1):
            inside = k >= begin and wa >= 0.0 and wb >= 0.0 and wa + wb <= 1.0
            if inside and z > depth[y, first + k]:
                depth[y, first + k] = z
                triangle[y, first + k] = number
            wa += step_a
            wb += step_b
            z += step_z


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _narrowed(weight, step, least, most):  # noqa: ANN001, ANN202
    """Return the span, from pixel to pixel of a row, in which a weight can be positive."""
    if step > 0.0:
        least = max(least, min(-weight / step - 1.0, most + 1.0))
    elif step < 0.0:
        most = min(most, max(-weight / step + 1.0, least - 1.0))
    elif weight < 0.0:
        most = least - 1.0
    return least, most


@njit(cache=True, nogil=True)
def project_parallel(  # noqa: ANN201
    parts,  # noqa: ANN001
    vertices,  # noqa: ANN001
    triangles,  # noqa: ANN001
    triangle_start,  # noqa: ANN001
    origin,  # noqa: ANN001
    axes,  # noqa: ANN001
    scale,  # noqa: ANN001
    reach,  # noqa: ANN001
    screen,  # noqa: ANN001
):
    """Project the triangles of some parts along the third axis, for shadow maps.

    Args:
        parts: (n,) part numbers, which ones cast shadows.
        vertices, triangles, triangle_start: the geometry.
        origin, axes: middle of the map and its rows right, down, forward (away from the sun).
        scale: pixels per metre; reach: half the map's size in pixels.
        screen: (N, 9) output; the third value of a corner grows towards the sun, in metres.

    Returns:
        How many screen triangles were written.
    """
    count = 0
    for n in range(parts.shape[0]):
        for t in range(triangle_start[parts[n]], triangle_start[parts[n] + 1]):
            for c in range(3):
                v = triangles[t, c]
                x = vertices[v, 0] - origin[0]
                y = vertices[v, 1] - origin[1]
                z = vertices[v, 2] - origin[2]
                right = axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z
                down = axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z
                away = axes[2, 0] * x + axes[2, 1] * y + axes[2, 2] * z
                screen[count, 3 * c] = reach + scale * right
                screen[count, 3 * c + 1] = reach + scale * down
                screen[count, 3 * c + 2] = 10000.0 - away
            count += 1
    return count


@njit(cache=True, nogil=True)
def draw_map_strip(screen, count, top, bottom, depth, triangle):  # noqa: ANN001, ANN201
    """Draw rows `top` to `bottom` - 1 of a map.

    Args:
        screen: (N, 9) float64 from `project_parallel`; count: how many of them.
        top, bottom: the rows.
        depth: (H, W) float32 output, 0 where nothing is; triangle: (H, W) int32 scratch.
    """
    for y in range(top, bottom):
        for x in range(depth.shape[1]):
            depth[y, x] = 0.0
    for n in range(count):
        s = screen[n]
        _fill(s[0:3], s[3:6], s[6:9], n, top, bottom, depth, triangle)
