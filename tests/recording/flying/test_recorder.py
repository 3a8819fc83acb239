"""Recording: exact, resumable, and honest about what the simulator did."""

import hashlib
import json

import numpy as np
import pytest
from small_simulator import HEIGHT, WIDTH, small_plan, small_settings

from airseg.errors import RecordingError, RpcError, SimulatorError
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.finished import finished_recording
from airseg.recording.flying.mesh_ids import Palette
from airseg.recording.flying.recorder import Recorder
from airseg.recording.stored.folder_lock import folder_lock
from airseg.recording.stored.storage import KINDS, Recording, frame_file
from airseg.simulators.client import SimulatorClient
from airseg.simulators.embedded.sensing.segmentation_ids import palette
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

DOCUMENTED = Palette({i: tuple(int(v) for v in c) for i, c in enumerate(palette())})


def record(client, plan, folder, **options):
    """Record with the documented colours, which saves measuring them in every test."""
    options = {"palette": DOCUMENTED, **options}
    return Recorder(client, RecordOptions(**options), lambda *told: None).record(
        folder.name, plan, folder
    )


def image_bytes(folder, count):
    """Return a digest of each file; where files differ, pytest would compare them for minutes."""
    files = [frame_file(folder, k, i) for i in range(count) for k in KINDS]
    return [hashlib.blake2b(file.read_bytes()).hexdigest() for file in files]


def test_every_frame_is_exactly_forty_milliseconds_after_the_one_before(client, tmp_path):
    done = record(client, small_plan(), tmp_path / "walk")
    recording = Recording.open(done.folder)
    assert len(recording) == done.frames > 20
    assert (np.diff(recording.frames["timestamp_ns"]) == 40_000_000).all()
    assert recording.info.status == "complete"


def test_poses_are_those_of_the_trajectory_and_depth_is_sound(client, tmp_path):
    done = record(client, small_plan(vehicle="camera"), tmp_path / "walk")
    recording = Recording.open(done.folder)
    assert recording.frames["pos_x"].iloc[-1] == pytest.approx(6, abs=0.01)
    assert np.allclose(recording.frames["pos_z"], -3, atol=1e-3)
    depth = recording.read_depth(3)
    assert depth.shape == (HEIGHT, WIDTH)
    # The lowest row looks down at flat ground from 3 m, 36.6 degrees below the horizon.
    focal = WIDTH / 2
    expected = 3 / ((HEIGHT - 0.5 - HEIGHT / 2) / focal)
    assert depth[-1, WIDTH // 2] == pytest.approx(expected, abs=0.15)


def test_ids_name_the_meshes_that_are_seen(client, tmp_path):
    recording = Recording.open(record(client, small_plan(), tmp_path / "walk").folder)
    groups = {g.id: g.group for g in recording.object_table}
    seen = {groups.get(i, "?") for i in np.unique(recording.read_ids(0))}
    assert "Road" in seen
    assert "SkySphere" in seen
    assert "?" not in seen
    assert len({m for g in recording.object_table for m in g.meshes}) >= 250


def test_the_same_flight_gives_the_same_bytes(client, tmp_path):
    first = record(client, small_plan(), tmp_path / "a" / "walk")
    second = record(client, small_plan(), tmp_path / "b" / "walk")
    assert image_bytes(first.folder, first.frames) == image_bytes(second.folder, second.frames)


def test_an_interrupted_recording_continues_to_the_same_bytes(client, tmp_path):
    plan = small_plan()
    whole = record(client, plan, tmp_path / "a" / "walk")

    def stop_at_ten(what, done, total):
        if what == "walk" and done == 10:
            raise KeyboardInterrupt

    folder = tmp_path / "b" / "walk"
    with pytest.raises(KeyboardInterrupt):
        Recorder(client, RecordOptions(palette=DOCUMENTED), stop_at_ten).record(
            "walk", plan, folder
        )
    assert Recording.open(folder).info.status == "interrupted"
    assert len(Recording.open(folder)) == 10
    resumed = record(client, plan, folder)
    assert resumed.new_frames == whole.frames - 10
    assert image_bytes(folder, whole.frames) == image_bytes(whole.folder, whole.frames)
    steps = np.diff(Recording.open(folder).frames["timestamp_ns"])
    assert (steps == 40_000_000).all()


def test_a_multirotor_that_flies_by_itself_is_recorded_exactly_too(client, tmp_path):
    plan = small_plan(mode="step", waypoints=[{"position": (8, 0, -3)}], speed_mps=4)
    recording = Recording.open(record(client, plan, tmp_path / "fly").folder)
    assert (np.diff(recording.frames["timestamp_ns"]) == 40_000_000).all()
    assert recording.frames["pos_x"].iloc[-1] > 7
    again = Recording.open(record(client, plan, tmp_path / "again" / "fly").folder)
    assert len(again) == len(recording)
    assert np.array_equal(again.frames["rgb_crc32"], recording.frames["rgb_crc32"])


def test_a_car_drives_by_itself(world, tmp_path):
    settings = small_settings(tmp_path / "settings.json", "Car")
    plan = small_plan(
        vehicle="car",
        mode="step",
        start={"position": (0, 0, 0)},
        waypoints=[{"position": (10, 0, 0)}],
        camera={"width": WIDTH, "height": HEIGHT, "position_m": (0.8, 0, -1.4)},
    )
    with (
        EmbeddedServer(EmbeddedOptions(port=0, settings=settings), world) as server,
        SimulatorClient("127.0.0.1", server.port) as client,
    ):
        client.confirmConnection()
        recording = Recording.open(record(client, plan, tmp_path / "drive").folder)
    assert (np.diff(recording.frames["timestamp_ns"]) == 40_000_000).all()
    assert recording.frames["pos_x"].iloc[-1] > 8


def test_a_plan_for_another_vehicle_is_refused_in_step_mode(client, tmp_path):
    plan = small_plan(
        vehicle="car",
        mode="step",
        start={"position": (0, 0, 0)},
        waypoints=[{"position": (10, 0, 0)}],
    )
    with pytest.raises(SimulatorError, match="needs SimMode Car; the simulator runs Multirotor"):
        record(client, plan, tmp_path / "drive")


def test_another_flight_does_not_continue_a_recording(client, tmp_path):
    record(client, small_plan(), tmp_path / "walk", max_frames=3)
    other = small_plan(speed_mps=3)
    with pytest.raises(RecordingError, match=r"speed_mps is 5\.0 there and 3\.0 now"):
        record(client, other, tmp_path / "walk")
    record(client, other, tmp_path / "walk", max_frames=3, overwrite=True)


def test_a_finished_recording_is_known_as_such(client, tmp_path):
    plan = small_plan()
    first = {most: RecordOptions(max_frames=most) for most in (4, 8, None)}
    assert finished_recording(tmp_path / "walk", plan, first[None]) is None
    record(client, plan, tmp_path / "walk", max_frames=4)
    assert finished_recording(tmp_path / "walk", plan, first[4]) == 4
    assert finished_recording(tmp_path / "walk", plan, first[8]) is None
    done = record(client, plan, tmp_path / "walk")
    assert finished_recording(tmp_path / "walk", plan, first[None]) == done.frames


def test_images_of_another_size_are_refused_with_the_setting_to_change(client, tmp_path):
    plan = small_plan(camera={"width": 320, "height": 240})
    with pytest.raises(SimulatorError, match=r"64x48; the plan wants 320x240.*CaptureSettings"):
        record(client, plan, tmp_path / "walk")


def test_measured_colours_are_those_the_simulator_documents(client, tmp_path):
    measured = record(client, small_plan(), tmp_path / "a" / "walk", palette=None, max_frames=2)
    given = record(client, small_plan(), tmp_path / "b" / "walk", max_frames=2)
    assert Recording.open(measured.folder).object_table == Recording.open(given.folder).object_table


class Faulty:
    """A simulator that spoils one frame."""

    def __init__(self, client, fault, frame):
        self._client, self._fault, self._frame = client, fault, frame
        self._taken = 0
        self._kept = None
        self.stays = False

    def __getattr__(self, name):
        return getattr(self._client, name)

    def simGetImages(self, requests):
        answers = self._client.simGetImages(requests)
        if len(requests) < 3:
            return answers
        self._taken += 1
        if self._taken == self._frame or (self.stays and self._taken > self._frame):
            self._fault(answers, self._kept)
        self._kept = answers
        return answers


def empty_image(now, before):
    now[0].image_data_uint8, now[0].width, now[0].height = b"", 0, 0


def wrong_size(now, before):
    now[1].image_data_uint8 = now[1].image_data_uint8[:-3]


def repeated_frame(now, before):
    now[0].image_data_uint8 = before[0].image_data_uint8


def time_jump(now, before):
    for answer in now:
        answer.time_stamp -= 10**9


def mixed_moments(now, before):
    now[1].time_stamp += 1_000_000


def pose_without_numbers(now, before):
    now[0].camera_position.x_val = float("nan")


def depth_without_numbers(now, before):
    now[2].image_data_float = np.full(WIDTH * HEIGHT, np.nan, np.float32)


def depth_below_zero(now, before):
    now[2].image_data_float = np.full(WIDTH * HEIGHT, -2.5, np.float32)


def decades_back(now, before):
    for answer in now:
        answer.time_stamp = 5 + len(before)


def elsewhere(now, before):
    for answer in now:
        answer.camera_position.y_val += 0.002


def strange_colour(now, before):
    now[1].image_data_uint8 = bytes([1, 2, 3]) * (WIDTH * HEIGHT)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (empty_image, "empty Scene image"),
        (wrong_size, "Segmentation image says 64x48 but has"),
        (repeated_frame, "the camera moved but the picture is the one before"),
        (time_jump, "simulator time went from"),
        (mixed_moments, "different moments, 1.0 ms apart"),
        (depth_without_numbers, "3072 depths are no numbers"),
        (depth_below_zero, "3072 depths are no numbers, or negative"),
        (decades_back, "simulator time"),
        (strange_colour, r"colours that belong to no id, most of them \(3, 2, 1\)"),
    ],
)
def test_each_fault_of_a_simulator_stops_the_recording_and_keeps_the_frames(
    client, tmp_path, fault, said
):
    folder = tmp_path / "walk"
    plan = small_plan(speed_mps=5)
    with pytest.raises(SimulatorError, match=said) as caught:
        record(Faulty(client, fault, 10), plan, folder)  # the first one warms up
    assert "8 complete frames are kept" in str(caught.value)
    recording = Recording.open(folder)
    assert len(recording) == 8
    assert recording.info.status == "failed"
    assert json.loads((folder / "recording.json").read_text())["reason"]
    record(client, plan, folder)
    assert Recording.open(folder).info.status == "complete"


def test_poses_that_stay_without_numbers_are_refused_at_the_frame(client, tmp_path):
    faulty = Faulty(client, pose_without_numbers, 5)
    faulty.stays = True
    with pytest.raises(SimulatorError, match="frame 3: the camera's pose is no position and unit"):
        record(faulty, small_plan(), tmp_path / "walk")
    assert len(Recording.open(tmp_path / "walk")) == 3


def test_an_image_that_shows_another_place_is_taken_again(client, tmp_path):
    """One late tick: the images are 2 mm off the plan, which allows 1 mm; the next ones are not."""
    done = record(Faulty(client, elsewhere, 5), small_plan(), tmp_path / "walk", max_frames=6)
    assert done.frames == 6
    assert done.notes["largest_pose_error_mm"] < 1


def test_a_lens_that_another_program_bent_is_refused(client, tmp_path):
    """AirSim keeps it until it ends (PIPCamera.cpp), and a recording says it is a pinhole's."""
    client.call("simSetDistortionParam", "0", "K2", 0.25, "", False)
    try:
        with pytest.raises(SimulatorError, match=r"camera 0 has a lens .* \(K2 0\.25\)"):
            record(client, small_plan(), tmp_path / "walk", max_frames=2)
    finally:
        client.call("simSetDistortionParam", "0", "K2", 0.0, "", False)
    assert record(client, small_plan(), tmp_path / "walk", max_frames=2).frames == 2

    class OnUnity:
        def __getattr__(self, name):
            return getattr(client, name)

        def simGetDistortionParams(self, camera_name, vehicle_name):
            raise RpcError("getDistortionParams is not supported on unity")

    assert record(OnUnity(), small_plan(), tmp_path / "unity", max_frames=2).frames == 2


def test_the_lock_comes_before_anything_is_done_to_the_simulator(client, tmp_path):
    """A second recorder that measures colours first would change the ids of the first one."""

    class Untouched:
        def __getattr__(self, name):
            raise AssertionError(f"{name} was called")

    with (
        folder_lock(tmp_path / "walk"),
        pytest.raises(RecordingError, match="another recorder is writing here"),
    ):
        record(Untouched(), small_plan(), tmp_path / "walk", overwrite=True)


@pytest.mark.parametrize(
    "more",
    [
        {"camera": {"width": 320, "height": 240}},
        {"companions": {"Wing": {}}},
        {
            "vehicle": "car",
            "mode": "step",
            "start": {"position": (0, 0, 0)},
            "waypoints": [{"position": (9, 0, 0)}],
        },
    ],
)
def test_what_a_simulator_cannot_record_overwrites_nothing(client, tmp_path, more):
    before = record(client, small_plan(), tmp_path / "walk", max_frames=3)
    files = image_bytes(before.folder, 3)
    with pytest.raises(SimulatorError, match="settings"):
        record(client, small_plan(**more), tmp_path / "walk", overwrite=True)
    assert image_bytes(before.folder, 3) == files
    assert len(Recording.open(before.folder)) == 3


def test_a_refused_recording_leaves_the_simulator_running_and_no_folder(client, tmp_path):
    plan = small_plan(camera={"width": 320, "height": 240})
    client.simPause(False)
    with pytest.raises(SimulatorError, match="the plan wants 320x240"):
        record(client, plan, tmp_path / "walk")
    assert client.simIsPause() is False
    plan = small_plan(companions={"Nobody": {}})
    with pytest.raises(SimulatorError, match="no companion Nobody"):
        record(client, plan, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_finished_recording_of_another_mode_or_world_is_told(client, tmp_path):
    plan, simulator = small_plan(), {"world": "neighborhood", "seed": 0}
    record(client, plan, tmp_path / "walk", max_frames=3, simulator=simulator)
    for options, told in (
        ({"mode": "step"}, "mode differs"),
        ({"simulator": {"world": "neighborhood", "seed": 4}}, "seed differs"),
    ):
        with pytest.raises(RecordingError, match=told):
            finished_recording(tmp_path / "walk", plan, RecordOptions(max_frames=3, **options))


@pytest.mark.slow
def test_a_flight_by_dynamics_that_was_interrupted_continues_to_the_same_bytes(client, tmp_path):
    plan = small_plan(mode="step", waypoints=[{"position": (5, 0, -3)}], speed_mps=4)
    whole = record(client, plan, tmp_path / "a" / "fly")
    record(client, plan, tmp_path / "b" / "fly", max_frames=12)
    resumed = record(client, plan, tmp_path / "b" / "fly")
    assert resumed.frames == whole.frames
    assert image_bytes(resumed.folder, whole.frames) == image_bytes(whole.folder, whole.frames)
