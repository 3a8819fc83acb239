"""UAVid: label colours of the authors' toolkit, and the film between the stills."""

import numpy as np
import pytest
from importing import imported, refusal
from PIL import Image
from published_datasets import scene
from published_flights import UAVID_COLORS, uavid

from airseg.classes import CLASS_INDEX
from airseg.dataset.importing.uavid import COLORS

CLASSES = ["ignore", "house", "road", "vehicle", "tree", "vegetation", "ignore", "vehicle"]
ELEVEN = np.array([CLASS_INDEX.get(name, 255) for name in CLASSES], np.uint8)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_colours_are_those_of_the_authors_toolkit():
    assert list(COLORS.values()) == UAVID_COLORS


def test_stills_keep_their_pixels_labels_and_part(here, capsys):
    ids = uavid(here / "uavid")
    dataset, out, err = imported(capsys, "uavid", "uavid")
    assert {view.name: view.split for view in dataset} == {"seq1": "train", "seq16": "val"}
    for name in dataset.sequences:
        view = dataset.sequence(name)
        assert np.array_equal(view.label(0, 3), ELEVEN[np.stack(ids[name])])
        assert np.array_equal(view.raw_label(0, 3), np.stack(ids[name]))
        assert np.array_equal(view.rgb(2, 3)[0], scene(name, 20))
        assert view.timestamps_ns.tolist() == [0, 500_000_000, 1_000_000_000]  # 20 Hz
        assert view.rate_hz == 2
    assert view.details["origin"]["licence"] == "CC BY-NC-SA 4.0"
    assert "differs  train: sequences: 1 found, 20 published" in out
    assert "differs  val: labelled frames: 3 found, 70 published" in out
    assert "seq21 (test) has no labels" in err
    assert "no images.mp4 of seq1, seq16 lies here" in err


def test_the_film_gives_the_frames_between_the_stills(here, capsys):
    ids = uavid(here / "uavid", film=True)
    dataset, _, err = imported(capsys, "uavid", "uavid", "--before", "3", "--after", "1")
    assert [n for n in dataset.sequences if n.startswith("seq1-")] == [
        "seq1-000000", "seq1-000007", "seq1-000017",
    ]  # fmt: skip
    view = dataset.sequence("seq1-000007")
    assert view.labelled.tolist() == [False] * 3 + [True, False]
    for index, number in enumerate(range(7, 12)):
        assert np.array_equal(view.rgb(index, index + 1)[0], scene("seq1", number))
    assert np.array_equal(view.label(3, 4)[0], ELEVEN[ids["seq1"][1]])
    assert (view.label(0, 3) == 255).all()
    assert view.details["origin"]["first_frame"] == 7
    assert view.rate_hz == 20
    assert "seq1: still n is frame n+0 of images.mp4" in err


def test_enough_context_joins_a_film_into_one_sequence(here, capsys):
    uavid(here / "uavid", film=True)
    dataset, _, _ = imported(capsys, "uavid", "uavid", "--before", "99")
    view = dataset.sequence("seq16-000000")
    assert len(view) == 21
    assert np.flatnonzero(view.labelled).tolist() == [0, 10, 20]


def test_its_own_eight_classes_are_a_map_too(here, capsys):
    ids = uavid(here / "uavid")
    dataset, _, _ = imported(capsys, "uavid", "uavid", "--map", "uavid8")
    assert np.array_equal(dataset.sequence("seq1").label(0, 3), np.stack(ids["seq1"]))
    assert dataset.class_names[3] == "static car"


def test_folders_as_the_toolkit_wants_them_are_read(here, capsys):
    uavid(here / "uavid")
    for old, new in (("uavid_train", "train"), ("uavid_val", "valid")):
        (here / "uavid" / old).rename(here / "uavid" / new)
    dataset, _, _ = imported(capsys, "uavid", "uavid")
    assert dataset.sequence("seq16").split == "val"


def test_an_unknown_colour_is_refused(here, capsys):
    uavid(here / "uavid")
    path = here / "uavid/uavid_train/seq1/Labels/000010.png"
    labels = np.array(Image.open(path))
    labels[3, 4] = (1, 2, 3)
    Image.fromarray(labels).save(path)
    line = refusal(capsys, "uavid", "uavid")
    assert "000010.png: 1 pixels have 1 colours that belong to no id" in line


def test_a_film_of_something_else_or_cut_off_is_refused(here, capsys):
    uavid(here / "uavid", film=True)
    film = here / "uavid/uavid_train/seq1/images.mp4"
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) // 2])
    assert "images.mp4" in refusal(capsys, "uavid", "uavid")
    film.write_bytes(b"")
    assert "images.mp4: cannot be decoded as a film" in refusal(capsys, "uavid", "uavid")
    Image.fromarray(255 - scene("seq1", 10)).save(here / "uavid/uavid_train/seq1/Images/000010.png")
    film.write_bytes(whole)
    assert "does not show the stills 0 to 20" in refusal(capsys, "uavid", "uavid")
    imported(capsys, "uavid", "uavid", "--before", "0")
