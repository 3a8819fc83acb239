"""Folders of images: frames in the order of their numbers, gaps kept, ids as people see them.

What a palette or a shallow PNG means is held to Pillow's writer and to the PNG specification: a
file that a lossless optimiser rewrote shows the same greys in every viewer.
"""

import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from command_line import run, said
from foreign_folders import HEIGHT, IDS_MAP, PALETTE, WIDTH, palette_file, save_rgb, tartan
from PIL import Image
from published_datasets import cityscapes, vspw

from airseg.dataset.packing.frame_names import last_number
from airseg.dataset.reading.reader import Dataset


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids.yaml").write_text(IDS_MAP)
    return tmp_path


def uniform(value, dtype=np.uint8):
    return np.full((HEIGHT, WIDTH), value, dtype)


def write_walk(folder, names, images="images", labels="labels", suffix=""):
    """Write frames whose labels are their place in `names`, modulo 4."""
    for place, name in enumerate(names):
        save_rgb(folder / images / f"{name}.png", place)
        path = folder / labels / f"{name}{suffix}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), uniform(place % 4))


def relabelled(capsys, *arguments, out="d.h5"):
    code, _, err = run(capsys, *arguments, "--out", out)
    assert code == 0, err
    return Dataset(out), err


def refusal(capsys, *arguments):
    code, _, err = run(capsys, *arguments, "--out", "d.h5")
    assert code == 2
    return said(err)


RELABEL = ("relabel", "walk", "--map", "ids.yaml")
IMPORT = ("dataset", "import", "folders", "walk", "--map", "ids.yaml")


def places(view):
    """Return which of the pictures of `write_walk` each frame is."""
    pictures = {
        np.random.default_rng(n).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8).tobytes(): n
        for n in range(30)
    }
    return [pictures[frame.tobytes()] for frame in view.rgb(0, len(view))]


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


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            [f"{side}_{n:03d}" for side in ("left", "right") for n in range(3)],
            "left_000.png, right",
        ),
        (
            [f"cam{c}_{n}" for c in range(3) for n in (1, 2)],
            "3 times (cam0_1.png, cam1_1.png, cam2",
        ),
        (["a_1", "a_2", "b_3", "b_4"], None),
        ([f"12-0{m}-{s:02d}" for m in (1, 2) for s in ((58, 59), (0, 1))[m - 1]], None),
    ],
)
def test_several_cameras_in_one_folder_are_told(here, capsys, names, told):
    write_walk(here / "walk", names)
    dataset, err = relabelled(capsys, *RELABEL)
    assert len(dataset) == len(names)
    assert ("run through the same numbers" in err) == (told is not None)
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


def as_palette(path, colors, indices, bits=8):
    image = Image.fromarray(indices, mode="P")
    image.putpalette([value for color in colors for value in color])
    image.save(path, bits=bits)


def optimised(ids):
    """Return palette and indices as optipng makes them of a grey image: only what is used."""
    greys, indices = np.unique(ids, return_inverse=True)
    return [(int(g),) * 3 for g in greys], indices.reshape(ids.shape).astype(np.uint8)


STRIPES = np.tile(np.array([1, 3, 7, 8], np.uint8), (HEIGHT, WIDTH // 4))


@pytest.mark.parametrize(
    "ids", [STRIPES, STRIPES * 20, uniform(3), np.flip(STRIPES), STRIPES // 8 * 255]
)
@pytest.mark.parametrize("command", [RELABEL, IMPORT], ids=["relabel", "import"])
def test_grey_palettes_are_refused_with_what_they_show(here, capsys, ids, command):
    write_walk(here / "walk", ["000", "001"])
    colors, indices = optimised(ids)
    if colors[0][0] == 0:  # index 0 is right there; the second one is not
        assert colors[1][0] != 1
    as_palette(here / "walk" / "labels" / "001.png", colors, indices)
    told = refusal(capsys, *command)
    assert "001.png" in told
    assert "is shown as grey" in told


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_colours_keep_their_indices(here, capsys, bits):
    ids = np.tile(np.arange(2, dtype=np.uint8), (HEIGHT, WIDTH // 2)) if bits == 1 else STRIPES % 4
    write_walk(here / "walk", ["000"])
    voc = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    as_palette(here / "walk" / "labels" / "000.png", voc[: 2 if bits == 1 else 4], ids, bits)
    dataset, _ = relabelled(capsys, *RELABEL)
    assert np.array_equal(dataset.sequence("walk").raw_label(0, 1)[0], ids)


def test_grey_palettes_from_0_to_255_keep_their_indices(here, capsys):
    write_walk(here / "walk", ["000"])
    ids = STRIPES % 4
    as_palette(here / "walk" / "labels" / "000.png", [(n, n, n) for n in range(256)], ids)
    dataset, _ = relabelled(capsys, *RELABEL)
    assert np.array_equal(dataset.sequence("walk").raw_label(0, 1)[0], ids)


def test_colours_that_get_other_indices_from_file_to_file_are_refused(here, capsys):
    write_walk(here / "walk", ["000", "001"])
    red, green = (128, 0, 0), (0, 128, 0)
    as_palette(here / "walk" / "labels" / "000.png", [red, green], STRIPES % 2)
    as_palette(here / "walk" / "labels" / "001.png", [green, red], STRIPES % 2)
    told = refusal(capsys, *RELABEL)
    assert "001.png: shows id 0 as #008000, 000.png shows it as #800000" in told


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_colours_mean_what_the_palette_file_says_however_they_are_stored(here, capsys, mode):
    palette_file(here)
    write_walk(here / "walk", ["000"])
    colors = np.array([(0, 0, 0), *PALETTE.values()], np.uint8)
    ids = STRIPES % 4
    path = here / "walk" / "labels" / "000.png"
    if mode == "P":  # in another order than the ids'
        as_palette(path, colors[::-1].tolist(), (3 - ids).astype(np.uint8))
    else:
        Image.fromarray(colors[ids]).save(path)
    dataset, _ = relabelled(capsys, *RELABEL, "--palette", "seg_rgbs.txt")
    assert np.array_equal(dataset.sequence("walk").raw_label(0, 1)[0], ids)


def shallow_png(ids, bits):
    """Return a grey PNG of fewer than 8 bits a sample, put together by the specification."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    per_byte = 8 // bits
    rows = b""
    for row in ids:
        packed = [
            sum(int(v) << (8 - bits * (k + 1)) for k, v in enumerate(row[i : i + per_byte]))
            for i in range(0, len(row), per_byte)
        ]
        rows += b"\0" + bytes(packed)
    header = struct.pack(">IIBBBBB", ids.shape[1], ids.shape[0], bits, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_shallow_masks_keep_their_values_and_are_told(here, capsys, bits):
    write_walk(here / "walk", ["000"])
    ids = (np.tile(np.arange(WIDTH), (HEIGHT, 1)) % min(2**bits, 4)).astype(np.uint8)
    path = here / "walk" / "labels" / "000.png"
    path.write_bytes(shallow_png(ids, bits))
    assert Image.open(path).size == (WIDTH, HEIGHT)  # a foreign reader opens it
    dataset, err = relabelled(capsys, *RELABEL)
    assert np.array_equal(dataset.sequence("walk").raw_label(0, 1)[0], ids)
    assert "fewer than 8 bits a pixel" in err


@pytest.mark.parametrize("header", [b"P5\n16 12\n3\n", b"P6\n16 12\n15\n", b"P4\n16 12\n"])
def test_netpbm_images_that_decoders_stretch_are_refused(here, capsys, header):
    write_walk(here / "walk", ["000"])
    (here / "walk" / "labels" / "000.png").unlink()
    (here / "walk" / "labels" / "000.ppm").write_bytes(header + bytes(HEIGHT * WIDTH * 3))
    assert "000.ppm" in refusal(capsys, *RELABEL)


def test_cityscapes_ids_in_grey_palettes_are_refused(here, capsys):
    cityscapes(here / "c", before=0, after=0)
    path = next((here / "c" / "gtFine" / "train").glob("*/*_labelIds.png"))
    as_palette(path, *optimised(np.asarray(Image.open(path)) // 4 * 4))
    told = refusal(capsys, "dataset", "import", "cityscapes", "c")
    assert path.name in told
    assert "is shown as grey" in told


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


@pytest.mark.parametrize("folder", ["images", "labels"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_named_like_a_frame_and_is_no_file_is_refused(here, capsys, folder, make):
    write_walk(here / "walk", ["000", "001"])
    make(here / "walk" / folder / "002.png")
    assert f"{folder}/002.png: is no file" in refusal(capsys, *RELABEL)


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


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 100}), ("WEBP", {"quality": 80}), ("WEBP", {"lossless": True})],
)
def test_labels_in_formats_that_change_values_are_refused(here, capsys, kind, options):
    write_walk(here / "walk", ["000"])
    path = here / "walk" / "labels" / "000.png"
    Image.fromarray(STRIPES % 4).convert("RGB").save(path, format=kind, **options)
    if "lossless" in options:
        view = relabelled(capsys, *RELABEL)[0].sequence("walk")
        assert np.array_equal(view.raw_label(0, 1)[0], STRIPES % 4)
    else:
        assert "does not keep values" in refusal(capsys, *RELABEL)


def test_voc_colours_in_another_order_are_told(here, capsys):
    """An optimiser that sorts a palette keeps the colours; these are the development kit's."""
    voc = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)]
    for name, order in (("as_is", [0, 1, 2, 3, 4]), ("sorted", [0, 4, 2, 1, 3])):
        write_walk(here / name, ["000"])
        path = here / name / "labels" / "000.png"
        as_palette(path, [voc[n] for n in order], STRIPES % 4)
        _, err = relabelled(capsys, "relabel", name, "--map", "ids.yaml", out=f"{name}.h5")
        told = "shows id 1 in the colour that PASCAL VOC gives 4" in " ".join(err.split())
        assert told == (name == "sorted")
