"""Roads that bend: centre lines, the short pieces they are laid in, and what lies beside them.

A road is a chain of straight pieces, cut askew so that they meet without a gap. Each road has a
height of its own, millimetres apart, so that no two surfaces share a plane where they cross.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from airseg.simulators.embedded.scene.world import Frame, WorldBuilder
from airseg.simulators.embedded.worlds.parts.placing import Assembly, Triple, begin

PIECE_M = 5.0
_PIECES_PER_OBJECT = 4
_ROAD_TOP_M = 0.03


def arc(
    center: tuple[float, float], radius: float, start_deg: float, stop_deg: float
) -> np.ndarray:
    """Return (N, 2) north-east points of a circle's arc, clockwise angles from north."""
    count = max(2, round(abs(np.radians(stop_deg - start_deg)) * radius / PIECE_M) + 1)
    angle = np.radians(np.linspace(start_deg, stop_deg, count))
    return np.stack([center[0] + radius * np.cos(angle), center[1] + radius * np.sin(angle)], 1)


def straight(start: tuple[float, float], stop: tuple[float, float]) -> np.ndarray:
    """Return (N, 2) north-east points from one place to another, a piece apart."""
    length = float(np.hypot(stop[0] - start[0], stop[1] - start[1]))
    share = np.linspace(0.0, 1.0, max(2, round(length / PIECE_M) + 1))[:, None]
    return np.array(start) + share * (np.array(stop) - np.array(start))


def winding(corners: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return (N, 2) points a piece apart on a Catmull-Rom spline through some corners."""
    given = np.array(corners, float)
    control = np.vstack([2 * given[0] - given[1], given, 2 * given[-1] - given[-2]])
    share = np.linspace(0.0, 1.0, 25)[:, None]
    curve = []
    for p, q, r, s in zip(control, control[1:], control[2:], control[3:], strict=False):
        bend = 2 * p - 5 * q + 4 * r - s
        curve.append(q + 0.5 * share * ((r - p) + share * (bend + share * (3 * (q - r) + s - p))))
    return resampled(np.concatenate(curve), PIECE_M)


def resampled(points: np.ndarray, spacing: float) -> np.ndarray:
    """Return points of a polyline at equal distances of about `spacing` metres."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    targets = np.linspace(0.0, along[-1], max(2, round(along[-1] / spacing) + 1))
    return np.stack([np.interp(targets, along, points[:, k]) for k in (0, 1)], 1)


def beside(points: np.ndarray, distance: float) -> np.ndarray:
    """Return (N, 2) a polyline moved to its right by `distance` metres, to its left if negative.

    A line whose ends meet stays closed.
    """
    closed = np.allclose(points[0], points[-1])
    ahead = np.diff(points, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    first, last = (ahead[-1:], ahead[:1]) if closed else (ahead[:1], ahead[-1:])
    before, after = np.vstack([first, ahead]), np.vstack([ahead, last])
    along = before + after
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    stretch = 1.0 / np.maximum((along * after).sum(1), 0.5)
    right = np.stack([-along[:, 1], along[:, 0]], 1)
    return points + distance * stretch[:, None] * right


@dataclass(frozen=True)
class Road:
    """A road.

    Attributes:
        family: name of its pieces.
        points: (N, 2) centre line, north-east metres, about `PIECE_M` apart.
        half_width: of the carriageway, metres.
        color, material: of its surface.
    """

    family: str
    points: np.ndarray
    half_width: float
    color: Triple
    material: int


@dataclass
class RoadNetwork:
    """The roads of a world, and how far a place is from them.

    Attributes:
        roads: in the order in which they lie on one another, lowest first.
    """

    roads: list[Road] = field(default_factory=list)

    def add(self, road: Road) -> Road:
        """Take a road in."""
        self.roads.append(road)
        self._ends = None
        return road

    _ends: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def clearance(self, place: tuple[float, float]) -> float:
        """Return how far a place is from the nearest carriageway's edge, negative upon it."""
        if self._ends is None:
            self._ends = _segments(self.roads)
        return _clearance(self._ends, place)

    def clear_of(self, road: Road, places: np.ndarray, room: float) -> np.ndarray:
        """Return (N,) bool: which (N, 2) places keep `room` metres from all roads but one."""
        ends = _segments([r for r in self.roads if r is not road])
        return np.array([_clearance(ends, tuple(p)) > room for p in places])


def _segments(roads: list[Road]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not roads:
        return np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0)
    starts = np.concatenate([r.points[:-1] for r in roads])
    steps = np.concatenate([np.diff(r.points, axis=0) for r in roads])
    widths = np.concatenate([np.full(len(r.points) - 1, r.half_width) for r in roads])
    return starts, steps, widths


def _clearance(
    ends: tuple[np.ndarray, np.ndarray, np.ndarray], place: tuple[float, float]
) -> float:
    starts, steps, widths = ends
    if not len(starts):
        return np.inf
    out = np.array(place) - starts
    share = np.clip((out * steps).sum(1) / ((steps**2).sum(1) + 1e-12), 0.0, 1.0)
    return float((np.linalg.norm(out - share[:, None] * steps, axis=1) - widths).min())


def add_carriageways(builder: WorldBuilder, network: RoadNetwork) -> None:
    """Lay the surfaces of all roads."""
    for order, road in enumerate(network.roads):
        add_strip(
            builder,
            road.family,
            road.points,
            2 * road.half_width,
            _ROAD_TOP_M + 0.0015 * order,
            road.color,
            road.material,
        )


def add_strip(
    builder: WorldBuilder,
    family: str,
    points: np.ndarray,
    width: float,
    top: float,
    color: Triple,
    material: int,
    keep: np.ndarray | None = None,
) -> None:
    """Lay a band along a polyline.

    Args:
        builder: what to add it to.
        family: name of its objects; several pieces make one.
        points: (N, 2) its middle line.
        width: metres.
        top: height of its surface, metres.
        color: linear albedo.
        material: one of `materials`.
        keep: (N - 1,) bool, which pieces to lay; all of them unless given.
    """
    steps = np.diff(points, axis=0)
    headings = np.arctan2(steps[:, 1], steps[:, 0])
    bends = _bends(headings, closed=np.allclose(points[0], points[-1]))
    owner: Assembly | None = None
    for i, (start, step, yaw) in enumerate(zip(points, steps, headings, strict=False)):
        if keep is not None and not keep[i]:
            owner = None
            continue
        if owner is None or i % _PIECES_PER_OBJECT == 0:
            owner = begin(builder, family, Frame())
        length = float(np.hypot(*step))
        # Neighbours meet on the line that halves the angle between them.
        first, last = np.tan(bends[i : i + 2] / 2) * width / length
        middle = start + step / 2
        builder.add_part(
            owner.owner,
            f"mitre:{first:.6f}:{-last:.6f}",
            Frame(float(middle[0]), float(middle[1]), float(yaw)),
            (0.0, 0.0, top - 0.1),
            (length, width, 0.2),
            color,
            material,
        )


def _bends(headings: np.ndarray, *, closed: bool) -> np.ndarray:
    """Return (N + 1,) by how much a line of N pieces turns right at each of its points, radians."""
    turns = np.diff(headings, prepend=headings[-1:], append=headings[:1])
    turns = np.angle(np.exp(1j * turns))
    if not closed:
        turns[[0, -1]] = 0.0
    return turns


def add_pavements(
    builder: WorldBuilder,
    network: RoadNetwork,
    family: str,
    width: float,
    color: Triple,
    material: int,
) -> None:
    """Lay pavements along both sides of all roads, leaving out what would lie on another road."""
    for order, road in enumerate(network.roads):
        for side in (-1, 1):
            line = beside(road.points, side * (road.half_width + width / 2))
            middles = (line[:-1] + line[1:]) / 2
            keep = network.clear_of(road, middles, 0.4 * width)
            height = 0.14 + 0.0015 * order
            add_strip(builder, family, line, width, height, color, material, keep)


def frames_along(
    points: np.ndarray, spacing: float, offset: float, start: float = 0.0
) -> Iterator[Frame]:
    """Yield places beside a polyline; u points away from it, to the right for a positive offset.

    Args:
        points: (N, 2) polyline.
        spacing: metres between places along it.
        offset: metres to the right of it, to the left if negative.
        start: metres along it of the first place.
    """
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    for s in np.arange(start, along[-1], spacing):
        k = min(int(np.searchsorted(along, s, side="right")) - 1, len(steps) - 1)
        yaw = float(np.arctan2(steps[k, 1], steps[k, 0]))
        here = points[k] + steps[k] * ((s - along[k]) / lengths[k])
        frame = Frame(float(here[0]), float(here[1]), yaw)
        yield frame.at(0.0, offset, np.pi / 2 if offset > 0 else -np.pi / 2)


class GroundPlan:
    """Which ground is taken: discs that things stand on."""

    def __init__(self) -> None:
        self._discs = np.zeros((256, 3))
        self._count = 0

    def take(self, place: tuple[float, float], radius: float) -> None:
        """Mark a disc as taken."""
        if self._count == len(self._discs):
            self._discs = np.vstack([self._discs, np.zeros_like(self._discs)])
        self._discs[self._count] = (*place, radius)
        self._count += 1

    def take_box(self, at: Frame, middle: tuple[float, float], size: tuple[float, float]) -> None:
        """Mark a box of a frame as taken, as a row of discs that cover it."""
        radius = float(np.clip(min(size) / 2, 0.6, 1.6))
        counts = [max(1, int(np.ceil(s / (1.5 * radius)))) for s in size]
        for i in range(counts[0]):
            for j in range(counts[1]):
                u = middle[0] + size[0] * ((i + 0.5) / counts[0] - 0.5)
                v = middle[1] + size[1] * ((j + 0.5) / counts[1] - 0.5)
                self.take(at.point(u, v), radius)

    def is_free(self, place: tuple[float, float], radius: float) -> bool:
        """Tell whether a disc touches none that is taken."""
        taken = self._discs[: self._count]
        reach = taken[:, 2] + radius
        return not bool(
            ((taken[:, 0] - place[0]) ** 2 + (taken[:, 1] - place[1]) ** 2 < reach**2).any()
        )
