"""``labels check`` finds what reading a map cannot refuse: dead rules, doubles, unknown names."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from command_line import run, said
from recording_folders import write_recording

from airseg.classes import IGNORE_INDEX
from airseg.errors import LabelMapError
from airseg.labels.check import check_map, default_id
from airseg.labels.label_map import base_name, load_label_map, parse_label_map
from airseg.labels.resolution import resolve
from airseg.resources import shipped_names
from airseg.simulators.embedded.worlds.catalogue import WORLD_NAMES, build_world

HEAD = "format: 1\nname: x\nrules:\n"


@pytest.mark.parametrize("name", shipped_names("label map"))
def test_shipped_maps_have_no_doubles_and_no_dead_rules(name):
    assert check_map(load_label_map(name)).problems == []


@pytest.mark.parametrize(
    ("rules", "part"),
    [
        ("  - {class: road, ids: [7]}\n  - {class: house, ids: ['5-9']}\n", "id 7 stands under"),
        ("  - {class: tree, names: oak}\n  - {class: house, names: OAK}\n", "expression oak"),
        (
            "  - {class: house, names: 'roof.*'}\n  - {class: roof, names: roof_edge}\n",
            "'roof_edge' never wins",
        ),
        (
            "  - {class: road, colors: '#102030'}\n  - {class: sky, colors: [16, 32, 48]}\n",
            "colour #102030 stands under road and sky",
        ),
    ],
)
def test_doubles_and_dead_rules_are_told(rules, part):
    problems = check_map(parse_label_map(HEAD + rules, "x")).problems
    assert any(part in problem for problem in problems)


def test_special_before_general_is_no_problem():
    rules = "  - {class: roof, names: roof_edge}\n  - {class: house, names: 'roof.*'}\n"
    assert check_map(parse_label_map(HEAD + rules, "x")).problems == []


@pytest.mark.parametrize(
    ("mesh", "number"), [("Car_21", 59), ("Road_89", 171), ("Hedge", 2), ("13_26", 5)]
)
def test_default_ids_are_those_airsim_gave(mesh, number):
    assert default_id(mesh) == number


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLD_NAMES)
def test_one_map_that_extends_a_common_base_serves_every_embedded_world(world):
    own, shared = load_label_map(world), load_label_map("embedded")
    names = {base_name(thing.name) for thing in build_world(world).objects}
    assert {n: shared.class_of_name(n) for n in names} == {n: own.class_of_name(n) for n in names}


def test_tartanair2_map_takes_every_name_of_its_environments():
    lines = (Path(__file__).parent / "tartanair2_names.txt").read_text().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert len(names) > 100
    report = check_map(load_label_map("tartanair2"), names)
    assert report.problems == []


def test_names_of_several_classes_with_one_default_id_are_told():
    report = check_map(load_label_map("neighborhood"), ["Road_89", "Bed_Double_3", "Car_21"])
    assert report.collisions == ["default id 171 is shared: Bed_Double_3 is house, Road_89 is road"]


def test_every_id_of_the_founding_map_has_exactly_one_class():
    founding = load_label_map("founding")
    for number in range(256):
        classes = [rule.class_name for rule in founding.rules if number in rule.ids]
        assert len(classes) <= 1
    assert (resolve(founding, []).table != IGNORE_INDEX).sum() == 105


def test_colours_give_classes_and_classes_of_a_map_may_be_its_own():
    camvid = load_label_map("camvid11")
    assert camvid.class_of_name("#804080") == "road"
    assert camvid.label_value("bicyclist") == 10
    assert np.array_equal(camvid.palette()[3], [128, 64, 128])
    assert load_label_map("camvid").class_of_name("#C00040") == "road"


@pytest.mark.parametrize("count", [19, 20])
def test_cityscapes_ids_become_the_official_training_ids(count):
    label_map = load_label_map(f"cityscapes{count}")
    train_ids = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    table = resolve(label_map, []).table
    assert [table[i] for i in train_ids] == list(range(19))
    rest = np.delete(table[:34], train_ids)
    assert set(rest.tolist()) == {IGNORE_INDEX if count == 19 else 19}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("classes: [{name: a, color: [1, 2]}]\n", "expected a colour"),
        ("classes: [{name: a, color: [1, 2, 3]}, {name: a, color: [1, 2, 4]}]\n", "stands twice"),
        ("classes: [{name: ignore, color: [1, 2, 3]}]\n", "cannot be one"),
        ("rules: [{class: road, colors: ['#12345']}]\n", "expected a colour"),
        ("classes: [{name: car, color: '#000001'}]\nrules: [{class: road, ids: 3}]\n", "'road'"),
    ],
)
def test_wrong_classes_and_colours_are_told(text, part):
    with pytest.raises(LabelMapError) as caught:
        parse_label_map("format: 1\nname: x\n" + text, "m.yaml")
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_check_command_lists_every_shipped_map(capsys):
    code, out, _ = run(capsys, "labels", "check")
    assert code == 0
    assert len(out.splitlines()) == len(shipped_names("label map"))


def test_check_command_names_what_no_rule_takes(capsys, tmp_path):
    (tmp_path / "names.txt").write_text("Car_3\nDragon_4\n")
    code, out, err = run(
        capsys, "labels", "check", "neighborhood", "--names", tmp_path / "names.txt"
    )
    assert code == 2
    assert "no rule takes Dragon_4" in out
    assert "1 of 2 names known" in out
    assert "1 problem" in said(err)


@pytest.mark.parametrize("write", [json.dumps, partial(json.dumps, indent=2), repr])
def test_check_command_reads_a_list_as_json_and_python_write_it(capsys, tmp_path, write):
    # What people keep of client.simListSceneObjects(), which is a list.
    names = ["Car_3", "Dragon_4", "12", "it's"]
    (tmp_path / "names.json").write_text(write(names))
    code, out, _ = run(
        capsys, "labels", "check", "neighborhood", "--names", tmp_path / "names.json"
    )
    assert code == 2
    assert "2 of 4 names known" in out
    assert "no rule takes Dragon_4" in out
    (tmp_path / "names.json").write_text(write(names)[:-1])
    code, _, err = run(capsys, "labels", "suggest", tmp_path / "names.json")
    assert code == 2
    assert "names.json: begins as a list of names, and is none" in said(err)


def test_check_command_reads_names_from_recordings(capsys, tmp_path):
    write_recording(tmp_path / "rec", "a", 1)
    code, out, _ = run(capsys, "labels", "check", "neighborhood", "--names", tmp_path / "rec")
    assert code == 0
    assert "6 of 6 names known" in out


def test_binary_name_list_is_one_line(capsys, tmp_path):
    (tmp_path / "n.txt").write_bytes(b"\xff\xfe\x00")
    code, _, err = run(capsys, "labels", "check", "blocks", "--names", tmp_path / "n.txt")
    assert code == 2
    assert "n.txt: cannot be read as UTF-8 text" in said(err)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("end", ["_.*", ".*", r"\d*", "s?", "(_.*)?", "_.*.*", r"s?\d*.*"])
def test_expressions_with_many_open_ends_are_looked_through_at_once(end):
    plain = f"  - {{class: house, names: 'oak{end * 40}'}}\n"
    hostile = f"  - {{class: tree, names: 'oak{end * 40}!'}}\n"
    assert check_map(parse_label_map(HEAD + plain + hostile, "x")).problems == []
    shadowed = f"  - {{class: road, names: 'oak.*'}}\n{plain}"
    assert "'oak' never wins" in check_map(parse_label_map(HEAD + shadowed, "x")).problems[0]
