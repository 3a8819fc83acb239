"""Visibility: which triangle each pixel sees, and how far away it is.

Camera coordinates are x right, y down, z forward. The depth buffer holds 1/z, which is linear on
the screen; greater is nearer. Pixels belong to horizontal bands that threads fill one each, and a
band takes triangles in a fixed order, so that the result does not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.kernels import njit, prange

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


@njit(cache=True, nogil=True, parallel=True)
def project_perspective(  # noqa: ANN201
    order,  # noqa: ANN001
    vertices,  # noqa: ANN001
    triangles,  # noqa: ANN001
    normals,  # noqa: ANN001
    vertex_start,  # noqa: ANN001
    triangle_start,  # noqa: ANN001
    eye,  # noqa: ANN001
    axes,  # noqa: ANN001
    focal,  # noqa: ANN001
    width,  # noqa: ANN001
    height,  # noqa: ANN001
    camera_points,  # noqa: ANN001
    screen,  # noqa: ANN001
    source,  # noqa: ANN001
    starts,  # noqa: ANN001
    counts,  # noqa: ANN001
):
    """Turn the triangles of the selected parts into screen triangles.

    The parts are shared out in as many runs as `counts` has room for. Each run writes where it
    cannot meet the others, so that the result does not depend on the number of threads.

    Args:
        order: (n,) part numbers, nearest first.
        vertices, triangles, normals, vertex_start, triangle_start: the world's geometry.
        eye: (3,) camera position; axes: (3, 3) rows right, down, forward.
        focal: focal length in pixels; width, height: pixels.
        camera_points: (V, 3) scratch.
        screen: (N, 9) output, x y 1/z of each corner; source: (N,) output, triangle numbers. There
            must be room for two of each triangle of the selected parts.
        starts, counts: (R,) int64 outputs, where each run begins and how many it wrote.
    """
    runs = counts.shape[0]
    firsts = np.empty(runs + 1, np.int64)
    total = 0
    for s in range(order.shape[0]):
        total += triangle_start[order[s] + 1] - triangle_start[order[s]]
    done, run = 0, 0
    for s in range(order.shape[0]):
        while run < runs and done * runs >= total * run:
            firsts[run] = s
            starts[run] = 2 * done
            run += 1
        done += triangle_start[order[s] + 1] - triangle_start[order[s]]
    while run <= runs:
        firsts[run] = order.shape[0]
        if run < runs:
            starts[run] = 2 * done
        run += 1
    for n in prange(runs):
        count = starts[n]
        polygon = np.empty((4, 3))
        corners = np.empty((3, 3))
        for s in range(firsts[n], firsts[n + 1]):
            count = _project_part(
                order[s],
                vertices,
                triangles,
                normals,
                vertex_start,
                triangle_start,
                eye,
                axes,
                focal,
                width,
                height,
                camera_points,
                screen,
                source,
                count,
                polygon,
                corners,
            )
        counts[n] = count - starts[n]


@njit(cache=True, nogil=True)
def _project_part(  # noqa: ANN202
    p,  # noqa: ANN001
    vertices,  # noqa: ANN001
    triangles,  # noqa: ANN001
    normals,  # noqa: ANN001
    vertex_start,  # noqa: ANN001
    triangle_start,  # noqa: ANN001
    eye,  # noqa: ANN001
    axes,  # noqa: ANN001
    focal,  # noqa: ANN001
    width,  # noqa: ANN001
    height,  # noqa: ANN001
    camera_points,  # noqa: ANN001
    screen,  # noqa: ANN001
    source,  # noqa: ANN001
    count,  # noqa: ANN001
    polygon,  # noqa: ANN001
    corners,  # noqa: ANN001
):
    """Project one part; write from `count` on and return the next free place."""
    half_width, half_height = 0.5 * width, 0.5 * height
    for v in range(vertex_start[p], vertex_start[p + 1]):
        x = vertices[v, 0] - eye[0]
        y = vertices[v, 1] - eye[1]
        z = vertices[v, 2] - eye[2]
        for k in range(3):
            camera_points[v, k] = axes[k, 0] * x + axes[k, 1] * y + axes[k, 2] * z
    for t in range(triangle_start[p], triangle_start[p + 1]):
        v0 = triangles[t, 0]
        facing = (
            normals[t, 0] * (vertices[v0, 0] - eye[0])
            + normals[t, 1] * (vertices[v0, 1] - eye[1])
            + normals[t, 2] * (vertices[v0, 2] - eye[2])
        )
        if facing >= 0.0:
            continue
        behind = 0
        for k in range(3):
            for j in range(3):
                corners[k, j] = camera_points[triangles[t, k], j]
            if corners[k, 2] < NEAR_M:
                behind += 1
        if behind == 3:
            continue
        n = _cut_at_near(corners, polygon, behind)
        for k in range(1, n - 1):
            for c in range(3):
                i = 0 if c == 0 else k + c - 1
                inverse = 1.0 / polygon[i, 2]
                screen[count, 3 * c] = half_width + focal * polygon[i, 0] * inverse
                screen[count, 3 * c + 1] = half_height + focal * polygon[i, 1] * inverse
                screen[count, 3 * c + 2] = inverse
            source[count] = t
            if _touches_screen(screen[count], width, height):
                count += 1
    return count


@njit(cache=True, nogil=True, inline="always")
def _touches_screen(s, width, height):  # noqa: ANN001, ANN202
    low_x = min(s[0], s[3], s[6])
    high_x = max(s[0], s[3], s[6])
    low_y = min(s[1], s[4], s[7])
    high_y = max(s[1], s[4], s[7])
    return low_x < width and high_x > 0.0 and low_y < height and high_y > 0.0


@njit(cache=True, nogil=True)
def _cut_at_near(corners, polygon, behind):  # noqa: ANN001, ANN202
    """Cut a triangle at the near plane; write its 3 or 4 corners and return how many."""
    if behind == 0:
        for k in range(3):
            for j in range(3):
                polygon[k, j] = corners[k, j]
        return 3
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


@njit(cache=True, nogil=True, parallel=True)
def rasterize(screen, source, starts, counts, bands, depth, triangle):  # noqa: ANN001, ANN201
    """Fill the depth buffer (greater is nearer) and the triangle number of each pixel.

    Args:
        screen: (N, 9) float64 from a projection; source: (N,) int32.
        starts, counts: (R,) int64, the runs of triangles to draw.
        bands: number of horizontal bands.
        depth: (H, W) float32 output, 0 where nothing is; triangle: (H, W) int32 output, -1 there.
    """
    height, width = depth.shape
    rows = (height + bands - 1) // bands
    half = (bands + 1) // 2
    for turn in prange(bands):
        # Neighbouring bands go to different threads: the ground costs more than the sky.
        band = 2 * turn if turn < half else 2 * (turn - half) + 1
        top = band * rows
        bottom = min(height, top + rows)
        for y in range(top, bottom):
            for x in range(width):
                depth[y, x] = 0.0
                triangle[y, x] = -1
        for run in range(starts.shape[0]):
            for n in range(starts[run], starts[run] + counts[run]):
                ay, by, cy = screen[n, 1], screen[n, 4], screen[n, 7]
                low = min(ay, by, cy)
                high = max(ay, by, cy)
                if high < top or low >= bottom:
                    continue
                ax, bx, cx = screen[n, 0], screen[n, 3], screen[n, 6]
                area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
                if area == 0.0:
                    continue
                first = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
                last = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
                start = max(top, int(np.ceil(low - 0.5)))
                stop = min(bottom - 1, int(np.floor(high - 0.5)))
                if first > last or start > stop:
                    continue
                inverse = 1.0 / area
                az, bz, cz = screen[n, 2], screen[n, 5], screen[n, 8]
                # Weights of a and b, and depth, change by a constant from pixel to pixel of a row.
                step_a = (by - cy) * inverse
                step_b = (cy - ay) * inverse
                step_z = step_a * (az - cz) + step_b * (bz - cz)
                for y in range(start, stop + 1):
                    py = y + 0.5
                    px = first + 0.5
                    wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
                    wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
                    z = wa * az + wb * bz + (1.0 - wa - wb) * cz
                    for x in range(first, last + 1):
                        if wa >= 0.0 and wb >= 0.0 and wa + wb <= 1.0 and z > depth[y, x]:
                            depth[y, x] = z
                            triangle[y, x] = source[n]
                        wa += step_a
                        wb += step_b
                        z += step_z
