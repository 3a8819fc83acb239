"""New datasets out of old ones: the same frames, checked, and never a file changed in place."""

import json

import h5py
import numpy as np
import pytest
from command_line import run, said
from recording_folders import write_recording

from airseg.dataset.checking.dataset_verification import verify_dataset
from airseg.dataset.editing.combining import CombineOptions, Taken, combine
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import PackOptions, pack
from airseg.dataset.reading.reader import Dataset
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
        (("--range", "3"), "START:STOP"),
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


@pytest.fixture
def more(tmp_path):
    """Return the folder of two further recordings."""
    write_recording(tmp_path / "more", "d", 4, seed=7, split="val")
    write_recording(tmp_path / "more", "e", 3, seed=8)
    return tmp_path / "more"


def test_merged_datasets_hold_the_sequences_of_both(packed, more, tmp_path, capsys):
    items = prepare([more], NEIGHBORHOOD, ["train=e"]).items
    pack(tmp_path / "m.h5", items, NEIGHBORHOOD, PackOptions(codec="gzip"))
    out = tmp_path / "both.h5"
    assert run(capsys, "dataset", "merge", packed, tmp_path / "m.h5", "--out", out)[0] == 0
    both = Dataset(out)
    assert both.sequences == ["a", "b", "c", "d", "e"]
    for path in (packed, tmp_path / "m.h5"):
        for view in Dataset(path):
            assert streams(both.sequence(view.name)) == streams(view)
            assert both.sequence(view.name).split == view.split
    with h5py.File(out) as file:
        assert file["sequences/a/rgb"].attrs["codec"] == "lz4"
        assert file["sequences/d/rgb"].attrs["codec"] == "gzip"
    (step,) = both.history
    assert [made["file"] for made in step["inputs"]] == ["d.h5", "m.h5"]
    assert verify_dataset(out).is_sound


def test_each_sequence_keeps_the_label_map_that_made_it(packed, more, tmp_path):
    text = "format: 1\nname: x\nextends: neighborhood\nrules: [{class: fence, names: car}]\n"
    (tmp_path / "x.yaml").write_text(text)
    other = load_label_map(tmp_path / "x.yaml")
    pack(tmp_path / "m.h5", prepare([more], other, ["train=e"]).items, other)
    taken = [Taken.whole(v) for path in (packed, tmp_path / "m.h5") for v in Dataset(path)]
    combine(tmp_path / "both.h5", taken)
    assert verify_dataset(tmp_path / "both.h5").findings == ()
    with h5py.File(tmp_path / "both.h5") as file:
        assert file["sequences/d"].attrs["label_map"] == other.text
        assert "label_map" not in file["sequences/a"].attrs
    back = [Taken.whole(Dataset(tmp_path / "both.h5").sequence("d"))]
    combine(tmp_path / "back.h5", back)
    assert verify_dataset(tmp_path / "back.h5").findings == ()


def test_names_that_collide_need_a_prefix_and_twins_are_told(packed, tmp_path, capsys):
    twin = tmp_path / "twin.h5"
    twin.write_bytes(packed.read_bytes())
    code, _, err = run(capsys, "dataset", "merge", packed, twin, "--out", tmp_path / "x.h5")
    assert code == 2
    assert "--prefix" in said(err)
    arguments = ("dataset", "merge", packed, twin, "--prefix", "--out", tmp_path / "x.h5")
    code, _, err = run(capsys, *arguments)
    assert code == 0
    assert "warning: d-a and twin-a hold the same frames" in err
    assert Dataset(tmp_path / "x.h5").sequences == sorted(
        f"{stem}-{name}" for stem in ("d", "twin") for name in "abc"
    )


def test_a_prefix_that_makes_no_name_is_told_before_anything_is_written(packed, tmp_path, capsys):
    long = tmp_path / f"{'x' * 199}.h5"
    long.write_bytes(packed.read_bytes())
    out = tmp_path / "x.h5"
    code, _, err = run(capsys, "dataset", "merge", long, "--prefix", "--out", out)
    assert code == 2
    assert "cannot name a sequence" in said(err)
    assert not out.exists()


@pytest.mark.parametrize(
    "command",
    [("dataset", "subset", "{d}"), ("relabel", "{d}", "--map", "neighborhood")],
    ids=["subset", "relabel"],
)
def test_a_dataset_file_is_not_named_like_an_index(packed, tmp_path, capsys, command):
    out = tmp_path / "x.json"
    code, _, err = run(capsys, *(part.format(d=packed) for part in command), "--out", out)
    assert code == 2
    assert "names an index" in said(err)
    assert not out.exists()


def test_other_classes_do_not_mix(packed, tmp_path, capsys):
    camvid = load_label_map("camvid11")
    with h5py.File(packed) as file, h5py.File(tmp_path / "c.h5", "w") as other:
        for name in file:
            file.copy(name, other)
        other.attrs.update(file.attrs)
        other.attrs["classes"] = json.dumps(list(camvid.class_names))
    code, _, err = run(
        capsys, "dataset", "merge", packed, tmp_path / "c.h5", "--out", tmp_path / "x.h5"
    )
    assert code == 2
    assert "are not those of" in said(err)


def test_append_relabels_recordings_as_the_others_were(packed, more, tmp_path, capsys):
    path = tmp_path / "d.h5"
    path.write_bytes(packed.read_bytes())
    code, _, err = run(capsys, "dataset", "append", path, more)
    assert code == 2
    assert "no split is given for e" in said(err)
    assert path.read_bytes() == packed.read_bytes()
    assert run(capsys, "dataset", "append", path, more, "--split", "test=e")[0] == 0
    new = Dataset(path)
    assert {v.name: v.split for v in new} == {
        "a": "train", "b": "train", "c": "test", "d": "val", "e": "test"
    }  # fmt: skip
    pack(tmp_path / "m.h5", prepare([more], NEIGHBORHOOD, ["train=e"]).items, NEIGHBORHOOD)
    for view in Dataset(tmp_path / "m.h5"):
        assert streams(new.sequence(view.name)) == streams(view)
    assert verify_dataset(path).is_sound
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.h5", "m.h5", "more"]


def test_append_tells_what_relabel_would(packed, tmp_path, capsys):
    """What is known of new sequences, and what the dataset has no place for."""
    out = tmp_path / "d.h5"
    assert run(capsys, "dataset", "subset", packed, "--no-depth", "--out", out)[0] == 0
    folder = write_recording(tmp_path, "new", 3, split="train", status="interrupted")
    code, _, err = run(capsys, "dataset", "append", out, folder)
    assert code == 0
    assert "new: the recording is interrupted" in err
    assert "new: its depth is left out, as the dataset has none" in err


def test_append_keeps_depth_where_some_sequence_has_it(packed, tmp_path, capsys):
    bare, mixed = tmp_path / "bare.h5", tmp_path / "mixed.h5"
    options = ("--sequence", "a", "--no-depth", "--no-raw", "--out", bare)
    assert run(capsys, "dataset", "subset", packed, *options)[0] == 0
    options = ("--sequence", "b", "--out", tmp_path / "b.h5")
    assert run(capsys, "dataset", "subset", packed, *options)[0] == 0
    assert run(capsys, "dataset", "merge", bare, tmp_path / "b.h5", "--out", mixed)[0] == 0
    folder = write_recording(tmp_path, "new", 3, split="train")
    assert run(capsys, "dataset", "append", mixed, folder)[0] == 0
    view = Dataset(mixed).sequence("new")
    assert view.has_depth
    assert view.has_raw_label


def test_append_by_a_map_of_other_classes_leaves_nothing_behind(packed, more, tmp_path, capsys):
    path = tmp_path / "d.h5"
    path.write_bytes(packed.read_bytes())
    arguments = ("--split", "test=e", "--map", "camvid11")
    code, _, err = run(capsys, "dataset", "append", path, more, *arguments)
    assert code == 2
    assert "are not those of label map camvid11" in said(err)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.h5", "more"]


@pytest.mark.parametrize("edges", ["[1]", "{", '{"band_px": "1"}', '{"min_region_px": -1}'])
def test_append_tells_of_damaged_edges(packed, more, tmp_path, capsys, edges):
    path = tmp_path / "d.h5"
    path.write_bytes(packed.read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["label_edges"] = edges
    code, _, err = run(capsys, "dataset", "append", path, more, "--split", "test=e")
    assert code == 2
    assert "label_edges" in said(err)


def test_append_ignores_edge_fields_it_does_not_know(packed, more, tmp_path, capsys):
    path = tmp_path / "d.h5"
    path.write_bytes(packed.read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs["label_edges"] = '{"band_px": 0, "of_tomorrow": 1}'
    assert run(capsys, "dataset", "append", path, more, "--split", "test=e")[0] == 0


def test_append_of_what_is_there_is_refused(packed, tmp_path, capsys):
    path = tmp_path / "d.h5"
    path.write_bytes(packed.read_bytes())
    code, _, err = run(capsys, "dataset", "append", path, packed)
    assert code == 2
    assert "has a sequence a already" in said(err)


def test_sequences_change_their_split(packed, tmp_path, capsys):
    out = tmp_path / "s.h5"
    code, printed, _ = run(capsys, "dataset", "split", packed, "--split", "val=b", "--out", out)
    assert code == 0
    assert "val: 7 frames: b" in printed
    new = Dataset(out)
    assert {v.name: v.split for v in new} == {"a": "train", "b": "val", "c": "test"}
    assert new.content_hash != Dataset(packed).content_hash
    assert new.sequence("b").content_hash == Dataset(packed).sequence("b").content_hash
    assert verify_dataset(out).is_sound
    code, _, err = run(
        capsys, "dataset", "split", packed, "--split", "tst=b", "--out", tmp_path / "x.h5"
    )
    assert code == 2
    assert "'test'" in said(err)
