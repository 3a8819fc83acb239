"""Trajectories: limits hold, waypoints are passed, time steps are exact."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airseg.errors import PlanError
from airseg.flight.plan import FlightPlan
from airseg.flight.trajectory import plan_trajectory, unflown_headings, waypoints_of
from airseg.geometry import euler_from_quaternion, rotate

coordinate = st.integers(-60, 60)
point = st.tuples(coordinate, coordinate, st.integers(-30, -1))


def make(waypoints, **fields):
    fields = {"description": "a test", "start": {"position": (0, 0, -3)}, **fields}
    return FlightPlan(waypoints=[{"position": w} for w in waypoints], **fields)


@st.composite
def plans(draw):
    waypoints = draw(st.lists(point, min_size=1, max_size=5, unique=True))
    waypoints = [w for w in waypoints if w != (0, 0, -3)] or [(10, 0, -3)]
    return make(
        waypoints,
        vehicle=draw(st.sampled_from(["multirotor", "camera"])),
        speed_mps=draw(st.integers(1, 14)),
        tolerance_m=draw(st.sampled_from([0.5, 1.0, 3.0])),
        rate_hz=draw(st.sampled_from([5, 25, 50])),
    )


@settings(max_examples=60, deadline=None)
@given(plans())
def test_speed_acceleration_and_time_steps_hold(plan):
    path = plan_trajectory(plan)
    step_s = plan.step_ns / 1e9
    assert (np.diff(path.time_ns) == plan.step_ns).all()
    moved = np.linalg.norm(np.diff(path.position, axis=0), axis=1) / step_s
    assert moved.max(initial=0) <= plan.speed_mps * 1.001
    change = np.linalg.norm(np.diff(path.position, 2, axis=0), axis=1) / step_s**2
    assert change.max(initial=0) <= plan.acceleration_limit_mps2 * 1.02


@settings(max_examples=40, deadline=None)
@given(plans())
def test_every_waypoint_is_passed_within_tolerance(plan):
    path = plan_trajectory(plan)
    gap = plan.speed_mps * plan.step_ns / 1e9
    for waypoint in waypoints_of(plan):
        nearest = np.linalg.norm(path.position - waypoint, axis=1).min()
        assert nearest <= plan.tolerance_m + gap / 2 + 0.1


@settings(max_examples=40, deadline=None)
@given(plans())
def test_yaw_turns_no_faster_than_allowed(plan):
    path = plan_trajectory(plan)
    yaw = np.unwrap([euler_from_quaternion(q)[2] for q in path.orientation])
    most = np.radians(plan.yaw_rate_limit_dps) * plan.step_ns / 1e9
    assert np.abs(np.diff(yaw)).max(initial=0) <= most * 1.001


def test_a_multirotor_lowers_its_nose_to_speed_up_and_raises_it_to_stop():
    path = plan_trajectory(make([(60, 0, -3)], speed_mps=10))
    pitch = np.array([euler_from_quaternion(q)[1] for q in path.orientation])
    assert pitch[5] < -0.1
    assert pitch[-5] > 0.1


def test_a_car_stays_level_and_points_along_the_road():
    plan = make(
        [(40, 0, 0), (40, -40, 0)],
        vehicle="car",
        start={"position": (0, 0, 0)},
        tolerance_m=3,
    )
    path = plan_trajectory(plan)
    middle = path.velocity[20:-20]
    nose = np.array([rotate(q, [1, 0, 0]) for q in path.orientation[20:-20]])
    along = middle / np.linalg.norm(middle, axis=1, keepdims=True)
    assert (nose * along).sum(1).min() > 0.99
    assert np.abs(nose[:, 2]).max() < 1e-9


def test_look_at_keeps_the_nose_on_the_point():
    plan = make([(20, 20, -3), (0, 40, -3)], look_at=(0, 20), speed_mps=4, tolerance_m=3)
    path = plan_trajectory(plan)
    for i in range(25, len(path) - 25, 25):
        towards = np.array([0, 20]) - path.position[i, :2]
        nose = rotate(path.orientation[i], [1, 0, 0])[:2]
        cosine = nose @ towards / np.linalg.norm(nose) / np.linalg.norm(towards)
        assert cosine > 0.97


def test_duration_cuts_the_flight():
    path = plan_trajectory(make([(100, 0, -3)], duration_s=2.0))
    assert len(path) == 51


def test_laps_return_to_the_start():
    plan = make([(10, 0, -3), (10, 10, -3)], laps=2)
    assert [tuple(p) for p in waypoints_of(plan)].count((0.0, 0.0, -3.0)) == 2


def test_a_flight_without_end_is_refused():
    with pytest.raises(PlanError, match="frames, over"):
        plan_trajectory(make([(9000, 9000, -3)] * 1, speed_mps=0.01, laps=1))


@pytest.mark.parametrize(
    ("laps", "far", "count"), [(1000, 9_000.0, 2), (1000, 5.0, 500), (1, 9_900.0, 40)]
)
def test_a_path_without_end_is_told_before_it_is_laid_out(laps, far, count):
    waypoints = [{"position": (far if n % 2 == 0 else 0.0, n * 0.5, -3.0)} for n in range(count)]
    plan = FlightPlan.model_validate(
        {
            "description": "laps",
            "start": {"position": (0, 0, -3)},
            "waypoints": waypoints,
            "laps": laps,
            "duration_s": 10,
        }
    )
    tracemalloc.start()
    try:
        with pytest.raises(PlanError, match="Fly fewer laps"):
            plan_trajectory(plan)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("waypoints", "legs_m"),
    [
        ([(0.03, 0, -3)], [0.03]),
        ([(0.00001, 0, -3)], [0.00001]),
        ([(1, 0, -3), (1.04, 0, -3), (1, 0, -3), (2, 0, -3)], [1.04, 0.04, 1]),
    ],
)
def test_a_hop_from_rest_to_rest_takes_no_longer_than_speeding_up_and_braking(waypoints, legs_m):
    """Half the way at a constant acceleration a, half at -a, takes 2 sqrt(d / a)."""
    plan = make(waypoints, speed_mps=5)
    along = 0.65 * plan.acceleration_limit_mps2
    seconds = sum(2 * np.sqrt(d / along) for d in legs_m)
    path = plan_trajectory(plan)
    assert (len(path) - 1) * plan.step_ns / 1e9 <= seconds + 0.04 * len(legs_m)
    assert np.linalg.norm(path.position[-1] - waypoints[-1]) < 0.05


def test_headings_that_a_path_does_not_have_are_told():
    def told(waypoints, yaw_deg=None, **fields):
        start = {"position": (0, 0, -3), "yaw_deg": yaw_deg}
        plan = FlightPlan(description="x", start=start, waypoints=waypoints, **fields)
        return unflown_headings(plan, plan_trajectory(plan))

    ahead, turned = {"position": (6, 0, -3)}, {"position": (6, 0, -3), "yaw_deg": 90}
    assert told([ahead], 0) == told([turned], 90) == told([{"position": (0, 0, -9)}], 45) == []
    assert "start.yaw_deg is 90 and the flight begins at 0 degrees" in told([ahead], 90)[0]
    assert "waypoints[1].yaw_deg is not flown: no way" in told([ahead, turned])[0]
    (line,) = told([turned], look_at=(9, 9))
    assert "waypoints[0].yaw_deg is not flown: the nose follows" in line
