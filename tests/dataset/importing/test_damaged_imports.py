"""A published dataset with one damaged file is refused in a line that names the file."""

import numpy as np
import pytest
from importing import refusal
from PIL import Image
from published_flights import kitti_step, midair, tartanair2, uavid, viper

LABELS = {
    "tartanair2": (tartanair2, "*/*/*/seg_*/000001*"),
    "uavid": (uavid, "uavid_train/seq1/Labels/000010.png"),
    "viper": (viper, "train/cls/001/001_00002.png"),
    "midair": (midair, "Kite_training/*/segmentation/*/000001.PNG"),
    "kitti-step": (kitti_step, "panoptic_maps/train/0000/000001.png"),
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
