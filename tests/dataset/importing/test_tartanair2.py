"""TartanAir V2 and TartanGround: names by environment, depth in RGBA, poses in NED."""

import json
import zipfile

import cv2
import numpy as np
import pytest
from command_line import run
from importing import imported, refusal
from published_datasets import picture
from published_flights import TARTAN_NAMES, tartanair2

from airseg.classes import CLASS_INDEX

CLASSES = {"sky": "sky", "driveway": "road", "house": "house", "roof": "roof", "tree": "tree",
           "car": "vehicle"}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def authors_depth(path):
    """read_decode_depth of the dataset's documentation."""
    rgba = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return np.squeeze(rgba.view("<f4"), axis=-1)


def test_trajectories_come_with_classes_depth_poses_and_their_licence(here, capsys):
    labels, depth, lines = tartanair2(here / "air")
    tartanair2(here / "air", data="Data_hard", trajectory="P001")
    dataset, out, _ = imported(capsys, "tartanair2", "air")
    assert dataset.sequences == ["ModularNeighborhood-easy-P000", "ModularNeighborhood-hard-P001"]
    view = dataset.sequence("ModularNeighborhood-easy-P000")
    table = np.full(256, 255, np.uint8)
    for name, number in TARTAN_NAMES.items():
        table[number] = CLASS_INDEX[CLASSES[name]]
    assert np.array_equal(view.label(0, 3), table[labels])
    assert np.array_equal(view.raw_label(0, 3), labels)
    assert np.array_equal(view.rgb(1, 2)[0], picture([1, 7]))
    path = here / "air/ModularNeighborhood/Data_easy/P000/depth_lcam_front"
    published = authors_depth(path / "000002_lcam_front_depth.png")
    assert np.array_equal(published, depth[2])
    expected = np.minimum(published, np.finfo(np.float16).max).astype(np.float16)
    assert np.array_equal(view.depth(2, 3)[0], expected)
    # tx ty tz qx qy qz qw, NED, of the camera
    assert np.allclose(view.poses[:, :3], lines[:, :3], atol=1e-8)
    assert np.allclose(view.poses[:, 3], lines[:, 6], atol=1e-8)
    assert np.allclose(view.poses[:, 4:], lines[:, 3:6], atol=1e-8)
    assert view.rate_hz == 10
    assert np.diff(view.timestamps_ns).tolist() == [100_000_000] * 2
    # f = 320 of 640 pixels
    assert view.details["camera"] == {"name": "lcam_front", "fov_deg": 90.0}
    assert view.details["origin"]["licence"] == "CC BY 4.0"
    assert view.environment == "ModularNeighborhood"
    assert "differs  environments: 1 found, 74 published" in out
    assert "differs  size of frames: 32x16 found, 640x640 published" in out


def test_another_camera_is_asked_for_by_name(here, capsys):
    labels, _, _ = tartanair2(here / "air", camera="rcam_bottom")
    dataset, _, _ = imported(capsys, "tartanair2", "air", "--camera", "rcam_bottom")
    view = dataset.sequence("ModularNeighborhood-easy-P000-rcam_bottom")
    assert np.array_equal(view.raw_label(0, 3), labels)
    assert "Did you mean 'lcam_top'" in refusal(capsys, "tartanair2", "air", "--camera", "lcam_tp")
    assert "vspw has one only" in refusal(capsys, "vspw", "air", "--camera", "lcam_top")


def test_names_are_read_out_of_the_toolkits_archive(here, capsys):
    tartanair2(here / "air", names="archive")
    dataset, _, _ = imported(capsys, "tartanair2", "air/ModularNeighborhood/Data_easy/..")
    assert dataset.sequences == ["ModularNeighborhood-easy-P000"]
    with zipfile.ZipFile(here / "air" / "segfiles.zip", "w") as archive:
        archive.writestr("../ModularNeighborhood/seg_label_map.json", "{}")
    assert "has no ModularNeighborhood/seg_label_map.json" in refusal(capsys, "tartanair2", "air")
    table = json.dumps({"name_map": TARTAN_NAMES}) * 9
    with zipfile.ZipFile(here / "air" / "segfiles.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ModularNeighborhood/seg_label_map.json", table)
    damaged = bytearray((here / "air" / "segfiles.zip").read_bytes())
    damaged[80:90] = b"\xff" * 10
    (here / "air" / "segfiles.zip").write_bytes(damaged)
    assert "segfiles.zip: is damaged" in refusal(capsys, "tartanair2", "air")
    (here / "air" / "segfiles.zip").write_bytes(b"PK\x03\x04 cut off")
    assert "segfiles.zip: is damaged" in refusal(capsys, "tartanair2", "air")
    (here / "air" / "segfiles.zip").unlink()
    assert "nobody says what its label values mean" in refusal(capsys, "tartanair2", "air")


def test_tartanground_has_robots_for_difficulties(here, capsys):
    labels, _, _ = tartanair2(here / "ground", data="Data_anymal", trajectory="P2000")
    dataset, out, _ = imported(capsys, "tartanground", "ground")
    view = dataset.sequence("ModularNeighborhood-anymal-P2000")
    assert np.array_equal(view.raw_label(0, 3), labels)
    assert view.details["origin"]["title"] == "TartanGround"
    assert "differs  Data_anymal: trajectories: 1 found, 240 published" in out
    assert "Data_easy" in refusal(capsys, "tartanair2", "ground")


def test_names_that_the_map_lacks_are_refused_or_ignored_on_purpose(here, capsys):
    tartanair2(here / "air")
    path = here / "air" / "ModularNeighborhood" / "seg_label_map.json"
    path.write_text(json.dumps({"name_map": {**TARTAN_NAMES, "car": 1, "warpgate": 180}}))
    line = refusal(capsys, "tartanair2", "air")
    assert "fall into different classes" in line
    path.write_text(json.dumps({"name_map": {"warpgate": 180, **{
        name: n for name, n in TARTAN_NAMES.items() if name != "car"}}}))  # fmt: skip
    assert "warpgate" in refusal(capsys, "tartanair2", "air")
    dataset, _, err = imported(capsys, "tartanair2", "air", "--allow-unmapped")
    view = next(iter(dataset))
    assert ((view.label(0, 3) == 255) == (view.raw_label(0, 3) == 180)).all()
    assert "warpgate has no class" in err


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        "[]",
        "{",
        '{"name_map": 3}',
        '{"name_map": {"a": 256}}',
        '{"name_map": {"a": true}}',
        '{"name_map": {"a\\n": 1}}',
    ],
)
def test_a_damaged_table_of_names_is_one_line(here, capsys, content):
    tartanair2(here / "air")
    (here / "air" / "ModularNeighborhood" / "seg_label_map.json").write_text(content)
    assert "seg_label_map.json: expected JSON with a 'name_map'" in refusal(
        capsys, "tartanair2", "air"
    )


def test_a_frame_without_its_labels_or_pose_is_refused(here, capsys):
    tartanair2(here / "air")
    folder = here / "air/ModularNeighborhood/Data_easy/P000"
    poses = folder / "pose_lcam_front.txt"
    poses.write_text("\n".join(poses.read_text().splitlines()[:2]) + "\n")
    assert "expected 3 lines of 7 numbers" in refusal(capsys, "tartanair2", "air")
    (folder / "seg_lcam_front" / "000001_lcam_front_seg.png").unlink()
    line = refusal(capsys, "tartanair2", "air")
    assert "000001_lcam_front.png: has no labels in seg_lcam_front" in line


def test_strict_wants_all_environments(here, capsys):
    tartanair2(here / "air")
    code, _, err = run(capsys, "dataset", "import", "tartanair2", "air", "--out", "d.h5",
                       "--strict")  # fmt: skip
    assert code == 2
    assert "74 published" in err
