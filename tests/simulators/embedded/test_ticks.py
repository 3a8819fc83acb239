"""What is seen follows at ticks of the game, and each SimMode has its own rules, as in AirSim.

Held to what was measured on AirSim's own server code, and where that was not run, to its sources.
"""

import math
import time

import pytest
from raw_rpc import pose, request
from small_simulator import small_content

from airseg.errors import SettingsError
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

NAN = float("nan")


@pytest.fixture(scope="module")
def serve(paused):
    """Return a function that returns a paused client of a simulator of a mode."""
    return lambda mode="Multirotor", **options: paused.client(small_content(mode), **options)


def seen(client):
    """Return where the vehicle is seen: (north, east, down), by its pose and by its image."""
    shown = client.call("simGetVehiclePose", "")["position"]
    image = client.call("simGetImages", [request(0)], "", False)[0]
    origin = client.call("simGetCameraInfo", "0", "", False)["pose"]["position"]
    assert image["camera_position"] == origin
    return tuple(round(v, 5) for v in shown.values())


def truth(client):
    return client.call("simGetGroundTruthKinematics", "")


def place(client):
    return tuple(round(v, 5) for v in truth(client)["position"].values())


@pytest.mark.parametrize("clock", ["simulated", "airsim"])
def test_a_multirotors_pose_set_while_paused_is_seen_after_the_next_tick(serve, clock):
    client = serve(clock=clock)
    client.put(pose(1, 2, -3))
    client.call("simSetVehiclePose", pose(5, 6, -7), True, "")
    assert place(client) == (5, 6, -7)
    state = client.call("getMultirotorState", "")["kinematics_estimated"]["position"]
    assert state["x_val"] == 5
    assert seen(client) == (1, 2, -3)
    before = client.call("getMultirotorState", "")["timestamp"]
    client.call("simContinueForTime", 0.0)
    assert seen(client) == place(client) == (5, 6, -7)
    assert client.call("getMultirotorState", "")["timestamp"] == before


def test_a_pose_that_is_set_keeps_the_velocity(serve):
    client = serve()
    moving = {**truth(client), "linear_velocity": {"x_val": 5.0, "y_val": 0.0, "z_val": 0.0}}
    client.call("simSetKinematics", {**moving, **pose(0, 0, -30)}, True, "")
    client.call("simSetVehiclePose", pose(0, 0, -40), True, "")
    assert truth(client)["linear_velocity"]["x_val"] == 5
    client.call("simContinueForTime", 0.03)
    assert 0.14 < place(client)[0] <= 0.15


def test_steps_are_as_long_as_asked_for_with_the_simulated_clock_and_grains_with_airsims(serve):
    for clock, exact in (("simulated", True), ("airsim", False)):
        client = serve(clock=clock)
        spans = []
        for _ in range(6):
            before = client.call("getMultirotorState", "")["timestamp"]
            client.call("simContinueForTime", 0.04)
            spans.append(client.call("getMultirotorState", "")["timestamp"] - before)
        assert (set(spans) == {40_000_000}) == exact
        assert exact or set(spans) <= {13 * 3_000_064, 14 * 3_000_064}


def test_a_pose_with_nan_moves_the_body_to_nowhere_and_the_actor_stays(serve):
    client = serve()
    client.put(pose(1, 2, -3))
    client.put(pose(NAN, 2, -3))
    assert math.isnan(truth(client)["position"]["x_val"])
    assert seen(client) == (1, 2, -3)
    client.put(pose(4, 2, -3))
    assert seen(client) == (4, 2, -3)


def test_the_ideals_show_poses_at_once_and_keep_what_nan_leaves_out(serve):
    client = serve(ideal=("immediate-poses", "keep-nan"))
    client.call("simSetVehiclePose", pose(5, 6, -7), True, "")
    assert seen(client) == (5, 6, -7)
    client.call("simSetVehiclePose", pose(NAN, 1, NAN), True, "")
    assert seen(client) == (5, 1, -7)


def test_reset_brings_back_vehicles_and_leaves_time_pause_objects_ids_and_weather(serve):
    client = serve()
    car = client.call("simListSceneObjects", "Car_0")[0]
    client.call("simSetObjectPose", car, pose(3, 4, 0), True)
    client.call("simSetSegmentationObjectID", "Road_1", 77, False)
    client.call("simSetCameraPose", "0", pose(0, 0, -1), "", False)
    client.call("simContinueForTime", 0.04)
    client.put(pose(5, 6, -7))
    client.call("enableApiControl", True, "")
    before = client.call("getMultirotorState", "")["timestamp"]
    client.call("reset")
    assert client.call("getMultirotorState", "")["timestamp"] == before
    assert client.call("simIsPaused") is True
    assert client.call("isApiControlEnabled", "") is False
    assert seen(client) == place(client) == (0, 0, 0)  # at once, without a tick
    assert client.call("simGetObjectPose", car)["position"]["x_val"] == 3
    assert client.call("simGetSegmentationObjectID", "road_1") == 77
    assert client.call("simGetCameraInfo", "0", "", False)["pose"]["position"][
        "z_val"
    ] == pytest.approx(-1.1)


def test_a_car_is_seen_at_once_its_record_at_the_next_tick_and_api_control_stays(serve):
    client = serve("Car")
    client.call("enableApiControl", True, "")
    client.call("simSetVehiclePose", pose(5, 6, 0), True, "")
    assert seen(client) == (5, 6, 0)
    assert place(client) == (0, 0, 0)
    client.call("simContinueForTime", 0.0)
    while not client.call("simIsPaused"):
        time.sleep(0.001)
    assert place(client) == (5, 6, 0)
    client.call("simSetKinematics", {**truth(client), **pose(9, 9, 0)}, True, "")
    assert place(client) == (9, 9, 0)
    client.call("simContinueForTime", 0.0)
    assert seen(client) == place(client) == (5, 6, 0)
    client.call("reset")
    assert client.call("isApiControlEnabled", "") is True


@pytest.mark.parametrize("clock", ["simulated", "airsim"])
def test_a_free_camera_is_seen_at_once_and_its_record_follows_when_time_runs(serve, clock):
    client = serve("ComputerVision", clock=clock)
    client.call("simSetVehiclePose", pose(5, 6, -7), True, "")
    assert seen(client) == (5, 6, -7)
    assert place(client) == (0, 0, 0)
    client.call("simPause", False)
    until = time.monotonic() + 10
    while place(client) != (5, 6, -7) and time.monotonic() < until:
        time.sleep(0.005)
    assert place(client) == (5, 6, -7)


def test_with_airsims_clock_images_are_stamped_one_by_one_and_time_runs_while_paused(serve):
    client = serve("ComputerVision", clock="airsim")
    error = client.error("simContinueForTime", 0.1)
    assert "continueForTime is not implemented by SimMode." in error
    error = client.error("simContinueForFrames", 1)
    assert "continueForFrames is not implemented by SimMode." in error
    stamps = [a["time_stamp"] for a in client.call("simGetImages", [request(0)] * 3, "", False)]
    assert stamps == sorted(set(stamps))
    later = client.call("simGetImages", [request(0)], "", False)[0]["time_stamp"]
    assert later > stamps[-1]


def test_with_airsims_clock_a_stopped_multirotor_has_one_stamp_for_all_images(serve):
    client = serve(clock="airsim")
    answers = client.call("simGetImages", [request(0), request(5)], "", False)
    assert len({a["time_stamp"] for a in answers}) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"clock": "airsims"}, "there is no clock 'airsims'. Did you mean 'airsim'"),
        ({"ideal": ("keepnan",)}, "there is no ideal 'keepnan'. Did you mean 'keep-nan'"),
    ],
)
def test_unknown_clocks_and_ideals_are_told(world, options, said):
    with pytest.raises(SettingsError, match=said):
        EmbeddedServer(EmbeddedOptions(port=0, **options), world)
