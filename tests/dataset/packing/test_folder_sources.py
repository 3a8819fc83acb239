"""Folders in other layouts become datasets; what is wrong in them is one line with the file."""

import json

import cv2
import numpy as np
import pytest
from command_line import run, said
from foreign_folders import (
    HEIGHT,
    IDS_MAP,
    PALETTE,
    WIDTH,
    airsim,
    founding_ids,
    palette_file,
    save_rgb,
    tartan,
)
from PIL import Image
from recording_folders import write_recording
from walks import write_walk

from airseg.classes import CLASS_INDEX, IGNORE_INDEX
from airseg.dataset.packing.sources import open_sources
from airseg.dataset.reading.reader import Dataset

FOUNDING = {
    "road": [251], "vehicle": [220], "vegetation": [224, 247, 254],
    "tree": [171, 152, 196, 253, 85], "traffic_fixture": [163, 178, 198, 221], "sky": [146],
    "fence": [105], "pool": [122, 200, 255],
    "stone": [0, 104, 110, 168, 182, 227, 205, 95, 242, 248, 28, 132],
    "roof": [124, 151, 173, 183, 210, 218, 231, 239, 252, 64, 99],
}  # fmt: skip
ALL_IDS = (
    "format: 1\nname: all\nbackground: sky\nrules: [{class: house, names: ['.*'], ids: 0-255}]\n"
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def relabel(capsys, *arguments):
    code, out, err = run(capsys, "relabel", *arguments, "--out", "d.h5")
    assert code == 0, err
    return Dataset("d.h5"), out, err


def refusal(capsys, *arguments):
    code, _, err = run(capsys, "relabel", *arguments, "--out", "d.h5")
    assert code == 2
    return said(err)


def test_founding_ids_in_tartanair_layout_become_exactly_the_tables_classes(here, capsys):
    tartan(here / "neighborhood" / "Easy" / "P000")
    dataset, _, _ = relabel(capsys, "neighborhood", "--map", "founding")
    view = dataset.sequence("Easy-P000")
    expected = np.full(256, CLASS_INDEX["house"], np.uint8)
    for name, ids in FOUNDING.items():
        expected[ids] = CLASS_INDEX[name]
    for index in range(3):
        assert np.array_equal(view.raw_label(index, index + 1)[0], founding_ids(index))
        assert np.array_equal(view.label(index, index + 1)[0], expected[founding_ids(index)])
    assert view.environment == "neighborhood"
    assert np.array_equal(view.poses[0], [1, 2, 3, 0.9, 0.1, 0.2, 0.3])
    assert (view.depth(0, 1) == 7.5).all()


def test_all_files_beside_each_other_are_tartanair_too(here, capsys):
    tartan(here / "P000", flat=True)
    tartan(here / "P001", 2, flat=True)
    dataset, _, err = relabel(capsys, "P000", "P001", "--map", "founding", "--split", "test=P001")
    assert dataset.sequences == ["P000", "P001"]
    assert np.isnan(dataset.sequence("P000").poses).all()
    assert "has no time stamps; they are taken to be 25 Hz" in err


def test_id_outside_the_founding_table_is_refused_with_its_pixels(here, capsys):
    folder = tartan(here / "P000", flat=True)
    np.save(folder / "000001_left_seg.npy", np.full((HEIGHT, WIDTH), 7, np.uint8))
    assert "id 7 (192 pixels)" in refusal(capsys, "P000", "--map", "founding")


def test_airsims_recorder_is_read_with_a_palette_file(here, capsys):
    ids = airsim(here / "2026-01-01-10-00-00")
    palette_file(here)
    (here / "ids.yaml").write_text(IDS_MAP)
    dataset, _, err = relabel(
        capsys, "2026-01-01-10-00-00", "--map", "ids.yaml", "--palette", "seg_rgbs.txt"
    )
    view = dataset.sequence("2026-01-01-10-00-00")
    assert np.array_equal(view.raw_label(0, 3), ids)
    assert list(view.timestamps_ns) == [1_000_000_000, 1_050_000_000, 1_100_000_000]
    assert list(view.poses[2]) == [2, 1, -2, 1, 0, 0, 0]
    assert "vehicle's pose" in err


def test_palette_of_a_recording_gives_names_to_colours(here, capsys):
    ids = airsim(here / "flight")
    meshes = {1: "Road_1", 2: "Oak_2", 3: "Car_3"}
    table = [{"id": i, "group": m, "meshes": [m], "color": PALETTE[i]} for i, m in meshes.items()]
    (here / "recording.json").write_text(json.dumps({"object_table": table}))
    dataset, _, _ = relabel(
        capsys, "flight", "--map", "neighborhood", "--palette", "recording.json"
    )
    labels = np.array([CLASS_INDEX[n] for n in ("sky", "road", "tree", "vehicle")])
    assert np.array_equal(dataset.sequence("flight").label(0, 3), labels[ids])


def test_without_a_palette_colours_are_the_names(here, capsys):
    ids = airsim(here / "flight")
    (here / "m.yaml").write_text(
        "format: 1\nname: m\nignore: '#000000'\nrules:\n  - {class: road, colors: [153, 108, 6]}\n"
        "  - {class: tree, colors: ['#7069bf', '#597948']}\n"
    )
    dataset, _, _ = relabel(capsys, "flight", "--map", "m.yaml")
    labels = np.array([IGNORE_INDEX, CLASS_INDEX["road"], *[CLASS_INDEX["tree"]] * 2])
    assert np.array_equal(dataset.sequence("flight").label(0, 3), labels[ids])


def plain(folder, labels, name="000.png"):
    save_rgb(folder / "images" / "000.png")
    (folder / "labels").mkdir(exist_ok=True)
    path = folder / "labels" / name
    if name.endswith(".npy"):
        np.save(path, labels)
    else:
        cv2.imwrite(str(path), labels)
    return path


IDS = np.random.default_rng(0).integers(0, 4, (HEIGHT, WIDTH), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["grey", "16 bit", "palette", "npy", "int64"])
def test_plain_folders_keep_ids_however_they_are_stored(here, capsys, kind):
    if kind == "palette":
        path = plain(here / "a", IDS)
        image = Image.fromarray(IDS, mode="P")
        image.putpalette([9, 9, 9] * 256)  # colours say nothing; indices do
        image.save(path)
    elif kind in ("npy", "int64"):
        plain(here / "a", IDS.astype(np.int64) if kind == "int64" else IDS, "000.npy")
    else:
        plain(here / "a", IDS.astype(np.uint16) if kind == "16 bit" else IDS)
    (here / "ids.yaml").write_text(IDS_MAP)
    dataset, _, _ = relabel(capsys, "a", "--map", "ids.yaml")
    assert np.array_equal(dataset.sequence("a").raw_label(0, 1)[0], IDS)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def alpha(path):
    cv2.imwrite(str(path), np.dstack([np.dstack([IDS] * 3), np.full_like(IDS, 100)]))


def write_colors(path):
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[..., 0] = 200
    cv2.imwrite(str(path), rgb)


@pytest.mark.parametrize(
    ("name", "damage", "parts"),
    [
        ("000.png", cut, ("000.png", "cut off")),
        ("000.npy", cut, ("000.npy", "not a whole NumPy file")),
        ("000.png", lambda p: p.write_bytes(b""), ("000.png", "is empty")),
        ("000.png", lambda p: p.write_bytes(b"hello"), ("000.png", "no image")),
        ("000.png", lambda p: cv2.imwrite(str(p), IDS[:-2]), ("16x10", "16x12")),
        (
            "000.png",
            lambda p: cv2.imwrite(str(p), IDS.astype(np.uint16) * 200),
            ("between 0 and 255", "pixels outside"),
        ),
        ("000.npy", lambda p: np.save(p, IDS.astype(int) - 1), ("found -1 to 2",)),
        ("000.npy", lambda p: np.save(p, IDS / 2), ("whole ids", "float64")),
        ("000.npy", lambda p: np.save(p, IDS[0]), ("whole ids", "(16,)")),
        ("000.npy", lambda p: np.save(p, np.array([{}]), allow_pickle=True), ("NumPy file",)),
        ("000.png", alpha, ("192 pixels are see-through",)),
    ],
)
def test_damaged_label_files_are_one_line(here, capsys, name, damage, parts):
    damage(plain(here / "a", IDS, name))
    (here / "ids.yaml").write_text(IDS_MAP)
    message = refusal(capsys, "a", "--map", "ids.yaml")
    for part in parts:
        assert part in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("1\t[1, 2, 3]\n2\t[1, 2, 3]\n", "share a colour"),
        ("1 2 3\n", "expected a line like"),
        ("300\t[1, 2, 3]\n", "expected a line like"),
        ("", "there must be some"),
    ],
)
def test_wrong_palette_files_are_one_line(here, capsys, text, part):
    airsim(here / "flight")
    (here / "p.txt").write_text(text)
    assert part in refusal(capsys, "flight", "--map", "blocks", "--palette", "p.txt")


def test_palette_that_is_no_recording_is_one_line(here, capsys):
    airsim(here / "flight")
    (here / "p.json").write_text("[1]")
    assert "object_table" in refusal(capsys, "flight", "--map", "blocks", "--palette", "p.json")


def test_colour_outside_the_palette_is_never_guessed(here, capsys):
    airsim(here / "flight")
    write_colors(here / "flight" / "images" / "img_Drone1_0_5_1701.png")
    palette_file(here)
    (here / "ids.yaml").write_text(IDS_MAP)
    message = refusal(capsys, "flight", "--map", "ids.yaml", "--palette", "seg_rgbs.txt")
    assert "192 pixels have 1 colours that belong to no id" in message
    assert "#0000c8" in message


def test_swapped_red_and_blue_are_recognised(here, capsys):
    airsim(here / "flight", 1)
    path = here / "flight" / "images" / "img_Drone1_0_5_1700.png"
    cv2.imwrite(str(path), cv2.imread(str(path))[..., ::-1])
    palette_file(here)
    message = refusal(capsys, "flight", "--map", "blocks", "--palette", "seg_rgbs.txt")
    assert "red and blue are swapped" in message


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda t: t.replace("TimeStamp", "Time"), "columns TimeStamp are missing"),
        (lambda t: t.replace("1050", "1o50"), "airsim_rec.txt:3: damaged line"),
        (lambda t: t.replace("1050", "9" * 20), ":3: 99999999999999999999 is no TimeStamp"),
        (lambda t: t.replace("img_Drone1_0_5_1701.png", "x.png"), ":3: 'x.png' is no image name"),
        (lambda t: t.replace(";img_Drone1_0_5_1701.png", ""), ":3: no camera has both"),
        (lambda t: t.splitlines()[0], "has no frames"),
    ],
)
def test_damaged_airsim_logs_name_the_line(here, capsys, damage, part):
    airsim(here / "flight")
    log = here / "flight" / "airsim_rec.txt"
    log.write_text(damage(log.read_text()))
    assert part in refusal(capsys, "flight", "--map", "blocks")


@pytest.mark.parametrize("end", ["\n\n", "\r\n \r\n", ""])
def test_pose_files_may_end_as_editors_leave_them(here, capsys, end):
    folder = tartan(here / "P000")
    rows = np.loadtxt(folder / "pose_left.txt")
    text = (folder / "pose_left.txt").read_text().strip()
    (folder / "pose_left.txt").write_text(text + end, newline="")
    dataset, _, _ = relabel(capsys, "P000", "--map", "founding")
    assert np.array_equal(dataset.sequence("P000").poses, rows[:, [0, 1, 2, 6, 3, 4, 5]])


def test_missing_pictures_and_short_pose_files_are_told(here, capsys):
    folder = tartan(here / "P000")
    (folder / "pose_left.txt").write_text("1 2 3 0 0 0 1\n")
    assert "expected 3 lines of 7 numbers" in refusal(capsys, "P000", "--map", "founding")
    (folder / "pose_left.txt").unlink()
    (folder / "image_left" / "000001_left.png").unlink()
    assert "has no picture" in refusal(capsys, "P000", "--map", "founding")


def test_sources_of_two_layouts_may_be_mixed(here):
    tartan(here / "P000", flat=True)
    airsim(here / "flight")
    assert [s.name for s in open_sources([here / "P000", here / "flight"])] == ["P000", "flight"]


def test_map_with_classes_of_its_own_names_them_in_the_dataset(here, capsys):
    ids = np.tile(np.array([7, 8, 11, 26], np.uint8), (HEIGHT, WIDTH // 4))
    plain(here / "aachen", ids)
    dataset, out, _ = relabel(capsys, "aachen", "--map", "cityscapes19")
    assert dataset.class_names[:3] == ["road", "sidewalk", "building"]
    assert dataset.num_classes == 19
    assert dataset.sequence("aachen").label(0, 1)[0, 0, :4].tolist() == [0, 1, 2, 13]
    assert "sidewalk" in out


@pytest.mark.parametrize(
    "entry",
    [
        {"id": 1, "color": [1, 2]},
        {"id": 1, "color": [300, 0, 0]},
        {"id": 1, "color": [-1, 0, 0]},
        {"id": 99999, "color": [1, 2, 3]},
        {"id": 1.5, "color": [1, 2, 3]},
        {"id": True, "color": [1, 2, 3]},
        {"id": 1, "color": [1.5, 2, 3]},
        {"id": 2, "color": [9, 9, 9]},  # which id 3 has
        {"id": 3, "color": [1, 2, 3]},
    ],
)
def test_palette_of_a_recording_that_fits_no_bytes_is_one_line(here, capsys, entry):
    airsim(here / "rec")
    other = {"id": 3, "group": "Car", "meshes": ["Car_1"], "color": [9, 9, 9]}
    table = [{"group": "Oak", "meshes": ["Oak_1"], **entry}, other]
    (here / "recording.json").write_text(json.dumps({"object_table": table}))
    err = refusal(capsys, "rec", "--map", "neighborhood", "--palette", "recording.json")
    assert "recording.json: expected a recording.json with an object_table" in err


def test_other_meanings_of_colours_are_other_pixels(here):
    def fingerprint(colors):
        table = [
            {"id": n, "group": f"g{n}", "meshes": [], "color": c} for n, c in enumerate(colors, 1)
        ]
        (here / "recording.json").write_text(json.dumps({"object_table": table}))
        return open_sources([here / "rec"], here / "recording.json")[0].fingerprint

    airsim(here / "rec")
    first = fingerprint([[1, 2, 3], [3, 2, 1]])
    assert first == fingerprint([[1, 2, 3], [3, 2, 1]])
    assert first != fingerprint([[3, 2, 1], [1, 2, 3]])


def test_environments_that_could_not_be_read_back_are_not_written(here, capsys):
    tartan(here / "a\x1b[31mb" / "P000")
    code, _, err = run(capsys, "relabel", here / "a\x1b[31mb", "--map", "founding", "--out", "d.h5")
    assert code == 2
    assert "cannot name an environment" in said(err)
    assert not (here / "d.h5").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("relabel", "flights"),
        ("dataset", "import", "folders", "flights"),
        ("dataset", "import", "folders", "flights/monday/a"),
    ],
)
def test_a_recording_is_never_taken_for_folders_of_ids(here, capsys, command):
    # Its folders are called rgb and seg; what its ids mean, and when and where it was, is beside.
    write_recording(here / "flights" / "monday", "a", frames=2)
    (here / "ids.yaml").write_text(ALL_IDS)
    code, _, err = run(capsys, *command, "--map", "ids.yaml", "--out", "d.h5")
    assert code == 2
    assert "flights/monday/a: is a recording" in said(err)


def test_a_recording_without_its_description_is_not_either(here, capsys):
    folder = write_recording(here, "a", frames=2)
    (folder / "recording.json").unlink()
    (here / "ids.yaml").write_text(ALL_IDS)
    assert "a: is a recording of airseg's without" in refusal(capsys, "a", "--map", "ids.yaml")


def test_what_lies_beside_recordings_is_told_and_packed_if_it_is_named(here, capsys):
    write_recording(here / "flights", "a", frames=2)
    write_recording(here / "flights" / "monday", "b", frames=2)
    write_walk(here / "flights" / "walk", ["000", "001"])
    (here / "all.yaml").write_text(ALL_IDS)
    assert "flights/monday/b: is a recording, and too deep in flights" in refusal(
        capsys, "flights", "--map", "all.yaml"
    )
    options = ("--map", "all.yaml", "--out", "d.h5", "--overwrite")
    code, _, err = run(capsys, "relabel", "flights", "flights/monday", *options)
    assert code == 0, err
    assert Dataset("d.h5").sequences == ["a", "b"]
    assert "are left out, such as flights/walk" in err
    inputs = ("flights", "flights/monday", "flights/walk")
    code, _, err = run(capsys, "relabel", *inputs, *options)
    assert code == 0, err
    assert Dataset("d.h5").sequences == ["a", "b", "walk"]
    assert "left out" not in err
