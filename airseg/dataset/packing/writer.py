"""Relabel sequences and write them into one dataset file, checked before it is published.

Frames are encoded into parts (see `airseg.dataset.packing.parts`), by several processes where that
pays. The parts are joined into a file beside the final one, which is read back frame by frame
before it takes the final one's name. Whoever kills this finds the old file or the new one; the next
run goes on after the last whole part.
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cramjam
import h5py
import numpy as np

from airseg.classes import IGNORE_INDEX
from airseg.dataset.format.attributes import check_environment, check_sequence_name
from airseg.dataset.format.chunk_codecs import ChunkError
from airseg.dataset.format.publishing import check_free_space, check_output, published
from airseg.dataset.format.schema import (
    CODECS,
    DETAIL_ATTRIBUTES,
    SEQUENCES_GROUP,
    STREAM_BY_NAME,
    storage_options,
)
from airseg.dataset.packing.file_assembly import (
    create_array,
    digest_sequence,
    open_quietly,
    write_content_hash,
    write_digests,
    write_root,
)
from airseg.dataset.packing.parts import (
    PackItem,
    PackOptions,
    Part,
    frame_check,
    frame_shapes,
    is_whole,
    join_part,
    open_parts_folder,
    parts_folder,
    plan_parts,
    write_part,
)
from airseg.dataset.packing.ticker import Progress, Ticker
from airseg.dataset.packing.workers import Workers
from airseg.dataset.reading.shards import check_file_name
from airseg.errors import DatasetError, did_you_mean
from airseg.labels import LabelMap
from airseg.labels.resolution import check_seen
from airseg.version import __version__

__all__ = [
    "PackItem",
    "PackOptions",
    "PackedDataset",
    "Progress",
    "check_options",
    "pack",
]

_FRAMES_WORTH_A_PROCESS = 128
Checks = dict[str, np.ndarray]


@dataclass(frozen=True)
class PackedDataset:
    """What was written.

    Attributes:
        path: the file.
        frames: number of frames in it.
        kept_frames: how many of them a run that was stopped had encoded already.
        stored_bytes: its size.
        content_hash: hash of classes, splits and all decoded frames.
        id_pixels: (256,) int64 pixels by raw id, for each sequence.
        warnings: mesh groups that are ignored because they have no class.
    """

    path: Path
    frames: int
    kept_frames: int
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
    check_file_name(path)
    check_output(path, overwrite=options.overwrite)


def pack(
    path: Path,
    items: Sequence[PackItem],
    label_map: LabelMap,
    options: PackOptions | None = None,
    progress: Progress | None = None,
) -> PackedDataset:
    """Relabel sequences and write them into one dataset file.

    Memory stays bounded by a few frames for each process, whatever the length of the sequences. The
    disk must hold the file twice until it is published. A run that is killed or interrupted leaves
    its parts in a folder beside the file; the same call goes on with them.

    Args:
        path: the file to make.
        items: the sequences; at least one.
        label_map: the map the resolutions come from; kept inside the file.
        options: what goes in, and by how many processes.
        progress: told about every frame packed and every frame checked.

    Raises:
        DatasetError: the file exists, cannot be written, or reads back differently.
        LabelMapError: a seen mesh has no class.
        RecordingError: a frame of a source is missing or damaged.
    """
    options = options or PackOptions()
    if not items:
        raise DatasetError(f"{path}: a dataset needs at least one sequence, found none.")
    for item in items:
        check_sequence_name(item.source.name, item.source.location)
        check_environment(item.source.environment, item.source.location)
    check_options(path, options)
    total = sum(item.source.length for item in items)
    with published(path, removing=parts_folder(path)) as unfinished:
        folder = open_parts_folder(path, items, options)
        try:
            packed = _pack_into(unfinished, path, folder, items, label_map, options, progress)
        except BrokenProcessPool:
            raise DatasetError(
                f"{path}: a process that encodes was killed, most likely for want of memory. Run "
                "it again with --jobs 1; what is encoded is kept."
            ) from None
        except Exception:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    id_pixels, warnings, content_hash, kept = packed
    stored = path.stat().st_size
    return PackedDataset(path, total, kept, stored, content_hash, id_pixels, warnings)


def _pack_into(
    unfinished: Path,
    path: Path,
    folder: Path,
    items: Sequence[PackItem],
    label_map: LabelMap,
    options: PackOptions,
    progress: Progress | None,
) -> tuple[list[np.ndarray], list[str], str, int]:
    """Encode, join and check; return pixels by raw id, warnings, content hash, frames kept."""
    total = sum(item.source.length for item in items)
    parts = plan_parts(folder, items)
    missing = [part for part in parts if not is_whole(part)]
    kept_frames = total - sum(part.length for part in missing)
    needed = sum(item.source.stored_bytes for item in items)
    check_free_space(path, needed + needed * (total - kept_frames) // max(total, 1))
    with Workers(_useful_jobs(items, total - kept_frames, options)) as workers:
        packing = Ticker("packing", total, progress)
        written = _write_parts(workers, path, missing, items, options, packing)
        id_pixels, checks = _join(
            unfinished, parts, missing, written, items, label_map, options, packing
        )
        resolutions = [item.resolution for item in items]
        warnings = check_seen(
            label_map, resolutions, id_pixels, allow_unmapped=options.allow_unmapped
        )
        checking = Ticker("checking", total, progress)
        content_hash = _check_file(unfinished, items, checks, workers, checking)
    return id_pixels, warnings, content_hash, kept_frames


def _useful_jobs(items: Sequence[PackItem], frames: int, options: PackOptions) -> int:
    """Return how many processes pay for their start; one where items cannot be sent to others."""
    jobs = min(options.jobs, frames // _FRAMES_WORTH_A_PROCESS)
    if jobs > 1:
        try:
            pickle.dumps(list(items))
        except (pickle.PicklingError, TypeError, AttributeError):
            return 1
    return max(1, jobs)


def _write_parts(
    workers: Workers,
    path: Path,
    parts: Sequence[Part],
    items: Sequence[PackItem],
    options: PackOptions,
    ticker: Ticker,
) -> Iterable[Part]:
    """Yield parts in order, each as soon as it is written."""
    if workers.are_processes:
        calls = [(write_part, path, part, items[part.item], options, _nothing) for part in parts]
        for part, _ in zip(parts, workers.run(calls), strict=True):
            ticker.tick(part.length)
            yield part
    else:
        for part in parts:
            write_part(path, part, items[part.item], options, ticker.tick)
            yield part


def _nothing() -> None:
    """Take the place of a ticker in another process."""


def _join(
    unfinished: Path,
    parts: Sequence[Part],
    missing: Sequence[Part],
    written: Iterable[Part],
    items: Sequence[PackItem],
    label_map: LabelMap,
    options: PackOptions,
    ticker: Ticker,
) -> tuple[list[np.ndarray], list[Checks]]:
    """Write everything but hashes; return pixels by raw id and frame checks of each sequence."""
    waiting = iter(written)
    is_missing = {part.path for part in missing}
    id_pixels = [np.zeros(256, np.int64) for _ in items]
    checks: list[dict[str, list[np.ndarray]]] = [{} for _ in items]
    # `published` holds the lock already, and HDF5 would trip over it.
    with open_quietly(unfinished, "w") as file:
        write_root(file, _root_attributes(label_map, options), [_history(label_map)])
        parent = file.create_group(SEQUENCES_GROUP)
        arrays: Mapping[str, h5py.Dataset] = {}
        for part in parts:
            if part.first == 0:
                arrays = _create_sequence(parent, items[part.item], options)
            if part.path in is_missing:
                next(waiting)
            else:
                ticker.tick(part.length)
            joined = join_part(part, arrays)
            id_pixels[part.item] += joined.id_pixels
            for name, values in joined.checks.items():
                checks[part.item].setdefault(name, []).append(values)
    return id_pixels, [{n: np.concatenate(v) for n, v in c.items()} for c in checks]


def _create_sequence(
    parent: h5py.Group, item: PackItem, options: PackOptions
) -> dict[str, h5py.Dataset]:
    """Write a sequence's attributes and rows; return its empty arrays of frames."""
    source = item.source
    group = parent.create_group(source.name)
    _write_attributes(group, item)
    _write_rows(group, "pose", source.poses)
    _write_rows(group, "timestamp_ns", source.timestamps_ns)
    if source.labelled is not None:
        _write_rows(group, "labelled", source.labelled)
    return {
        name: create_array(group, name, source.length, shape, options.codec)
        for name, shape in frame_shapes(source, options).items()
    }


def _check_file(
    unfinished: Path,
    items: Sequence[PackItem],
    checks: Sequence[Checks],
    workers: Workers,
    ticker: Ticker,
) -> str:
    """Read every frame back, hold it against its check, write the hashes."""
    names = [item.source.name for item in items]
    if workers.are_processes:
        calls = [
            (_check_sequence, unfinished, name, check, _nothing)
            for name, check in zip(names, checks, strict=True)
        ]
        digests = []
        for item, found in zip(items, workers.run(calls), strict=True):
            digests.append(found)
            ticker.tick(item.source.length)
    else:
        digests = [
            _check_sequence(unfinished, name, check, ticker.tick)
            for name, check in zip(names, checks, strict=True)
        ]
    with open_quietly(unfinished, "r+") as file:
        for name, found in zip(names, digests, strict=True):
            write_digests(file[f"{SEQUENCES_GROUP}/{name}"], found)
        return write_content_hash(file)


def _check_sequence(
    unfinished: Path, name: str, checks: Checks, tick: Callable[[], None]
) -> dict[str, str]:
    """Return the digest of each stream of one sequence, after comparing each frame."""

    def compare(stream: str, index: int, frame: np.ndarray) -> None:
        if frame_check(frame) != checks[stream][index]:
            raise DatasetError(
                f"{unfinished.stem}: {name}/{stream} reads back differently from what was written "
                f"at frame {index}, so nothing was published. Check the disk, and try again."
            )

    try:
        with open_quietly(unfinished) as file:
            return digest_sequence(file[f"{SEQUENCES_GROUP}/{name}"], tick, compare)
    except ChunkError as cause:
        raise DatasetError(
            f"{unfinished.stem}: {name} cannot be read back ({cause}), so nothing was published. "
            "Check the disk, and try again."
        ) from None


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
        "cramjam": cramjam.__version__,
        "numpy": np.__version__,
    }


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


def _write_rows(group: h5py.Group, name: str, rows: np.ndarray) -> None:
    """Write a small array whole."""
    rows = np.ascontiguousarray(rows, STREAM_BY_NAME[name].dtype)
    group.create_dataset(name, data=rows, chunks=rows.shape, **storage_options(name, "none"))
