"""A dataset is whole or not there: killed, interrupted, out of space, written by two at once."""

import fcntl
import signal
import subprocess
import sys
import textwrap

import h5py
import pytest
from packing import NEIGHBORHOOD, pack_all
from recording_folders import write_recording

from airseg.dataset.format.schema import SEQUENCES_GROUP
from airseg.dataset.packing import writer
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import pack
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError, RecordingError
from airseg.labels.label_map import load_label_map


def test_existing_file_is_replaced_only_when_asked(recordings, tmp_path):
    out = tmp_path / "d.h5"
    out.write_bytes(b"precious")
    with pytest.raises(DatasetError, match="--overwrite"):
        pack_all([recordings], out)
    assert out.read_bytes() == b"precious"
    pack_all([recordings], out, overwrite=True)
    assert len(Dataset(out)) == 15


def test_dataset_can_be_relabelled_into_its_own_name(recordings, tmp_path):
    out = tmp_path / "d.h5"
    before = pack_all([recordings], out)
    assert pack_all([out], out, overwrite=True).content_hash == before.content_hash


def test_error_in_the_middle_leaves_the_old_file_and_nothing_else(recordings, tmp_path):
    out = tmp_path / "d.h5"
    out.write_bytes(b"precious")
    frame = recordings / "b" / "rgb" / "000002.png"
    frame.write_bytes(frame.read_bytes()[:-20])
    with pytest.raises(RecordingError, match=r"000002\.png"):
        pack_all([recordings], out, overwrite=True)
    assert out.read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.h5", "recordings"]


def test_file_that_reads_back_differently_is_not_published(recordings, tmp_path, monkeypatch):
    original = writer._check_file

    def damage_then_check(path, *rest):
        with h5py.File(path, "r+", locking=False) as file:
            frame = file[f"{SEQUENCES_GROUP}/b/label"][1]
            frame[0, 0] ^= 1
            file[f"{SEQUENCES_GROUP}/b/label"][1] = frame
        return original(path, *rest)

    monkeypatch.setattr(writer, "_check_file", damage_then_check)
    with pytest.raises(DatasetError, match="b/label reads back differently"):
        pack_all([recordings], tmp_path / "d.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["recordings"]


def test_too_little_space_is_told_before_writing(recordings, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(DatasetError, match="GB are needed"):
        pack_all([recordings], tmp_path / "d.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["recordings"]


def test_leftover_of_a_killed_run_is_overwritten(recordings, tmp_path):
    (tmp_path / "d.h5.partial").write_bytes(b"half a file" * 1000)
    pack_all([recordings], tmp_path / "d.h5")
    assert len(Dataset(tmp_path / "d.h5")) == 15
    assert not (tmp_path / "d.h5.partial").exists()


def test_two_runs_do_not_write_one_file(recordings, tmp_path):
    with (tmp_path / "d.h5.partial").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DatasetError, match="another run is writing"):
            pack_all([recordings], tmp_path / "d.h5")
        assert (tmp_path / "d.h5.partial").exists()


PACK_SCRIPT = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from airseg.dataset.packing.preparation import prepare
    from airseg.dataset.packing.writer import PackOptions, pack
    from airseg.labels.label_map import load_label_map

    folder = Path(sys.argv[1])
    label_map = load_label_map("neighborhood")
    items = prepare([folder / "recordings"], label_map).items

    def progress(stage, done, total):
        print(stage, done, flush=True)
        time.sleep(0.02)

    pack(folder / "d.h5", items, label_map, PackOptions(overwrite=True), progress)
""")


@pytest.mark.parametrize("stage", ["packing 4", "checking 7"])
def test_killed_packing_leaves_the_old_file_whole(recordings, tmp_path, stage):
    (tmp_path / "d.h5").write_bytes(b"precious")
    command = [sys.executable, "-c", PACK_SCRIPT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.strip() == stage:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "d.h5").read_bytes() == b"precious"
    pack_all([recordings], tmp_path / "d.h5", overwrite=True)
    assert len(Dataset(tmp_path / "d.h5")) == 15


def pack_in_another_process(folder, stage, number):
    """Pack `recordings` into d.h5, and send SIGKILL when so many frames of a stage are told."""
    command = [sys.executable, "-c", PACK_SCRIPT, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.strip() == f"{stage} {number}":
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL


@pytest.fixture
def long_recordings(tmp_path):
    write_recording(tmp_path / "recordings", "a", 40, seed=1, split="train")
    write_recording(tmp_path / "recordings", "b", 5, seed=2, split="test")
    return tmp_path / "recordings"


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "kept"), [("packing 38", 32), ("checking 9", 45)])
def test_killed_packing_goes_on_where_it_stopped(long_recordings, tmp_path, stage, kept):
    pack_in_another_process(tmp_path, *stage.split())
    assert not (tmp_path / "d.h5").exists()
    packed = pack_all([long_recordings], tmp_path / "d.h5")
    assert packed.kept_frames == kept
    assert packed.content_hash == pack_all([long_recordings], tmp_path / "e.h5").content_hash
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.h5", "e.h5", "recordings"]


@pytest.mark.slow
@pytest.mark.parametrize("change", ["codec", "map", "frame"])
def test_parts_of_another_job_are_not_used(long_recordings, tmp_path, change):
    pack_in_another_process(tmp_path, "packing", 45)
    label_map, options = NEIGHBORHOOD, {}
    if change == "codec":
        options = {"codec": "gzip"}
    elif change == "map":
        text = "format: 1\nname: x\nextends: neighborhood\nrules: [{class: fence, names: car}]\n"
        (tmp_path / "x.yaml").write_text(text)
        label_map = load_label_map(tmp_path / "x.yaml")
    else:
        write_recording(long_recordings, "a", 40, seed=9, split="train")
    packed = pack_all([long_recordings], tmp_path / "d.h5", label_map, **options)
    assert packed.kept_frames == 0
    expected = pack_all([long_recordings], tmp_path / "e.h5", label_map)
    assert packed.content_hash == expected.content_hash


def test_interrupted_packing_keeps_its_parts_and_damaged_ones_are_made_again(
    long_recordings, tmp_path
):
    def interrupt(stage, done, total):
        if (stage, done) == ("packing", 44):
            raise KeyboardInterrupt

    items = prepare([long_recordings], NEIGHBORHOOD).items
    with pytest.raises(KeyboardInterrupt):
        pack(tmp_path / "d.h5", items, NEIGHBORHOOD, progress=interrupt)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.h5.parts", "recordings"]
    first = tmp_path / "d.h5.parts" / "00000-0000000.h5"
    first.write_bytes(first.read_bytes()[:-500])
    packed = pack(tmp_path / "d.h5", items, NEIGHBORHOOD)
    assert packed.kept_frames == 8
    assert packed.content_hash == pack_all([long_recordings], tmp_path / "e.h5").content_hash


def test_sources_that_cannot_tell_their_pixels_are_packed_anew(long_recordings, tmp_path):
    items = prepare([long_recordings], NEIGHBORHOOD).items
    for item in items:
        del item.source.fingerprint

    def interrupt(stage, done, total):
        if stage == "checking":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(tmp_path / "d.h5", items, NEIGHBORHOOD, progress=interrupt)
    assert pack(tmp_path / "d.h5", items, NEIGHBORHOOD).kept_frames == 0


def test_disk_that_fills_up_is_one_error_and_leaves_the_old_file(recordings, tmp_path, monkeypatch):
    out = tmp_path / "d.h5"
    out.write_bytes(b"precious")
    free = iter([10**12] * 8 + [10**6] * 9)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": next(free)}))
    with pytest.raises(DatasetError, match=r"d\.h5: the disk is full: 1 MB are left"):
        pack_all([recordings], out, overwrite=True)
    assert out.read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.h5", "recordings"]


def test_failing_writes_are_one_error(recordings, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError("[Errno 5] Input/output error")

    monkeypatch.setattr(writer, "_write_rows", fail)
    with pytest.raises(DatasetError, match=r"d\.h5: cannot be written \(.*Input/output error"):
        pack_all([recordings], tmp_path / "d.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["recordings"]
