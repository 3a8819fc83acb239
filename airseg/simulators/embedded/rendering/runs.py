"""A run: neighbouring pixels of a row that see the same part, worked on together.

What is known of them lies in one array of `RUN_SIZE` numbers, column after column, at distances
that compilers know; so loops over a run may work on several pixels at once. Pixel `k` of a run has
its red at ``s[R + k]``. Metres, North-East-Down.
"""

from __future__ import annotations

RUN = 1024
"""The most pixels of a run."""

(
    Z,  # depth along the optical axis
    LENGTH,  # of the ray to depth 1
    NORTH,  # place in the world
    EAST,
    DOWN,
    NX,  # unit normal
    NY,
    NZ,
    SLANT,  # cosine between ray and normal, without its sign
    U,  # place on the face, and depth behind it
    V,
    W,
    FOOTPRINT,  # width of the pixel on the surface
    R,  # albedo, then light
    G,
    B,
    WET,  # how much the surface mirrors the sky
    CLOUDS,  # how much sun clouds let through
    SUN,  # how much sun reaches the surface
    LAMPS,  # how much light street lamps give
) = (RUN * column for column in range(20))

RUN_SIZE = 20 * RUN
