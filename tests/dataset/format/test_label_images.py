"""Whatever bytes a label file holds, reading it gives labels or one line that names the file."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from airseg.dataset.format.label_images import read_color, read_depth, read_labels
from airseg.dataset.packing.folder_sources import FolderFacts, FolderSource, FrameFiles
from airseg.errors import DatasetError

IDS = np.random.default_rng(0).integers(0, 6, (9, 7), dtype=np.uint8)


def encoded(kind):
    buffer = io.BytesIO()
    if kind == "npy":
        np.save(buffer, IDS)
    elif kind == "npz":
        np.savez(buffer, ids=IDS)
    elif kind == "palette.png":
        image = Image.fromarray(IDS, mode="P")
        image.putpalette(list(range(256)) * 3)
        image.save(buffer, "PNG")
    else:
        return cv2.imencode(".png", IDS)[1].tobytes()
    return buffer.getvalue()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
@given(
    kind=st.sampled_from(["npy", "npz", "png", "palette.png"]),
    flips=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 400),
)
@example(kind="palette.png", flips=[(162, 177)], length=162)
def test_damaged_bytes_give_labels_or_one_line(tmp_path, kind, flips, length):
    data = bytearray(encoded(kind)[:length] if length < 300 else encoded(kind))
    for place, value in flips:
        if place < len(data):
            data[place] = value
    path = tmp_path / f"x.{'npy' if kind == 'npz' else kind}"
    path.write_bytes(bytes(data))
    try:
        labels = read_labels(path)
    except DatasetError as error:
        assert str(path) in str(error)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert labels.dtype == np.uint8
        assert labels.ndim in (2, 3)


def test_opaque_alpha_is_no_obstacle(tmp_path):
    colors = np.random.default_rng(1).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    with_alpha = np.dstack([colors[..., ::-1], np.full((4, 5), 255, np.uint8)])
    cv2.imwrite(str(tmp_path / "a.png"), with_alpha)
    assert np.array_equal(read_labels(tmp_path / "a.png"), colors)


def test_deep_colours_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 5, 3), 999, np.uint16))
    with pytest.raises(DatasetError, match="8-bit label colours, found uint16"):
        read_labels(tmp_path / "a.png")
    with pytest.raises(DatasetError, match="8-bit colour picture"):
        read_color(tmp_path / "a.png")


def test_pictures_of_airsims_recorder_are_read_in_each_form(tmp_path):
    rgb = np.random.default_rng(2).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    for suffix in ("ppm", "png"):
        cv2.imwrite(str(tmp_path / f"a.{suffix}"), rgb[..., ::-1])
        assert np.array_equal(read_color(tmp_path / f"a.{suffix}"), rgb)
    metres = np.linspace(1, 90, 20, dtype=np.float32).reshape(4, 5)
    header = b"Pf\n5 4\n-1\n"  # AirSim's: rows from the top down, little-endian
    (tmp_path / "d.pfm").write_bytes(header + metres.tobytes())
    assert np.allclose(read_depth(tmp_path / "d.pfm"), metres, rtol=1e-3)


def test_depth_beyond_half_floats_is_far_not_infinite(tmp_path):
    np.save(tmp_path / "d.npy", np.array([[1e9, 2.0]], np.float32))
    assert list(read_depth(tmp_path / "d.npy")[0]) == [65504, 2]


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i8"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_numpy_files_read_as_numpy_reads_them(tmp_path, dtype, order, version):
    ids = np.asarray(np.arange(12).reshape(3, 4), dtype, order=order)
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array(file, ids, version)
    found = read_labels(tmp_path / "x.npy")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.load(tmp_path / "x.npy"))


def test_a_pickle_in_a_numpy_file_is_never_opened(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[print]], object), allow_pickle=True)
    with pytest.raises(DatasetError, match="not a whole NumPy file of numbers"):
        read_labels(tmp_path / "x.npy")


def claiming(side, colour_type):
    """Return a PNG that claims more pixels than anybody has."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"PLTE", bytes(6)), (b"IDAT", zlib.compress(bytes(9)))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in [*chunks, (b"IEND", b"")])


@pytest.mark.parametrize(("side", "colour_type"), [(30_000, 3), (60_000, 2)])
def test_pictures_that_claim_too_many_pixels_are_told(tmp_path, side, colour_type):
    path = tmp_path / "x.png"
    path.write_bytes(claiming(side, colour_type))
    with pytest.raises(DatasetError, match=r"x\.png: is"):
        read_labels(path)
    with pytest.raises(DatasetError, match=r"x\.png: is larger than airseg reads"):
        FolderSource(FolderFacts("s", "s", "e"), [FrameFiles(path, path)], None)


def jpeg(**how):
    pixels = cv2.GaussianBlur(
        np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8), (0, 0), 1.5
    )
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **how)
    return buffer.getvalue()


JPEGS = [{}, {"progressive": True}, {"restart_marker_blocks": 2}, {"subsampling": 0}]


@pytest.mark.parametrize("how", JPEGS)
@pytest.mark.parametrize("kept", [0.6, 0.95])
def test_a_jpeg_cut_off_and_ended_again_is_no_picture(tmp_path, how, kept):
    # What a tool leaves that repairs a cut off file by its end mark: decoders fill in grey.
    whole = jpeg(**how)
    path = tmp_path / "000001.jpg"
    path.write_bytes(whole[: int(kept * len(whole))] + b"\xff\xd9")
    with pytest.raises(DatasetError, match=r"000001\.jpg.* damaged"):
        read_color(path)


@pytest.mark.parametrize("how", [*JPEGS, {"quality": 1}, {"comment": b"x" * 5000}])
@pytest.mark.parametrize("tail", [b"", bytes(16), jpeg()])  # phones append further pictures
def test_a_sound_jpeg_is_read_as_pillow_reads_it(tmp_path, how, tail):
    path = tmp_path / "000001.jpg"
    path.write_bytes(jpeg(**how) + tail)
    with Image.open(path) as image:
        theirs = np.asarray(image.convert("RGB"), np.int16)
    assert np.abs(read_color(path) - theirs).max() <= 2  # both decode with libjpeg of their own


def png_of(kind, samples, *chunks):
    """Write an 8-bit PNG by hand (PNG specification, 5.3 and 11.2)."""

    def chunk(name, data):
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    body = [chunk(*one) for one in chunks] + [chunk(b"IDAT", zlib.compress(rows))]
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(body) + chunk(b"IEND", b"")


def test_a_colour_that_is_shown_as_nothing_is_still_that_colour(tmp_path):
    """tRNS changes no sample (PNG specification, 11.3.2.1): ids and colours are what they were."""
    path, rgb = tmp_path / "a.png", np.stack([IDS, IDS + 1, 2 * IDS], axis=2)
    path.write_bytes(png_of(0, IDS, (b"tRNS", struct.pack(">H", 3))))
    assert (read_labels(path) == IDS).all()
    path.write_bytes(png_of(2, rgb, (b"tRNS", struct.pack(">HHH", 3, 4, 6))))
    assert (read_labels(path) == rgb).all()
    assert (np.asarray(Image.open(path).convert("RGB")) == rgb).all()
    palette = bytes(np.random.default_rng(1).permutation(256).astype(np.uint8)) * 3
    path.write_bytes(png_of(3, IDS, (b"PLTE", palette), (b"tRNS", b"\0\0\0\xff")))
    assert (read_labels(path) == IDS).all()
    alpha = np.dstack([rgb, np.where(IDS == 3, 0, 255).astype(np.uint8)])
    path.write_bytes(png_of(6, alpha))
    with pytest.raises(DatasetError, match="see-through"):
        read_labels(path)


def test_a_picture_for_print_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    inks = np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    Image.fromarray(inks, "CMYK").save(path)
    for content in (path.read_bytes(), path.read_bytes()[:-900] + b"\xff\xd9"):
        path.write_bytes(content)
        with pytest.raises(DatasetError, match="four inks"):
            read_color(path)
