"""The label space: eleven classes, distinct colors, ignored pixels left alone."""

import itertools

import pytest
from coloraide import Color

from airseg.classes import CLASSES, IGNORE_INDEX, NUM_CLASSES, class_palette


def test_there_are_eleven_classes_in_order():
    assert NUM_CLASSES == 11
    assert [c.index for c in CLASSES] == list(range(11))


def test_no_two_classes_share_a_name_or_a_color():
    assert len({c.name for c in CLASSES}) == NUM_CLASSES
    assert len({c.color for c in CLASSES}) == NUM_CLASSES


@pytest.mark.parametrize("method", ["machado", "brettel"])
@pytest.mark.parametrize("cones", ["protan", "deutan", "tritan"])
def test_a_colour_blind_reader_tells_all_classes_apart(cones, method):
    seen = {}
    for c in CLASSES:
        painted = Color("srgb", [v / 255 for v in c.color])
        seen[c.name] = painted.filter(cones, 1, method=method, in_place=True).clip()
    for first, second in itertools.combinations(seen, 2):
        assert seen[first].delta_e(seen[second], method="2000") > 15, (first, second)


def test_the_palette_has_each_class_in_its_color():
    assert [tuple(c) for c in class_palette()[:NUM_CLASSES]] == [c.color for c in CLASSES]
    assert tuple(class_palette()[IGNORE_INDEX]) == (0, 0, 0)


def test_other_datasets_classes_have_colors_of_their_own():
    palette = class_palette([f"class {i}" for i in range(124)])
    assert len({tuple(c) for c in palette[:124]}) == 124
    assert not palette[124:].any()
    assert tuple(class_palette(["void of ours", "sky"])[1]) == CLASSES[5].color
