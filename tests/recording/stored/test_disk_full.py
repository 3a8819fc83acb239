"""A full disk, for real: a small file system in memory. It needs the right to mount one."""

import subprocess

import pytest
from test_writer import frame, info

from airseg.errors import RecordingError
from airseg.recording.stored.frame_writer import RecordingWriter
from airseg.recording.stored.storage import KINDS, Recording, frame_file

_SIZE = "2000k"


@pytest.fixture
def small_disk(tmp_path):
    """Yields a folder on a small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def write(folder, numbers):
    with RecordingWriter(folder, info()) as writer:
        writer.describe("recording")
        first = writer.count
        try:
            for number in numbers[first:]:
                writer.add(frame(number))
            writer.finish("complete")
        except RecordingError as cause:
            writer.fail(str(cause))
            raise


def contents(folder, count):
    return [frame_file(folder, k, i).read_bytes() for i in range(count) for k in KINDS]


def test_on_a_full_disk_every_complete_frame_is_kept_with_the_reason(small_disk, tmp_path):
    numbers = list(range(200))
    with pytest.raises(RecordingError, match="No space left on device"):
        write(small_disk / "walk", numbers)
    recording = Recording.open(small_disk / "walk")
    assert 10 < len(recording) < 200
    assert recording.info.status == "failed"
    assert "No space left" in recording.info.reason
    for index in range(len(recording)):
        recording.read_rgb(index)
        recording.read_ids(index)
        recording.read_depth(index)
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    write(small_disk / "walk", numbers)
    write(tmp_path / "whole", numbers)
    assert contents(small_disk / "walk", 200) == contents(tmp_path / "whole", 200)


@pytest.mark.parametrize("kilobytes", [64, 268])
def test_a_disk_that_is_full_from_the_start_is_told_and_left_clean(small_disk, kilobytes):
    options = f"remount,size={kilobytes}k"
    subprocess.run(["mount", "-o", options, str(small_disk)], check=True)
    with pytest.raises(RecordingError, match=r"walk: cannot write \(No space left on device"):
        write(small_disk / "walk", list(range(9)))
    assert not list(small_disk.rglob("*.part"))
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    write(small_disk / "walk", list(range(9)))
    assert len(Recording.open(small_disk / "walk")) == 9


@pytest.mark.parametrize("name", ["rgb", ".reserve"])
def test_what_is_in_the_way_is_told_with_its_name(tmp_path, name):
    folder = tmp_path / "walk"
    folder.mkdir()
    if name == "rgb":
        (folder / name).write_text("mine")
    else:
        (folder / name).mkdir()
    with pytest.raises(RecordingError, match=rf"walk: cannot write \(.*{name}"):
        RecordingWriter(folder, info())
