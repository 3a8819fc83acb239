"""A published dataset with one damaged file is refused in a line that names the file."""

import fcntl
import os
import shutil
import struct

import h5py
import numpy as np
import pytest
from command_line import run, said
from importing import imported, refusal
from PIL import Image
from published_datasets import camvid, cityscapes, vspw
from published_flights import kitti_step, midair, tartanair2, uavid, viper

LABELS = {
    "tartanair2": (tartanair2, "*/*/*/seg_*/000001*"),
    "uavid": (uavid, "uavid_train/seq1/Labels/000010.png"),
    "viper": (viper, "train/cls/001/001_00002.png"),
    "midair": (midair, "Kite_training/*/segmentation/*/000001.PNG"),
    "kitti-step": (kitti_step, "panoptic_maps/train/0000/000001.png"),
}
MAKERS = {
    **{layout: make for layout, (make, _) in LABELS.items()},
    "cityscapes": lambda root: cityscapes(root, before=1, after=1),
    "vspw": lambda root: vspw(root, frames=2),
    "camvid": lambda root: camvid(root, stills=[("0006R0", 930, "0006R0_f00930")]),
}
PICTURES = {
    "tartanair2": "*/*/*/image_*/000001*",
    "uavid": "uavid_train/seq1/Images/000010.png",
    "viper": "train/img/001/001_00002.jpg",
    "midair": "Kite_training/*/color_left/*/000001.JPEG",
    "kitti-step": "training/image_02/0000/000001.png",
}
DEPTH = {
    "tartanair2": "*/*/*/depth_*/000001*",
    "midair": "Kite_training/*/depth/*/000001.PNG",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def only(here, pattern):
    (path,) = (here / "set").glob(pattern)
    return path


@pytest.mark.parametrize("layout", LABELS)
def test_a_missing_picture_is_named(here, capsys, layout):
    LABELS[layout][0](here / "set")
    only(here, PICTURES[layout]).unlink()
    line = refusal(capsys, layout, "set")
    assert "has no picture" in line or "is missing" in line
    assert "0001" in line or "0010" in line or "0002" in line


@pytest.mark.parametrize("layout", LABELS)
@pytest.mark.parametrize("kind", ["labels", "pictures"])
def test_a_file_that_is_cut_off_is_named(here, capsys, layout, kind):
    make, pattern = LABELS[layout]
    make(here / "set")
    path = only(here, pattern if kind == "labels" else PICTURES[layout])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    line = refusal(capsys, layout, "set")  # decoders of JPEG make up the rest
    assert f"{path.name}: is cut off" in line or f"{path.name}: a damaged or cut off PNG" in line
    path.write_bytes(b"")
    assert path.name in refusal(capsys, layout, "set")


@pytest.mark.parametrize(
    ("layout", "pattern"),
    [
        *((layout, pattern) for layout, (_, pattern) in LABELS.items()),
        *PICTURES.items(),
        *DEPTH.items(),
    ],
)
def test_a_file_of_another_size_is_named(here, capsys, layout, pattern):
    LABELS[layout][0](here / "set")
    path = only(here, pattern)
    image = Image.open(path)
    image.load()
    image.crop((0, 0, image.width - 2, image.height)).save(path)
    line = refusal(capsys, layout, "set")
    assert path.name in line
    assert f"{image.width - 2}x{image.height}" in line


@pytest.mark.parametrize("layout", DEPTH)
def test_depth_that_is_no_distance_is_named(here, capsys, layout):
    LABELS[layout][0](here / "set")
    path = only(here, DEPTH[layout])
    values = np.array(Image.open(path))
    values[3, 4] = 0xFF if values.ndim == 3 else 0xFFFF  # NaN in half and in single precision
    Image.fromarray(values).save(path)
    assert "1 pixels of depth are no distances" in refusal(capsys, layout, "set")
    Image.fromarray(values[..., 0] if values.ndim == 3 else values.astype(np.uint8)).save(path)
    assert "expected a" in refusal(capsys, layout, "set")


@pytest.mark.parametrize("layout", LABELS)
def test_a_folder_of_something_else_is_told_what_to_unpack(here, capsys, layout):
    (here / "set").mkdir()
    line = refusal(capsys, layout, "set")
    assert "expected" in line
    assert "Unpack" in line


HIDDEN = {
    "tartanair2": ("*/*/*/image_*/*", "*/*/*/seg_*/*"),
    "uavid": ("uavid_train/seq1/Images/*", "uavid_train/seq1/Labels/*"),
    "viper": ("train/img/001/*", "train/cls/001/*"),
    "kitti-step": ("training/image_02/0000/*", "panoptic_maps/train/0000/*"),
    "cityscapes": ("leftImg8bit/*/*/*", "gtFine/*/*/*"),
    "vspw": ("data/*/origin/*", "data/*/mask/*"),
    "camvid": ("701_StillsRaw_full/*", "LabeledApproved_full/*"),
}


@pytest.mark.parametrize("layout", HIDDEN)
def test_what_a_mac_writes_beside_files_is_no_frame(here, capsys, layout):
    """AppleDouble files, named ._ and the file's name: RFC 1740, appendix B."""
    MAKERS[layout](here / "set")
    for pattern in HIDDEN[layout]:
        for path in [*(here / "set").glob(pattern)]:
            path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    dataset, *_ = imported(capsys, layout, "set")
    assert len(dataset)


@pytest.mark.parametrize("layout", sorted(HIDDEN.keys() - {"cityscapes"}))
def test_capitals_of_endings_and_what_windows_writes_beside_files_change_nothing(
    here, capsys, layout
):
    """Programs and disks of Windows write 000000.PNG; its Explorer writes Thumbs.db."""
    MAKERS[layout](here / "set")
    plain, *_ = imported(capsys, layout, "set")
    content = plain.content_hash
    (here / "d.h5").unlink()
    for pattern in HIDDEN[layout]:
        for path in [*(here / "set").glob(pattern)]:
            path.rename(path.with_suffix(path.suffix.upper()))
            for name in ("Thumbs.db", "desktop.ini", ".DS_Store"):
                path.with_name(name).write_bytes(b"x")
    capitals, *_ = imported(capsys, layout, "set")
    assert capitals.content_hash == content


def test_two_files_that_differ_in_capitals_alone_are_one_frame_twice(here, capsys):
    uavid(here / "set")
    path = only(here, "uavid_train/seq1/Labels/000010.png")
    path.with_suffix(".PNG").write_bytes(path.read_bytes())
    assert "both are frame 10" in refusal(capsys, "uavid", "set")


def test_sequences_without_labels_are_told_before_nothing_is_left_for_training(here, capsys):
    uavid(here / "set")
    for path in (here / "set").glob("uavid_train/seq1/Labels/*"):
        path.unlink()
    code, _, err = run(capsys, "dataset", "import", "uavid", "set", "--out", "refused.h5")
    assert code == 2
    assert "no sequence is left for training" in said(err)
    assert "seq1 (train) has no labels; it is left out" in err


def test_a_set_whose_labels_were_not_unpacked_at_all_is_told_so(here, capsys):
    tartanair2(here / "set")
    for folder in (here / "set").glob("*/*/*/seg_*"):
        shutil.rmtree(folder)
    line = refusal(capsys, "tartanair2", "set")
    assert "none of its trajectories has seg_lcam_front" in line
    assert "Unpack" in line


@pytest.mark.parametrize("layout", HIDDEN)
def test_a_pipe_named_like_labels_is_refused(here, capsys, layout):
    MAKERS[layout](here / "set")
    files = sorted((here / "set").glob(HIDDEN[layout][1] + ".png"))
    path = next((f for f in files if "labelIds" in f.name), files[0])
    path.unlink()
    os.mkfifo(path)
    assert "is no file" in refusal(capsys, layout, "set")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("64 128 64\t\tBear", "label_colors.txt:33: the colour of Bear stands there twice"),
        ("300 2 3\t\tBear", "label_colors.txt:33: the colour of Bear does not fit bytes"),
    ],
)
def test_colours_of_camvid_that_mean_two_things_or_nothing_are_refused(here, capsys, line, told):
    MAKERS["camvid"](here / "set")
    colors = here / "set" / "label_colors.txt"
    colors.write_text(colors.read_text() + line + "\n")
    assert told in refusal(capsys, "camvid", "set")


def test_damaged_tables_of_midair_s_records_are_told_before_hdf5_follows_them(here, capsys):
    """The size of a chunk stands in a version 1 B-tree (HDF5 file format, III.A.1)."""
    midair(here / "set", sets=("Kite_training/sunny",))
    path = only(here, "*/*/sensor_records.hdf5")
    with h5py.File(path, "r+") as file:
        group = file["trajectory_0000/groundtruth"]
        values, rate = group["position"][...], group["position"].attrs["sampling_frequency"]
        del group["position"]
        array = group.create_dataset("position", data=values, chunks=(4, 3), compression="gzip")
        array.attrs["sampling_frequency"] = rate
        size = array.id.get_chunk_info(1).size
    old = struct.pack("<IIQ", size, 0, 4)
    assert path.read_bytes().count(old) == 1
    path.write_bytes(path.read_bytes().replace(old, struct.pack("<IIQ", 1 << 31, 0, 4)))
    line = refusal(capsys, "midair", "set")
    assert "sensor_records.hdf5: /trajectory_0000/groundtruth/position is damaged" in line
    assert "Copy it again" in line


def test_records_of_midair_that_another_program_writes_are_called_open(here, capsys):
    midair(here / "set")
    with only(here, "Kite_training/*/sensor_records.hdf5").open("r+b") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert "is open for writing in another program" in refusal(capsys, "midair", "set")
