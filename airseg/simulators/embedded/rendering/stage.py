"""What stands on the stage now: the world's geometry with everything that moved, came or went.

The world itself is never changed. The stage holds the copies that the renderer's kernels read, and
the pose of every object that is not where it was built.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np

from airseg.geometry import quaternion_from_euler, rotation_matrix
from airseg.kernels import njit
from airseg.simulators.embedded.scene.world import Geometry, World, WorldObject

_LEVEL = np.array([1.0, 0.0, 0.0, 0.0])


@dataclass(frozen=True)
class Placement:
    """Where an object is, relative to how it was built.

    Attributes:
        position: (3,) NED metres of the object's middle.
        orientation: (4,) quaternion w x y z.
        scale: (3,) along the world's axes as built.
    """

    position: np.ndarray
    orientation: np.ndarray = field(default_factory=_LEVEL.copy)
    scale: np.ndarray = field(default_factory=lambda: np.ones(3))

    def matrix(self, middle: np.ndarray) -> np.ndarray:
        """Return the (3, 4) map from built to present world coordinates."""
        linear = rotation_matrix(self.orientation) * self.scale[None, :]
        return np.column_stack([linear, self.position - linear @ middle])


class Stage:
    """Objects and their present geometry.

    Attributes:
        world: what was built.
        objects: the world's, then whatever was spawned.
        geometry: present geometry; arrays are replaced when something is spawned.
        version: changes whenever something other than traffic changed: shadows are stale then.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.reset()

    def reset(self) -> None:
        """Put everything back as it was built."""
        self.objects: list[WorldObject] = list(self.world.objects)
        self._built = self.world.geometry
        self.geometry = _copy(self._built)
        self._placements: dict[int, Placement] = {}
        self._hidden: set[int] = set()
        self._index_parts()
        self._driving = {drive.object_index: drive for drive in self.world.traffic}
        self.version = getattr(self, "version", 0) + 1
        self._time_ns: int | None = None

    @property
    def moving(self) -> list[int]:
        """Objects that are not where they were built, in order: they cast shadows of their own."""
        return sorted({*self._placements, *self._driving} - self._hidden)

    def placement(self, index: int) -> Placement:
        """Return where an object is."""
        found = self._placements.get(index)
        return found if found is not None else Placement(self.objects[index].position)

    def placements(self) -> dict[int, Placement]:
        """Return where everything is that is not where it was built."""
        return dict(self._placements)

    def middle(self, index: int) -> np.ndarray:
        """Return the (3,) middle of an object as it was built."""
        return self.objects[index].position

    def at_time(self, time_ns: int) -> None:
        """Let the traffic drive to where it is at a simulator time."""
        if time_ns == self._time_ns or not self._driving:
            return
        self._time_ns = time_ns
        for index, drive in self._driving.items():
            north, east, yaw = drive.at(time_ns)
            self._placements[index] = Placement(
                np.array([north, east, self.middle(index)[2]]),
                quaternion_from_euler(0.0, 0.0, yaw),
            )
        self._move(list(self._driving))

    def place(self, index: int, placement: Placement) -> None:
        """Put an object somewhere; traffic that is put somewhere stays there."""
        self._driving.pop(index, None)
        if index not in self._placements:
            self.version += 1  # its shadow is no longer among the resting ones
        self._put(index, placement)

    def recolor(self, index: int, color: tuple[float, float, float]) -> None:
        """Give every part of an object one linear albedo."""
        self.geometry.color[self._parts_of(index)] = color

    def hide(self, index: int) -> None:
        """Take an object off the stage; its index stays taken."""
        self._hidden.add(index)
        self._driving.pop(index, None)
        self._placements.pop(index, None)
        self.geometry.radius[self._parts_of(index)] = 0.0
        self.version += 1

    def is_hidden(self, index: int) -> bool:
        """Tell whether an object was taken off the stage."""
        return index in self._hidden

    def set_drawn(self, index: int, drawn: bool) -> None:
        """Draw an object or not, without any other effect: a camera does not see its own body."""
        parts = self._parts_of(index)
        self.geometry.radius[parts] = self._built.radius[parts] if drawn else 0.0

    def spawn(self, pattern: Geometry, item: WorldObject, placement: Placement) -> int:
        """Bring an object; `pattern` is geometry as built, its middle at ``item.position``."""
        index = len(self.objects)
        self.objects.append(item)
        added = replace(pattern, object_index=np.full(len(pattern.radius), index, np.int32))
        self._built = join(self._built, added)
        self.geometry = join(self.geometry, _copy(added))
        self._index_parts()
        self._put(index, placement)
        self.version += 1
        return index

    def pattern_of(self, kind: str) -> tuple[Geometry, np.ndarray] | None:
        """Return the geometry and (3,) middle of the first object of a family, or None."""
        for index, item in enumerate(self.world.objects):
            if item.kind == kind and self._part_start[index + 1] > self._part_start[index]:
                return take(self._built, self._parts_of(index)), item.position
        return None

    def parts_of(self, index: int) -> np.ndarray:
        """Return the numbers of an object's parts."""
        return self._parts_of(index)

    def points_of(self, index: int) -> np.ndarray:
        """Return the (V, 3) present vertices of an object, NED metres."""
        g = self.geometry
        spans = [
            g.vertices[g.vertex_start[p] : g.vertex_start[p + 1]] for p in self._parts_of(index)
        ]
        return np.concatenate(spans) if spans else np.zeros((0, 3), np.float32)

    def _put(self, index: int, placement: Placement) -> None:
        self._placements[index] = placement
        self._move([index])

    def _move(self, indices: list[int]) -> None:
        """Write the present geometry of some objects."""
        placements = [self._placements[index] for index in indices]
        parts = [self._parts_of(index) for index in indices]
        g, built = self.geometry, self._built
        _move_parts(
            np.concatenate(parts),
            np.repeat(np.arange(len(parts)), [len(mine) for mine in parts]),
            np.stack([p.matrix(self.middle(i)) for p, i in zip(placements, indices, strict=True)]),
            np.array([float(np.max(np.abs(p.scale))) for p in placements]),
            built.vertices,
            built.triangles,
            built.vertex_start,
            built.triangle_start,
            built.center,
            built.axes,
            built.size,
            built.radius,
            g.vertices,
            g.normals,
            g.center,
            g.axes,
            g.size,
            g.radius,
        )
        for mine in parts:
            g.origin[mine] = g.center[mine]

    def _index_parts(self) -> None:
        owner = self._built.object_index
        self._part_order = np.argsort(owner, kind="stable")
        self._part_start = np.searchsorted(
            owner[self._part_order], np.arange(len(self.objects) + 2), side="left"
        )

    def _parts_of(self, index: int) -> np.ndarray:
        return self._part_order[self._part_start[index] : self._part_start[index + 1]]


@njit(cache=True, nogil=True)
def _move_parts(  # noqa: ANN202
    parts,  # noqa: ANN001
    owner,  # noqa: ANN001
    matrices,  # noqa: ANN001
    stretches,  # noqa: ANN001
    vertices,  # noqa: ANN001
    triangles,  # noqa: ANN001
    vertex_start,  # noqa: ANN001
    triangle_start,  # noqa: ANN001
    center,  # noqa: ANN001
    axes,  # noqa: ANN001
    size,  # noqa: ANN001
    radius,  # noqa: ANN001
    out_vertices,  # noqa: ANN001
    out_normals,  # noqa: ANN001
    out_center,  # noqa: ANN001
    out_axes,  # noqa: ANN001
    out_size,  # noqa: ANN001
    out_radius,  # noqa: ANN001
):
    """Write the geometry of some parts under their owners' (3, 4) maps; the rest stays as it is."""
    for n in range(parts.shape[0]):
        p, matrix, stretch = parts[n], matrices[owner[n]], stretches[owner[n]]
        for v in range(vertex_start[p], vertex_start[p + 1]):
            for k in range(3):
                out_vertices[v, k] = (
                    matrix[k, 0] * vertices[v, 0]
                    + matrix[k, 1] * vertices[v, 1]
                    + matrix[k, 2] * vertices[v, 2]
                    + matrix[k, 3]
                )
        for t in range(triangle_start[p], triangle_start[p + 1]):
            _write_normal(t, triangles, out_vertices, out_normals)
        for k in range(3):
            out_center[p, k] = (
                matrix[k, 0] * center[p, 0]
                + matrix[k, 1] * center[p, 1]
                + matrix[k, 2] * center[p, 2]
                + matrix[k, 3]
            )
        for row in range(3):
            length = 0.0
            for k in range(3):
                turned = (
                    matrix[k, 0] * axes[p, row, 0]
                    + matrix[k, 1] * axes[p, row, 1]
                    + matrix[k, 2] * axes[p, row, 2]
                )
                out_axes[p, row, k] = turned
                length += turned * turned
            length = np.sqrt(length)
            for k in range(3):
                out_axes[p, row, k] /= length
            out_size[p, row] = size[p, row] * length
        out_radius[p] = radius[p] * stretch


@njit(cache=True, nogil=True, inline="always")
def _write_normal(t, triangles, vertices, normals):  # noqa: ANN001, ANN202
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    ux = vertices[b, 0] - vertices[a, 0]
    uy = vertices[b, 1] - vertices[a, 1]
    uz = vertices[b, 2] - vertices[a, 2]
    vx = vertices[c, 0] - vertices[a, 0]
    vy = vertices[c, 1] - vertices[a, 1]
    vz = vertices[c, 2] - vertices[a, 2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    norm = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-20
    normals[t, 0], normals[t, 1], normals[t, 2] = nx / norm, ny / norm, nz / norm


def _copy(geometry: Geometry) -> Geometry:
    return Geometry(**{f.name: getattr(geometry, f.name).copy() for f in fields(Geometry)})


def take(geometry: Geometry, parts: np.ndarray) -> Geometry:
    """Return the geometry of some parts alone, renumbered from 0."""
    vertex_rows = np.concatenate(
        [np.arange(geometry.vertex_start[p], geometry.vertex_start[p + 1]) for p in parts]
    )
    triangle_rows = np.concatenate(
        [np.arange(geometry.triangle_start[p], geometry.triangle_start[p + 1]) for p in parts]
    )
    renumber = np.zeros(len(geometry.vertices), np.int32)
    renumber[vertex_rows] = np.arange(len(vertex_rows), dtype=np.int32)
    vertex_counts = geometry.vertex_start[parts + 1] - geometry.vertex_start[parts]
    triangle_counts = geometry.triangle_start[parts + 1] - geometry.triangle_start[parts]
    columns = ["center", "radius", "origin", "axes", "size", "low", "high", "color", "material"]
    return Geometry(
        vertices=geometry.vertices[vertex_rows],
        triangles=renumber[geometry.triangles[triangle_rows]],
        normals=geometry.normals[triangle_rows],
        triangle_part=np.repeat(np.arange(len(parts), dtype=np.int32), triangle_counts),
        vertex_start=np.concatenate([[0], np.cumsum(vertex_counts)]).astype(np.int32),
        triangle_start=np.concatenate([[0], np.cumsum(triangle_counts)]).astype(np.int32),
        **{name: getattr(geometry, name)[parts] for name in (*columns, "level")},
        object_index=geometry.object_index[parts],
        is_round=geometry.is_round[parts],
    )


def join(first: Geometry, second: Geometry) -> Geometry:
    """Return two geometries as one; the parts of `second` come after those of `first`."""
    vertices, triangles, parts = len(first.vertices), len(first.triangles), len(first.radius)
    shifts = {
        "triangles": np.int32(vertices),
        "triangle_part": np.int32(parts),
        "vertex_start": np.int32(vertices),
        "triangle_start": np.int32(triangles),
    }
    joined = {}
    for f in fields(Geometry):
        a, b = getattr(first, f.name), getattr(second, f.name)
        b = b + shifts[f.name] if f.name in shifts else b
        a = a[:-1] if f.name in ("vertex_start", "triangle_start") else a
        joined[f.name] = np.concatenate([a, b])
    return Geometry(**joined)
