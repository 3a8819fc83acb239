"""The layout of a dataset file: names, types, storage filters and content hashes.

One HDF5 file. The root carries the class table, the label map and a content hash as attributes;
`/sequences/<name>` carries one array per stream with one frame per chunk. Automatic chunks, h5py's
default once a filter is asked for, span dozens of frames and read clips 50 times slower.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

FORMAT_VERSION = 1
SEQUENCES_GROUP = "sequences"
DIGEST_ATTRIBUTE = "blake2b"
CODEC_ATTRIBUTE = "codec"
ATTRIBUTES_HASH = "attributes_hash"
STREAMS_ATTRIBUTE = "streams"
"""Names of a sequence's arrays: a link whose name is damaged would else be no array at all."""
FLETCHER32 = 3
CODEC_FILTERS: dict[str, tuple[int, ...]] = {
    "lz4": (32004,),
    "zstd": (32015,),
    "gzip": (1,),
    "lzf": (32000,),
    "none": (),
}
"""By codec, the registered numbers of its HDF5 filters; the check sum's is left out."""
_FILTER_OPTIONS = {"lz4": (0,), "zstd": (3,)}
"""What the filters are told: blocks of LZ4 as large as they may be, the level of Zstandard."""
CODECS = tuple(CODEC_FILTERS)

DETAIL_ATTRIBUTES: dict[str, type] = {
    "plan": dict,
    "plan_fingerprint": str,
    "mode": str,
    "rate_hz": float,
    "camera": dict,
    "simulator": dict,
    "recording": dict,
    "origin": dict,
}
"""Attributes of a sequence that it may have; those of type dict are stored as JSON."""


@dataclass(frozen=True)
class Stream:
    """One array of a sequence.

    Attributes:
        name: its name inside the sequence's group.
        dtype: type of its values.
        frame_dimensions: how many dimensions one frame has.
        required: whether every sequence has it.
        counts: whether the content hash covers it: what networks see and where it came from.
        listed: whether `STREAMS_ATTRIBUTE` names it. Streams that were added within a format are
            not named there, so that readers who do not know them pass them by.
    """

    name: str
    dtype: np.dtype
    frame_dimensions: int
    required: bool
    counts: bool
    listed: bool = True


STREAMS: tuple[Stream, ...] = (
    Stream("rgb", np.dtype("uint8"), 3, True, True),
    Stream("label", np.dtype("uint8"), 2, True, True),
    Stream("raw_label", np.dtype("uint8"), 2, False, True),
    Stream("depth", np.dtype("float16"), 2, False, False),
    Stream("instance", np.dtype("uint32"), 2, False, False, listed=False),
    Stream("pose", np.dtype("float64"), 1, True, False),
    Stream("timestamp_ns", np.dtype("int64"), 0, True, False),
    # 1 where a frame has labels, 0 where it is context for its neighbours; absent: all have them.
    Stream("labelled", np.dtype("uint8"), 0, False, True),
)
STREAM_BY_NAME = {stream.name: stream for stream in STREAMS}


def storage_options(stream: str, codec: str) -> dict[str, Any]:
    """Return h5py's arguments for the filters of one stream.

    Measured on the 18 flights (`benchmark/codec_speed.py`; a loaded machine, so ratios count): LZ4
    writes colour 7 times as fast as gzip-1 and reads clips 4 times as fast, at 436 against 323 KiB
    a frame; Zstd-3 takes 319 KiB, and writes and reads 3 times as fast as gzip-1. Bitshuffle and
    Blosc2 are no smaller than LZ4 where they are as fast. Labels are 12 KiB in gzip-1, depth is 58
    with shuffle; eight frames in a chunk save nothing, and clips come at two thirds of the speed or
    less. HDF5 has neither LZ4 nor Zstd: `chunk_codecs` writes and reads them.
    Fletcher-32 is on everywhere, because a flipped bit in an LZ4 chunk is silent without it.

    Args:
        stream: name of the array.
        codec: filter of the colour frames, one of `CODECS`; with ``none`` nothing is compressed,
            so that clips are read as fast as from a bare array.
    """
    options: dict[str, Any] = {"fletcher32": True}
    if codec == "none":
        return options
    if stream == "rgb":
        if codec in ("lz4", "zstd"):
            options |= {
                "compression": CODEC_FILTERS[codec][0],
                "compression_opts": _FILTER_OPTIONS[codec],
                "allow_unknown_filter": True,
            }
        elif codec == "gzip":
            options |= {"compression": "gzip", "compression_opts": 1}
        elif codec == "lzf":
            options |= {"compression": "lzf"}
    elif stream in ("label", "raw_label"):
        options |= {"compression": "gzip", "compression_opts": 1}
    elif stream in ("depth", "instance"):
        options |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    return options


def chunk_shape(stream: str, length: int, frame_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the chunks of one stream: one frame each; small rows lie in a single chunk."""
    is_image = STREAM_BY_NAME[stream].frame_dimensions >= 2
    return (1 if is_image else length, *frame_shape)


class StreamDigest:
    """Running BLAKE2b of one stream's decoded frames, independent of filters and chunks."""

    def __init__(self, stream: str, frame_shape: tuple[int, ...]) -> None:
        header = f"{stream} {STREAM_BY_NAME[stream].dtype.str} {frame_shape}"
        self._hash = hashlib.blake2b(header.encode(), digest_size=32)

    def update(self, frame: np.ndarray) -> None:
        """Add one frame, or one row of a small array."""
        self._hash.update(np.ascontiguousarray(frame).data)

    def hexdigest(self) -> str:
        """Return the digest so far."""
        return self._hash.hexdigest()


def sequence_hash(length: int, digests: Mapping[str, str]) -> str:
    """Return the content hash of a sequence: colour, labels and raw labels of all its frames.

    Args:
        length: number of frames.
        digests: digest by stream; streams that do not count are left out.
    """
    lines = [f"{s.name} {digests[s.name]}" for s in STREAMS if s.counts and s.name in digests]
    return _hash_lines([f"frames {length}", *lines])


def dataset_hash(classes: Iterable[str], sequences: Iterable[tuple[str, str, str]]) -> str:
    """Return the content hash of a dataset: classes, and name, split and hash of each sequence.

    Two files with the same hash train and score the same, however they are compressed.

    Args:
        classes: class names in the order of their labels.
        sequences: (name, split, content hash) of each sequence, in any order.
    """
    lines = [f"{name}\t{split}\t{digest}" for name, split, digest in sorted(sequences)]
    return _hash_lines(["classes " + " ".join(classes), *lines])


def _hash_lines(lines: list[str]) -> str:
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=32).hexdigest()
