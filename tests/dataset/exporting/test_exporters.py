"""Exports are read back by programs that nobody here wrote, with equal pixels where lossless."""

import ast
import hashlib
import io
import json
import os

import av
import numpy as np
import pytest
from command_line import run, said
from PIL import Image
from published_datasets import cityscapes
from small_dataset import build_dataset

from airseg.classes import CLASS_NAMES, CLASSES
from airseg.cli import main
from airseg.dataset.editing.indexing import write_index
from airseg.dataset.reading.reader import Dataset

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Return a dataset of four short flights."""
    return build_dataset(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def sparse(tmp_path_factory):
    """Return a dataset in which one frame of four has labels."""
    folder = tmp_path_factory.mktemp("sparse")
    cityscapes(folder / "city")
    path = folder / "city.h5"
    main(["dataset", "import", "cityscapes", str(folder / "city"), "--before", "3",
          "--out", str(path)])  # fmt: skip
    return path


def exported(capsys, name, path, out, *options):
    code, _, err = run(capsys, "dataset", "export", name, path, "--out", out, *options)
    assert code == 0, err
    return out


def truth(path):
    """Yield split, sequence, frame number, colour and labels of every frame."""
    with Dataset(path) as dataset:
        for view in dataset:
            for index, (rgb, label) in enumerate(
                zip(view.rgb(0, len(view)), view.label(0, len(view)), strict=True)
            ):
                yield view.split, view.name, index, rgb, label


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data) if isinstance(data, bytes) else data))


def test_mmsegmentation_folders_hold_every_pixel_and_colour(small, tmp_path, capsys):
    out = exported(capsys, "mmseg", small, tmp_path / "out")
    listed = {
        s: (out / "splits" / f"{s}.txt").read_text().split() for s in ("train", "val", "test")
    }
    for split, name, index, rgb, label in truth(small):
        stem = f"{name}/{index:06d}"
        assert stem in listed[split]
        assert np.array_equal(pixels(out / "img_dir" / split / f"{stem}.png"), rgb)
        mask = Image.open(out / "ann_dir" / split / f"{stem}.png")
        assert np.array_equal(np.asarray(mask), label)
        colors = np.array(mask.getpalette()).reshape(-1, 3)
        assert [tuple(c) for c in colors[:11]] == [c.color for c in CLASSES]
    tree = ast.parse((out / "airseg_dataset.py").read_text())
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    meta = next(k for c in calls for k in c.keywords if k.arg == "classes").value
    assert ast.literal_eval(meta) == CLASS_NAMES
    assert sum(map(len, listed.values())) == 42


def test_context_frames_are_exported_without_a_mask(sparse, tmp_path, capsys):
    out = exported(capsys, "mmseg", sparse, tmp_path / "out")
    assert (out / "splits" / "val.txt").read_text() == "frankfurt_000001_007973/000003\n"
    assert len(list((out / "img_dir" / "val").rglob("*.png"))) == 4
    assert len(list((out / "ann_dir" / "val").rglob("*.png"))) == 1


def test_vspw_folders_follow_its_numbers(small, tmp_path, capsys):
    out = exported(capsys, "vspw", small, tmp_path / "out")
    numbers = json.loads((out / "label_num_dic_final.json").read_text())
    assert [int(numbers[name]) for name in CLASS_NAMES] == list(range(1, 12))
    assert (out / "train.txt").read_text().split() == ["a", "b"]
    for _, name, index, rgb, label in truth(small):
        video = out / "data" / name
        assert np.array_equal(pixels(video / "origin" / f"{index:08d}.png"), rgb)
        mask = pixels(video / "mask" / f"{index:08d}.png")
        assert np.array_equal(mask, np.where(label == 255, 255, label + 1))


def test_jpeg_loses_little_and_labels_nothing(small, tmp_path, capsys):
    out = exported(capsys, "vspw", small, tmp_path / "out", "--jpeg", "95")
    _, name, index, rgb, label = next(truth(small))
    again = pixels(out / "data" / name / "origin" / f"{index:08d}.jpg")
    assert 0 < np.abs(again.astype(int) - rgb).mean() < 8
    assert np.array_equal(pixels(out / "data" / name / "mask" / f"{index:08d}.png"), label + 1)


def test_pyarrow_reads_equal_pixels_from_parquet(small, tmp_path, capsys):
    import pyarrow.parquet as pq

    out = exported(capsys, "parquet", small, tmp_path / "out", "--licence", "CC-BY-4.0")
    rows = {}
    for path in sorted((out / "data").glob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            rows[path.name.partition("-")[0], row["sequence"], row["frame"]] = row
    for split, name, index, rgb, label in truth(small):
        row = rows.pop((split, name, index))
        assert np.array_equal(pixels(row["image"]["bytes"]), rgb)
        assert np.array_equal(pixels(row["label"]["bytes"]), label)
        assert row["pose"][:3] == [index, 0, -2]
        assert row["labelled"] is True
    assert not rows
    assert "Licence: CC-BY-4.0." in (out / "README.md").read_text()


def test_hugging_face_reads_pictures_from_parquet_and_folders(small, tmp_path, capsys):
    datasets = pytest.importorskip("datasets")
    parquet = exported(capsys, "parquet", small, tmp_path / "parquet")
    folder = exported(capsys, "imagefolder", small, tmp_path / "folder")
    cache = str(tmp_path / "cache")
    for read in (
        datasets.load_dataset(str(parquet), cache_dir=cache),
        datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=cache),
    ):
        assert {split: len(rows) for split, rows in read.items()} == {
            "train": 25, "validation": 8, "test": 9,
        }  # fmt: skip
        rows = {(r["sequence"], r["frame"]): r for split in read.values() for r in split}
        for _, name, index, rgb, label in truth(small):
            row = rows[name, index]
            assert np.array_equal(np.asarray(row["image"]), rgb)
            assert np.array_equal(np.asarray(row["label"]), label)
            assert row["timestamp_ns"] == 10**18 + 40_000_000 * index


@pytest.mark.parametrize("codec", ["ffv1", "h264"])
def test_videos_play_with_their_label_track(small, tmp_path, capsys, codec):
    out = exported(capsys, codec, small, tmp_path / "out")
    index = json.loads((out / "sequences.json").read_text())
    assert [row["name"] for row in index["classes"]] == list(CLASS_NAMES)
    for entry in index["sequences"]:
        with av.open(str(out / entry["file"])) as film:
            assert [s.metadata["title"] for s in film.streams.video] == ["colour", "labels"]
            decoded = {0: [], 1: []}
            times = []
            for frame in film.decode(video=(0, 1)):
                track = _track(frame)
                if track == 0:
                    times.append(round(frame.time * 1000))
                decoded[track].append(frame.to_ndarray(format="gray" if track else "rgb24"))
        view = Dataset(small).sequence(entry["file"].split("/")[1].removesuffix(".mkv"))
        assert times == [40 * i for i in range(len(view))]
        assert np.array_equal(decoded[1], view.label(0, len(view)))
        rgb = view.rgb(0, len(view))
        if codec == "ffv1":
            assert np.array_equal(decoded[0], rgb)
        else:
            assert np.abs(np.array(decoded[0], int) - rgb).mean() < 16


def _track(frame):
    return 1 if frame.format.name.startswith("gray") else 0


@pytest.mark.parametrize("shard_bytes", [400 << 20, 60_000])
def test_mlcroissant_validates_and_reads_the_records(
    small, tmp_path, capsys, monkeypatch, shard_bytes
):
    mlcroissant = pytest.importorskip("mlcroissant")
    monkeypatch.setattr("airseg.dataset.exporting.parquet._SHARD_BYTES", shard_bytes)
    out = exported(capsys, "parquet", small, tmp_path / "out", "--url", "https://example.org/d",
                   "--licence", "https://creativecommons.org/licenses/by/4.0/")  # fmt: skip
    croissant = mlcroissant.Dataset(jsonld=str(out / "croissant.json"))
    assert not croissant.metadata.ctx.issues.errors
    assert not croissant.metadata.ctx.issues.warnings
    records = {(r["test/sequence"].decode(), r["test/frame"]): r for r in croissant.records("test")}
    expected = [t for t in truth(small) if t[0] == "test"]
    assert len(records) == len(expected)
    for _, name, index, rgb, label in expected:
        assert np.array_equal(np.asarray(records[name, index]["test/image"]), rgb)
        assert np.array_equal(np.asarray(records[name, index]["test/label"]), label)
    names = [r["classes/name"] for r in croissant.records("classes")]
    assert [n.decode() if isinstance(n, bytes) else n for n in names] == list(CLASS_NAMES)


def test_mlcroissant_validates_the_file_itself(sparse, tmp_path, capsys):
    mlcroissant = pytest.importorskip("mlcroissant")
    out = exported(capsys, "croissant", sparse, tmp_path / "out")
    croissant = mlcroissant.Dataset(jsonld=str(out / "croissant.json"))
    assert not croissant.metadata.ctx.issues.errors
    assert "Cityscapes terms" in str(croissant.metadata.license)
    rows = list(croissant.records("sequences"))
    assert [row["sequences/frames"] for row in rows] == [4, 4, 4]
    about = json.loads((out / "croissant.json").read_text())["distribution"][0]
    assert about["contentSize"] == f"{sparse.stat().st_size} B"


def test_a_dataset_of_many_files_is_exported_as_one(small, tmp_path, capsys):
    for split in ("train", "test"):
        code, _, err = run(capsys, "dataset", "subset", small, "--in", split,
                           "--out", tmp_path / f"{split}.h5")  # fmt: skip
        assert code == 0, err
    files = [Dataset(tmp_path / f"{split}.h5") for split in ("train", "test")]
    write_index(tmp_path / "all.json", files)
    out = exported(capsys, "vspw", tmp_path / "all.json", tmp_path / "vspw")
    assert len(list(out.rglob("mask/*.png"))) == 34
    out = exported(capsys, "croissant", tmp_path / "all.json", tmp_path / "meta")
    told = json.loads((out / "croissant.json").read_text())["distribution"]
    assert [entry["name"] for entry in told] == ["all.json", "train.h5", "test.h5"]
    for entry in told:
        content = (tmp_path / entry["name"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    code, _, err = run(capsys, "dataset", "card", tmp_path / "all.json", "--out", tmp_path / "card")
    assert code == 0, err
    card = json.loads((tmp_path / "card" / "card.json").read_text())
    assert card["megabytes"] * 1e6 == sum(f.path.stat().st_size for f in files)


def test_every_file_calls_the_same_thing_by_the_same_name(small, tmp_path, capsys):
    """CSV, JSON lines and Parquet of one dataset, each read by a program of others."""
    import pandas as pd
    import pyarrow.parquet as pq

    run(capsys, "relabel", small, "--map", "neighborhood", "--out", tmp_path / "d.h5",
        "--jobs", "1", "--report", tmp_path / "shares.csv")  # fmt: skip
    report = pd.read_csv(tmp_path / "shares.csv")
    _, out, _ = run(capsys, "info", small, "--json")
    told = pd.read_json(io.StringIO(out))
    films = exported(capsys, "h264", small, tmp_path / "films")
    index = json.loads((films / "sequences.json").read_text())["sequences"]
    shared = {"sequence", "split", "environment", "frames"}
    for columns in (set(report), set(told), set(index[0])):
        assert shared <= columns
    assert {"labelled_frames", "width", "height", "rate_hz"} <= set(told) & set(index[0])
    one = told[told.sequence == "a"].iloc[0]
    row = report[report.sequence == "a"].iloc[0]
    for name, share in one.classes.items():
        assert abs(row[name] - share) < 0.05  # info looks at every tenth frame
    lines = exported(capsys, "imagefolder", small, tmp_path / "folder") / "test" / "metadata.jsonl"
    rows = pd.read_json(lines, lines=True)
    table = exported(capsys, "parquet", small, tmp_path / "parquet") / "data"
    frames = pq.read_table(next(table.glob("test-*.parquet"))).to_pandas()
    names = ["sequence", "frame", "timestamp_ns", "labelled", "pose"]
    assert set(names) <= set(rows)
    assert frames[names[:4]].equals(rows[names[:4]].astype(frames[names[:4]].dtypes))
    assert frames.pose.map(list).tolist() == rows.pose.tolist()


def test_foreign_folders_are_never_replaced(small, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    for options in ([], ["--overwrite"]):
        code, _, err = run(capsys, "dataset", "export", "vspw", small, "--out", out, *options)
        assert code == 2
        assert "out" in said(err)
    assert (out / "thesis.txt").read_text() == "years of work"


def test_an_earlier_export_is_replaced_only_when_asked(small, tmp_path, capsys):
    out = exported(capsys, "croissant", small, tmp_path / "out")
    code, _, err = run(capsys, "dataset", "export", "croissant", small, "--out", out)
    assert code == 2
    assert "--overwrite" in said(err)
    exported(capsys, "vspw", small, out, "--overwrite")
    assert not (out / "croissant.json").exists()
    assert json.loads((out / "export.json").read_text())["format"] == "vspw"


def test_an_unknown_format_is_one_line(small, tmp_path, capsys):
    code, _, err = run(capsys, "dataset", "export", "parket", small, "--out", tmp_path / "o")
    assert code == 2
    assert "Did you mean 'parquet'" in said(err)
    assert not (tmp_path / "o").exists()
