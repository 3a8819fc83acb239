"""Loading clips: the stored frames, in every worker process, resumable to the batch."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import recording_folders
import torch
from recording_folders import write_recording

from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import pack
from airseg.dataset.reading.clips import Clip, ClipSampler, EveryClip, enumerate_clips
from airseg.dataset.reading.loading import ClipDataset, ClipLoader, read_clip_into
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError
from airseg.labels.label_map import load_label_map

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    label_map = load_label_map("neighborhood")
    for seed, name in enumerate("ab"):
        write_recording(folder / "r", name, 9, seed=seed)
    pack(folder / "d.h5", prepare([folder / "r"], label_map).items, label_map)
    return folder / "d.h5"


@pytest.fixture
def dataset(path) -> Dataset:
    return Dataset(path)


def every_clip(dataset: Dataset, **arguments) -> EveryClip:
    return EveryClip({view.name: view.length for view in dataset}, **arguments)


def read_clip(dataset, clip, height, width):
    """Return a clip's frames and labels at a size."""
    frames = np.empty((clip.length, height, width, 3), np.uint8)
    labels = np.empty((clip.length, height, width), np.uint8)
    read_clip_into(dataset, clip, frames, labels)
    return frames, labels


def test_clip_is_read_with_its_stride(dataset):
    frames, labels = read_clip(dataset, Clip("a", 1, 3, stride=3), 24, 32)
    view = dataset.sequence("a")
    assert np.array_equal(frames, view.rgb(0, 9)[[1, 4, 7]])
    assert np.array_equal(labels, view.label(0, 9)[[1, 4, 7]])


def test_resizing_averages_colour_and_invents_no_label(dataset):
    frames, labels = read_clip(dataset, Clip("a", 0, 2), 12, 16)
    full, full_labels = read_clip(dataset, Clip("a", 0, 2), 24, 32)
    assert frames.shape == (2, 12, 16, 3)
    assert labels.shape == (2, 12, 16)
    assert np.array_equal(frames[1], cv2.resize(full[1], (16, 12), interpolation=cv2.INTER_AREA))
    mean = full.reshape(2, 12, 2, 16, 2, 3).mean((2, 4))
    assert np.abs(frames - mean).max() <= 0.5
    assert set(np.unique(labels)) <= set(np.unique(full_labels))
    # Labels are constant in blocks of 4x4, so the nearest pixel is known.
    assert np.array_equal(labels, full_labels[:, ::2, ::2])


def test_clip_dataset_gives_what_the_file_holds(dataset):
    clips = every_clip(dataset, length=3, stride=2)
    loaded = ClipDataset(dataset, clips, targets=1)
    assert len(loaded) == len(clips) == 10
    for index, clip in enumerate(clips):
        frames, labels, (own,) = loaded[index]
        view = dataset.sequence(clip.sequence)
        assert own == clip
        assert np.array_equal(frames.numpy(), view.rgb(0, 9)[clip.frames].transpose(0, 3, 1, 2))
        assert np.array_equal(labels.numpy(), view.label(0, 9)[list(clip.frames)[-1:]])


def test_labels_come_at_an_eighth(dataset):
    clips = every_clip(dataset, length=2)
    full = ClipDataset(dataset, clips)[0].labels
    eighth = ClipDataset(dataset, clips, label_factor=8, label_method="nearest")[0].labels
    assert torch.equal(eighth, full[:, 4::8, 4::8])


def test_impossible_settings_are_refused(dataset):
    with pytest.raises(DatasetError, match="targets should be 1 to 2"):
        ClipDataset(dataset, every_clip(dataset, length=2), targets=3)
    with pytest.raises(DatasetError, match="all have 2 frames"):
        ClipDataset(dataset, every_clip(dataset, length=2))[Clip("a", 0, 5)]


def test_sequences_of_several_sizes_need_one_to_be_given(tmp_path, monkeypatch):
    label_map = load_label_map("neighborhood")
    write_recording(tmp_path / "r", "a", 3)
    monkeypatch.setattr(recording_folders, "HEIGHT", 32)
    write_recording(tmp_path / "r", "b", 3)
    pack(tmp_path / "d.h5", prepare([tmp_path / "r"], label_map).items, label_map)
    dataset = Dataset(tmp_path / "d.h5")
    clips = every_clip(dataset, length=2)
    with pytest.raises(DatasetError, match="several sizes"):
        ClipDataset(dataset, clips)
    batch = ClipDataset(dataset, clips, height=16, width=24).__getitems__(list(clips))
    assert batch.frames.shape == (4, 2, 3, 16, 24)


def loader(dataset, *, workers=0, method=None, **arguments) -> ClipLoader:
    clips = enumerate_clips({"a": 9, "b": 9}, context=1, targets=1)
    sampler = ClipSampler(clips, batch_size=3, seed=5, **arguments)
    return ClipLoader(
        ClipDataset(dataset, clips, targets=1), sampler, workers=workers, start_method=method
    )


def same(one, other) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a.frames, b.frames) and torch.equal(a.labels, b.labels) and a.clips == b.clips
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_deliver_what_one_process_does(dataset, method):
    dataset.sequence("a").rgb(0, 1)  # a handle is open before workers start
    alone = list(loader(dataset))
    workers = loader(dataset, workers=2, method=method)
    assert same(list(workers), alone)
    workers.set_epoch(1)
    assert not same(list(workers), alone)
    workers.set_epoch(0)
    assert same(list(workers), alone)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [1, 2, 6])
def test_a_resumed_run_sees_what_the_undisturbed_one_does(dataset, workers, stop):
    undisturbed = loader(dataset)
    undisturbed.set_epoch(3)
    expected = list(undisturbed)
    interrupted = loader(dataset, workers=workers, method="fork" if workers else None)
    interrupted.set_epoch(3)
    batches = iter(interrupted)
    before = [next(batches) for _ in range(stop)]
    state = json.loads(json.dumps(interrupted.state_dict()))
    resumed = loader(dataset)
    resumed.load_state_dict(state)
    assert resumed.epoch == 3
    resumed.set_epoch(resumed.epoch)
    assert same(before + list(resumed), expected)
    assert resumed.state_dict()["batch"] == len(expected)


def test_ranks_share_an_epoch(dataset):
    alone = loader(dataset)
    ranks = [loader(dataset, rank=r, world_size=2) for r in range(2)]
    together = [clip for rank in ranks for batch in rank for clip in batch.clips]
    assert sorted(map(str, together)) == sorted(str(c) for b in alone for c in b.clips)
