"""Reading past HDF5: the same frames as h5py, whatever the filters, and no damage unseen."""

import os

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airseg.dataset.format.checksums import fletcher_sums
from airseg.dataset.format.chunks import ChunkError, FrameFile

SHAPE = (6, 24, 31, 3)
STORED = {
    "none": {},
    "none, summed": {"fletcher32": True},
    "gzip": {"compression": "gzip", "fletcher32": True},
    "gzip, no sum": {"compression": "gzip"},
    "lz4": {**hdf5plugin.LZ4(), "fletcher32": True},
    "lz4 in blocks": {**hdf5plugin.LZ4(nbytes=1000), "fletcher32": True},
    "zstd": {**hdf5plugin.Zstd(clevel=3), "fletcher32": True},
    "lzf": {"compression": "lzf", "fletcher32": True},
    "shuffled": {"compression": "gzip", "shuffle": True},
    "several in a chunk": {"chunks": (4, *SHAPE[1:]), "compression": "gzip"},
    "parts in a chunk": {"chunks": (1, 8, 8, 3), "compression": "gzip"},
}
PAST_HDF5 = [name for name in STORED if name.startswith(("none", "gzip", "lz4", "zstd"))]


def frames(kind: str) -> np.ndarray:
    random = np.random.default_rng(0)
    if kind == "noise":
        return random.integers(0, 256, SHAPE, np.uint8)
    return np.repeat(random.integers(0, 9, (*SHAPE[:3], 1)).astype(np.uint8), 3, 3)


def write(path, values, **options):
    options = {"chunks": (1, *SHAPE[1:])} | options
    with h5py.File(path, "w") as file:
        array = file.create_dataset("sequences/a/rgb", values.shape, values.dtype, **options)
        array[...] = values
    return path


def opened(path) -> FrameFile:
    return FrameFile(path, h5py.File(path))


@pytest.mark.parametrize("kind", ["noise", "areas"])
@pytest.mark.parametrize("stored", STORED)
def test_frames_are_those_that_were_written(tmp_path, stored, kind):
    values = frames(kind)
    file = opened(write(tmp_path / "f.h5", values, **STORED[stored]))
    assert np.array_equal(file.read("a", "rgb", range(6)), values)
    assert np.array_equal(file.read("a", "rgb", range(1, 6, 2)), values[1::2])
    assert np.array_equal(file.read("a", "rgb", range(1, 3)), values[1:3])


@pytest.mark.parametrize("stored", PAST_HDF5)
def test_hdf5_is_asked_for_places_only(tmp_path, monkeypatch, stored):
    values = frames("areas")
    file = opened(write(tmp_path / "f.h5", values, **STORED[stored]))

    def refuse(*arguments):
        raise AssertionError("read through HDF5")

    monkeypatch.setattr(h5py.Dataset, "__getitem__", refuse)
    monkeypatch.setattr(h5py.Dataset, "read_direct", refuse)
    assert np.array_equal(file.read("a", "rgb", range(6)), values)


def test_frames_never_written_are_black(tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        array = file.create_dataset(
            "sequences/a/rgb", SHAPE, np.uint8, chunks=(1, *SHAPE[1:]), compression="gzip"
        )
        array[2] = 7
    read = opened(tmp_path / "f.h5").read("a", "rgb", range(6))
    assert [int(frame.max()) for frame in read] == [0, 0, 7, 0, 0, 0]


@pytest.mark.parametrize("dtype", ["float16", ">i4", "int64"])
def test_other_types_are_read_too(tmp_path, dtype):
    values = frames("areas").astype(dtype)
    file = opened(write(tmp_path / "f.h5", values, compression="gzip", shuffle=True))
    read = file.read("a", "rgb", range(2, 6, 3))
    assert read.dtype == values.dtype
    assert np.array_equal(read, values[2::3])


def test_array_of_the_caller_is_filled(tmp_path):
    values = frames("areas")
    file = opened(write(tmp_path / "f.h5", values, compression="gzip"))
    batch = np.zeros((2, 3, *SHAPE[1:]), np.uint8)
    assert file.read("a", "rgb", range(3), batch[1]) is not None
    assert np.array_equal(batch[1], values[:3])
    assert not batch[0].any()
    for wrong in (batch[0][:2], batch[0].astype(np.int8), batch[:, 0], batch[0][:, ::-1]):
        with pytest.raises(ValueError, match="out should be contiguous uint8"):
            file.read("a", "rgb", range(3), wrong)


@pytest.mark.parametrize("stored", [n for n in PAST_HDF5 if STORED[n].get("fletcher32")])
@pytest.mark.parametrize("place", [0, 1, 20, -5, -1])
def test_every_flipped_bit_is_found(tmp_path, stored, place):
    path = write(tmp_path / "f.h5", frames("areas"), **STORED[stored])
    with h5py.File(path) as file:
        chunk = file["sequences/a/rgb"].id.get_chunk_info(3)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + place % chunk.size] ^= 1
    path.write_bytes(content)
    file = opened(path)
    file.read("a", "rgb", range(3))
    with pytest.raises(ChunkError, match="frame 3"):
        file.read("a", "rgb", range(6))


@pytest.mark.parametrize("stored", ["gzip, no sum", "none"])
def test_file_cut_off_after_it_was_opened_is_told(tmp_path, stored):
    path = write(tmp_path / "f.h5", frames("noise"), **STORED[stored])
    file = opened(path)
    file.read("a", "rgb", range(1))
    with h5py.File(path) as other:
        last = other["sequences/a/rgb"].id.get_chunk_info(5)
    os.truncate(path, last.byte_offset + last.size // 2)
    with pytest.raises(ChunkError, match="frame 5"):
        file.read("a", "rgb", range(6))


@settings(deadline=None)  # compiled on the first call
@given(st.binary(min_size=1, max_size=2000), st.sampled_from([1, 300]))
def test_checksum_is_hdf5s_own(content, repeat):
    values = np.frombuffer(content * repeat, np.uint8)
    with h5py.File.in_memory() as file:
        array = file.create_dataset("x", data=values, chunks=values.shape, fletcher32=True)
        _, stored = array.id.read_direct_chunk((0,))
    expected = int.from_bytes(stored[-4:], "little")
    assert fletcher_sums(values) == (expected % 65536 % 65535, expected // 65536 % 65535)
