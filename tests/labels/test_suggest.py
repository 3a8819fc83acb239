"""Suggestions say a class, how sure they are, and why; they never apply themselves."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from command_line import run
from published_datasets import save
from recording_folders import write_recording

from airseg.labels.label_map import load_label_map, parse_label_map
from airseg.labels.suggest import split_words, suggest_name

FAMILIES = [
    line
    for line in (Path(__file__).parent / "airsimnh_families.txt").read_text().splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SM_NYC_Deco_StreetLight_3", ["nyc", "deco", "street", "light"]),
        ("Outer_Wall_Half_Win_02", ["wall", "win"]),
        ("BP_Sky_Sphere_2", ["sky", "sphere"]),
        ("PFS_RW_Redwood_SmallTrees", ["pfs", "rw", "redwood", "trees"]),
        ("13_26", []),
    ],
)
def test_names_are_parted_into_words_without_kinds_and_sizes(name, words):
    assert split_words(name) == words


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Garden_Chair_3", "house"),  # the last head decides
        ("Car_Porch_2", "house"),
        ("Street_Sign_1", "traffic_fixture"),
        ("Fireplace_1", "house"),
        ("powerlinepole", "traffic_fixture"),  # compounds by their end
        ("woodenfence", "fence"),
        ("Wall_Low_End_3", "stone"),
        ("SM_Big_Rock_01", "stone"),
        ("Swimming_Pool_Edge_4", "pool"),
        ("Pool_Table_1", "house"),
        ("Ground_ForestFloor", "vegetation"),
        ("Xyzzy_7", None),
    ],
)
def test_words_give_the_class_a_person_would_give(name, expected):
    found = suggest_name(name)
    assert found.class_name == expected
    assert (found.confidence > 0) == (expected is not None)
    assert found.reason


def test_most_families_of_airsimnh_are_right_with_the_map_withheld():
    label_map = load_label_map("neighborhood")
    right = [n for n in FAMILIES if suggest_name(n).class_name == label_map.class_of_name(n)]
    assert len(right) / len(FAMILIES) > 0.85


def test_command_prints_a_map_that_completes_the_given_one(capsys, tmp_path):
    (tmp_path / "names.txt").write_text("Oak_1\nOak_2\nSM_Fence_3\nXyzzy_4\nCar_9\n")
    code, out, err = run(
        capsys, "labels", "suggest", tmp_path / "names.txt", "--map", "neighborhood"
    )
    assert code == 0
    rules = {r["class"]: r["names"] for r in yaml.safe_load(out)["rules"]}
    assert rules == {"fence": ["sm_fence"]}  # Oak and Car are known
    complete = parse_label_map(out, "suggested")
    assert complete.class_of_name("SM_Fence_9") == "fence"
    assert complete.class_of_name("Oak_3") == "tree"  # from the map that it extends
    assert "0.90 'fence'" in out
    assert "# Xyzzy: no known word" in out
    # With a class, and without its first #, the line is a rule.
    mine = re.sub(r"# (- {class: ), (names: .*xyzzy)", r"\1house, \2", out)
    assert parse_label_map(mine, "mine").class_of_name("Xyzzy_4") == "house"
    assert "1 of 2 names" in err


def test_nothing_to_suggest_is_still_a_map(capsys, tmp_path):
    (tmp_path / "names.txt").write_text("Car_9\n")
    _, out, err = run(capsys, "labels", "suggest", tmp_path / "names.txt", "--map", "neighborhood")
    assert parse_label_map(out, "suggested").class_of_name("Car_1") == "vehicle"
    assert "nothing to suggest: neighborhood has a class for every name" in err


def test_a_map_of_names_that_nothing_speaks_for_can_be_read_and_filled_in(capsys, tmp_path):
    (tmp_path / "names.txt").write_text("Xyzzy_4\nCar_9\n")
    _, out, _ = run(capsys, "labels", "suggest", tmp_path / "names.txt", "--map", "neighborhood")
    assert parse_label_map(out, "suggested").class_of_name("Xyzzy_4") is None
    written = parse_label_map(out + '  - {class: house, names: "xyzzy"}\n', "written")
    assert written.class_of_name("Xyzzy_4") == "house"


def test_labels_without_names_are_sent_to_where_they_can_be_seen(capsys, tmp_path):
    for kind, image in (("images", np.full((12, 16, 3), 90)), ("labels", np.eye(12, 16))):
        save(tmp_path / "film" / kind / "000.png", image.astype(np.uint8))
    code, out, err = run(capsys, "labels", "suggest", tmp_path / "film")
    assert code == 0
    assert yaml.safe_load(out)["rules"] == []
    assert "2 labels have no name, only an id or a colour: 'airseg labels audit'" in err


def test_appearance_speaks_where_frames_exist(capsys, tmp_path):
    write_recording(tmp_path / "rec", "a", 2, groups={1: ("Oak_1",), 2: ("Fence_2",)})
    code, out, _ = run(capsys, "labels", "suggest", tmp_path / "rec")
    assert code == 0
    assert {r["class"] for r in yaml.safe_load(out)["rules"]} == {"tree", "fence"}
