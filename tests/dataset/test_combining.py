"""New datasets out of old ones: the same frames, checked, and never a file changed in place."""

import h5py
import numpy as np
import pytest
from command_line import run, said
from recording_folders import write_recording

from airseg.dataset.combining import CombineOptions, Taken, combine
from airseg.dataset.preparation import prepare
from airseg.dataset.reader import Dataset
from airseg.dataset.writer import PackOptions, pack
from airseg.errors import DatasetError
from airseg.labels.label_map import load_label_map

NEIGHBORHOOD = load_label_map("neighborhood")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    for seed, (name, split) in enumerate([("a", "train"), ("b", "train"), ("c", "test")]):
        write_recording(folder / "recordings", name, 6 + seed, seed=seed, split=split)
    pack(folder / "d.h5", prepare([folder / "recordings"], NEIGHBORHOOD).items, NEIGHBORHOOD)
    return folder / "d.h5"


def streams(view, frames=slice(None)):
    names = ("rgb", "label", "raw_label", "depth")
    images = {name: getattr(view, name)(0, len(view))[frames].tobytes() for name in names}
    return images | {"pose": view.poses[frames].tolist(), "t": view.timestamps_ns[frames].tolist()}


def test_subset_holds_the_chosen_sequences_bit_for_bit(packed, tmp_path, capsys):
    out = tmp_path / "two.h5"
    code, printed, _ = run(
        capsys, "dataset", "subset", packed, "--sequence", "a", "--sequence", "c", "--out", out
    )
    assert code == 0
    assert printed.startswith("wrote 14 frames of 2 sequences")
    old, new = Dataset(packed), Dataset(out)
    assert new.sequences == ["a", "c"]
    assert new.split("test") == ["c"]
    for name in new.sequences:
        assert streams(new.sequence(name)) == streams(old.sequence(name))
        assert new.sequence(name).content_hash == old.sequence(name).content_hash
        assert new.sequence(name).details == old.sequence(name).details
    assert new.label_map_text == old.label_map_text
    assert [step["operation"] for step in new.history] == ["relabel", "subset"]


def test_everything_taken_has_the_same_content_whatever_the_codec(packed, tmp_path):
    whole = [Taken.whole(view) for view in Dataset(packed)]
    combined = combine(tmp_path / "g.h5", whole, CombineOptions(codec="gzip"))
    assert combined.content_hash == Dataset(packed).content_hash
    with h5py.File(tmp_path / "g.h5") as file:
        assert file["sequences/a/rgb"].compression == "gzip"
        assert file["sequences/a/rgb"].attrs["codec"] == "gzip"


def test_spans_and_splits(packed, tmp_path, capsys):
    out = tmp_path / "span.h5"
    span = ("--in", "train", "--frames", "1:6:2", "--no-depth", "--no-raw")
    assert run(capsys, "dataset", "subset", packed, *span, "--out", out)[0] == 0
    old, new = Dataset(packed), Dataset(out)
    assert new.sequences == ["a", "b"]
    for name in new.sequences:
        view = new.sequence(name)
        assert not view.has_depth
        assert not view.has_raw_label
        assert np.array_equal(view.rgb(0, 3), old.sequence(name).rgb(1, 6, 2))
        assert np.array_equal(view.label(0, 3), old.sequence(name).label(1, 6, 2))
        assert view.timestamps_ns.tolist() == old.sequence(name).timestamps_ns[1:6:2].tolist()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--sequence", "aa"), "'a'"),
        (("--in", "val"), "nothing is left"),
        (("--frames", "9:"), "nothing is left"),
        (("--frames", "3"), "START:STOP"),
        (("--frames", "0:6:-1"), "STEP > 0"),
        (("--codec", "gzipp"), "'gzip'"),
    ],
)
def test_wrong_choices_are_told(packed, tmp_path, capsys, arguments, part):
    out = tmp_path / "x.h5"
    code, _, err = run(capsys, "dataset", "subset", packed, *arguments, "--out", out)
    assert code == 2
    assert part in said(err)
    assert not out.exists()


def test_file_may_take_the_place_of_the_one_it_comes_from(packed, tmp_path):
    path = tmp_path / "d.h5"
    path.write_bytes(packed.read_bytes())
    with pytest.raises(DatasetError, match="--overwrite"):
        combine(path, [Taken.whole(Dataset(path).sequence("a"))])
    combine(path, [Taken.whole(Dataset(path).sequence("a"))], CombineOptions(overwrite=True))
    assert Dataset(path).sequences == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["d.h5"]


def test_frames_that_are_not_what_their_hash_says_are_not_passed_on(packed, tmp_path):
    path = tmp_path / "d.h5"
    path.write_bytes(packed.read_bytes())
    with h5py.File(path, "r+") as file:
        frame = file["sequences/b/label"][2]
        frame[0, 0] ^= 1
        file["sequences/b/label"][2] = frame
    with pytest.raises(DatasetError, match=r"b/label reads back differently.*airseg verify"):
        combine(tmp_path / "x.h5", [Taken.whole(view) for view in Dataset(path)])
    assert not (tmp_path / "x.h5").exists()


def test_codec_none_and_back(packed, tmp_path):
    whole = [Taken.whole(view) for view in Dataset(packed)]
    combine(tmp_path / "n.h5", whole, CombineOptions(codec="none"))
    again = [Taken.whole(view) for view in Dataset(tmp_path / "n.h5")]
    combine(tmp_path / "l.h5", again, CombineOptions(codec="lz4"))
    assert Dataset(tmp_path / "l.h5").content_hash == Dataset(packed).content_hash
    assert PackOptions().codec == "lz4"
