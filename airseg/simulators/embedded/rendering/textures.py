"""What surfaces look like: procedural textures, computed per pixel from the place on the surface.

Patterns fade out where a pixel covers more than a detail's size, which keeps far surfaces calm.
"""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit
from airseg.simulators.embedded.rendering.materials import (
    BARK,
    BIRCH_BARK,
    BOARDS,
    BRICK,
    CANVAS,
    COBBLES,
    FLOWERS,
    GRAVEL,
    LANE,
    LOGS,
    METAL_ROOF,
    PLASTER,
    SAND,
    SHINGLES,
    STUCCO,
    TILES,
    cell_noise,
    fade,
    smooth_noise,
)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def detail(x, y, detail, footprint):  # noqa: ANN001, ANN201
    """Return noise from -0.5 to 0.5 that fades out; where it has, none is computed."""
    shown = fade(detail, footprint)
    return (smooth_noise(x, y) - 0.5) * shown if shown > 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _courses(u, v, length, thickness, joint, footprint):  # noqa: ANN001, ANN202
    """Lay staggered stones; return (tint of the stone 0 to 1, how much joint shows 0 to 1)."""
    row = np.floor(v / thickness)
    shifted = u / length + (0.5 if np.int32(row) & 1 else 0.0)
    column = np.floor(shifted)
    near_u = (shifted - column) * length < joint
    near_v = (v / thickness - row) * thickness < joint
    share = min(1.0, joint / thickness + joint / length)
    sharp = fade(thickness, footprint)
    shown = (1.0 if near_u or near_v else 0.0) * sharp + share * (1.0 - sharp)
    tint = 0.5 + (cell_noise(column, row) - 0.5) * fade(length, footprint)
    return tint, shown


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _street_paint(along, across, half_length, half_width):  # noqa: ANN001, ANN202
    """Tell whether a spot of a street carries white paint."""
    if abs(along) > half_length - 1.0:
        return False
    if abs(across) < 0.07:
        return along * 0.2 - np.floor(along * 0.2) < 0.5
    if abs(abs(across) - (half_width - 0.35)) < 0.06:
        return True
    # A stop line and a crossing at each end.
    return abs(abs(along) - (half_length - 2.2)) < 0.25 and across * np.sign(along) < -0.15


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def lawn(r, g, b, px, py, footprint):  # noqa: ANN001, ANN201
    """Colour of lawns."""
    patch = smooth_noise(px * 0.06, py * 0.06) - 0.5
    tuft = detail(px * 1.1, py * 1.1, 0.9, footprint)
    blade = detail(px * 9.0, py * 9.0, 0.11, footprint)
    blade += detail(px * 31.0, py * 23.0, 0.035, footprint)
    m = 1.0 + 0.35 * patch + 0.4 * tuft + 0.55 * blade
    # Each garden's lawn has a tone of its own: fresh, dark, or burnt by the sun.
    tone = cell_noise(np.floor(px / 23.5), np.floor(py / 21.0)) - 0.5
    burnt = max(patch + 0.25 * tuft + 0.7 * tone, 0.0)
    deep = max(-patch - 0.8 * tone, 0.0)
    r *= m * (1.0 + 1.5 * burnt) * (1.0 - 0.75 * deep)
    g *= m * (1.0 + 0.35 * burnt) * (1.0 - 0.6 * deep)
    return r, g, b * m * (1.0 + 0.5 * burnt) * (1.0 - 0.5 * deep)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def street(r, g, b, u, v, half_u, half_v, px, py, footprint):  # noqa: ANN001, ANN201
    """Colour of a straight street with its paint."""
    grain = detail(px * 24.0, py * 24.0, 0.05, footprint)
    stain = smooth_noise(px * 0.35, py * 0.35) - 0.5
    m = 1.0 + 0.35 * grain + 0.25 * stain
    if smooth_noise(u * 0.11 + 7.0, 3.0) > 0.68 and abs(v) > 0.6:
        m *= 0.82  # a patch of newer asphalt
    w = 0.0
    if _street_paint(u, v, half_u, half_v):
        w = 0.75 * fade(0.35, footprint) * (0.8 + 0.4 * smooth_noise(px * 3.0, py * 3.0))
    return r * m + (0.62 - r) * w, g * m + (0.6 - g) * w, b * m + (0.55 - b) * w


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def crossing(r, g, b, px, py, footprint):  # noqa: ANN001, ANN201
    """Colour of where streets meet."""
    grain = detail(px * 24.0, py * 24.0, 0.05, footprint)
    stain = smooth_noise(px * 0.35, py * 0.35) - 0.5
    m = 1.0 + 0.35 * grain + 0.25 * stain
    return r * m, g * m, b * m


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def paving(r, g, b, u, v, px, py, footprint):  # noqa: ANN001, ANN201
    """Colour of pavements and drives."""
    tint, joint = _courses(u, v, 0.9, 0.9, 0.03, footprint)
    grain = detail(px * 17.0, py * 17.0, 0.06, footprint)
    m = (0.86 + 0.28 * tint + 0.2 * grain) * (1.0 - 0.45 * joint)
    m += 0.2 * (smooth_noise(px * 0.5, py * 0.5) - 0.5)
    return r * m, g * m, b * m


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def wall(material, r, g, b, u, v, footprint):  # noqa: ANN001, ANN201
    """Colour of walls and roofs; v runs up the wall or along the slope."""
    weather = 1.0 + 0.22 * (smooth_noise(u * 0.5, v * 0.5) - 0.5)
    if material == BRICK:
        tint, joint = _courses(u, v, 0.25, 0.08, 0.012, footprint)
        m = (0.72 + 0.56 * tint) * weather
        return (
            r * m * (1 - joint) + 0.38 * joint,
            g * m * (1 - joint) + 0.36 * joint,
            b * m * (1 - joint) + 0.33 * joint,
        )
    if material == PLASTER:
        m = weather + 0.12 * detail(u * 13.0, v * 13.0, 0.08, footprint)
        return r * m, g * m, b * m
    if material == BOARDS:
        row = v / 0.18
        edge = 1.0 if row - np.floor(row) < 0.14 else 0.0
        m = weather * (1.0 - 0.4 * edge * fade(0.18, footprint))
        m *= 0.95 + 0.1 * cell_noise(np.floor(row), 5) * fade(0.18, footprint)
        return r * m, g * m, b * m
    if material == TILES:
        tint, joint = _courses(u, v, 0.3, 0.34, 0.035, footprint)
        curve = np.cos((u / 0.3 - np.floor(u / 0.3)) * 6.28318) * fade(0.3, footprint)
        m = (0.75 + 0.5 * tint) * (1.0 - 0.5 * joint) * (1.0 + 0.14 * curve) * weather
        return r * m, g * m, b * m
    if material == SHINGLES:
        tint, joint = _courses(u, v, 0.22, 0.16, 0.015, footprint)
        grain = detail(u * 30.0, v * 30.0, 0.04, footprint)
        m = (0.7 + 0.6 * tint + 0.25 * grain) * (1.0 - 0.45 * joint) * weather
        return r * m, g * m, b * m
    # STONE_WALL
    wobble = 0.08 * smooth_noise(u * 3.0, v * 3.0)
    tint, joint = _courses(u + wobble, v + wobble, 0.42, 0.2, 0.03, footprint)
    grain = detail(u * 15.0, v * 15.0, 0.07, footprint)
    m = (0.6 + 0.7 * tint + 0.35 * grain) * (1.0 - 0.55 * joint)
    return r * m, g * m, b * m


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def plant(material, r, g, b, u, v, w, footprint):  # noqa: ANN001, ANN201
    """Colour of crowns, hedges, flowers and bark; u, v, w are metres on the part."""
    if material == BARK:
        m = 0.7 + 0.6 * smooth_noise((u + w) * 14.0, v * 2.5)
        return r * m, g * m, b * m
    if material == BIRCH_BARK:
        dark = smooth_noise((u + w) * 4.0, v * 9.0) > 0.72
        m = 0.25 if dark else 0.85 + 0.2 * smooth_noise(u * 8.0, v * 8.0)
        return r * m, g * m, b * m
    clump = smooth_noise((u + 0.7 * w) * 1.7, (v - 0.6 * w) * 1.7) - 0.5
    leaf = detail((u + w) * 8.0, (v + 0.8 * w) * 8.0, 0.14, footprint)
    leaf += (cell_noise(np.floor((u + w) * 17.0), np.floor((v - w) * 17.0)) - 0.5) * fade(
        0.06, footprint
    )
    m = 1.0 + 0.55 * clump + 0.8 * leaf
    if material == FLOWERS:
        spot = cell_noise(np.floor(u * 9.0) + 3.0, np.floor(v * 9.0 + w * 5.0))
        if spot > 0.62:
            hue = cell_noise(np.floor(u * 0.7), np.floor(v * 0.7) + 11.0)
            if hue < 0.35:
                return 0.62, 0.08 + 0.2 * spot, 0.1
            if hue < 0.7:
                return 0.65, 0.5, 0.08
            return 0.45, 0.2, 0.5
    return max(r * m, 0.004), max(g * m, 0.006), max(b * m, 0.003)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def asphalt(material, r, g, b, u, v, half_u, half_v, px, py, footprint):  # noqa: ANN001, ANN201
    """Colour of a piece of winding road or of a crossing for people on foot."""
    m = 1.0 + 0.28 * (smooth_noise(px * 0.35, py * 0.35) - 0.5)
    near = fade(0.05, footprint)
    if near > 0.0:
        m += 0.35 * near * (smooth_noise(px * 24.0, py * 24.0) - 0.5)
    if material == LANE:
        # One dash in the middle of each piece, and a line along each edge.
        painted = abs(v) < 0.07 and abs(u) < min(1.3, 0.5 * half_u)
        painted = painted or abs(abs(v) - (half_v - 0.3)) < 0.06
    else:
        painted = v - np.floor(v) < 0.5
    if not painted:
        return r * m, g * m, b * m
    w = 0.75 * fade(0.4, footprint) * (0.7 + 0.5 * smooth_noise(px * 3.0, py * 3.0))
    return r * m + (0.62 - r) * w, g * m + (0.6 - g) * w, b * m + (0.55 - b) * w


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def loose_ground(material, r, g, b, px, py, footprint):  # noqa: ANN001, ANN201
    """Colour of gravel, sand and the floor of a wood."""
    patch = detail(px * 0.11, py * 0.11, 14.0, footprint)
    if material == GRAVEL:
        pebble = (cell_noise(np.floor(px * 22.0), np.floor(py * 22.0)) - 0.5) * fade(
            0.05, footprint
        )
        pebble += detail(px * 7.0, py * 7.0, 0.14, footprint)
        m = 1.0 + 0.25 * patch + 0.5 * pebble
        return r * m, g * m, b * m
    if material == SAND:
        ripple = detail(px * 2.3 + 0.8 * py, py * 0.9, 0.5, footprint)
        grain = detail(px * 27.0, py * 27.0, 0.04, footprint)
        m = 1.0 + 0.2 * patch + 0.16 * ripple + 0.16 * grain
        return r * m, g * m, b * m
    # FOREST_FLOOR: grass that gives way to fallen needles and leaves.
    tuft = detail(px * 1.3, py * 1.3, 0.8, footprint)
    litter = min(max(2.4 * (patch + 0.35 * tuft) + 0.45, 0.0), 1.0)
    blade, near = 0.0, fade(0.09, footprint)
    if near > 0.0:
        blade = (smooth_noise(px * 11.0, py * 11.0) - 0.5) * near
        blade += detail(px * 33.0, py * 27.0, 0.035, footprint)
    m = 1.0 + 0.3 * tuft + 0.6 * blade
    leaf = cell_noise(np.floor(px * 11.0), np.floor(py * 11.0))
    fallen = 0.5 * fade(0.09, footprint) if leaf > 0.95 else 0.0
    r, g, b = r + (0.17 - r) * litter, g + (0.11 - g) * litter, b + (0.05 - b) * litter
    r, g, b = r + (0.32 - r) * fallen, g + (0.16 - g) * fallen, b + (0.05 - b) * fallen
    return r * m, g * m, b * m


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def built(material, r, g, b, u, v, footprint):  # noqa: ANN001, ANN201
    """Colour of rendered and wooden walls, sheet metal and cloth; v runs up or down the slope."""
    if material == STUCCO:
        streak = smooth_noise(u * 2.6, v * 0.22) - 0.5
        cloud = smooth_noise(u * 0.4 + 5.0, v * 0.4) - 0.5
        near = fade(0.07, footprint)
        m = 1.0 + 0.22 * streak + 0.28 * cloud
        if near > 0.0:
            m += 0.16 * near * (smooth_noise(u * 16.0, v * 16.0) - 0.5)
        bare = smooth_noise(u * 0.55 + 31.0, v * 0.7 + 3.0)
        if (
            bare > 0.75 and bare + 0.25 * smooth_noise(u * 4.0, v * 4.0) > 1.0
        ):  # the render has come off and the masonry shows
            tint, joint = _courses(u, v, 0.34, 0.16, 0.02, footprint)
            m = (0.5 + 0.6 * tint) * (1.0 - 0.4 * joint)
            return 0.42 * m, 0.33 * m, 0.24 * m
        return r * m, g * m, b * m
    if material == LOGS:
        row = v / 0.27
        across = 2.0 * (row - np.floor(row)) - 1.0
        rounded = 1.0 - 0.7 * across * across * fade(0.27, footprint)
        m = (0.82 + 0.3 * cell_noise(np.floor(row), 3)) * (0.25 + 0.9 * rounded)
        m *= 0.85 + 0.3 * smooth_noise(u * 1.7, v * 21.0) * fade(0.08, footprint)
        return r * m, g * m, b * m
    if material == METAL_ROOF:
        panel = u / 0.46
        near = panel - np.floor(panel)
        seam = (0.3 if near < 0.07 else (-0.35 if near < 0.15 else 0.0)) * fade(0.3, footprint)
        m = 1.0 + seam + 0.1 * (cell_noise(np.floor(panel), 21) - 0.5)
        m += 0.3 * (smooth_noise(u * 0.7, v * 0.35) - 0.5)
        return r * m, g * m, b * m
    if material == CANVAS:
        stripe = u / 0.36
        m = 0.9 + 0.2 * smooth_noise(u * 2.0, v * 2.0)
        if (stripe - np.floor(stripe)) < 0.5:
            w = 0.75 * fade(0.36, footprint)
            r, g, b = r + (0.7 - r) * w, g + (0.68 - g) * w, b + (0.6 - b) * w
        return r * m, g * m, b * m
    # FROND
    m = 0.7 + 0.5 * smooth_noise(u * 3.0, v * 9.0)
    rib = detail(u * 26.0, v * 4.0, 0.06, footprint)
    return r * (m + rib), g * (m + rib), b * (m + 0.5 * rib)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def laid_stone(material, r, g, b, u, v, px, py, footprint):  # noqa: ANN001, ANN201
    """Colour of cobbles and flagstones."""
    if material == COBBLES:
        tint, joint = _courses(u, v, 0.19, 0.13, 0.022, footprint)
        wear = smooth_noise(px * 0.3, py * 0.3) - 0.5
        m = (0.7 + 0.6 * tint) * (1.0 - 0.5 * joint) * (1.0 + 0.3 * wear)
        return r * m, g * m, b * m
    tint, joint = _courses(px + 0.05 * smooth_noise(px, py), py, 0.95, 0.62, 0.025, footprint)
    grain = detail(px * 14.0, py * 14.0, 0.07, footprint)
    wear = smooth_noise(px * 0.2, py * 0.2) - 0.5
    m = (0.8 + 0.4 * tint + 0.2 * grain) * (1.0 - 0.45 * joint) * (1.0 + 0.25 * wear)
    warm = 0.16 * (tint - 0.5)
    return r * m * (1.0 + warm), g * m, b * m * (1.0 - warm)
