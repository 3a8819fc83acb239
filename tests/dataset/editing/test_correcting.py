"""Labels go to CVAT and come back, held to the layout that CVAT's documentation gives."""

import io
import json
import re
import shutil
import zipfile

import numpy as np
import pytest
from command_line import run, said
from instance_flights import build_dataset as build_objects
from PIL import Image
from published_datasets import cityscapes
from small_dataset import build_dataset

from airseg.classes import CLASSES
from airseg.cli import main
from airseg.dataset.reading.reader import Dataset


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return build_dataset(tmp_path_factory.mktemp("small"))


def unpacked(capsys, dataset, tmp_path):
    """Export a dataset, and unpack each sequence's archive as a person would CVAT's."""
    code, _, err = run(capsys, "dataset", "export", "cvat", dataset, "--out", tmp_path / "out")
    assert code == 0, err
    for archive in (tmp_path / "out").glob("*/*/annotations.zip"):
        with zipfile.ZipFile(archive) as file:
            file.extractall(tmp_path / "corrected" / archive.parent.name)
    return tmp_path / "corrected"


def correct(capsys, dataset, corrected, out):
    return run(capsys, "dataset", "correct", dataset, corrected, "--out", out, "--jobs", "1")


def test_an_archive_is_as_cvat_describes_it(small, tmp_path, capsys):
    """docs.cvat.ai, Segmentation mask: the archive's layout, and a line of labelmap.txt."""
    run(capsys, "dataset", "export", "cvat", small, "--out", tmp_path / "out")
    place = tmp_path / "out" / "test" / "d"
    stems = [f"frame_{n:06d}" for n in range(9)]
    assert sorted(p.stem for p in (place / "images").iterdir()) == stems
    with zipfile.ZipFile(place / "annotations.zip") as archive:
        names = set(archive.namelist())
        lines = archive.read("labelmap.txt").decode().splitlines()
        assert archive.read("ImageSets/Segmentation/default.txt").decode().split() == stems
        masks = [
            np.asarray(Image.open(io.BytesIO(archive.read(f"SegmentationClass/{s}.png"))))
            for s in stems
        ]
        objects = [
            np.asarray(Image.open(io.BytesIO(archive.read(f"SegmentationObject/{s}.png"))))
            for s in stems
        ]
    assert len(names) == 2 + 2 * 9
    assert all(line.startswith("#") or re.fullmatch(r"\w+:\d+,\d+,\d+::", line) for line in lines)
    colors = {c.name: c.color for c in CLASSES} | {"background": (0, 0, 0)}
    told = dict(line.split(":")[:2] for line in lines if not line.startswith("#"))
    assert {n: tuple(map(int, rgb.split(","))) for n, rgb in told.items()} == colors
    labels = Dataset(small).sequence("d").label(0, 9)
    for mask, parts, label in zip(masks, objects, labels, strict=True):
        for target in CLASSES:
            assert (mask[label == target.index] == target.color).all()
        assert len(np.unique(parts.reshape(-1, 3), axis=0)) == len(np.unique(label))
    told = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert [row["name"] for row in told] == [c.name for c in CLASSES]


def test_what_nobody_changed_comes_back_as_it_was(small, tmp_path, capsys):
    corrected = unpacked(capsys, small, tmp_path)
    code, out, err = correct(capsys, small, corrected, tmp_path / "again.h5")
    assert code == 0, err
    assert "d: 9 frames, 0 of them new, 0 pixels changed" in out
    with Dataset(small) as before, Dataset(tmp_path / "again.h5") as after:
        assert after.class_names == before.class_names
        for view in before:
            other, whole = after.sequence(view.name), (0, len(view))
            assert other.split == view.split
            assert np.array_equal(other.label(*whole), view.label(*whole))
            assert np.array_equal(other.rgb(*whole), view.rgb(*whole))
            assert np.array_equal(other.poses, view.poses)
            assert np.array_equal(other.timestamps_ns, view.timestamps_ns)
            assert other.details == view.details


@pytest.mark.parametrize("kind", ["colours", "numbers"])
def test_a_persons_stroke_is_in_the_new_file_and_nowhere_else(small, tmp_path, capsys, kind):
    """CVAT takes and gives masks in the colours of labelmap.txt, or numbers of its lines."""
    corrected = unpacked(capsys, small, tmp_path)
    for name in ("a", "b", "c"):
        (corrected / name / "labelmap.txt").unlink()
    lines = [f"{c.name}:{c.color[0]},{c.color[1]},{c.color[2]}::" for c in reversed(CLASSES)]
    (corrected / "d" / "labelmap.txt").write_text("\n".join(["background:0,0,0::", *lines]))
    before = Dataset(small).sequence("d").label(0, 9)
    wanted = before.copy()
    wanted[4, 5:9, 10:20] = 7  # a stone
    wanted[4, 0, :] = 255
    mask = corrected / "d" / "SegmentationClass" / "frame_000004.png"
    if kind == "colours":
        palette = np.zeros((256, 3), np.uint8)
        for target in CLASSES:
            palette[target.index] = target.color
        Image.fromarray(palette[wanted[4]]).save(mask)
    else:
        numbers = np.where(wanted[4] == 255, 0, 11 - wanted[4].astype(int)).astype(np.uint8)
        Image.fromarray(numbers).save(mask)
    code, out, err = correct(capsys, small, corrected, tmp_path / "again.h5")
    assert code == 0, err
    changed = int((wanted != before).sum())
    assert f"d: 9 frames, 0 of them new, {changed} pixels changed" in out
    with Dataset(tmp_path / "again.h5") as after:
        assert np.array_equal(after.sequence("d").label(0, 9), wanted)


def test_context_that_somebody_labels_becomes_labelled(tmp_path, capsys):
    cityscapes(tmp_path / "city")
    main(["dataset", "import", "cityscapes", str(tmp_path / "city"), "--before", "3",
          "--jobs", "1", "--out", str(tmp_path / "city.h5")])  # fmt: skip
    corrected = unpacked(capsys, tmp_path / "city.h5", tmp_path)
    with Dataset(tmp_path / "city.h5") as dataset:
        view = next(iter(dataset))
        last = len(view) - 1
        assert view.labelled.tolist() == [False] * last + [True]
        masks = corrected / view.name / "SegmentationClass"
        Image.open(masks / f"frame_{last:06d}.png").save(masks / "frame_000000.png")
        black = np.zeros((view.height, view.width, 3), np.uint8)  # nobody labelled this one
        Image.fromarray(black).save(masks / "frame_000001.png")
    code, out, err = correct(capsys, tmp_path / "city.h5", corrected, tmp_path / "again.h5")
    assert code == 0, err
    assert f"{view.name}: 2 frames, 1 of them new" in out
    with Dataset(tmp_path / "again.h5") as after:
        other = after.sequence(view.name)
        assert other.labelled.tolist() == [True, *[False] * (last - 1), True]
        assert np.array_equal(*other.label(0, last + 1)[[0, last]])


def test_masks_with_capitals_and_beside_what_a_mac_writes_come_back_too(small, tmp_path, capsys):
    """AppleDouble files, named ._ and the file's name: RFC 1740, appendix B."""
    corrected = unpacked(capsys, small, tmp_path)
    for mask in [*(corrected / "d" / "SegmentationClass").iterdir()]:
        mask.rename(mask.with_suffix(".PNG"))
        mask.with_name(f"._{mask.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    code, out, err = correct(capsys, small, corrected, tmp_path / "again.h5")
    assert code == 0, err
    assert "d: 9 frames" in out


def test_objects_that_are_left_out_are_told(tmp_path, capsys):
    dataset = build_objects(tmp_path)
    corrected = unpacked(capsys, dataset, tmp_path)
    code, _, err = correct(capsys, dataset, corrected, tmp_path / "again.h5")
    assert code == 0
    with Dataset(tmp_path / "again.h5") as again:
        for view in again:
            assert not view.has_instance
            assert f"{view.name}: its numbers of objects are left out" in err


def test_mistakes_are_one_line(small, tmp_path, capsys):
    corrected = unpacked(capsys, small, tmp_path)
    place = corrected / "d"
    labelmap = (place / "labelmap.txt").read_text()
    mask = place / "SegmentationClass" / "frame_000002.png"
    content = mask.read_bytes()

    def refused(told):
        code, _, err = correct(capsys, small, corrected, tmp_path / "again.h5")
        assert code == 2
        assert told in said(err)
        assert not (tmp_path / "again.h5").exists()

    image = np.array(Image.open(mask))
    image[3, 5] = (1, 2, 3)
    Image.fromarray(image).save(mask)
    refused("column 5, row 3 has colour #010203")
    mask.write_bytes(b"x")
    refused("frame_000002.png: is no picture")
    Image.fromarray(image[:-1]).save(mask)
    refused("the frames are 96x64")
    mask.write_bytes(content)
    (place / "labelmap.txt").write_text(labelmap.replace("tree:", "treee:"))
    refused("Did you mean 'tree'")
    road = next(line for line in labelmap.splitlines() if line.startswith("road:"))
    (place / "labelmap.txt").write_text(labelmap + road.replace("road:", "tree:") + "\n")
    refused("the colour of tree is another label's, too")
    (place / "labelmap.txt").write_text(labelmap + "tree:0,0,300::\n")
    refused("the colour of tree fits no bytes")
    (place / "labelmap.txt").write_text(labelmap)
    mask.rename(mask.with_name("frame_000100.png"))
    refused("frames 0 to 8")
    mask.with_name("frame_000100.png").rename(mask.with_name("frame_000001.PNG"))
    refused("both are frame 1")
    (place / "SegmentationClass").rename(place / "SegmentationObject2")
    refused("has no masks such as frame_000000.png")
    (corrected / "test" / "d").mkdir(parents=True)
    (corrected / "test" / "d" / "labelmap.txt").write_text(labelmap)
    refused("is of the same sequence")
    shutil.rmtree(corrected / "test")
    place.rename(corrected / "dd")
    refused("dd is no sequence")
