"""Specks and edges are left out only when asked for, and then exactly."""

import json

import h5py
import numpy as np
import pytest
from command_line import run
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from recording_folders import write_recording

from airseg.classes import IGNORE_INDEX
from airseg.labels.boundaries import EdgeOptions, leave_out_edges

LABELS = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3)
)


def regions(labels):
    """Return the size of each pixel's region, by flooding."""
    sizes, seen = np.zeros(labels.shape, int), np.zeros(labels.shape, bool)
    for start in np.ndindex(*labels.shape):
        if seen[start]:
            continue
        stack, members = [start], []
        seen[start] = True
        while stack:
            y, x = stack.pop()
            members.append((y, x))
            for near in np.ndindex(3, 3):
                v, u = y + near[0] - 1, x + near[1] - 1
                inside = 0 <= v < labels.shape[0] and 0 <= u < labels.shape[1]
                if inside and not seen[v, u] and labels[v, u] == labels[start]:
                    seen[v, u] = True
                    stack.append((v, u))
        for place in members:
            sizes[place] = len(members)
    return sizes


@given(LABELS)
def test_off_by_default_and_then_the_same_array(labels):
    assert leave_out_edges(labels, EdgeOptions()) is labels


@given(LABELS, st.integers(2, 9))
def test_regions_below_the_size_are_ignored_and_no_others(labels, size):
    found = leave_out_edges(labels, EdgeOptions(min_region_px=size))
    expected = np.where(regions(labels) < size, IGNORE_INDEX, labels)
    assert np.array_equal(found, expected)


@given(LABELS, st.integers(1, 3))
def test_band_holds_the_pixels_near_another_class_and_no_others(labels, band):
    found = leave_out_edges(labels, EdgeOptions(band_px=band))
    for y, x in np.ndindex(*labels.shape):
        window = labels[max(0, y - band) : y + band + 1, max(0, x - band) : x + band + 1]
        is_edge = (window != labels[y, x]).any()
        assert found[y, x] == (IGNORE_INDEX if is_edge else labels[y, x])


@pytest.mark.parametrize(("options", "kept"), [((), (0, 0)), (("--edge-band", 1), (0, 1))])
def test_dataset_says_what_was_left_out(tmp_path, capsys, options, kept):
    write_recording(tmp_path / "rec", "a", 2)
    code, _, err = run(
        capsys, "relabel", tmp_path / "rec", "--map", "neighborhood", *options,
        "--out", tmp_path / "d.h5", "--report", tmp_path / "r.csv",
    )  # fmt: skip
    assert code == 0, err
    with h5py.File(tmp_path / "d.h5") as file:
        edges = json.loads(file.attrs["label_edges"])
        has_ignored = (file["sequences/a/label"][...] == IGNORE_INDEX).any()
    assert edges == {"min_region_px": kept[0], "band_px": kept[1]}
    assert has_ignored == bool(options)
    lines = (tmp_path / "r.csv").read_text().splitlines()
    assert lines[1].startswith("neighborhood,a,train,2,")
    assert sum(float(v) for v in lines[1].split(",")[4:]) == pytest.approx(1, abs=1e-4)
