"""Put sequences into an open dataset file: arrays, raw copies of chunks, and the hashes at the end.

Chunks are copied as they lie on the disk wherever both files filter them in the same way, so that
no frame is decoded and encoded again. Hashes come last, from what the file reads back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from airseg.dataset.format.chunk_codecs import filters_of, read_frame, write_frame
from airseg.dataset.format.schema import (
    ATTRIBUTES_HASH,
    CODEC_ATTRIBUTE,
    DIGEST_ATTRIBUTE,
    FORMAT_VERSION,
    SEQUENCES_GROUP,
    STREAM_BY_NAME,
    STREAMS,
    STREAMS_ATTRIBUTE,
    StreamDigest,
    chunk_shape,
    dataset_hash,
    sequence_hash,
    storage_options,
)
from airseg.version import __version__

Tick = Callable[[], None]
_COMPUTED = ("content_hash", ATTRIBUTES_HASH, "format_version", "airseg_version", "history")


def write_root(file: h5py.File, attributes: Mapping[str, Any], history: Sequence[Any]) -> None:
    """Write the attributes of a new file.

    Args:
        file: open for writing.
        attributes: classes, ignore index, label map; what is computed is left out.
        history: what was done to make the file, oldest first; kept as JSON.
    """
    for name, value in attributes.items():
        if name not in _COMPUTED:
            file.attrs[name] = value
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["airseg_version"] = __version__
    file.attrs["history"] = json.dumps(list(history))


def create_array(
    group: h5py.Group, name: str, length: int, frame_shape: tuple[int, ...], codec: str
) -> h5py.Dataset:
    """Create the empty array of one stream, filtered as the format says.

    Args:
        group: of the sequence.
        name: one of `schema.STREAM_BY_NAME`.
        length: number of frames.
        frame_shape: shape of one frame.
        codec: of the colour frames, one of `schema.CODECS`.
    """
    array = group.create_dataset(
        name,
        (length, *frame_shape),
        STREAM_BY_NAME[name].dtype,
        chunks=chunk_shape(name, length, frame_shape),
        **storage_options(name, codec),
    )
    if name == "rgb":
        array.attrs[CODEC_ATTRIBUTE] = codec
    return array


def copy_frames(
    source: h5py.Dataset, target: h5py.Dataset, frames: Sequence[int], first: int
) -> None:
    """Copy frames of one array into consecutive ones of another, undecoded where that is possible.

    Args:
        source: where they lie.
        target: same type and frame shape.
        frames: which frames.
        first: where the first of them goes.
    """
    is_raw = _are_filtered_alike(source, target)
    rest = (0,) * (source.ndim - 1)
    for position, frame in enumerate(frames, first):
        if is_raw:
            mask, chunk = source.id.read_direct_chunk((frame, *rest))
            target.id.write_direct_chunk((position, *rest), chunk, mask)
        else:
            write_frame(target, position, read_frame(source, frame))


def _are_filtered_alike(one: h5py.Dataset, two: h5py.Dataset) -> bool:
    """Whether chunks of one array are valid chunks of the other: one frame each, same filters."""
    frame_chunk = (1, *one.shape[1:])
    return (
        one.dtype == two.dtype
        and one.chunks == two.chunks == frame_chunk
        and filters_of(one) == filters_of(two)
    )


def digest_sequence(
    group: h5py.Group,
    tick: Tick,
    compare: Callable[[str, int, np.ndarray], None] = lambda stream, index, frame: None,
) -> dict[str, str]:
    """Read every frame of a sequence and return the digest of each stream.

    Args:
        group: of the sequence.
        tick: called after each frame, with all of its streams read.
        compare: called with stream, index and decoded frame; raises where it is not as expected.
    """
    arrays = {s.name: group[s.name] for s in STREAMS if s.name in group}
    digests = {name: StreamDigest(name, array.shape[1:]) for name, array in arrays.items()}
    images = {n: a for n, a in arrays.items() if STREAM_BY_NAME[n].frame_dimensions >= 2}
    for name in arrays.keys() - images.keys():
        digests[name].update(arrays[name][...])
    for index in range(len(arrays["rgb"])):
        for name, array in images.items():
            frame = read_frame(array, index)
            compare(name, index, frame)
            digests[name].update(frame)
        tick()
    return {name: digest.hexdigest() for name, digest in digests.items()}


def write_digests(group: h5py.Group, digests: Mapping[str, str]) -> None:
    """Write what `digest_sequence` returned, and the content hash that follows from it."""
    for name, text in digests.items():
        group[name].attrs[DIGEST_ATTRIBUTE] = text
    group.attrs[STREAMS_ATTRIBUTE] = json.dumps(
        sorted(name for name in digests if STREAM_BY_NAME[name].listed)
    )
    group.attrs["content_hash"] = sequence_hash(len(group["rgb"]), digests)
    group.attrs[ATTRIBUTES_HASH] = attributes_hash(group)


def write_content_hash(file: h5py.File) -> str:
    """Write and return the content hash of a whole file, whose sequences have theirs."""
    sequences = [
        (name, str(group.attrs["split"]), str(group.attrs["content_hash"]))
        for name, group in file[SEQUENCES_GROUP].items()
    ]
    content_hash = dataset_hash(json.loads(file.attrs["classes"]), sequences)
    file.attrs["content_hash"] = content_hash
    file.attrs[ATTRIBUTES_HASH] = attributes_hash(file)
    return content_hash


def attributes_hash(owner: h5py.Group) -> str:
    """Return the hash of an object's texts and numbers: the plans, tables and maps of a dataset.

    HDF5 has check sums for arrays and none for attributes.
    """
    plain = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in plain_attributes(owner).items()
        if name != ATTRIBUTES_HASH
    }
    text = json.dumps(sorted(plain.items()), separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def plain_attributes(owner: h5py.Group) -> dict[str, Any]:
    """Return the attributes that are texts or numbers; references and the like are left out."""
    found = {}
    for name in owner.attrs:
        value = owner.attrs[name]
        if isinstance(value, str | int | float | np.number):
            found[name] = value
    return found


def open_quietly(path: Path, mode: str = "r") -> h5py.File:
    """Open a file that somebody else guards: HDF5's own lock would trip over `publishing`'s."""
    return h5py.File(path, mode, locking=False)
