"""Many files under one index are one dataset; what does not belong to it is told."""

import contextlib
import json
import multiprocessing
import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from command_line import run, said
from recording_folders import write_recording

from airseg.dataset.editing import combining
from airseg.dataset.editing.combining import CombineOptions, Taken, combine
from airseg.dataset.editing.indexing import write_index
from airseg.dataset.editing.sharding import plan_shards, write_shards
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import pack
from airseg.dataset.reading import shards
from airseg.dataset.reading.clips import ClipSampler, EveryClip
from airseg.dataset.reading.loading import ClipDataset, ClipLoader
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError
from airseg.labels.label_map import load_label_map


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    label_map = load_label_map("neighborhood")
    for seed, (name, split) in enumerate(
        [("a", "train"), ("b", "train"), ("c", "val"), ("d", "test")]
    ):
        write_recording(folder / "r", name, 5 + seed, seed=seed, split=split)
    pack(folder / "d.h5", prepare([folder / "r"], label_map).items, label_map)
    return folder / "d.h5"


@pytest.fixture
def index(whole, tmp_path) -> Path:
    per_file = whole.stat().st_size / 1e6 / 2.2  # two sequences or so
    write_shards(tmp_path / "s", [Dataset(whole)], megabytes=per_file, options=CombineOptions())
    return tmp_path / "s" / "index.json"


def same(one: Dataset, other: Dataset) -> bool:
    return one.sequences == other.sequences and all(
        np.array_equal(v.rgb(0, len(v)), other.sequence(v.name).rgb(0, len(v)))
        and np.array_equal(v.label(0, len(v), 2), other.sequence(v.name).label(0, len(v), 2))
        and np.array_equal(v.raw_label(0, 2), other.sequence(v.name).raw_label(0, 2))
        and np.array_equal(v.poses, other.sequence(v.name).poses)
        and (v.split, v.environment, v.details) == (
            (w := other.sequence(v.name)).split, w.environment, w.details
        )
        and v.object_table == w.object_table
        for v in one
    )  # fmt: skip


def test_an_index_is_read_like_the_file_it_was_divided_from(whole, index):
    one, many = Dataset(whole), Dataset(index)
    assert len(many.files) > 1
    assert same(one, many)
    assert len(many) == len(one) == 26
    assert many.content_hash == one.content_hash
    assert (many.class_names, many.ignore_index) == (one.class_names, one.ignore_index)
    assert many.label_map_text == one.label_map_text
    assert many.split("train") == ["a", "b"]
    assert many.digests("c") == one.digests("c")
    assert "index.json" in repr(many)
    assert "26 frames: train 11, val 7, test 8" in repr(many)
    with pytest.raises(DatasetError, match="there is no sequence 'x'"):
        many.sequence("x")


def test_opening_an_index_opens_no_file(index):
    for part in index.parent.glob("*.h5"):
        part.unlink()
    dataset = Dataset(index)
    assert len(dataset) == 26
    with pytest.raises(DatasetError, match=r"part-0000\.h5: there is no such dataset"):
        dataset.sequence("a").rgb(0, 1)


def test_the_folder_can_be_moved(whole, index, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.move(index.parent, moved)
    assert same(Dataset(moved / "index.json"), Dataset(whole))


def test_shards_are_bounded_and_whole_sequences(whole):
    dataset = Dataset(whole)
    size = whole.stat().st_size / 1e6
    groups = plan_shards(list(dataset), size / 2)
    assert [v.name for group in groups for v in group] == ["a", "b", "c", "d"]
    frames = [sum(v.length for v in group) for group in groups]
    assert max(frames) <= 13
    assert [len(group) for group in plan_shards(list(dataset), 1e-9)] == [1, 1, 1, 1]
    assert len(plan_shards(list(dataset), 1e9)) == 1
    with pytest.raises(DatasetError, match="above 0"):
        plan_shards(list(dataset), 0)


def test_an_interrupted_run_goes_on(whole, index):
    parts = sorted(index.parent.glob("*.h5"))
    parts[-1].unlink()
    index.unlink()
    ages = {part: part.stat().st_mtime_ns for part in parts[:-1]}
    per_file = whole.stat().st_size / 1e6 / 2.2
    write_shards(index.parent, [Dataset(whole)], megabytes=per_file, options=CombineOptions())
    assert {part: part.stat().st_mtime_ns for part in parts[:-1]} == ages
    assert same(Dataset(index), Dataset(whole))


def test_a_file_with_other_frames_is_told_at_its_first_read(whole, index):
    first, *others = sorted(index.parent.glob("*.h5"))
    shutil.copy(others[-1], first)
    dataset = Dataset(index)
    assert dataset.sequence("d").rgb(0, 1).shape[0] == 1
    with pytest.raises(DatasetError, match=r"part-0000\.h5: holds other frames than the index"):
        dataset.sequence("a").rgb(0, 1)


@pytest.mark.parametrize("command", ["split", "relabel"])
def test_nothing_is_made_of_files_that_are_not_what_the_index_says(
    whole, index, tmp_path, capsys, command
):
    taken = [Taken(v, v.name, v.split, range(2)) for v in Dataset(whole) if v.name in "ab"]
    combine(index.parent / "part-0000.h5", taken, CombineOptions(overwrite=True))
    arguments = {
        "split": ("dataset", "split", index, "--split", "test=a"),
        "relabel": ("relabel", index, "--map", "neighborhood"),
    }[command]
    code, _, err = run(capsys, *arguments, "--out", tmp_path / "x.h5")
    assert code == 2
    assert "holds other frames than the index says" in said(err)
    assert not (tmp_path / "x.h5").exists()


def test_an_index_is_not_replaced_by_a_file(whole, index, tmp_path, capsys):
    combine(tmp_path / "more.h5", [Taken(Dataset(whole).sequence("a"), "e", "train", range(3))])
    before = index.read_bytes()
    code, _, err = run(capsys, "dataset", "append", index, tmp_path / "more.h5")
    assert code == 2
    assert "names an index" in said(err)
    assert index.read_bytes() == before


def test_another_codec_makes_the_files_anew(whole, index, capsys):
    size = ("--megabytes", whole.stat().st_size / 1e6 / 2.2, "--out", index.parent, "--overwrite")
    for _ in range(2):
        assert run(capsys, "dataset", "shard", whole, *size, "--codec", "gzip")[0] == 0
        with h5py.File(index.parent / "part-0000.h5") as file:
            assert file["sequences/a/rgb"].attrs["codec"] == "gzip"
    age = (index.parent / "part-0000.h5").stat().st_mtime_ns
    assert run(capsys, "dataset", "shard", whole, *size)[0] == 0
    assert (index.parent / "part-0000.h5").stat().st_mtime_ns == age


def test_joining_holds_one_file_open_at_a_time(whole, tmp_path, monkeypatch):
    view = Dataset(whole).sequence("a")
    paths = [tmp_path / f"{number}.h5" for number in range(5)]
    for path in paths:
        combine(path, [Taken(view, path.stem, "train", range(1))])
    most = []
    write = combining._write_sequence

    def counting(*arguments):
        most.append(len(held_open(tmp_path)))
        write(*arguments)

    monkeypatch.setattr(combining, "_write_sequence", counting)
    combine(tmp_path / "x.h5", [Taken.whole(v) for path in paths for v in Dataset(path)])
    assert max(most) == 2  # the source and what is written


def held_open(folder: Path) -> set[str]:
    """Return the names of a folder's files that this process has open."""
    names = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            target = link.readlink()
            names |= {target.name} if target.parent == folder else set()
    return names


def test_few_files_stay_open_however_many_there_are(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_OPEN_FILES", 2)
    views = list(Dataset(whole))
    for view in views:
        combine(tmp_path / f"{view.name}.h5", [Taken.whole(view)])
    write_index(tmp_path / "i.json", [Dataset(tmp_path / f"{v.name}.h5") for v in views])
    dataset = Dataset(tmp_path / "i.json")
    for _ in range(2):
        for view in dataset:
            assert np.array_equal(view.rgb(0, 2), Dataset(whole).sequence(view.name).rgb(0, 2))
    assert held_open(tmp_path) == {"c.h5", "d.h5"}
    dataset.close()
    assert held_open(tmp_path) == set()


def read_all(dataset: Dataset, queue) -> None:
    queue.put({v.name: int(v.rgb(0, len(v)).sum()) for v in dataset})


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_and_pickled_datasets_read_for_themselves(index):
    dataset = Dataset(index)
    expected = {v.name: int(v.rgb(0, len(v)).sum()) for v in dataset}
    again = pickle.loads(pickle.dumps(dataset))
    assert {v.name: int(v.rgb(0, len(v)).sum()) for v in again} == expected
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    worker = context.Process(target=read_all, args=(dataset, queue))
    worker.start()
    assert queue.get(timeout=60) == expected
    worker.join()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_clips_are_loaded_from_shards(whole, index):
    def batches(path, workers):
        dataset = Dataset(path)
        clips = EveryClip({v.name: v.length for v in dataset}, length=3)
        loader = ClipLoader(
            ClipDataset(dataset, clips),
            ClipSampler(clips, batch_size=4),
            workers=workers,
            start_method="fork" if workers else None,
        )
        return [(int(b.frames.sum()), int(b.labels.sum()), b.clips) for b in loader]

    assert batches(index, 2) == batches(whole, 0)


def changed(index: Path, **values) -> Path:
    path = index.with_name("changed.json")
    path.write_text(json.dumps(json.loads(index.read_text()) | values))
    return path


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"airseg_shards": 2}, "an index of format 2; this airseg reads format 1"),
        ({"airseg_shards": None}, "is no index of a dataset"),
        ({"classes": []}, "classes: "),
        ({"shards": [{"file": 3}]}, "shards.0.file: "),
        ({"ignore_index": "255"}, "ignore_index: "),
        ({"content_hash": "0"}, "was changed"),
    ],
)
def test_a_wrong_index_is_told_in_one_line(index, values, part):
    with pytest.raises(DatasetError) as caught:
        Dataset(changed(index, **values))
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[1]", "[" * 100_000])
def test_what_is_no_index_is_told(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DatasetError, match=r"is no JSON|is no index"):
        Dataset(tmp_path / "x.json")


def test_files_that_do_not_fit_together_are_refused(whole, tmp_path):
    dataset = Dataset(whole)
    with pytest.raises(DatasetError, match="sequence a is in two files"):
        write_index(tmp_path / "i.json", [dataset, dataset])
    with pytest.raises(DatasetError, match=r"name it i\.json"):
        write_index(tmp_path / "i.h5", [dataset])


def test_commands_divide_and_join(whole, tmp_path, capsys):
    code, printed, _ = run(
        capsys, "dataset", "shard", whole, "--megabytes", "0.001", "--out", tmp_path / "s"
    )
    assert code == 0
    assert "part-0003.h5: 8 frames: d" in printed
    assert same(Dataset(tmp_path / "s" / "index.json"), Dataset(whole))
    parts = sorted((tmp_path / "s").glob("*.h5"))
    code, printed, _ = run(capsys, "dataset", "index", *parts[:2], "--out", tmp_path / "i.json")
    assert code == 0
    assert "11 frames in 2 files" in printed
    assert Dataset(tmp_path / "i.json").sequences == ["a", "b"]
    code, printed, _ = run(capsys, "info", tmp_path / "i.json")
    assert code == 0
    assert "train" in printed
    code, printed, _ = run(capsys, "verify", tmp_path / "i.json")
    assert code == 0
    assert "part-0001.h5: 6 frames of 1 sequences, all sound" in printed
    parts[1].unlink()  # HDF5 would show what it still knows of an open file
    shutil.copy(parts[2], parts[1])
    code, _, err = run(capsys, "verify", tmp_path / "i.json")
    assert code == 2
    assert "holds other frames than the index" in said(err)
    code, _, err = run(capsys, "dataset", "index", *parts, "--out", tmp_path / "i.json")
    assert (code, "already there" in said(err)) == (2, True)


def test_subsets_are_cut_out_of_an_index(whole, index, tmp_path, capsys):
    code, _, _ = run(
        capsys, "dataset", "subset", index, "--in", "train", "--out", (out := tmp_path / "t.h5")
    )
    assert code == 0
    assert Dataset(out).sequences == ["a", "b"]
    code, _, _ = run(capsys, "dataset", "merge", index, "--out", tmp_path / "m.h5")
    assert code == 0
    assert Dataset(tmp_path / "m.h5").content_hash == Dataset(whole).content_hash


@pytest.mark.parametrize("name", ["../x", "/x", "C:x", "..", "a\0b", "x" * 300])
def test_a_sequence_of_an_index_that_names_a_path_is_refused(index, capsys, name):
    content = json.loads(index.read_text())
    content["shards"][0]["sequences"][0]["name"] = name
    index.write_text(json.dumps(content))
    code, _, err = run(capsys, "dataset", "export", "vspw", index, "--out", index.parent / "o")
    assert code == 2
    assert "cannot name a sequence" in said(err)
    assert not (index.parent / "o").exists()


@pytest.mark.parametrize("file", ["a\0b", "", "x" * 300 + ".h5", "."])
def test_a_file_of_an_index_that_cannot_be_one_is_told_in_one_line(index, file):
    content = json.loads(index.read_text())
    content["shards"][0]["file"] = file
    index.write_text(json.dumps(content))
    with pytest.raises(DatasetError):
        list(Dataset(index).sequence(content["shards"][0]["sequences"][0]["name"]).rgb(0, 1))
