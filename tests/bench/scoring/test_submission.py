"""Scoring label maps of any framework: folders and HDF5, right and wrong ones."""

import fcntl
import shutil
import struct

import cv2
import h5py
import numpy as np
import pytest
from command_line import run, said
from made_results import made_result
from PIL import Image

from airseg.bench.results.result import load_result, save_result
from airseg.bench.scoring.score_submission import score_submission
from airseg.bench.scoring.submission import open_submission
from airseg.classes import CLASSES
from airseg.errors import RecipeError

SEQUENCE = "d"  # the test split
COUNT = 9


def truth(dataset):
    return dataset.sequence(SEQUENCE).label(0, COUNT)


@pytest.fixture
def folder(dataset, tmp_path):
    """A folder of predictions that are the labels."""
    place = tmp_path / "predictions" / SEQUENCE
    place.mkdir(parents=True)
    for index, label in enumerate(truth(dataset)):
        cv2.imwrite(str(place / f"{index:06d}.png"), label)
    return place.parent


@pytest.fixture
def packed(dataset, tmp_path):
    """The same as an HDF5 file."""
    path = tmp_path / "predictions.h5"
    with h5py.File(path, "w") as file:
        file[SEQUENCE] = truth(dataset)
    return path


def test_labels_scored_against_themselves_are_perfect(folder, packed, dataset):
    for path in (folder, packed, dataset.path):
        result = score_submission(path, dataset, "test", "labels")
        assert result.scores.mean_iou == 1.0
        assert result.scores.boundary_f == 1.0
        assert result.kind == "submission"
        assert result.dataset.sequences == {SEQUENCE: COUNT}


def test_folder_and_file_score_the_same_and_have_the_same_hash(folder, packed, dataset):
    shifted = np.roll(truth(dataset), 3, axis=2)
    for index, image in enumerate(shifted):
        cv2.imwrite(str(folder / SEQUENCE / f"{index:06d}.png"), image)
    with h5py.File(packed, "r+") as file:
        file[SEQUENCE][...] = shifted
    first, second = (score_submission(p, dataset, "test", "x") for p in (folder, packed))
    assert first.scores == second.scores
    assert 0.2 < first.scores.mean_iou < 1
    assert first.recipe_hash == second.recipe_hash


def test_other_kinds_of_images_are_read(folder, dataset):
    names = sorted((folder / SEQUENCE).iterdir())
    label = truth(dataset)[0]
    palette = Image.fromarray(label).convert("P")
    palette.putdata(label.ravel().tolist())
    palette.save(names[0])
    names[1].unlink()
    np.save(folder / SEQUENCE / "frame_1.npy", truth(dataset)[1].astype(np.int64))
    cv2.imwrite(str(names[2]), truth(dataset)[2].astype(np.uint16))
    assert score_submission(folder, dataset, "test", "kinds").scores.mean_iou == 1.0


def test_classes_that_are_stored_as_rgb_are_read_where_all_are_the_first(folder, dataset):
    for index in range(COUNT):
        label = truth(dataset)[index] if index else np.zeros((64, 96), np.uint8)
        Image.fromarray(label).convert("RGB").save(folder / SEQUENCE / f"{index:06d}.png")
    submission = open_submission(folder, dataset, [SEQUENCE])
    view = dataset.sequence(SEQUENCE)
    assert not submission.frame(view, 0).any()
    assert np.array_equal(submission.frame(view, 1), truth(dataset)[1])


def test_what_is_left_out_of_the_labels_may_be_predicted_as_anything(dataset, tmp_path):
    path = tmp_path / "ignored.h5"
    shutil.copy(dataset.path, path)
    with h5py.File(path, "r+") as file:
        file["sequences"][SEQUENCE]["label"][:, 0] = 255
    from airseg.dataset.reading.reader import Dataset

    predictions = tmp_path / "predictions.h5"
    with Dataset(path) as partly, h5py.File(predictions, "w") as file:
        file[SEQUENCE] = truth(dataset).astype(np.int16)
        file[SEQUENCE][:, 0] = -1
        file.flush()
        assert score_submission(predictions, partly, "test", "x").scores.mean_iou == 1.0


def wrong_image(image):
    def change(folder):
        cv2.imwrite(str(folder / SEQUENCE / "000004.png"), image)

    return change


def rename(old, new):
    def change(folder):
        (folder / old).rename(folder / new)

    return change


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def flat(folder):
    for path in (folder / SEQUENCE).iterdir():
        path.rename(folder / path.name)
    (folder / SEQUENCE).rmdir()


def number_from_one(folder):
    for path in sorted((folder / SEQUENCE).iterdir(), reverse=True):
        path.rename(path.with_name(f"{int(path.stem) + 1:06d}.png"))


def twice(folder):
    shutil.copy(folder / SEQUENCE / "000003.png", folder / SEQUENCE / "frame_3.png")


def cut_off(folder):
    path = folder / SEQUENCE / "000005.png"
    path.write_bytes(path.read_bytes()[:60])


def remove_all_images(folder):
    shutil.rmtree(folder / SEQUENCE)
    (folder / SEQUENCE).mkdir()


def floats(folder):
    (folder / SEQUENCE / "000002.png").unlink()
    np.save(folder / SEQUENCE / "000002.npy", np.zeros((64, 96), np.float32))


def optimise(folder):
    """Store each picture as optipng does: what is used of the palette, in the order it comes."""
    for path in (folder / SEQUENCE).iterdir():
        with Image.open(path) as image:
            used, ids = np.unique(image, return_inverse=True)
        order = np.random.default_rng(int(path.stem)).permutation(len(used))
        small = Image.fromarray(np.argsort(order)[ids].reshape(image.size[::-1]).astype(np.uint8))
        small = small.convert("P")
        small.putdata(np.argsort(order)[ids].ravel().tolist())
        small.putpalette([v for n in used[order] for v in CLASSES[n].color])
        small.save(path)


COLOURS = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shutil.rmtree, "there is no such folder or file"),
        (empty, "has no folder per sequence. Expected predictions/d/000000.png"),
        (flat, "has no folder per sequence and has images itself"),
        (rename(SEQUENCE, "dd"), "has no predictions of d. Did you mean 'dd'?"),
        (rename(SEQUENCE, "c"), "has no predictions of d."),
        (lambda f: (f / "x").mkdir(), "x is no sequence of small.h5"),
        (remove_all_images, "has no .png or .npy files"),
        (lambda f: (f / SEQUENCE / "000004.png").unlink(), "1 of 9 frames have no prediction"),
        (number_from_one, "numbered 1 to 9, frames are 0 to 8"),
        (rename("d/000008.png", "d/last.png"), "its name has no frame number"),
        (twice, "is frame 3, and so is 000003.png"),
        (
            lambda f: shutil.copy(f / SEQUENCE / "000000.png", f / SEQUENCE / "000009.png"),
            "there is no frame 9, d has frames 0 to 8",
        ),
        (wrong_image(np.zeros((8, 12), np.uint8)), "is 12x8, the labels are 96x64. Upsample"),
        (wrong_image(np.full((64, 96), 11, np.uint8)), "predicts 11 at column 0, row 0"),
        (wrong_image(np.full((64, 96), 255, np.uint8)), "predicts 255 at column 0, row 0"),
        (wrong_image(COLOURS), "is a colour picture. Save class ids, 0 to 10"),
        (optimise, "a tool has renumbered the ids of palette PNGs"),
        (cut_off, "000005.png"),
        (floats, "000002.npy"),
    ],
)
def test_wrong_folders_are_told_in_one_line(change, message, folder, dataset):
    change(folder)
    with pytest.raises(RecipeError) as told:
        score_submission(folder, dataset, "test", "wrong")
    assert message in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"c": np.zeros((8, 64, 96), np.uint8)}, "has no predictions of d."),
        ({"d": np.zeros((8, 64, 96), np.uint8)}, "expected 9 frames: (9, 64, 96)"),
        ({"d": np.zeros((9, 11, 64, 96), np.uint8)}, "take the largest class"),
        ({"d": np.zeros((9, 64, 96), np.float32)}, "expected integers"),
        ({"d/other": np.zeros((9, 64, 96), np.uint8)}, "a group with one named label"),
        ({"d": np.zeros((9, 32, 96), np.uint8)}, "is 96x32, the labels are 96x64"),
        ({"d": np.full((9, 64, 96), -1, np.int32)}, "d, frame 0: predicts -1"),
    ],
)
def test_wrong_files_are_told_in_one_line(content, message, dataset, tmp_path):
    path = tmp_path / "wrong.h5"
    with h5py.File(path, "w") as file:
        for name, array in content.items():
            file[name] = array
    with pytest.raises(RecipeError) as told:
        score_submission(path, dataset, "test", "wrong")
    assert message in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", b"\x89HDF\r\n\x1a\n cut off"])
def test_files_that_are_no_hdf5(content, dataset, tmp_path):
    path = tmp_path / "wrong.h5"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"neither a folder nor HDF5|damaged or cut off"):
        open_submission(path, dataset, [SEQUENCE])


def test_a_file_whose_tables_are_damaged_is_refused_before_hdf5_follows_them(dataset, tmp_path):
    """The size of a chunk stands in a version 1 B-tree (HDF5 file format, III.A.1)."""
    path = tmp_path / "p.h5"
    with h5py.File(path, "w") as file:
        array = file.create_dataset(
            SEQUENCE, data=truth(dataset), chunks=(1, 64, 96), compression="gzip"
        )
        size = array.id.get_chunk_info(1).size
    whole = path.read_bytes()
    old = struct.pack("<IIQ", size, 0, 1)
    assert whole.count(old) == 1
    path.write_bytes(whole.replace(old, struct.pack("<IIQ", 1 << 31, 0, 1)))
    with pytest.raises(RecipeError, match=r"p.h5: /d.* is damaged"):
        open_submission(path, dataset, [SEQUENCE])


def test_a_file_that_another_program_writes_is_not_called_damaged(packed, dataset):
    with packed.open("r+b") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(RecipeError, match="is open for writing in another program"):
            open_submission(packed, dataset, [SEQUENCE])


def test_the_command_prints_scores_and_writes_a_row(folder, dataset, tmp_path, capsys):
    out = tmp_path / "results"
    arguments = ["bench", "score", folder, "--dataset", dataset.path, "--name", "My Network 2"]
    code, printed, _ = run(capsys, *arguments, "--out", out)
    assert code == 0
    assert "mIoU, mean over classes                        100.00" in printed
    result = load_result(out / "my-network-2.json")
    assert result.label == "My Network 2"
    assert result.scores.mean_iou == 1.0
    for sequence, index in result.samples:
        stem = out / result.run / f"{sequence}-{index:06d}"
        for kind in ("label", "prediction"):
            shown = Image.open(f"{stem}-{kind}.png")
            assert np.array_equal(np.asarray(shown), truth(dataset)[index])
            assert shown.mode == "P"
            assert tuple(shown.getpalette()[:3]) == CLASSES[0].color
    board = tmp_path / "board"
    code, _, _ = run(capsys, "bench", "leaderboard", out, "--out", board)
    assert code == 0
    assert "My Network 2" in (board / "leaderboard.md").read_text()


def test_a_submission_does_not_take_the_place_of_a_trained_row(folder, dataset, tmp_path):
    save_result(tmp_path, made_result("mine"))
    before = (tmp_path / "mine.json").read_bytes()
    with pytest.raises(RecipeError, match="another --name"):
        score_submission(folder, dataset, "test", "Mine", out=tmp_path)
    assert (tmp_path / "mine.json").read_bytes() == before


def test_a_submission_does_not_take_the_place_of_another_label(folder, dataset, tmp_path):
    """Both labels make the name of one file; the same label again scores it again."""
    for label in ("My Net", "My Net"):
        score_submission(folder, dataset, "test", label, out=tmp_path)
    with pytest.raises(RecipeError, match="is the row 'My Net', and 'my-net' would replace it"):
        score_submission(folder, dataset, "test", "my-net", out=tmp_path)


@pytest.mark.parametrize("label", ["Temporal", "my.speed"])
def test_a_submission_is_not_named_as_other_files_beside_results(label, folder, dataset, tmp_path):
    with pytest.raises(RecipeError, match=r"writes beside results\. Choose another"):
        score_submission(folder, dataset, "test", label, out=tmp_path)


def test_the_command_tells_mistakes_in_one_line(folder, dataset, capsys):
    (folder / SEQUENCE / "000004.png").unlink()
    code, _, err = run(capsys, "bench", "score", folder, "--dataset", dataset.path)
    assert code == 2
    assert "the first is frame 4" in said(err)
    arguments = ["bench", "score", folder, "--dataset", dataset.path, "--name", "///"]
    assert "needs a letter or a digit" in said(run(capsys, *arguments)[2])
