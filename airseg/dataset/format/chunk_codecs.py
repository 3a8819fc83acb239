"""Chunks of one frame as HDF5's filters store them, taken apart and put together without HDF5.

LZ4 and Zstandard are written and read here, so that airseg's files need no plugin of HDF5; whoever
reads them through HDF5 alone needs one. Forms of the registered filters 32004 and 32015:
HDFGroup/hdf5_plugins, docs/RegisteredFilterPlugins.md, LZ4/src/H5Zlz4.c and ZSTD/src/H5Zzstd.c.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from typing import Any

import cramjam
import h5py
import numpy as np
from isal import isal_zlib

from airseg.dataset.format.checksums import fletcher_sums

CHECKSUM_BYTES = 4
_GZIP, _FLETCHER = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32
_LZ4, _ZSTD = 32004, 32015
_ZSTD_LEVEL = 3
# isal's own types call its error an instance.
_UNDECODABLE: tuple[Any, ...] = (
    cramjam.DecompressionError,
    isal_zlib.error,
    struct.error,
    ValueError,
)

Decoder = Callable[[memoryview, np.ndarray], None]
"""Takes what is stored of a chunk, and the flat uint8 frame to fill."""


class ChunkError(Exception):
    """A chunk is cut off, does not add up, or cannot be decoded."""


def filters_of(array: h5py.Dataset) -> list[tuple[int, tuple[int, ...]]]:
    """Return number and parameters of each filter of an array, in order."""
    plist = array.id.get_create_plist()
    filters = [plist.get_filter(i) for i in range(plist.get_nfilters())]
    return [(number, tuple(values)) for number, _, values, _ in filters]


def pipeline_of(array: h5py.Dataset) -> tuple[tuple[int, ...], bool] | None:
    """Return the filters that compress an array's frames, and whether a checksum comes last.

    None: its chunks are no frames of bytes, or are filtered in a way that only HDF5 knows.
    """
    if array.dtype != np.uint8 or array.ndim < 2 or array.chunks != (1, *array.shape[1:]):
        return None
    filters = tuple(number for number, _ in filters_of(array))
    has_checksum = filters[-1:] == (_FLETCHER,)
    codec = filters[:-1] if has_checksum else filters
    return (codec, has_checksum) if codec in DECODERS else None


def require_filters(array: h5py.Dataset) -> None:
    """See to it that HDF5 has every filter of an array; what it lacks may be in hdf5plugin.

    Raises:
        ChunkError: it lacks one.
    """
    needed = [number for number, _ in filters_of(array)]
    if not all(map(h5py.h5z.filter_avail, needed)):
        with contextlib.suppress(ImportError):
            import hdf5plugin  # noqa: F401  # registers its filters
    for number in needed:
        if not h5py.h5z.filter_avail(number):
            raise ChunkError(
                f"HDF5 has no filter {number} here, by which it is packed; "
                "'pip install hdf5plugin' brings the usual ones"
            )


def read_frame(array: h5py.Dataset, index: int) -> np.ndarray:
    """Return a frame of an array that HDF5 has open, past HDF5 where a filter may be missing there.

    Raises:
        ChunkError: it is damaged, or HDF5 lacks a filter.
        OSError: HDF5 cannot read what was left to it.
    """
    pipeline = pipeline_of(array)
    if pipeline and pipeline[0] in _ENCODERS:
        codec, has_checksum = pipeline
        place = (index, *(0,) * (array.ndim - 1))
        if array.id.get_chunk_info_by_coord(place).byte_offset is None:
            return np.full(array.shape[1:], array.fillvalue, np.uint8)
        mask, chunk = array.id.read_direct_chunk(place)
        if not mask:
            frame = np.empty(array.shape[1:], np.uint8)
            end = len(chunk) - CHECKSUM_BYTES * has_checksum
            if end < 0:
                raise ChunkError(f"frame {index} ends too early")
            stored = np.frombuffer(chunk, np.uint8)[:end]
            if has_checksum:
                compare_checksum(index, stored, chunk[end:])
            decode(DECODERS[codec], index, memoryview(stored), frame.reshape(-1))  # type: ignore[arg-type]
            return frame
    require_filters(array)
    return array[index]


def write_frame(array: h5py.Dataset, index: int, frame: np.ndarray) -> None:
    """Write a frame as the filters of its array ask for, past HDF5 where a filter may be missing.

    Args:
        array: one frame in a chunk.
        index: which frame.
        frame: of the array's type and frame shape.
    """
    pipeline = pipeline_of(array)
    encode = _ENCODERS.get(pipeline[0]) if pipeline else None
    if pipeline is None or encode is None:
        array[index] = frame
        return
    stored = encode(np.ascontiguousarray(frame).reshape(-1))
    if pipeline[1]:
        stored += _checksum(stored)
    array.id.write_direct_chunk((index, *(0,) * (array.ndim - 1)), stored)


def decode(decoder: Decoder, index: int, stored: memoryview, frame: np.ndarray) -> None:
    """Decode a chunk into a flat frame.

    Raises:
        ChunkError: it cannot be decoded.
    """
    try:
        decoder(stored, frame)
    except _UNDECODABLE as cause:
        raise ChunkError(f"frame {index}: {cause}") from None


def _inflate(stored: memoryview, frame: np.ndarray) -> None:
    decoder = isal_zlib.decompressobj()
    decoded = decoder.decompress(stored, frame.size + 1)  # what is longer is not made room for
    if len(decoded) != frame.size or not decoder.eof:
        raise ChunkError(f"{len(decoded)} bytes where {frame.size} belong")
    frame[:] = np.frombuffer(decoded, np.uint8)


def _decode_lz4(stored: memoryview, frame: np.ndarray) -> None:
    """Decode a chunk of HDF5's LZ4 filter.

    Decoded bytes in all (8 bytes, big-endian), decoded bytes of a block (4), then each block after
    its stored size (4); a block that did not shrink is stored as it is.
    """
    total, block_bytes = struct.unpack_from(">QI", stored)
    if total != frame.size or not block_bytes:
        raise ChunkError(f"{total} bytes where {frame.size} belong")
    place = 12
    for first in range(0, total, block_bytes):
        part = frame[first : first + block_bytes]
        (size,) = struct.unpack_from(">I", stored, place)
        block = stored[place + 4 : place + 4 + size]
        if size == part.size:
            part[:] = np.frombuffer(block, np.uint8)
        elif cramjam.lz4.decompress_block_into(block, part, part.size) != part.size:  # type: ignore[arg-type]
            raise ChunkError("an LZ4 block is too short")
        place += 4 + size


def _decode_zstd(stored: memoryview, frame: np.ndarray) -> None:
    """Decode a chunk of HDF5's Zstandard filter, which is one frame of Zstandard."""
    decoded = cramjam.zstd.decompress_into(stored, frame)  # type: ignore[arg-type]
    if decoded != frame.size:
        raise ChunkError(f"{decoded} bytes where {frame.size} belong")


def _encode_lz4(frame: np.ndarray) -> bytes:
    """Return a flat uint8 frame as one block of HDF5's LZ4 filter, see `_decode_lz4`."""
    block = cramjam.lz4.compress_block(frame, store_size=False)  # type: ignore[arg-type]
    content = bytes(block) if len(block) < frame.size else frame.tobytes()
    return struct.pack(">QII", frame.size, frame.size, len(content)) + content


def _encode_zstd(frame: np.ndarray) -> bytes:
    return bytes(cramjam.zstd.compress(frame, _ZSTD_LEVEL))  # type: ignore[arg-type]


def _checksum(stored: bytes) -> bytes:
    """Return the Fletcher-32 that HDF5 appends to a chunk that is not all zeros.

    HDF5 folds its sums instead of dividing: they end at 65535, never at 0.
    """
    first, second = fletcher_sums(np.frombuffer(stored, np.uint8))
    return struct.pack("<HH", first or 65535, second or 65535)


def compare_checksum(index: int, stored: np.ndarray, checksum: bytes) -> None:
    """Compare with the Fletcher-32 that HDF5 wrote, whose two sums are modulo 65535.

    Raises:
        ChunkError: they differ.
    """
    (expected,) = struct.unpack("<I", checksum)
    low, high = fletcher_sums(stored)
    if (low, high) != (expected % 65536 % 65535, (expected >> 16) % 65535):
        raise ChunkError(f"the checksum of frame {index} does not fit its bytes")


DECODERS: dict[tuple[int, ...], Decoder | None] = {
    (): None,
    (_GZIP,): _inflate,
    (_LZ4,): _decode_lz4,
    (_ZSTD,): _decode_zstd,
}
"""By filters: what decodes a chunk; None: it is stored as it is."""
_ENCODERS: dict[tuple[int, ...], Callable[[np.ndarray], bytes]] = {
    (_LZ4,): _encode_lz4,
    (_ZSTD,): _encode_zstd,
}
"""By filters that HDF5 has no code for: what encodes a flat frame."""
