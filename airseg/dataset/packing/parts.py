"""Parts of a dataset that is being packed: some frames each, in files that outlive a kill.

A killed HDF5 writer loses its file, so frames are encoded into small files beside the final one,
each renamed when it is whole. They can be written by several processes, and a run that was killed
finds them again. Joining them copies chunks as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from airseg.classes import IGNORE_INDEX
from airseg.dataset.format.attributes import DAMAGE
from airseg.dataset.format.chunk_codecs import write_frame
from airseg.dataset.format.publishing import check_room_for
from airseg.dataset.format.schema import FORMAT_VERSION, STREAM_BY_NAME
from airseg.dataset.packing.file_assembly import copy_frames, create_array, open_quietly
from airseg.dataset.packing.source import SequenceSource
from airseg.depth import no_distances
from airseg.errors import DatasetError
from airseg.labels.boundaries import EdgeOptions, leave_out_edges
from airseg.labels.relabel import apply_table, count_ids
from airseg.labels.resolution import Resolution
from airseg.version import __version__

Item = TypeVar("Item")
FRAMES_AHEAD = 8
READERS = 2
PART_FRAMES = 32
PARTS_SUFFIX = ".parts"
_JOB = "job.json"
_CHECKS = "checks"
_ID_PIXELS = "id_pixels"


@dataclass(frozen=True)
class PackOptions:
    """What goes into a dataset file, and how it is made.

    Attributes:
        codec: filter of the colour frames, one of `schema.CODECS`.
        keep_raw: store raw ids too, so that the file can be relabelled later.
        keep_depth: store depth where the source has it.
        overwrite: replace a file that is already there.
        allow_unmapped: ignore meshes without a class, instead of refusing them.
        edges: small regions and edge pixels to leave out; kept in the file's attributes.
        jobs: processes that encode and check; small datasets are packed by one.
        keep_instance: store the numbers of objects where the source has them.
    """

    codec: str = "lz4"
    keep_raw: bool = True
    keep_depth: bool = True
    overwrite: bool = False
    allow_unmapped: bool = False
    edges: EdgeOptions = field(default_factory=EdgeOptions)
    jobs: int = 1
    keep_instance: bool = True


@dataclass(frozen=True)
class PackItem:
    """One sequence to pack: where it comes from, its split, and the labels of its raw ids."""

    source: SequenceSource
    split: str
    resolution: Resolution


@dataclass(frozen=True)
class Part:
    """Frames `first` to `stop` - 1 of one of the items, and the file they go into."""

    item: int
    first: int
    stop: int
    path: Path

    @property
    def length(self) -> int:
        """Number of frames."""
        return self.stop - self.first


def plan_parts(folder: Path, items: Sequence[PackItem]) -> list[Part]:
    """Cut the sequences into parts, in the order in which they are joined."""
    return [
        Part(
            number,
            first,
            min(first + PART_FRAMES, item.source.length),
            folder / f"{number:05d}-{first:07d}.h5",
        )
        for number, item in enumerate(items)
        for first in range(0, item.source.length, PART_FRAMES)
    ]


def open_parts_folder(path: Path, items: Sequence[PackItem], options: PackOptions) -> Path:
    """Return the folder of a file's parts, emptied unless they are of the very same job.

    Args:
        path: the dataset file.
        items: what is packed.
        options: how.
    """
    folder = parts_folder(path)
    job = _describe_job(items, options)
    try:
        is_same = bool(job) and (folder / _JOB).read_text(encoding="utf-8") == job
    except (OSError, UnicodeDecodeError):
        is_same = False
    if not is_same:
        if folder.is_dir() and not (folder / _JOB).exists() and any(folder.iterdir()):
            raise DatasetError(
                f"{folder}: is where {path.name} is packed in parts, and holds something else. "
                "Move it away, or choose another --out."
            )
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        (folder / _JOB).write_text(job, encoding="utf-8")
    return folder


def parts_folder(path: Path) -> Path:
    """Return where the parts of a dataset file lie while it is packed."""
    return path.with_name(path.name + PARTS_SUFFIX)


def _describe_job(items: Sequence[PackItem], options: PackOptions) -> str:
    """Return a text that is the same if and only if the same frames come out; empty: unknown."""
    sequences = []
    for item in items:
        source = item.source
        pixels = getattr(source, "fingerprint", "")
        if not pixels:
            return ""
        rows = [source.poses, source.timestamps_ns, item.resolution.table]
        rows += [] if source.labelled is None else [source.labelled]
        digest = hashlib.blake2b(digest_size=16)
        for array in rows:
            digest.update(np.ascontiguousarray(array).tobytes())
        shape = (source.length, source.height, source.width)
        sequences.append([source.name, source.location, shape, pixels, digest.hexdigest()])
    how = {k: v for k, v in asdict(options).items() if k not in ("jobs", "overwrite")}
    writer = [FORMAT_VERSION, __version__, h5py.version.hdf5_version, PART_FRAMES]
    return json.dumps({"writer": writer, "options": how, "sequences": sequences}, indent=1)


def frame_shapes(source: SequenceSource, options: PackOptions) -> dict[str, tuple[int, ...]]:
    """Return the shape of one frame of each stream that is stored."""
    image = (source.height, source.width)
    shapes: dict[str, tuple[int, ...]] = {"rgb": (*image, 3), "label": image}
    if options.keep_raw:
        shapes["raw_label"] = image
    if options.keep_depth and source.has_depth:
        shapes["depth"] = image
    if options.keep_instance and getattr(source, "has_instance", False):
        shapes["instance"] = image
    return shapes


def write_part(
    out: Path, part: Part, item: PackItem, options: PackOptions, tick: Callable[[], None]
) -> None:
    """Read, relabel and encode the frames of one part.

    Args:
        out: the dataset file, for messages and for the disk's free space.
        part: which frames, and where to.
        item: their sequence.
        options: what is stored.
        tick: called after each frame.

    Raises:
        AirsegError: a frame is missing, damaged, or of another size; the disk is full.
    """
    unfinished = part.path.with_suffix(f".{os.getpid()}")
    source, shapes = item.source, frame_shapes(item.source, options)
    frame_bytes = 12 * source.height * source.width  # all streams, uncompressed
    checks = {name: np.zeros(part.length, np.uint32) for name in shapes}
    id_pixels = np.zeros(256, np.int64)
    read = partial(source.read, with_depth="depth" in shapes)
    with (
        open_quietly(unfinished, "w") as file,
        ThreadPoolExecutor(READERS, thread_name_prefix="read") as pool,
    ):
        arrays = {
            name: create_array(file, name, part.length, shape, options.codec)
            for name, shape in shapes.items()
        }
        ahead = read_ahead(read, range(part.first, part.stop), pool)
        for place, (index, frame) in enumerate(ahead):
            check_frame(source, index, "raw_label", frame.ids, (source.height, source.width))
            check_room_for(out, frame_bytes)
            is_labelled = has_labels(source, index)
            streams: dict[str, Any] = {
                "rgb": frame.rgb,
                "label": _labels(frame.ids, item, options) if is_labelled else _ignored(frame.ids),
                "raw_label": frame.ids,
                "depth": frame.depth,
                "instance": frame.instance,
            }
            for name, array in arrays.items():
                check_frame(source, index, name, streams[name], shapes[name])
                write_frame(array, place, streams[name])
                checks[name][place] = frame_check(streams[name])
            if is_labelled:
                id_pixels += count_ids(frame.ids)
            tick()
        for name, values in checks.items():
            file.create_dataset(f"{_CHECKS}/{name}", data=values)
        file.create_dataset(_ID_PIXELS, data=id_pixels)
    unfinished.replace(part.path)


def is_whole(part: Part) -> bool:
    """Return whether a part was written by an earlier run; what is damaged is removed."""
    if not part.path.is_file():
        return False
    try:
        with open_quietly(part.path) as file:
            if len(file["rgb"]) == part.length and file[_ID_PIXELS].shape == (256,):
                return True
    except DAMAGE:
        pass
    part.path.unlink(missing_ok=True)
    return False


@dataclass(frozen=True)
class Joined:
    """What a part says of its frames.

    Attributes:
        checks: by stream, (frames,) uint32 `frame_check` of each decoded frame.
        id_pixels: (256,) int64 pixels by raw id.
    """

    checks: dict[str, np.ndarray]
    id_pixels: np.ndarray


def join_part(part: Part, arrays: Mapping[str, h5py.Dataset]) -> Joined:
    """Copy a part's chunks into the arrays of its sequence.

    Raises:
        DatasetError: the part was damaged since it was written.
    """
    try:
        with open_quietly(part.path) as file:
            for name, array in arrays.items():
                copy_frames(file[name], array, range(part.length), part.first)
            checks = {name: file[f"{_CHECKS}/{name}"][...] for name in arrays}
            return Joined(checks, file[_ID_PIXELS][...])
    except (KeyError, RuntimeError, ValueError) as cause:
        raise DatasetError(
            f"{part.path}: was damaged since it was written ({cause}). Check the disk, and pack "
            "again."
        ) from None


def frame_check(frame: np.ndarray) -> int:
    """Return the CRC-32 of a decoded frame."""
    return zlib.crc32(np.ascontiguousarray(frame).data)


def read_ahead(
    read: Callable[[int], Item], indices: Sequence[int], pool: ThreadPoolExecutor
) -> Iterator[tuple[int, Item]]:
    """Yield each index with what `read` gives for it, while the next few are read beside."""
    pending: deque[tuple[int, Future[Item]]] = deque()
    try:
        for index in indices:
            pending.append((index, pool.submit(read, index)))
            if len(pending) >= FRAMES_AHEAD:
                first, future = pending.popleft()
                yield first, future.result()
        while pending:
            first, future = pending.popleft()
            yield first, future.result()
    finally:
        for _, future in pending:
            future.cancel()


def has_labels(source: SequenceSource, index: int) -> bool:
    """Return whether a frame has labels; the others are context, stored as ignored pixels."""
    return source.labelled is None or bool(source.labelled[index])


def _labels(ids: np.ndarray, item: PackItem, options: PackOptions) -> np.ndarray:
    return leave_out_edges(apply_table(ids, item.resolution.table), options.edges)


def _ignored(ids: np.ndarray) -> np.ndarray:
    return np.full_like(ids, IGNORE_INDEX)


def check_frame(
    source: SequenceSource, index: int, name: str, frame: np.ndarray, shape: tuple[int, ...]
) -> None:
    """Refuse a frame of another size or type than its sequence."""
    dtype = STREAM_BY_NAME[name].dtype
    if frame.shape != shape or frame.dtype != dtype:
        raise DatasetError(
            f"{source.location}: frame {index}: {name} should be {dtype} of shape {shape}, found "
            f"{frame.dtype} of shape {frame.shape}. Record the sequence again."
        )
    if name == "depth" and (count := no_distances(frame, is_sky_finite=True)):
        raise DatasetError(
            f"{source.location}: frame {index}: {count} pixels of depth are no numbers (NaN or "
            "infinite) or negative. Record the sequence again, or leave depth out (--no-depth)."
        )
