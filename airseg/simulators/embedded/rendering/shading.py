"""Light: turns visible triangles into colour, object numbers and depth, pixel by pixel."""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit
from airseg.simulators.embedded.rendering.coloring import color_run
from airseg.simulators.embedded.rendering.light import (
    EXPOSURE,
    LEAF_COVER,
    NIGHT,
    SNOW_COVER,
)
from airseg.simulators.embedded.rendering.light import WET as WET_GROUND
from airseg.simulators.embedded.rendering.materials import (
    GLASS,
    LAMP,
    LEAVES,
    NEEDLES,
    PAINT,
    SHINGLES,
    TILES,
    WATER,
    cell_noise,
    fade,
    smooth_noise,
)
from airseg.simulators.embedded.rendering.runs import (
    DOWN,
    EAST,
    FOOTPRINT,
    LAMPS,
    LENGTH,
    NORTH,
    NX,
    NY,
    NZ,
    RUN,
    RUN_SIZE,
    SLANT,
    SUN,
    B,
    G,
    R,
    U,
    V,
    W,
    Z,
)
from airseg.simulators.embedded.rendering.sky import BLOCK, color_sky, sky_color, tone
from airseg.simulators.embedded.rendering.sunlight import lamp_run, sun_run
from airseg.simulators.embedded.rendering.surface_weather import weather_run, wet_run

SKY_DEPTH_M = 65504.0
"""Depth of pixels that see nothing: the largest half float, as AirSim delivers it."""


@njit(cache=True, nogil=True, error_model="numpy")
def _place_run(  # noqa: ANN202
    row,  # noqa: ANN001
    first,  # noqa: ANN001
    n,  # noqa: ANN001
    depth,  # noqa: ANN001
    triangle,  # noqa: ANN001
    normals,  # noqa: ANN001
    part_origin,  # noqa: ANN001
    part_axes,  # noqa: ANN001
    part_size,  # noqa: ANN001
    part_material,  # noqa: ANN001
    part_round,  # noqa: ANN001
    p,  # noqa: ANN001
    eye,  # noqa: ANN001
    axes,  # noqa: ANN001
    focal,  # noqa: ANN001
    s,  # noqa: ANN001
):
    """Write where each pixel of a run is, on its part and in the world, and how it faces."""
    height, width = depth.shape
    for k in range(n):
        s[Z + k] = 1.0 / depth[row, first + k]
        t = triangle[row, first + k]
        s[NX + k], s[NY + k], s[NZ + k] = normals[t, 0], normals[t, 1], normals[t, 2]
    # All that is the same for the whole run, as single numbers.
    eye_x, eye_y, eye_z = eye[0], eye[1], eye[2]
    right_x, right_y, right_z = axes[0, 0], axes[0, 1], axes[0, 2]
    cy = (row + 0.5 - 0.5 * height) / focal
    below_x, below_y, below_z = axes[1, 0] * cy, axes[1, 1] * cy, axes[1, 2] * cy
    ahead_x, ahead_y, ahead_z = axes[2, 0], axes[2, 1], axes[2, 2]
    origin_x, origin_y, origin_z = part_origin[p, 0], part_origin[p, 1], part_origin[p, 2]
    a = part_axes[p]
    ux, uy, uz = np.float64(a[0, 0]), np.float64(a[0, 1]), np.float64(a[0, 2])
    vx, vy, vz = np.float64(a[1, 0]), np.float64(a[1, 1]), np.float64(a[1, 2])
    wx, wy, wz = np.float64(a[2, 0]), np.float64(a[2, 1]), np.float64(a[2, 2])
    half_u, half_v = 0.5 * part_size[p, 0], 0.5 * part_size[p, 1]
    square_u, square_v = half_u * half_u, half_v * half_v
    square_w = np.float64(part_size[p, 2] * part_size[p, 2])
    is_round = part_round[p]
    is_roof = part_material[p] == TILES or part_material[p] == SHINGLES
    for k in range(n):
        z = s[Z + k]
        cx = (first + k + 0.5 - 0.5 * width) / focal
        dx = right_x * cx + below_x + ahead_x
        dy = right_y * cx + below_y + ahead_y
        dz = right_z * cx + below_z + ahead_z
        length = np.sqrt(dx * dx + dy * dy + dz * dz)
        px, py, pz = eye_x + dx * z, eye_y + dy * z, eye_z + dz * z
        ox, oy, oz = px - origin_x, py - origin_y, pz - origin_z
        lu = ux * ox + uy * oy + uz * oz
        lv = vx * ox + vy * oy + vz * oz
        lw = wx * ox + wy * oy + wz * oz
        nx, ny, nz = s[NX + k], s[NY + k], s[NZ + k]
        if is_round:
            nu = lu / square_u
            nv = lv / square_v
            nw = lw * 4.0 / square_w
            nx = ux * nu + vx * nv + wx * nw
            ny = uy * nu + vy * nv + wy * nw
            nz = uz * nu + vz * nv + wz * nw
        # Texture coordinates: the two axes of the face, v up the wall or along the slope.
        wu = abs(ux * nx + uy * ny + uz * nz)
        wv = abs(vx * nx + vy * ny + vz * nz)
        ww = abs(wx * nx + wy * ny + wz * nz)
        lies = ww >= wu and ww >= wv
        u = lu if lies else (lv if wu >= wv else lu)
        v = lv if lies else -lw
        w = lw if lies else (lu if wu >= wv else lv)
        if is_roof:
            u = lv if wu > wv else lu
            v = (lu if wu > wv else lv) / max(ww, 0.2)
            v = lw if ww < 0.1 else v
            w = lw
        # A surface seen at a slant spreads each pixel over a longer stretch.
        norm = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
        nx, ny, nz = nx / norm, ny / norm, nz / norm
        slant = abs(nx * dx + ny * dy + nz * dz) / length
        s[LENGTH + k] = length
        s[U + k], s[V + k], s[W + k] = u, v, w
        s[NORTH + k], s[EAST + k], s[DOWN + k] = px, py, pz
        s[NX + k], s[NY + k], s[NZ + k] = nx, ny, nz
        s[FOOTPRINT + k] = z * length / focal * (1.0 / max(np.sqrt(slant), 0.15))
        s[SLANT + k] = slant


@njit(cache=True, nogil=True, error_model="numpy")
def _rough_run(n, s):  # noqa: ANN001, ANN202
    """Turn the normals of leaves this way and that."""
    for k in range(n):
        u, v, w = s[U + k], s[V + k], s[W + k]
        rough = 1.1 * fade(0.35, s[FOOTPRINT + k])
        nx = s[NX + k] + rough * (smooth_noise((u + w) * 5.0, v * 5.0) - 0.5)
        ny = s[NY + k] + rough * (smooth_noise(u * 5.0 + 31.0, (v + w) * 5.0) - 0.5)
        nz = s[NZ + k] + rough * (smooth_noise(u * 5.0 + 57.0, (w - v) * 5.0) - 0.5)
        norm = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
        s[NX + k], s[NY + k], s[NZ + k] = nx / norm, ny / norm, nz / norm


@njit(cache=True, nogil=True, error_model="numpy")
def _light_run(n, material, light, s):  # noqa: ANN001, ANN202
    """Turn albedo into light."""
    day, night = light[6], light[NIGHT]
    through = 1.0 - 0.8 * light[8]
    sun_r, sun_g, sun_b = light[3], light[4], light[5]
    is_lamp = material == LAMP
    glow = 0.25 + 2.2 * night
    for k in range(n):
        r, g, b = s[R + k], s[G + k], s[B + k]
        sun = s[SUN + k] * through
        nz = s[NZ + k]
        facing_up = 0.5 - 0.5 * nz
        # Walls and trunks darken towards the ground, where less of the sky is seen.
        low = 0.72 + 0.28 * min(max(-s[DOWN + k], 0.0) / 1.2, 1.0) if nz > -0.7 else 1.0
        ambient = day * low
        lr = (0.13 + 0.17 * facing_up) * ambient + 1.55 * sun * sun_r + 0.006
        lg = (0.13 + 0.22 * facing_up) * ambient + 1.45 * sun * sun_g + 0.007
        lb = (0.12 + 0.31 * facing_up) * ambient + 1.25 * sun * sun_b + 0.010
        if night > 0.0:
            lamp = night * s[LAMPS + k]
            lr, lg, lb = lr + 0.85 * lamp, lg + 0.62 * lamp, lb + 0.34 * lamp
        cr, cg, cb = r * lr, g * lg, b * lb
        if is_lamp:
            cr, cg, cb = max(cr, r * glow), max(cg, 0.85 * g * glow), max(cb, 0.6 * b * glow)
        s[R + k], s[G + k], s[B + k] = cr, cg, cb


@njit(cache=True, nogil=True, error_model="numpy")
def _mirror_run(n, material, eye, light, s, sky):  # noqa: ANN001, ANN202
    """Let glass, water and paint mirror the sky."""
    for k in range(n):
        px, py, z, length = s[NORTH + k], s[EAST + k], s[Z + k], s[LENGTH + k]
        dx, dy = (px - eye[0]) / z / length, (py - eye[1]) / z / length
        dz = (s[DOWN + k] - eye[2]) / z / length
        nx, ny, nz = s[NX + k], s[NY + k], s[NZ + k]
        if material == WATER:
            swell = 0.07 * fade(0.4, s[FOOTPRINT + k])
            nx += swell * (smooth_noise(px * 3.1, py * 3.1) - 0.5)
            ny += swell * (smooth_noise(px * 3.1 + 17.0, py * 3.1) - 0.5)
        along = dx * nx + dy * ny + dz * nz
        rx, ry = dx - 2.0 * along * nx, dy - 2.0 * along * ny
        rz = dz - 2.0 * along * nz
        mirror = (1.0 - min(abs(along), 1.0)) ** 4
        strength = 0.10 + 0.75 * mirror if material != PAINT else 0.05 + 0.35 * mirror
        if rz < 0.0:
            sky_color(rx, ry, rz, light, sky)
        else:
            sky[0], sky[1], sky[2] = 0.09 * light[6], 0.10 * light[6], 0.08 * light[6]
        s[R + k] += (sky[0] - s[R + k]) * strength
        s[G + k] += (sky[1] - s[G + k]) * strength
        s[B + k] += (sky[2] - s[B + k]) * strength


@njit(cache=True, nogil=True, error_model="numpy")
def _show_run(row, first, n, light, s, rgb, planar):  # noqa: ANN001, ANN202
    """Lay haze before a run and write its colour and depth."""
    haze_r, haze_g, haze_b = light[9] * light[6], light[10] * light[6], light[11] * light[6]
    for k in range(n):
        thick = 1.0 - np.exp(-(s[Z + k] * s[LENGTH + k]) * light[7])
        r, g, b = s[R + k], s[G + k], s[B + k]
        rgb[row, first + k, 0] = tone((r + (haze_r - r) * thick) * light[EXPOSURE])
        rgb[row, first + k, 1] = tone((g + (haze_g - g) * thick) * light[EXPOSURE])
        rgb[row, first + k, 2] = tone((b + (haze_b - b) * thick) * light[EXPOSURE])
        planar[row, first + k] = s[Z + k]


@njit(cache=True, nogil=True, error_model="numpy")
def shade_strip(  # noqa: ANN201
    top,  # noqa: ANN001
    bottom,  # noqa: ANN001
    depth,  # noqa: ANN001
    triangle,  # noqa: ANN001
    triangle_part,  # noqa: ANN001
    normals,  # noqa: ANN001
    part_origin,  # noqa: ANN001
    part_axes,  # noqa: ANN001
    part_size,  # noqa: ANN001
    part_color,  # noqa: ANN001
    part_material,  # noqa: ANN001
    part_object,  # noqa: ANN001
    part_round,  # noqa: ANN001
    eye,  # noqa: ANN001
    axes,  # noqa: ANN001
    focal,  # noqa: ANN001
    light,  # noqa: ANN001
    shadow_map,  # noqa: ANN001
    shadow_frame,  # noqa: ANN001
    moving_map,  # noqa: ANN001
    moving_frame,  # noqa: ANN001
    lamps,  # noqa: ANN001
    lamp_frame,  # noqa: ANN001
    rgb,  # noqa: ANN001
    part,  # noqa: ANN001
    object_index,  # noqa: ANN001
    planar,  # noqa: ANN001
):
    """Shade the pixels of some rows.

    Args:
        top, bottom: the rows are `top` to `bottom` - 1.
        depth, triangle: what `raster.draw_strip` left.
        triangle_part, normals, part_*: the world's geometry, see `world.Geometry`.
        eye, axes, focal: the camera, see `raster.draw_strip`.
        light: (19,) float64, see `light.light_vector`.
        shadow_map, shadow_frame: of what rests; moving_map, moving_frame: of what moves; see
            `shadows.ShadowMap`.
        lamps, lamp_frame: see `light.lamp_map`; the frame is its first north and east, and metres.
        rgb: (H, W, 3) uint8 output; part: (H, W) int32 output, -1 for the sky;
        object_index: (H, W) uint16 output; planar: (H, W) float32 output, metres.
    """
    width = depth.shape[1]
    sky, s = np.empty(3), np.empty(RUN_SIZE)
    red, green, blue = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    has_weather = light[SNOW_COVER] > 0.0 or light[WET_GROUND] > 0.0 or light[LEAF_COVER] > 0.0
    for row in range(top, bottom):
        last = 0
        while last < width:
            first = last
            t = triangle[row, first]
            p = triangle_part[t] if t >= 0 else -1
            while last < width and last - first < RUN:
                t = triangle[row, last]
                if (triangle_part[t] if t >= 0 else -1) != p:
                    break
                part[row, last] = p
                object_index[row, last] = part_object[p] if p >= 0 else 0
                last += 1
            if p < 0:
                color_sky(row, first, last, axes, focal, light, red, green, blue, rgb)
                planar[row, first:last] = SKY_DEPTH_M
                continue
            n = last - first
            _place_run(
                row,
                first,
                n,
                depth,
                triangle,
                normals,
                part_origin,
                part_axes,
                part_size,
                part_material,
                part_round,
                p,
                eye,
                axes,
                focal,
                s,
            )
            color_run(
                part_material[p],
                np.float64(part_color[p, 0]),
                np.float64(part_color[p, 1]),
                np.float64(part_color[p, 2]),
                0.5 * part_size[p, 0],
                0.5 * part_size[p, 1],
                n,
                s,
            )
            material = part_material[p]
            if material == LEAVES or material == NEEDLES:
                _rough_run(n, s)
            if has_weather:
                weather_run(n, material, part_round[p], light, s)
            sun_run(n, light, shadow_map, shadow_frame, moving_map, moving_frame, s)
            if light[NIGHT] > 0.0:
                lamp_run(n, lamps, lamp_frame, s)
            _light_run(n, material, light, s)
            # Somebody is at home behind two windows of five.
            at_home = cell_noise(part_origin[p, 0] * 3.0, part_origin[p, 1] * 3.0) > 0.6
            if material == GLASS and light[NIGHT] > 0.0 and at_home:
                glow = 0.5 * light[NIGHT]
                for k in range(n):
                    s[R + k] += glow
                    s[G + k] += 0.7 * glow
                    s[B + k] += 0.35 * glow
            if has_weather:
                wet_run(n, light, s)
            if material == GLASS or material == WATER or material == PAINT:
                _mirror_run(n, material, eye, light, s, sky)
            _show_run(row, first, n, light, s, rgb, planar)


@njit(cache=True, nogil=True, error_model="numpy")
def smooth_edges(top, bottom, rgb, part, out):  # noqa: ANN001, ANN201
    """Soften the stairs at silhouettes of the colour image; everything else is copied.

    Args:
        top, bottom: the rows are `top` to `bottom` - 1.
        rgb: (H, W, 3) uint8; part: (H, W) int32.
        out: (H, W, 3) uint8 output.
    """
    height, width = part.shape
    for row in range(top, bottom):
        for column in range(width):
            up, down = max(row - 1, 0), min(row + 1, height - 1)
            left, right = max(column - 1, 0), min(column + 1, width - 1)
            p = part[row, column]
            edge = (
                part[up, column] != p
                or part[down, column] != p
                or part[row, left] != p
                or part[row, right] != p
            )
            for c in range(3):
                middle = np.int32(rgb[row, column, c])
                if edge:
                    near = np.int32(rgb[up, column, c]) + np.int32(rgb[down, column, c])
                    near += np.int32(rgb[row, left, c]) + np.int32(rgb[row, right, c])
                    middle = (4 * middle + near + 4) // 8
                out[row, column, c] = np.uint8(middle)
