"""VIPER: palette PNGs by id, and camera matrices of OpenGL's frame."""

import numpy as np
import pytest
from importing import imported, refusal
from PIL import Image
from published_flights import viper
from scipy.spatial.transform import Rotation

from airseg.classes import CLASS_INDEX
from airseg.dataset.importing.viper import OBJECTS, pose_of_view
from airseg.errors import DatasetError
from airseg.geometry import rotation_matrix
from airseg.labels.label_map import load_label_map

CLASSES_CSV = (
    "unlabeled ambiguous sky road sidewalk railtrack terrain tree vegetation building "
    "infrastructure fence billboard trafficlight trafficsign mobilebarrier firehydrant chair trash "
    "trashcan person animal bicycle motorcycle car van bus truck trailer train plane boat"
)
"""The column classname of the toolkit's classes.csv."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def some_views(count=3):
    views = []
    for index in range(count):
        random = np.random.default_rng(index)
        view = np.eye(4)
        view[:3, :3] = Rotation.random(random_state=index).as_matrix()
        view[:3, 3] = random.normal(size=3) * 20
        views.append(view)
    return views


def test_ids_are_those_of_the_toolkits_table():
    assert [o.group for o in OBJECTS] == CLASSES_CSV.split()


def test_labels_are_indices_and_become_the_eleven(here, capsys):
    ids = viper(here / "viper")
    dataset, out, err = imported(capsys, "viper", "viper")
    label_map = load_label_map("viper")
    table = np.array(
        [label_map.label_value(label_map.class_of_name(name)) for name in CLASSES_CSV.split()],
        np.uint8,
    )
    assert table[7] == CLASS_INDEX["tree"]
    assert table[8] == CLASS_INDEX["vegetation"]
    assert {view.name: view.split for view in dataset} == {"train-001": "train", "val-003": "val"}
    for view in dataset:
        own = np.stack(ids[view.name])
        assert np.array_equal(view.raw_label(0, 3), own)
        assert np.array_equal(view.label(0, 3), table[own])
    assert view.rate_hz == 15
    assert view.timestamps_ns[0] == round(1e9 / 15)  # its frames count from 1
    assert "differs  train: frames: 3 found, 134,097 published" in out
    assert "test has no labels" in err


def test_cars_keep_their_numbers_where_instances_are_unpacked(here, capsys):
    viper(here / "viper", instances=True)
    (here / "viper/val/inst/003/003_00002.png").unlink()
    dataset, _, err = imported(capsys, "viper", "viper")
    published = np.array(Image.open(here / "viper/train/inst/001/001_00002.png"), np.int64)
    numbers = dataset.sequence("train-001").instance(1, 2)[0]
    cars = published[..., 0] == 24  # README: R is the class, 256 * G + B the instance
    assert np.array_equal(numbers[cars] - 24 * 65536, (published @ (0, 256, 1))[cars])
    assert not numbers[~cars].any()
    assert not dataset.sequence("val-003").has_instance
    assert "1 frames with labels have no objects" in err


def test_poses_look_where_the_view_matrix_says(here, capsys):
    views = some_views()
    viper(here / "viper", views=views)
    dataset, _, _ = imported(capsys, "viper", "viper")
    view = dataset.sequence("train-001")
    for pose, matrix in zip(view.poses, views, strict=True):
        camera = np.linalg.inv(matrix)  # README: x right, y up, -z forward
        right, up, forward = camera[:3, 0], camera[:3, 1], -camera[:3, 2]

        def to_ned(v):  # north is where the first camera looks
            return np.array([-v[2], v[0], -v[1]])

        assert np.allclose(pose[:3], to_ned(camera[:3, 3]))
        turn = rotation_matrix(pose[3:])
        assert np.allclose(turn[:, 0], to_ned(forward))
        assert np.allclose(turn[:, 1], to_ned(right))
        assert np.allclose(turn[:, 2], to_ned(-up))
    # projection [0, 0] is one over the tangent of half the field of view
    assert np.tan(np.radians(view.details["camera"]["fov_deg"]) / 2) == pytest.approx(1 / 1.2)


def test_points_as_rows_give_the_same_pose():
    (view,) = some_views(1)
    assert np.allclose(pose_of_view(view.T, "here"), pose_of_view(view, "here"))


def test_a_matrix_that_stretches_is_refused():
    with pytest.raises(DatasetError, match="here: its view matrix is no turn and shift"):
        pose_of_view(np.diag([2.0, 1, 1, 1]), "here")


def test_damaged_camera_files_are_one_line(here, capsys):
    viper(here / "viper")
    path = here / "viper/train/camera/001.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:2]))
    assert "001.csv: has no line for frame 3" in refusal(capsys, "viper", "viper")
    path.write_text("\n".join([lines[0], lines[1][:50], lines[2]]))
    assert "001.csv:2: expected a frame's number and two matrices" in refusal(
        capsys, "viper", "viper"
    )
    path.write_text("\n".join(lines).replace("1.2", "nan"))
    assert "001.csv:1: expected" in refusal(capsys, "viper", "viper")
    path.write_bytes(b"\xff\xfe\x00")
    assert "001.csv" in refusal(capsys, "viper", "viper")
    path.unlink()
    dataset, _, err = imported(capsys, "viper", "viper")
    assert np.isnan(dataset.sequence("train-001").poses).all()
    assert "has no camera file" in err


def test_pictures_without_labels_are_context_and_gaps_are_gaps_in_time(here, capsys):
    viper(here / "viper", frames=4)
    (here / "viper/train/cls/001/001_00002.png").unlink()
    for kind, ending in (("cls", "png"), ("img", "jpg")):
        (here / f"viper/train/{kind}/001/001_00003.{ending}").unlink()
    dataset, _, err = imported(capsys, "viper", "viper")
    view = dataset.sequence("train-001")
    assert view.labelled.tolist() == [True, False, True]
    assert np.diff(view.timestamps_ns).tolist() == [66_666_666, 133_333_334]
    assert "1 frames have no labels and are context" in err


def test_one_number_twice_is_refused(here, capsys):
    viper(here / "viper")
    folder = here / "viper/train/img/001"
    (folder / "001_00001.png").write_bytes((folder / "001_00001.jpg").read_bytes())
    assert "both are frame 1" in refusal(capsys, "viper", "viper")
