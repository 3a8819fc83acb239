"""The sequence folder: what is complete stays, what is torn goes, two writers never meet."""

import errno
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from small_simulator import small_plan

from airseg.errors import RecordingError
from airseg.recording.stored import frame_writer as writer_module
from airseg.recording.stored.frame_writer import Frame, RecordingWriter
from airseg.recording.stored.storage import ObjectGroup, Recording, RecordingInfo, frame_file


def info():
    plan = small_plan()
    return RecordingInfo(
        sequence="walk",
        plan=plan.model_dump(mode="json"),
        plan_fingerprint=plan.fingerprint(),
        mode="pose",
        rate_hz=25.0,
        camera={"width": 8, "height": 6, "fov_deg": 90.0},
        simulator={},
        environment="neighborhood",
        split="train",
        object_table=(ObjectGroup(1, "Road", ("Road_1",), (1, 2, 3)),),
        status="recording",
        reason="",
        frames_planned=10,
        airseg_version="0",
    )


def frame(number):
    random = np.random.default_rng(number)
    return Frame(
        timestamp_ns=10**18 + number * 40_000_000,
        plan_time_ns=number * 40_000_000,
        pose=np.arange(7.0),
        velocity=np.zeros(3),
        rgb=random.integers(0, 256, (6, 8, 3), dtype=np.uint8),
        ids=random.integers(0, 2, (6, 8), dtype=np.uint8),
        depth=random.random((6, 8)).astype(np.float16),
    )


def write(folder, numbers):
    with RecordingWriter(folder, info()) as writer:
        writer.describe("recording")
        for number in numbers:
            writer.add(frame(number))
        writer.finish("complete")
        return writer.count


def test_frames_come_back_as_they_were_written(tmp_path):
    write(tmp_path / "walk", range(5))
    recording = Recording.open(tmp_path / "walk")
    assert len(recording) == 5
    for i in range(5):
        assert np.array_equal(recording.read_rgb(i), frame(i).rgb)
        assert np.array_equal(recording.read_ids(i), frame(i).ids)
        assert np.array_equal(recording.read_depth(i), frame(i).depth)
    assert recording.object_table == info().object_table


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_encoders_let_the_simulator_go_first(tmp_path, monkeypatch):
    nice = {}
    encode = RecordingWriter._encode

    def encode_and_look(self, index, frame):
        # proc(5): of /proc/PID/task/TID/stat, field 19 is the nice value.
        stat = Path(f"/proc/self/task/{threading.get_native_id()}/stat").read_text()
        nice["encoder"] = int(stat.rpartition(")")[2].split()[16])
        return encode(self, index, frame)

    monkeypatch.setattr(RecordingWriter, "_encode", encode_and_look)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    write(tmp_path / "walk", range(2))
    assert nice["encoder"] > before
    assert os.getpriority(os.PRIO_PROCESS, 0) == before, "the recorder itself keeps its priority"


def test_a_torn_line_and_files_without_a_line_are_cut_off(tmp_path):
    folder = tmp_path / "walk"
    write(folder, range(5))
    with (folder / "frames.csv").open("a") as file:
        file.write("5,1000,2")
    frame_file(folder, "rgb", 5).write_bytes(b"half a file")
    (folder / "rgb" / "000006.png.part").write_bytes(b"")
    assert len(Recording.open(folder)) == 5
    assert write(folder, range(5, 8)) == 8
    recording = Recording.open(folder)
    assert np.array_equal(recording.read_rgb(5), frame(5).rgb)
    assert not list((folder / "rgb").glob("*.part"))


def test_a_frame_whose_file_is_damaged_at_the_end_is_recorded_again(tmp_path):
    folder = tmp_path / "walk"
    write(folder, range(5))
    path = frame_file(folder, "seg", 3)
    path.write_bytes(path.read_bytes()[:-4])
    with RecordingWriter(folder, info()) as writer:
        assert writer.count == 3


def test_a_damaged_file_is_told_with_its_frame(tmp_path):
    folder = tmp_path / "walk"
    write(folder, range(3))
    path = frame_file(folder, "rgb", 1)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=r"000001\.png: frame 1 is damaged"):
        Recording.open(folder).read_rgb(1)
    path.unlink()
    with pytest.raises(RecordingError, match="Frame 1 cannot be read"):
        Recording.open(folder).read_rgb(1)


def test_two_recorders_never_write_one_folder(tmp_path):
    folder = tmp_path / "walk"
    with (
        RecordingWriter(folder, info()),
        pytest.raises(RecordingError, match="another recorder is writing here"),
    ):
        RecordingWriter(folder, info())


def test_a_full_disk_keeps_every_complete_frame(tmp_path, monkeypatch):
    folder = tmp_path / "walk"
    real = writer_module.write_file

    def full_after_six(path: Path, content: bytes, *, sync: bool = True) -> None:
        if path.suffix == ".png" and int(path.stem) >= 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, content, sync=sync)

    monkeypatch.setattr(writer_module, "write_file", full_after_six)
    with pytest.raises(RecordingError, match=r"No space left on device.*run the same command"):
        write(folder, range(40))
    monkeypatch.undo()
    assert len(Recording.open(folder)) == 6
    assert write(folder, range(6, 10)) == 10


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("recording.json", "{", "not a recording's description"),
        ("recording.json", "[]", "not a recording's description"),
        ("recording.json", '{"format": 99}', "written in format 99"),
        ("frames.csv", "a,b\n", "columns are not those"),
        ("frames.csv", None, "damaged line"),
    ],
)
def test_damaged_descriptions_are_told_on_one_line(tmp_path, name, text, said):
    folder = tmp_path / "walk"
    write(folder, range(3))
    path = folder / name
    if text is None:
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([*lines[:2], "x,y\n", *lines[2:]]))
    else:
        path.write_text(text)
    with pytest.raises(RecordingError, match=said) as caught:
        Recording.open(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_recording_is_told(tmp_path):
    with pytest.raises(RecordingError, match="not a recording"):
        Recording.open(tmp_path)
