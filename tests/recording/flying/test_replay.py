"""Recordings flown again: which, under which names, where, and in which part of a dataset."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from command_line import run, said
from small_simulator import small_plan
from test_recorder import DOCUMENTED, record

from airseg.errors import RecordingError
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.recorder import Recorder
from airseg.recording.flying.replay import replay, replays
from airseg.recording.stored.frame_table import POSE_COLUMNS
from airseg.recording.stored.storage import Recording
from airseg.simulators.client import SimulatorClient

HARBOR = {"world": "harbor_town", "seed": 5}


@pytest.fixture(scope="module")
def recorded(simulator, tmp_path_factory):
    """A flight of training, one of a test, and one that ended after a frame."""
    folder = tmp_path_factory.mktemp("recorded")
    with SimulatorClient("127.0.0.1", simulator.port) as client:
        for name, split, frames in (("north", "train", 2), ("south", "test", 2), ("zero", None, 1)):
            plan = small_plan(split=split)
            record(client, plan, folder / name, max_frames=frames, simulator=HARBOR)
    return folder


@pytest.fixture
def day(recorded, tmp_path):
    return Path(shutil.copytree(recorded, tmp_path / "day", ignore=lambda *_: ["zero"]))


def test_each_recording_of_a_folder_is_flown_in_its_world_and_split(day, tmp_path):
    """Whoever starts our simulator may choose another world than the plan's; poses are of it."""
    flights = replays(day, "dusk", small_plan(), tmp_path)
    assert [flight.name for flight in flights] == ["north-dusk", "south-dusk"]
    assert [flight.plan.split for flight in flights] == ["train", "test"]
    assert {(flight.plan.environment, flight.plan.seed) for flight in flights} == {
        ("harbor_town", 5)
    }


@pytest.mark.parametrize(
    ("asked", "told"), [({"world": "pine_estate"}, "world harbor_town"), ({"seed": 6}, "seed 5")]
)
def test_poses_are_not_flown_again_in_another_world(day, tmp_path, asked, told):
    with pytest.raises(RecordingError, match=f"north: was recorded in {told}"):
        replays(day, "dusk", small_plan(), tmp_path, **asked)
    assert len(replays(day, "dusk", small_plan(), tmp_path, **HARBOR)) == 2


def test_copies_of_a_recording_are_flown_under_the_names_of_their_folders(day, tmp_path):
    shutil.copytree(day / "north", day / "copy")
    names = [flight.name for flight in replays(day, None, None, tmp_path)]
    assert names == ["copy-replay", "north-replay", "south-replay"]


def test_a_plan_cannot_move_the_flights_of_a_test_into_training(day, tmp_path):
    with pytest.raises(RecordingError, match=r"south: is of split test, .* split: train"):
        replays(day, "dusk", small_plan(split="train"), tmp_path)


def test_a_folder_is_not_flown_again_into_itself(day, tmp_path, capsys):
    """Else the same command, run again to continue, would fly what it has flown."""
    path = tmp_path / "dusk.yaml"
    path.write_text(yaml.safe_dump(small_plan().model_dump(mode="json", exclude_defaults=True)))
    command = ("record", path, "--replay", day, "--embedded", "--out", day)
    code, _, err = run(capsys, *command)
    assert code == 2
    assert "flown again into itself" in said(err)
    assert {each.name for each in day.iterdir()} == {"north", "south"}


def test_no_flight_is_recorded_over_another_recording_of_the_folder(day, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "north-dusk").symlink_to(day / "south")
    with pytest.raises(RecordingError, match="north-dusk: would be replayed into itself"):
        replays(day, "dusk", small_plan(), tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "told"), [("x" * 195, "cannot name a recording"), ("North", "into one folder")]
)
def test_names_that_are_none_are_told_before_anything_is_flown(day, tmp_path, name, told):
    shutil.copytree(day / "north", day / name)
    with pytest.raises(RecordingError, match=told):
        replays(day, "dusk-again", small_plan(), tmp_path)


def test_one_that_cannot_be_flown_again_is_told_before_anything_is_flown(recorded, tmp_path):
    with pytest.raises(RecordingError, match="zero: is 1 frames long"):
        replays(recorded, "dusk", small_plan(), tmp_path)


def test_a_view_is_flown_again_from_where_its_own_camera_was(client, tmp_path):
    """Its poses are those of its camera, which sits elsewhere than the plan's first one."""
    mounted = {"width": 64, "height": 48, "pitch_deg": -40, "position_m": (0.4, 0, 0.2)}
    plan = small_plan(cameras={"1": mounted})
    record(client, plan, tmp_path / "day" / "walk", max_frames=3)
    low = Recording.open(tmp_path / "day" / "walk-1")
    alone = replay(low.path, None, None)
    assert (alone.plan.camera.pitch_deg, alone.plan.cameras) == (-40, {})
    first = Recording.open(tmp_path / "day" / "walk").frames
    assert np.allclose(alone.path.position[:, 0], first["pos_x"], atol=1e-4)
    options = RecordOptions(palette=DOCUMENTED)
    Recorder(client, options, lambda *told: None).fly(alone, tmp_path / "again")
    again = Recording.open(tmp_path / "again")
    poses = [recording.frames[list(POSE_COLUMNS)].to_numpy() for recording in (low, again)]
    assert np.allclose(*poses, atol=1e-4)
    assert (again.read_ids(2) != low.read_ids(2)).mean() < 0.01
    # Its flight records it again, too, where that is there.
    names = []
    for _ in range(2):
        flights = replays(tmp_path / "day", None, None, tmp_path)
        names.append([flight.name for flight in flights])
        shutil.rmtree(tmp_path / "day" / "walk", ignore_errors=True)
    assert names == [["walk-replay"], ["walk-1-replay"]]


def test_poses_that_follow_each_other_faster_than_they_were_flown_are_told(
    simulator, recorded, tmp_path
):
    """Slots that real time dropped are not there to be flown again."""

    class Slow(SimulatorClient):
        def simGetImages(self, *asked):
            time.sleep(0.1)  # two slots and a half
            return super().simGetImages(*asked)

    with Slow("127.0.0.1", simulator.port) as client:
        record(client, small_plan(), tmp_path / "walk", mode="realtime", max_frames=4)
    frames = Recording.open(tmp_path / "walk").frames
    dropped = int(frames["plan_time_ns"].iloc[-1] / 40_000_000) - 3
    told = replay(tmp_path / "walk", None, None).warning
    assert told.startswith(f"{dropped} time slots of walk were dropped, so that the camera jumps")
    assert replay(recorded / "north", None, None).warning == ""
