"""Unit solids from which the world is assembled.

Every solid fits the cube from -0.5 to 0.5 in a local frame whose z points down, so its top is at
z = -0.5. Triangles are wound so that ``cross(b - a, c - a)`` points outwards.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

Mesh = tuple[np.ndarray, np.ndarray]
"""Vertices (V, 3) float32 and triangles (T, 3) int32."""


def _outward(vertices: np.ndarray, triangles: np.ndarray) -> Mesh:
    """Turn every triangle so that it faces away from the solid's centre (solids are convex)."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    inward = ((a + b + c) * normal).sum(1) < 0
    triangles = triangles.copy()
    triangles[inward] = triangles[inward][:, ::-1]
    return vertices.astype(np.float32), triangles.astype(np.int32)


def _convex(vertices: list[list[float]], faces: list[list[int]]) -> Mesh:
    """Build a mesh from convex polygons given by vertex numbers."""
    fans = [[f[0], f[i], f[i + 1]] for f in faces for i in range(1, len(f) - 1)]
    return _outward(np.array(vertices, float), np.array(fans))


_CORNERS = [[x, y, z] for z in (0.5, -0.5) for y in (-0.5, 0.5) for x in (-0.5, 0.5)]
_BOTTOM, _TOP = [0, 1, 3, 2], [4, 5, 7, 6]
_SIDES = [[0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5]]


def _ridge(half_length: float) -> Mesh:
    """Return a roof whose ridge runs along x; a shorter ridge makes hipped ends."""
    vertices = [*_CORNERS[:4], [-half_length, 0, -0.5], [half_length, 0, -0.5]]
    return _convex(vertices, [[0, 1, 5, 4], [2, 3, 5, 4], [0, 2, 4], [1, 3, 5], [0, 1, 3, 2]])


def _prism(sides: int, top_radius: float) -> Mesh:
    angle = np.arange(sides) * 2 * np.pi / sides
    ring = np.stack([np.cos(angle), np.sin(angle)], 1) * 0.5
    bottom = np.column_stack([ring, np.full(sides, 0.5)])
    top = np.column_stack([ring * top_radius, np.full(sides, -0.5)])
    around = [[i, (i + 1) % sides, sides + (i + 1) % sides, sides + i] for i in range(sides)]
    caps = [list(range(sides)), list(range(sides, 2 * sides))]
    return _convex(np.vstack([bottom, top]).tolist(), around + caps)


def _frustum(top_x: float, top_y: float, shift_x: float = 0.0) -> Mesh:
    """Return a box whose top is smaller, and moved along x."""
    vertices = [
        [
            x * (top_x if z < 0 else 1.0) + (shift_x if z < 0 else 0.0),
            y * (top_y if z < 0 else 1),
            z,
        ]
        for x, y, z in _CORNERS
    ]
    return _convex(vertices, [_BOTTOM, _TOP, *_SIDES])


def _two_sided(vertices: list, triangles: list) -> Mesh:
    """Build a sheet that is seen from both sides; its middle plane need not be convex."""
    front = np.array(triangles, np.int32)
    return np.array(vertices, np.float32), np.concatenate([front, front[:, ::-1]])


def _droop(t: float) -> float:
    """Return z of a palm leaf's rib at a share of its length: it rises, then hangs."""
    return -0.5 + 2.04 * (t - 0.3) ** 2


def _frond(leaflets: int) -> Mesh:
    """Return a feather-shaped palm leaf along x, its base at x = -0.5 and z = -0.32."""
    vertices: list[list[float]] = []
    triangles: list[list[int]] = []
    step = 0.9 / leaflets
    for i in range(leaflets):
        t = 0.1 + (i + 0.5) * step
        reach = 0.5 * np.sin(np.pi * min(0.16 + 0.84 * t, 1.0)) ** 0.6
        for side in (-1, 1):
            start, stop = t - 0.62 * step, min(t + 0.62 * step, 1.0)
            first = len(vertices)
            vertices.append([start - 0.5, 0.0, _droop(start)])
            vertices.append([stop - 0.5, 0.0, _droop(stop)])
            vertices.append([min(t + 0.1, 1.0) - 0.5, side * reach, _droop(t) + 0.16])
            triangles.append([first, first + 1, first + 2])
    return _two_sided(vertices, triangles)


def _blade() -> Mesh:
    """Return a palm leaf of few triangles, for far palms."""
    vertices = []
    for t, reach in ((0.0, 0.06), (0.4, 0.36), (0.75, 0.3), (1.0, 0.02)):
        vertices += [[t - 0.5, -reach, _droop(t)], [t - 0.5, reach, _droop(t)]]
    triangles = []
    for i in (0, 2, 4):
        triangles += [[i, i + 1, i + 3], [i, i + 3, i + 2]]
    return _two_sided(vertices, triangles)


def _skirt(boughs: int) -> Mesh:
    """Return one tier of a conifer: a cone whose lower edge is cut into boughs."""
    ring = []
    for k in range(2 * boughs):
        angle = np.pi * k / boughs
        radius, z = (0.5, 0.5) if k % 2 == 0 else (0.32, 0.28)
        ring.append([radius * np.cos(angle), radius * np.sin(angle), z])
    tip, inside = 2 * boughs, 2 * boughs + 1
    faces = []
    for k in range(2 * boughs):
        following = (k + 1) % (2 * boughs)
        faces += [[k, following, tip], [k, following, inside]]
    vertices = np.array([*ring, [0.0, 0.0, -0.5], [0.0, 0.0, 0.2]])
    return _outward(vertices, np.array(faces))


def _arch(stones: int) -> Mesh:
    """Return a wall along x with a round opening at its foot, 0.8 wide and 0.78 high."""
    angle = np.linspace(np.pi, 0.0, stones + 1)
    inner = np.stack([0.4 * np.cos(angle), 0.5 - 0.78 * np.sin(angle) ** 0.8], 1)
    outer = np.stack([np.clip(0.9 * np.cos(angle), -0.5, 0.5), np.full(stones + 1, -0.5)], 1)
    outer[[0, -1]] = [[-0.5, 0.5], [0.5, 0.5]]
    vertices, triangles = [], []
    for k in range(stones):
        corners = [inner[k], inner[k + 1], outer[k + 1], outer[k]]
        stone = [[x, y, z] for y in (-0.5, 0.5) for x, z in corners]
        sides = [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 5, 4], [2, 3, 7, 6]]
        middle = np.mean(stone, 0)
        points, faces = _convex((np.array(stone) - middle).tolist(), sides)
        triangles.append(faces + 8 * k)
        vertices.append(points + middle.astype(np.float32))
    return np.concatenate(vertices), np.concatenate(triangles).astype(np.int32)


def _shed() -> Mesh:
    """Return a wedge: a roof of one slope that is high at x = 0.5."""
    vertices = [*_CORNERS[:4], [0.5, -0.5, -0.5], [0.5, 0.5, -0.5]]
    return _convex(vertices, [[0, 4, 5, 2], [1, 3, 5, 4], [0, 1, 4], [2, 3, 5], [0, 1, 3, 2]])


def _vault(pieces: int) -> Mesh:
    """Return a half-barrel along x."""
    angle = np.linspace(0.0, np.pi, pieces + 1)
    profile = [[0.5 * np.cos(a), 0.5 - np.sin(a)] for a in angle]
    n = pieces + 1
    vertices = [[x, y, z] for x in (-0.5, 0.5) for y, z in profile]
    around = [[k, (k + 1) % n, n + (k + 1) % n, n + k] for k in range(n)]
    return _convex(vertices, [*around, list(range(n)), list(range(n, 2 * n))])


def _mitred(start: float, stop: float) -> Mesh:
    """Return a lid along x whose ends are cut askew: by how much x changes from y = 0 to y = 1."""
    ends = {-0.5: start, 0.5: stop}
    corners = [[x + y * ends[x], y, z] for x, y, z in _CORNERS]
    return _convex(corners, [_TOP, *_SIDES])


def _row(count: int, share: float) -> Mesh:
    """Return boxes in a row along y, each filling a share of its place in the row."""
    points, faces = _convex(_CORNERS, [_BOTTOM, _TOP, *_SIDES])
    vertices = []
    for k in range(count):
        middle = (k + 0.5) / count - 0.5
        vertices.append(points * [1.0, share / count, 1.0] + [0.0, middle, 0.0])
    triangles = np.concatenate([faces + len(points) * k for k in range(count)])
    return np.concatenate(vertices).astype(np.float32), triangles.astype(np.int32)


def _icosphere(subdivisions: int) -> Mesh:
    t = (1 + 5**0.5) / 2
    signs = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    points: list[tuple[float, float, float]] = [(0, a, b * t) for a, b in signs]
    points += [(a, b * t, 0) for a, b in signs] + [(b * t, 0, a) for a, b in signs]
    vertices = np.array(points, float)
    distance = np.linalg.norm(vertices[:, None] - vertices[None], axis=2)
    near = distance < 2.1
    triangles = [
        [i, j, k]
        for i in range(12)
        for j in range(i + 1, 12)
        for k in range(j + 1, 12)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    soup = vertices[np.array(triangles)]
    for _ in range(subdivisions):
        a, b, c = soup[:, 0], soup[:, 1], soup[:, 2]
        ab, bc, ca = a + b, b + c, c + a
        parts = [(a, ab / 2, ca / 2), (ab / 2, b, bc / 2), (ca / 2, bc / 2, c)]
        parts.append((ab / 2, bc / 2, ca / 2))
        soup = np.concatenate([np.stack(p, 1) for p in parts])
    soup /= np.linalg.norm(soup, axis=2, keepdims=True) * 2
    unique, index = np.unique(np.round(soup.reshape(-1, 3), 6), axis=0, return_inverse=True)
    return _outward(unique, index.reshape(-1, 3))


_SHAPES: dict[str, Callable[[], Mesh]] = {
    "pyramid": lambda: _ridge(0.0),
    "shed": _shed,
    "vault": lambda: _vault(8),
    "arch": lambda: _arch(8),
    "drum": lambda: _prism(28, 1.0),
    "frond": lambda: _frond(9),
    "blade": _blade,
    "skirt": lambda: _skirt(9),
    "far_cone": lambda: _prism(7, 0.04),
}


@cache
def mesh(name: str) -> Mesh:
    """Return a unit solid by name.

    Args:
        name: ``box``, ``lid`` (a box without its bottom), ``gable`` and ``hip`` (roofs with the
            ridge along x), ``cylinder``, ``wheel`` (its axis along y), ``cabin``, ``hood`` (boxes
            that taper upwards), ``cone``, ``trunk`` (tapering), ``blob`` (a lumpy sphere), ``ball``
            (a coarse sphere), ``crumb`` (a very coarse one), ``pyramid``, ``shed`` (a wedge, high
            at its end), ``vault`` (half a barrel along x), ``arch`` (a wall along x with an
            opening), ``drum`` (a rounder cylinder), ``frond`` and ``blade`` (palm leaves along x,
            near and far), ``skirt`` (one tier of a conifer), ``far_cone`` (all of one), or such
            as ``row3:40``: three boxes along y, each taking 40 % of its third, or ``mitre:0.1:0``:
            a lid along x whose ends are cut askew, its beginning by 0.1, its end not at all.
    """
    if name == "box":
        return _convex(_CORNERS, [_BOTTOM, _TOP, *_SIDES])
    if name == "lid":
        return _convex(_CORNERS, [_TOP, *_SIDES])
    if name == "gable":
        return _ridge(0.5)
    if name == "hip":
        return _ridge(0.22)
    if name.startswith("mitre:"):
        return _mitred(*map(float, name.split(":")[1:]))
    if name.startswith("row"):
        count, percent = name[3:].split(":")
        return _row(int(count), int(percent) / 100)
    if name in _SHAPES:
        return _SHAPES[name]()
    if name == "cylinder":
        return _prism(12, 1.0)
    if name == "wheel":
        vertices, triangles = _prism(12, 1.0)
        return vertices[:, [0, 2, 1]], triangles[:, ::-1].copy()
    if name == "cabin":
        return _frustum(0.62, 0.82, -0.03)
    if name == "hood":
        return _frustum(0.94, 0.9)
    if name == "cone":
        return _prism(12, 0.04)
    if name == "trunk":
        return _prism(7, 0.6)
    if name in ("ball", "crumb"):
        return _icosphere(1 if name == "ball" else 0)
    if name == "blob":
        vertices, triangles = _icosphere(2)
        # A fixed pattern of bumps: neighbouring crowns differ by their rotation.
        x, y, z = vertices.T
        bumps = np.sin(9 * x + 4 * z) * np.sin(8 * y - 3 * x) * np.sin(10 * z + 2 * y)
        return (vertices * (1 + 0.16 * bumps)[:, None]).astype(np.float32), triangles
    raise KeyError(name)
