"""Families of meshes, their ids, and the palette file."""

import re
from pathlib import Path

import numpy as np
import pytest

from airseg.errors import SimulatorError
from airseg.recording.flying.mesh_ids import (
    IdDecoder,
    Palette,
    family,
    family_pattern,
    group_meshes,
    read_palette,
)


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [
        ("Road_89", "Road"),
        ("Outer_Wall_Half_Win_3", "Outer_Wall_Half_Win"),
        ("Monument_01_176", "Monument"),
        ("Car", "Car"),
        ("RaccoonBP2_85", "RaccoonBP"),
        ("13_26", "(numbers)"),
    ],
)
def test_trailing_numbers_are_no_part_of_a_family(mesh, expected):
    assert family(mesh) == expected


def test_families_differ_in_letters_not_in_case():
    groups = group_meshes(["Lcd_1", "lcd_02_29", "Car_1"])
    assert [g for g, _ in groups] == ["Car", "Lcd"]
    assert len(groups[1][1]) == 2


def test_a_familys_pattern_matches_its_meshes_and_no_others():
    names = Path("tests/labels/airsimnh_families.txt").read_text().split()
    groups = group_meshes(names)
    for _, meshes in groups:
        pattern = re.compile(family_pattern(meshes), re.IGNORECASE)
        assert [n for n in sorted(names) if pattern.fullmatch(n)] == sorted(meshes)


def test_more_families_than_ids_share_an_id_with_their_neighbour():
    names = [f"Mesh{chr(97 + i // 26)}{chr(97 + i % 26)}_1" for i in range(300)]
    groups = group_meshes(names)
    assert len(groups) == 255
    assert sorted(m for _, meshes in groups for m in meshes) == sorted(names)


def test_ids_are_decoded_from_colours():
    palette = Palette({0: (0, 0, 0), 7: (10, 20, 30), 255: (255, 255, 255)})
    image = np.array([[[10, 20, 30], [0, 0, 0]], [[255, 255, 255], [10, 20, 30]]], np.uint8)
    assert IdDecoder(palette).decode(image, 0).tolist() == [[7, 0], [255, 7]]


def test_a_palette_in_airsims_form_is_read(tmp_path):
    path = tmp_path / "seg_rgbs.txt"
    path.write_text("0\t[0, 0, 0]\n1\t[153, 108, 6]\n\n2\t[112,105,191]\n")
    assert read_palette(path).colors == {0: (0, 0, 0), 1: (153, 108, 6), 2: (112, 105, 191)}


@pytest.mark.parametrize("text", ["1 153 108 6", "1\t[153, 108]", "1\t[1, 2, 999]", "a\t[1,2,3]"])
def test_a_malformed_palette_is_told_with_its_line(tmp_path, text):
    path = tmp_path / "palette.txt"
    path.write_text("0\t[0, 0, 0]\n" + text)
    with pytest.raises(SimulatorError, match=r"palette\.txt:2: expected a line like"):
        read_palette(path)


def test_black_is_the_id_that_a_palette_gives_it(tmp_path):
    path = tmp_path / "palette.txt"
    path.write_text("7\t[0, 0, 0]\n2\t[1, 2, 3]\n")
    decoder = IdDecoder(read_palette(path))
    assert decoder.decode(np.zeros((1, 1, 3), np.uint8), 0).tolist() == [[7]]
    path.write_text("2\t[1, 2, 3]\n")
    assert IdDecoder(read_palette(path)).decode(np.zeros((1, 1, 3), np.uint8), 0).tolist() == [[0]]


def test_a_palette_with_one_colour_twice_is_refused(tmp_path):
    path = tmp_path / "palette.txt"
    path.write_text("1\t[1, 2, 3]\n2\t[1, 2, 3]\n")
    with pytest.raises(SimulatorError, match="share a colour"):
        read_palette(path)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Car_21", "Car"),
        ("Car__2_31", "Car"),
        ("Car_", "Car_"),
        ("Car_2_", "Car_2_"),
        ("13_26", "(numbers)"),
        ("1" * 5000 + "x", "1" * 5000 + "x"),
        ("_1" * 5000 + "_", "_1" * 5000 + "_"),
        ("Oak" + "_1" * 5000, "Oak"),
    ],
)
def test_trailing_numbers_are_cut_off_in_no_time_whatever_the_name(name, kept):
    assert family(name) == kept


@pytest.mark.timeout(10)
def test_the_expression_of_a_family_takes_its_meshes_and_ends_on_any_other():
    found = re.compile(family_pattern(["Car"]))
    assert all(found.fullmatch(n) for n in ("Car", "Car_2", "Car12", "Car__1_2"))
    assert not any(found.fullmatch(n) for n in ("Car_", "Cart", "Car_" + "1" * 5000 + "x"))


def test_a_name_with_a_plus_is_one_family():
    """Unreal takes it in names (INVALID_OBJECTNAME_CHARACTERS does not have it)."""
    names = ["Box+Car_1", "Box+Car_2", "Box_1", "Car_1"]
    for _, meshes in group_meshes(names):
        pattern = re.compile(family_pattern(meshes), re.IGNORECASE)
        assert [n for n in names if pattern.fullmatch(n)] == list(meshes)
