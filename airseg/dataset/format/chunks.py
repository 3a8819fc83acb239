"""Read frames past HDF5: one positioned read and one decoder for each chunk.

HDF5 looks every chunk up again, copies it twice, sums it up slowly and holds one lock for the whole
process meanwhile. Here the places of a stream's chunks are listed once (17 bytes a frame), after
which a frame is one `pread` and one call of a decoder that writes into the caller's array. Both let
other threads run. `benchmark/loader_speed.py` has the figures.

Checksums are not lost: HDF5's Fletcher-32 of a chunk is compared the first time a process reads it.
What is stored otherwise than airseg writes it (other filters, several frames in a chunk, numbers
wider than a byte) is left to h5py.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import h5py
import numpy as np

from airseg.dataset.format.chunk_codecs import (
    CHECKSUM_BYTES,
    DECODERS,
    ChunkError,
    Decoder,
    compare_checksum,
    decode,
    filters_of,
    pipeline_of,
    read_frame,
    require_filters,
)
from airseg.dataset.format.files import Location, byte_source
from airseg.dataset.format.schema import FLETCHER32, SEQUENCES_GROUP

__all__ = ["ChunkError", "FrameFile", "check_chunks"]

_NOT_STORED = -1


@dataclass(frozen=True)
class _Stream:
    """One array, and where its chunks lie.

    Attributes:
        array: the same in h5py, for what is left to it.
        frame_shape: shape of a frame.
        dtype: type of its values.
        offsets: (T,) int64 first byte of each frame in the file; -1: left to h5py, as all are
            where there are no offsets.
        sizes: (T,) int64 bytes in the file.
        checked: (T,) bool, whether this process has compared the checksum.
        decode: of compressed chunks; None: stored as they are.
        has_checksum: whether a chunk ends with its Fletcher-32.
    """

    array: h5py.Dataset
    frame_shape: tuple[int, ...]
    dtype: np.dtype
    offsets: np.ndarray
    sizes: np.ndarray
    checked: np.ndarray
    decode: Decoder | None = None
    has_checksum: bool = False


class FrameFile:
    """A dataset file that one process reads frames of.

    Attributes:
        process: its number; another process opens the file for itself.

    Args:
        path: the file.
        file: the same, open in h5py; closed with this.
    """

    def __init__(self, path: Location, file: h5py.File) -> None:
        self.process = os.getpid()
        self._file = file
        self._bytes = byte_source(path)
        self._streams: dict[tuple[str, str], _Stream] = {}

    def close(self) -> None:
        """Close the file; reading is over."""
        self._bytes.close()
        self._file.close()

    def read(
        self, sequence: str, stream: str, frames: range, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Read frames of one stream.

        Args:
            sequence: its name.
            stream: name of the array.
            frames: which, all inside the array.
            out: (len(frames), ...) of the array's type, C-contiguous, to be filled.

        Raises:
            ChunkError: a chunk is damaged.
            ValueError: `out` does not fit.
            OSError, KeyError: h5py cannot read what was left to it.
        """
        located = self._streams.get((sequence, stream))
        if located is None:
            located = _locate(self._file[f"{SEQUENCES_GROUP}/{sequence}/{stream}"])
            self._streams[sequence, stream] = located
        shape = (len(frames), *located.frame_shape)
        if out is None:
            out = np.empty(shape, located.dtype)
        elif out.shape != shape or out.dtype != located.dtype or not out.flags.c_contiguous:
            raise ValueError(
                f"out should be contiguous {located.dtype} of shape {shape}, found {out.dtype} of "
                f"shape {out.shape}"
            )
        if not located.offsets.size:
            require_filters(located.array)
            located.array.read_direct(out, np.s_[frames.start : frames.stop : frames.step])
            return out
        places = located.offsets[frames.start : frames.stop : frames.step].tolist()
        sizes = located.sizes[frames.start : frames.stop : frames.step].tolist()
        scratch = np.empty(max(sizes) if located.decode else 0, np.uint8)
        for lane, frame in enumerate(out.reshape(len(frames), -1)):
            index = frames[lane]
            if places[lane] == _NOT_STORED:
                out[lane] = read_frame(located.array, index)
            else:
                self._read_chunk(located, index, (places[lane], sizes[lane]), frame, scratch)
        return out

    def _read_chunk(
        self,
        stream: _Stream,
        index: int,
        place_and_size: tuple[int, int],
        frame: np.ndarray,
        scratch: np.ndarray,
    ) -> None:
        """Read one frame into a flat array, by way of another one where it is compressed."""
        place, size = place_and_size
        sum_bytes = CHECKSUM_BYTES if stream.has_checksum else 0
        checksum = bytearray(sum_bytes)
        body = scratch[: size - sum_bytes] if stream.decode else frame
        if self._bytes.read_into([body, checksum], place) != size:
            raise ChunkError(f"frame {index} ends too early")
        if stream.has_checksum and not stream.checked[index]:
            compare_checksum(index, body, bytes(checksum))
            stream.checked[index] = True
        if stream.decode is not None:
            decode(stream.decode, index, memoryview(body), frame)  # type: ignore[arg-type]


def check_chunks(array: h5py.Dataset) -> None:
    """Refuse a table of chunks that does not fit its array: HDF5 follows it out of its memory.

    Raises:
        ChunkError: a chunk lies outside of the array or of the file, or has an impossible size.
    """
    if array.chunks is None:
        return
    smallest = CHECKSUM_BYTES * (FLETCHER32 in [number for number, _ in filters_of(array)])
    # No codec enlarges a frame much.
    largest = 2 * int(np.prod(array.chunks)) * array.dtype.itemsize + 4096

    end = array.file.id.get_filesize()

    def look(chunk: h5py.h5d.StoreInfo) -> None:
        places = zip(chunk.chunk_offset, array.shape, array.chunks, strict=True)
        is_inside = all(0 <= at < length and at % step == 0 for at, length, step in places)
        is_stored = chunk.byte_offset is not None and chunk.byte_offset + chunk.size <= end
        if not is_inside or not is_stored or not smallest < chunk.size <= largest:
            raise ChunkError(
                f"its table of chunks is damaged: {chunk.size} bytes at {chunk.chunk_offset}"
            )

    array.id.chunk_iter(look)


def _locate(array: h5py.Dataset) -> _Stream:
    """List where a stream's chunks lie; none of them where h5py has to read it."""
    nowhere = np.empty(0, np.int64)
    as_stored = _Stream(array, array.shape[1:], array.dtype, nowhere, nowhere, nowhere)
    check_chunks(array)
    pipeline = pipeline_of(array)
    if pipeline is None:
        return as_stored
    codec, has_checksum = pipeline
    offsets = np.full(len(array), _NOT_STORED, np.int64)
    sizes = np.zeros(len(array), np.int64)
    raw_bytes = int(np.prod(array.shape[1:])) + CHECKSUM_BYTES * has_checksum

    def note(chunk: h5py.h5d.StoreInfo) -> None:
        # A mask says that a filter was skipped for this chunk, as when it would not have shrunk.
        # No codec enlarges a frame much; a file that says so is not believed here.
        is_sized = CHECKSUM_BYTES * has_checksum < chunk.size <= 2 * raw_bytes + 4096
        usual = not chunk.filter_mask and is_sized
        if usual and (codec or chunk.size == raw_bytes) and chunk.byte_offset is not None:
            offsets[chunk.chunk_offset[0]] = chunk.byte_offset
            sizes[chunk.chunk_offset[0]] = chunk.size

    array.id.chunk_iter(note)
    return replace(
        as_stored,
        offsets=offsets,
        sizes=sizes,
        checked=np.zeros(len(array), bool),
        decode=DECODERS[codec],
        has_checksum=has_checksum,
    )
