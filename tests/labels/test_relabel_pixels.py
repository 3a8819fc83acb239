"""Raw ids become labels exactly as the rules say, and nothing seen is left without a class."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from airseg.classes import CLASS_INDEX, CLASS_NAMES, IGNORE_INDEX
from airseg.errors import LabelMapError
from airseg.labels.label_map import LabelMap, LabelRule, load_label_map
from airseg.labels.relabel import apply_table, count_ids, count_labels
from airseg.labels.resolution import check_seen, resolve


@dataclass(frozen=True)
class Group:
    id: int
    group: str
    meshes: tuple[str, ...] = ()


def label_map(*rules: dict, background: str = "ignore") -> LabelMap:
    return LabelMap(
        "test", tuple(LabelRule.model_validate(r) for r in rules), background, {}, {}, ""
    )


CARS_AND_TREES = label_map(
    {"class": "vehicle", "names": "car"}, {"class": "tree", "names": "oak"}, background="sky"
)


def pixels(**counts: int) -> np.ndarray:
    result = np.zeros(256, np.int64)
    for key, value in counts.items():
        result[int(key[2:])] = value
    return result


def test_groups_get_the_class_of_their_meshes():
    groups = [Group(3, "Car", ("Car_1", "Car_2")), Group(9, "Oak", ("Oak_7",))]
    table = resolve(CARS_AND_TREES, groups).table
    assert table[3] == CLASS_INDEX["vehicle"]
    assert table[9] == CLASS_INDEX["tree"]
    assert table[0] == CLASS_INDEX["sky"]
    assert (np.delete(table, [0, 3, 9]) == IGNORE_INDEX).all()


def test_group_that_falls_into_two_classes_is_refused_with_both_meshes():
    resolution = resolve(CARS_AND_TREES, [Group(3, "Prop", ("Car_1", "Oak_1"))])
    with pytest.raises(LabelMapError, match="Oak_1 is tree, Car_1 is vehicle"):
        check_seen(CARS_AND_TREES, [resolution], [pixels(id3=1)], allow_unmapped=True)


def test_seen_group_without_a_class_is_refused_with_its_pixels_most_first():
    resolution = resolve(
        CARS_AND_TREES, [Group(1, "Dog", ("Dog_4",)), Group(2, "Cat"), Group(3, "Car", ("Car_1",))]
    )
    with pytest.raises(LabelMapError) as caught:
        check_seen(
            CARS_AND_TREES, [resolution, resolution], [pixels(id1=5, id2=8000), pixels(id1=7)]
        )
    message = str(caught.value)
    assert message.index("Cat (8,000 pixels)") < message.index("Dog: Dog_4 (12 pixels)")
    assert "Car" not in message
    assert "--allow-unmapped" in message


def test_group_without_a_class_that_is_never_seen_is_no_error():
    resolution = resolve(CARS_AND_TREES, [Group(1, "Dog")])
    assert not resolution.is_complete
    assert check_seen(CARS_AND_TREES, [resolution], [pixels(id0=5)]) == []


def test_allowed_unmapped_groups_are_ignored_and_told():
    resolution = resolve(CARS_AND_TREES, [Group(1, "Dog")])
    warnings = check_seen(CARS_AND_TREES, [resolution], [pixels(id1=1234)], allow_unmapped=True)
    assert warnings == ["Dog has no class: 1,234 pixels are ignored"]
    assert resolution.table[1] == IGNORE_INDEX


def test_id_that_the_object_table_does_not_know_is_refused():
    resolution = resolve(CARS_AND_TREES, [Group(3, "Car")])
    with pytest.raises(LabelMapError, match=r"id 77 \(not in the object table\)"):
        check_seen(CARS_AND_TREES, [resolution], [pixels(id77=1)])


def test_recordings_without_names_are_mapped_by_id():
    founding = load_label_map("founding")
    resolution = resolve(founding, [])
    assert resolution.table[0] == CLASS_INDEX["stone"]
    assert resolution.table[146] == CLASS_INDEX["sky"]
    with pytest.raises(LabelMapError, match=r"id 7 \(2 pixels\)"):
        check_seen(founding, [resolution], [pixels(id7=2, id251=9)])


def test_id_rules_do_not_touch_recordings_with_names():
    by_id = label_map({"class": "road", "ids": [3]}, {"class": "vehicle", "names": "car"})
    assert resolve(by_id, [Group(3, "Car", ("Car_1",))]).table[3] == CLASS_INDEX["vehicle"]


@settings(deadline=None)  # the first call compiles
@given(
    frame=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)),
    table=hnp.arrays(np.uint8, 256),
)
def test_table_gives_what_indexing_gives(frame, table):
    labels = apply_table(frame, table)
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, table[frame])
    assert np.array_equal(count_ids(frame), np.bincount(frame.ravel(), minlength=256))
    assert np.array_equal(
        count_labels(count_ids(frame), table), np.bincount(labels.ravel(), minlength=256)
    )


def test_founding_table_gives_what_the_loop_over_classes_gives():
    founding = load_label_map("founding")
    frame = np.random.default_rng(0).integers(0, 256, (48, 64), dtype=np.uint8)
    expected = np.full_like(frame, IGNORE_INDEX)
    for name in CLASS_NAMES:
        ids = [i for rule in founding.rules if rule.class_name == name for i in rule.ids]
        expected = np.where(np.isin(frame, ids), CLASS_INDEX[name], expected)
    assert np.array_equal(apply_table(frame, resolve(founding, []).table), expected)


@given(st.sampled_from([np.int64, np.uint16, np.float32]))
def test_wider_types_are_refused_instead_of_cut_off(dtype):
    with pytest.raises(ValueError, match="uint8"):
        apply_table(np.zeros((2, 2), dtype), np.zeros(256, np.uint8))
