"""Rotations on plain numbers, for compiled code; `airseg.geometry` says which way they turn."""

from __future__ import annotations

import math

from airseg.kernels import njit


@njit(cache=True)
def to_world(q, x, y, z):  # noqa: ANN001, ANN201
    """Turn a vector of the body into the world, by a quaternion w x y z."""
    return _turn(q[0], q[1], q[2], q[3], x, y, z)


@njit(cache=True)
def to_body(q, x, y, z):  # noqa: ANN001, ANN201
    """Turn a vector of the world into the body, by a quaternion w x y z."""
    return _turn(q[0], -q[1], -q[2], -q[3], x, y, z)


@njit(cache=True)
def _turn(w, i, j, k, x, y, z):  # noqa: ANN001, ANN202
    tx, ty, tz = 2 * (j * z - k * y), 2 * (k * x - i * z), 2 * (i * y - j * x)
    return (
        x + w * tx + j * tz - k * ty,
        y + w * ty + k * tx - i * tz,
        z + w * tz + i * ty - j * tx,
    )


@njit(cache=True)
def euler_angles(q):  # noqa: ANN001, ANN201
    """Return roll, pitch, yaw in radians."""
    w, x, y, z = q[0], q[1], q[2], q[3]
    roll = math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = math.asin(min(max(2 * (w * y - z * x), -1.0), 1.0))
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return roll, pitch, yaw


@njit(cache=True)
def turn_about_body(q, x, y, z):  # noqa: ANN001, ANN201
    """Turn a quaternion in place by a rotation vector of the body, radians, and normalize it."""
    angle = math.sqrt(x * x + y * y + z * z)
    if not angle > 0.0:
        return
    share = math.sin(angle / 2) / angle
    c, i, j, k = math.cos(angle / 2), x * share, y * share, z * share
    w, a, b, d = q[0], q[1], q[2], q[3]
    q[0] = w * c - a * i - b * j - d * k
    q[1] = w * i + a * c + b * k - d * j
    q[2] = w * j - a * k + b * c + d * i
    q[3] = w * k + a * j - b * i + d * c
    length = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    for n in range(4):
        q[n] /= length


@njit(cache=True)
def cross(ax, ay, az, bx, by, bz):  # noqa: ANN001, ANN201
    """Return the cross product of two vectors."""
    return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
