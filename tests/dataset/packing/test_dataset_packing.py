"""Packing: exact and checked; what is refused, and how much memory it takes."""

import json
import time

import h5py
import numpy as np
import pytest
from packing import NEIGHBORHOOD, pack_all
from recording_folders import GROUPS, HEIGHT, WIDTH, synthetic_frame, write_recording

from airseg.classes import CLASS_INDEX, IGNORE_INDEX
from airseg.dataset.format.schema import CODECS, SEQUENCES_GROUP, STREAMS
from airseg.dataset.packing import parts, writer
from airseg.dataset.packing.preparation import check_labels, prepare
from airseg.dataset.packing.source import RawFrame
from airseg.dataset.packing.writer import PackOptions, pack
from airseg.dataset.reading.reader import Dataset
from airseg.errors import AirsegError, DatasetError, LabelMapError, RecordingError
from airseg.labels.label_map import load_label_map

EXPECTED = {0: "sky", 1: "road", 2: "vehicle", 3: "tree", 4: "house", 5: "roof"}


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
