"""The numbers of objects, from recordings to files, shards and checks."""

import json
import shutil

import h5py
import numpy as np
import pytest
from instance_flights import NAMES, TABLE, build_dataset, numbers, write_flight

from airseg.cli import main
from airseg.dataset import Dataset
from airseg.dataset.checking.dataset_verification import verify_dataset
from airseg.dataset.format.schema import StreamDigest
from airseg.errors import DatasetError
from airseg.labels.instances import contradiction, names_of_instances
from airseg.recording.stored.recording_verification import repair_recording, verify_recording
from airseg.recording.stored.storage import Recording


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    return build_dataset(tmp_path_factory.mktemp("objects"))


def test_a_dataset_keeps_the_numbers_of_its_recordings(objects):
    with Dataset(objects) as dataset:
        for name, seed in (("east", 0), ("west", 1)):
            view = dataset.sequence(name)
            assert view.has_instance
            assert names_of_instances(view.object_table) == NAMES
            for index in range(view.length):
                assert np.array_equal(view.instance(index, index + 1)[0], numbers(seed, index))
    assert verify_dataset(objects).is_sound


def test_the_numbers_are_a_stream_that_any_reader_reads_and_older_ones_pass_by(objects):
    with h5py.File(objects) as file:
        assert file.attrs["format_version"] == 1
        sequence = file["sequences/east"]
        assert sequence["instance"].dtype == np.uint32
        assert sequence["instance"].chunks == (1, 36, 48)
        assert np.array_equal(sequence["instance"][3], numbers(0, 3))
        # 0.1.0 refuses a sequence whose known arrays are not the ones it lists.
        assert "instance" not in json.loads(sequence.attrs["streams"])


def test_numbers_go_through_subsets_shards_and_relabelling(objects, tmp_path):
    thin, again = tmp_path / "thin.h5", tmp_path / "again.h5"
    main(["dataset", "subset", str(objects), "--range", "::2", "--out", str(thin)])
    main(
        ["dataset", "shard", str(objects), "--out", str(tmp_path / "shards"), "--megabytes", "0.01"]
    )
    main(["relabel", str(objects), "--map", "neighborhood", "--out", str(again)])
    for path, step in ((thin, 2), (tmp_path / "shards" / "index.json", 1), (again, 1)):
        with Dataset(path) as dataset:
            found = dataset.sequence("west").instance(1, 2)[0]
            assert np.array_equal(found, numbers(1, step)), path
    assert verify_dataset(thin).is_sound


def test_numbers_are_dropped_where_that_is_asked(objects, tmp_path):
    for command in (["dataset", "subset"], ["relabel", "--map", "neighborhood"]):
        out = tmp_path / f"{command[0]}.h5"
        main([*command, str(objects), "--no-instances", "--out", str(out)])
        with Dataset(out) as dataset:
            assert not dataset.sequence("east").has_instance
        assert verify_dataset(out).is_sound


def test_an_index_of_before_there_were_instances_still_opens_its_files(objects, tmp_path):
    shutil.copy(objects, tmp_path)
    index = tmp_path / "old.json"
    main(["dataset", "index", str(tmp_path / "objects.h5"), "--out", str(index)])
    document = json.loads(index.read_text())
    for sequence in document["shards"][0]["sequences"]:
        assert sequence.pop("has_instance")
    index.write_text(json.dumps(document))
    with Dataset(index) as dataset:
        assert dataset.sequence("east").rgb(0, 1).any()
        with pytest.raises(DatasetError, match="was packed without instance"):
            dataset.sequence("east").instance(0, 1)


def _changed(objects, tmp_path, change):
    """Return a copy whose numbers of frame 2 of east were changed, with hashes that fit."""
    path = tmp_path / "changed.h5"
    shutil.copy(objects, path)
    with h5py.File(path, "r+") as file:
        array = file["sequences/east/instance"]
        frame = array[2]
        change(frame)
        array[2] = frame
        digest = StreamDigest("instance", array.shape[1:])
        digest.update(array[...])
        array.attrs["blake2b"] = digest.hexdigest()
    return [finding.message for finding in verify_dataset(path).findings]


def test_an_object_of_another_family_than_its_pixels_is_found(objects, tmp_path):
    def to_tree(frame):
        frame[frame == 1] = 4

    (message,) = _changed(objects, tmp_path, to_tree)
    assert "object 4 (Oak_1, id 2) where the id is 1" in message


def test_a_number_beyond_the_table_is_found(objects, tmp_path):
    def beyond(frame):
        frame[0, 0] = 70_000

    (message,) = _changed(objects, tmp_path, beyond)
    assert "1 pixels show object 70000; the object table has 7" in message


def test_an_object_that_changes_its_class_is_found(objects, tmp_path):
    """Without a plan numbers are not those of the table; they still have one class."""
    path = tmp_path / "classes.h5"
    shutil.copy(objects, path)
    with h5py.File(path, "r+") as file:
        group = file["sequences/east"]
        del group.attrs["plan"]
        frame = group["instance"][2]
        frame[frame == 1] = 4
        group["instance"][2] = frame
    messages = [finding.message for finding in verify_dataset(path).findings]
    assert any("frame 2: object 4 is of class" in message for message in messages)


def test_contradictions_are_told_of_the_first_pixel():
    found = contradiction(np.array([[1, 5]]), np.array([[1, 1]], np.uint8), TABLE)
    assert "object 5 (Oak_2, id 2) where the id is 1" in found
    assert contradiction(np.array([[1, 5]]), np.array([[1, 2]], np.uint8), TABLE) == ""


def test_a_recordings_torn_table_is_told_and_cut(tmp_path):
    folder = write_flight(tmp_path, "east", 0, 5, "train")
    assert verify_recording(folder).is_sound
    table = folder / "instance.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:4]) + "\n")
    found = verify_recording(folder)
    assert found.good_frames == 3
    assert "instance.csv:5: frame 3 has none" in found.findings[0].message
    assert repair_recording(found) == 3
    assert verify_recording(folder).is_sound
    assert len(Recording.open(folder)) == 3


def test_readers_of_version_0_1_0_find_in_a_recording_what_they_know(tmp_path):
    """They refuse a format or a field of `recording.json` or a table's column that is new."""
    folder = write_flight(tmp_path, "east", 0, 2, "train")
    known = {
        *("sequence", "plan", "plan_fingerprint", "mode", "rate_hz", "camera", "simulator"),
        *("environment", "split", "object_table", "status", "reason", "frames_planned"),
        *("airseg_version", "format", "has_depth", "notes", "has_flow", "frames", "segments"),
        "checksum",
    }
    described = json.loads((folder / "recording.json").read_text())
    assert described.keys() == known
    assert described["format"] == 2
    assert (folder / "frames.csv").read_text().splitlines()[0] == (
        "index,timestamp_ns,plan_time_ns,pos_x,pos_y,pos_z,q_w,q_x,q_y,q_z,vel_x,vel_y,vel_z,"
        "rgb_crc32,seg_crc32,depth_crc32,line_crc32"
    )
