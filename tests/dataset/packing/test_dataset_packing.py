"""Packing: exact, checked, whole or not there."""

import fcntl
import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from recording_folders import GROUPS, HEIGHT, WIDTH, synthetic_frame, write_recording

from airseg.classes import CLASS_INDEX, IGNORE_INDEX
from airseg.dataset.format.schema import CODECS, SEQUENCES_GROUP, STREAMS
from airseg.dataset.packing import parts, writer
from airseg.dataset.packing.preparation import check_labels, prepare
from airseg.dataset.packing.source import RawFrame
from airseg.dataset.packing.writer import PackedDataset, PackOptions, pack
from airseg.dataset.reading.reader import Dataset
from airseg.errors import AirsegError, DatasetError, LabelMapError, RecordingError
from airseg.labels.label_map import load_label_map

NEIGHBORHOOD = load_label_map("neighborhood")
EXPECTED = {0: "sky", 1: "road", 2: "vehicle", 3: "tree", 4: "house", 5: "roof"}


def pack_all(inputs: list[Path], out: Path, label_map=NEIGHBORHOOD, **options) -> PackedDataset:
    preparation = prepare(inputs, label_map)
    return pack(out, preparation.items, label_map, PackOptions(**options))


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    write_recording(folder, "a", 6, seed=1, split="train")
    write_recording(folder, "b", 4, seed=2, split="val")
    write_recording(folder, "c", 5, seed=3, split="test")
    return folder


def test_every_frame_is_what_was_recorded_and_what_the_map_says(recordings, tmp_path):
    pack_all([recordings], tmp_path / "d.h5")
    lookup = np.full(256, IGNORE_INDEX, np.uint8)
    for raw_id, name in EXPECTED.items():
        lookup[raw_id] = CLASS_INDEX[name]
    with Dataset(tmp_path / "d.h5") as dataset:
        for name, seed, frames in (("a", 1, 6), ("b", 2, 4), ("c", 3, 5)):
            view = dataset.sequence(name)
            assert len(view) == frames
            for index in range(frames):
                rgb, ids, depth = synthetic_frame(seed, index, len(GROUPS))
                assert np.array_equal(view.rgb(index, index + 1)[0], rgb)
                assert np.array_equal(view.raw_label(index, index + 1)[0], ids)
                assert np.array_equal(view.label(index, index + 1)[0], lookup[ids])
                assert np.array_equal(view.depth(index, index + 1)[0], depth.view(np.float16))
            assert view.poses.tolist()[1] == [0.5, 1.0, -2.0, 1.0, 0.0, 0.0, 0.0]
            assert view.timestamps_ns[1] - view.timestamps_ns[0] == 40_000_000


def test_relabelled_dataset_equals_relabelled_recordings_bit_for_bit(recordings, tmp_path):
    other_file = tmp_path / "other.yaml"
    other_file.write_text(
        "format: 1\nname: other\nextends: neighborhood\nrules:\n  - {class: fence, names: car}\n"
    )
    other = load_label_map(other_file)
    pack_all([recordings], tmp_path / "first.h5", codec="gzip")
    from_dataset = pack_all([tmp_path / "first.h5"], tmp_path / "again.h5", other)
    from_recordings = pack_all([recordings], tmp_path / "direct.h5", other)
    assert from_dataset.content_hash == from_recordings.content_hash
    with Dataset(tmp_path / "again.h5") as again, Dataset(tmp_path / "direct.h5") as direct:
        for name in direct.sequences:
            one, two = again.sequence(name), direct.sequence(name)
            assert one.split == two.split
            assert one.details == two.details
            assert one.object_table == two.object_table
            for stream in ("rgb", "label", "raw_label", "depth"):
                first, second = (getattr(v, stream)(0, len(v)) for v in (one, two))
                assert first.tobytes() == second.tobytes()
        assert CLASS_INDEX["fence"] in direct.sequence("a").label(0, 6)
        assert again.label_map_text == other.text


@pytest.mark.parametrize("codec", CODECS)
def test_codec_changes_no_content(recordings, tmp_path, codec):
    plain = pack_all([recordings], tmp_path / "plain.h5", codec="none")
    packed = pack_all([recordings], tmp_path / "packed.h5", codec=codec)
    assert packed.content_hash == plain.content_hash
    with h5py.File(packed.path) as file:
        assert file[f"{SEQUENCES_GROUP}/a/rgb"].chunks == (1, HEIGHT, WIDTH, 3)
        for array in file[f"{SEQUENCES_GROUP}/a"].values():
            assert array.fletcher32


def test_labels_and_poses_need_no_plugin(recordings, tmp_path):
    pack_all([recordings], tmp_path / "d.h5")
    with h5py.File(tmp_path / "d.h5") as file:
        arrays = file[f"{SEQUENCES_GROUP}/a"]
        for stream in ("label", "raw_label", "depth"):
            assert arrays[stream].compression == "gzip"
        for stream in ("pose", "timestamp_ns"):
            assert arrays[stream].compression is None
        assert {s.name for s in STREAMS} - {"labelled", "instance"} == set(arrays)


def test_raw_ids_and_depth_can_be_left_out(recordings, tmp_path):
    pack_all([recordings], tmp_path / "d.h5", keep_raw=False, keep_depth=False)
    view = Dataset(tmp_path / "d.h5").sequence("a")
    assert not view.has_raw_label
    assert not view.has_depth
    with pytest.raises(DatasetError, match="--no-raw"):
        prepare([tmp_path / "d.h5"], NEIGHBORHOOD)


def test_recording_without_depth_is_packed(tmp_path):
    write_recording(tmp_path, "a", 3, has_depth=False)
    pack_all([tmp_path / "a"], tmp_path / "d.h5")
    assert not Dataset(tmp_path / "d.h5").sequence("a").has_depth


def test_incomplete_recording_is_packed_with_a_warning(tmp_path):
    write_recording(tmp_path, "a", 3, status="interrupted")
    warnings = prepare([tmp_path / "a"], NEIGHBORHOOD).warnings
    assert "a: the recording is interrupted (Ctrl-C): its 3 of 13 planned frames are packed" in (
        warnings
    )


def test_large_object_tables_fit(tmp_path):
    meshes = tuple(f"Road_{i:06d}_with_a_long_name_{i}" for i in range(6000))
    write_recording(tmp_path, "a", 2, groups={1: tuple(f"{m}" for m in meshes)})
    label_map_file = tmp_path / "all.yaml"
    label_map_file.write_text("format: 1\nname: all\nrules:\n  - {class: road, names: '.*'}\n")
    pack_all([tmp_path / "a"], tmp_path / "d.h5", load_label_map(label_map_file))
    assert Dataset(tmp_path / "d.h5").sequence("a").object_table[0].meshes == meshes


def test_unmapped_meshes_are_found_before_anything_is_written(tmp_path):
    write_recording(tmp_path, "a", 3, groups={1: ("Road_1",), 2: ("Dragon_7",)})
    preparation = prepare([tmp_path / "a"], NEIGHBORHOOD)
    with pytest.raises(LabelMapError, match=r"Dragon: Dragon_7 \([\d,]+ pixels\)"):
        check_labels(preparation.items, NEIGHBORHOOD, allow_unmapped=False)
    packed = pack(
        tmp_path / "d.h5", preparation.items, NEIGHBORHOOD, PackOptions(allow_unmapped=True)
    )
    assert len(packed.warnings) == 1
    view = Dataset(tmp_path / "d.h5").sequence("a")
    raw, label = view.raw_label(0, 3), view.label(0, 3)
    assert (label[raw == 2] == IGNORE_INDEX).all()


def test_id_outside_the_object_table_stops_the_packing(tmp_path):
    folder = write_recording(tmp_path, "a", 3)
    info = json.loads((folder / "recording.json").read_text())
    info["object_table"].pop()
    (folder / "recording.json").write_text(json.dumps(info))
    with pytest.raises(LabelMapError, match=r"id 5 \(not in the object table\)"):
        pack_all([folder], tmp_path / "d.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_progress_tells_every_frame_of_both_stages(recordings, tmp_path):
    told = []
    preparation = prepare([recordings], NEIGHBORHOOD)
    pack(
        tmp_path / "d.h5",
        preparation.items,
        NEIGHBORHOOD,
        progress=lambda *args: told.append(args),
    )
    assert told == [("packing", i, 15) for i in range(1, 16)] + [
        ("checking", i, 15) for i in range(1, 16)
    ]


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


@pytest.mark.slow
def test_several_processes_write_the_same_file(tmp_path):
    for seed, name in enumerate("abc"):
        write_recording(tmp_path / "recordings", name, 100, seed=seed)
    alone = pack_all([tmp_path / "recordings"], tmp_path / "one.h5")
    together = pack_all([tmp_path / "recordings"], tmp_path / "two.h5", jobs=2)
    assert together.content_hash == alone.content_hash
    assert [p.tolist() for p in together.id_pixels] == [p.tolist() for p in alone.id_pixels]
    assert (tmp_path / "two.h5").read_bytes() == (tmp_path / "one.h5").read_bytes()
    frame = tmp_path / "recordings" / "b" / "rgb" / "000050.png"
    frame.write_bytes(frame.read_bytes()[:-20])
    with pytest.raises(RecordingError, match=r"000050\.png"):
        pack_all([tmp_path / "recordings"], tmp_path / "three.h5", jobs=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.h5", "recordings", "two.h5"]


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


@pytest.mark.parametrize(
    ("break_it", "part"),
    [
        (lambda f: (f / "a" / "frames.csv").write_text(""), "no frames"),
        (lambda f: (f / "a" / "seg" / "000001.png").unlink(), "000001.png"),
        (lambda f: write_recording(f / "more", "a"), "given twice"),
        (lambda f: (f / "a" / "recording.json").write_text("{"), "recording.json"),
    ],
)
def test_unusable_recordings_are_told_in_one_line(recordings, tmp_path, break_it, part):
    break_it(recordings)
    with pytest.raises(AirsegError, match=part) as caught:
        pack_all([recordings, *recordings.glob("more")], tmp_path / "d.h5")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "d.h5").exists()


def test_frame_of_another_size_is_refused(recordings, tmp_path):
    folder = recordings / "a"
    info = json.loads((folder / "recording.json").read_text())
    info["camera"]["width"] = 640
    (folder / "recording.json").write_text(json.dumps(info))
    with pytest.raises(AirsegError, match="shape"):
        pack_all([recordings], tmp_path / "d.h5")


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path):
    waiting, most = 0, 0

    class Source:
        name, location, split, environment = "long", "memory", None, "x"
        length, height, width, has_depth = 400, HEIGHT, WIDTH, False
        object_table, details, stored_bytes, warnings = (), {}, 0, ()
        labelled = None
        poses, timestamps_ns = np.tile([0.0, 0, 0, 1, 0, 0, 0], (400, 1)), np.arange(400)

        def read(self, index, *, with_depth):
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            zeros = np.zeros((HEIGHT, WIDTH), np.uint8)
            return RawFrame(np.stack([zeros] * 3, -1), zeros, None)

    def progress(stage, done, total):
        nonlocal waiting
        waiting -= stage == "packing"
        time.sleep(0.0002)

    from airseg.labels.resolution import resolve

    item = writer.PackItem(Source(), "train", resolve(load_label_map("founding"), []))
    pack(tmp_path / "d.h5", [item], NEIGHBORHOOD, progress=progress)
    assert most <= parts.FRAMES_AHEAD + 1
