"""Several cameras and vehicles, real time, replays, drifting ids and simulators that come back."""

import contextlib
import json
import shutil

import numpy as np
import pytest
from small_simulator import HEIGHT, WIDTH, small_content, small_plan, small_settings

from airseg.errors import LostSimulatorError, RecordingError, SimulatorError
from airseg.flight.plan import FlightPlan, PlanCamera
from airseg.flight.trajectory import plan_trajectory
from airseg.recording.flying.assignment import Assignment, RecordOptions
from airseg.recording.flying.clocks import StepCheck
from airseg.recording.flying.mesh_ids import Palette
from airseg.recording.flying.recorder import Recorder
from airseg.recording.flying.replay import replay
from airseg.recording.flying.sessions import record_flights
from airseg.recording.further_settings import FurtherSettings
from airseg.recording.simulator_settings import settings_text
from airseg.recording.stored.frame_table import POSE_COLUMNS
from airseg.recording.stored.recording_verification import repair_recording, verify_recording
from airseg.recording.stored.storage import Recording
from airseg.simulators.client import SimulatorClient
from airseg.simulators.embedded.sensing.segmentation_ids import palette
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

DOCUMENTED = Palette({i: tuple(int(v) for v in c) for i, c in enumerate(palette())})
SMALL = {"width": WIDTH, "height": HEIGHT}


def quiet(what, done, total):
    """Progress that nobody watches."""


def options(**fields):
    return RecordOptions(**{"palette": DOCUMENTED, **fields})


def serve(world, tmp_path, plan=None, further=None, **fields):
    path = small_settings(tmp_path / "settings.json")
    if plan is not None:
        path.write_text(settings_text([("plan", plan)], further=further))
    options = EmbeddedOptions(port=0, settings=path, ideal=("full-reset",), **fields)
    server = EmbeddedServer(options, world)
    server.warm_up()
    return server


def connect(server, timeout_s=20.0):
    client = SimulatorClient("127.0.0.1", server.port, timeout_s)
    client.confirmConnection()
    return client


def test_cameras_and_vehicles_are_recorded_at_the_same_instants(world, tmp_path):
    plan = small_plan(
        cameras={"low": {**SMALL, "pitch_deg": -40}},
        companions={"Second": {"behind_s": 0.2, "offset_m": (-4, 2, -1)}},
        flow=True,
        waypoints=[{"position": (2, 0, -3)}],
    )
    with serve(world, tmp_path, plan) as server, connect(server) as client:
        Recorder(client, options(max_frames=6), quiet).record("walk", plan, tmp_path / "walk")
        Recorder(client, options(max_frames=9), quiet).record("walk", plan, tmp_path / "walk")
    first, low, second = (
        Recording.open(tmp_path / name) for name in ("walk", "walk-low", "walk-Second")
    )
    assert [len(r) for r in (first, low, second)] == [9, 9, 9]
    for other in (low, second):
        assert np.array_equal(first.frames["timestamp_ns"], other.frames["timestamp_ns"])
        assert (other.frames["rgb_crc32"] != first.frames["rgb_crc32"]).all()
    poses = [r.frames[list(POSE_COLUMNS)].to_numpy() for r in (first, low, second)]
    assert np.allclose(poses[0][:, :3], poses[1][:, :3], atol=1e-5)
    # Five frames later, four metres behind, two to the right and one up.
    assert np.allclose(poses[2][5:, :3] - poses[0][:-5, :3], [-4, 2, -1], atol=0.02)
    flow = first.read_flow(8)
    assert flow.shape == (HEIGHT, WIDTH, 2)
    assert np.isfinite(flow).any()
    assert flow[-1, : WIDTH // 3, 0].mean() < 0 < flow[-1, -WIDTH // 3 :, 0].mean()
    assert all(verify_recording(r.path).is_sound for r in (first, low, second))


def test_a_replay_flies_the_same_poses_with_another_camera(client, tmp_path):
    plan = small_plan(seed=3, camera={**SMALL, "pitch_deg": -20, "position_m": (0.4, 0, -0.2)})
    Recorder(client, options(max_frames=8), quiet).record("walk", plan, tmp_path / "walk")
    foggy = small_plan(camera=plan.camera.model_dump(), weather={"fog": 0.6})
    for name, wanted in (("same", None), ("foggy", foggy)):
        flight = replay(tmp_path / "walk", name, wanted)
        assert flight.plan.seed == 3, "poses mean nothing in another world"
        Recorder(client, options(), quiet).fly(flight, tmp_path / name)
    walk, same, fog = (Recording.open(tmp_path / n) for n in ("walk", "same", "foggy"))
    assert len(same) == len(fog) == 8
    before = walk.frames[list(POSE_COLUMNS)].to_numpy()
    assert np.allclose(same.frames[list(POSE_COLUMNS)].to_numpy(), before, atol=1e-4)
    differs = (walk.read_ids(5) != fog.read_ids(5)).mean()
    assert differs < 0.01
    assert np.abs(walk.read_rgb(5).astype(int) - fog.read_rgb(5)).mean() > 4
    assert fog.info.notes["replayed"] == "walk"


def test_a_view_that_the_plan_has_no_longer_is_not_left_beside_a_new_recording(world, tmp_path):
    two = small_plan(cameras={"low": {**SMALL, "pitch_deg": -40}})
    with serve(world, tmp_path, two) as server, connect(server) as client:
        recorder = Recorder(client, options(max_frames=3), quiet)
        recorder.record("walk", two, tmp_path / "walk")
        anew = Recorder(client, options(max_frames=2, overwrite=True), quiet)
        with pytest.raises(RecordingError, match="walk-low: is a view of the recording that would"):
            anew.record("walk", small_plan(), tmp_path / "walk")
        assert len(Recording.open(tmp_path / "walk")) == 3
        shutil.rmtree(tmp_path / "walk-low")
        assert anew.record("walk", small_plan(), tmp_path / "walk").frames == 2


def test_what_a_plan_does_not_name_is_seen_as_the_recording_was(world, tmp_path):
    """Fog alone: the car's camera stays behind the windscreen, and looks down as it did."""
    mounted = {**SMALL, "pitch_deg": -20, "position_m": (0.8, 0, -1.4)}
    path = {"start": {"position": (0, 0, 0)}, "waypoints": [{"position": (6, 0, 0)}]}
    plan = small_plan(vehicle="car", camera=mounted, rate_hz=10, depth=False, **path)
    fog = {"description": "fog", "start": {"position": (0, 0, -2)}, "weather": {"fog": 0.6}}
    fog = FlightPlan.model_validate({**fog, "waypoints": [{"position": (10, 0, -2)}]})
    with serve(world, tmp_path, plan) as server, connect(server) as client:
        Recorder(client, options(max_frames=4), quiet).record("drive", plan, tmp_path / "drive")
        flight = replay(tmp_path / "drive", "foggy", fog)
        Recorder(client, options(), quiet).fly(flight, tmp_path / "foggy")
    drive, foggy = (Recording.open(tmp_path / name) for name in ("drive", "foggy"))
    poses = [r.frames[list(POSE_COLUMNS)].to_numpy() for r in (drive, foggy)]
    assert np.allclose(*poses, atol=1e-4)
    assert foggy.info.camera == drive.info.camera
    assert (foggy.info.rate_hz, foggy.info.has_depth) == (10, False)
    narrow = fog.model_copy(update={"camera": PlanCamera(fov_deg=50)})
    assert replay(tmp_path / "drive", "narrow", narrow).plan.camera == plan.camera.model_copy(
        update={"fov_deg": 50.0}
    )


@pytest.mark.parametrize("flow", [True, False])
def test_flow_blur_and_speed_go_on_where_a_recording_does(world, tmp_path, flow):
    """All are counted from the frame before, in the first frame of a later run, too."""
    plan = small_plan(flow=flow)
    captures = [{"ImageType": 0, "MotionBlurAmount": 1.0}]
    blur = FurtherSettings("mine.json", {"CameraDefaults": {"CaptureSettings": captures}})
    with serve(world, tmp_path, plan, blur) as server, connect(server) as client:
        for name, parts in (("whole", (12,)), ("parts", (9, 12))):
            for frames in parts:
                recorder = Recorder(client, options(max_frames=frames), quiet)
                recorder.record(name, plan, tmp_path / name)
    whole, parts = (Recording.open(tmp_path / name).frames for name in ("whole", "parts"))
    assert ("flow_crc32" in whole) == flow
    for column in whole.columns:
        assert whole[column].tolist() == parts[column].tolist(), column


def test_real_time_tells_the_frames_that_a_slow_server_cost(world, tmp_path):
    # A delay is two frames long: however fast the machine, the next one comes late.
    plan = small_plan(mode="realtime", rate_hz=10, waypoints=[{"position": (6, 0, -3)}])
    folder = tmp_path / "walk"
    with (
        serve(world, tmp_path, fault="delay", fault_every=4) as server,
        connect(server) as client,
    ):
        done = Recorder(client, options(), quiet).record("walk", plan, folder)
    recording = Recording.open(folder)
    slots = recording.frames["plan_time_ns"].to_numpy() // plan.step_ns
    assert recording.info.notes["dropped"] == len(plan_trajectory(plan)) - len(slots)
    assert done.notes["dropped"] == recording.info.notes["dropped"]
    assert done.notes["dropped"] + done.notes["late_count"] >= len(recording) // 4 - 1
    stamps = recording.frames["timestamp_ns"].to_numpy()
    lateness = stamps - stamps[0] - slots * plan.step_ns
    late = np.flatnonzero(lateness > plan.step_ns // 2).tolist()
    assert recording.info.notes["late"] == late
    assert verify_recording(folder).is_sound


@pytest.mark.parametrize("vehicle", ["multirotor", "camera"])
def test_real_time_goes_on_where_a_reset_sets_the_clock_back(world, tmp_path, vehicle):
    plan = small_plan(mode="realtime", vehicle=vehicle)
    with serve(world, tmp_path, plan) as server, connect(server) as client:
        for frames in (3, 5):
            recorder = Recorder(client, options(max_frames=frames), quiet)
            recorder.record("walk", plan, tmp_path / "walk")
    assert (np.diff(Recording.open(tmp_path / "walk").frames["timestamp_ns"]) > 0).all()
    assert verify_recording(tmp_path / "walk").is_sound


def test_a_simulator_that_is_lost_again_and_again_is_waited_for(world, tmp_path):
    plan = small_plan(waypoints=[{"position": (2, 0, -3)}])
    told = []
    with serve(world, tmp_path, fault="disconnect", fault_every=7) as server:
        record_flights(
            [Assignment("walk", plan)],
            tmp_path,
            lambda: connect(server),
            options(),
            5.0,
            quiet,
            lambda name, done: told.append(done),
        )
    recording = Recording.open(tmp_path / "walk")
    assert told[0].frames == len(recording) > 14
    *earlier, _ = recording.info.segments
    assert len(earlier) >= 2
    assert all(s.status == "failed" and "lost the simulator" in s.reason for s in earlier)
    assert (np.diff(recording.frames["timestamp_ns"]) == 40_000_000).all()


def test_overwriting_begins_anew_once_and_keeps_what_a_lost_simulator_leaves(world, tmp_path):
    plan = small_plan(waypoints=[{"position": (2, 0, -3)}])
    with serve(world, tmp_path, plan, fault="disconnect", fault_every=12) as server:
        for _ in range(2):
            record_flights(
                [Assignment("walk", plan)],
                tmp_path,
                lambda: connect(server),
                options(max_frames=14, overwrite=True),
                5.0,
                quiet,
                lambda name, done: None,
            )
    recording = Recording.open(tmp_path / "walk")
    assert len(recording) == 14
    assert len(recording.info.segments) >= 2


class Losing:
    """A client that loses its simulator as soon as it is asked which vehicles there are."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)

    def listVehicles(self):
        raise LostSimulatorError("lost the simulator")


@pytest.mark.parametrize(("lost", "frames"), [(1, 4), (1000, 6)])
def test_who_overwrites_keeps_what_was_there_until_the_simulator_is_ready(
    world, tmp_path, lost, frames
):
    plan = small_plan(waypoints=[{"position": (2, 0, -3)}])
    clients = []
    with serve(world, tmp_path, plan) as server:
        with connect(server) as client:
            Recorder(client, options(max_frames=6), quiet).record("walk", plan, tmp_path / "walk")

        def connect_again():
            clients.append(connect(server))
            return Losing(clients[-1]) if len(clients) <= lost else clients[-1]

        with contextlib.nullcontext() if lost == 1 else pytest.raises(LostSimulatorError):
            record_flights(
                [Assignment("walk", plan)],
                tmp_path,
                connect_again,
                options(max_frames=4, overwrite=True),
                5.0,
                quiet,
                lambda name, done: None,
            )
    assert len(Recording.open(tmp_path / "walk")) == frames
    assert len(clients) < 10


def test_a_recording_is_overwritten_where_time_never_stands_still(world, tmp_path):
    """In AirSim's ComputerVision mode each image has a time of its own, also while paused."""
    plan = small_plan(vehicle="camera")
    with serve(world, tmp_path, plan, clock="airsim") as server, connect(server) as client:
        for frames in (3, 2):
            recorder = Recorder(client, options(max_frames=frames, overwrite=True), quiet)
            recorder.record("walk", plan, tmp_path / "walk")
    assert len(Recording.open(tmp_path / "walk")) == 2


def test_who_waits_for_a_simulator_that_is_not_there_yet_is_told_so(tmp_path):
    told = []

    def connect_to_nobody():
        raise LostSimulatorError("no simulator answers")

    with pytest.raises(LostSimulatorError):
        record_flights(
            [Assignment("walk", small_plan())],
            tmp_path,
            connect_to_nobody,
            options(),
            0.6,
            lambda *progress: told.append(progress),
            lambda name, done: None,
        )
    assert ("waiting for the simulator", 0, 0) in told


def test_without_waiting_a_lost_simulator_ends_the_recording(world, tmp_path):
    with (
        serve(world, tmp_path, fault="disconnect", fault_every=3) as server,
        pytest.raises(LostSimulatorError, match="1 complete frames are kept"),
    ):
        record_flights(
            [Assignment("walk", small_plan())],
            tmp_path,
            lambda: connect(server),
            options(),
            0.0,
            quiet,
            lambda name, done: None,
        )


def test_slots_of_real_time_are_the_simulators_however_fast_its_clock_goes(world, tmp_path):
    """A SteppableClock takes 2.9 as 2, and falls behind on a busy machine (facts, 1.2)."""
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({**small_content(), "ClockSpeed": 2.9}))
    plan = small_plan(mode="realtime", waypoints=[{"position": (20, 0, -3)}], depth=False)
    simulator = EmbeddedOptions(port=0, settings=settings, clock="airsim")
    with EmbeddedServer(simulator, world) as server, connect(server) as client:
        Recorder(client, options(), quiet).record("walk", plan, tmp_path / "walk")
    frames = Recording.open(tmp_path / "walk").frames
    passed_ns = frames["timestamp_ns"] - frames["timestamp_ns"].iloc[0]
    assert frames["plan_time_ns"].iloc[-1] > 4e9
    assert (passed_ns - frames["plan_time_ns"]).abs().max() < 0.5e9  # 1.3 s by the wall's


class Meddling:
    """A client of a simulator in which somebody else changes a mesh's id after a while."""

    def __init__(self, client, frame, number):
        self._client, self._left, self._number = client, frame, number

    def __getattr__(self, name):
        return getattr(self._client, name)

    def simGetImages(self, requests):
        if len(requests) > 1:
            self._left -= 1
            if self._left == 0:
                self._client.simSetSegmentationObjectID("Road.*", self._number, True)
        return self._client.simGetImages(requests)


def test_ids_that_drift_are_an_error_that_names_the_frames(client, tmp_path):
    folder = tmp_path / "walk"
    plan = small_plan()
    recorder = Recorder(Meddling(client, 14, 3), options(recheck_every_s=0.2), quiet)
    with pytest.raises(SimulatorError, match=r"frames 10 to 14: mesh Road\S* was given"):
        recorder.record("walk", plan, folder)
    assert Recording.open(folder).info.notes["suspect_frames"][:2] == [10, 14]
    found = verify_recording(folder)
    assert found.good_frames == 10
    assert repair_recording(found) == 10
    assert json.loads((folder / "recording.json").read_text())["status"] == "interrupted"


def test_an_id_that_no_family_was_given_is_told_at_its_frame(client, tmp_path):
    recorder = Recorder(Meddling(client, 14, 250), options(recheck_every_s=0.2), quiet)
    with pytest.raises(SimulatorError, match=r"frame 12: \d+ pixels .* belong to no id"):
        recorder.record("walk", small_plan(), tmp_path / "walk")


def test_drift_within_the_tolerance_is_noted_and_beyond_it_is_refused():
    step = 40_000_000
    clock = StepCheck(step, None, {}, tolerance_ns=5_000_000)
    for frame, late in enumerate([0, 2, -3, 4]):
        clock.check(frame, frame, 7 + frame * step + late * 1_000_000)
    assert clock.notes()["largest_drift_ns"] == 4_000_000
    for frame in range(4, 9):  # each may be an accident
        clock.check(frame, frame, 7 + frame * step + 6_000_000)
    assert clock.notes()["off_their_place"] == [4, 5, 6, 7, 8]
    with pytest.raises(SimulatorError, match=r"frame 9: .* 6.0 ms ahead .* time_tolerance_ms of 5"):
        clock.check(9, 9, 7 + 9 * step + 6_000_000)


def test_drift_is_counted_anew_after_an_interruption():
    last = {"timestamp_ns": 80_000_000, "plan_time_ns": 80_000_000}
    clock = StepCheck(40_000_000, last, {"largest_drift_ns": 1}, tolerance_ns=5_000_000)
    clock.check(3, 3, 10_000_000_000)  # the simulator was started again meanwhile
    clock.check(4, 4, 10_040_000_000)
    assert clock.notes()["largest_drift_ns"] == 1


class SloppyClock:
    """A simulator whose steps are longer than it is told, as a real AirSim's may be."""

    def __init__(self, client, excess_s):
        self._client, self._excess_s = client, excess_s

    def __getattr__(self, name):
        return getattr(self._client, name)

    def simContinueForTime(self, seconds):
        excess_s = self._excess_s if seconds > 0 else 0.0
        return self._client.simContinueForTime(seconds + excess_s)


@pytest.mark.parametrize(("excess_ms", "refused"), [(6, False), (90, True)])
def test_a_flight_that_steps_corrects_its_clock_and_refuses_one_past_correction(
    world, tmp_path, excess_ms, refused
):
    plan = small_plan(mode="step", waypoints=[{"position": (2, 0, -3)}])
    with serve(world, tmp_path, plan) as server, connect(server) as client:
        recorder = Recorder(SloppyClock(client, excess_ms / 1e3), options(max_frames=8), quiet)
        if refused:
            with pytest.raises(SimulatorError, match="time_tolerance_ms"):
                recorder.record("walk", plan, tmp_path / "walk")
        else:
            recorder.record("walk", plan, tmp_path / "walk")
    notes = Recording.open(tmp_path / "walk").info.notes
    assert notes["largest_drift_ns"] > 0
    assert (notes["largest_drift_ns"] > plan.time_tolerance_ns) == refused
