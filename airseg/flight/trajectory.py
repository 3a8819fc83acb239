"""From a plan to poses: a smooth path, flown as fast as its limits allow, sampled frame by frame.

Legs are straight. Each corner is a quintic Bezier curve whose first and last three control points
lie on the legs, so that curvature begins and ends at zero and the curve stays within the plan's
tolerance of the waypoint. Speed follows from the legs' speeds, the curvature and the acceleration
limit, by one pass forwards and one backwards along the path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.errors import PlanError
from airseg.flight.plan import SAME_PLACE_M, FlightPlan
from airseg.geometry import euler_from_quaternion, quaternion_from_euler, wrap_angle

_SPACING_M = 0.05
_MAX_FRAMES = 1_000_000
_MOST_STOPS, _LONGEST_M = 20_000, 300_000.0
_GRAVITY = 9.81
_MAX_TILT = np.radians(30.0)
_SAME_HEADING = np.radians(1.0)
_SLOWEST_MPS = 0.05
# A corner's curve leaves the waypoint by this share of its reach, for each unit of turn.
_CORNER_SHARE = 6.0 / 32.0


@dataclass(frozen=True)
class Trajectory:
    """Poses of the vehicle, one a frame.

    Attributes:
        time_ns: (T,) int64 from 0, in exact steps.
        position: (T, 3) float64, NED metres.
        velocity: (T, 3) float64, m/s.
        orientation: (T, 4) float64, quaternion w x y z, body to world.
    """

    time_ns: np.ndarray
    position: np.ndarray
    velocity: np.ndarray
    orientation: np.ndarray

    def __len__(self) -> int:
        return len(self.time_ns)


@dataclass(frozen=True)
class _Path:
    """A densely sampled path: points (N, 3), distance (N,), speed limit (N,), leg number (N,)."""

    points: np.ndarray
    distance: np.ndarray
    limit: np.ndarray
    leg: np.ndarray


def plan_trajectory(plan: FlightPlan) -> Trajectory:
    """Return the poses a plan stands for.

    Raises:
        PlanError: the flight would have more than a million frames, or its path has no end.
    """
    _refuse_endless(plan)
    path = _round_corners(plan)
    when, speed = _times(path, plan.acceleration_limit_mps2)
    total_s = min(when[-1], plan.duration_s or np.inf)
    count = int(np.floor(total_s * 1e9 / plan.step_ns + 1e-9)) + 1
    if count > _MAX_FRAMES:
        raise PlanError(
            f"the flight has {count} frames, over {_MAX_FRAMES}; fly faster, or set duration_s."
        )
    time_ns = np.arange(count, dtype=np.int64) * plan.step_ns
    seconds = time_ns / 1e9
    travelled = _travelled(seconds, when, speed, path.distance)
    position = _along(path, travelled)
    step_s = plan.step_ns / 1e9
    velocity = _derivative(position, step_s)
    yaw = _headings(plan, path, travelled, position)
    roll, pitch = np.zeros(count), np.zeros(count)
    if plan.vehicle == "multirotor":
        roll, pitch = _tilt(velocity, yaw, step_s)
    orientation = np.array(
        [quaternion_from_euler(r, p, y) for r, p, y in zip(roll, pitch, yaw, strict=True)]
    )
    return Trajectory(time_ns, position, velocity, orientation)


def _refuse_endless(plan: FlightPlan) -> None:
    """Refuse what would take minutes and gigabytes to lay out, before it is."""
    stops = plan.laps * (len(plan.waypoints) + 1)
    once = np.array([plan.start.position, *(w.position for w in plan.waypoints)], float)
    around = np.concatenate([once, once[:1]]) if plan.laps > 1 else once
    length = plan.laps * float(np.linalg.norm(np.diff(around, axis=0), axis=1).sum())
    if stops > _MOST_STOPS or length > _LONGEST_M:
        raise PlanError(
            f"the path has {stops:,} stops and {length / 1000:,.0f} km in {plan.laps:,} laps; at "
            f"most {_MOST_STOPS:,} stops and {_LONGEST_M / 1000:,.0f} km are flown. Fly fewer laps."
        )


def unflown_headings(plan: FlightPlan, path: Trajectory) -> list[str]:
    """Return the fields of a plan that ask for a heading which its path does not have, in words.

    Args:
        plan: the plan; path: its trajectory.
    """
    told = []
    if plan.start.yaw_deg is not None:
        flown = euler_from_quaternion(path.orientation[0])[2]
        if abs(wrap_angle(np.radians(plan.start.yaw_deg) - flown)) > _SAME_HEADING:
            told.append(
                f"start.yaw_deg is {plan.start.yaw_deg:g} and the flight begins at "
                f"{np.degrees(flown):.0f} degrees: the nose follows the path, look_at, or the "
                "yaw_deg of the first waypoint"
            )
    before = plan.start.position
    for i, waypoint in enumerate(plan.waypoints):
        stays = np.linalg.norm(np.subtract(waypoint.position, before)) <= SAME_PLACE_M
        if waypoint.yaw_deg is not None and (stays or plan.look_at is not None):
            why = "the nose follows look_at" if plan.look_at else "no way leads there to look on"
            told.append(f"waypoints[{i}].yaw_deg is not flown: {why}")
        before = waypoint.position
    return told


def waypoints_of(plan: FlightPlan) -> np.ndarray:
    """Return (N, 3) the start and every waypoint of every lap, without repeated points."""
    once = [w.position for w in plan.waypoints]
    points = [plan.start.position]
    for lap in range(plan.laps):
        points += once
        if lap < plan.laps - 1:
            points.append(plan.start.position)
    kept = [points[0]]
    for point in points[1:]:
        if np.linalg.norm(np.subtract(point, kept[-1])) > SAME_PLACE_M:
            kept.append(point)
    return np.array(kept, float)


def _leg_values(plan: FlightPlan) -> tuple[np.ndarray, list[float | None]]:
    """Return each leg's speed, m/s, and the heading asked for at its end, degrees or None."""
    speeds, yaws = [], []
    points = [plan.start.position]
    for lap in range(plan.laps):
        stops = [(w.position, w.speed_mps, w.yaw_deg) for w in plan.waypoints]
        if lap < plan.laps - 1:
            stops.append((plan.start.position, None, plan.start.yaw_deg))
        for position, speed, yaw in stops:
            if np.linalg.norm(np.subtract(position, points[-1])) > SAME_PLACE_M:
                speeds.append(min(speed or plan.speed_mps, plan.speed_limit_mps))
                yaws.append(yaw)
                points.append(position)
    return np.array(speeds), yaws


def _round_corners(plan: FlightPlan) -> _Path:
    points = waypoints_of(plan)
    speeds, _ = _leg_values(plan)
    steps = np.diff(points, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    directions = steps / lengths[:, None]
    pieces, limits, legs = [points[:1]], [speeds[:1]], [np.zeros(1, int)]
    left_at, rested = points[0], True
    for i in range(len(directions)):
        last = i == len(directions) - 1
        reach = 0.0 if last else _corner_reach(plan, directions, lengths, i)
        end = points[i + 1] - reach * directions[i]
        # Where there is no room for a curve, it stops and turns.
        rests = last or (reach <= 1e-9 and directions[i] @ directions[i + 1] < 0.999)
        # From rest to rest takes a point in between, or it would last for ever.
        straight = _line(left_at, end, least=2 if rested and rests else 1)
        pieces.append(straight)
        limits.append(np.full(len(straight), speeds[i]))
        legs.append(np.full(len(straight), i))
        left_at, rested = end, rests
        if reach > 1e-9:
            curve = _corner(points[i + 1], directions[i], directions[i + 1], reach)
            slow = np.full(len(curve), min(speeds[i], speeds[i + 1]))
            pieces.append(curve)
            limits.append(np.minimum(slow, _corner_speed(curve, plan)))
            legs.append(np.full(len(curve), i))
            left_at = points[i + 1] + reach * directions[i + 1]
        elif rests:
            limits[-1][-1] = 0.0
    path = np.concatenate(pieces)
    distance = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    return _Path(path, distance, np.concatenate(limits), np.concatenate(legs))


def _corner_reach(
    plan: FlightPlan, directions: np.ndarray, lengths: np.ndarray, corner: int
) -> float:
    """Return how far before and after a waypoint its curve begins and ends, metres."""
    turn = float(np.linalg.norm(directions[corner + 1] - directions[corner]))
    if turn < 1e-6 or turn > 1.95:
        return 0.0
    room = 0.48 * min(lengths[corner], lengths[corner + 1])
    return float(min(0.98 * plan.tolerance_m / (_CORNER_SHARE * turn), room))


def _line(start: np.ndarray, end: np.ndarray, least: int) -> np.ndarray:
    """Return evenly spaced points after `start`, up to and with `end`."""
    length = float(np.linalg.norm(end - start))
    count = max(int(np.ceil(length / _SPACING_M)), least)
    share = np.arange(1, count + 1)[:, None] / count
    return start + share * (end - start)


def _corner(middle: np.ndarray, before: np.ndarray, after: np.ndarray, reach: float) -> np.ndarray:
    control = [middle - f * reach * before for f in (1.0, 0.6, 0.2)]
    control += [middle + f * reach * after for f in (0.2, 0.6, 1.0)]
    # Fine, because a coarse polyline would turn in jerks.
    count = max(int(np.ceil(2 * reach / 0.02)), 200)
    t = np.arange(1, count + 1)[:, None] / count
    binomial = (1, 5, 10, 10, 5, 1)
    terms = [b * (1 - t) ** (5 - k) * t**k * control[k] for k, b in enumerate(binomial)]
    return np.sum(terms, axis=0)


def _corner_speed(curve: np.ndarray, plan: FlightPlan) -> np.ndarray:
    """Return the speed each point of a curve allows: sideways pull and turn rate are limited."""
    if len(curve) < 5:
        return np.full(len(curve), _SLOWEST_MPS)
    first = np.gradient(curve, axis=0)
    second = np.gradient(first, axis=0)
    speed = np.linalg.norm(first, axis=1)
    bend = np.linalg.norm(np.cross(first, second), axis=1) / np.maximum(speed**3, 1e-12)
    # One slow value for the whole curve keeps it simple to fly: the sharpest bend decides.
    sharpest = max(float(bend[2:-2].max()), 1e-9)
    sideways = np.sqrt(0.5 * plan.acceleration_limit_mps2 / sharpest)
    turning = np.radians(0.8 * plan.yaw_rate_limit_dps) / sharpest
    return np.full(len(curve), max(min(sideways, turning), _SLOWEST_MPS))


def _times(path: _Path, acceleration: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (N,) seconds and (N,) m/s at which points of the path are passed, rest to rest."""
    # Some of the acceleration is kept for bends, so that the sum stays below the limit.
    along = 0.65 * acceleration
    gaps = np.diff(path.distance)
    speed = path.limit.astype(float).copy()
    speed[0] = speed[-1] = 0.0
    squares = speed**2
    for i in range(len(gaps)):
        squares[i + 1] = min(squares[i + 1], squares[i] + 2 * along * gaps[i])
    for i in range(len(gaps) - 1, -1, -1):
        squares[i] = min(squares[i], squares[i + 1] + 2 * along * gaps[i])
    speed = np.sqrt(squares)
    spans = 2 * gaps / np.maximum(speed[:-1] + speed[1:], 1e-9)
    return np.concatenate([[0.0], np.cumsum(spans)]), speed


def _travelled(
    seconds: np.ndarray, when: np.ndarray, speed: np.ndarray, distance: np.ndarray
) -> np.ndarray:
    """Return (T,) metres travelled at each time; between points acceleration is constant."""
    i = (np.searchsorted(when, seconds, side="right") - 1).clip(0, len(when) - 2)
    spans = np.maximum(when[i + 1] - when[i], 1e-12)
    into = np.clip(seconds - when[i], 0.0, spans)
    gain = (speed[i + 1] - speed[i]) / spans
    return distance[i] + speed[i] * into + 0.5 * gain * into**2


def _along(path: _Path, travelled: np.ndarray) -> np.ndarray:
    return np.stack(
        [np.interp(travelled, path.distance, path.points[:, k]) for k in range(3)], axis=1
    )


def _derivative(values: np.ndarray, step_s: float) -> np.ndarray:
    return np.gradient(values, step_s, axis=0) if len(values) > 1 else np.zeros_like(values)


def _headings(
    plan: FlightPlan, path: _Path, travelled: np.ndarray, position: np.ndarray
) -> np.ndarray:
    """Return (T,) yaw in radians, within the vehicle's turn rate."""
    if plan.look_at is not None:
        towards = np.array(plan.look_at) - position[:, :2]
        wanted = np.unwrap(np.arctan2(towards[:, 1], towards[:, 0]))
    else:
        wanted = _path_headings(plan, path, travelled)
    if plan.vehicle == "car" or len(wanted) < 2:
        return wanted
    step_s = plan.step_ns / 1e9
    width = max(round(0.4 / step_s), 1)
    kernel = np.hanning(2 * width + 3)
    padded = np.pad(wanted, width + 1, mode="edge")
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    most = np.radians(plan.yaw_rate_limit_dps) * step_s
    yaw = smooth.copy()
    for i in range(1, len(yaw)):
        yaw[i] = yaw[i - 1] + np.clip(smooth[i] - yaw[i - 1], -most, most)
    return yaw


def _path_headings(plan: FlightPlan, path: _Path, travelled: np.ndarray) -> np.ndarray:
    """Return (T,) headings: along the path, or as waypoints ask."""
    # A little ahead, so that the nose does not follow the last millimetre of a stop.
    ahead = np.minimum(travelled + 0.3, path.distance[-1])
    behind = np.maximum(ahead - 0.6, 0.0)
    step = _along(path, ahead) - _along(path, behind)
    flat = np.hypot(step[:, 0], step[:, 1]) > 1e-3
    heading = np.arctan2(step[:, 1], step[:, 0])
    if plan.start.yaw_deg is not None and not flat[0]:
        heading[0], flat[0] = np.radians(plan.start.yaw_deg), True
    index = np.maximum.accumulate(np.where(flat, np.arange(len(flat)), 0))
    wanted = np.unwrap(heading[index])
    _, yaws = _leg_values(plan)
    if all(y is None for y in yaws):
        return wanted
    leg = path.leg[np.searchsorted(path.distance, travelled).clip(max=len(path.leg) - 1)]
    for number, yaw in enumerate(yaws):
        if yaw is not None:
            wanted[leg == number] = np.radians(yaw)
    return np.unwrap(wanted)


def _tilt(velocity: np.ndarray, yaw: np.ndarray, step_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (T,) roll and pitch with which a multirotor accelerates as the path asks."""
    pull = _derivative(velocity, step_s) + 0.08 * velocity
    width = max(round(0.12 / step_s), 1)
    kernel = np.hanning(2 * width + 3)
    padded = np.pad(pull, ((width + 1, width + 1), (0, 0)), mode="edge")
    smooth = np.stack(
        [np.convolve(padded[:, k], kernel / kernel.sum(), mode="valid") for k in range(3)], axis=1
    )
    c, s = np.cos(yaw), np.sin(yaw)
    forward = c * smooth[:, 0] + s * smooth[:, 1]
    right = -s * smooth[:, 0] + c * smooth[:, 1]
    lift = np.maximum(_GRAVITY - smooth[:, 2], 3.0)
    pitch = np.clip(np.arctan2(-forward, lift), -_MAX_TILT, _MAX_TILT)
    roll = np.clip(np.arctan2(right, lift), -_MAX_TILT, _MAX_TILT)
    return roll, pitch
