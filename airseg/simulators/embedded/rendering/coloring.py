"""The albedo of runs of pixels: which texture each material has."""

from __future__ import annotations

import numpy as np

from airseg.kernels import njit
from airseg.simulators.embedded.rendering.materials import (
    BARK,
    BRICK,
    CROSSING,
    FLAGSTONES,
    FLOWERS,
    FOREST_FLOOR,
    LAMP,
    LANE,
    LAWN,
    LEAVES,
    NEEDLES,
    PAVING,
    PLANKS,
    ROCK,
    SHINGLES,
    STONE_WALL,
    STREET,
    STUCCO,
    WATER,
    ZEBRA,
    cell_noise,
    fade,
    smooth_noise,
)
from airseg.simulators.embedded.rendering.runs import (
    EAST,
    FOOTPRINT,
    NORTH,
    B,
    G,
    R,
    U,
    V,
    W,
)
from airseg.simulators.embedded.rendering.textures import (
    asphalt,
    built,
    crossing,
    detail,
    laid_stone,
    lawn,
    loose_ground,
    paving,
    plant,
    street,
    wall,
)


@njit(cache=True, nogil=True, error_model="numpy")
def _other_color(  # noqa: ANN202
    material,  # noqa: ANN001
    r,  # noqa: ANN001
    g,  # noqa: ANN001
    b,  # noqa: ANN001
    u,  # noqa: ANN001
    v,  # noqa: ANN001
    w,  # noqa: ANN001
    half_u,  # noqa: ANN001
    half_v,  # noqa: ANN001
    px,  # noqa: ANN001
    py,  # noqa: ANN001
    footprint,  # noqa: ANN001
):
    """Return the linear albedo (r, g, b) of a spot; see `color_run`."""
    if material == LAMP:
        return r, g, b
    if material > LAMP:
        if material <= ZEBRA:
            return asphalt(material, r, g, b, u, v, half_u, half_v, px, py, footprint)
        if material <= FLAGSTONES:
            return laid_stone(material, r, g, b, u, v, px, py, footprint)
        if material <= FOREST_FLOOR:
            return loose_ground(material, r, g, b, px, py, footprint)
        return built(material, r, g, b, u, v, footprint)
    if material <= SHINGLES or material == STONE_WALL:
        return wall(material, r, g, b, u, v, footprint)
    if material == PLANKS:
        column = u / 0.14
        gap = 1.0 if column - np.floor(column) < 0.1 else 0.0
        m = 0.8 + 0.35 * cell_noise(np.floor(column), 9) * fade(0.14, footprint)
        m += 0.25 * detail(u * 22.0, v * 1.5, 0.06, footprint)
        m *= 1.0 - 0.55 * gap * fade(0.14, footprint)
        return r * m, g * m, b * m
    if material <= BARK or material >= FLOWERS:
        return plant(material, r, g, b, u, v, w, footprint)
    if material == ROCK:
        m = 0.65 + 0.5 * smooth_noise(u * 2.5 + w, v * 2.5 - w)
        m += 0.4 * detail(u * 11.0, v * 11.0 + 3.0 * w, 0.1, footprint)
        return r * m, g * m, b * m
    if material == WATER:
        ripple = smooth_noise(px * 2.2, py * 2.2) + 0.5 * smooth_noise(px * 5.0, py * 5.0)
        m = 1.03 + 0.3 * (ripple - 0.75) * fade(0.4, footprint)
        return r * m, g * m, b * m
    return r, g, b  # PAINT, GLASS, PLAIN


@njit(cache=True, nogil=True, error_model="numpy")
def color_run(material, r, g, b, half_u, half_v, n, s):  # noqa: ANN001, ANN201
    """Write the linear albedo of a run of pixels that see the same part.

    Args:
        material: one of `materials`.
        r, g, b: the part's own albedo.
        half_u, half_v: half the part's length and width, metres.
        n: how many pixels.
        s: the run, see `runs`; `R`, `G` and `B` are written.
    """
    if material == LAWN:
        for k in range(n):
            s[R + k], s[G + k], s[B + k] = lawn(
                r, g, b, s[NORTH + k], s[EAST + k], s[FOOTPRINT + k]
            )
    elif material == STREET:
        for k in range(n):
            s[R + k], s[G + k], s[B + k] = street(
                r,
                g,
                b,
                s[U + k],
                s[V + k],
                half_u,
                half_v,
                s[NORTH + k],
                s[EAST + k],
                s[FOOTPRINT + k],
            )
    elif material == CROSSING:
        for k in range(n):
            s[R + k], s[G + k], s[B + k] = crossing(
                r, g, b, s[NORTH + k], s[EAST + k], s[FOOTPRINT + k]
            )
    elif material == PAVING:
        for k in range(n):
            s[R + k], s[G + k], s[B + k] = paving(
                r, g, b, s[U + k], s[V + k], s[NORTH + k], s[EAST + k], s[FOOTPRINT + k]
            )
    elif material == BRICK:
        for k in range(n):
            s[R + k], s[G + k], s[B + k] = wall(
                BRICK, r, g, b, s[U + k], s[V + k], s[FOOTPRINT + k]
            )
    elif material == LANE:
        for k in range(n):
            s[R + k], s[G + k], s[B + k] = asphalt(
                LANE,
                r,
                g,
                b,
                s[U + k],
                s[V + k],
                half_u,
                half_v,
                s[NORTH + k],
                s[EAST + k],
                s[FOOTPRINT + k],
            )
    elif material == STUCCO:
        for k in range(n):
            s[R + k], s[G + k], s[B + k] = built(
                STUCCO, r, g, b, s[U + k], s[V + k], s[FOOTPRINT + k]
            )
    elif material == LEAVES or material == NEEDLES:
        for k in range(n):
            s[R + k], s[G + k], s[B + k] = plant(
                LEAVES, r, g, b, s[U + k], s[V + k], s[W + k], s[FOOTPRINT + k]
            )
    else:
        for k in range(n):
            s[R + k], s[G + k], s[B + k] = _other_color(
                material,
                r,
                g,
                b,
                s[U + k],
                s[V + k],
                s[W + k],
                half_u,
                half_v,
                s[NORTH + k],
                s[EAST + k],
                s[FOOTPRINT + k],
            )
