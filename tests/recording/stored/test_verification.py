"""`airseg verify` finds every kind of damage, and cuts to the last good frame."""

import json
import zlib

import cv2
import numpy as np
import pytest
from command_line import run, said
from recording_folders import write_recording

from airseg.recording.stored.recording_verification import repair_recording, verify_recording
from airseg.recording.stored.storage import Recording, find_recordings, frame_file


def edit_line(folder, number, column, value):
    path = folder / "frames.csv"
    lines = path.read_text().split("\n")
    values = lines[number + 1].split(",")
    values[column] = str(value)
    lines[number + 1] = ",".join(values)
    path.write_text("\n".join(lines))


def edit_info(folder, **fields):
    path = folder / "recording.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_an_undamaged_recording_is_sound(tmp_path):
    found = verify_recording(write_recording(tmp_path, frames=6))
    assert found.is_sound
    assert (found.frames, found.good_frames, found.leftovers) == (6, 6, 0)


def test_a_camera_that_passes_through_something_is_noted(tmp_path, capsys):
    folder = write_recording(tmp_path, frames=6)
    shape = Recording.open(folder).read_depth(0).shape
    for index, metres in enumerate([5, 0.5, 0.1, 0.25, 5, 5]):
        replace_depth(folder, index, np.full(shape, metres, np.float16))
    found = verify_recording(folder)
    assert found.is_sound
    assert found.notes == (
        "frames 2 to 3: something is 0.10 m before the camera; does the flight pass through it?",
    )
    code, out, _ = run(capsys, "verify", folder)
    assert code == 0
    assert "does the flight pass through it?" in out


def replace_depth(folder, index, depth):
    data = cv2.imencode(".png", depth.view(np.uint16))[1].tobytes()
    frame_file(folder, "depth", index).write_bytes(data)
    columns = (folder / "frames.csv").read_text().split("\n")[0].split(",")
    edit_line(folder, index, columns.index("depth_crc32"), zlib.crc32(data))


def flip_a_byte(folder):
    path = frame_file(folder, "seg", 3)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(bytes(data))


def lose_a_file(folder):
    frame_file(folder, "depth", 3).unlink()


def spoil_a_line(folder):
    edit_line(folder, 3, 4, "nonsense")


def run_backwards(folder):
    edit_line(folder, 3, 1, 10**18)


def skip_plan_time(folder):
    edit_line(folder, 3, 2, 40_000_000 * 4)


def bend_a_pose(folder):
    edit_line(folder, 3, 6, 0.5)


def strange_ids(folder):
    path = frame_file(folder, "seg", 3)
    ids = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    ids[0, 0] = 200
    data = cv2.imencode(".png", ids)[1].tobytes()
    path.write_bytes(data)

    edit_line(folder, 3, -2, zlib.crc32(data))


def hide_a_step(folder):
    edit_info(folder, notes={"largest_step_error_ns": 0})
    edit_line(folder, 3, 1, 10**18 + 3 * 40_000_000 + 5)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (flip_a_byte, "checksum differs"),
        (lose_a_file, "cannot be read"),
        (spoil_a_line, "damaged line"),
        (run_backwards, "runs backwards"),
        (skip_plan_time, "plan time 160000000 ns, expected 120000000"),
        (bend_a_pose, "not a position and a unit quaternion"),
        (strange_ids, r"ids [200] are not in the object table"),
        (hide_a_step, "5 ns off; the recording admits 0 ns"),
    ],
)
def test_each_damage_names_its_frame_and_is_cut_off(tmp_path, damage, told):
    folder = write_recording(tmp_path, frames=6)
    damage(folder)
    found = verify_recording(folder)
    assert found.good_frames == 3
    assert told in found.findings[0].message
    assert repair_recording(found) == 3
    again = verify_recording(folder)
    assert (again.frames, again.leftovers) == (3, 0)
    assert again.is_sound
    assert again.status == "interrupted"
    assert "cut at frame 3" in again.reason


def test_a_recording_that_calls_itself_complete_must_be(tmp_path):
    folder = write_recording(tmp_path, frames=6)
    edit_info(folder, frames_planned=9)
    assert "9 frames; 6 are there" in verify_recording(folder).findings[0].message
    edit_info(folder, notes={"frames_asked": 6})
    assert verify_recording(folder).is_sound


def test_files_of_unfinished_frames_do_no_harm_and_are_cleared(tmp_path, capsys):
    folder = write_recording(tmp_path, frames=4)
    (folder / "rgb" / "000004.png").write_bytes(b"half")
    (folder / "seg" / "000004.png.part").write_bytes(b"half")
    found = verify_recording(folder)
    assert found.is_sound
    assert found.leftovers == 2
    code, out, _ = run(capsys, "verify", folder, "--repair")
    assert code == 0
    assert "4 frames, all sound" in out
    assert verify_recording(folder).leftovers == 0


def test_repair_leaves_what_no_recorder_wrote(tmp_path, capsys):
    folder = write_recording(tmp_path, "walk", 4)
    for name in ("best.png", "notes.txt", "\u00b2.png"):
        (folder / "rgb" / name).write_text("mine")
    (folder / "seg" / "000002.png").write_bytes(b"")
    (folder / "depth" / "000004.png.part").touch()
    code, out, err = run(capsys, "verify", folder, "--repair")
    assert code == 0, err
    assert "cut to 2 sound frames" in out
    assert {p.name for p in (folder / "rgb").iterdir()} == {
        *("best.png", "notes.txt", "\u00b2.png"),
        *("000000.png", "000001.png"),
    }
    assert len(list((folder / "depth").iterdir())) == 2


def test_verify_tells_which_recordings_are_damaged_and_fails(tmp_path, capsys):
    write_recording(tmp_path, "a")
    flip_a_byte(write_recording(tmp_path, "b"))
    code, out, err = run(capsys, "verify", tmp_path)
    assert code == 2
    assert "1 of 2 recordings are damaged: b" in said(err)
    assert "a: 6 frames, all sound" in out
    assert "b: 3 of 6 frames are sound" in out
    code, out, _ = run(capsys, "verify", tmp_path, "--json", "--repair")
    assert code == 0
    assert [r["is_sound"] for r in json.loads(out)] == [True, False]
    assert len(Recording.open(tmp_path / "b")) == 3


def test_recordings_are_found_in_a_folder_and_what_is_none_is_told(tmp_path, capsys):
    write_recording(tmp_path, "b")
    write_recording(tmp_path, "a")
    assert [p.name for p in find_recordings([tmp_path])] == ["a", "b"]
    code, _, err = run(capsys, "verify", tmp_path / "nowhere")
    assert code == 2
    assert "there is no such folder" in said(err)
    (tmp_path / "notes.txt").touch()
    code, _, err = run(capsys, "verify", tmp_path / "notes.txt")
    assert code == 2
    assert "notes.txt: is a file, no recording" in said(err)


@pytest.mark.parametrize("command", [("verify",), ("info", "--map", "neighborhood")])
def test_recordings_that_lie_deeper_are_not_passed_by_in_silence(tmp_path, capsys, command):
    write_recording(tmp_path, "a")
    flip_a_byte(write_recording(tmp_path / "monday", "b"))
    code, _, err = run(capsys, *command, tmp_path)
    assert code == 2
    assert "monday/b: is a recording, and too deep in" in said(err)


def test_recordings_that_lie_deeper_may_be_named_themselves(tmp_path, capsys):
    write_recording(tmp_path, "a")
    write_recording(tmp_path / "monday", "b")
    for named in (tmp_path / "monday", tmp_path / "monday" / "b"):
        code, out, err = run(capsys, "verify", tmp_path, named)
        assert code == 0, err
        assert "a: 6 frames, all sound" in out
        assert "b: 6 frames, all sound" in out


def test_checks_of_ids_know_all_of_the_table(tmp_path):
    folder = write_recording(tmp_path, frames=2)
    seen = np.unique(Recording.open(folder).read_ids(0))
    assert len(seen) > 2
    assert verify_recording(folder).is_sound
