"""A few bytes that promise gigabytes of pixels are refused by their header, in every reader.

Each runs in a process that may take a gigabyte, which is what decoding them would need several of.
"""

import json
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from made_results import made_result
from recording_folders import write_recording

from airseg.bench.leaderboard.pictures import collect_moments
from airseg.bench.results.result import load_result, save_result
from airseg.dataset.format.label_images import image_size, read_color, read_labels
from airseg.errors import DatasetError, RecordingError
from airseg.recording.stored.storage import Recording

SIDE = 25_000
KINDS = {"grey": (8, 0, 1), "grey16": (16, 0, 2), "rgb": (8, 2, 3), "rgba16": (16, 6, 8)}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def promising(width=SIDE, height=SIDE, kind="grey", rows=4):
    """Return a PNG, as its specification has it, of some black rows and a header of many more."""
    bits, color, size = KINDS[kind]
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    pixels = zlib.compress(bytes(rows * (1 + width * size)))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if color == 3 else b""
    return start + palette + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture
def undecoded(monkeypatch):
    """Let nothing be decoded: what is refused is refused by its header."""

    def decode(*_):
        raise AssertionError("was decoded")

    monkeypatch.setattr(cv2, "imdecode", decode)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(SIDE, SIDE), (1_000_000, 1000), (33, 24)])
@pytest.mark.parametrize("file", ["rgb", "seg", "depth"])
def test_frames_of_a_recording(tmp_path, undecoded, kind, size, file):
    folder = write_recording(tmp_path, "a", 2)
    data = promising(*size, kind)
    (folder / file / "000001.png").write_bytes(data)
    recording = Recording.open(folder)
    recording.frames[f"{file}_crc32"] = zlib.crc32(data)
    read = {"rgb": recording.read_rgb, "seg": recording.read_ids, "depth": recording.read_depth}
    with pytest.raises(RecordingError, match=f"a header that says {size[0]}x{size[1]} pixels"):
        read[file](1)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"BM" + bytes(60)])
def test_frames_of_a_recording_that_are_no_png(tmp_path, content):
    folder = write_recording(tmp_path, "a", 1)
    (folder / "rgb" / "000000.png").write_bytes(content)
    recording = Recording.open(folder)
    recording.frames["rgb_crc32"] = zlib.crc32(content)
    with pytest.raises(RecordingError, match="found no image"):
        recording.read_rgb(0)


@pytest.mark.parametrize(
    "size", [(10**6, 10**6), (0, 24), (-32, 24), ("32", 24), (32.0, 24), (None, 24), (True, 24)]
)
def test_a_camera_of_a_recording(tmp_path, size):
    path = write_recording(tmp_path, "a", 1) / "recording.json"
    content = json.loads(path.read_text())
    content["camera"] |= {"width": size[0], "height": size[1]}
    path.write_text(json.dumps(content))
    with pytest.raises(RecordingError, match=r"camera(: a frame of|\.width)"):
        Recording.open(path.parent)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", [read_color, read_labels, image_size])
def test_files_of_others(tmp_path, undecoded, kind, read):
    path = tmp_path / "x.png"
    path.write_bytes(promising(kind=kind))
    with pytest.raises(DatasetError, match="larger than airseg reads"):
        read(path)


def test_other_formats(tmp_path, undecoded):
    (tmp_path / "x.ppm").write_bytes(b"P6 30000 30000 255\n" + bytes(100))
    (tmp_path / "x.pfm").write_bytes(b"Pf\n30000 30000\n-1.0\n" + bytes(100))
    for path in tmp_path.iterdir():
        with pytest.raises(DatasetError, match="larger than airseg reads"):
            read_color(path)


COMMANDS = {
    "relabel": ("relabel", "t", "--map", "ids.yaml", "--out", "d.h5"),
    "files": ("relabel", "t", "--map", "ids.yaml", "--as", "npy", "--out", "d"),
}
LIMITED = """
import resource, sys
from airseg.cli import main
import airseg.dataset.packing.folder_sources
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 10**9, now + 10**9))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sets a limit of Linux")
@pytest.mark.parametrize(
    ("command", "file"), [("relabel", "rgb"), ("relabel", "label"), ("files", "label")]
)
def test_the_commands_refuse_them_within_a_gigabyte(tmp_path, command, file):
    for name, value in {"rgb": 7, "label": 1}.items():
        (tmp_path / "t" / name).mkdir(parents=True)
        for index in range(2):
            image = np.full((24, 32), value, np.uint8)
            cv2.imwrite(str(tmp_path / "t" / name / f"{index:06d}.png"), image)
    (tmp_path / "t" / file / "000001.png").write_bytes(promising())
    (tmp_path / "ids.yaml").write_text("format: 1\nname: x\nrules:\n  - {class: road, ids: [1]}\n")
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, *COMMANDS[command]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == 2, child.stderr
    wanted = f"{file}/000001.png: is larger than airseg reads"
    told = [line for line in child.stderr.splitlines() if wanted in line]
    assert len(told) == 1, child.stderr
    assert "Traceback" not in child.stderr


def test_pictures_of_results(tmp_path, undecoded, monkeypatch):
    monkeypatch.setattr(cv2, "imread", cv2.imdecode)
    path = save_result(tmp_path, made_result("one", samples=[("d", 0)]))
    (tmp_path / "one").mkdir()
    for kind in ("frame", "label", "prediction"):
        (tmp_path / "one" / f"d-000000-{kind}.png").write_bytes(promising())
    with pytest.raises(DatasetError, match="larger than airseg reads"):
        collect_moments([(path, load_result(path))])
