"""Which way the surface that each pixel sees is facing."""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit


@njit(cache=True, nogil=True)
def surface_normals(  # noqa: ANN201
    top,  # noqa: ANN001
    bottom,  # noqa: ANN001
    triangle,  # noqa: ANN001
    planar,  # noqa: ANN001
    triangle_part,  # noqa: ANN001
    normals,  # noqa: ANN001
    part_origin,  # noqa: ANN001
    part_axes,  # noqa: ANN001
    part_size,  # noqa: ANN001
    part_round,  # noqa: ANN001
    eye,  # noqa: ANN001
    axes,  # noqa: ANN001
    focal,  # noqa: ANN001
    out,  # noqa: ANN001
):
    """Write the unit normal, NED, of what each pixel of some rows sees; 0 for the sky.

    Args:
        top, bottom: the rows are `top` to `bottom` - 1.
        triangle, planar: what each pixel sees, and how far it is.
        triangle_part, normals, part_*: the world's geometry, see `world.Geometry`.
        eye, axes, focal: the camera, see `raster.draw_strip`.
        out: (H, W, 3) float32 output.
    """
    height, width = triangle.shape
    for row in range(top, bottom):
        for column in range(width):
            t = triangle[row, column]
            if t < 0:
                out[row, column, 0] = 0.0
                out[row, column, 1] = 0.0
                out[row, column, 2] = 0.0
                continue
            p = triangle_part[t]
            nx, ny, nz = normals[t, 0], normals[t, 1], normals[t, 2]
            if part_round[p]:
                z = planar[row, column]
                cx = (column + 0.5 - 0.5 * width) / focal
                cy = (row + 0.5 - 0.5 * height) / focal
                a = part_axes[p]
                nx, ny, nz = 0.0, 0.0, 0.0
                for k in range(3):
                    along = 0.0
                    for j in range(3):
                        ray = axes[0, j] * cx + axes[1, j] * cy + axes[2, j]
                        along += a[k, j] * (eye[j] + ray * z - part_origin[p, j])
                    along *= 4.0 / (part_size[p, k] * part_size[p, k])
                    nx += a[k, 0] * along
                    ny += a[k, 1] * along
                    nz += a[k, 2] * along
            norm = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
            out[row, column, 0] = nx / norm
            out[row, column, 1] = ny / norm
            out[row, column, 2] = nz / norm
