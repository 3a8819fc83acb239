"""Files whose HDF5 tables are damaged are told in one line, by every command, without a crash.

The places of bytes are those of the HDF5 file format specification, version 3: a version 1 B-tree
keeps of each chunk its size, its filter mask, and its offset in 64-bit numbers.
"""

import signal
import struct
import subprocess
import sys

import h5py
import numpy as np
import pytest
from command_line import run, said
from foreign_folders import tartan

from airseg.dataset.format import probe
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A dataset of two sequences with depth."""
    from airseg.cli import main

    folder = tmp_path_factory.mktemp("tables")
    for name in ("P000", "P001"):
        tartan(folder / "in" / name)
    main(["relabel", str(folder / "in"), "--map", "founding", "--out", str(folder / "d.h5")])
    return folder / "d.h5"


@pytest.fixture
def damaged(sound, tmp_path):
    """Return a function that replaces bytes, which must be there, and returns the new file."""

    def replace(old: bytes, new: bytes):
        content = sound.read_bytes()
        assert old in content
        assert len(old) == len(new)
        path = tmp_path / "d.h5"
        path.write_bytes(content.replace(old, new, 1))
        return path

    return replace


def chunk_of(path, stream, frame):
    with h5py.File(path) as file:
        array = file[f"sequences/P001/{stream}"]
        return array.id.get_chunk_info(frame)


COMMANDS = (
    ("verify",),
    ("info",),
    ("dataset", "leak"),
    ("dataset", "subset", "--out", "x.h5"),
    ("dataset", "merge", "--out", "x.h5"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("stream", ["label", "rgb", "depth"])
@pytest.mark.parametrize("what", ["size 1", "size huge", "place"])
def test_impossible_chunks_are_one_line(
    sound, damaged, tmp_path, monkeypatch, capsys, command, stream, what
):
    monkeypatch.chdir(tmp_path)
    chunk = chunk_of(sound, stream, 1)
    axes = struct.pack(f"<{len(chunk.chunk_offset)}Q", *chunk.chunk_offset)
    old = struct.pack("<II", chunk.size, chunk.filter_mask) + axes
    new = {
        "size 1": struct.pack("<II", 1, chunk.filter_mask) + axes,
        "size huge": struct.pack("<II", 0x7FFFFFFF, chunk.filter_mask) + axes,
        "place": old[:8] + struct.pack("<Q", 1 << 57) + axes[8:],
    }[what]
    path = damaged(old, new)
    code, _, err = run(capsys, *command, path)
    assert code == 2
    assert "d.h5" in said(err)
    assert "damaged" in said(err)


@pytest.mark.parametrize("name", ["depth", "raw_label", "label", "pose"])
@pytest.mark.parametrize("letter", [0, 2, -1])
def test_a_flip_in_the_name_of_an_array_is_not_overseen(damaged, capsys, name, letter):
    flipped = bytearray(name.encode())
    flipped[letter] ^= 1
    path = damaged(b"\0" + name.encode() + b"\0", b"\0" + bytes(flipped) + b"\0")
    with pytest.raises(DatasetError, match=r"should (hold|be)"):
        Dataset(path)
    code, _, err = run(capsys, "verify", path)
    assert code == 2
    assert "d.h5" in said(err)


def test_damaged_attributes_are_not_handed_on_to_other_files(damaged, tmp_path, capsys):
    path = damaged(b'"fov_deg"', b'"fov_dog"')
    code, _, err = run(capsys, "dataset", "subset", path, "--out", tmp_path / "x.h5")
    assert code == 2
    assert "d.h5" in said(err)
    assert not (tmp_path / "x.h5").exists()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT])
def test_a_file_that_crashes_hdf5_is_refused_and_the_process_lives(sound, monkeypatch, number):
    crash = f"import os; os.kill(os.getpid(), {int(number)})"
    monkeypatch.setattr(probe, "_READ_TABLES", crash)
    monkeypatch.setattr(probe, "_survived", set())
    with pytest.raises(DatasetError, match=f"HDF5 crashes on its tables .{number.name}"):
        Dataset(sound, check=True)


def test_a_sound_file_is_asked_about_once(sound, monkeypatch):
    monkeypatch.setattr(probe, "_survived", set())
    assert len(Dataset(sound, check=True)) == 6
    monkeypatch.setattr(probe.subprocess, "run", None)
    assert len(Dataset(sound, check=True)) == 6


HOLD = (
    "import sys, h5py; file = h5py.File(sys.argv[1], 'r+'); print('held', flush=True); "
    "sys.stdin.read()"
)


@pytest.mark.parametrize(
    "command",
    [
        ("verify",),
        ("info",),
        ("dataset", "leak"),
        ("dataset", "append", "P000", "--map", "founding"),
    ],
    ids=" ".join,
)
def test_a_file_that_another_program_writes_is_called_open(sound, tmp_path, capsys, command):
    path = tmp_path / "d.h5"
    path.write_bytes(sound.read_bytes())
    tartan(tmp_path / "P000")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        if "append" in command:
            command = ("dataset", "append", path, tmp_path / "P000")
        else:
            command = (*command, path)
        code, _, err = run(capsys, *command)
        holder.stdin.close()
    assert code == 2
    assert "d.h5: is open for writing in another program" in said(err)
    assert "damaged" not in err
    assert np.isfinite(len(Dataset(path)))
