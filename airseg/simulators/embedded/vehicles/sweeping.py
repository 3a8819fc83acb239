"""Sweeps: how far a box-shaped thing gets along a straight move before something solid stops it."""

from __future__ import annotations

from airseg.kernels import njit

_SKIN_M = 1e-6


@njit(cache=True)
def first_hit(boxes, candidates, ground, low, high, start, move):  # noqa: ANN001, ANN201
    """Find what stops a move of an upright box first.

    What it begins inside of stops it at once if it goes further in, and lets it out.

    Args:
        boxes: (M, 6) float64, axis-aligned, least and greatest corners, metres.
        candidates: (N,) int64, the boxes that may be in the way.
        ground: height of the ground, NED.
        low, high: (3,) corners of the moving box, relative to its position.
        start, move: (3,) position, and where it goes from there.

    Returns:
        The share of the move until the hit, 1 if there is none; which of `boxes` it is, -1 for the
        ground and -2 for nothing; axis and sign of the normal; and how deep it began inside.
    """
    best, which, axis, sign, depth = 1.0, -2, 2, -1.0, 0.0
    below = start[2] + high[2] - ground
    if move[2] > 0.0 and below + move[2] > _SKIN_M:
        best, which = min(max(-below / move[2], 0.0), 1.0), -1
        depth = max(below, 0.0) if below > _SKIN_M else 0.0
    for n in range(len(candidates)):
        box = boxes[candidates[n]]
        enters, leaves, side, towards = -1e300, 1e300, 0, 0.0
        nearest, out_axis, out_sign = 1e300, 0, 0.0
        for k in range(3):
            lower, upper = box[k] - high[k], box[3 + k] - low[k]
            if start[k] - lower < nearest:
                nearest, out_axis, out_sign = start[k] - lower, k, -1.0
            if upper - start[k] < nearest:
                nearest, out_axis, out_sign = upper - start[k], k, 1.0
            if move[k] == 0.0:
                if start[k] <= lower + _SKIN_M or start[k] >= upper - _SKIN_M:
                    leaves = -1e300
                continue
            first, last = (lower - start[k]) / move[k], (upper - start[k]) / move[k]
            if first > last:
                first, last = last, first
            skin = _SKIN_M / abs(move[k])
            if first > enters:
                enters, side, towards = first, k, (-1.0 if move[k] > 0.0 else 1.0)
            leaves = min(leaves, last - skin)
        if nearest > _SKIN_M:  # it begins inside
            if move[out_axis] * out_sign < 0.0 and (best > 0.0 or nearest > depth):
                best, which, axis, sign, depth = 0.0, candidates[n], out_axis, out_sign, nearest
        elif enters < leaves and enters < best and enters > -_SKIN_M / (abs(move[side]) + 1e-300):
            best, which, axis, sign, depth = max(enters, 0.0), candidates[n], side, towards, 0.0
    return best, which, axis, sign, depth
