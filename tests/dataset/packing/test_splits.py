"""Splits: by whole sequences, said by the user, the recording, the label map or a fixed rule."""

import pytest

from airseg.dataset.packing.splits import choose_splits
from airseg.errors import DatasetError


def test_recordings_say_their_own_split():
    choice = choose_splits({"a": "train", "b": "test", "c": "val"})
    assert choice.by_sequence == {"a": "train", "b": "test", "c": "val"}
    assert choice.notes == []


def test_option_outranks_recording_which_outranks_label_map():
    choice = choose_splits(
        {"a": "test", "b": "test", "c": None},
        ["train=a"],
        {"a": "val", "b": "val", "c": "val"},
    )
    assert choice.by_sequence == {"a": "train", "b": "test", "c": "val"}


def test_sequences_nobody_speaks_for_are_trained_on_and_named():
    choice = choose_splits({"a": None, "b": None, "c": None}, ["test=c"])
    assert choice.by_sequence == {"a": "train", "b": "train", "c": "test"}
    assert choice.notes == ["no split is given for a, b: used for training"]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (18, (12, 3, 3))],
)
def test_without_any_split_the_last_by_name_are_held_out_and_told(count, expected):
    names = [f"p{i:03d}" for i in range(count)]
    choice = choose_splits(dict.fromkeys(reversed(names)))
    splits = [choice.by_sequence[name] for name in names]
    assert tuple(splits.count(s) for s in ("train", "val", "test")) == expected
    assert splits == sorted(splits, key=["train", "val", "test"].index)
    assert "--assign" in choice.notes[0]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["test"], "test=seq1"),
        (["test="], "test=seq1"),
        (["tset=a"], "'test'"),
        (["test=p01"], "'p001'"),
        (["test=zzz"], "Sequences: "),
        (["test=a", "train=a"], "belongs to one split"),
        (["test=a,p001"], "no sequence is left for training"),
    ],
)
def test_wrong_options_are_told(options, part):
    with pytest.raises(DatasetError, match=part):
        choose_splits({"a": None, "p001": None}, options)
