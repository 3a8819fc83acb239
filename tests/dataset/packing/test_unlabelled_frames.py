"""Frames without labels are context: kept, ignored whole, and never supervised."""

import numpy as np
import pytest
from recording_folders import GROUPS, synthetic_frame, write_recording

from airseg.classes import IGNORE_INDEX
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import pack
from airseg.dataset.reading.clips import enumerate_clips, supervised_frames
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError
from airseg.labels.label_map import load_label_map

NEIGHBORHOOD = load_label_map("neighborhood")
LABELLED = [False, False, True, False, True, False]


@pytest.fixture
def dataset(tmp_path):
    """Return a dataset of one sequence in which two of six frames have labels."""
    write_recording(tmp_path / "recordings", "a", 6, seed=1, split="train")
    preparation = prepare([tmp_path / "recordings"], NEIGHBORHOOD)
    preparation.items[0].source.labelled = np.array(LABELLED)
    packed = pack(tmp_path / "d.h5", preparation.items, NEIGHBORHOOD)
    ids = [synthetic_frame(1, index, len(GROUPS))[1] for index in (2, 4)]
    expected = sum(np.bincount(i.ravel(), minlength=256) for i in ids)
    assert np.array_equal(packed.id_pixels[0], expected)
    return Dataset(tmp_path / "d.h5")


def test_context_frames_keep_their_picture_and_are_ignored_whole(dataset):
    view = dataset.sequence("a")
    assert view.labelled.tolist() == LABELLED
    for index, has_labels in enumerate(LABELLED):
        assert np.array_equal(
            view.rgb(index, index + 1)[0], synthetic_frame(1, index, len(GROUPS))[0]
        )
        assert (view.label(index, index + 1) == IGNORE_INDEX).all() == (not has_labels)


def test_every_frame_of_an_ordinary_dataset_has_labels(tmp_path):
    write_recording(tmp_path / "recordings", "a", 3, seed=1, split="train")
    pack(tmp_path / "d.h5", prepare([tmp_path / "recordings"], NEIGHBORHOOD).items, NEIGHBORHOOD)
    view = Dataset(tmp_path / "d.h5").sequence("a")
    assert not view.has_unlabelled
    assert view.labelled.all()


def test_relabelling_leaves_context_without_labels(dataset, tmp_path):
    items = prepare([dataset.path], NEIGHBORHOOD).items
    again = pack(tmp_path / "again.h5", items, NEIGHBORHOOD)
    assert again.content_hash == dataset.content_hash
    assert Dataset(again.path).sequence("a").labelled.tolist() == LABELLED


@pytest.mark.parametrize("context", [0, 1, 2])
def test_clips_end_at_labelled_frames_at_every_depth(dataset, context):
    labelled = {view.name: view.labelled for view in dataset}
    clips = enumerate_clips({"a": 6}, context=context, targets=1, max_context=2, labelled=labelled)
    assert [frame for clip in clips for frame in supervised_frames(clip, 1)] == [2, 4]


def test_too_much_context_before_the_only_label_is_an_error():
    labelled = {"a": np.array([True, False, False, False])}
    with pytest.raises(DatasetError, match="come too early"):
        enumerate_clips({"a": 4}, context=2, targets=1, labelled=labelled)
