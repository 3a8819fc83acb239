"""The world as data: named objects made of solid parts, and the builder that assembles them.

Everything is in the North-East-Down frame, metres. A *part* is one solid with one material; an
*object* is what has a name, a segmentation id and a pose, and owns one or more parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from airseg.simulators.embedded.scene.meshes import mesh
from airseg.simulators.embedded.scene.traffic import Drive

ALWAYS, NEAR, FAR = 0, 1, 2
"""Level of detail of a part: drawn always, only from near, or only from far."""


@dataclass(frozen=True)
class WorldObject:
    """What the simulator lists, labels and, where movable, moves.

    Attributes:
        name: unique, in the manner of AirSim's Neighborhood: family and number.
        kind: the family, such as ``Roof_Middle``.
        position: (3,) float64, NED metres, the middle of the object's parts.
        movable: whether its pose can be set.
    """

    name: str
    kind: str
    position: np.ndarray
    movable: bool


@dataclass(frozen=True)
class Frame:
    """A place and heading on the ground: u along the heading, v to its right."""

    north: float = 0.0
    east: float = 0.0
    yaw: float = 0.0

    def point(self, u: float, v: float) -> tuple[float, float]:
        """Return (north, east) of a local point."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return self.north + u * c - v * s, self.east + u * s + v * c

    def at(self, u: float, v: float, yaw: float = 0.0) -> Frame:
        """Return the frame at a local point, turned by `yaw` radians."""
        return Frame(*self.point(u, v), self.yaw + yaw)


@dataclass
class Geometry:
    """Triangles and parts of a world, as the renderer's kernels want them.

    Attributes:
        vertices: (V, 3) float32, NED metres.
        triangles: (T, 3) int32 vertex numbers; part by part, in order.
        normals: (T, 3) float32, outward unit normals.
        triangle_part: (T,) int32.
        vertex_start, triangle_start: (P + 1,) int32, where each part begins.
        center, radius: (P, 3) and (P,) float32, bounding spheres.
        origin, axes, size: (P, 3), (P, 3, 3) rows are local axes in the world, (P, 3); float32.
        low, high: (P, 3) float32, the box that holds a part: along its axes, in sizes.
        color: (P, 3) float32, linear albedo.
        material, level, object_index: (P,) int32.
        is_round: (P,) bool, shade as an ellipsoid rather than flat.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray
    triangle_part: np.ndarray
    vertex_start: np.ndarray
    triangle_start: np.ndarray
    center: np.ndarray
    radius: np.ndarray
    origin: np.ndarray
    axes: np.ndarray
    size: np.ndarray
    low: np.ndarray
    high: np.ndarray
    color: np.ndarray
    material: np.ndarray
    level: np.ndarray
    object_index: np.ndarray
    is_round: np.ndarray


@dataclass(eq=False)  # each is a world of its own
class World:
    """A built world.

    Attributes:
        name, seed: what it was built from; the same pair builds the same bytes.
        objects: ``objects[i]`` is what object index `i` in a render means; 0 is the sky.
        geometry: what the renderer draws.
        collision_boxes: (M, 6) float64, axis-aligned, ``x_min y_min z_min x_max y_max z_max``.
        collision_object: (M,) int32, the object each box belongs to.
        assets: names that `simListAssets` tells.
        traffic: cars that drive by themselves.
        lamps: (L, 3) float64, NED places of what lights the streets at night.
    """

    name: str
    seed: int
    objects: list[WorldObject]
    geometry: Geometry
    collision_boxes: np.ndarray
    collision_object: np.ndarray
    assets: list[str] = field(default_factory=list)
    traffic: list[Drive] = field(default_factory=list)
    lamps: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))

    def ground_height(self, north: float, east: float) -> float:
        """Return z (down) of the ground at a place; the built worlds are flat."""
        return 0.0

    @property
    def ground_name(self) -> str:
        """Name of the object that the ground is."""
        kinds = ("Landscape", "Ground")
        return next((o.name for o in self.objects if o.name.startswith(kinds)), "")

    def object_of_box(self, box: int) -> WorldObject:
        """Return the object that one of the collision boxes belongs to."""
        return self.objects[int(self.collision_object[box])]


def srgb(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """Return linear albedo of a colour written as people see it, each 0 to 1."""
    return (red**2.2, green**2.2, blue**2.2)


class WorldBuilder:
    """Collects objects and parts, then bakes them into a `World`."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.seed = name, seed
        self.random = np.random.default_rng([seed, *name.encode()])
        # Of its own, so that a new tint does not move a tree.
        self.tints = np.random.default_rng([seed, 1, *name.encode()])
        self._kinds: list[tuple[str, bool]] = []
        self._counts: dict[str, int] = {}
        self._names: list[str] = []
        self._parts: list[tuple] = []
        self._boxes: list[tuple] = []
        self._box_objects: list[int] = []
        self._traffic: list[Drive] = []
        self._lamps: list[tuple[float, float, float]] = []

    def __len__(self) -> int:
        return len(self._names)

    def add_object(self, kind: str, *, movable: bool = False) -> int:
        """Begin an object of a family and return its index."""
        number = self._counts.get(kind, 0)
        self._counts[kind] = number + 1
        self._names.append("SkySphere" if kind == "SkySphere" else f"{kind}_{number}")
        self._kinds.append((kind, movable))
        return len(self._names) - 1

    def tint(self, *choices: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return one of some sRGB colours as linear albedo, lighter or darker and a little off."""
        base = choices[int(self.tints.integers(len(choices)))]
        tone = self.tints.uniform(0.82, 1.16)
        return srgb(*(min(c * tone * self.tints.uniform(0.95, 1.05), 0.97) for c in base))

    def add_part(
        self,
        owner: int,
        solid: str,
        frame: Frame,
        middle: tuple[float, float, float],
        size: tuple[float, float, float],
        color: tuple[float, ...],
        material: int,
        *,
        yaw: float = 0.0,
        tilt: float = 0.0,
        level: int = ALWAYS,
    ) -> None:
        """Add a solid to an object.

        Args:
            owner: object index.
            solid: name of a unit solid, see `meshes.mesh`.
            frame: where u and v are counted from.
            middle: (u, v, height above ground) of the solid's middle, metres.
            size: extent along u, v and height, metres.
            color: linear albedo.
            material: one of `materials`.
            yaw: turn about the vertical, radians.
            tilt: how far the end at greater u is raised, radians.
            level: level of detail.
        """
        north, east = frame.point(middle[0], middle[1])
        turn = rotation_about_down(frame.yaw + yaw) @ _rotation_about_right(tilt)
        self._parts.append(
            (owner, solid, (north, east, -middle[2]), turn, size, color, material, level)
        )

    def add_solid(
        self,
        owner: int,
        frame: Frame,
        middle: tuple[float, float, float],
        size: tuple[float, float, float],
    ) -> None:
        """Add an axis-aligned collision box that holds the given local box."""
        corners = [
            frame.point(middle[0] + a * size[0] / 2, middle[1] + b * size[1] / 2)
            for a in (-1, 1)
            for b in (-1, 1)
        ]
        low, high = np.min(corners, 0), np.max(corners, 0)
        z = -middle[2]
        self._boxes.append((*low, z - size[2] / 2, *high, z + size[2] / 2))
        self._box_objects.append(owner)

    def add_light(self, frame: Frame, place: tuple[float, float, float]) -> None:
        """Add a street lamp's light at a local (u, v, height)."""
        self._lamps.append((*frame.point(place[0], place[1]), -place[2]))

    def add_drive(self, drive: Drive) -> None:
        """Let a car drive; it must have been built with its nose to the north."""
        self._traffic.append(drive)

    def build(self) -> World:
        """Bake everything into arrays."""
        geometry = _bake(self._parts)
        objects = []
        for index, (kind, movable) in enumerate(self._kinds):
            mine = geometry.object_index == index
            middle = geometry.origin[mine].astype(float)
            position = middle.mean(0) if len(middle) else np.zeros(3)
            objects.append(WorldObject(self._names[index], kind, position, movable))
        return World(
            self.name,
            self.seed,
            objects,
            geometry,
            np.array(self._boxes, float).reshape(-1, 6),
            np.array(self._box_objects, np.int32),
            sorted({kind for kind, _ in self._kinds}),
            self._traffic,
            np.array(self._lamps, float).reshape(-1, 3),
        )


def rotation_about_down(yaw: float) -> np.ndarray:
    """Return the (3, 3) matrix of a turn about the downward axis (north towards east)."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _rotation_about_right(tilt: float) -> np.ndarray:
    """Return the (3, 3) matrix that raises what lies ahead."""
    c, s = np.cos(tilt), np.sin(tilt)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def triangle_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return (T, 3) float32 unit normals of (V, 3) vertices and (T, 3) triangles."""
    a, b, c = (vertices[triangles[:, i]].astype(float) for i in range(3))
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-20
    return normal.astype(np.float32)


def _bake(parts: list[tuple]) -> Geometry:
    vertices, triangles, vertex_start, triangle_start = [], [], [0], [0]
    columns: dict[str, list] = {k: [] for k in ("origin", "axes", "size", "radius", "low", "high")}
    for _, solid, origin, turn, size, _, _, _ in parts:
        local, faces = mesh(solid)
        vertices.append((local * np.array(size)) @ turn.T + np.array(origin))
        triangles.append(faces + vertex_start[-1])
        vertex_start.append(vertex_start[-1] + len(local))
        triangle_start.append(triangle_start[-1] + len(faces))
        columns["origin"].append(origin)
        columns["axes"].append(turn.T)
        columns["size"].append(size)
        columns["low"].append(local.min(0))
        columns["high"].append(local.max(0))
        columns["radius"].append(np.linalg.norm(size) / 2 * 1.05)
    points = np.concatenate(vertices).astype(np.float32)
    faces = np.concatenate(triangles).astype(np.int32)
    starts = np.array(triangle_start, np.int32)
    origin = np.array(columns["origin"], np.float32)
    return Geometry(
        vertices=points,
        triangles=faces,
        normals=triangle_normals(points, faces),
        triangle_part=np.repeat(np.arange(len(parts), dtype=np.int32), np.diff(starts)),
        vertex_start=np.array(vertex_start, np.int32),
        triangle_start=starts,
        center=origin.copy(),
        radius=np.array(columns["radius"], np.float32),
        origin=origin,
        axes=np.array(columns["axes"], np.float32),
        size=np.array(columns["size"], np.float32),
        low=np.array(columns["low"], np.float32),
        high=np.array(columns["high"], np.float32),
        color=np.array([p[5] for p in parts], np.float32),
        material=np.array([p[6] for p in parts], np.int32),
        level=np.array([p[7] for p in parts], np.int32),
        object_index=np.array([p[0] for p in parts], np.int32),
        is_round=np.array([p[1] in ("blob", "ball", "crumb") for p in parts]),
    )
