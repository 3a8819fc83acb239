"""Frames written past HDF5 are those that HDF5 reads by its registered filters, and need none."""

import subprocess
import sys

import h5py
import hdf5plugin
import numpy as np
import pytest
from small_dataset import write_flight

from airseg.cli import main
from airseg.dataset.format.chunk_codecs import ChunkError, filters_of, read_frame, write_frame
from airseg.dataset.packing.file_assembly import create_array

SHAPE = (24, 31, 3)
PLUGINS = {"lz4": hdf5plugin.LZ4(), "zstd": hdf5plugin.Zstd(clevel=3)}
CODECS = [*PLUGINS, "gzip", "lzf", "none"]


def frames():
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, SHAPE, np.uint8)  # does not shrink: stored as it is
    areas = np.repeat(random.integers(0, 9, (*SHAPE[:2], 1)).astype(np.uint8), 3, 2)
    return [noise, areas, np.zeros(SHAPE, np.uint8), np.full(SHAPE, 255, np.uint8)]


def write(path, codec):
    with h5py.File(path, "w") as file:
        array = create_array(file, "rgb", len(frames()) + 1, SHAPE, codec)
        for index, frame in enumerate(frames()):
            write_frame(array, index, frame)
    return path


@pytest.mark.parametrize("codec", CODECS)
def test_hdf5_reads_what_was_written_past_it(tmp_path, codec):
    """HDF5 and the plugins' own decoders judge, checksums included."""
    with h5py.File(write(tmp_path / "f.h5", codec)) as file:
        for index, frame in enumerate(frames()):
            assert np.array_equal(file["rgb"][index], frame)
            assert np.array_equal(read_frame(file["rgb"], index), frame)
        assert not file["rgb"][len(frames())].any()
        assert not read_frame(file["rgb"], len(frames())).any()


@pytest.mark.parametrize("codec", PLUGINS)
def test_arrays_are_those_that_the_plugins_make(tmp_path, codec):
    """Numbers and parameters of the filters, so that frames of older files are copied undecoded."""
    with h5py.File(write(tmp_path / "f.h5", codec), "r+") as file:
        options = {"chunks": (1, *SHAPE), "fletcher32": True, **PLUGINS[codec]}
        theirs = file.create_dataset("theirs", (4, *SHAPE), np.uint8, **options)
        assert filters_of(theirs) == filters_of(file["rgb"])
        for index, frame in enumerate(frames()):
            theirs[index] = frame
            assert np.array_equal(read_frame(theirs, index), frame)
        stored = [array.id.get_storage_size() for array in (file["rgb"], theirs)]
    assert stored[0] == pytest.approx(stored[1], rel=0.02)


@pytest.mark.parametrize("codec", PLUGINS)
@pytest.mark.parametrize("place", [0, 9, 40, -5, -1])
def test_a_flipped_bit_is_found_by_hdf5_and_past_it(tmp_path, codec, place):
    path = write(tmp_path / "f.h5", codec)
    with h5py.File(path) as file:
        chunk = file["rgb"].id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + place % chunk.size] ^= 4
    path.write_bytes(content)
    with h5py.File(path) as file:
        with pytest.raises(ChunkError, match="frame 1"):
            read_frame(file["rgb"], 1)
        with pytest.raises(OSError, match="filter"):
            file["rgb"][1]


WITHOUT_PLUGINS = """
import sys

sys.modules["hdf5plugin"] = None  # as where it is not installed
import h5py
import numpy as np
from airseg.cli import main

assert not h5py.h5z.filter_avail(32004)
main(["relabel", "flights", "--map", "neighborhood", "--out", "lz4.h5"])
main(["dataset", "subset", "lz4.h5", "--codec", "zstd", "--out", "again.h5"])
main(["verify", "again.h5"])
main(["dataset", "subset", "again.h5", "--codec", "gzip", "--out", "portable.h5"])
from airseg.dataset.reading import Dataset
assert Dataset("portable.h5").content_hash == Dataset("lz4.h5").content_hash
with h5py.File("portable.h5") as file:
    assert np.array_equal(Dataset("lz4.h5").sequence("a").rgb(0, 3), file["sequences/a/rgb"][:3])
try:
    Dataset("shuffled.h5").sequence("a").rgb(0, 1)
except Exception as told:
    print("told:", told)
"""


def test_without_plugins_datasets_are_packed_read_and_recoded(tmp_path):
    write_flight(tmp_path / "flights", "a", 0, 3, "train")
    packed = tmp_path / "shuffled.h5"
    main(["relabel", str(tmp_path / "flights"), "--map", "neighborhood", "--out", str(packed)])
    with h5py.File(packed, "r+") as file:  # as another program may store it
        group = file["sequences/a"]
        values, attributes = group["rgb"][...], dict(group["rgb"].attrs)
        del group["rgb"]
        options = {"chunks": (1, *values.shape[1:]), "shuffle": True, **hdf5plugin.LZ4()}
        group.create_dataset("rgb", data=values, **options).attrs.update(attributes)
    command = [sys.executable, "-c", WITHOUT_PLUGINS]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "HDF5 has no filter 32004 here" in done.stdout
    assert "pip install hdf5plugin" in done.stdout
