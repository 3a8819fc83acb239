"""Labels as image files: the same labels as in a dataset, continued after a stop, never mixed."""

import numpy as np
import pytest
from command_line import run, said
from PIL import Image
from recording_folders import write_recording

from airseg.classes import CLASSES
from airseg.dataset.format.label_images import read_labels
from airseg.dataset.reading.reader import Dataset


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_recording(tmp_path / "rec", "a", 4, seed=1)
    write_recording(tmp_path / "rec", "b", 3, seed=2)
    return tmp_path


def write(capsys, kind, *options):
    return run(
        capsys, "relabel", "rec", "--map", "neighborhood", "--as", kind, "--out", "out", *options
    )


@pytest.mark.parametrize("kind", ["npy", "png"])
def test_files_hold_what_the_dataset_holds(here, capsys, kind):
    code, out, err = write(capsys, kind)
    assert code == 0, err
    assert "wrote 7 label images (7 new) to out" in out
    run(capsys, "relabel", "rec", "--map", "neighborhood", "--out", "d.h5")
    for view in Dataset(here / "d.h5"):
        for index, label in enumerate(view.label(0, view.length)):
            assert np.array_equal(read_labels(here / f"out/{view.name}/{index:06d}.{kind}"), label)


def test_people_see_colours_where_programs_read_labels(here, capsys):
    """Pillow gives a palette's indices, and what it shows of them are the classes' colours."""
    write(capsys, "npy")
    labels = np.load(here / "out/a/000000.npy")
    run(capsys, "relabel", "rec", "--map", "neighborhood", "--as", "png", "--out", "png")
    shown = Image.open(here / "png/a/000000.png")
    assert shown.mode == "P"
    assert np.array_equal(np.asarray(shown), labels)
    colors = np.asarray(shown.convert("RGB"))
    for target in CLASSES:
        assert (colors[labels == target.index] == target.color).all()


def test_same_command_writes_what_is_missing_and_touches_nothing_else(here, capsys):
    write(capsys, "npy")
    kept, gone = here / "out/a/000000.npy", here / "out/b/000002.npy"
    gone.unlink()
    (here / "out/b/000002.npy.partial").write_bytes(b"half")
    before = kept.stat().st_mtime_ns
    code, out, _ = write(capsys, "npy")
    assert code == 0
    assert "(1 new)" in out
    assert np.load(gone).shape == (24, 32)
    assert kept.stat().st_mtime_ns == before


def test_labels_of_other_options_are_never_mixed(here, capsys):
    write(capsys, "npy")
    code, _, err = write(capsys, "npy", "--edge-band", 1)
    assert code == 2
    assert "holds labels of map neighborhood" in said(err)
    code, out, _ = write(capsys, "npy", "--edge-band", 1, "--overwrite")
    assert "(7 new)" in out


def test_folder_of_other_things_is_left_alone(here, capsys):
    (here / "out").mkdir()
    (here / "out" / "thesis.tex").write_text("precious")
    for options in ((), ("--overwrite",)):
        code, _, err = write(capsys, "npy", *options)
        assert code == 2
        assert "holds no labels of ours" in said(err)
    assert [p.name for p in (here / "out").iterdir()] == ["thesis.tex"]


def test_labels_of_another_sequence_of_the_same_name_are_not_taken_for_its_own(here, capsys):
    write(capsys, "npy")
    write_recording(here / "other", "a", 4, seed=9)
    arguments = ("relabel", "other", "--map", "neighborhood", "--as", "npy", "--out", "out")
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "holds labels of another sequence a" in said(err)
    code, out, _ = run(capsys, *arguments, "--overwrite")
    assert (code, "(4 new)" in out) == (0, True)


def test_a_sequence_recorded_anew_gets_new_labels(here, capsys):
    write(capsys, "npy")
    write_recording(here / "rec", "a", 3, seed=9)
    code, out, _ = write(capsys, "npy")
    assert (code, "6 label images (3 new)" in out) == (0, True)
    run(capsys, "relabel", "rec", "--map", "neighborhood", "--out", "d.h5")
    for index, label in enumerate(Dataset(here / "d.h5").sequence("a").label(0, 3)):
        assert np.array_equal(np.load(here / f"out/a/{index:06d}.npy"), label)
    assert not (here / "out/a/000003.npy").exists()


def test_overwrite_takes_no_pictures_of_others(here, capsys):
    write(capsys, "png")
    mine = here / "out" / "photos" / "001.png"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    code, _, err = write(capsys, "png", "--edge-band", 1, "--overwrite")
    assert code == 0, err
    assert mine.read_bytes() == b"mine"


def test_a_folder_named_like_parts_is_not_taken_away(here, capsys):
    mine = here / "d.h5.parts" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    code, _, err = run(capsys, "relabel", "rec", "--map", "neighborhood", "--out", "d.h5")
    assert code == 2
    assert "holds something else" in said(err)
    assert mine.read_text() == "mine"
