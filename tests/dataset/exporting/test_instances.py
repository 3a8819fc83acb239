"""Exports of objects, read back by programs of others."""

import json

import numpy as np
import pytest
from instance_flights import NAMES, build_dataset, numbers
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from airseg.cli import main
from airseg.dataset import Dataset
from airseg.dataset.exporting.instances import regions_of

TREES_AND_CARS = (1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    return build_dataset(tmp_path_factory.mktemp("objects"))


def export(objects, name, folder, *options):
    main(["dataset", "export", name, str(objects), "--out", str(folder), *options])
    return folder


def test_kitti_step_pictures_hold_class_and_object(objects, tmp_path):
    folder = export(objects, "kittistep", tmp_path / "step")
    with Dataset(objects) as dataset:
        labels = dataset.sequence("west").label(0, 5)
        colors = dataset.sequence("west").rgb(0, 5)
    for index in range(5):
        # As deeplab2 reads them: red is the class, 256 green + blue the instance.
        red, green, blue = np.moveaxis(
            np.array(Image.open(folder / f"panoptic_maps/test/0001/{index:06d}.png")), -1, 0
        )
        truth = numbers(1, index)
        assert np.array_equal(red, labels[index])
        wanted = np.where(np.isin(truth, TREES_AND_CARS), truth, 0)
        assert np.array_equal(256 * green.astype(int) + blue, wanted)
        picture = np.array(Image.open(folder / f"images/test/0001/{index:06d}.png"))
        assert np.array_equal(picture, colors[index])
    told = json.loads((folder / "sequences.json").read_text())
    assert told == {"train/0000": "east", "test/0001": "west"}
    classes = json.loads((folder / "classes.json").read_text())["classes"]
    assert {row["name"] for row in classes if row["isthing"]} == {
        *("vehicle", "tree", "traffic_fixture")
    }


def test_youtube_vis_annotations_follow_an_object_through_the_video(objects, tmp_path):
    folder = export(objects, "youtubevis", tmp_path / "vis")
    document = json.loads((folder / "train/instances.json").read_text())
    (video,) = document["videos"]
    assert video["length"] == 6
    assert all((folder / "train/JPEGImages" / name).is_file() for name in video["file_names"])
    category = {row["id"]: row["name"] for row in document["categories"]}
    seen = {}
    for annotation in document["annotations"]:
        assert (annotation["height"], annotation["width"]) == (36, 48)
        seen[annotation["mesh"]] = category[annotation["category_id"]]
        for index, rle in enumerate(annotation["segmentations"]):
            truth = numbers(0, index) == annotation["object"]
            if rle is None:
                assert not truth.any()
                assert annotation["bboxes"][index] is annotation["areas"][index] is None
                continue
            packed = coco_mask.frPyObjects(rle, *rle["size"])  # what TrackEval does
            assert np.array_equal(coco_mask.decode(packed), truth)
            assert coco_mask.area(packed) == annotation["areas"][index]
            assert coco_mask.toBbox(packed).tolist() == annotation["bboxes"][index]
    assert seen == {mesh: "vehicle" if mesh < "D" else "tree" for mesh in NAMES[1:6]}
    (third,) = [a for a in document["annotations"] if a["object"] == 3]
    assert [rle is None for rle in third["segmentations"]] == [False, True, True] + 3 * [False]


def test_coco_reads_boxes_masks_and_tracks(objects, tmp_path):
    folder = export(objects, "coco", tmp_path / "coco", "--things", "tree", "--jpeg", "90")
    coco = COCO(str(folder / "annotations/instances_test.json"))
    assert [row["name"] for row in coco.loadCats(coco.getCatIds())] == ["tree"]
    for image in coco.loadImgs(coco.getImgIds()):
        assert (folder / "test" / image["file_name"]).is_file()
        truth = numbers(1, image["frame"])
        annotations = coco.loadAnns(coco.getAnnIds(image["id"]))
        assert {a["track_id"] for a in annotations} == set(np.unique(truth)) & {4, 5}
        for annotation in annotations:
            assert np.array_equal(coco.annToMask(annotation), truth == annotation["track_id"])


def test_any_shape_becomes_the_runs_that_cocos_own_program_makes():
    random = np.random.default_rng(5)
    for density in (0.02, 0.3, 0.97):
        shapes = (random.random((11, 13)) < density) * random.integers(1, 4, (11, 13))
        shapes[:, 4:6] = 3  # runs from one column into the next
        for region in regions_of(np.zeros((11, 13), np.uint8), shapes.astype(np.uint32)):
            mask = np.asfortranarray(shapes == region.number, np.uint8)
            packed = coco_mask.encode(mask)
            own = coco_mask.frPyObjects({"size": [11, 13], "counts": region.counts}, 11, 13)
            assert own["counts"] == packed["counts"]
            assert coco_mask.toBbox(packed).tolist() == region.box
            assert coco_mask.area(packed) == region.area


def test_a_dataset_without_objects_is_refused(tmp_path, capsys):
    from small_dataset import build_dataset as without_objects

    path = without_objects(tmp_path)
    with pytest.raises(SystemExit):
        export(path, "coco", tmp_path / "out")
    assert "a has no objects, only classes. Record it with 'airseg record --instances'" in (
        capsys.readouterr().err
    )
