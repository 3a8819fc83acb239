"""What all vehicles share: a pose, velocities, and solid things in the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from airseg.geometry import euler_from_quaternion, quaternion_from_euler, rotate
from airseg.simulators.embedded.scene.world import World
from airseg.simulators.embedded.vehicles.sweeping import first_hit
from airseg.simulators.protocol import CollisionInfo, KinematicsState, Quaternionr, Vector3r

_NEARBY_M = 40.0
_GROUND, _NOTHING = -1, -2


@dataclass
class Actor:
    """What of a vehicle is seen, and carries its cameras: it moves at ticks, not with the body.

    Attributes:
        position: (3,) NED, metres.
        orientation: (4,) quaternion w x y z, body to world.
    """

    position: np.ndarray
    orientation: np.ndarray

    def move(self, position: np.ndarray, orientation: np.ndarray) -> None:
        """Go somewhere; a place that is no number is no place, and the actor stays."""
        if np.isfinite(position).all() and np.isfinite(orientation).all():
            self.position, self.orientation = position.copy(), orientation.copy()

    def point(self, offset: np.ndarray) -> np.ndarray:
        """Return the (3,) world position of a (3,) point fixed to the actor."""
        return self.position + rotate(self.orientation, offset)


class Motion(Protocol):
    """What others read of a body; see `Body`."""

    @property
    def position(self) -> np.ndarray: ...

    @property
    def orientation(self) -> np.ndarray: ...

    @property
    def velocity(self) -> np.ndarray: ...

    @property
    def acceleration(self) -> np.ndarray: ...

    @property
    def angular_velocity(self) -> np.ndarray: ...

    def kinematics(self, origin: np.ndarray) -> KinematicsState:
        """Return the state with positions relative to `origin`."""


@dataclass
class Body:
    """The motion of a vehicle in the world.

    Attributes:
        position, velocity, acceleration: (3,) NED; metres, m/s, m/s^2.
        roll, pitch, yaw: radians.
        angular_velocity: (3,) rad/s.
    """

    position: np.ndarray
    yaw: float = 0.0
    roll: float = 0.0
    pitch: float = 0.0
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(3))
    acceleration: np.ndarray = field(default_factory=lambda: np.zeros(3))
    angular_velocity: np.ndarray = field(default_factory=lambda: np.zeros(3))

    @property
    def orientation(self) -> np.ndarray:
        """(4,) quaternion w x y z, body to world."""
        return quaternion_from_euler(self.roll, self.pitch, self.yaw)

    def place(self, position: np.ndarray, orientation: np.ndarray) -> None:
        """Put the body somewhere; it goes on as fast as it went."""
        self.position = np.array(position, float)
        unit = orientation / (np.linalg.norm(orientation) or 1.0)
        self.roll, self.pitch, self.yaw = euler_from_quaternion(unit)

    def kinematics(self, origin: np.ndarray) -> KinematicsState:
        """Return the state with positions relative to `origin`."""
        return KinematicsState(
            position=Vector3r.from_array(self.position - origin),
            orientation=Quaternionr.from_array(self.orientation),
            linear_velocity=Vector3r.from_array(self.velocity),
            angular_velocity=Vector3r.from_array(self.angular_velocity),
            linear_acceleration=Vector3r.from_array(self.acceleration),
        )


class Obstacles:
    """The solid boxes of a world, asked by vehicles about what they touch."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._nearby = np.empty(0, np.int64)
        self._asked_at = np.full(3, np.inf)

    def push_out(self, body: Body, radius: float, now_ns: int) -> CollisionInfo | None:
        """Move a body out of what it has run into and stop it in that direction.

        Args:
            body: treated as a ball around its position.
            radius: of the ball, metres.
            now_ns: simulator time, for the report.

        Returns:
            What was hit, or None.
        """
        near = self._world.collision_boxes[self._find_nearby(body.position)]
        if not len(near):
            return None
        closest = np.clip(body.position, near[:, :3], near[:, 3:])
        away = body.position - closest
        distance = np.linalg.norm(away, axis=1)
        hit = int(np.argmin(distance))
        if distance[hit] >= radius:
            return None
        if distance[hit] > 1e-9:
            normal, depth = away[hit] / distance[hit], radius - distance[hit]
        else:
            normal, depth = _way_out(body.position, near[hit], radius)
        body.position = body.position + normal * depth
        inwards = min(float(body.velocity @ normal), 0.0)
        body.velocity = body.velocity - normal * inwards
        owner = int(self._world.collision_object[self._nearby[hit]])
        return CollisionInfo(
            has_collided=True,
            penetration_depth=float(depth),
            time_stamp=now_ns,
            normal=Vector3r.from_array(normal),
            impact_point=Vector3r.from_array(closest[hit]),
            position=Vector3r.from_array(body.position),
            object_name=self._world.objects[owner].name,
            object_id=owner,
        )

    def sweep(
        self, start: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray, now_ns: int
    ) -> tuple[np.ndarray, CollisionInfo | None]:
        """Move an upright box along a straight line until something stops it.

        Args:
            start, end: (3,) positions, NED metres.
            low, high: (3,) corners of the box, relative to its position.
            now_ns: simulator time, for the report.

        Returns:
            Where it gets to, (3,), and what was hit, or None.
        """
        world, move = self._world, end - start
        boxes = world.collision_boxes
        if np.abs(move).max() < _NEARBY_M / 2:
            candidates = self._find_nearby(start)
        else:
            candidates = np.arange(len(boxes))
        ground = world.ground_height(end[0], end[1])
        share, which, axis, sign, depth = first_hit(
            boxes, candidates, ground, low, high, start, move
        )
        if which == _NOTHING:
            return end, None
        place = start + share * move
        normal = np.zeros(3)
        normal[axis] = sign
        touching = np.clip(place, place + low, place + high)
        touching[axis] = place[axis] + (low if sign > 0 else high)[axis]
        name = world.ground_name if which == _GROUND else world.object_of_box(which).name
        return place, CollisionInfo(
            has_collided=True,
            penetration_depth=float(depth),
            time_stamp=now_ns,
            normal=Vector3r.from_array(normal),
            impact_point=Vector3r.from_array(touching),
            position=Vector3r.from_array(place),
            object_name=name,
        )

    def _find_nearby(self, position: np.ndarray) -> np.ndarray:
        """Return which boxes are near enough to be hit soon, (N,) int64."""
        boxes = self._world.collision_boxes
        if not np.abs(position - self._asked_at).max() <= _NEARBY_M / 2:
            gap = np.maximum(boxes[:, :3] - position, position - boxes[:, 3:]).max(1)
            self._nearby = np.flatnonzero(gap < _NEARBY_M)
            self._asked_at = position.copy()
        return self._nearby


def _way_out(position: np.ndarray, box: np.ndarray, radius: float) -> tuple[np.ndarray, float]:
    """Return the direction and length of the shortest way out of a box that holds a point."""
    gaps = np.concatenate([position - box[:3], box[3:] - position])
    side = int(np.argmin(gaps))
    normal = np.zeros(3)
    normal[side % 3] = -1.0 if side < 3 else 1.0
    return normal, float(gaps[side]) + radius
