"""What each move answers and does, over the wire: AirSim's table of answers, its oddities included.

Time is stepped, so that every test is quick and the same each time.
"""

import numpy as np
import pytest
from raw_rpc import pose

NORTH = {"is_rate": True, "yaw_or_rate": 0.0}
ANGLE = {"is_rate": False, "yaw_or_rate": 0.0}
FREE, FORWARD = 0, 1
STAY = 60.0
NAN = float("nan")


@pytest.fixture
def drone(raw):
    """Return a client whose drone hovers at (0, 0, -20), and whose time stands still."""
    raw.call("simPause", True)
    raw.call("reset")
    raw.call("enableApiControl", True, "")
    hover_at(raw, -20)
    yield raw
    raw.call("reset")
    raw.call("simPause", False)


def hover_at(raw, z):
    raw.call("simSetVehiclePose", pose(0, 0, z), True, "")
    raw.send("moveByVelocity", 0.0, 0.0, 0.0, 1.0, FREE, NORTH, "")
    step(raw, 4.0)
    raw.receive()


def step(raw, seconds):
    raw.call("simContinueForTime", seconds)


def ask(raw, method, *params, seconds=5.0):
    """Give an order, let time pass, and return what it answered and after how many seconds."""
    start = now(raw)
    number = raw.send(method, *params)
    for _ in range(round(seconds / 0.1)):
        step(raw, 0.1)
        for k, answer in enumerate(raw._others):
            if answer[1] == number:
                raw._others.pop(k)
                assert answer[2] is None, answer[2]
                return answer[3], now(raw) - start
    return None, now(raw) - start


def now(raw):
    return raw.call("getMultirotorState", "")["timestamp"] / 1e9


def kinematics(raw):
    return raw.call("getMultirotorState", "")["kinematics_estimated"]


def place(raw):
    return np.array(list(kinematics(raw)["position"].values()))


def velocity(raw):
    return np.array(list(kinematics(raw)["linear_velocity"].values()))


def at_once(raw, method, *params):
    return raw.call(method, *params)


TIMED = {
    "moveByVelocity": (1.0, 0.0, 0.0),
    "moveByVelocityBodyFrame": (1.0, 0.0, 0.0),
    "moveByVelocityZ": (1.0, 0.0, -20.0),
    "moveByVelocityZBodyFrame": (1.0, 0.0, -20.0),
    "moveByManual": (1.0, 1.0, -20.0),
}
LEANING = {
    "moveByRollPitchYawZ": (0.0, -0.1, 0.0, -20.0),
    "moveByRollPitchYawThrottle": (0.0, -0.1, 0.0, 0.594),
    "moveByRollPitchYawrateZ": (0.0, -0.1, 0.0, -20.0),
    "moveByRollPitchYawrateThrottle": (0.0, -0.1, 0.0, 0.594),
    "moveByAngleRatesZ": (0.0, -0.1, 0.0, -20.0),
    "moveByAngleRatesThrottle": (0.0, -0.1, 0.0, 0.594),
    "moveByMotorPWMs": (0.6, 0.6, 0.6, 0.6),
    "rotateByYawRate": (30.0,),
}


def timed_calls(duration):
    steered = [(method, (*v, duration, FREE, NORTH, "")) for method, v in TIMED.items()]
    return steered + [(method, (*v, duration, "")) for method, v in LEANING.items()]


@pytest.mark.parametrize(("method", "params"), timed_calls(0.5))
def test_a_timed_move_answers_true_when_its_time_is_over(drone, method, params):
    answer, seconds = ask(drone, method, *params)
    assert answer is True
    assert 0.5 <= seconds <= 0.7


@pytest.mark.parametrize(("method", "params"), timed_calls(0.0))
def test_a_move_of_no_time_answers_at_once(drone, method, params):
    assert at_once(drone, method, *params) is (method != "moveByVelocityZ")


@pytest.mark.parametrize(("method", "params"), [*timed_calls(5.0), ("land", (60.0, ""))])
def test_a_cancelled_move_answers_false(drone, method, params):
    number = drone.send(method, *params)
    step(drone, 0.1)
    drone.call("cancelLastTask", "")
    assert drone.answer_to(number)[2:] == [None, False]


def test_a_new_move_ends_the_one_before_with_false(drone):
    first = drone.send("moveByVelocity", 1.0, 0.0, 0.0, 5.0, FREE, NORTH, "")
    second = drone.send("moveByVelocity", 0.0, 1.0, 0.0, 0.2, FREE, NORTH, "")
    assert drone.answer_to(first)[3] is False
    step(drone, 0.3)
    assert drone.answer_to(second)[3] is True


def go(x, y, z, speed, timeout=STAY, drivetrain=FREE, yaw=NORTH, lookahead=-1.0, adaptive=1.0):
    return (x, y, z, speed, timeout, drivetrain, yaw, lookahead, adaptive, "")


def test_a_place_is_reached_or_its_time_is_over(drone):
    answer, seconds = ask(drone, "moveToPosition", *go(5.0, 0.0, -20.0, 2.0))
    assert answer is True
    assert seconds == pytest.approx(3.5, abs=0.15)
    answer, seconds = ask(drone, "moveToPosition", *go(60.0, 0.0, -20.0, 3.0, timeout=1.0))
    assert answer is False
    assert seconds == pytest.approx(1.1, abs=0.11)


@pytest.mark.parametrize("distance", [0.3, 0.7, 1.5])
def test_a_goal_nearer_than_the_lookahead_answers_false_and_nothing_moves(drone, distance):
    before = place(drone)
    assert at_once(drone, "moveToPosition", *go(before[0] + distance, 0.0, -20.0, 5.0)) is False
    step(drone, 0.5)
    assert np.abs(place(drone) - before).max() < 0.05


@pytest.mark.parametrize(
    "params",
    [
        go(NAN, 0.0, -2.0, 1.0),
        go(9.0, 0.0, -2.0, NAN),
        go(9.0, 0.0, -2.0, float("inf")),
        go(9.0, 0.0, -20.0, 1.0, lookahead=float("inf")),
    ],
)
def test_a_goal_that_is_no_number_answers_false_at_once(drone, params):
    assert at_once(drone, "moveToPosition", *params) is False


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (go(9.0, 0.0, -20.0, 5.0, lookahead=0.0), "lookahead distance cannot be 0"),
        (
            go(9.0, 0.0, -20.0, 60.0, lookahead=1.0),
            "lookahead value 1.000000 is too small for velocity 60.000000. "
            "It must be at least 1.200000",
        ),
        (
            go(9.0, 0.0, -20.0, 5.0, lookahead=0.25),
            "lookahead value 0.250000 is smaller than drone's distance accuracy 0.500000.",
        ),
        (
            go(9.0, 0.0, -20.0, 5.0, drivetrain=FORWARD),
            "Yaw cannot be specified as rate if drivetrain is ForwardOnly",
        ),
    ],
)
def test_what_a_path_refuses_is_said_in_airsims_words(drone, params, said):
    assert f"this information: {said}." in drone.error("moveToPosition", *params)


def test_an_empty_path_is_flown_at_once(drone):
    assert at_once(drone, "moveOnPath", [], *go(0, 0, 0, 5.0)[3:]) is True


def test_hover_answers_false_ends_the_move_and_sends_no_goal(drone):
    number = drone.send("moveByVelocity", 3.0, 0.0, 0.0, 9.0, FREE, NORTH, "")
    step(drone, 2.0)
    assert drone.call("hover", "") is False
    assert drone.answer_to(number)[3] is False
    here, speed = place(drone), velocity(drone)[0]
    step(drone, 0.05)
    assert velocity(drone)[0] >= speed - 0.02  # the last goal holds for 60 ms
    step(drone, 0.5)
    assert velocity(drone)[0] < speed - 0.5
    step(drone, 6.0)
    assert place(drone)[0] == pytest.approx(here[0] + 0.06 * speed, abs=0.5)


def test_takeoff_right_after_a_reset_answers_false_half_a_metre_short(drone):
    drone.call("reset")
    drone.call("enableApiControl", True, "")
    start = place(drone)[2]
    answer, seconds = ask(drone, "takeoff", 20.0, "")
    assert answer is False
    assert seconds == pytest.approx(3.45, abs=0.2)
    assert place(drone)[2] - start == pytest.approx(-1.54, abs=0.1)
    assert drone.call("getMultirotorState", "")["landed_state"] == 1


def test_takeoff_refuses_a_vehicle_that_moves(drone):
    drone.send("moveByVelocity", 2.0, 0.0, 0.0, 9.0, FREE, NORTH, "")
    step(drone, 1.0)
    speed = np.linalg.norm(velocity(drone))
    said = "Cannot perform takeoff because vehicle is already moving with velocity "
    error = drone.error("takeoff", 20.0, "")
    assert said in error
    assert float(error.split(said)[1].split(" m/s")[0]) == pytest.approx(speed, abs=1e-4)


def test_landing_answers_true_on_the_ground_and_false_when_its_time_is_over(drone):
    assert at_once(drone, "land", 0.0, "") is False
    answer, _ = ask(drone, "land", 0.5, "")
    assert answer is False
    hover_at(drone, -0.5)
    answer, seconds = ask(drone, "land", 60.0, "")
    assert answer is True
    assert 1.5 < seconds < 4.0
    assert place(drone)[2] == pytest.approx(0, abs=1e-5)
    answer, seconds = ask(drone, "land", 60.0, "")
    assert answer is True
    assert seconds <= 0.31


def test_going_home_from_above_answers_false_half_a_metre_short(drone):
    hover_at(drone, -3)
    answer, seconds = ask(drone, "goHome", STAY, "", seconds=8)
    assert answer is False
    assert seconds == pytest.approx(5.0, abs=0.3)
    assert place(drone)[2] == pytest.approx(-0.46, abs=0.1)


def test_a_turn_answers_true_within_its_margin_false_after_its_time(drone):
    assert at_once(drone, "rotateToYaw", 90.0, 0.0, 5.0, "") is True
    answer, _ = ask(drone, "rotateToYaw", 90.0, 0.5, 5.0, "")
    assert answer is False
    answer, _ = ask(drone, "rotateToYaw", 90.0, STAY, 5.0, "")
    assert answer is True


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("moveByVelocity", (NAN, 0.0, 0.0, 0.3, FREE, NORTH, "")),
        ("moveByVelocity", (float("inf"), 0.0, 0.0, 0.3, FREE, NORTH, "")),
        ("moveByVelocityBodyFrame", (1.0, NAN, 0.0, 0.3, FREE, NORTH, "")),
        ("moveByVelocityZ", (1.0, 0.0, NAN, 0.3, FREE, NORTH, "")),
        ("rotateByYawRate", (NAN, 0.3, "")),
        ("moveByMotorPWMs", (NAN, 0.6, 0.6, 0.6, 0.3, "")),
        ("moveByRollPitchYawThrottle", (NAN, 0.0, 0.0, 0.6, 0.3, "")),
        ("moveByVelocity", (1.0, 0.0, 0.0, 0.3, FREE, {"yaw_or_rate": NAN}, "")),
    ],
)
def test_a_goal_with_a_component_that_is_no_number_leaves_the_body_whole(drone, method, params):
    answer, _ = ask(drone, method, *params)
    assert answer is True
    assert np.isfinite([*place(drone), *velocity(drone)]).all()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("moveByVelocity", (1.0, 0.0, 0.0, NAN, FREE, NORTH, "")),
        ("moveToPosition", go(9.0, 0.0, -2.0, 1.0, timeout=NAN)),
        ("takeoff", (NAN, "")),
        ("land", (NAN, "")),
        ("rotateToYaw", (90.0, NAN, 5.0, "")),
    ],
)
def test_an_order_that_would_never_end_is_refused(drone, method, params):
    assert "would never end" in drone.error(method, *params)


def test_without_api_control_moves_run_their_time_and_nothing_moves(drone):
    drone.call("reset")
    step(drone, 0.2)
    answer, seconds = ask(drone, "moveByVelocity", 3.0, 0.0, -3.0, 0.5, FREE, NORTH, "")
    assert answer is True
    assert seconds >= 0.5
    answer, _ = ask(drone, "takeoff", 1.0, "")
    assert answer is False
    assert np.abs(place(drone)).max() < 0.01
    assert drone.call("armDisarm", True, "") is False


def test_a_disarmed_drone_obeys_and_answers(drone):
    assert drone.call("armDisarm", False, "") is True
    answer, _ = ask(drone, "moveByVelocity", 0.0, 0.0, -2.5, 2.0, FREE, NORTH, "")
    assert answer is True
    assert velocity(drone)[2] == pytest.approx(-2.5, abs=0.1)


def test_a_velocity_of_the_body_is_turned_by_the_yaw_at_the_call(drone):
    ask(drone, "rotateToYaw", 90.0, STAY, 1.0, "")
    ask(drone, "moveByVelocityBodyFrame", 3.0, 0.0, 0.0, 2.0, FREE, NORTH, "")
    assert velocity(drone)[1] == pytest.approx(2.7, abs=0.3)
    assert abs(velocity(drone)[0]) < 0.3


def test_forward_only_turns_the_nose_along_the_way(drone):
    path = [pose(0, 30, -20)["position"]]
    rest = (5.0, STAY, FORWARD, ANGLE, -1.0, 1.0, "")
    drone.send("moveOnPath", path, *rest)
    step(drone, 3.0)
    turn = kinematics(drone)["orientation"]
    assert 2 * np.degrees(np.arctan2(turn["z_val"], turn["w_val"])) == pytest.approx(90, abs=5)


def test_at_a_held_height_the_height_is_taken_for_a_speed_when_the_body_tilts(drone):
    # The goal of moveByVelocityZ goes to the velocity loops as a whole, (1, 0, -20) for m/s.
    ask(drone, "moveByVelocityZ", 5.0, 0.0, -20.0, 1.5, FREE, NORTH, "")
    held = velocity(drone)[0]
    hover_at(drone, -20)
    ask(drone, "moveByVelocity", 5.0, 0.0, 0.0, 1.5, FREE, NORTH, "")
    assert held < velocity(drone)[0] - 1.0


def test_gains_change_how_it_flies(drone):
    weak = [[0.02, 0.02, 2.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    drone.call("setVelocityControllerGains", *weak, "")
    ask(drone, "moveByVelocity", 5.0, 0.0, 0.0, 1.0, FREE, NORTH, "")
    assert 0.1 < velocity(drone)[0] < 1.5  # 3.5 m/s with its own gains
    usual = [[0.2, 0.2, 2.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    drone.call("setVelocityControllerGains", *usual, "")
    assert "three numbers" in drone.error("setVelocityControllerGains", [1.0], [1.0], [1.0], "")


def test_safety_is_refused_as_simple_flight_does(drone):
    rules = (1, 0.5, 0, 0, pose()["position"], 100.0, -100.0, 0.0, "")
    said = "The setSafety call requires safety_eval_ptr_ to be set first"
    assert said in drone.error("setSafety", *rules)


def test_rotors_tell_what_they_pull(drone):
    rotors = drone.call("getRotorStates", "")["rotors"]
    lift = sum(rotor["thrust"] for rotor in rotors)
    assert lift * 0.988 == pytest.approx(9.80665, rel=0.01)  # the air at 142 m is thinner
    assert [np.sign(rotor["torque_scaler"]) for rotor in rotors] == [-1, -1, 1, 1]
    assert rotors[0]["speed"] == pytest.approx(669.86 * np.sqrt(0.594), rel=0.02)


def test_a_collision_is_told_once_and_names_the_mesh_by_its_id(drone):
    drone.call("reset")
    drone.call("simSetSegmentationObjectID", "Landscape_0", 77, False)
    drone.call("simSetVehiclePose", pose(0, 0, -0.05), True, "")
    step(drone, 0.3)
    told = drone.call("simGetCollisionInfo", "")
    assert told["has_collided"] is True
    assert (told["object_name"], told["object_id"]) == ("Landscape_0", 77)
    assert told["normal"] == {"x_val": 0.0, "y_val": 0.0, "z_val": -1.0}
    step(drone, 0.2)
    again = drone.call("simGetCollisionInfo", "")
    assert again["has_collided"] is False
    assert again["object_name"] == "Landscape_0"
    assert drone.call("getMultirotorState", "")["collision"]["has_collided"] is False
