"""Exact on AirSim: the order of calls that AirSim's own server code proved, on both clocks.

`--clock airsim` steps in wall time with a grain of 3 ms and ticks 60 times a second; what is seen
follows at ticks only. Bounds: poses 1 mm and steps 2 ms off their place, as measured there.
"""

import json

import numpy as np
import pytest
from small_simulator import HEIGHT, WIDTH, small_plan, small_settings
from test_recorder import DOCUMENTED

from airseg.errors import SimulatorError
from airseg.flight.trajectory import plan_trajectory
from airseg.recording.conformance import examine
from airseg.recording.flying import stepping
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.flights import PoseFlight
from airseg.recording.flying.mounting import as_pose
from airseg.recording.flying.recorder import Recorder
from airseg.recording.flying.replay import replay
from airseg.recording.simulator_settings import settings_text
from airseg.recording.stored.recording_verification import verify_recording
from airseg.recording.stored.storage import KINDS, Recording, frame_file
from airseg.simulators.client import SimulatorClient
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

STEP_NS = 40_000_000
CLOCKS = ("simulated", "airsim")
AS_NEAR_AS = {"simulated": 0, "airsim": 2_001_000}
"""Nanoseconds from a frame's place: 14 of AirSim's steps of 3,000,064 ns are 42.0009 ms."""
FRAMES = 8
SMALL = {"width": WIDTH, "height": HEIGHT}
CAR = {"vehicle": "car", "start": {"position": (0, 0, 0)}, "waypoints": [{"position": (6, 0, 0)}]}


class Simulators:
    """Starts simulators with a clock, and connects to them."""

    def __init__(self, world, folder):
        self._world, self._folder, self._opened = world, folder, []

    def connect(self, clock, settings, **fields):
        path = self._folder / "settings.json"
        path.write_text(settings)
        options = EmbeddedOptions(port=0, settings=path, clock=clock, **fields)
        server = EmbeddedServer(options, self._world)
        server.warm_up()
        server.start()
        client = SimulatorClient("127.0.0.1", server.port)
        self._opened += [client.close, server.stop]
        client.confirmConnection()
        return client

    def close(self):
        for close in self._opened:
            close()


@pytest.fixture
def simulators(world, tmp_path):
    opened = Simulators(world, tmp_path)
    yield opened
    opened.close()


def record(client, plan, folder, **fields):
    options = RecordOptions(**{"palette": DOCUMENTED, "max_frames": FRAMES, **fields})
    Recorder(client, options, lambda *told: None).record(folder.name, plan, folder)
    return Recording.open(folder)


def drift_ns(recording):
    """Return how far each frame's time lies from its place, counted from the first."""
    times = recording.frames["timestamp_ns"].to_numpy()
    return np.abs(times - times[0] - np.arange(len(times)) * STEP_NS)


def off_the_path_m(recording, plan):
    """Return how far each camera is from the trajectory, whose camera is the vehicle's middle."""
    path = plan_trajectory(plan).position[: len(recording)]
    seen = recording.frames[["pos_x", "pos_y", "pos_z"]].to_numpy()
    return np.linalg.norm((seen - seen[0]) - (path - path[0]), axis=1)


def digests(recording):
    names = [(kind, i) for i in range(len(recording)) for kind in KINDS]
    return [hash(frame_file(recording.path, *name).read_bytes()) for name in names]


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_multirotor_is_where_the_plan_wants_it_when_the_plan_wants_it(
    simulators, tmp_path, clock
):
    plan = small_plan(speed_mps=5)
    client = simulators.connect(clock, settings_text([("plan", plan)]))
    recording = record(client, plan, tmp_path / "walk")
    assert recording.frames["pos_x"].iloc[0] == pytest.approx(plan.start.position[0], abs=1e-3)
    assert recording.frames["pos_z"].iloc[0] == pytest.approx(plan.start.position[2], abs=1e-3)
    assert off_the_path_m(recording, plan).max() < 1e-3
    assert drift_ns(recording).max() <= AS_NEAR_AS[clock]
    assert recording.info.notes["largest_pose_error_mm"] < 0.01
    assert recording.info.notes["placement"] == "kinematics and tick"
    assert verify_recording(recording.path).is_sound
    assert client.simIsPause() is False  # as it was found


def test_the_default_clock_gives_the_same_bytes_twice(simulators, tmp_path):
    plan = small_plan(speed_mps=5)
    client = simulators.connect("simulated", settings_text([("plan", plan)]))
    first, second = (record(client, plan, tmp_path / name / "walk") for name in "ab")
    assert digests(first) == digests(second)


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_multirotor_that_flies_by_itself_is_stepped_to_each_frame(simulators, tmp_path, clock):
    plan = small_plan(mode="step", speed_mps=5)
    client = simulators.connect(clock, settings_text([("plan", plan)]))
    recording = record(client, plan, tmp_path / "fly")
    assert drift_ns(recording).max() <= AS_NEAR_AS[clock]
    assert recording.frames["vel_x"].iloc[-1] > 0.1
    assert verify_recording(recording.path).is_sound


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_free_camera_is_recorded_though_each_image_has_a_time_of_its_own(
    simulators, tmp_path, clock
):
    plan = small_plan(vehicle="camera", speed_mps=5)
    client = simulators.connect(clock, settings_text([("plan", plan)]))
    recording = record(client, plan, tmp_path / "walk")
    assert off_the_path_m(recording, plan).max() < 1e-3
    assert (recording.info.notes["largest_spread_ns"] > 0) == (clock == "airsim")
    assert verify_recording(recording.path).is_sound


@pytest.mark.parametrize(
    ("clock", "speed", "near_ns"),
    [
        ("simulated", {"ClockSpeed": 1.0}, 0),
        ("simulated", {}, 0),
        # A car's time moves with the frames of the game, 60 a second: half of one to either side.
        ("airsim", {"ClockSpeed": 1.0}, 8_334_000),
        ("airsim", {}, 2_001_000),  # as `airseg settings` writes them
    ],
)
def test_a_car_is_put_where_the_plan_wants_it(simulators, tmp_path, clock, speed, near_ns):
    plan = small_plan(**CAR, camera={**SMALL, "position_m": (1, 0.2, -1.5)})
    settings = {**json.loads(settings_text([("plan", plan)])), **speed}
    client = simulators.connect(clock, json.dumps(settings))
    recording = record(client, plan, tmp_path / "drive")
    assert off_the_path_m(recording, plan).max() < 1e-3
    # Counted from the car's middle, though AirSim counts from a mount two metres ahead of it.
    places = recording.frames[["pos_x", "pos_y", "pos_z"]].to_numpy()
    assert np.abs(places[0] - [1, 0.2, -1.5]).max() < 1e-3
    assert drift_ns(recording).max() <= near_ns
    assert verify_recording(recording.path).is_sound


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_car_that_drives_itself_is_stepped_to_each_frame(simulators, tmp_path, clock):
    plan = small_plan(**CAR, mode="step", speed_mps=5)
    client = simulators.connect(clock, settings_text([("plan", plan)]))
    recording = record(client, plan, tmp_path / "drive")
    assert drift_ns(recording).max() <= AS_NEAR_AS[clock]
    assert recording.frames["vel_x"].iloc[-1] > 0.1
    assert verify_recording(recording.path).is_sound


def test_who_drives_at_full_speed_is_told_what_brings_times_nearer(simulators, tmp_path):
    plan = small_plan(**CAR)
    settings = {**json.loads(settings_text([("plan", plan)])), "ClockSpeed": 1}
    client = simulators.connect("airsim", json.dumps(settings))
    options = RecordOptions(palette=DOCUMENTED, max_frames=4)
    done = Recorder(client, options, lambda *told: None).record("drive", plan, tmp_path / "drive")
    stepping = next(check for check in examine(client) if check.name == "stepping")
    for remedy in (done.remedy, stepping.remedy):
        assert remedy == (
            'For times within 2 ms of their places, write "ClockSpeed": 0.2 into settings.json; '
            "40 ms then take 200."
        )


def test_who_flies_by_a_clock_that_cannot_be_stepped_is_told_which_can(simulators, tmp_path):
    """AirSim's ScalableClock goes on while the simulator is paused."""
    plan = small_plan(speed_mps=5)
    settings = {**json.loads(settings_text([("plan", plan)])), "ClockType": "ScalableClock"}
    client = simulators.connect("airsim", json.dumps(settings))
    options = RecordOptions(palette=DOCUMENTED, max_frames=4)
    done = Recorder(client, options, lambda *told: None).record("walk", plan, tmp_path / "walk")
    assert done.notes["largest_drift_ns"] > stepping.NEAR_NS
    assert done.remedy.startswith('Write "ClockType": "SteppableClock" into settings.json')


@pytest.mark.parametrize("speed", [0.5, 3.0])
@pytest.mark.parametrize("clock", CLOCKS)
def test_steps_are_as_long_as_they_must_be_at_any_speed_of_the_clock(
    simulators, tmp_path, clock, speed
):
    plan = small_plan(speed_mps=5)
    settings = {**json.loads(settings_text([("plan", plan)])), "ClockSpeed": speed}
    client = simulators.connect(clock, json.dumps(settings))
    recording = record(client, plan, tmp_path / "walk", max_frames=5)
    assert drift_ns(recording).max() <= AS_NEAR_AS[clock]


@pytest.mark.parametrize("clock", CLOCKS)
def test_cameras_and_companions_are_those_of_the_plan(simulators, tmp_path, clock):
    """`Second` sorts before `SimpleFlight`, and would be the simulator's default."""
    plan = small_plan(
        cameras={"low": {**SMALL, "pitch_deg": -40}},
        companions={"Second": {"behind_s": 0.2, "offset_m": (-4, 2, -1)}},
        speed_mps=5,
    )
    client = simulators.connect(clock, settings_text([("plan", plan)]))
    record(client, plan, tmp_path / "walk", max_frames=4)
    first, low, second = (
        Recording.open(tmp_path / name) for name in ("walk", "walk-low", "walk-Second")
    )
    assert off_the_path_m(first, plan).max() < 1e-3
    places = [r.frames[["pos_x", "pos_y", "pos_z"]].to_numpy() for r in (first, low, second)]
    assert np.allclose(places[2][0] - places[0][0], [-4, 2, -1], atol=1e-3)
    for other in (low, second):
        assert (other.frames["rgb_crc32"] != first.frames["rgb_crc32"]).all()
        assert verify_recording(other.path).is_sound


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_replay_repeats_the_poses(simulators, tmp_path, clock):
    plan = small_plan(speed_mps=5, camera={**SMALL, "pitch_deg": -20, "position_m": (0.4, 0, -0.2)})
    client = simulators.connect(clock, settings_text([("plan", plan)]))
    walk = record(client, plan, tmp_path / "walk", max_frames=5)
    flight = replay(walk.path, "again", None)
    options = RecordOptions(palette=DOCUMENTED)
    Recorder(client, options, lambda *told: None).fly(flight, tmp_path / "again")
    again = Recording.open(tmp_path / "again")
    columns = ["pos_x", "pos_y", "pos_z", "q_w", "q_x", "q_y", "q_z"]
    apart = walk.frames[columns].to_numpy() - again.frames[columns].to_numpy()
    assert np.abs(apart).max() < 1e-3


@pytest.mark.parametrize("clock", CLOCKS)
def test_every_slot_of_real_time_is_counted_from_the_first_to_the_last(simulators, tmp_path, clock):
    plan = small_plan(rate_hz=20, waypoints=[{"position": (3, 0, -3)}])
    client = simulators.connect(clock, settings_text([("plan", plan)]))
    recording = record(client, plan, tmp_path / "walk", mode="realtime", max_frames=None)
    notes = recording.info.notes
    assert len(recording) + notes["dropped"] == len(plan_trajectory(plan))
    assert recording.info.mode == "realtime"
    assert verify_recording(recording.path).is_sound


def test_slots_of_real_time_are_the_simulators(simulators, tmp_path):
    """At a ClockSpeed of 0.25 the vehicle is where it would be in life, four times as slowly."""
    plan = small_plan(rate_hz=20, waypoints=[{"position": (1, 0, -3)}])
    settings = {**json.loads(settings_text([("plan", plan)])), "ClockSpeed": 0.25}
    client = simulators.connect("simulated", json.dumps(settings))
    recording = record(client, plan, tmp_path / "walk", mode="realtime", max_frames=None)
    times = recording.frames[["timestamp_ns", "plan_time_ns"]].to_numpy()
    taken, planned = (times[-1] - times[0]).tolist()
    assert taken == pytest.approx(planned, rel=0.1, abs=40_000_000)


def test_the_old_order_of_calls_is_refused(simulators, tmp_path, monkeypatch):
    """Step, set the pose, capture: the picture shows the frame before, and its fall."""

    class OldOrder:
        name = "old order"

        def __init__(self, client):
            self._client = client

        def place(self, poses, *, tick=True):
            for pose in poses.values():
                self._client.simSetVehiclePose(as_pose(pose), True)

    def begin(self):
        self.placement = OldOrder(self._client)
        self.placement.place(self._poses_of(0))
        self.stepper.begin(0)

    monkeypatch.setattr(PoseFlight, "begin", begin)
    plan = small_plan(speed_mps=5)
    for clock in CLOCKS:
        client = simulators.connect(clock, settings_text([("plan", plan)]))
        with pytest.raises(SimulatorError, match=r"frame 0: the camera is .* off the plan"):
            record(client, plan, tmp_path / clock)
        assert client.simIsPause() is False


@pytest.mark.parametrize("clock", CLOCKS)
def test_where_vehicles_cannot_be_put_their_cameras_are(simulators, tmp_path, clock):
    plan = small_plan(speed_mps=5, camera={**SMALL, "pitch_deg": -20, "position_m": (0.4, 0, -0.2)})
    client = simulators.connect(clock, settings_text([("plan", plan)]))

    class Immovable:
        def __getattr__(self, name):
            return getattr(client, name)

        def simSetVehiclePose(self, *where):
            """Do nothing."""

        simSetKinematics = simSetVehiclePose

    recording = record(Immovable(), plan, tmp_path / "walk")
    assert recording.info.notes["placement"] == "camera pose"
    assert off_the_path_m(recording, plan).max() < 1e-3
    assert verify_recording(recording.path).is_sound


def test_vehicles_that_are_not_the_plans_are_refused(simulators, tmp_path):
    plan = small_plan(companions={"Second": {"offset_m": (-4, 2, -1)}})
    alone = small_settings(tmp_path / "alone.json").read_text()
    with pytest.raises(SimulatorError, match=r"has no companion Second; its vehicles are Simple"):
        record(simulators.connect("simulated", alone), plan, tmp_path / "walk")


def test_settings_mark_the_plans_own_vehicle_and_keep_bodies_apart():
    plan = small_plan(companions={"Alpha": {}, "Zulu": {}})
    vehicles = json.loads(settings_text([("plan", plan)]))["Vehicles"]
    assert vehicles["SimpleFlight"]["IsFpvVehicle"] is True
    places = [(v["X"], v["Y"], v["Z"]) for v in vehicles.values()]
    assert len(set(places)) == 3


def test_a_companion_may_have_the_name_that_the_plans_own_vehicle_has_elsewhere():
    vehicles = json.loads(settings_text([("p", small_plan(companions={"SimpleFlight": {}}))]))
    assert list(vehicles["Vehicles"]) == ["SimpleFlight1", "SimpleFlight"]
    assert vehicles["Vehicles"]["SimpleFlight1"]["IsFpvVehicle"] is True
