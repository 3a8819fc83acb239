"""Files that version 0.1.0 made, at commit b6c82b7, are still what they were.

The archive holds a recording of three small frames, the dataset made of it, a recipe, and a result.
"""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from airseg.bench.recipes.recipe import load_recipe
from airseg.bench.results.result import load_result
from airseg.cli import main
from airseg.dataset import Dataset
from airseg.recording.stored.recording_verification import verify_recording
from airseg.recording.stored.storage import Recording

ARCHIVE = Path(__file__).parent / "old_files" / "0.1.0.tar.xz"
CONTENT_HASH = "3d77423f7b5dfe2ad9ab6989ef5a8f13276a374ec20abdcf0a308346999c6d08"
"""What `airseg info` of that version said of the dataset."""


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_old_recording_opens_and_is_sound(old):
    recording = Recording.open(old / "old_walk")
    assert len(recording) == 3
    assert recording.info.status == "complete"
    assert recording.read_rgb(0).shape == (48, 64, 3)
    assert verify_recording(old / "old_walk").is_sound


def test_old_dataset_reads_and_relabels_to_the_same_content(old, tmp_path):
    with Dataset(old / "old_dataset.h5") as dataset:
        assert dataset.content_hash == CONTENT_HASH
        view = dataset.sequence("old_walk")
        rgb = view.rgb(0, 3)
    again = tmp_path / "again.h5"
    main(["relabel", str(old / "old_walk"), "--map", "neighborhood", "--out", str(again)])
    with Dataset(again) as dataset:
        assert np.array_equal(dataset.sequence("old_walk").rgb(0, 3), rgb)


def test_old_recipe_and_result_load(old):
    recipe = load_recipe(str(old / "old_recipe.yaml"))
    assert [row.label for row in recipe.variants] == ["FANet-18 N=0", "FANet-18 N=2"]
    result = load_result(old / "old_result.json")
    assert result.dataset.content_hash == CONTENT_HASH
