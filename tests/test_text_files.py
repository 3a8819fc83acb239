"""What is given where a text belongs is read, or told for what it is, at once."""

import bz2
import gzip
import io
import lzma
import os
import sqlite3
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from command_line import run, said
from PIL import Image
from recording_folders import write_recording

from airseg.errors import PlanError, RecordingError
from airseg.recording.flying.mesh_ids import read_palette
from airseg.recording.stored.recording_verification import verify_recording
from airseg.recording.stored.storage import Recording
from airseg.simulators.embedded.settings import read_settings
from airseg.text_files import read_file, read_text


def hdf5(path):
    with h5py.File(path, "w") as file:
        file["a"] = np.zeros(1 << 20)


def film(path):
    path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(64))


def archive(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "a")


def table(path):
    with sqlite3.connect(path) as file:
        file.execute("create table a (b)")


KINDS = [
    (hdf5, "an HDF5 file"),
    (film, "an MP4 video"),
    (archive, "a ZIP archive"),
    (table, "an SQLite database"),
    (lambda path: path.write_bytes(gzip.compress(b"a")), "compressed by gzip"),
    (lambda path: path.write_bytes(bz2.compress(b"a")), "compressed by bzip2"),
    (lambda path: path.write_bytes(lzma.compress(b"a")), "compressed by xz"),
]


@pytest.mark.parametrize(("make", "told"), KINDS)
def test_a_binary_file_is_told_for_what_it_is(tmp_path, make, told):
    path = tmp_path / "walk.yaml"
    make(path)
    with pytest.raises(PlanError, match=rf"walk\.yaml: is .*{told}.*, no text"):
        read_text(path, PlanError)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
def test_a_picture_is_told_for_what_it_is(tmp_path, kind):
    path, content = tmp_path / "walk.yaml", io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(content, kind)
    path.write_bytes(content.getvalue())
    with pytest.raises(PlanError, match=rf"(?i)is a {kind} picture"):
        read_text(path, PlanError)


@pytest.mark.parametrize(
    "command",
    [
        ("plan", "check", "{}"),
        ("plan", "import", "{}", "--out", "o.yaml"),
        ("record", "{}", "--out", "o"),
        ("record", "--fleet", "{}", "--out", "o"),
        ("labels", "check", "{}"),
        ("bench", "run", "{}", "--dataset", "d.h5", "--out", "o"),
        ("bench", "leaderboard", "{}", "--out", "o"),
        ("sim", "--settings", "{}"),
    ],
)
@pytest.mark.parametrize("what", ["dataset", "folder", "pipe"])
def test_every_command_tells_a_dataset_a_folder_and_a_pipe(
    tmp_path, monkeypatch, capsys, command, what
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "given"
    if what == "dataset":
        hdf5(path)
    elif what == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    code, _, err = run(capsys, *(part.format(path) for part in command))
    assert code == 2
    told = {"dataset": "HDF5", "folder": "folder|no results", "pipe": "pipe|no such file"}[what]
    assert any(word in said(err) for word in told.split("|")), err


@pytest.mark.parametrize("read", [read_settings, read_palette])
def test_a_device_that_never_ends_is_refused(read):
    with pytest.raises(Exception, match="/dev/zero: is a pipe or a device"):
        read(Path("/dev/zero"))


def test_a_file_that_says_it_is_longer_than_a_disk_is_not_read(tmp_path):
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RecordingError, match="longer than the"):
        read_file(path, RecordingError)


@pytest.mark.parametrize("name", ["recording.json", "frames.csv", "rgb/000001.png"])
@pytest.mark.parametrize("what", ["pipe", "device", "sparse"])
def test_a_recording_of_pipes_and_devices_is_damaged_at_once(tmp_path, name, what):
    folder = write_recording(tmp_path, "walk", 3)
    (folder / name).unlink()
    if what == "pipe":
        os.mkfifo(folder / name)
    elif what == "device":
        (folder / name).symlink_to("/dev/zero")
    else:
        with (folder / name).open("wb") as file:
            file.truncate(1 << 40)
    found = verify_recording(folder)
    assert not found.is_sound
    told = "longer than" if what == "sparse" else "is a pipe or a device"
    assert told in found.findings[0].message
    with pytest.raises(RecordingError, match=told):
        Recording.open(folder).read_rgb(1)
