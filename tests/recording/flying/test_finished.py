"""A folder that holds a flight is known as such, and one that holds another is refused."""

import json

import pytest
import yaml
from command_line import run, said
from small_simulator import small_plan
from test_recorder import image_bytes, record

from airseg.errors import RecordingError
from airseg.recording.embedded_flights import embedded_options
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.finished import finished_recording
from airseg.recording.stored.storage import read_info

HERE = {"world": "neighborhood", "seed": 0}


def written(folder, plan, **fields):
    """Write a plan's file, with other values for some fields."""
    content = {**plan.model_dump(mode="json", exclude_defaults=True), **fields}
    path = folder / "walk.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def walk(client, tmp_path):
    plan = small_plan()
    record(client, plan, tmp_path / "walk", max_frames=3, simulator=HERE)
    return tmp_path / "walk"


@pytest.mark.parametrize(
    ("asked", "told"),
    [(("--seed", 7), "seed differs (0 there, 7 now)"), (("--world", "pine_estate"), "world diff")],
)
def test_a_finished_flight_of_another_embedded_world_is_refused(walk, capsys, asked, told):
    plan = written(walk.parent, small_plan())
    command = ("record", plan, "--out", walk.parent, "--embedded", "--frames", 3)
    code, _, err = run(capsys, *command)
    assert code == 0, err
    assert "already recorded, 3 frames" in err
    code, _, err = run(capsys, *command, *asked)
    assert code == 2
    assert told in said(err)


def test_options_say_which_world_a_plan_is_recorded_in():
    assert embedded_options(RecordOptions(), small_plan(seed=4)).simulator["seed"] == 4
    assert embedded_options(RecordOptions(), small_plan(seed=4), seed=5).simulator["seed"] == 5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weather": {"fog": 0.5}}, r"plan differs: weather.fog is 0.0 there and 0.5 now"),
        ({"camera": {"width": 64, "height": 48, "fov_deg": 60}}, "camera.fov_deg is 90.0 there"),
        ({"waypoints": [{"position": (5, 0, -3)}]}, "plan differs: waypoints is "),
        ({"depth": False}, "depth is true there and false now"),
        ({"time_of_day": "2024-06-21 20:30:00"}, "time_of_day is not set there and"),
        ({"pose_tolerance": {"position_mm": 1e-9}}, "pose_tolerance allows 1e-09 now"),
    ],
)
def test_what_differs_of_a_plan_is_named(walk, change, told):
    if "pose_tolerance" in change:
        changed = json.loads((walk / "recording.json").read_text())
        changed["notes"]["largest_pose_error_mm"] = 0.3
        changed["format"] = 1
        del changed["checksum"]
        (walk / "recording.json").write_text(json.dumps(changed))
    with pytest.raises(RecordingError, match=told):
        finished_recording(walk, small_plan(**change), RecordOptions(max_frames=3))


def test_a_finished_flight_takes_over_the_split_of_its_plan(walk, capsys):
    plan = written(walk.parent, small_plan(), split="test", description="another text")
    command = ("record", plan, "--out", walk.parent, "--frames", 3)
    code, _, err = run(capsys, *command)
    assert code == 0
    assert "its split is test now, none before" in err
    info = read_info(walk)
    assert info.split == "test"
    assert info.plan["description"] == "another text"
    code, _, err = run(capsys, *command)
    assert "split" not in err
    code, _, err = run(capsys, "verify", walk)
    assert code == 0, err


def test_more_frames_than_asked_for_are_told(walk, capsys):
    plan = written(walk.parent, small_plan())
    _, _, err = run(capsys, "record", plan, "--out", walk.parent, "--frames", 2)
    assert "already recorded, 3 frames" in err
    assert "more than the 2 asked for" in err


@pytest.mark.parametrize("kind", ["rgb", "seg", "depth"])
def test_a_lost_file_is_neither_finished_nor_passed_over(client, walk, kind):
    (walk / kind / "000001.png").unlink()
    with pytest.raises(RecordingError, match=rf"{kind}/000001\.png: is gone, as are 1 of 3"):
        finished_recording(walk, small_plan(), RecordOptions(max_frames=3))


def test_the_views_of_a_flight_are_finished_together(client, tmp_path):
    plan = small_plan(cameras={"1": {"width": 64, "height": 48}})
    alone = record(client, small_plan(), tmp_path / "walk", max_frames=2)
    told = json.loads((alone.folder / "recording.json").read_text())
    told |= {"format": 1, "plan_fingerprint": plan.fingerprint(), "plan": plan.model_dump()}
    del told["checksum"]
    (alone.folder / "recording.json").write_text(json.dumps(told))
    options = RecordOptions(max_frames=2)
    with pytest.raises(RecordingError, match=r"walk-1: is gone.*Put it back"):
        finished_recording(alone.folder, plan, options)
    with pytest.raises(RecordingError, match="walk-1: is gone"):
        record(client, plan, alone.folder, max_frames=2)


def test_two_plans_never_share_a_folder(tmp_path, capsys):
    plan = small_plan(cameras={"left": {}})
    for names in (("walk", "walk-left"), ("Roof", "roof"), ("caf\u00e9", "cafe\u0301")):
        files = []
        for number, name in enumerate(names):
            place = tmp_path / str(number)
            place.mkdir(exist_ok=True)
            files.append(written(place, plan).rename(place / f"{name}.yaml"))
        code, _, err = run(capsys, "record", *files, "--out", tmp_path / "o")
        assert code == 2
        assert "would be recorded into one folder" in said(err)


def test_cameras_and_companions_of_one_name_are_refused():
    with pytest.raises(ValueError, match="would be recorded into one folder"):
        small_plan(cameras={"Left": {}}, companions={"left": {}})


def test_a_recording_is_not_replayed_into_itself(walk, capsys):
    plan = written(walk.parent, small_plan())
    before = image_bytes(walk, 3)
    for more in ((), ("--overwrite",)):
        code, _, err = run(
            capsys, "record", plan, "--replay", walk, "--out", walk.parent, "--embedded", *more
        )
        assert code == 2
        assert "replayed into itself" in said(err)
    assert image_bytes(walk, 3) == before


def test_the_sun_of_another_flight_does_not_shine_on_the_next(client, tmp_path):
    """AirSim's reset leaves the time of day; the plan without one has that of settings.json."""
    day = record(client, small_plan(), tmp_path / "a" / "walk", max_frames=2)
    other = Unreset(client)
    after = record(other, small_plan(), tmp_path / "b" / "walk", max_frames=2)
    assert image_bytes(day.folder, 2) == image_bytes(after.folder, 2)
    settings = {"TimeOfDay": {"Enabled": True, "StartDateTime": "2024-06-21 21:30:00"}}
    other.settings = json.dumps({**json.loads(client.getSettingsString()), **settings})
    evening = record(other, small_plan(), tmp_path / "c" / "walk", max_frames=2)
    assert image_bytes(day.folder, 2) != image_bytes(evening.folder, 2)


class Unreset:
    """A client of a simulator whose reset leaves the sun where it is, as AirSim's does."""

    def __init__(self, client):
        self._client, self.settings = client, client.getSettingsString()

    def getSettingsString(self):
        return self.settings

    def reset(self):
        self._client.reset()
        self._client.simSetTimeOfDay(True, "2024-06-21 21:30:00")

    def __getattr__(self, name):
        return getattr(self._client, name)


def test_overwrite_takes_nothing_that_no_recorder_wrote(client, walk):
    others = [walk / "notes.txt", walk / "films" / "a.mp4"]
    others[1].parent.mkdir()
    for path in others:
        path.write_text("mine")
    record(client, small_plan(), walk, max_frames=2, overwrite=True)
    assert len(list((walk / "rgb").iterdir())) == 2
    assert all(path.read_text() == "mine" for path in others)
    (walk / "rgb" / "best.png").write_text("mine")
    with pytest.raises(RecordingError, match=r"best\.png: was put there by no recorder"):
        record(client, small_plan(), walk, max_frames=2, overwrite=True)
    assert len(list((walk / "rgb").iterdir())) == 3


@pytest.mark.parametrize("lines", [0, 1, 3])
def test_a_flight_whose_table_was_cut_off_is_not_finished(client, tmp_path, lines):
    plan = small_plan(waypoints=[{"position": (0.2, 0, -3)}])
    done = record(client, plan, tmp_path / "walk")
    before = image_bytes(done.folder, done.frames)
    table = done.folder / "frames.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:lines]))
    assert finished_recording(done.folder, plan, RecordOptions()) is None
    assert record(client, plan, done.folder).frames == done.frames
    assert image_bytes(done.folder, done.frames) == before


def test_nothing_is_written_or_removed_behind_a_link(client, walk, tmp_path, capsys):
    elsewhere = tmp_path / "pictures"
    (walk / "rgb").rename(elsewhere)
    for n in (5, 6):
        (elsewhere / f"{n:06d}.png").write_bytes(b"mine")
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    (walk / "rgb").symlink_to(elsewhere)
    for options in ({"max_frames": 4}, {"max_frames": 4, "overwrite": True}):
        with pytest.raises(RecordingError, match="rgb: is a link"):
            record(client, small_plan(), walk, **options)
    (walk / "seg" / "000001.png").write_bytes(b"")
    code, _, err = run(capsys, "verify", walk, "--repair")
    assert code == 2
    assert "rgb: is a link" in said(err)
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before


def test_a_half_written_file_that_is_a_link_is_not_followed(client, walk, tmp_path):
    target = tmp_path / "mine.txt"
    target.write_text("mine")
    (walk / "recording.json.part").symlink_to(target)
    (walk / "rgb" / "000003.png.part").symlink_to(target)
    record(client, small_plan(), walk, max_frames=4, simulator=HERE)
    assert target.read_text() == "mine"
