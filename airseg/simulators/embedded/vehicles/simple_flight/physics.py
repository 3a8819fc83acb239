"""The motion of SimpleFlight's body: rotors, drag, gravity, and what a collision does to it.

As AirSim's own fast physics: velocity Verlet in steps of 3 ms, drag on six faces, and one answer
to each collision that the actor has noticed.
"""

from __future__ import annotations

import math

from airseg.kernels import njit
from airseg.simulators.embedded.vehicles.simple_flight.rotations import (
    cross,
    euler_angles,
    to_body,
    to_world,
    turn_about_body,
)
from airseg.simulators.embedded.vehicles.simple_flight.state import (
    MASS_KG,
    ROTOR_THRUST_N,
    ROTOR_TORQUE_NM,
    ROTOR_TURNS,
    SEA_LEVEL_DENSITY,
)

_GRAVITY = 9.80665
_EARTH_RADIUS_M = 6_378_137.0
_INERTIA = (0.006721, 0.008041, 0.014279)
_ARM_M = 0.16087
_ROTOR_X = (_ARM_M, -_ARM_M, _ARM_M, -_ARM_M)
_ROTOR_Y = (_ARM_M, -_ARM_M, -_ARM_M, _ARM_M)
_ROTOR_LAG_S = 0.005
_DRAG = (0.005383, 0.005838, 0.10993)
_DRAG_FROM_MPS = 0.1
_RESTITUTION, _FRICTION = 0.55, 0.5
_LEVEL_TOLERANCE = 0.25
_ROLLING = 0.9


@njit(cache=True)
def move(r, span):  # noqa: ANN001, ANN201
    """Move the body of a record for a span, seconds: turn rotors, sum up forces, answer a hit."""
    altitude = r.home_altitude - r.position[2]
    density = _density(altitude)
    lift, roll, pitch, yaw = _rotor_push(r, density / SEA_LEVEL_DENSITY, span)
    gravity = _GRAVITY / (1.0 + altitude / _EARTH_RADIUS_M) ** 2
    if r.is_grounded:
        if lift >= MASS_KG * gravity:
            r.is_grounded = False  # it moves from the next step on
        r.answered_ns = r.collision_ns  # standing on something needs no answer
        _rest(r)
        return
    fx, fy, fz = to_world(r.orientation, 0.0, 0.0, -lift)
    q, v, a = r.orientation, r.velocity, r.acceleration
    w, b = r.angular_velocity, r.angular_acceleration
    half = 0.5 * span
    mx, my, mz = v[0] + a[0] * half, v[1] + a[1] * half, v[2] + a[2] * half
    wx, wy, wz = w[0] + b[0] * half, w[1] + b[1] * half, w[2] + b[2] * half
    dx, dy, dz = _drag(r, mx, my, mz, density)
    nx, ny, nz = (fx + dx) / MASS_KG, (fy + dy) / MASS_KG, (fz + dz) / MASS_KG + gravity
    gx, gy, gz = cross(wx, wy, wz, _INERTIA[0] * wx, _INERTIA[1] * wy, _INERTIA[2] * wz)
    bx, by, bz = (roll - gx) / _INERTIA[0], (pitch - gy) / _INERTIA[1], (yaw - gz) / _INERTIA[2]
    ux, uy, uz = v[0] + (a[0] + nx) * half, v[1] + (a[1] + ny) * half, v[2] + (a[2] + nz) * half
    if r.has_collided and r.answered_ns != r.collision_ns:
        r.answered_ns = r.collision_ns
        if r.normal[0] * ux + r.normal[1] * uy + r.normal[2] * uz < 0.0:
            _answer_collision(r, span)
            return
    r.position[0] += mx * span
    r.position[1] += my * span
    r.position[2] += mz * span
    turn_about_body(q, wx * span, wy * span, wz * span)
    _set(w, w[0] + (b[0] + bx) * half, w[1] + (b[1] + by) * half, w[2] + (b[2] + bz) * half)
    _set(v, ux, uy, uz)
    _set(a, nx, ny, nz)
    _set(b, bx, by, bz)


@njit(cache=True)
def _set(vector, x, y, z):  # noqa: ANN001, ANN202
    vector[0], vector[1], vector[2] = x, y, z


@njit(cache=True)
def _rest(r):  # noqa: ANN001, ANN202
    for k in range(3):
        r.velocity[k] = r.angular_velocity[k] = 0.0
        r.acceleration[k] = r.angular_acceleration[k] = 0.0


@njit(cache=True)
def _density(altitude):  # noqa: ANN001, ANN202
    """Return the density of the standard atmosphere below 11 km, kg/m^3."""
    kelvin = 288.15 - 0.0065 * altitude
    return 101_325.0 * (kelvin / 288.15) ** 5.25588 / (287.0528 * kelvin)


@njit(cache=True)
def _rotor_push(r, ratio, span):  # noqa: ANN001, ANN202
    """Return lift (newton) and torques (newton metres), and let the rotors follow their signal.

    What pulls in this step is what the filter gave two steps ago, in AirSim's order of updates.
    """
    lift = roll = pitch = yaw = 0.0
    kept = math.exp(-span / _ROTOR_LAG_S)
    for k in range(4):
        thrust = r.rotor[k] * ROTOR_THRUST_N * ratio
        lift += thrust
        roll -= _ROTOR_Y[k] * thrust
        pitch += _ROTOR_X[k] * thrust
        yaw += ROTOR_TURNS[k] * r.rotor[k] * ROTOR_TORQUE_NM * ratio
        r.rotor[k] = r.filtered[k]
        r.filtered[k] = r.motor[k] * (1.0 - kept) + r.filtered[k] * kept
    return lift, roll, pitch, yaw


@njit(cache=True)
def _drag(r, x, y, z, density):  # noqa: ANN001, ANN202
    """Return the force of the air on a body of this velocity, newton in the world."""
    wind = r.wind
    bx, by, bz = to_body(r.orientation, x - wind[0], y - wind[1], z - wind[2])
    return to_world(
        r.orientation,
        _face(bx, _DRAG[0] * density),
        _face(by, _DRAG[1] * density),
        _face(bz, _DRAG[2] * density),
    )


@njit(cache=True)
def _face(speed, factor):  # noqa: ANN001, ANN202
    return -factor * speed * abs(speed) if abs(speed) > _DRAG_FROM_MPS else 0.0


@njit(cache=True)
def _answer_collision(r, span):  # noqa: ANN001, ANN202
    """Bounce off, or land: an impulse along the normal and friction across it.

    The body goes to where its actor was stopped. Landing ends in the ground lock, level and still.
    """
    q, v, w, n = r.orientation, r.velocity, r.angular_velocity, r.normal
    vx, vy, vz = (
        v[0] + r.acceleration[0] * span,
        v[1] + r.acceleration[1] * span,
        v[2] + r.acceleration[2] * span,
    )
    bx, by, bz = to_body(q, n[0], n[1], n[2])
    if abs(abs(bz) - 1.0) < _LEVEL_TOLERANCE and vz > abs(vx) and vz > abs(vy):
        _lock_to_ground(r, vx, vy, vz)
        return
    wx = w[0] + r.angular_acceleration[0] * span
    wy = w[1] + r.angular_acceleration[1] * span
    wz = w[2] + r.angular_acceleration[2] * span
    ax, ay, az = (
        r.impact[0] - r.stopped_at[0],
        r.impact[1] - r.stopped_at[1],
        r.impact[2] - r.stopped_at[2],
    )
    cx, cy, cz = cross(wx, wy, wz, ax, ay, az)
    sx, sy, sz = to_body(q, vx, vy, vz)
    sx, sy, sz = sx + cx, sy + cy, sz + cz
    into = sx * bx + sy * by + sz * bz
    push = -into * (1 + _RESTITUTION) / _resistance(ax, ay, az, bx, by, bz)
    tx, ty, tz = sx - into * bx, sy - into * by, sz - into * bz
    sliding = math.sqrt(tx * tx + ty * ty + tz * tz)
    rub = 0.0
    if sliding > 0.0:
        tx, ty, tz = tx / sliding, ty / sliding, tz / sliding
        rub = -sliding * _FRICTION / _resistance(ax, ay, az, tx, ty, tz)
    fx, fy, fz = to_world(q, tx, ty, tz)
    ex, ey, ez = cross(ax, ay, az, bx, by, bz)
    hx, hy, hz = cross(ax, ay, az, tx, ty, tz)
    _rest(r)
    _set(
        v,
        vx + (n[0] * push + fx * rub) / MASS_KG,
        vy + (n[1] * push + fy * rub) / MASS_KG,
        vz + (n[2] * push + fz * rub) / MASS_KG,
    )
    _set(
        w,
        _ROLLING * (wx + ex * push + hx * rub / MASS_KG),
        _ROLLING * (wy + ey * push + hy * rub / MASS_KG),
        _ROLLING * (wz + ez * push + hz * rub / MASS_KG),
    )
    for k in range(3):
        r.position[k] = r.stopped_at[k] + n[k] * r.depth + v[k] * span


@njit(cache=True)
def _resistance(ax, ay, az, x, y, z):  # noqa: ANN001, ANN202
    """Return how a body resists an impulse along a direction at a point, 1/kg."""
    cx, cy, cz = cross(ax, ay, az, x, y, z)
    ex, ey, ez = cross(cx / _INERTIA[0], cy / _INERTIA[1], cz / _INERTIA[2], ax, ay, az)
    return 1.0 / MASS_KG + ex * x + ey * y + ez * z


@njit(cache=True)
def _lock_to_ground(r, vx, vy, vz):  # noqa: ANN001, ANN202
    _, _, yaw = euler_angles(r.orientation)
    r.orientation[0], r.orientation[3] = math.cos(yaw / 2), math.sin(yaw / 2)
    r.orientation[1] = r.orientation[2] = 0.0
    _rest(r)
    _set(r.acceleration, -0.5 * MASS_KG * vx, -0.5 * MASS_KG * vy, -0.5 * MASS_KG * vz)
    for k in range(3):
        r.position[k] = r.stopped_at[k]
    r.is_grounded = True
