"""Flight plans: what is right is read, what is wrong is told with file, line and field."""

import numpy as np
import pytest

from airseg.documents import parse_document
from airseg.errors import PlanError
from airseg.flight.plan import FlightPlan, load_plan
from airseg.flight.trajectory import plan_trajectory
from airseg.geometry import euler_from_quaternion
from airseg.resources import shipped_names

GOOD = """\
description: a test
vehicle: multirotor
start: {position: [0, 0, -3]}
waypoints:
  - {position: [10, 0, -3]}
"""


def read(text):
    return parse_document(text, "plan.yaml", FlightPlan, PlanError)


def message(text):
    with pytest.raises(PlanError) as caught:
        read(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_short_plan_is_enough():
    plan = read(GOOD)
    assert plan.rate_hz == 25
    assert plan.step_ns == 40_000_000
    assert (plan.camera.width, plan.camera.height) == (640, 480)


@pytest.mark.parametrize("name", shipped_names("flight plan"))
def test_every_shipped_plan_flies_above_ground(name):
    _, plan = load_plan(name)
    path = plan_trajectory(plan)
    assert 100 <= len(path) <= 2500
    assert (path.position[:, 2] <= 0).all()


def test_shipped_plans_cover_all_splits_and_vehicles():
    plans = [load_plan(n)[1] for n in shipped_names("flight plan")]
    assert {p.split for p in plans} >= {"train", "val", "test"}
    assert {p.vehicle for p in plans} == {"multirotor", "car", "camera"}


def test_waypoint_under_ground_is_told_with_its_number():
    text = GOOD.replace("[10, 0, -3]", "[10, 0, 3]")
    assert "waypoints[0].position: 3.0 m below ground; down is positive" in message(text)


def test_missing_start_is_told():
    assert "start: required field is missing" in message(GOOD.replace("start", "begin"))


def test_unknown_field_gets_the_nearest_name_and_its_line():
    assert message(GOOD + "speed_mp: 3\n") == (
        "plan.yaml:6: speed_mp: unknown field. Did you mean 'speed_mps'?"
    )


@pytest.mark.parametrize("field", ["speed_mps", "rate_hz", "tolerance_m", "duration_s"])
def test_a_field_without_its_unit_gets_the_one_with_it(field):
    name = field.rpartition("_")[0]  # `speed` is spelt more like `seed`
    assert message(f"{GOOD}{name}: 3\n").endswith(f"unknown field. Did you mean '{field}'?")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("rate_hz: 26", "not a whole number of nanoseconds"),
        ("rate_hz: 0", "greater than 0"),
        ("speed_mps: 99", "less than or equal to 60"),
        ("speed_mps: 40", "above the multirotor's limit of 15.0 m/s"),
        ("time_of_day: noon", "is not a time like"),
        ("weather: {fog: 2}", "less than or equal to 1"),
        ("laps: 0", "greater than or equal to 1"),
        ("camera: {width: 4}", "greater than or equal to 16"),
        ("vehicle: plane", "'multirotor', 'car' or 'camera'"),
        ("mode: hover", "'pose', 'step' or 'realtime'"),
        ("format: 2", "Input should be 1"),
        ("tolerance_m: .nan", "finite"),
        ("flow: 3", "valid boolean"),
        ("cameras: {low: {width: 8}}", "greater than or equal to 16"),
        ("cameras: {'0': {}}", "that is the first camera"),
        ("cameras: {a b: {}}", "should match pattern"),
        ("cameras: [low]", "valid dictionary"),
        ("companions: {Second: {behind_s: -1}}", "greater than or equal to 0"),
        ("companions: {Second: {}}\nmode: step", "their poses are set"),
        ("look_at: [1]", "required field is missing"),
        ("camera: {pitch_deg: 95}", "less than or equal to 90"),
        ("duration_s: 0", "greater than 0"),
        ("limits: {speed_mps: 2}", "above the multirotor's limit of 2.0 m/s"),
    ],
)
def test_wrong_values_are_told(line, said):
    text = GOOD if not line.startswith("vehicle") else GOOD.replace("vehicle: multirotor\n", "")
    assert said in message(text + line + "\n")


def test_a_car_in_the_air_is_refused():
    assert "a car drives on the ground" in message(GOOD.replace("multirotor", "car"))


def test_a_free_camera_cannot_be_stepped():
    text = GOOD.replace("multirotor", "camera") + "mode: step\n"
    assert "no dynamics to step" in message(text)


@pytest.mark.parametrize("end", ["[0, 0, -3]", "[-0.0, 0, -3]", "[0.0000001, 0, -3]"])
def test_a_plan_that_goes_nowhere_is_refused(end):
    assert "nothing would move" in message(GOOD.replace("[10, 0, -3]", end))


def test_unknown_plan_gets_the_nearest_name():
    with pytest.raises(PlanError, match="Did you mean 'loop_walk'"):
        load_plan("loop_wlak")


def test_description_and_split_do_not_make_another_flight():
    other = GOOD.replace("a test", "another text") + "split: test\n"
    assert read(GOOD).fingerprint() == read(other).fingerprint()
    assert read(GOOD).fingerprint() != read(GOOD + "speed_mps: 4\n").fingerprint()


@pytest.mark.parametrize(
    ("sweep", "differs"),
    [
        ("speed", {"speed_mps", "waypoints"}),
        ("altitude", {"start", "waypoints"}),
        ("hour", {"time_of_day"}),
        ("fog", {"weather"}),
        ("turn", {"limits"}),
    ],
)
def test_a_sweep_changes_one_thing_only(sweep, differs):
    names = [n for n in shipped_names("flight plan") if n.startswith(f"sweep_{sweep}_")]
    plans = [load_plan(n)[1].model_dump(exclude={"description"}) for n in names]
    assert len(plans) == 3
    changed = {key for key in plans[0] if any(p[key] != plans[0][key] for p in plans)}
    assert changed == differs


@pytest.mark.parametrize("rate", [10, 30, 80])
def test_a_turning_sweep_turns_as_fast_as_it_says(rate):
    _, plan = load_plan(f"sweep_turn_{rate}")
    yaw = [euler_from_quaternion(q)[2] for q in plan_trajectory(plan).orientation]
    turning = np.degrees(np.abs(np.diff(np.unwrap(yaw)))) * plan.rate_hz
    assert turning.max() == pytest.approx(rate, rel=0.02)
    assert np.degrees(np.unwrap(yaw)[-1]) == pytest.approx(160, abs=1)


def test_a_plan_without_later_fields_keeps_the_fingerprint_it_always_had():
    plain = read(GOOD)
    assert plain.fingerprint() == read(GOOD + "flow: false\n").fingerprint()
    assert plain.fingerprint() != read(GOOD + "flow: true\n").fingerprint()


@pytest.mark.parametrize("name", ["a\\nb", "\\e[31mred", "\\u202Etxt", "x" * 201])
def test_environments_have_names_that_a_dataset_can_hold(name):
    assert "plan.yaml:6: environment: " in message(f'{GOOD}environment: "{name}"\n')
