"""Cars that drive by themselves: where each is, as a function of simulator time alone.

Nothing is integrated, so that the same time gives the same place after any history, a reset or
another process included.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from airseg.simulators.embedded.clock import START_NS


@dataclass(frozen=True)
class Drive:
    """A car on a closed route.

    Attributes:
        object_index: which object drives.
        route: (N, 2) float64, north and east of the corners of a closed polyline, metres.
        speed_mps: constant speed along it.
        start_m: where along the route it is at the simulation's start.
        corner_m: how far before a corner it begins to turn, metres.
    """

    object_index: int
    route: np.ndarray
    speed_mps: float
    start_m: float = 0.0
    corner_m: float = 6.0

    @cached_property
    def _track(self) -> tuple[list[list[float]], list[float]]:
        # Lists, because numpy is slow at single numbers.
        points = rounded(self.route, self.corner_m)
        closed = np.vstack([points, points[:1]])
        lengths = np.linalg.norm(np.diff(closed, axis=0), axis=1)
        return closed.tolist(), [0.0, *np.cumsum(lengths).tolist()]

    @property
    def length_m(self) -> float:
        """Length of one round, metres."""
        return self._track[1][-1]

    def at(self, time_ns: int) -> tuple[float, float, float]:
        """Return north, east (metres) and yaw (radians) at a simulator time."""
        points, ends = self._track
        travelled = self.start_m + self.speed_mps * ((time_ns - START_NS) / 1e9)

        def place(s: float) -> tuple[float, float]:
            s %= ends[-1]
            k = min(bisect_right(ends, s) - 1, len(points) - 2)
            share = (s - ends[k]) / (ends[k + 1] - ends[k])
            (x, y), (next_x, next_y) = points[k], points[k + 1]
            return x + share * (next_x - x), y + share * (next_y - y)

        front, rear = place(travelled + 1.3), place(travelled - 1.3)
        yaw = float(np.arctan2(front[1] - rear[1], front[0] - rear[0]))
        return (front[0] + rear[0]) / 2, (front[1] + rear[1]) / 2, yaw


def rounded(route: np.ndarray, reach: float) -> np.ndarray:
    """Replace each corner of a closed polyline by a curve.

    Args:
        route: (N, 2) corners.
        reach: how far before and after a corner the curve begins and ends, metres; at most 0.45 of
            the shorter side.

    Returns:
        (N * 9, 2) points.
    """
    before, after = np.roll(route, 1, axis=0), np.roll(route, -1, axis=0)
    share = np.linspace(0.0, 1.0, 9)[:, None]
    curves = []
    for a, corner, b in zip(before, route, after, strict=True):
        sides = float(np.linalg.norm(a - corner)), float(np.linalg.norm(b - corner))
        cut = min(reach, 0.45 * min(sides))
        start = corner + (a - corner) * (cut / max(sides[0], 1e-9))
        end = corner + (b - corner) * (cut / max(sides[1], 1e-9))
        curves.append((1 - share) ** 2 * start + 2 * share * (1 - share) * corner + share**2 * end)
    return np.concatenate(curves)
