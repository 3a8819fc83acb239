"""KITTI-STEP: the class in red, the instance in green and blue."""

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import trainId2label
from importing import imported, refusal
from PIL import Image
from published_datasets import picture
from published_flights import kitti_step

from airseg.classes import CLASS_INDEX


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def authors_panoptic(path):
    """The format of deeplab2: R is the semantic id, G * 256 + B the instance."""
    rgb = np.array(Image.open(path), np.int64)
    return rgb[..., 0], rgb[..., 1] * 256 + rgb[..., 2]


def test_red_is_cityscapes_train_id_and_void_is_ignored(here, capsys):
    written = kitti_step(here / "kitti")
    dataset, out, _ = imported(capsys, "kitti-step", "kitti")
    assert {view.name: view.split for view in dataset} == {"0000": "train", "0002": "val"}
    for view in dataset:
        ids, _ = written[view.name]
        assert np.array_equal(view.label(0, 3), ids)  # 255 is void in both
        assert np.array_equal(view.raw_label(0, 3), ids)
    assert [trainId2label[n].name for n in range(19)] == list(dataset.class_names)
    assert np.array_equal(view.rgb(2, 3)[0], picture([1, 2]))
    assert view.rate_hz == 10
    assert view.details["origin"]["licence"] == "CC BY-NC-SA 3.0"
    assert np.isnan(view.poses).all()
    assert "differs  val: sequences: 1 found, 9 published" in out


def test_the_map_of_cityscapes_makes_the_eleven_of_it(here, capsys):
    written = kitti_step(here / "kitti")
    dataset, _, _ = imported(capsys, "kitti-step", "kitti", "--map", "cityscapes")
    ids, _ = written["0000"]
    labels = dataset.sequence("0000").label(0, 3)
    assert (labels[ids == 13] == CLASS_INDEX["vehicle"]).all()
    assert (labels[ids == 8] == CLASS_INDEX["tree"]).all()
    assert (labels[ids == 11] == 255).all()  # people


def test_objects_are_the_published_instances_within_their_class(here, capsys):
    written = kitti_step(here / "kitti")
    dataset, _, _ = imported(capsys, "kitti-step", "kitti")
    semantic, instance = authors_panoptic(here / "kitti/panoptic_maps/train/0000/000001.png")
    assert np.array_equal(instance, written["0000"][1][1])
    numbers = dataset.sequence("0000").instance(1, 2)[0]
    assert np.array_equal(numbers & 65535, instance)
    assert np.array_equal(numbers >> 16, np.where(instance > 0, semantic, 0))


def test_pictures_may_lie_as_deeplab2_wants_them(here, capsys):
    kitti_step(here / "kitti")
    for part, number in (("train", "0000"), ("val", "0002")):
        (here / "kitti/images" / part).mkdir(parents=True)
        (here / "kitti/training/image_02" / number).rename(here / "kitti/images" / part / number)
    assert len(imported(capsys, "kitti-step", "kitti")[0].sequences) == 2


def test_a_map_without_colours_is_refused(here, capsys):
    kitti_step(here / "kitti")
    path = here / "kitti/panoptic_maps/train/0000/000001.png"
    Image.fromarray(np.asarray(Image.open(path))[..., 0]).save(path)
    assert "expected an RGB PNG of 8 bits with the class in red" in refusal(
        capsys, "kitti-step", "kitti"
    )


def test_a_class_that_cityscapes_lacks_is_refused(here, capsys):
    kitti_step(here / "kitti")
    path = here / "kitti/panoptic_maps/train/0000/000001.png"
    rgb = np.array(Image.open(path))
    rgb[2, 3, 0] = 40
    Image.fromarray(rgb).save(path)
    assert "id 40 (not in the object table) (1 pixels)" in refusal(capsys, "kitti-step", "kitti")
