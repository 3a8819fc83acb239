"""Objects of other people's data keep to the numbers that KITTI-STEP's pictures can hold."""

import json

import numpy as np
import pytest
from command_line import run
from importing import imported
from PIL import Image
from published_flights import kitti_step, viper

from airseg.dataset.exporting import step_numbers as step
from airseg.errors import DatasetError

VEHICLES = range(13, 19)  # car to bicycle


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def panoptic(path):
    """The format of deeplab2: R is the class, G * 256 + B the instance."""
    rgb = np.array(Image.open(path), np.int64)
    return rgb[..., 0], rgb[..., 1] * 256 + rgb[..., 2]


def exported(capsys, folder):
    code, _, err = run(capsys, "dataset", "export", "kittistep", "d.h5", "--out", folder)
    assert code == 0, err
    return folder


def test_imported_kitti_step_comes_out_as_it_was_published(here, capsys):
    kitti_step(here / "kitti")
    first = imported(capsys, "kitti-step", "kitti")[0]
    told = {view.name: view.instance(0, 3) for view in first}
    first.close()
    exported(capsys, here / "again")
    for place in ("train/0000", "val/0002"):
        for index in range(3):
            maps = [
                np.array(Image.open(here / folder / f"panoptic_maps/{place}/{index:06d}.png"))
                for folder in ("kitti", "again")
            ]
            assert np.array_equal(*maps)
    (here / "d.h5").unlink()
    second = imported(capsys, "kitti-step", "again")[0]
    assert all(np.array_equal(view.instance(0, 3), told[view.name]) for view in second)


def test_where_classes_are_put_together_objects_are_counted_within_the_class(here, capsys):
    written = kitti_step(here / "kitti", things=VEHICLES)
    imported(capsys, "kitti-step", "kitti", "--map", "cityscapes")[0].close()
    exported(capsys, here / "out")
    ids, instances = written["0000"]
    pairs = set()
    for index in range(3):
        label, number = panoptic(here / f"out/panoptic_maps/train/0000/{index:06d}.png")
        vehicle = label == 1
        assert np.array_equal(vehicle, np.isin(ids[index], VEHICLES))
        published = np.stack([ids[index], instances[index], number], axis=-1)[vehicle]
        pairs |= {tuple(row) for row in published.tolist()}
    objects = {pair[:2] for pair in pairs if pair[1]}
    assert len(objects) == 18  # of six classes with three numbers each
    assert sorted(pair[2] for pair in pairs if pair[1]) == list(range(1, 19))
    assert {pair[2] for pair in pairs if not pair[1]} == {0}


def test_the_exported_truth_scores_one(here, capsys):
    viper(here / "viper", instances=True)
    imported(capsys, "viper", "viper")[0].close()
    exported(capsys, here / "out")
    names = json.loads((here / "out/sequences.json").read_text())
    for place, name in names.items():
        (here / "guess").mkdir(exist_ok=True)
        (here / "out/panoptic_maps" / place).rename(here / "guess" / name)
    split = next(iter(names)).split("/")[0]
    code, _, err = run(capsys, "bench", "objects", "guess", "--dataset", "d.h5",
                       "--split", split, "--out", "objects.json")  # fmt: skip
    assert code == 0, err
    told = json.loads((here / "objects.json").read_text())
    assert told["stq"] == told["vpq"] == 1


class _View:
    """A sequence of one frame whose every pixel is another object of class 2."""

    def __init__(self, count: int) -> None:
        self.details, self.labelled, self.name, self.dataset = {}, np.array([True]), "s", self
        self.path, self.class_names = "d.h5", ("a", "b", "car")
        self.count = count

    def frame(self, index):
        return np.full((1, self.count), 2, np.uint8), np.arange(self.count)[None] + 100_000


def test_more_objects_of_a_class_than_numbers_are_refused():
    view = _View(65_535)
    renumbered = step.step_numbers(view, view.frame)(*view.frame(0))
    assert renumbered[0].tolist() == list(range(1, 65_536))
    view = _View(65_536)
    with pytest.raises(DatasetError, match="shows 65536 objects of class car"):
        step.step_numbers(view, view.frame)
