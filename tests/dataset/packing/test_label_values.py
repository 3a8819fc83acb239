"""Label images: ids as people see them.

What a palette or a shallow PNG means is held to Pillow's writer and to the PNG specification: a
file that a lossless optimiser rewrote shows the same greys in every viewer.
"""

import struct
import zlib

import numpy as np
import pytest
from foreign_folders import HEIGHT, IDS_MAP, PALETTE, WIDTH, palette_file
from PIL import Image
from published_datasets import cityscapes
from walks import IMPORT, RELABEL, refusal, relabelled, uniform, write_walk


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids.yaml").write_text(IDS_MAP)
    return tmp_path


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


@pytest.mark.parametrize("is_first", [True, False])
def test_two_colours_of_which_one_is_black_are_not_taken_for_unused(here, capsys, is_first):
    # Masks of one class: an optimiser orders the two colours as they come, or by how often.
    write_walk(here / "walk", ["000", "001"])
    ids = np.tile(np.arange(2, dtype=np.uint8), (HEIGHT, WIDTH // 2))
    for name, colors in (("000", [(0, 0, 0), (128, 0, 0)]), ("001", [(128, 0, 0), (0, 0, 0)])):
        number = int(name) if is_first else 1 - int(name)
        as_palette(here / "walk" / "labels" / f"{number:03d}.png", colors, ids, bits=1)
    assert "a tool has renumbered the ids" in refusal(capsys, *RELABEL)


@pytest.mark.parametrize("empty", ["000", "001"])
def test_frames_that_show_nothing_are_id_0_among_ids_that_are_stored_as_rgb(here, capsys, empty):
    write_walk(here / "walk", ["000", "001", "002"])
    for name in ("000", "001", "002"):
        ids = STRIPES % 4 if name != empty else np.zeros_like(STRIPES)
        Image.fromarray(ids).convert("RGB").save(here / "walk" / "labels" / f"{name}.png")
    view = relabelled(capsys, *RELABEL)[0].sequence("walk")
    shown = {n: view.raw_label(n, n + 1)[0] for n in range(3)}
    assert not shown.pop(int(empty)).any()
    assert all(np.array_equal(ids, STRIPES % 4) for ids in shown.values())


def test_sequences_that_show_an_id_in_different_colours_are_told(here, capsys):
    # Masks whose palette a tool made for each film, in the order in which objects come.
    ids = np.tile(np.arange(2, dtype=np.uint8), (HEIGHT, WIDTH // 2))
    for name, colors in (("a", [(0, 0, 0), (128, 0, 0)]), ("b", [(128, 0, 0), (0, 0, 0)])):
        write_walk(here / "walk" / name, ["000"])
        as_palette(here / "walk" / name / "labels" / "000.png", colors, ids, bits=1)
    _, err = relabelled(capsys, *RELABEL)
    assert "b shows id 0 as #800000, a shows it as #000000" in err


@pytest.mark.parametrize("used", [([0, 2], [1, 3]), ([0, 1], [0, 2]), ([1, 2], [1, 3])])
@pytest.mark.parametrize("first", [(0, 0, 0), (9, 9, 90)])
def test_unused_places_of_palettes_may_be_black_in_one_file_only(here, capsys, used, first):
    # What optipng makes of a palette that it keeps: unused places are black, those behind are cut.
    write_walk(here / "walk", ["000", "001"])
    colors = [first, (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    for number, own in enumerate(used):
        ids = np.tile(np.array(own, np.uint8), (HEIGHT, WIDTH // 2))
        palette = [colors[n] if n in own else (0, 0, 0) for n in range(max(own) + 1)]
        as_palette(here / "walk" / "labels" / f"{number:03d}.png", palette, ids)
    view = relabelled(capsys, *RELABEL)[0].sequence("walk")
    assert view.raw_label(0, 2)[:, 0, :2].tolist() == [*used]


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


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("TIFF", {"compression": "jpeg"}),
        ("TIFF", {}),
        ("AVIF", {"quality": 60}),
        ("JPEG2000", {"irreversible": True, "quality_layers": [20]}),
        ("GIF", {}),
    ],
)
def test_labels_of_other_formats_are_refused(here, capsys, kind, options):
    """Decoders read them under any name, and whether values survived is not to be seen."""
    write_walk(here / "walk", ["000"])
    path = here / "walk" / "labels" / "000.png"
    Image.fromarray(STRIPES * 30).convert("RGB").save(path, format=kind, **options)
    told = refusal(capsys, *RELABEL)
    assert kind in told
    assert "Save the labels as 8-bit PNG" in told


def as_bmp(path, mode):
    """Write a BMP: 1 bit a pixel, a palette of spread greys, colours, or plain ids."""
    if mode == "1":
        Image.fromarray(STRIPES % 2 * 255).convert("1").save(path)
    elif mode in ("greys", "colours"):
        image = Image.frombytes("P", (WIDTH, HEIGHT), (STRIPES % 4).tobytes())
        voc = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
        image.putpalette(voc if mode == "colours" else [v for g in range(4) for v in [g * 85] * 3])
        image.save(path)
    else:
        Image.fromarray(STRIPES % 4).save(path)


@pytest.mark.parametrize("mode", ["1", "greys", "colours", "ids"])
def test_bmp_images_whose_values_decoders_change_are_refused(here, capsys, mode):
    write_walk(here / "walk", ["000"])
    (here / "walk" / "labels" / "000.png").unlink()
    as_bmp(here / "walk" / "labels" / "000.bmp", mode)
    if mode in ("1", "greys"):
        assert "decoders change them" in refusal(capsys, *RELABEL)
        return
    colors = "colors: ['#800000', '#008000', '#808000', '#000000']"
    if mode == "colours":
        (here / "ids.yaml").write_text(
            f"format: 1\nname: m\nrules:\n  - {{class: house, {colors}}}\n"
        )
    view = relabelled(capsys, *RELABEL)[0].sequence("walk")
    if mode == "ids":
        assert np.array_equal(view.raw_label(0, 1)[0], STRIPES % 4)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_greys_are_colours_where_a_palette_has_them(here, capsys, mode):
    """Cityscapes paints buildings and poles in greys; optipng stores such a picture as grey."""
    (here / "seg_rgbs.txt").write_text("1\t[70, 70, 70]\n2\t[153, 153, 153]\n3\t[128, 64, 128]\n")
    write_walk(here / "walk", ["000"])
    ids = STRIPES % 2 + 1
    greys = np.array([0, 70, 153], np.uint8)[ids]
    path = here / "walk" / "labels" / "000.png"
    Image.fromarray(greys).convert(mode).save(path)
    view = relabelled(capsys, *RELABEL, "--palette", "seg_rgbs.txt")[0].sequence("walk")
    assert np.array_equal(view.raw_label(0, 1)[0], ids)


def test_greys_that_may_be_ids_or_colours_are_refused(here, capsys):
    (here / "seg_rgbs.txt").write_text("1\t[2, 2, 2]\n2\t[1, 1, 1]\n3\t[128, 64, 128]\n")
    write_walk(here / "walk", ["000"])
    Image.fromarray(STRIPES % 2 + 1).save(here / "walk" / "labels" / "000.png")
    told = refusal(capsys, *RELABEL, "--palette", "seg_rgbs.txt")
    assert "may be id 1 or the colour of id 2" in told


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


@pytest.mark.parametrize("folder", ["images", "labels"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF"])
def test_animations_and_pages_are_refused(here, capsys, kind, folder):
    """Pillow writes them; decoders would take the first picture and say nothing of the others."""
    write_walk(here / "walk", ["000"])
    path = here / "walk" / folder / "000.png"
    pages = [Image.fromarray(uniform(value)).convert("RGB") for value in (1, 2, 3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    pages[0].save(path, format=kind, save_all=True, append_images=pages[1:], **options)
    assert "holds 3 pictures" in refusal(capsys, *RELABEL)


@pytest.mark.parametrize("palette", [None, "seg_rgbs.txt"])
def test_a_palette_image_that_ends_too_early_is_refused(here, capsys, palette):
    # Sound checksums, and rows for half of the height only: Pillow gives the rest as index 0.
    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    write_walk(here / "walk", ["000"])
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    rows = (b"\0" + b"\2" * WIDTH) * (HEIGHT // 2)
    colors = bytes(value for color in [(0, 0, 0), *PALETTE.values()] for value in color)
    chunks = [(b"IHDR", head), (b"PLTE", colors), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    label = here / "walk" / "labels" / "000.png"
    label.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks))
    with Image.open(label) as image:
        assert np.asarray(image)[-1, 0] == 0
    palette_file(here)
    options = ["--palette", palette] if palette else []
    assert "000.png: is no image, or damaged" in refusal(capsys, *RELABEL, *options)
