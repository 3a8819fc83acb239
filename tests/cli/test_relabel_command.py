"""``airseg relabel``: the whole command, and one line with exit code 2 for every wrong input."""

import subprocess
import sys

import h5py
import pytest
from recording_folders import write_recording

from airseg.cli import main
from airseg.dataset.reading.reader import Dataset


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_recording(tmp_path / "rec", "a", 4, seed=1)
    write_recording(tmp_path / "rec", "b", 3, seed=2)
    write_recording(tmp_path / "rec", "c", 3, seed=3)
    return tmp_path


def run(*arguments: str) -> None:
    main(["relabel", *arguments])


def complaint(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("airseg:")]
    assert len(lines) == 1
    return lines[0]


def test_recordings_become_a_dataset(folder, capsys):
    run("rec", "--map", "neighborhood", "--out", "d.h5")
    said = capsys.readouterr()
    assert len(Dataset(folder / "d.h5")) == 10
    assert said.out.splitlines()[-1].startswith("wrote 10 frames of 3 sequences")
    assert "d.h5" in said.out.splitlines()[-1]
    assert "vehicle" in said.out
    assert "train (4 frames)" in said.out
    assert "warning: no splits are given" in said.err
    assert "warning: train shows no vegetation, traffic_fixture, fence, stone, pool" in said.err


def test_single_recordings_splits_and_a_second_map(folder, capsys):
    run("rec/a", "rec/b", "--map", "neighborhood", "--out", "d.h5", "--split", "test=a")
    first = Dataset(folder / "d.h5")
    assert first.split("test") == ["a"]
    run("d.h5", "--map", "neighborhood", "--out", "e.h5", "--no-depth", "--codec", "gzip")
    second = Dataset(folder / "e.h5")
    assert second.content_hash == first.content_hash
    assert second.split("test") == ["a"]
    assert not second.sequence("a").has_depth


def test_dry_run_counts_and_writes_nothing(folder, capsys):
    run("rec", "--map", "neighborhood", "--out", "d.h5", "--dry-run")
    assert "vehicle" in capsys.readouterr().out
    assert [p.name for p in folder.iterdir()] == ["rec"]


def test_incomplete_recording_is_packed_with_a_warning(folder, capsys):
    write_recording(folder / "rec", "d", 2, status="interrupted")
    run("rec", "--map", "neighborhood", "--out", "d.h5")
    assert "its 2 of 12 planned frames are packed" in capsys.readouterr().err


def test_unmapped_meshes_may_be_allowed(folder, capsys):
    write_recording(folder / "rec", "d", 2, groups={1: ("Road_1",), 2: ("Dragon_7",)})
    message = complaint(capsys, "rec", "--map", "neighborhood", "--out", "d.h5")
    assert "Dragon_7 (" in message
    assert "pixels" in message
    run("rec", "--map", "neighborhood", "--out", "d.h5", "--allow-unmapped")
    assert "warning: Dragon: Dragon_7 has no class" in capsys.readouterr().err


def cut_in_half(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def make_future(path):
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 7


@pytest.mark.parametrize(
    ("damage", "part"),
    [(cut_in_half, "damaged or cut off"), (make_future, "format 7")],
)
def test_damaged_datasets_are_told(folder, capsys, damage, part):
    run("rec", "--map", "neighborhood", "--out", "d.h5")
    damage(folder / "d.h5")
    assert part in complaint(capsys, "d.h5", "--map", "neighborhood", "--out", "e.h5")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("rules:\n  - {class: hose, names: x}\n", "'house'"),
        ("rules:\n  - {class: road, names: '('}\n", "regular expression"),
        ("rules: [", "not valid YAML"),
        ("rules: 3\n", "rules"),
    ],
)
def test_wrong_label_maps_are_told(folder, capsys, text, part):
    (folder / "m.yaml").write_text("format: 1\nname: m\n" + text)
    message = complaint(capsys, "rec", "--map", "m.yaml", "--out", "d.h5")
    assert "m.yaml:" in message
    assert part in message


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("rec", "--map", "neighbourhood", "--out", "d.h5"), "'neighborhood'"),
        (("rec", "--map", "neighborhood", "--out", "no/d.h5"), "does not exist"),
        (("rec", "--map", "neighborhood", "--out", "rec"), "is a folder"),
        (("rec", "--map", "neighborhood", "--out", "/proc/d.h5"), "d.h5"),
        (("recs", "--map", "neighborhood", "--out", "d.h5"), "'rec'"),
        (("rec/a/rgb", "--map", "neighborhood", "--out", "d.h5"), "found none"),
        (("rec/a/frames.csv", "--map", "neighborhood", "--out", "d.h5"), "no HDF5 file"),
        (("rec", "rec/a/frames.csv", "--map", "neighborhood", "--out", "d.h5"), "alone"),
        (("rec", "rec/a", "--map", "neighborhood", "--out", "d.h5"), "given twice"),
        (("rec", "--map", "neighborhood", "--out", "d.h5", "--codec", "lzz4"), "'lz4'"),
        (("rec", "--map", "neighborhood", "--out", "d.h5", "--split", "test=x"), "Sequences: a"),
        (("rec", "--map", "neighborhood"), "--out"),
        (("--map", "neighborhood", "--out", "d.h5"), "INPUTS"),
    ],
)
def test_wrong_arguments_are_told(folder, capsys, arguments, part):
    assert part in complaint(capsys, *arguments)
    assert not (folder / "d.h5").exists()


def truncate_frame(folder):
    frame = folder / "rec" / "b" / "rgb" / "000001.png"
    frame.write_bytes(frame.read_bytes()[:100])


def drop_frames(folder):
    csv = folder / "rec" / "b" / "frames.csv"
    csv.write_text(csv.read_text().splitlines()[0] + "\n")


@pytest.mark.parametrize(
    ("damage", "part"), [(truncate_frame, "000001.png"), (drop_frames, "has no frames")]
)
def test_damaged_recordings_are_told_and_leave_nothing(folder, capsys, damage, part):
    damage(folder)
    assert part in complaint(capsys, "rec", "--map", "neighborhood", "--out", "d.h5")
    assert [p.name for p in folder.iterdir()] == ["rec"]


def test_existing_file_is_kept_without_overwrite(folder, capsys):
    (folder / "d.h5").write_text("precious")
    assert "--overwrite" in complaint(capsys, "rec", "--map", "neighborhood", "--out", "d.h5")
    assert (folder / "d.h5").read_text() == "precious"
    run("rec", "--map", "neighborhood", "--out", "d.h5", "--overwrite")
    assert len(Dataset(folder / "d.h5")) == 10


def test_relabel_never_imports_torch(folder):
    script = (
        "import sys; from airseg.cli import main\n"
        "try:\n    main(['relabel', 'rec', '--map', 'neighborhood', '--out', 'd.h5'])\n"
        "finally:\n    print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"


def test_help_shows_an_example(capsys):
    run("--help")
    assert "airseg relabel recordings --map neighborhood --out dataset.h5" in (
        capsys.readouterr().out
    )
