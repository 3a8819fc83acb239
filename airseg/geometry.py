"""Rotations in the North-East-Down frame.

Quaternions are Hamilton, stored ``(w, x, y, z)``, and turn body vectors into world vectors. The
body looks along +x, +y is right, +z is down. Euler angles follow AirSim: yaw about z, then pitch
about y, then roll about x; a positive pitch raises the nose.
"""

from __future__ import annotations

import numpy as np

IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])


def quaternion_from_euler(roll: float, pitch: float, yaw: float) -> np.ndarray:
    """Return the (4,) quaternion of roll, pitch and yaw in radians."""
    cr, sr = np.cos(roll / 2), np.sin(roll / 2)
    cp, sp = np.cos(pitch / 2), np.sin(pitch / 2)
    cy, sy = np.cos(yaw / 2), np.sin(yaw / 2)
    return np.array(
        [
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ]
    )


def euler_from_quaternion(q: np.ndarray) -> tuple[float, float, float]:
    """Return (roll, pitch, yaw) in radians of a (4,) quaternion."""
    w, x, y, z = (float(v) for v in q)
    roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = np.arcsin(np.clip(2 * (w * y - z * x), -1.0, 1.0))
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return float(roll), float(pitch), float(yaw)


def quaternion_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the (4,) product: first `b`, then `a`."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return np.array(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ]
    )


def quaternion_conjugate(q: np.ndarray) -> np.ndarray:
    """Return the (4,) inverse of a unit quaternion."""
    return np.array([q[0], -q[1], -q[2], -q[3]])


def rotation_matrix(q: np.ndarray) -> np.ndarray:
    """Return the (3, 3) matrix that turns body vectors into world vectors."""
    w, x, y, z = np.asarray(q, float) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotate(q: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Turn a (3,) body vector into the world frame."""
    return rotation_matrix(q) @ np.asarray(vector, float)


def wrap_angle(angle: float) -> float:
    """Return the angle, in radians, within [-pi, pi)."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def compose_poses(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return pose `b`, which is relative to pose `a`, in the frame that `a` is in.

    Args:
        a, b: (7,) metres and unit quaternion w x y z.
    """
    return np.concatenate([a[:3] + rotate(a[3:], b[:3]), quaternion_multiply(a[3:], b[3:])])


def invert_pose(pose: np.ndarray) -> np.ndarray:
    """Return the (7,) pose that, composed with `pose`, gives no shift and no turn."""
    back = quaternion_conjugate(pose[3:])
    return np.concatenate([-rotate(back, pose[:3]), back])


def pose_difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return how far two (7,) poses are apart: metres, and degrees of the turn between them."""
    turn = quaternion_multiply(quaternion_conjugate(a[3:]), b[3:])
    half = np.arctan2(float(np.linalg.norm(turn[1:])), abs(float(turn[0])))
    return float(np.linalg.norm(a[:3] - b[:3])), float(np.degrees(2 * half))
