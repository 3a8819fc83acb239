"""Label maps: every mesh gets the class a person would give it; mistakes are told."""

import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airseg.errors import LabelMapError
from airseg.labels.label_map import base_name, load_label_map
from airseg.resources import shipped_names

FAMILIES = [
    line
    for line in (Path(__file__).parent / "airsimnh_families.txt").read_text().splitlines()
    if not line.startswith("#")
]


def write_map(folder: Path, text: str, name: str = "map.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def complaint(path: Path | str) -> str:
    with pytest.raises(LabelMapError) as caught:
        load_label_map(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


RULES = "format: 1\nname: x\nrules:\n"


@pytest.mark.parametrize("name", shipped_names("label map"))
def test_every_shipped_map_loads_and_keeps_its_examples(name):
    label_map = load_label_map(name)
    assert label_map.name == name
    assert label_map.rules


def test_neighborhood_takes_every_family_of_airsimnh():
    label_map = load_label_map("neighborhood")
    assert len(FAMILIES) > 220
    assert [name for name in FAMILIES if label_map.class_of_name(name) is None] == []


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [
        ("Street_Sign_01", "traffic_fixture"),  # sTREEt
        ("Car_Porch_Prefab_3", "house"),  # Car
        ("Fireplace_1", "house"),  # Fir
        ("Pool_Table_2", "house"),  # Pool
        ("Inner_Wall_Roof_1", "house"),  # Roof
        ("Banister_Roof_Angle_01_47", "house"),  # Roof
        ("Chimney_Roof_1", "roof"),
        ("Wall_Low_Quart_5", "stone"),  # Wall
        ("Outer_Wall_Half_Garage_2", "house"),
        ("Light_Switch_3", "house"),  # not a street light
        ("LightSource", "ignore"),
        ("LandscapeGizmoActiveActor_0", "ignore"),  # Landscape
        ("lcd_02_29", "house"),
        ("BP_Fan_2", "house"),
        ("BP_PIPCamera_C_2147482474", "ignore"),
    ],
)
def test_known_name_traps_are_avoided(mesh, expected):
    assert load_label_map("neighborhood").class_of_name(mesh) == expected


def test_founding_ids_belong_to_one_class_each():
    rules = load_label_map("founding").rules
    ids = [raw_id for rule in rules for raw_id in rule.ids]
    assert len(ids) == len(set(ids)) == 105
    label_map = load_label_map("founding")
    assert label_map.class_of_id(205) == "stone"
    assert label_map.class_of_id(105) == "fence"
    assert label_map.class_of_id(251) == "road"
    assert label_map.class_of_id(7) is None


@pytest.mark.parametrize(
    ("mesh", "base"),
    [
        ("Car_21", "Car"),
        ("Birch_01_160", "Birch"),
        ("DeerBothBP2_19", "DeerBothBP"),
        ("Floor__8th_8th_3", "Floor__8th_8th"),
        ("13_26", "13_26"),
        ("Car", "Car"),
    ],
)
def test_base_name_drops_the_instance_number(mesh, base):
    assert base_name(mesh) == base


def test_first_rule_that_matches_wins(tmp_path):
    path = write_map(
        tmp_path, RULES + "  - {class: road, names: car_7}\n  - {class: vehicle, names: car}\n"
    )
    label_map = load_label_map(path)
    assert label_map.class_of_name("Car_7") == "road"
    assert label_map.class_of_name("Car_70") == "vehicle"


def test_patterns_match_whole_names_only(tmp_path):
    label_map = load_label_map(write_map(tmp_path, RULES + "  - {class: tree, names: 'a|tree'}\n"))
    assert label_map.class_of_name("Street_Sign") is None
    assert label_map.class_of_name("TREE_3") == "tree"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("other", ["NFC", "NFD"])
def test_accents_mean_the_same_however_they_are_written(tmp_path, form, other):
    # Unicode Standard Annex 15: canonically equivalent texts are the same text.
    text = RULES + "  - {class: tree, names: [Bäume]}\n  - {class: house, names: ['.*']}\n"
    label_map = load_label_map(write_map(tmp_path, unicodedata.normalize(form, text)))
    assert label_map.class_of_name(unicodedata.normalize(other, "Bäume_12")) == "tree"


def test_a_plain_list_of_what_to_ignore_takes_spans_as_ids_do(tmp_path):
    rules = "rules: [{class: house, ids: 0-255}]\n"
    text = "format: 1\nname: x\nignore: [Car_9, 10-12, '20 - 21', 40]\n" + rules
    label_map = load_label_map(write_map(tmp_path, text))
    ignored = [n for n in range(256) if label_map.class_of_id(n) == "ignore"]
    assert ignored == [10, 11, 12, 20, 21, 40]
    assert label_map.class_of_name("Car_9") == "ignore"
    assert "ids run upwards" in complaint(write_map(tmp_path, text.replace("10-12", "10-300")))


def test_ignore_is_looked_at_before_the_rules(tmp_path):
    text = (
        "format: 1\nname: x\nignore: [Car_9, 40]\n"
        "rules:\n  - {class: vehicle, names: car, ids: ['38-41']}\n"
    )
    label_map = load_label_map(write_map(tmp_path, text))
    assert label_map.class_of_name("Car_9") == "ignore"
    assert label_map.class_of_name("Car_8") == "vehicle"
    assert [label_map.class_of_id(i) for i in (37, 38, 40, 41)] == [
        None,
        "vehicle",
        "ignore",
        "vehicle",
    ]


def test_extending_map_is_asked_before_its_base(tmp_path):
    write_map(
        tmp_path,
        "format: 1\nname: base\nbackground: sky\nignore: [Dog]\nsplits: {a: train, b: val}\n"
        "rules:\n  - {class: tree, names: '.*'}\n",
        "base.yaml",
    )
    path = write_map(
        tmp_path,
        "format: 1\nname: x\nextends: base\nsplits: {b: test}\n"
        "rules:\n  - {class: vehicle, names: [car, dog]}\n",
    )
    label_map = load_label_map(path)
    assert label_map.class_of_name("Dog_1") == "vehicle"
    assert label_map.class_of_name("Oak_1") == "tree"
    assert label_map.background == "sky"
    assert label_map.splits == {"a": "train", "b": "test"}


def test_extending_map_may_overrule_the_examples_of_its_base(tmp_path):
    path = write_map(
        tmp_path,
        "format: 1\nname: x\nextends: neighborhood\nrules:\n  - {class: fence, names: car}\n",
    )
    assert load_label_map(path).class_of_name("Car_21") == "fence"


def test_text_kept_in_datasets_says_the_same_without_the_base(tmp_path):
    path = write_map(
        tmp_path,
        "format: 1\nname: x\nextends: neighborhood\nrules:\n  - {class: stone, names: bench}\n",
    )
    joined = load_label_map(path)
    again = load_label_map(write_map(tmp_path, joined.text, "again.yaml"))
    assert "extends" not in yaml.safe_load(joined.text)
    assert [joined.class_of_name(n) for n in FAMILIES] == [again.class_of_name(n) for n in FAMILIES]
    assert again.background == "sky"


def test_base_may_not_extend_further(tmp_path):
    write_map(tmp_path, "format: 1\nname: b\nextends: neighborhood\n", "b.yaml")
    assert "only one level" in complaint(
        write_map(tmp_path, "format: 1\nname: a\nextends: b\n", "a.yaml")
    )


def test_map_may_not_extend_itself(tmp_path):
    assert "names itself" in complaint(
        write_map(tmp_path, "format: 1\nname: a\nextends: a\n", "a.yaml")
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (RULES + "  - {class: hose, names: car}\n", ("map.yaml:4: rules.0.class", "'house'")),
        (RULES + "  - {class: road, names: 'a('}\n", ("map.yaml:4: rules.0.names", "'a('")),
        (RULES + "  - {clas: road, names: a}\n", ("rules.0", "class")),
        (RULES + "  - {class: road, ids: [256]}\n", ("0 to 255", "256")),
        (RULES + "  - {class: road, ids: ['9-3']}\n", ("upwards", "9-3")),
        (RULES + "  - {class: road, ids: [true]}\n", ("rules.0.ids", "true or false")),
        (RULES + "  - {class: road, names: [12]}\n", ("rules.0.names.0", "string")),
        ("format: 2\nname: x\n", ("format", "2")),
        ("format: 1\nname: x\n", ("at least one rule",)),
        ("format: 1\nname: x\nsplits: {a: tests}\n", ("splits.a", "tests")),
        ("format: 1\nname: [\n", ("map.yaml", "not valid YAML")),
        ("just words", ("expected a mapping",)),
        (RULES + "  - {class: road, names: a}\nexamples: {Car_1: road}\n", ("Car_1", "no class")),
        (RULES + "  - {class: road, names: a}\nbackgroud: sky\n", ("background",)),
    ],
)
def test_mistakes_name_file_line_and_field(tmp_path, text, parts):
    message = complaint(write_map(tmp_path, text))
    for part in parts:
        assert part in message


def test_unknown_map_gets_the_nearest_name():
    assert "'neighborhood'" in complaint("neighbourhood")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.text(max_size=200))
def test_any_text_gives_a_map_or_one_error(tmp_path, text):
    path = tmp_path / "any.yaml"
    path.write_text("format: 1\nname: x\nrules:\n" + text, encoding="utf-8", errors="replace")
    try:
        load_label_map(path)
    except LabelMapError as error:
        assert "\n" not in str(error)  # noqa: PT017


def test_each_expression_stands_by_itself(tmp_path):
    rule = "- {class: tree, names: ['(f)ir', '(?i:o)ak', '(a|b)\\1', '(?i)elm']}\n"
    label_map = load_label_map(write_map(tmp_path, RULES + rule))
    assert [label_map.class_of_name(name) for name in ("Elm_2", "aa", "fa", "oak")] == [
        "tree", "tree", None, "tree"
    ]  # fmt: skip


def test_an_expression_that_counts_too_far_is_told(tmp_path):
    rule = f"- {{class: tree, names: ['a{{{'9' * 30}}}']}}\n"
    assert "counts written out" in complaint(write_map(tmp_path, RULES + rule))
