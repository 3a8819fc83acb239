"""Stratified splits: every class on every side where that is possible, fixed by the seed."""

import itertools

import numpy as np
import pytest
from command_line import run, said
from hypothesis import given, settings
from hypothesis import strategies as st
from small_dataset import build_dataset

from airseg.dataset.editing.stratified import class_pixels, stratify
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError
from airseg.labels.label_map import SPLITS

CLASSES = ["road", "tree", "pool", "roof"]


def split(rows, frames=None, **arguments):
    names = [f"p{i:03d}" for i in range(len(rows))]
    pixels = {name: np.array(row) for name, row in zip(names, rows, strict=True)}
    counts = dict(zip(names, frames or [100] * len(rows), strict=True))
    return stratify(pixels, counts, CLASSES[: len(rows[0])], **arguments)


def lacking(rows, assigned) -> int:
    return sum(
        not any(row[c] for row, own in zip(rows, assigned, strict=True) if own == name)
        for c in range(len(rows[0]))
        if any(row[c] for row in rows)
        for name in SPLITS
    )


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.lists(st.sampled_from([0, 0, 5, 100]), min_size=3, max_size=3), min_size=3, max_size=6
    ),
    st.integers(0, 3),
)
def test_no_split_of_all_lacks_fewer_classes(rows, seed):
    found = split(rows, seed=seed)
    assigned = [found.by_sequence[name] for name in sorted(found.by_sequence)]
    assert set(assigned) == set(SPLITS)
    fewest = min(
        lacking(rows, one)
        for one in itertools.product(SPLITS, repeat=len(rows))
        if set(one) == set(SPLITS)
    )
    # Training counts one and a half, so another split may be lacked for its sake: never twice.
    assert lacking(rows, assigned) == len(found.missing)
    assert fewest <= lacking(rows, assigned) <= fewest * 1.5


def test_rare_classes_are_on_every_side_and_shares_are_kept():
    random = np.random.default_rng(0)
    rows = random.integers(100, 1000, (18, 4))
    rows[:, 2] = 0
    rows[[1, 2, 3], 2] = 500  # three flights have pools: one for each split
    rows[:, 3] = 0
    rows[[4, 5, 6, 7], 3] = 300
    found = split(rows.tolist())
    assert found.missing == []
    pools = {found.by_sequence[f"p{i:03d}"] for i in (1, 2, 3)}
    assert pools == set(SPLITS)
    count = [list(found.by_sequence.values()).count(name) for name in SPLITS]
    assert count == [12, 3, 3]


def test_a_class_of_a_single_flight_is_learned_and_its_lack_is_told():
    rows = [[100, 0]] * 6 + [[100, 50]]
    found = split(rows)
    assert found.by_sequence["p006"] == "train"
    assert found.missing == [("val", "tree"), ("test", "tree")]


def test_a_class_with_next_to_nothing_is_told():
    rows = [[100, 1000], [100, 1000], [100, 1], [100, 1]]
    found = split(rows, shares=(0.5, 0.25, 0.25))
    assert found.missing == []
    assert len(found.scarce) == 1
    assert found.scarce[0][1] == "tree"


def test_seed_and_names_decide_not_the_order():
    rows = np.random.default_rng(1).integers(0, 9, (12, 4)).tolist()
    names = [f"p{i:03d}" for i in range(12)]
    pixels = {name: np.array(row) for name, row in zip(names, rows, strict=True)}
    turned = dict(reversed(pixels.items()))
    frames = dict.fromkeys(names, 50)
    one = stratify(pixels, frames, CLASSES, seed=3)
    assert stratify(turned, frames, CLASSES, seed=3) == one
    alike = [[10, 10, 10, 10]] * 12
    assert len({str(split(alike, seed=s).by_sequence) for s in range(4)}) > 1


def test_a_split_without_a_share_stays_empty():
    found = split([[10, 10]] * 6, shares=(0.5, 0.0, 0.5))
    assert sorted(found.by_sequence.values()) == ["test"] * 3 + ["train"] * 3


@pytest.mark.parametrize(
    "shares", [(0, 0.5, 0.5), (1, -1, 1), (1, 1), (np.nan, 1, 1), (np.inf, 1, 1)]
)
def test_impossible_shares_are_refused(shares):
    with pytest.raises(DatasetError, match="should be three numbers"):
        split([[1]] * 5, shares=shares)


def test_a_seed_below_zero_is_told(tmp_path, capsys):
    arguments = ("--stratified", "--seed", "-1", "--out", tmp_path / "x.h5")
    code, _, err = run(capsys, "dataset", "split", tmp_path / "d.h5", *arguments)
    assert code == 2
    assert "--seed" in said(err)


def test_too_few_sequences_are_told():
    with pytest.raises(DatasetError, match="2 sequences cannot be put into 3 splits"):
        split([[1], [1]])


def test_command_writes_the_splits_and_how_they_came(tmp_path, capsys):
    path = build_dataset(tmp_path)
    out = tmp_path / "out.h5"
    arguments = ("dataset", "split", path, "--stratified", "--seed", "3", "--out", out)
    code, printed, _ = run(capsys, *arguments)
    assert code == 0
    dataset = Dataset(out)
    pixels = class_pixels(dataset)
    view = dataset.sequence("a")
    assert int(pixels["a"].sum()) == int((view.label(0, view.length) != 255).sum())
    expected = stratify(
        pixels, {v.name: v.length for v in dataset}, dataset.class_names, seed=3
    ).by_sequence
    assert {v.name: v.split for v in dataset} == expected
    assert set(expected.values()) == set(SPLITS)
    assert dataset.history[-1]["operation"] == "split --stratified --shares 70,15,15 --seed 3"
    assert "every class is in every split" in printed
    code, _, err = run(capsys, "dataset", "split", path, "--out", tmp_path / "x.h5")
    assert code == 2
    assert "say --assign SPLIT=SEQ,SEQ or --stratified" in said(err)
    code, _, err = run(
        capsys, "dataset", "split", path, "--stratified", "--shares", "7,x", "--out", tmp_path / "x"
    )
    assert code == 2
    assert "--shares 7,x" in said(err)
