"""`airseg dataset leak`: what one split gives away of another, by pose and by picture."""

import json

import h5py
import numpy as np
import pytest
from command_line import run, said
from recording_folders import write_recording

from airseg.dataset.checking.leakage import LeakOptions, measure_leak, picture_hash
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import pack
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError
from airseg.labels.label_map import load_label_map

NEIGHBORHOOD = load_label_map("neighborhood")
FRAMES = 6


@pytest.fixture
def dataset(tmp_path):
    """Return a dataset whose flights, random pictures all, are 100 m apart."""
    for seed, (name, split) in enumerate([("a", "train"), ("b", "val"), ("c", "test")]):
        write_recording(tmp_path / "recordings", name, FRAMES, seed=seed, split=split)
    items = prepare([tmp_path / "recordings"], NEIGHBORHOOD).items
    for number, item in enumerate(items):
        item.source.poses = item.source.poses.copy()
        item.source.poses[:, 1] = 100 * number
        item.source.poses[:, 0] = 10 * np.arange(FRAMES)
    pack(tmp_path / "d.h5", items, NEIGHBORHOOD)
    return tmp_path / "d.h5"


def change(path, name, stream, frames):
    with h5py.File(path, "r+") as file:
        array = file[f"sequences/{name}/{stream}"]
        for index, frame in frames.items():
            array[index] = frame


def leaks(path, **options):
    with Dataset(path) as opened:
        found = measure_leak(opened, LeakOptions(**options))
    return {(leak.known, leak.held_out): leak for leak in found}


def picture(path, name, index):
    with Dataset(path) as opened:
        return opened.sequence(name).rgb(index, index + 1)[0]


def test_flights_apart_leak_nothing(dataset):
    found = leaks(dataset)
    assert list(found) == [("train", "val"), ("train", "test"), ("val", "test")]
    for leak in found.values():
        assert (leak.frames, leak.by_pose, leak.by_picture, leak.by_either) == (FRAMES, 0, 0, 0)
        assert leak.share == 0
        assert leak.examples == ()


def test_poses_that_are_near_and_look_the_same_way_leak(dataset):
    near, turned, far = [0.5, 0, -2, 1, 0, 0, 0], [10, 0, -2, 0, 0, 0, 1], [22, 0, -2, 1, 0, 0, 0]
    opposite_sign = [30.2, 0, -2, -1, 0, 0, 0]
    change(dataset, "c", "pose", {0: near, 1: turned, 2: far, 3: opposite_sign})
    leak = leaks(dataset)["train", "test"]
    assert (leak.by_pose, leak.by_picture, leak.by_either) == (2, 0, 2)
    assert leak.by_sequence == {"c": (2, FRAMES)}
    (pair,) = leak.examples
    assert (pair.sequence, pair.other_sequence) == ("c", "a")
    assert pair.metres in (0.5, 0.2)
    assert leaks(dataset, metres=3)["train", "test"].by_pose == 3
    assert leaks(dataset, degrees=180)["train", "test"].by_pose == 3


def test_pictures_that_are_the_same_but_for_noise_leak(dataset):
    seen = picture(dataset, "a", 2)
    noise = np.random.default_rng(0).integers(-3, 4, seen.shape)
    noisy = np.clip(seen.astype(int) + noise, 0, 255).astype(np.uint8)
    change(dataset, "b", "rgb", {4: noisy})
    leak = leaks(dataset)["train", "val"]
    assert (leak.by_pose, leak.by_picture, leak.by_either) == (0, 1, 1)
    (pair,) = leak.examples
    assert (pair.frame, pair.other_frame) == (4, 2)
    assert leaks(dataset, bits=0)["train", "val"].by_picture <= 1


def test_poses_of_another_world_say_nothing(dataset):
    change(dataset, "c", "pose", {0: [0, 0, -2, 1, 0, 0, 0]})
    assert leaks(dataset)["train", "test"].by_pose == 1
    with h5py.File(dataset, "r+") as file:
        file["sequences/c"].attrs["simulator"] = json.dumps({"seed": 5})
    assert leaks(dataset)["train", "test"].by_pose == 0


def test_unknown_poses_leave_the_pictures(dataset):
    change(dataset, "c", "pose", dict.fromkeys(range(FRAMES), np.full(7, np.nan)))
    change(dataset, "c", "rgb", {1: picture(dataset, "a", 3)})
    leak = leaks(dataset)["train", "test"]
    assert leak.by_pose is None
    assert leak.by_either == 1
    assert leak.examples[0].metres is None


def test_hash_knows_a_picture_again_and_tells_others_apart():
    random = np.random.default_rng(1)
    pictures = random.integers(0, 256, (20, 48, 64, 3), dtype=np.uint8)
    hashes = np.array([picture_hash(p) for p in pictures])
    assert hashes.shape == (20, 4)
    bits = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(-1)
    assert (np.diag(bits) == 0).all()
    assert bits[~np.eye(20, dtype=bool)].min() > 60


def test_command_tells_shares_and_fails_when_asked(dataset, capsys):
    change(dataset, "c", "pose", {0: [0, 0, -2, 1, 0, 0, 0]})
    code, out, _ = run(capsys, "dataset", "leak", dataset)
    assert code == 0
    assert "test in train: 16.7% of 6 frames (1 by pose, 0 by picture)" in out
    assert "such as c:0 and a:0" in out
    code, _, err = run(capsys, "dataset", "leak", dataset, "--fail-above", "5")
    assert code == 2
    assert "16.7% of the frames of test are nearly in train" in said(err)
    code, out, _ = run(capsys, "dataset", "leak", dataset, "--json", "--every", "2")
    assert [report["frames"] for report in json.loads(out)] == [3, 3, 3]


def test_one_split_alone_is_refused(dataset, tmp_path):
    write_recording(tmp_path / "one", "a", 3, split="train")
    pack(tmp_path / "one.h5", prepare([tmp_path / "one"], NEIGHBORHOOD).items, NEIGHBORHOOD)
    with pytest.raises(DatasetError, match="train only"):
        measure_leak(Dataset(tmp_path / "one.h5"))
    with pytest.raises(DatasetError, match="every >= 1"):
        measure_leak(Dataset(dataset), LeakOptions(every=0))
