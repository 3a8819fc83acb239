"""SimpleFlight flies as AirSim's does: tables measured on AirSim's own code, flown again.

Within 0.1 m, 0.1 m/s and 3 degrees; answers within 0.06 s, which is three turns of a task.
"""

import numpy as np
import pytest
from flown import HEIGHT, START_NS, STEP_NS, Record, along, hovering

from airseg.simulators.embedded.vehicles.simple_flight import moves
from airseg.simulators.embedded.vehicles.simple_flight.aircraft import Aircraft
from airseg.simulators.protocol import YawMode

METRES = SPEED = 0.1
DEGREES = 3.0
SECONDS = 0.06


def flying(aircraft, velocity, duration):
    pilot = aircraft.autopilot
    return moves.repeat(pilot, lambda: pilot.fly_at(np.array(velocity, float), YawMode()), duration)


# Speed and distance at 0.25, 0.5, 1, 2, 3 and 5 s; then 0.5, 1, 2, 3 and 5 s after the end, the
# distance from where it ended; and the farthest it goes from there.
VELOCITY_STEPS = {
    1: (
        [(0.13, 0.01), (0.35, 0.07), (0.67, 0.33), (0.92, 1.16), (0.98, 2.11), (0.99, 4.09)],
        [(0.62, 0.44), (0.02, 0.59), (-0.48, 0.26), (-0.15, -0.08), (0.10, 0.08)],
        0.59,
    ),
    2: (
        [(0.28, 0.02), (0.72, 0.15), (1.34, 0.68), (1.83, 2.33), (1.94, 4.23), (1.98, 8.16)],
        [(1.21, 0.86), (0.08, 1.17), (-0.96, 0.55), (-0.33, -0.16), (0.21, 0.15)],
        1.18,
    ),
    5: (
        [(0.87, 0.07), (2.17, 0.48), (3.45, 1.90), (4.55, 6.03), (4.80, 10.73), (4.86, 20.42)],
        [(2.75, 2.06), (0.79, 2.94), (-2.33, 1.90), (-1.29, -0.16), (0.68, 0.22)],
        3.01,
    ),
    10: (
        [(0.91, 0.07), (2.83, 0.54), (6.28, 2.87), (8.71, 10.59), (9.33, 19.68), (9.47, 38.56)],
        [(6.96, 4.35), (4.33, 7.00), (-0.24, 9.21), (-4.27, 6.70), (-1.19, -1.21)],
        9.21,
    ),
    15: (
        [(0.91, 0.07), (2.83, 0.54), (6.41, 2.87), (11.57, 12.06), (13.50, 24.84), (13.89, 52.45)],
        [(11.24, 6.56), (7.49, 11.04), (3.57, 16.79), (-1.83, 17.63), (-5.63, 8.62)],
        17.95,
    ),
}


@pytest.mark.parametrize("speed", VELOCITY_STEPS)
def test_a_velocity_is_followed_then_the_drone_coasts_and_comes_back(speed):
    during, after, farthest = VELOCITY_STEPS[speed]
    aircraft = hovering()
    flight = Record(aircraft, 10.2, flying(aircraft, (speed, 0, 0), 5.0))
    assert flight.answer is True
    assert flight.answered_s == pytest.approx(5.02, abs=0.01)
    x, vx = flight.position[:, 0], flight.velocity[:, 0]
    end = flight.at(flight.answered_s, x)
    for moments, expected, base, start in (
        ((0.25, 0.5, 1, 2, 3, 5), during, 0.0, 0.0),
        ((0.5, 1, 2, 3, 5), after, end, flight.answered_s),
    ):
        for moment, (wanted_speed, wanted_distance) in zip(moments, expected, strict=True):
            assert flight.at(start + moment, vx) == pytest.approx(wanted_speed, abs=SPEED)
            assert flight.at(start + moment, x) - base == pytest.approx(wanted_distance, abs=METRES)
    assert x.max() - end == pytest.approx(farthest, abs=METRES)


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        (2, {0.1: (0.41, 0.02), 0.25: (1.13, 0.13), 0.5: (2.25, 0.56), 1: (2.31, 1.75)}),
        (2, {3: (2.04, 6.01)}),
        (-2, {0.25: (-1.55, -0.18), 0.5: (-2.17, -0.70), 3: (-2.01, -5.84)}),
        (-5, {0.5: (-3.06, -0.77), 1: (-5.14, -2.87)}),
    ],
)
def test_a_vertical_velocity_is_followed(speed, expected):
    aircraft = hovering()
    flight = Record(aircraft, 3.0, flying(aircraft, (0, 0, speed), 3.0))
    for moment, (vz, dz) in expected.items():
        assert flight.at(moment, flight.velocity[:, 2]) == pytest.approx(vz, abs=SPEED)
        assert flight.at(moment, flight.position[:, 2]) - HEIGHT == pytest.approx(dz, abs=METRES)


def on_the_ground(z):
    aircraft = Aircraft(START_NS)
    aircraft.state["position"][2] = z
    aircraft.state["is_grounded"] = True
    aircraft.autopilot.enable_api(True)
    return aircraft


def test_a_start_with_a_velocity_from_the_ground_is_the_one_seen_on_airsim():
    aircraft = on_the_ground(0.699)
    flight = Record(aircraft, 2.6, flying(aircraft, (5, 0, -3), 1.5))
    seen = {
        0.5: (0.40, 2.06, 0.15, -2.35),
        1.0: (1.92, 3.73, -1.46, -3.51),
        1.5: (3.93, 4.34, -3.11, -3.22),
        2.0: (6.08, 3.75, -4.28, -0.97),
        2.5: (7.50, 1.70, -4.25, 0.68),
    }
    for moment, (x, vx, z, vz) in seen.items():
        place, speed = flight.at(moment, flight.position), flight.at(moment, flight.velocity)
        assert [place[0], place[2]] == pytest.approx([x, z], abs=METRES)
        assert [speed[0], speed[2]] == pytest.approx([vx, vz], abs=SPEED)


def test_takeoff_stops_short_and_stays_there():
    aircraft = on_the_ground(0.699)
    flight = Record(aircraft, 6.0, along(aircraft, [(0, 0, 0.699 - 2.0)], 0.5, 20))
    seen = {0.1: (0.68, -0.35), 0.2: (0.64, -0.43), 0.5: (0.51, -0.46), 1: (0.28, -0.47)}
    for moment, (z, vz) in (seen | {2: (-0.2, -0.48)}).items():
        assert flight.at(moment, flight.position[:, 2]) == pytest.approx(z, abs=METRES)
        assert flight.at(moment, flight.velocity[:, 2]) == pytest.approx(vz, abs=SPEED)
    assert flight.answer is False
    assert 3.34 < flight.answered_s < 3.66
    assert flight.position[-1, 2] == pytest.approx(-0.83, abs=METRES)
    again = Record(aircraft, 5.0, along(aircraft, [aircraft.autopilot.position - [0, 0, 2]], 0.5))
    assert again.answer is False
    assert again.answered_s == pytest.approx(3.4, abs=SECONDS)
    assert again.position[-1, 2] - flight.position[-1, 2] == pytest.approx(-1.5, abs=METRES)


# Distance, speed: seconds, place and speed at the answer, the farthest, and 2, 4 and 8 s later.
STRAIGHT = [
    (1, 1, 2.12, 1.01, 0.32, 1.15, (1.06, 1.00, 1.02)),
    (5, 2, 3.44, 5.05, 1.63, 5.83, (5.36, 4.95, 5.08)),
    (10, 5, 2.94, 10.19, 4.48, 12.47, (11.41, 9.80, 10.30)),
    (20, 5, 5.02, 20.16, 4.57, 22.54, (21.45, 19.75, 20.27)),
    (20, 10, 3.17, 20.23, 9.23, 27.98, (27.88, 20.29, 21.01)),
    (40, 10, 5.29, 40.23, 9.29, 47.87, (47.75, 40.19, 41.00)),
]


@pytest.mark.parametrize("row", STRAIGHT)
def test_a_flight_to_a_place_does_not_brake(row):
    distance, speed, seconds, place, final, farthest, later = row
    aircraft = hovering()
    flight = Record(aircraft, seconds + 8.1, along(aircraft, [(distance, 0, HEIGHT)], speed))
    x = flight.position[:, 0]
    assert flight.answer is True
    assert flight.answered_s == pytest.approx(seconds, abs=SECONDS)
    assert flight.at(flight.answered_s, x) == pytest.approx(place, abs=METRES)
    assert flight.at(flight.answered_s, flight.velocity[:, 0]) == pytest.approx(final, abs=SPEED)
    assert x.max() == pytest.approx(farthest, abs=METRES)
    for wait, expected in zip((2, 4, 8), later, strict=True):
        assert flight.at(flight.answered_s + wait, x) == pytest.approx(expected, abs=METRES)


def test_a_move_that_runs_out_of_time_stops_the_drone():
    aircraft = hovering()
    flight = Record(aircraft, 10.1, along(aircraft, [(60, 0, HEIGHT)], 3, 2.0))
    x = flight.position[:, 0]
    assert flight.answer is False
    assert flight.answered_s == pytest.approx(2.02, abs=0.01)
    assert flight.at(flight.answered_s, flight.velocity[:, 0]) == pytest.approx(2.71, abs=SPEED)
    found = [flight.at(flight.answered_s + wait, x) for wait in (0, 2, 4, 8)]
    assert found == pytest.approx([3.54, 4.28, 3.28, 3.60], abs=METRES)
    assert x.max() == pytest.approx(5.1, abs=METRES)


def test_climbs_end_short_when_slow_and_beyond_when_fast():
    aircraft = hovering()
    slow = Record(aircraft, 5.0, along(aircraft, [(0, 0, HEIGHT - 3)], 1))
    assert slow.answer is False
    assert slow.answered_s == pytest.approx(2.88, abs=SECONDS)
    assert slow.position[-1, 2] == pytest.approx(HEIGHT - 2.63, abs=METRES)
    aircraft = hovering()
    fast = Record(aircraft, 8.0, along(aircraft, [(0, 0, HEIGHT - 6)], 3))
    assert fast.answer is True
    assert fast.answered_s == pytest.approx(2.23, abs=SECONDS)
    assert fast.position[:, 2].min() == pytest.approx(HEIGHT - 6.41, abs=METRES)
    assert fast.position[-1, 2] == pytest.approx(HEIGHT - 6.14, abs=METRES)


# Speed, lookahead, adaptive: seconds and speed at the answer, the least distances to the first two
# corners, how far it goes past the first, and its least speed near it.
PATHS = [
    (2, -1, 1, 33.0, 1.66, (0.11, 0.20), 0.83, 1.48),
    (3, -1, 1, 22.6, 2.63, (0.23, 0.19), 1.19, 2.21),
    (5, -1, 1, 14.1, 4.62, (0.40, 0.76), 1.73, 3.84),
    (10, -1, 1, 8.0, 8.73, (0.79, 1.09), 2.80, 6.76),
    (5, 1, 0, 17.4, 4.17, (0.01, 0.35), 1.90, 2.37),
]


@pytest.mark.parametrize("row", PATHS)
def test_a_path_is_followed_with_airsims_lookahead(row):
    speed, lookahead, adaptive, seconds, final, corners, past, slowest = row
    aircraft = hovering()
    points = [(20, 0, HEIGHT), (20, 20, HEIGHT), (0, 20, HEIGHT)]
    loop = along(aircraft, points, speed, lookahead=lookahead, adaptive=adaptive)
    flight = Record(aircraft, seconds + 0.1, loop)
    assert flight.answer is True
    assert flight.answered_s == pytest.approx(seconds, abs=SECONDS)
    flown = flight.position[:, :2]
    speeds = np.linalg.norm(flight.velocity[:, :2], axis=1)
    assert flight.at(flight.answered_s, speeds) == pytest.approx(final, abs=SPEED)
    for corner, expected in zip(points, corners, strict=False):
        gaps = np.linalg.norm(flown - corner[:2], axis=1)
        assert gaps.min() == pytest.approx(expected, abs=METRES)
    assert flown[:, 0].max() - 20 == pytest.approx(past, abs=METRES)
    near = np.linalg.norm(flown - points[0][:2], axis=1) < 5
    assert speeds[near].min() == pytest.approx(slowest, abs=SPEED)


@pytest.mark.parametrize(
    ("yaw", "margin", "seconds", "final"),
    [
        (10, 5, 1.28, 13.5),
        (30, 5, 1.93, 28.3),
        (45, 5, 2.14, 41.3),
        (90, 5, 2.81, 87.0),
        (179, 5, 3.53, 177.8),
        (90, 1, 3.21, 90.2),
    ],
)
def test_a_turn_ends_within_its_margin_after_an_overshoot(yaw, margin, seconds, final):
    aircraft = hovering()
    loop = moves.rotate_to_yaw(aircraft.autopilot, yaw, 60, margin)
    flight = Record(aircraft, 3.7, loop)
    assert flight.answer is True
    assert flight.answered_s == pytest.approx(seconds, abs=SECONDS)
    assert flight.at(flight.answered_s, flight.yaw) == pytest.approx(final, abs=1.0)
    if yaw == 90 and margin == 5:
        on_the_way = {0.25: 10.5, 0.5: 36.9, 0.75: 69.1, 1: 96.8, 1.5: 94.2, 2: 85.2}
        for moment, expected in on_the_way.items():
            assert flight.at(moment, flight.yaw) == pytest.approx(expected, abs=DEGREES)
        assert np.diff(flight.yaw).max() / (STEP_NS * 1e-9) == pytest.approx(135, abs=DEGREES)


@pytest.mark.parametrize(
    ("rate", "duration", "final", "rest"),
    [(30, 3, 82.2, 91.9), (90, 3, 247.3, 275.9), (-60, 2, -105.3, -124.6)],
)
def test_a_yaw_rate_turns_on_after_its_end(rate, duration, final, rest):
    aircraft = hovering()
    pilot, place = aircraft.autopilot, aircraft.autopilot.position
    loop = moves.repeat(pilot, lambda: pilot.hold(place, YawMode(True, rate)), duration)
    flight = Record(aircraft, duration + 3, loop)
    assert flight.at(flight.answered_s, flight.yaw) == pytest.approx(final, abs=DEGREES)
    assert flight.yaw[-1] == pytest.approx(rest, abs=DEGREES)


def test_an_attitude_is_taken_within_half_a_second():
    aircraft = hovering()
    pilot = aircraft.autopilot

    def lean():
        pilot.lean(
            0.0,
            -np.radians(10),
            0.0,
            0.594,
            yaw_is_rate=False,
            are_rates=False,
            lift_is_height=False,
        )

    flight = Record(aircraft, 3.1, moves.repeat(pilot, lean, 4))
    for moment, expected in {0.05: 2.4, 0.1: 4.3, 0.2: 7.2, 0.3: 8.6, 0.5: 9.6}.items():
        assert -flight.at(moment, flight.pitch) == pytest.approx(expected, abs=0.3)
    assert flight.at(1, flight.velocity[:, 0]) == pytest.approx(1.41, abs=SPEED)
    assert flight.at(3, flight.velocity[:, 0]) == pytest.approx(4.73, abs=SPEED)


def test_landing_sinks_at_a_fifth_of_a_metre_a_second():
    aircraft = hovering()
    flight = Record(aircraft, 13.2, moves.land(aircraft.autopilot, 60))
    for moment, expected in {0.2: 0.29, 1: 0.24, 3: 0.21}.items():
        assert flight.at(moment, flight.velocity[:, 2]) == pytest.approx(expected, abs=0.02)
    # From 2 m above the ground's 0.7 it takes 13.1 s, the last 0.23 of them on the ground.
    assert flight.at(13.1 - 0.23, flight.position[:, 2]) - HEIGHT == pytest.approx(2.7, abs=METRES)


@pytest.mark.parametrize("speed", [1.0, 2.0])
def test_landing_while_climbing_ends_at_once_in_the_air(speed):
    aircraft = hovering()
    Record(aircraft, 1.0, flying(aircraft, (0, 0, -speed), 1.0))
    flight = Record(aircraft, 0.5, moves.land(aircraft.autopilot, 60))
    assert flight.answer is True
    assert flight.answered_s == pytest.approx(0.21, abs=0.005)


def test_without_api_control_it_falls_with_idle_motors():
    aircraft = Aircraft(START_NS)
    fall = Record(aircraft, 4.0)
    for moment, expected in {0.5: 3.99, 1: 6.41, 2: 7.87, 4: 8.09}.items():
        assert fall.at(moment, fall.velocity[:, 2]) == pytest.approx(expected, abs=SPEED)


def test_disarmed_under_api_control_its_motors_are_off():
    aircraft = Aircraft(START_NS)
    aircraft.autopilot.enable_api(True)
    assert aircraft.autopilot.disarm() is True
    fall = Record(aircraft, 4.0)
    assert fall.at(1, fall.velocity[:, 2]) == pytest.approx(6.99, abs=SPEED)
    assert fall.velocity[-1, 2] == pytest.approx(8.58, abs=SPEED)


def test_put_elsewhere_it_flies_back_to_where_its_hover_began():
    aircraft = hovering()
    aircraft.state["position"] = 20.0, 0.0, HEIGHT
    flight = Record(aircraft, 12.1)
    seen = {0.5: 19.7, 1: 18.4, 2: 13.7, 3: 8.1, 4: 2.4, 6: -1.8, 8: 0.7, 12: 0.0}
    for moment, expected in seen.items():
        assert flight.at(moment, flight.position[:, 0]) == pytest.approx(expected, abs=METRES)


def test_a_place_is_not_held_when_facing_east():
    aircraft = hovering(yaw_deg=90.0)
    aircraft.state["position"] = 3.0, 0.0, HEIGHT
    facing_east = Record(aircraft, 5.0)
    assert abs(facing_east.position[:, :2] - [3, 0]).max() < 0.3
    aircraft = hovering()
    aircraft.state["position"] = 3.0, 0.0, HEIGHT
    facing_north = Record(aircraft, 5.0)
    assert facing_north.position[-1, 0] < 0.5


def test_a_free_fall_goes_on_from_where_the_body_is_put():
    aircraft = Aircraft(START_NS)
    aircraft.step(1, STEP_NS)  # it falls now, and a new pose leaves accelerations as they are
    state = aircraft.state
    state["position"], state["velocity"] = 0.0, 0.0
    aircraft.step(1, STEP_NS)
    assert state["position"][2] == pytest.approx(44e-6, abs=1e-6)
    assert state["velocity"][2] == pytest.approx(0.029, abs=0.001)
    aircraft.step(12, STEP_NS)
    aircraft.step(1, 40_000_000 - 13 * STEP_NS)
    assert state["position"][2] == pytest.approx(0.0078, abs=0.0005)  # idle motors pull a little
