"""Folders of images: frames in the order of their numbers, gaps kept, no name taken for a path."""

import os
import re

import cv2
import numpy as np
import pytest
from command_line import run, said
from foreign_folders import HEIGHT, IDS_MAP, WIDTH, tartan
from PIL import Image
from published_datasets import vspw
from walks import IMPORT, RELABEL, places, refusal, relabelled, uniform, write_walk

from airseg.dataset.packing.frame_names import last_number
from airseg.dataset.reading.reader import Dataset


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids.yaml").write_text(IDS_MAP)
    return tmp_path


@pytest.mark.parametrize("command", [RELABEL, IMPORT], ids=["relabel", "import"])
@pytest.mark.parametrize(
    "names",
    [
        [str(n) for n in range(1, 13)],
        [f"{n:03d}" for n in range(995, 1006)],
        [f"frame_{n}" for n in (8, 9, 10, 11)],
        [f"cam2_shot{n}_left" for n in (98, 99, 100, 101)],
        ["img(9)", "img(10)", "img(11)"],
    ],
    ids=["1 to 12", "999 to 1000", "word", "inside", "brackets"],
)
def test_frames_come_in_the_order_of_their_numbers(here, capsys, names, command):
    write_walk(here / "walk", names)
    view = relabelled(capsys, *command)[0].sequence("walk")
    assert places(view) == list(range(len(names)))
    assert view.raw_label(0, len(view))[:, 0, 0].tolist() == [n % 4 for n in range(len(names))]
    assert set(np.diff(view.timestamps_ns)) == {40_000_000}


@pytest.mark.parametrize("command", [RELABEL, IMPORT], ids=["relabel", "import"])
@pytest.mark.parametrize(
    "names",
    [
        ["1305031102.1753", "1305031102.21", "1305031102.2437"],  # `str` of a time in seconds
        ["t1.9", "t1.10"],
        ["0.5_left", "0.25_left"],
    ],
)
def test_decimals_that_may_be_two_numbers_are_refused(here, capsys, names, command):
    write_walk(here / "walk", names)
    assert "depends on whether these are decimals" in refusal(capsys, *command)


@pytest.mark.parametrize(
    "names", [["9.25", "9.50", "10.00"], ["1.1", "1.2", "2.1"], ["v1.2_f8", "v1.2_f9", "v1.2_f10"]]
)
def test_decimals_whose_order_is_the_same_either_way_are_taken(here, capsys, names):
    write_walk(here / "walk", names)
    assert places(relabelled(capsys, *RELABEL)[0].sequence("walk")) == list(range(len(names)))


@pytest.mark.parametrize("command", [RELABEL, IMPORT], ids=["relabel", "import"])
@pytest.mark.parametrize(
    "names",
    [
        [f"{n:02x}" for n in range(8, 18)],
        [f"frame_{n:04X}_left" for n in (25, 26, 32)],
        ["0x09", "0x0a", "0x10"],
    ],
)
def test_names_that_count_in_hexadecimal_are_refused(here, capsys, names, command):
    assert sorted(names, key=lambda name: int(re.search("[0-9A-Fa-f]{2,}", name)[0], 16)) == names
    write_walk(here / "walk", names)
    assert "hexadecimal numbers" in refusal(capsys, *command)


@pytest.mark.parametrize(
    "names",
    [
        ["0a", "0b", "0c"],  # the same either way
        ["0a3f9c1e", "1c00be72", "10d4e5f6"],  # checksums, which count nothing
        ["img_1_10", "img_10_1"],
    ],
)
def test_names_that_seem_hexadecimal_and_count_nothing_else_are_taken(here, capsys, names):
    write_walk(here / "walk", names)
    assert places(relabelled(capsys, *RELABEL)[0].sequence("walk")) == list(range(len(names)))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            [f"{side}_{n:03d}" for side in ("left", "right") for n in range(3)],
            "left_000.png, right_000.png), as of several cameras",
        ),
        (
            [f"cam{c}_{n}" for c in range(3) for n in (1, 2)],
            "3 times (cam0_1.png, cam1_1.png, cam2_1.png)",
        ),
        ([f"{n}_{side}" for n in (1, 2, 3) for side in "LR"], "the same numbers 2 times"),
        ([f"000{n}_Camera-{c}" for n in (1, 2) for c in (7, 8)], "as of several cameras"),
        (["a_1", "a_2", "b_3", "b_4"], None),
        ([f"12-0{m}-{s:02d}" for m in (1, 2) for s in (0, 30)], None),
        ([f"12-0{m}-{s:02d}" for m in (1, 2) for s in ((58, 59), (0, 1))[m - 1]], None),
    ],
)
def test_several_cameras_in_one_folder_are_refused(here, capsys, names, told):
    write_walk(here / "walk", names)
    code, _, err = run(capsys, *RELABEL, "--out", "d.h5")
    assert code == (2 if told else 0), err
    assert told is None or told in " ".join(err.split())


def jpeg_shown_turned(path, orientation):
    picture = Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = orientation  # Exif 2.32, table 4
    picture.save(path, exif=exif)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_that_are_to_be_shown_turned_are_refused(here, capsys, orientation, suffix):
    write_walk(here / "walk", ["1", "2"])
    (here / "walk" / "images" / "2.png").unlink()
    jpeg_shown_turned(here / "walk" / "images" / f"2.{suffix}", orientation)
    if orientation == 1:
        assert len(relabelled(capsys, *RELABEL)[0]) == 2
    else:
        assert f"2.{suffix}: is to be shown turned" in refusal(capsys, *RELABEL)


def test_tartanair_s_frames_too(here, capsys):
    folder = tartan(here / "P000", frames=3)
    for kind in ("image_left", "seg_left", "depth_left"):
        for path in sorted((folder / kind).iterdir()):
            number = int(path.name[:6])
            rest = path.name[6:]
            path.rename(path.with_name(f"{number + 9}{rest}"))  # 9, 10, 11
    view = relabelled(capsys, "relabel", "P000", "--map", "founding")[0].sequence("P000")
    assert places(view) == [0, 1, 2]


def test_vspw_s_frames_too(here, capsys):
    vspw(here / "vspw", frames=4)
    for video in (here / "vspw" / "data").iterdir():
        for kind in ("origin", "mask"):
            for path in sorted((video / kind).iterdir(), reverse=True):
                path.rename(path.with_name(f"{int(path.stem) + 98}{path.suffix.upper()}"))
    code, _, err = run(capsys, "dataset", "import", "vspw", "vspw", "--out", "d.h5")
    assert code == 0, err
    view = next(iter(Dataset("d.h5")))
    video = here / "vspw" / "data" / view.name
    for index, number in enumerate(sorted(int(p.stem) for p in (video / "mask").iterdir())):
        expected = np.asarray(Image.open(video / "mask" / f"{number}.PNG"))
        assert np.array_equal(view.raw_label(index, index + 1)[0], expected)


def test_two_names_of_one_number_are_refused(here, capsys):
    write_walk(here / "walk", ["1", "01", "2"])
    assert "has the same number as" in refusal(capsys, *RELABEL)


@pytest.mark.parametrize(
    ("numbers", "steps"),
    [
        ([1, 2, 5, 6], [1, 3, 1]),
        ([0, 10, 20, 50], [1, 1, 3]),
        ([997, 998, 1002], [1, 4]),
        ([0, 7, 14], [1, 1]),
    ],
)
def test_gaps_in_numbers_are_gaps_in_time(here, capsys, numbers, steps):
    write_walk(here / "walk", [f"f{n}" for n in numbers])
    dataset, err = relabelled(capsys, *RELABEL)
    times = dataset.sequence("walk").timestamps_ns
    assert np.diff(times).tolist() == [40_000_000 * step for step in steps]
    assert ("gaps in its frame numbers" in err) == (set(steps) != {1})


@pytest.mark.parametrize(
    ("names", "steps"),
    [
        ([f"frame_{n:04d}_cam0" for n in (1, 2, 5, 6)], [1, 3, 1]),
        ([f"{n}_640x480" for n in (8, 9, 10, 15)], [1, 1, 5]),
        ([f"2024-06-21_{n:03d}_v2" for n in (998, 999, 1000, 1002)], [1, 1, 2]),
        # Nanoseconds of a Unix clock, as EuRoC's; 19 digits.
        ([str(1403636579763555584 + n * 50_000_000) for n in (0, 1, 2, 6)], [1, 1, 4]),
        ([f"{ms // 1000}.{ms % 1000:03d}" for ms in (960, 1000, 1040, 1200)], [1, 1, 4]),
    ],
)
def test_gaps_are_kept_wherever_in_names_the_number_stands(here, capsys, names, steps):
    write_walk(here / "walk", names)
    dataset, err = relabelled(capsys, *RELABEL)
    times = dataset.sequence("walk").timestamps_ns
    assert np.diff(times).tolist() == [40_000_000 * step for step in steps]
    assert "gaps in its frame numbers" in err


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([f"12-{s // 60:02d}-{s % 60:02d}" for s in (58, 59, 61, 62)], "several numbers differ"),
        (["1.8", "1.9", "2.10"], "several numbers differ"),
        ([f"12-0{m}-{s:02d}" for m in (1, 2) for s in (0, 30)], "the same numbers 2 times"),
        ([str(10**40), str(10**40 + 1), str(10**41)], "run unevenly"),
    ],
)
def test_distances_that_nobody_knows_are_told(here, capsys, names, told):
    write_walk(here / "walk", names)
    dataset, err = relabelled(capsys, *RELABEL)
    assert set(np.diff(dataset.sequence("walk").timestamps_ns)) == {40_000_000}
    assert told in " ".join(err.split())


@pytest.mark.parametrize("folder", ["images", "labels"])
def test_pictures_that_are_left_out_are_told(here, capsys, folder):
    write_walk(here / "walk", ["1", "2"])
    below = here / "walk" / folder / "part2"
    below.mkdir()
    Image.fromarray(uniform(1)).save(below / "3.png")
    Image.fromarray(uniform(1)).save(here / "walk" / folder / "4.TIF", format="TIFF")
    dataset, err = relabelled(capsys, *RELABEL)
    assert len(dataset) == 2
    assert f"folders below are left out, such as those in walk/{folder}/part2" in " ".join(
        err.split()
    )
    assert f"such as walk/{folder}/4.TIF" in " ".join(err.split())


def test_sequences_lie_as_deep_as_people_put_them(here, capsys):
    write_walk(here / "walk" / "2024" / "06" / "21" / "south" / "drone" / "a", ["1", "2"])
    write_walk(here / "walk" / "b", ["1"])
    assert len(relabelled(capsys, *RELABEL)[0]) == 3


def test_labels_of_some_pictures_keep_their_distance(here, capsys):
    write_walk(here / "walk", [f"{n:02d}" for n in range(9)])
    for n in (1, 2, 3, 5, 6, 7):
        (here / "walk" / "labels" / f"{n:02d}.png").unlink()
    times = relabelled(capsys, *RELABEL)[0].sequence("walk").timestamps_ns
    assert np.diff(times).tolist() == [160_000_000, 160_000_000]


def test_numbers_that_run_unevenly_are_told_and_not_taken_for_frames(here, capsys):
    write_walk(here / "walk", ["1700000000013", "1700000000053", "1700000000094"])
    dataset, err = relabelled(capsys, *RELABEL)
    assert set(np.diff(dataset.sequence("walk").timestamps_ns)) == {40_000_000}
    assert "run unevenly" in err


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("labels", "001.npy"),
        ("labels", "001_seg.png"),
        ("labels", "001.PNG"),
        ("labels", "001_mask.bmp"),
        ("images", "001.jpg"),
        ("images", "001.bmp"),
    ],
)
@pytest.mark.parametrize("command", [RELABEL, IMPORT], ids=["relabel", "import"])
def test_two_files_for_one_frame_are_refused_with_both_names(here, capsys, folder, name, command):
    write_walk(here / "walk", ["000", "001", "002"])
    path = here / "walk" / folder / name
    if name.endswith(".npy"):
        np.save(path, uniform(1))
    else:
        cv2.imwrite(str(path), uniform(1))
    told = refusal(capsys, *command)
    assert name in told
    assert "001.png" in told


@pytest.mark.parametrize("name", ["my walk", "two  blanks", "a;b,c", "日本 1"])
def test_vspw_s_lists_name_a_video_a_line(here, capsys, name):
    vspw(here / "vspw")
    data = here / "vspw" / "data"
    video = (here / "vspw" / "train.txt").read_text().strip()
    (data / video).rename(data / name)
    (here / "vspw" / "train.txt").write_bytes(f"\ufeff{name} \r\n\r\n".encode())
    dataset, _ = relabelled(capsys, "dataset", "import", "vspw", "vspw")
    assert name in dataset.sequences


@pytest.mark.parametrize("name", ["../data", "a/b", "..", "/tmp"])
def test_names_in_lists_are_no_paths(here, capsys, name):
    vspw(here / "vspw")
    (here / "vspw" / "val.txt").write_text(name + "\n")
    assert "cannot name a sequence" in refusal(capsys, "dataset", "import", "vspw", "vspw")


def test_a_video_in_two_lists_is_refused(here, capsys):
    vspw(here / "vspw")
    (here / "vspw" / "val.txt").write_text((here / "vspw" / "train.txt").read_text())
    assert "is given twice" in refusal(capsys, "dataset", "import", "vspw", "vspw")


def test_a_video_that_is_another_by_a_link_is_refused(here, capsys):
    vspw(here / "vspw")
    video = (here / "vspw" / "train.txt").read_text().strip()
    (here / "vspw" / "data" / "copy").symlink_to(video)
    (here / "vspw" / "test.txt").write_text("copy\n")
    told = refusal(capsys, "dataset", "import", "vspw", "vspw")
    assert "by another name (a link)" in told
    assert video in told


def test_what_vspw_s_lists_leave_out_is_told(here, capsys):
    vspw(here / "vspw")
    (here / "vspw" / "val.txt").unlink()
    _, err = relabelled(capsys, "dataset", "import", "vspw", "vspw")
    told = " ".join(err.split())
    assert "there is no val.txt" in told
    assert "1 videos in data are in no list (5_eMV8DQYxjuc)" in told


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("a12b034", "034"),
        ("7_left", "7"),
        ("left", None),
        ("1" * 20_000 + "a1", "1"),
        ("1a" * 20_000, "1"),
    ],
)
def test_the_last_number_of_a_name_is_found_in_no_time(text, number):
    found = last_number(text)
    assert (found and found[0]) == number


@pytest.mark.parametrize("command", [RELABEL, IMPORT], ids=["relabel", "import"])
def test_what_a_mac_writes_beside_files_is_no_frame(here, capsys, command):
    """AppleDouble files: RFC 1740, appendix B."""
    write_walk(here / "walk", ["000", "001"])
    for path in [*(here / "walk").glob("*/*.png")]:
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    dataset, err = relabelled(capsys, *command)
    assert places(dataset.sequence("walk")) == [0, 1]
    assert "._" not in err


@pytest.mark.parametrize("name", ["__MACOSX", ".Trashes"])
@pytest.mark.parametrize("command", [RELABEL, IMPORT], ids=["relabel", "import"])
def test_what_an_archive_of_a_mac_has_beside_its_files_is_no_sequence(here, capsys, name, command):
    write_walk(here / "walk" / "a", ["000", "001"])
    write_walk(here / "walk" / name / "a", ["000"])
    for path in [*(here / "walk" / name).glob("a/*/*.png")]:
        path.rename(path.with_name(f"._{path.name}"))
    dataset, err = relabelled(capsys, *command)
    assert dataset.sequences == ["a"]
    assert name not in err


@pytest.mark.parametrize("lost", ["images", "labels"])
@pytest.mark.parametrize("command", [RELABEL, IMPORT], ids=["relabel", "import"])
def test_sequences_that_lack_their_pictures_or_labels_are_told(here, capsys, lost, command):
    for name in "abc":
        write_walk(here / "walk" / name, ["000", "001"])
    (here / "walk" / "b" / lost).rename(here / "walk" / "b" / "elsewhere")
    dataset, err = relabelled(capsys, *command)
    assert dataset.sequences == ["a", "c"]
    kept = "labels" if lost == "images" else "images"
    assert f"are left out, such as walk/b/{kept}" in err


def test_tartanair_s_sequences_that_lack_theirs_are_told_too(here, capsys):
    for name in ("P000", "P001"):
        tartan(here / "flights" / name)
    for path in (here / "flights" / "P001" / "seg_left").iterdir():
        path.unlink()
    _, err = relabelled(capsys, "relabel", "flights", "--map", "founding")
    assert "are left out, such as flights/P001/image_left" in err


@pytest.mark.parametrize("folder", ["images", "labels"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_named_like_a_frame_and_is_no_file_is_refused(here, capsys, folder, make):
    write_walk(here / "walk", ["000", "001"])
    make(here / "walk" / folder / "002.png")
    assert f"{folder}/002.png: is no file" in refusal(capsys, *RELABEL)


def test_names_that_are_no_text_are_packed_or_told_in_one_line(here, capsys):
    # A name in Latin-1, as an archive of Windows unpacks: file systems take any bytes.
    latin = os.fsdecode(b"caf\xe9_")
    write_walk(here / "walk", ["0", "1", "2"])
    try:
        for path in (here / "walk").glob("*/*.png"):
            path.rename(path.with_name(latin + path.name))
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    view = relabelled(capsys, *RELABEL)[0].sequence("walk")
    assert places(view) == [0, 1, 2]
    (here / "d.h5").rename(here / f"{latin}.h5")
    for command in (("index", "--out", "i.json"), ("export", "mmseg", "--out", "e")):
        code, _, err = run(capsys, "dataset", *command[:-2], f"{latin}.h5", *command[-2:])
        assert code == 2
        assert "is no text in UTF-8" in said(err)


def test_folders_that_links_lead_to_again_are_packed_once(here, capsys):
    write_walk(here / "walks" / "b", ["000", "001"])
    (here / "walks" / "a_latest").symlink_to("b")
    (here / "walks" / "round").symlink_to(here / "walks")
    dataset, _ = relabelled(capsys, "relabel", "walks", "--map", "ids.yaml")
    assert dataset.sequences == ["b"]


@pytest.mark.parametrize(
    ("kind", "twin"), [("labels", "masks"), ("labels", "Labels"), ("images", "rgb")]
)
@pytest.mark.parametrize("command", [RELABEL, IMPORT], ids=["relabel", "import"])
def test_two_folders_of_one_meaning_are_refused_with_both_names(here, capsys, kind, twin, command):
    write_walk(here / "walk", ["000", "001"])
    (here / "walk" / twin).mkdir()
    cv2.imwrite(str(here / "walk" / twin / "000.png"), uniform(3))
    told = refusal(capsys, *command)
    assert kind in told
    assert twin in told
    assert "nobody says which" in told


@pytest.mark.parametrize(
    ("names", "is_told"),
    [
        ([f"{n:x}" for n in range(8, 18)], True),
        (["9f2c", "a01b"], True),
        (["frame_8_left", "frame_9_left", "frame_10_left"], False),
        (["2024-1-31", "2024-2-1"], False),
    ],
)
def test_names_that_do_not_count_are_told(here, capsys, names, is_told):
    """Of hexadecimal numbers 10 comes behind f, which no order of names can know."""
    write_walk(here / "walk", names)
    _, err = relabelled(capsys, *RELABEL)
    assert ("do not count alike" in " ".join(err.split())) == is_told
