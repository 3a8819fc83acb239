"""Predictions of objects, scored from folders and files."""

import json

import h5py
import numpy as np
import pytest
from instance_flights import build_dataset, numbers
from PIL import Image

from airseg.bench.scoring.score_objects import score_objects
from airseg.cli import main
from airseg.dataset import Dataset
from airseg.errors import RecipeError


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    return build_dataset(tmp_path_factory.mktemp("objects"))


@pytest.fixture
def data(objects):
    with Dataset(objects) as dataset:
        yield dataset


def save(folder, index, label, number):
    """Save a picture as KITTI-STEP has it."""
    picture = np.dstack([label, number >> 8, number & 255]).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(folder / f"{index:06d}.png")


def test_the_truth_scores_one(objects, tmp_path, capsys):
    out = tmp_path / "scores.json"
    main(["bench", "objects", str(objects), "--dataset", str(objects), "--out", str(out)])
    told = json.loads(out.read_text())
    assert {told[name] for name in ("stq", "aq", "sq", "vpq", "vpq_things", "vpq_stuff")} == {1.0}
    assert told["class_vpq"]["vehicle"] == 1.0
    assert told["class_vpq"]["pool"] is None
    assert "STQ, segmentation and tracking                 100.00" in capsys.readouterr().out


def test_pictures_score_as_the_same_arrays_in_a_file(data, tmp_path):
    folder, file = tmp_path / "predictions", tmp_path / "predictions.h5"
    labels = data.sequence("west").label(0, 5)
    told = np.stack([numbers(1, index) for index in range(5)])
    told[3:][told[3:] == 1] = 900  # car 1 is taken for another one
    for index in range(5):
        save(folder / "west", index, labels[index], told[index])
    with h5py.File(file, "w") as target:
        target["west/label"], target["west/instance"] = labels, told
    pictured, filed = (score_objects(path, data, "test") for path in (folder, file))
    assert pictured == filed
    assert pictured.sq == 1
    assert 0 < pictured.aq < 1
    assert pictured.vpq < 1


def test_wrong_predictions_are_told_in_one_line(data, tmp_path):
    folder, labels = tmp_path / "grey", data.sequence("west").label(0, 5)
    (folder / "west").mkdir(parents=True)
    for index in range(5):
        Image.fromarray(labels[index]).save(folder / "west" / f"{index:06d}.png")
    with pytest.raises(RecipeError, match=r"tells no objects\. Save 8-bit RGB pictures"):
        score_objects(folder, data, "test")
    with h5py.File(tmp_path / "classes.h5", "w") as target:
        target["west"] = labels
    with pytest.raises(RecipeError, match="expected a group with label and instance"):
        score_objects(tmp_path / "classes.h5", data, "test")
    save(folder / "west", 0, np.full_like(labels[0], 40), labels[0])
    with pytest.raises(RecipeError, match="predicts 40 at column 0, row 0"):
        score_objects(folder, data, "test")
    with pytest.raises(RecipeError, match="--things cars: is no class"):
        score_objects(folder, data, "test", ("cars",))
