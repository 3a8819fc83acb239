"""Relabel sequences and write them into one dataset file, checked before it is published.

A killed HDF5 writer loses the whole file. So frames go into a file beside the final one, which is
re-read against running hashes before it takes the final one's name.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import h5py
import hdf5plugin
import numpy as np

from airseg import __version__
from airseg.classes import IGNORE_INDEX
from airseg.dataset.assembly import (
    create_array,
    write_content_hash,
    write_digests,
    write_root,
)
from airseg.dataset.publishing import check_free_space, check_output, check_room_for, published
from airseg.dataset.schema import (
    CODECS,
    DETAIL_ATTRIBUTES,
    DIGEST_ATTRIBUTE,
    SEQUENCES_GROUP,
    STREAM_BY_NAME,
    StreamDigest,
    storage_options,
)
from airseg.dataset.sources import SequenceSource
from airseg.errors import DatasetError, did_you_mean
from airseg.labels.boundaries import EdgeOptions, leave_out_edges
from airseg.labels.label_map import LabelMap
from airseg.labels.relabel import apply_table, count_ids, count_labels
from airseg.labels.resolution import Resolution, check_seen

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how many frames are done, and how many there are."""

Item = TypeVar("Item")
_READERS = 2
_FRAMES_AHEAD = 8


@dataclass(frozen=True)
class PackOptions:
    """What goes into a dataset file.

    Attributes:
        codec: filter of the colour frames, one of `schema.CODECS`.
        keep_raw: store raw ids too, so that the file can be relabelled later.
        keep_depth: store depth where the source has it.
        overwrite: replace a file that is already there.
        allow_unmapped: ignore meshes without a class, instead of refusing them.
        edges: small regions and edge pixels to leave out; kept in the file's attributes.
    """

    codec: str = "lz4"
    keep_raw: bool = True
    keep_depth: bool = True
    overwrite: bool = False
    allow_unmapped: bool = False
    edges: EdgeOptions = field(default_factory=EdgeOptions)


@dataclass(frozen=True)
class PackItem:
    """One sequence to pack: where it comes from, its split, and the labels of its raw ids."""

    source: SequenceSource
    split: str
    resolution: Resolution


@dataclass(frozen=True)
class PackedDataset:
    """What was written.

    Attributes:
        path: the file.
        frames: number of frames in it.
        stored_bytes: its size.
        content_hash: hash of classes, splits and all decoded frames.
        id_pixels: (256,) int64 pixels by raw id, for each sequence.
        warnings: mesh groups that are ignored because they have no class.
    """

    path: Path
    frames: int
    stored_bytes: int
    content_hash: str
    id_pixels: list[np.ndarray]
    warnings: list[str]


def check_options(path: Path, options: PackOptions) -> None:
    """Refuse wrong options and impossible outputs before any work is done.

    Raises:
        DatasetError: unknown codec, missing or unwritable folder, or a file that is already there.
    """
    if options.codec not in CODECS:
        raise DatasetError(
            f"codec '{options.codec}': expected one of {', '.join(CODECS)}."
            f"{did_you_mean(options.codec, CODECS)}"
        )
    check_output(path, overwrite=options.overwrite)


def pack(
    path: Path,
    items: Sequence[PackItem],
    label_map: LabelMap,
    options: PackOptions | None = None,
    progress: Progress | None = None,
) -> PackedDataset:
    """Relabel sequences and write them into one dataset file.

    Memory stays bounded by a few frames, whatever the length of the sequences.

    Args:
        path: the file to make.
        items: the sequences; at least one.
        label_map: the map the resolutions come from; kept inside the file.
        options: what goes in.
        progress: told about every frame packed and every frame checked.

    Raises:
        DatasetError: the file exists, cannot be written, or reads back differently.
        LabelMapError: a seen mesh has no class.
        RecordingError: a frame of a source is missing or damaged.
    """
    options = options or PackOptions()
    if not items:
        raise DatasetError(f"{path}: a dataset needs at least one sequence, found none.")
    check_options(path, options)
    check_free_space(path, sum(item.source.stored_bytes for item in items))
    total = sum(item.source.length for item in items)
    with published(path) as unfinished:
        packing = _Ticker("packing", total, progress)
        id_pixels = _write_file(unfinished, items, label_map, options, packing)
        warnings = check_seen(
            label_map,
            [item.resolution for item in items],
            id_pixels,
            allow_unmapped=options.allow_unmapped,
        )
        content_hash = _check_file(unfinished, items, _Ticker("checking", total, progress))
    return PackedDataset(path, total, path.stat().st_size, content_hash, id_pixels, warnings)


def count_pixels(items: Sequence[PackItem], progress: Progress | None = None) -> list[np.ndarray]:
    """Count how often each raw id is seen, reading nothing but raw ids.

    Returns:
        (256,) int64 pixels by raw id, for each item.
    """
    ticker = _Ticker("counting", sum(item.source.length for item in items), progress)
    counts: list[np.ndarray] = []
    with ThreadPoolExecutor(_READERS, thread_name_prefix="read") as pool:
        for item in items:
            pixels = np.zeros(256, np.int64)
            ahead = _read_ahead(item.source.read_ids, item.source.length, pool)
            for index, ids in enumerate(ahead):
                if _has_labels(item.source, index):
                    pixels += count_ids(ids)
                ticker.tick()
            counts.append(pixels)
    return counts


def split_pixels(
    items: Sequence[PackItem], id_pixels: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    """Return (256,) int64 pixels by label for each split, from those by raw id."""
    totals: dict[str, np.ndarray] = {}
    for item, pixels in zip(items, id_pixels, strict=True):
        labels = count_labels(pixels, item.resolution.table)
        totals[item.split] = totals.get(item.split, np.zeros(256, np.int64)) + labels
    return totals


class _Ticker:
    """Counts the frames of one stage and reports them."""

    def __init__(self, stage: str, total: int, progress: Progress | None) -> None:
        self._stage, self._total, self._progress, self._done = stage, total, progress, 0

    def tick(self) -> None:
        """Say that one more frame is done."""
        self._done += 1
        if self._progress:
            self._progress(self._stage, self._done, self._total)


def _write_file(
    path: Path,
    items: Sequence[PackItem],
    label_map: LabelMap,
    options: PackOptions,
    ticker: _Ticker,
) -> list[np.ndarray]:
    """Write everything; return pixels by raw id for each sequence."""
    id_pixels: list[np.ndarray] = []
    # `published` holds the lock already, and HDF5 would trip over it.
    with (
        h5py.File(path, "w", locking=False) as file,
        ThreadPoolExecutor(_READERS, thread_name_prefix="read") as pool,
    ):
        write_root(file, _root_attributes(label_map, options), [_history(label_map)])
        parent = file.create_group(SEQUENCES_GROUP)
        for item in items:
            group = parent.create_group(item.source.name)
            id_pixels.append(_write_sequence(group, item, options, pool, ticker))
        write_content_hash(file)
    return id_pixels


def _root_attributes(label_map: LabelMap, options: PackOptions) -> dict[str, Any]:
    return {
        "classes": json.dumps(list(label_map.class_names)),
        "ignore_index": IGNORE_INDEX,
        "label_map_name": label_map.name,
        "label_map": label_map.text,
        "label_edges": json.dumps(asdict(options.edges)),
    }


def _history(label_map: LabelMap) -> dict[str, Any]:
    return {
        "operation": "relabel",
        "airseg_version": __version__,
        "label_map": label_map.name,
        "hdf5": h5py.version.hdf5_version,
        "h5py": h5py.version.version,
        "hdf5plugin": hdf5plugin.version,
        "numpy": np.__version__,
    }


def _write_sequence(
    group: h5py.Group,
    item: PackItem,
    options: PackOptions,
    pool: ThreadPoolExecutor,
    ticker: _Ticker,
) -> np.ndarray:
    """Write one sequence's attributes and arrays; return pixels by raw id."""
    source = item.source
    _write_attributes(group, item)
    shapes = _frame_shapes(source, options)
    arrays = {
        name: create_array(group, name, source.length, shape, options.codec)
        for name, shape in shapes.items()
    }
    digests = {name: StreamDigest(name, shape) for name, shape in shapes.items()}
    id_pixels = np.zeros(256, np.int64)
    frame_bytes = 8 * source.height * source.width  # all streams, uncompressed
    path = Path(group.file.filename)
    read = partial(source.read, with_depth="depth" in shapes)
    for index, frame in enumerate(_read_ahead(read, source.length, pool)):
        _check_frame(source, index, "raw_label", frame.ids, (source.height, source.width))
        check_room_for(path, frame_bytes)
        is_labelled = _has_labels(source, index)
        streams = {
            "rgb": frame.rgb,
            "label": leave_out_edges(apply_table(frame.ids, item.resolution.table), options.edges)
            if is_labelled
            else np.full_like(frame.ids, IGNORE_INDEX),
            "raw_label": frame.ids,
            "depth": frame.depth,
        }
        for name, array in arrays.items():
            _check_frame(source, index, name, streams[name], shapes[name])
            array[index] = streams[name]
            digests[name].update(streams[name])
        if is_labelled:
            id_pixels += count_ids(frame.ids)
        ticker.tick()
    if source.labelled is not None:
        _write_rows(group, "labelled", source.labelled, digests)
    _write_rows(group, "pose", source.poses, digests)
    _write_rows(group, "timestamp_ns", source.timestamps_ns, digests)
    hexdigests = {name: digest.hexdigest() for name, digest in digests.items()}
    write_digests(group, hexdigests)
    return id_pixels


def _has_labels(source: SequenceSource, index: int) -> bool:
    """Return whether a frame has labels; the others are context, stored as ignored pixels."""
    return source.labelled is None or bool(source.labelled[index])


def _frame_shapes(source: SequenceSource, options: PackOptions) -> dict[str, tuple[int, ...]]:
    """Return the shape of one frame of each stream that is stored."""
    image = (source.height, source.width)
    shapes: dict[str, tuple[int, ...]] = {"rgb": (*image, 3), "label": image}
    if options.keep_raw:
        shapes["raw_label"] = image
    if options.keep_depth and source.has_depth:
        shapes["depth"] = image
    return shapes


def _write_attributes(group: h5py.Group, item: PackItem) -> None:
    source = item.source
    group.attrs["split"] = item.split
    group.attrs["environment"] = source.environment
    group.attrs["object_table"] = json.dumps(
        [{"id": g.id, "group": g.group, "meshes": list(g.meshes)} for g in source.object_table]
    )
    for name, kind in DETAIL_ATTRIBUTES.items():
        if name in source.details:
            value = source.details[name]
            group.attrs[name] = json.dumps(value) if kind is dict else kind(value)


def _write_rows(
    group: h5py.Group, name: str, rows: np.ndarray, digests: dict[str, StreamDigest]
) -> None:
    """Write a small array whole."""
    stream = STREAM_BY_NAME[name]
    rows = np.ascontiguousarray(rows, stream.dtype)
    group.create_dataset(name, data=rows, chunks=rows.shape, **storage_options(name, "none"))
    digests[name] = StreamDigest(name, rows.shape[1:])
    digests[name].update(rows)


def _read_ahead(
    read: Callable[[int], Item], length: int, pool: ThreadPoolExecutor
) -> Iterator[Item]:
    """Yield what `read` gives for each index, in order, while the next few are read beside."""
    pending: deque[Future[Item]] = deque()
    try:
        for index in range(length):
            pending.append(pool.submit(read, index))
            if len(pending) >= _FRAMES_AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def _check_frame(
    source: SequenceSource, index: int, name: str, frame: np.ndarray, shape: tuple[int, ...]
) -> None:
    dtype = STREAM_BY_NAME[name].dtype
    if frame.shape != shape or frame.dtype != dtype:
        raise DatasetError(
            f"{source.location}: frame {index}: {name} should be {dtype} of shape {shape}, found "
            f"{frame.dtype} of shape {frame.shape}. Record the sequence again."
        )


def _check_file(path: Path, items: Sequence[PackItem], ticker: _Ticker) -> str:
    """Read every frame back, compare with the hashes, and return the content hash."""
    with h5py.File(path, "r", locking=False) as file:
        for item in items:
            group = file[f"{SEQUENCES_GROUP}/{item.source.name}"]
            digests = {name: StreamDigest(name, array.shape[1:]) for name, array in group.items()}
            small = [n for n in digests if STREAM_BY_NAME[n].frame_dimensions < 2]
            for name in small:
                digests[name].update(group[name][...])
            for index in range(item.source.length):
                for name in digests.keys() - small:
                    digests[name].update(group[name][index])
                ticker.tick()
            for name, digest in digests.items():
                if digest.hexdigest() != group[name].attrs[DIGEST_ATTRIBUTE]:
                    raise DatasetError(
                        f"{path}: {item.source.name}/{name} reads back differently from what was "
                        "written, so nothing was published. Check the disk, and try again."
                    )
        return str(file.attrs["content_hash"])
