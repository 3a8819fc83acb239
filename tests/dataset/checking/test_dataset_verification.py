"""`airseg verify dataset.h5`: whatever is wrong with a file is found and told with its place."""

import json
import random

import h5py
import numpy as np
import pytest
from command_line import run, said
from recording_folders import HEIGHT, WIDTH, write_recording

from airseg.dataset.checking.dataset_verification import verify_dataset
from airseg.dataset.editing.combining import CombineOptions, Taken, combine
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import PackOptions, pack
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError
from airseg.labels.boundaries import EdgeOptions
from airseg.labels.label_map import load_label_map

NEIGHBORHOOD = load_label_map("neighborhood")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    for seed, (name, split) in enumerate([("a", "train"), ("b", "val"), ("c", "test")]):
        write_recording(folder / "recordings", name, 6, seed=seed, split=split)
    pack(folder / "d.h5", prepare([folder / "recordings"], NEIGHBORHOOD).items, NEIGHBORHOOD)
    return folder / "d.h5"


@pytest.fixture
def copy(packed, tmp_path):
    path = tmp_path / "copy.h5"
    path.write_bytes(packed.read_bytes())
    return path


def messages(path):
    return [finding.message for finding in verify_dataset(path).findings]


def test_a_file_that_was_checked_is_closed_so_that_what_is_cut_off_later_is_found(copy):
    """HDF5 hands out a file that is open anew without looking whether it is still whole."""
    assert messages(copy) == []
    copy.write_bytes(copy.read_bytes()[:-100])
    with pytest.raises(DatasetError, match="cut off"):
        verify_dataset(copy)


def test_sound_dataset_is_told_in_one_line(packed, capsys):
    code, out, err = run(capsys, "verify", packed)
    assert code == 0
    assert out.splitlines() == [
        f"d.h5: 18 frames of 3 sequences, all sound (content {Dataset(packed).content_hash[:12]})"
    ]
    assert "airseg:" not in err


def test_every_frame_is_told(packed):
    told = []
    verify_dataset(packed, lambda done, total: told.append((done, total)))
    assert told == [(i, 18) for i in range(1, 19)]


@pytest.mark.parametrize("codec", ["gzip", "none", "lzf", "zstd"])
def test_edges_codecs_and_subsets_are_sound_too(packed, tmp_path, codec):
    views = list(Dataset(packed))
    taken = [Taken(v, v.name, v.split, range(1, 6, 2)) for v in views]
    combine(tmp_path / "x.h5", taken, CombineOptions(codec=codec))
    assert verify_dataset(tmp_path / "x.h5").is_sound
    assert Dataset(tmp_path / "x.h5").sequence("a").rate_hz == 12.5
    edges = PackOptions(edges=EdgeOptions(band_px=1), codec=codec)
    pack(tmp_path / "e.h5", prepare([packed], NEIGHBORHOOD).items, NEIGHBORHOOD, edges)
    assert verify_dataset(tmp_path / "e.h5").is_sound


def change_frame(name, frame, value, place=(0, 0)):
    def change(file):
        image = file[f"sequences/b/{name}"][frame]
        image[place] = value
        file[f"sequences/b/{name}"][frame] = image

    return change


def pose_nan(file):
    pose = file["sequences/b/pose"][...]
    pose[3, 1] = np.nan
    file["sequences/b/pose"][...] = pose


def pose_not_unit(file):
    pose = file["sequences/b/pose"][...]
    pose[2, 3:] = 0
    file["sequences/b/pose"][...] = pose


def time_backwards(file):
    times = file["sequences/b/timestamp_ns"][...]
    times[4] = times[2]
    file["sequences/b/timestamp_ns"][...] = times


def rechunk(file):
    group = file["sequences/b"]
    frames, attributes = group["label"][...], dict(group["label"].attrs)
    del group["label"]
    group.create_dataset("label", data=frames, chunks=(3, HEIGHT, WIDTH))
    group["label"].attrs.update(attributes)


def other_table(file):
    table = json.loads(file["sequences/b"].attrs["object_table"])
    for entry in table:
        entry["meshes"] = ["Car_1"]
    file["sequences/b"].attrs["object_table"] = json.dumps(table)


def swap_sequences(file):
    file["sequences"].move("a", "x")
    file["sequences"].move("b", "a")


WRONG = {
    "other label": (change_frame("label", 2, 9), ["b: label is not what was written", "frame 2"]),
    "label beyond the classes": (change_frame("label", 2, 77), ["labels [77], no classes"]),
    "raw id": (change_frame("raw_label", 1, 200), ["frame 1: raw ids [200] are not in the object"]),
    "colour": (change_frame("rgb", 1, 3), ["b: rgb is not what was written: its hash differs"]),
    "depth": (change_frame("depth", 1, 3), ["b: depth is not what was written"]),
    "pose": (pose_nan, ["b: frame 3: its pose is not a finite position"]),
    "quaternion": (pose_not_unit, ["b: frame 2: its pose is not a finite position"]),
    "time": (time_backwards, ["b: frame 4: time stands still or runs backwards"]),
    "chunks": (rechunk, ["b: label lies in chunks of (3, 24, 32), expected (1, 24, 32)"]),
    "split": (
        lambda f: f["sequences/b"].attrs.modify("split", "train"),
        ["b: its attributes are not those", "the content hash is not that of these classes"],
    ),
    "plan": (
        lambda f: f["sequences/b"].attrs.modify("plan", '{"description": "other"}'),
        ["b: its attributes are not those that were written"],
    ),
    "rate": (
        lambda f: f["sequences/b"].attrs.modify("rate_hz", 5e-324),
        ["b: its rate_hz, 4.94066e-324, is no number of frames a second"],
    ),
    "suspect frames": (
        lambda f: f["sequences/b"].attrs.modify("recording", '{"suspect_frames": 5}'),
        ["b: its attributes are not those that were written"],
    ),
    "label map": (
        lambda f: f.attrs.modify("label_map", "format: 1\nname: x\nrules: 3"),
        ["the label map cannot be used", "its attributes are not those that were written"],
    ),
    "object table": (other_table, ["labels are not what the label map says"]),
    "sequence taken away": (lambda f: f["sequences"].pop("b"), ["the content hash is not that"]),
    "sequence renamed": (lambda f: f["sequences"].move("b", "z"), ["the content hash is not that"]),
    "digest": (
        lambda f: f["sequences/b/rgb"].attrs.modify("blake2b", "00"),
        ["rgb is not what was written", "does not follow from the hashes of its arrays"],
    ),
    "no digest": (lambda f: f["sequences/b/pose"].attrs.pop("blake2b"), ["pose has no hash"]),
    "codec": (
        lambda f: f["sequences/b/rgb"].attrs.modify("codec", "gzip"),
        ["b: rgb says codec 'gzip', and has HDF5 filters [32004, 3]"],
    ),
    "history": (
        lambda f: f.attrs.modify("history", "{"),
        ["attribute 'history' should be a JSON list"],
    ),
}


@pytest.mark.parametrize(("change", "parts"), WRONG.values(), ids=WRONG.keys())
def test_what_was_changed_is_found(copy, change, parts):
    with h5py.File(copy, "r+") as file:
        change(file)
    found = messages(copy)
    for part in parts:
        assert any(part in message for message in found), found
    assert all(message.isprintable() for message in found)


def test_damaged_frames_are_named_and_the_rest_is_still_checked(copy, capsys):
    with h5py.File(copy) as file:
        chunks = [file["sequences/a/rgb"].id.get_chunk_info(i) for i in (1, 4)]
    content = bytearray(copy.read_bytes())
    for chunk in chunks:
        content[chunk.byte_offset + chunk.size // 2] ^= 4
    copy.write_bytes(content)
    code, out, err = run(capsys, "verify", copy)
    assert code == 2
    assert out.splitlines() == [
        "copy.h5: 18 frames of 3 sequences, 1 findings",
        "  a: frame 1: rgb cannot be read: frames 1, 4 are damaged.",
    ]
    assert "1 of 1 datasets are damaged: copy.h5" in said(err)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_cut_file_is_one_line(copy, capsys, share):
    content = copy.read_bytes()
    copy.write_bytes(content[: int(len(content) * share)])
    code, _, err = run(capsys, "verify", copy)
    assert code == 2
    assert str(copy) in said(err)


def test_file_from_the_future_is_one_line(copy, capsys):
    with h5py.File(copy, "r+") as file:
        file.attrs["format_version"] = 7
    code, _, err = run(capsys, "verify", copy)
    assert code == 2
    assert "format 7" in said(err)


def test_findings_are_json_too(copy, capsys):
    with h5py.File(copy, "r+") as file:
        pose_nan(file)
    code, out, _ = run(capsys, "verify", copy, "--json")
    assert code == 2
    (report,) = json.loads(out)
    assert report["is_sound"] is False
    assert report["path"] == str(copy)
    assert {"sequence", "frame", "message"} == set(report["findings"][0])
    assert report["findings"][0]["frame"] == 3


def test_dataset_is_not_repaired(packed, capsys):
    code, _, err = run(capsys, "verify", packed, "--repair")
    assert code == 2
    assert "a dataset is not repaired" in said(err)


def test_older_files_without_attribute_hashes_get_a_note(copy):
    with h5py.File(copy, "r+") as file:
        for owner in (file, *file["sequences"].values()):
            del owner.attrs["attributes_hash"]
        del file.attrs["history"]
    report = verify_dataset(copy)
    assert report.is_sound
    assert any("hash of their own" in note for note in report.notes)
    assert any("no history" in note for note in report.notes)


def everything(path):
    dataset = Dataset(path)
    streams = ("rgb", "label", "raw_label", "depth")
    told = [dataset.class_names, dataset.label_map_text, dataset.history]
    for view in dataset:
        told += [view.name, view.split, view.environment, view.details, view.object_table]
        told += [view.poses.tolist(), view.timestamps_ns.tolist()]
        told += [getattr(view, name)(0, len(view)).tobytes() for name in streams]
    return told


def says_sound(path):
    try:
        return verify_dataset(path).is_sound
    except DatasetError:
        return False


def test_damage_is_found_while_the_file_is_open_in_the_same_program(copy):
    """HDF5 shares what it keeps of a file among all who have it open, notebooks for example."""
    with Dataset(copy) as kept_open:
        frames = kept_open.sequence("a").rgb(0, 6)
        assert verify_dataset(copy).is_sound
        with h5py.File(copy) as file:
            chunk = file["sequences/a/rgb"].id.get_chunk_info(2)
        with copy.open("r+b") as handle:
            handle.seek(chunk.byte_offset + chunk.size // 2)
            byte = handle.read(1)[0]
            handle.seek(-1, 1)
            handle.write(bytes([byte ^ 0xFF]))
        (message,) = messages(copy)
        assert "a: frame 2: rgb cannot be read" in message
        assert (kept_open.sequence("a").rgb(0, 2) == frames[:2]).all()


@pytest.mark.slow
def test_flipped_bits_are_found_or_change_nothing(packed, tmp_path):
    content = packed.read_bytes()
    expected = everything(packed)
    chance = random.Random(0)
    found = 0
    for number in range(200):
        damaged = bytearray(content)
        damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path = tmp_path / f"{number}.h5"
        path.write_bytes(damaged)
        is_sound = says_sound(path)
        if is_sound:
            assert everything(path) == expected
        found += not is_sound
        path.unlink()
    assert found > 100
