"""Mid-Air: half floats in 16-bit PNGs, and poses and lists in HDF5."""

import h5py
import numpy as np
import pytest
from importing import imported, refusal
from PIL import Image
from published_flights import midair

from airseg.classes import CLASS_INDEX

CLASSES = ["sky", "", "tree", "vegetation", "vegetation", "stone", "stone", "", "", "house",
           "road", "", "traffic_fixture", ""]  # fmt: skip
ELEVEN = np.array([CLASS_INDEX.get(name, 255) for name in CLASSES], np.uint8)
FLIGHT = "Kite_training-sunny-trajectory_0000"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def authors_depth(path):
    """open_float16 of the authors' hdf5-depth_viewer.py."""
    image = np.asarray(Image.open(path), np.uint16)
    return image.view(np.float16)


def test_flights_come_with_classes_depth_and_poses(here, capsys):
    written = midair(here / "MidAir")
    dataset, out, _ = imported(capsys, "midair", "MidAir")
    assert {view.name: view.split for view in dataset} == {
        FLIGHT: "train", "Kite_test-sunny-trajectory_0001": "test",
    }  # fmt: skip
    view = dataset.sequence(FLIGHT)
    labels, depth, truth = written[FLIGHT]
    assert np.array_equal(view.raw_label(0, 3), labels)
    assert np.array_equal(view.label(0, 3), ELEVEN[labels])
    folder = here / "MidAir/Kite_training/sunny"
    published = authors_depth(folder / "depth/trajectory_0000/000001.PNG")
    assert np.array_equal(published, depth[1])
    assert np.array_equal(view.depth(1, 2)[0], np.minimum(published, np.finfo(np.float16).max))
    picture = np.asarray(Image.open(folder / "color_left/trajectory_0000/000001.JPEG"))
    assert np.abs(view.rgb(1, 2)[0].astype(int) - picture).mean() < 2  # of two JPEG decoders
    # database[...]["position"][i * 4]; 100 Hz of 25 frames
    assert np.allclose(view.poses, truth[::4])
    assert view.rate_hz == 25
    assert view.details["camera"]["fov_deg"] == 90
    assert view.details["origin"]["sky"] == "sunny"
    assert view.details["origin"]["licence"] == "CC BY-NC-SA 4.0"
    assert view.environment == "Kite"
    assert "differs  size of frames: 32x16 found, 1024x1024 published" in out


def test_one_flight_under_two_skies_stays_in_one_part(here, capsys):
    midair(here / "MidAir", sets=("PLE_training/fall", "PLE_training/winter", "PLE_test/fall"))
    dataset, _, _ = imported(capsys, "midair", "MidAir")
    assert len(dataset.split("train")) == 2
    assert len(dataset.split("test")) == 1


def test_paths_that_lead_out_of_the_folder_are_refused(here, capsys):
    midair(here / "MidAir")
    secret = here / "000001.PNG"
    secret.write_bytes(b"")
    for path in ("../../../000001.PNG", "segmentation/../../../000001.PNG", str(secret),
                 "segmentation/trajectory_0001/000001.PNG", "depth/trajectory_0000/000001.PNG",
                 "segmentation/trajectory_0000/\x00.PNG"[:-5]):  # fmt: skip
        with h5py.File(here / "MidAir/Kite_training/sunny/sensor_records.hdf5", "a") as file:
            file["trajectory_0000/camera_data/segmentation"][1] = path
        line = refusal(capsys, "midair", "MidAir")
        assert "sensor_records.hdf5: trajectory_0000: lists" in line


def test_the_slashes_of_windows_are_read(here, capsys):
    midair(here / "MidAir")
    for path in (here / "MidAir").rglob("sensor_records.hdf5"):
        with h5py.File(path, "a") as file:
            for flight in file:
                for kind, names in file[flight]["camera_data"].items():
                    for index, name in enumerate(names.asstr()[:]):
                        file[flight]["camera_data"][kind][index] = name.replace("/", "\\")
    assert len(imported(capsys, "midair", "MidAir")[0].sequences) == 2


def test_what_the_records_list_and_is_missing_is_named(here, capsys):
    midair(here / "MidAir")
    path = here / "MidAir/Kite_training/sunny/depth/trajectory_0000/000002.PNG"
    path.unlink()
    assert "000002.PNG: is missing, and sensor_records.hdf5 lists it" in refusal(
        capsys, "midair", "MidAir"
    )


def test_damaged_records_are_one_line(here, capsys):
    midair(here / "MidAir")
    path = here / "MidAir/Kite_training/sunny/sensor_records.hdf5"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    assert "sensor_records.hdf5: is damaged" in refusal(capsys, "midair", "MidAir")
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        positions = file["trajectory_0000/groundtruth/position"][:5]
        del file["trajectory_0000/groundtruth/position"]
        file["trajectory_0000/groundtruth/position"] = positions
        file["trajectory_0000/groundtruth/position"].attrs["sampling_frequency"] = 100.0
    assert "has 5 rows of position, and 3 frames need 9" in refusal(capsys, "midair", "MidAir")
    with h5py.File(path, "a") as file:
        del file["trajectory_0000/groundtruth/position"].attrs["sampling_frequency"]
    assert "sensor_records.hdf5: is damaged" in refusal(capsys, "midair", "MidAir")
    with h5py.File(path, "a") as file:
        del file["trajectory_0000/camera_data"]
    assert "sensor_records.hdf5: is damaged" in refusal(capsys, "midair", "MidAir")


@pytest.mark.parametrize("number", [1, 7])
def test_a_list_without_some_number_is_refused(here, capsys, number):
    # The authors read the pose of their i-th frame in row i * 4; of which frame it is, nobody says.
    midair(here / "MidAir")
    folder = here / "MidAir/Kite_training/sunny"
    for kind, suffix in (("color_left", "JPEG"), ("segmentation", "PNG"), ("depth", "PNG")):
        names = [f"{kind}/trajectory_0000/{n:06d}.{suffix}" for n in (0, 1, number)]
        (folder / names[2]).write_bytes(
            (folder / kind / "trajectory_0000" / f"000002.{suffix}").read_bytes()
        )
        with h5py.File(folder / "sensor_records.hdf5", "a") as file:
            file[f"trajectory_0000/camera_data/{kind}"][:] = names
    assert "lists 3 frames as color_left, and not every number once" in refusal(
        capsys, "midair", "MidAir"
    )


def test_a_flight_that_is_not_unpacked_is_left_out_and_told(here, capsys):
    midair(here / "MidAir")
    (here / "MidAir/Kite_test/sunny/segmentation").rename(here / "elsewhere")
    dataset, _, err = imported(capsys, "midair", "MidAir")
    assert dataset.sequences == [FLIGHT]
    assert "segmentation of trajectory_0001 is not here" in err
