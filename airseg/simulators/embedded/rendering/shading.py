"""Light: turns visible triangles into colour, object numbers and depth, pixel by pixel."""

from __future__ import annotations

import numpy as np

from airseg.simulators.embedded.kernels import njit, prange
from airseg.simulators.embedded.rendering.light import (
    CLOUD_DRIFT,
    EXPOSURE,
    HAZE_COLOR,
    LEAF_COVER,
    NIGHT,
    SNOW_COVER,
    WET,
)
from airseg.simulators.embedded.rendering.materials import (
    CROSSING,
    GLASS,
    LAMP,
    LAWN,
    LEAVES,
    NEEDLES,
    PAINT,
    PAVING,
    SHINGLES,
    STREET,
    TILES,
    WATER,
    cell_noise,
    fade,
    smooth_noise,
    surface_color,
)

SKY_DEPTH_M = 65504.0
"""Depth of pixels that see nothing: the largest half float, as AirSim delivers it."""


@njit(cache=True, nogil=True)
def sky_color(dx, dy, dz, light, out):  # noqa: ANN001, ANN201
    """Write the linear colour of the sky in a unit direction; `light` as in `shade`."""
    up = max(-dz, 0.0)
    horizon = (1.0 - up) ** 4
    day = light[6]
    r = (0.16 + 0.46 * horizon) * day + 0.004
    g = (0.33 + 0.37 * horizon) * day + 0.006
    b = (0.78 + 0.10 * horizon) * day + 0.016
    toward_sun = dx * light[0] + dy * light[1] + dz * light[2]
    if toward_sun > 0.0:
        halo = toward_sun**24 * 0.25 + toward_sun**400 * 1.2
        r += halo * light[3]
        g += halo * light[4] * 0.9
        b += halo * light[5] * 0.75
    if up > 0.02:
        x = dx / (up + 0.12) * 1.1 + light[CLOUD_DRIFT]
        y = dy / (up + 0.12) * 1.1 + light[CLOUD_DRIFT + 1]
        n = 0.5 * smooth_noise(x + 3.1, y) + 0.27 * smooth_noise(x * 2.3, y * 2.3 + 9.0)
        n += 0.15 * smooth_noise(x * 5.1, y * 5.1) + 0.08 * smooth_noise(x * 11.3, y * 11.3)
        cover = min(max((n - 0.47 + 0.25 * light[8]) / 0.24, 0.0), 1.0)
        cover *= min(up * 5.0, 1.0)
        lit = (0.62 + 0.38 * (1.0 - cover * 0.6)) * day
        r += (0.92 * lit - r) * cover * 0.85
        g += (0.93 * lit - g) * cover * 0.85
        b += (0.97 * lit - b) * cover * 0.85
    if light[NIGHT] > 0.0 and up > 0.05:
        x, y = dx / (up + 0.3) * 140.0, dy / (up + 0.3) * 140.0
        if cell_noise(np.floor(x), np.floor(y)) > 0.9965:
            star = light[NIGHT] * 0.35 * cell_noise(np.floor(x) + 7.0, np.floor(y))
            r, g, b = r + star, g + star, b + star
    out[0], out[1], out[2] = r, g, b


@njit(cache=True, nogil=True)
def _shadow(shadow_map, shadow_frame, px, py, pz, slope):  # noqa: ANN001, ANN202
    """Return how much sun reaches a spot, 0 to 1, from a 3x3 neighbourhood of the map.

    `shadow_frame` holds rows right, down, away, then the map's middle and its pixels per metre.
    """
    x = px - shadow_frame[3, 0]
    y = py - shadow_frame[3, 1]
    z = pz - shadow_frame[3, 2]
    scale = shadow_frame[4, 0]
    size = shadow_map.shape[0]
    right = shadow_frame[0, 0] * x + shadow_frame[0, 1] * y + shadow_frame[0, 2] * z
    down = shadow_frame[1, 0] * x + shadow_frame[1, 1] * y + shadow_frame[1, 2] * z
    away = shadow_frame[2, 0] * x + shadow_frame[2, 1] * y + shadow_frame[2, 2] * z
    column = int(np.floor(0.5 * size + scale * right))
    row = int(np.floor(0.5 * size + scale * down))
    if column < 1 or row < 1 or column >= size - 1 or row >= size - 1:
        return 1.0  # outside the map, or nothing moves
    bias = (0.6 + 2.2 * slope) / scale
    limit = 10000.0 - away + bias
    lit = 0
    for j in range(-1, 2):
        for i in range(-1, 2):
            if shadow_map[row + j, column + i] <= limit:
                lit += 1
    return lit / 9.0


@njit(cache=True, nogil=True)
def _weathered(r, g, b, px, py, pz, nz, material, footprint, light, is_round):  # noqa: ANN001, ANN202
    """Return an albedo under rain, snow and leaves, and how much the surface mirrors."""
    wet = 0.0
    flat = material <= PAVING
    if light[WET] > 0.0 and nz < -0.6:
        pool = smooth_noise(px * 0.23, py * 0.23) if flat else 0.3
        wet = light[WET] * min(max(1.6 * pool - 0.15, 0.12), 1.0)
        if material == LAWN or is_round:
            wet *= 0.15
        dark = 1.0 - 0.45 * light[WET]
        r, g, b = r * dark, g * dark, b * dark
    if light[LEAF_COVER] > 0.0 and flat and nz < -0.6:
        i, j = np.floor(px * 9.0), np.floor(py * 9.0)
        # Each cell holds at most one leaf, an ellipse somewhere within it.
        along = px * 9.0 - i - 0.5 + 0.4 * (cell_noise(i + 3.0, j) - 0.5)
        across = py * 9.0 - j - 0.5 + 0.4 * (cell_noise(i, j + 3.0) - 0.5)
        turn = 6.28318 * cell_noise(i + 17.0, j)
        c, s = np.cos(turn), np.sin(turn)
        lying = (c * along + s * across) ** 2 / 0.14 + (c * across - s * along) ** 2 / 0.045 < 1.0
        near = fade(0.13, footprint)
        share = light[LEAF_COVER] * (0.15 + 1.1 * smooth_noise(px * 0.3, py * 0.3))
        shown = (1.0 if lying and cell_noise(i, j) < share else 0.0) * near
        shown += 0.22 * share * (1.0 - near)
        hue = cell_noise(i + 5.0, j + 9.0)
        r += (0.22 + 0.25 * hue - r) * shown
        g += (0.07 + 0.13 * hue - g) * shown
        b += (0.03 - b) * shown
    if light[SNOW_COVER] > 0.0:
        lies = min(max((-nz - 0.25) * 2.2, 0.0), 1.0)
        patch = 0.6 * smooth_noise(px * 0.7, py * 0.7) + 0.4 * smooth_noise(px * 3.0, py * 3.0)
        cover = min(max((light[SNOW_COVER] * 1.5 - patch) * 3.0, 0.0), 1.0) * lies
        if material == STREET or material == CROSSING:
            cover *= 0.75  # driven on
        if material == WATER:
            cover = 0.0
        r, g, b = r + (0.8 - r) * cover, g + (0.83 - g) * cover, b + (0.88 - b) * cover
        wet *= 1.0 - cover
    return r, g, b, wet


@njit(cache=True, nogil=True)
def _clouds_shadow(px, py, light):  # noqa: ANN001, ANN202
    """Return how much sun drifting clouds let through to a place, 0.25 to 1."""
    x = px * 0.013 + 6.0 * light[CLOUD_DRIFT]
    y = py * 0.013 + 6.0 * light[CLOUD_DRIFT + 1]
    n = 0.65 * smooth_noise(x, y) + 0.35 * smooth_noise(2.3 * x + 5.0, 2.3 * y)
    return 1.0 - 0.75 * min(max((n - 0.5) * 5.0, 0.0), 1.0)


@njit(cache=True, nogil=True)
def _lamp_light(lamps, frame, px, py, pz, nz):  # noqa: ANN001, ANN202
    """Return how strongly street lamps light a spot."""
    x, y = (px - frame[0]) / frame[2], (py - frame[1]) / frame[2]
    i, j = int(np.floor(x)), int(np.floor(y))
    if i < 0 or j < 0 or i >= lamps.shape[0] - 1 or j >= lamps.shape[1] - 1:
        return 0.0
    fx, fy = x - i, y - j
    low = lamps[i, j] * (1 - fy) + lamps[i, j + 1] * fy
    high = lamps[i + 1, j] * (1 - fy) + lamps[i + 1, j + 1] * fy
    height = max(-pz, 0.0)
    above = max(1.0 - height / 7.5, 0.0)  # lamps shine down
    return (low * (1 - fx) + high * fx) * above * (0.45 - 0.55 * min(nz, 0.0))


_GAMMA_STEPS = 65535
_GAMMA = (np.linspace(0.0, 1.0, _GAMMA_STEPS + 1) ** 0.4545 * 255.0 + 0.5).astype(np.uint8)


@njit(cache=True, nogil=True, inline="always")
def _tone(x):  # noqa: ANN001, ANN202
    """Compress linear light to a display value, uint8 (a filmic curve, then gamma)."""
    x = max(x, 0.0)
    y = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)
    return _GAMMA[int(min(y, 1.0) * _GAMMA_STEPS + 0.5)]


@njit(cache=True, nogil=True, parallel=True)
def shade(  # noqa: ANN201
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
    """Shade every pixel of a frame.

    Args:
        depth, triangle: what `rasterize` left.
        triangle_part, normals, part_*: the world's geometry, see `world.Geometry`.
        eye, axes, focal: the camera, see `raster.project_perspective`.
        light: (19,) float64, see `light.light_vector`.
        shadow_map, shadow_frame: of what rests; moving_map, moving_frame: of what moves; see
            `shadows.ShadowMap`.
        lamps, lamp_frame: see `light.lamp_map`; the frame is its first north and east, and metres.
        rgb: (H, W, 3) uint8 output; part: (H, W) int32 output, -1 for the sky;
        object_index: (H, W) uint16 output; planar: (H, W) float32 output, metres.
    """
    height, width = depth.shape
    half = (height + 1) // 2
    for turn in prange(height):
        row = 2 * turn if turn < half else 2 * (turn - half) + 1
        sky = np.empty(3)
        for column in range(width):
            cx = (column + 0.5 - 0.5 * width) / focal
            cy = (row + 0.5 - 0.5 * height) / focal
            dx = axes[0, 0] * cx + axes[1, 0] * cy + axes[2, 0]
            dy = axes[0, 1] * cx + axes[1, 1] * cy + axes[2, 1]
            dz = axes[0, 2] * cx + axes[1, 2] * cy + axes[2, 2]
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            t = triangle[row, column]
            if t < 0:
                sky_color(dx / length, dy / length, dz / length, light, sky)
                thick = min(light[7] * 900.0, 1.0) * (1.0 - 0.6 * max(-dz / length, 0.0))
                for c in range(3):
                    haze = light[9 + c] * light[6]
                    seen = (sky[c] + (haze - sky[c]) * thick) * light[EXPOSURE]
                    rgb[row, column, c] = _tone(seen)
                part[row, column] = -1
                object_index[row, column] = 0
                planar[row, column] = SKY_DEPTH_M
                continue
            z = 1.0 / depth[row, column]
            p = triangle_part[t]
            px, py, pz = eye[0] + dx * z, eye[1] + dy * z, eye[2] + dz * z
            ox, oy, oz = px - part_origin[p, 0], py - part_origin[p, 1], pz - part_origin[p, 2]
            a = part_axes[p]
            lu = a[0, 0] * ox + a[0, 1] * oy + a[0, 2] * oz
            lv = a[1, 0] * ox + a[1, 1] * oy + a[1, 2] * oz
            lw = a[2, 0] * ox + a[2, 1] * oy + a[2, 2] * oz
            nx, ny, nz = normals[t, 0], normals[t, 1], normals[t, 2]
            material = part_material[p]
            half_u, half_v = 0.5 * part_size[p, 0], 0.5 * part_size[p, 1]
            if part_round[p]:
                nu = lu / (half_u * half_u)
                nv = lv / (half_v * half_v)
                nw = lw * 4.0 / (part_size[p, 2] * part_size[p, 2])
                nx = a[0, 0] * nu + a[1, 0] * nv + a[2, 0] * nw
                ny = a[0, 1] * nu + a[1, 1] * nv + a[2, 1] * nw
                nz = a[0, 2] * nu + a[1, 2] * nv + a[2, 2] * nw
            # Texture coordinates: the two axes of the face, v up the wall or along the slope.
            wu = abs(a[0, 0] * nx + a[0, 1] * ny + a[0, 2] * nz)
            wv = abs(a[1, 0] * nx + a[1, 1] * ny + a[1, 2] * nz)
            ww = abs(a[2, 0] * nx + a[2, 1] * ny + a[2, 2] * nz)
            if material == TILES or material == SHINGLES:
                if wu > wv:
                    u, v, w = lv, lu / max(ww, 0.2), lw
                else:
                    u, v, w = lu, lv / max(ww, 0.2), lw
                if ww < 0.1:
                    v = lw
            elif ww >= wu and ww >= wv:
                u, v, w = lu, lv, lw
            elif wu >= wv:
                u, v, w = lv, -lw, lu
            else:
                u, v, w = lu, -lw, lv
            footprint = z * length / focal
            # A surface seen at a slant spreads each pixel over a longer stretch.
            norm = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
            nx, ny, nz = nx / norm, ny / norm, nz / norm
            slant = abs(nx * dx + ny * dy + nz * dz) / length
            footprint *= 1.0 / max(np.sqrt(slant), 0.15)
            r, g, b = surface_color(
                material,
                part_color[p, 0],
                part_color[p, 1],
                part_color[p, 2],
                u,
                v,
                w,
                half_u,
                half_v,
                px,
                py,
                footprint,
            )
            if material == LEAVES or material == NEEDLES:
                rough = 1.1 * fade(0.35, footprint)
                nx += rough * (smooth_noise((u + w) * 5.0, v * 5.0) - 0.5)
                ny += rough * (smooth_noise(u * 5.0 + 31.0, (v + w) * 5.0) - 0.5)
                nz += rough * (smooth_noise(u * 5.0 + 57.0, (w - v) * 5.0) - 0.5)
                norm = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
                nx, ny, nz = nx / norm, ny / norm, nz / norm
            wet = 0.0
            if light[SNOW_COVER] > 0.0 or light[WET] > 0.0 or light[LEAF_COVER] > 0.0:
                r, g, b, wet = _weathered(
                    r, g, b, px, py, pz, nz, material, footprint, light, part_round[p]
                )
            toward = nx * light[0] + ny * light[1] + nz * light[2]
            sun = 0.0
            if toward > 0.0:
                slope = min(np.sqrt(1.0 - min(toward * toward, 1.0)) / max(toward, 0.05), 4.0)
                sun = toward * _shadow(shadow_map, shadow_frame, px, py, pz, slope)
                if sun > 0.0:
                    sun *= _shadow(moving_map, moving_frame, px, py, pz, slope)
                if sun > 0.0:
                    sun *= _clouds_shadow(px, py, light)
            sun *= 1.0 - 0.8 * light[8]
            facing_up = 0.5 - 0.5 * nz
            # Walls and trunks darken towards the ground, where less of the sky is seen.
            low = 0.72 + 0.28 * min(max(-pz, 0.0) / 1.2, 1.0) if nz > -0.7 else 1.0
            ambient = light[6] * low
            lr = (0.13 + 0.17 * facing_up) * ambient + 1.55 * sun * light[3] + 0.006
            lg = (0.13 + 0.22 * facing_up) * ambient + 1.45 * sun * light[4] + 0.007
            lb = (0.12 + 0.31 * facing_up) * ambient + 1.25 * sun * light[5] + 0.010
            if light[NIGHT] > 0.0:
                lamp = light[NIGHT] * _lamp_light(lamps, lamp_frame, px, py, pz, nz)
                lr, lg, lb = lr + 0.85 * lamp, lg + 0.62 * lamp, lb + 0.34 * lamp
            cr, cg, cb = r * lr, g * lg, b * lb
            if material == LAMP:
                glow = 0.25 + 2.2 * light[NIGHT]
                cr, cg, cb = max(cr, r * glow), max(cg, 0.85 * g * glow), max(cb, 0.6 * b * glow)
            if material == GLASS and light[NIGHT] > 0.0:
                # Somebody is at home behind two windows of five.
                at_home = cell_noise(part_origin[p, 0] * 3.0, part_origin[p, 1] * 3.0) > 0.6
                glow = 0.5 * light[NIGHT] if at_home else 0.0
                cr, cg, cb = cr + glow, cg + 0.7 * glow, cb + 0.35 * glow
            if wet > 0.0:
                mirror = (1.0 - min(slant, 1.0)) ** 4
                strength = wet * (0.06 + 0.6 * mirror)
                for c in range(3):
                    sky[c] = light[HAZE_COLOR + c] * light[6]
                cr += (sky[0] - cr) * strength
                cg += (sky[1] - cg) * strength
                cb += (sky[2] - cb) * strength
            if material == GLASS or material == WATER or material == PAINT:
                if material == WATER:
                    swell = 0.07 * fade(0.4, footprint)
                    nx += swell * (smooth_noise(px * 3.1, py * 3.1) - 0.5)
                    ny += swell * (smooth_noise(px * 3.1 + 17.0, py * 3.1) - 0.5)
                along = (dx * nx + dy * ny + dz * nz) / length
                rx, ry = dx / length - 2.0 * along * nx, dy / length - 2.0 * along * ny
                rz = dz / length - 2.0 * along * nz
                mirror = (1.0 - min(abs(along), 1.0)) ** 4
                strength = 0.10 + 0.75 * mirror if material != PAINT else 0.05 + 0.35 * mirror
                if rz < 0.0:
                    sky_color(rx, ry, rz, light, sky)
                else:
                    sky[0], sky[1], sky[2] = 0.09 * light[6], 0.10 * light[6], 0.08 * light[6]
                cr += (sky[0] - cr) * strength
                cg += (sky[1] - cg) * strength
                cb += (sky[2] - cb) * strength
            distance = z * length
            thick = 1.0 - np.exp(-distance * light[7])
            cr += (light[9] * light[6] - cr) * thick
            cg += (light[10] * light[6] - cg) * thick
            cb += (light[11] * light[6] - cb) * thick
            rgb[row, column, 0] = _tone(cr * light[EXPOSURE])
            rgb[row, column, 1] = _tone(cg * light[EXPOSURE])
            rgb[row, column, 2] = _tone(cb * light[EXPOSURE])
            part[row, column] = p
            object_index[row, column] = part_object[p]
            planar[row, column] = z


@njit(cache=True, nogil=True, parallel=True)
def smooth_edges(rgb, part, planar, out):  # noqa: ANN001, ANN201
    """Soften the stairs at silhouettes of the colour image; everything else is copied.

    Args:
        rgb: (H, W, 3) uint8; part: (H, W) int32; planar: (H, W) float32 metres.
        out: (H, W, 3) uint8 output.
    """
    height, width = part.shape
    for row in prange(height):
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
