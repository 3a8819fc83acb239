"""Files that make HDF5 itself run in circles are refused after a while."""

import os
import struct
import sys

import h5py
import pytest

from airseg.dataset.format.files import open_hdf5
from airseg.dataset.format.probe import refuse_endless
from airseg.dataset.format.structure import check_tables
from airseg.errors import DatasetError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "d.h5"
    with h5py.File(path, "w") as written:
        for number in range(6):
            written.attrs[f"text{number}"] = "x" * 100
    return path


def test_sound_files_and_none_at_all_pass(file, tmp_path):
    refuse_endless(file)
    refuse_endless(tmp_path / "absent.h5")


def test_who_may_not_start_another_python_reads_all_the_same(file, monkeypatch):
    """A service's user whose Python lies in the home of somebody else (numba/numba#4032)."""
    monkeypatch.setattr(sys, "executable", str(file))  # no program, and not executable
    refuse_endless(file)


def test_a_heap_whose_free_space_has_no_size_is_told_on_one_line(file):
    damaged = bytearray(file.read_bytes())
    heap = damaged.index(b"GCOL")
    place = heap + 16
    # Objects of a global heap: index, references, 4 reserved bytes, size; 0 is the free space.
    while damaged[place : place + 2] != b"\0\0":
        (size,) = struct.unpack_from("<Q", damaged, place + 8)
        place += 16 + (size + 7) // 8 * 8
    struct.pack_into("<Q", damaged, place + 8, 0)
    file.write_bytes(damaged)
    with pytest.raises(DatasetError, match="does not come back") as told:
        refuse_endless(file, limit_s=5)
    assert "\n" not in str(told.value)


def test_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "d.h5"
    os.mkfifo(path)
    refuse_endless(path, limit_s=5)
    with pytest.raises(DatasetError, match="is a pipe or a device"):
        open_hdf5(path)


def test_groups_that_are_deep_or_contain_each_other_take_a_moment(tmp_path):
    """HDF5 makes the name of each group that is visited: it takes the square of their depth."""
    path = tmp_path / "deep.h5"
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(3000):
            group = group.create_group("d")
    refuse_endless(path, limit_s=20)
    with pytest.raises(DatasetError, match="groups 9 deep in groups"):
        check_tables(path)
    circle = tmp_path / "circle.h5"
    with h5py.File(circle, "w") as file:
        group = file.create_group("a")
        for number in range(40):
            group.create_group(f"b{number}")[f"c{number}"] = group
    refuse_endless(circle, limit_s=20)
    check_tables(circle)
