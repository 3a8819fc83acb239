"""A `recording.json` that somebody has edited is refused at the field, and never read in part."""

import json
import zlib

import pytest
from command_line import run, said
from recording_folders import write_recording

from airseg.errors import OtherFormatError, RecordingError
from airseg.recording.stored.storage import Recording, read_info

NO_NUMBERS = ("x", [], {}, True, float("nan"), float("inf"), -1)


def edited(folder, change):
    """Change a description of format 1, which has no checksum of itself."""
    path = folder / "recording.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.fixture
def walk(tmp_path):
    return write_recording(tmp_path, "walk", 3)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("rate_hz", (None, 0, *NO_NUMBERS)),
        ("frames_planned", (1.5, 10**30, *NO_NUMBERS)),
        ("frames", (None, 1.5, *NO_NUMBERS)),
        ("status", (None, 3, "done", ["complete"])),
        ("split", ("training", 3, ["train"])),
        ("environment", (None, 3, "two\nlines", {})),
        ("mode", (None, "fly")),
        ("notes", (None, "x", [], 3)),
        ("object_table", (None, {}, [3], [{}])),
        ("segments", (None, [3], [{"first": -1}], [{"first": "x"}])),
        ("simulator", (None, [], {"places": {"Road_1": ["x"]}}, {"seed": "x"})),
        ("plan", (None, [], 3)),
        ("more", (3,)),
    ],
)
def test_a_field_of_another_kind_is_named(walk, field, values):
    for value in values:
        edited(walk, lambda data, v=value: data.update({field: v}))
        with pytest.raises(RecordingError, match=rf"recording\.json: .*{field}") as told:
            read_info(walk)
        assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("note", "value"),
    [
        ("suspect_frames", [1]),
        ("suspect_frames", "0 to 3"),
        ("suspect_frames", [-5, 1, "their colours changed."]),
        ("frames_asked", "all"),
        ("largest_step_error_ns", float("inf")),
        ("instances", 3),
    ],
)
def test_a_note_that_is_acted_upon_is_checked(walk, note, value):
    edited(walk, lambda data: data["notes"].update({note: value}))
    with pytest.raises(RecordingError, match=note):
        read_info(walk)


@pytest.mark.parametrize(
    ("key", "value"),
    [("id", 300), ("id", 0), ("id", 1.5), ("meshes", ["Road_1", 3]), ("color", [0, 0, 256])],
)
def test_an_object_table_that_does_not_fit_bytes_is_refused(walk, key, value):
    edited(walk, lambda data: data["object_table"][0].update({key: value}))
    with pytest.raises(RecordingError, match=rf"object_table\.0\.{key}"):
        read_info(walk)


def test_text_that_is_no_text_and_nesting_without_end_are_told(walk, capsys):
    edited(walk, lambda data: data.update(reason="\ud800"))
    with pytest.raises(RecordingError, match="hex escape"):
        read_info(walk)
    (walk / "recording.json").write_text("[" * 100_000)
    for command in ("info", "verify"):
        code, out, err = run(capsys, command, walk)
        assert code == 2
        assert "not a recording's description" in out + said(err)


def test_what_later_versions_note_is_passed_by(walk):
    def change(data):
        data["notes"]["shadows"] = "soft"
        data["camera"]["shutter_s"] = 0.01

    edited(walk, change)
    assert read_info(walk).notes["shadows"] == "soft"


def test_numbers_of_objects_without_their_table_are_told(walk):
    edited(walk, lambda data: data["notes"].update(instances="told by the simulator"))
    with pytest.raises(RecordingError, match=r"instance\.csv"):
        Recording.open(walk)


def test_a_number_that_fits_no_column_is_a_damaged_line(walk):
    table = walk / "frames.csv"
    lines = table.read_text().splitlines()
    values = lines[2].split(",")
    values[1] = str(10**30)
    lines[2] = ",".join(values)
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(RecordingError, match=r"frames\.csv:3: damaged line \(a number is too lar"):
        Recording.open(walk)


@pytest.mark.parametrize("more", [(), ("--repair",)])
def test_a_recording_of_a_newer_airseg_is_not_called_damaged(walk, capsys, more):
    def change(data):
        data.update(format=3, airseg_version="9.0", streams={"events": "zstd"})

    edited(walk, change)
    before = {path: zlib.crc32(path.read_bytes()) for path in walk.rglob("*") if path.is_file()}
    code, out, err = run(capsys, "verify", walk, *more)
    assert code == 2
    assert "written in format 3 by airseg '9.0'" in said(err)
    assert "newer airseg" in said(err)
    assert "damaged" not in out + err
    after = {path: zlib.crc32(path.read_bytes()) for path in walk.rglob("*") if path.is_file()}
    assert before == after
    with pytest.raises(OtherFormatError):
        Recording.open(walk)


def test_what_is_damaged_as_a_whole_is_not_offered_a_repair(walk, capsys):
    edited(walk, lambda data: data.update(rate_hz=0))
    code, _, err = run(capsys, "verify", walk)
    assert code == 2
    assert "No frames can be cut to mend walk" in said(err)
    assert "--repair" not in said(err)
