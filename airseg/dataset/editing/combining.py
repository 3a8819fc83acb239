"""Make a dataset of the sequences of others: some of them, all of several, or in other splits.

Nothing is changed in place. The new file is written beside its final name, read back, and renamed;
a kill leaves the old file or the new one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import h5py

from airseg.dataset.format.attributes import DAMAGE, PACK_AGAIN, check_sequence_name
from airseg.dataset.format.chunks import ChunkError, check_chunks
from airseg.dataset.format.files import Location
from airseg.dataset.format.publishing import (
    check_free_space,
    check_output,
    check_room_for,
    published,
)
from airseg.dataset.format.schema import (
    ATTRIBUTES_HASH,
    CODEC_ATTRIBUTE,
    CODECS,
    SEQUENCES_GROUP,
    STREAMS,
)
from airseg.dataset.packing.file_assembly import (
    attributes_hash,
    copy_frames,
    create_array,
    digest_sequence,
    open_quietly,
    plain_attributes,
    write_content_hash,
    write_digests,
    write_root,
)
from airseg.dataset.packing.ticker import Progress, Ticker
from airseg.dataset.reading import Dataset, SequenceView
from airseg.dataset.reading.shards import check_file_name
from airseg.errors import DatasetError, did_you_mean, first_line
from airseg.version import __version__

_LABEL_ATTRIBUTES = ("label_map", "label_map_name", "label_edges")


@dataclass(frozen=True)
class Taken:
    """A sequence that goes into the new file.

    Attributes:
        view: where it lies.
        name: its name in the new file.
        split: its split in the new file.
        frames: which of its frames.
    """

    view: SequenceView
    name: str
    split: str
    frames: range

    @classmethod
    def whole(cls, view: SequenceView, name: str | None = None, split: str | None = None) -> Taken:
        """Take all frames of a sequence, under its own name and split unless others are given."""
        return cls(view, name or view.name, split or view.split, range(len(view)))

    @property
    def is_whole(self) -> bool:
        """Whether all frames are taken, in their order."""
        return self.frames == range(len(self.view))


@dataclass(frozen=True)
class CombineOptions:
    """How the new file is written.

    Attributes:
        codec: filter of the colour frames; None keeps each sequence's own.
        keep_raw: keep raw ids; keep_depth: keep depth; keep_instance: keep numbers of objects.
        overwrite: replace a file that is already there.
        operation: what is done, for the file's history.
    """

    codec: str | None = None
    keep_raw: bool = True
    keep_depth: bool = True
    overwrite: bool = False
    operation: str = "subset"
    keep_instance: bool = True

    @property
    def left_out(self) -> set[str]:
        """Streams that are not copied."""
        wanted = {
            "raw_label": self.keep_raw,
            "depth": self.keep_depth,
            "instance": self.keep_instance,
        }
        return {name for name, is_wanted in wanted.items() if not is_wanted}


@dataclass(frozen=True)
class Combined:
    """What was written.

    Attributes:
        path: the file; frames: in it; stored_bytes: its size; content_hash: of its frames.
        warnings: what a person should know.
    """

    path: Path
    frames: int
    stored_bytes: int
    content_hash: str
    warnings: list[str]


def combine(
    path: Path,
    taken: Sequence[Taken],
    options: CombineOptions | None = None,
    progress: Progress | None = None,
) -> Combined:
    """Write sequences of one or several datasets into a new file.

    Args:
        path: the file to make; it may be one of those that are read.
        taken: the sequences; at least one. The first one's dataset gives classes and label map.
        options: codec, streams, overwriting.
        progress: told about every frame copied and every frame checked.

    Raises:
        DatasetError: classes differ, names collide, the disk is full, or frames read back
            differently from what their dataset says.
    """
    options = options or CombineOptions()
    _check(path, taken, options)
    check_output(path, overwrite=options.overwrite)
    for one in taken:
        one.view.dataset.compare_with_index()
    check_free_space(path, _expected_bytes(taken))
    total = sum(len(one.frames) for one in taken)
    with published(path) as unfinished:
        with open_quietly(unfinished, "w") as file:
            _write_file(file, taken, options, Ticker("copying", total, progress))
        with open_quietly(unfinished, "r+") as file:
            content_hash = _seal(path, file, taken, Ticker("checking", total, progress))
    return Combined(path, total, path.stat().st_size, content_hash, _warnings(taken))


def _check(path: Path, taken: Sequence[Taken], options: CombineOptions) -> None:
    """Refuse what cannot become one dataset."""
    check_file_name(path)
    if not taken:
        raise DatasetError(f"{path}: a dataset needs at least one sequence, found none.")
    if options.codec is not None and options.codec not in CODECS:
        raise DatasetError(
            f"codec '{options.codec}': expected one of {', '.join(CODECS)}."
            f"{did_you_mean(options.codec, CODECS)}"
        )
    first = taken[0].view.dataset
    places: dict[str, Location] = {}
    for one in taken:
        other = one.view.dataset
        if other.class_names != first.class_names or other.ignore_index != first.ignore_index:
            raise DatasetError(
                f"{other.path}: its classes ({', '.join(other.class_names)}) are not those of "
                f"{first.path} ({', '.join(first.class_names)}). Relabel one of them with the "
                "other's label map."
            )
        check_sequence_name(one.name, path)
        if one.name in places:
            raise DatasetError(
                f"sequence {one.name} is in {places[one.name]} and in {other.path}. Names must "
                "differ within a dataset: --prefix puts the file's name before each."
            )
        places[one.name] = other.path


def _expected_bytes(taken: Sequence[Taken]) -> int:
    """Return about how much disk the frames take: their share of the files they come from."""
    return sum(
        one.view.dataset.path.stat().st_size * len(one.frames) // max(1, len(one.view.dataset))
        for one in taken
    )


def _write_file(
    file: h5py.File,
    taken: Sequence[Taken],
    options: CombineOptions,
    ticker: Ticker,
) -> None:
    datasets = {one.view.dataset.path: one.view.dataset for one in taken}
    with h5py.File(taken[0].view.dataset.path, "r") as source:
        write_root(file, plain_attributes(source), _history(datasets, options))
    parent = file.create_group(SEQUENCES_GROUP)
    # One at a time: an index may name more files than a process may have open.
    for path, neighbours in groupby(taken, key=lambda one: one.view.dataset.path):
        with h5py.File(path, "r") as source:
            for one in neighbours:
                with _damage_told(path, one.view.name):
                    _write_sequence(parent.create_group(one.name), one, source, options, ticker)


@contextmanager
def _damage_told(path: Location, sequence: str) -> Iterator[None]:
    """Turn what a damaged input raises into one line; a full disk is for others to tell."""
    try:
        yield
    except (ChunkError, *DAMAGE) as cause:
        if isinstance(cause, OSError) and (cause.errno or "write" in str(cause)):
            raise
        raise DatasetError(
            f"{path}: {sequence}: is damaged ({ascii(first_line(cause))[1:-1]}). 'airseg verify' "
            f"tells more. {PACK_AGAIN}"
        ) from None


def _history(datasets: Mapping[Location, Dataset], options: CombineOptions) -> list[dict[str, Any]]:
    """Return what the inputs say of how they were made, and what is done now."""
    histories = [dataset.history for dataset in datasets.values()]
    step: dict[str, Any] = {
        "operation": options.operation,
        "airseg_version": __version__,
        "inputs": [
            {"file": d.path.name, "content_hash": d.content_hash, "history": history}
            for d, history in zip(datasets.values(), histories, strict=True)
        ],
    }
    if len(histories) == 1:  # one line of descent reads best as one list
        step["inputs"] = [{k: v for k, v in i.items() if k != "history"} for i in step["inputs"]]
        return [*histories[0], step]
    return [step]


def _write_sequence(
    group: h5py.Group,
    one: Taken,
    source: h5py.File,
    options: CombineOptions,
    ticker: Ticker,
) -> None:
    origin = source[f"{SEQUENCES_GROUP}/{one.view.name}"]
    if origin.attrs.get(ATTRIBUTES_HASH, attributes_hash(origin)) != attributes_hash(origin):
        raise ValueError("its attributes are not those that were written")
    for name, value in (_label_attributes(source, group.file) | plain_attributes(origin)).items():
        group.attrs[name] = value
    group.attrs["split"] = one.split
    _thin_out(group, one.frames.step)
    images = []
    for stream in STREAMS:
        if stream.name not in origin or stream.name in options.left_out:
            continue
        array = origin[stream.name]
        check_chunks(array)
        codec = options.codec or str(origin["rgb"].attrs.get(CODEC_ATTRIBUTE, "lz4"))
        target = create_array(group, stream.name, len(one.frames), array.shape[1:], codec)
        if stream.frame_dimensions >= 2:
            images.append((array, target))
        else:
            target[...] = array[one.frames.start : one.frames.stop : one.frames.step]
    path = Path(group.file.filename)
    frame_bytes = 12 * one.view.height * one.view.width  # all streams, uncompressed
    for position, frame in enumerate(one.frames):
        check_room_for(path, frame_bytes)
        for array, target in images:
            copy_frames(array, target, [frame], position)
        ticker.tick()


def _thin_out(group: h5py.Group, step: int) -> None:
    """Say that every so many frames were taken."""
    if step == 1:
        return
    if "rate_hz" in group.attrs:
        group.attrs["rate_hz"] = float(group.attrs["rate_hz"]) / step
    recorded = json.loads(group.attrs.get("recording", "{}"))
    if isinstance(recorded.get("largest_step_error_ns"), int):
        recorded["largest_step_error_ns"] *= step
        group.attrs["recording"] = json.dumps(recorded)


def _label_attributes(source: h5py.File, target: h5py.File) -> dict[str, Any]:
    """Return what made the labels of a file, where the new file says something else."""
    return {
        name: source.attrs[name]
        for name in _LABEL_ATTRIBUTES
        if name in source.attrs and source.attrs[name] != target.attrs.get(name)
    }


def _seal(path: Path, file: h5py.File, taken: Sequence[Taken], ticker: Ticker) -> str:
    """Read every frame back, compare with the inputs' hashes, write the new ones."""
    for one in taken:
        group = file[f"{SEQUENCES_GROUP}/{one.name}"]
        with _damage_told(one.view.dataset.path, one.view.name):
            digests = digest_sequence(group, ticker.tick)
        if one.is_whole:
            stored = one.view.dataset.digests(one.view.name)
            for name, digest in digests.items():
                if stored.get(name, digest) != digest:
                    raise DatasetError(
                        f"{path}: {one.name}/{name} reads back differently from what "
                        f"{one.view.dataset.path} says it holds, so nothing was published. "
                        f"'airseg verify {one.view.dataset.path}' tells whether that file is sound."
                    )
        write_digests(group, digests)
    return write_content_hash(file)


def _warnings(taken: Sequence[Taken]) -> list[str]:
    """Return a warning for each pair of sequences that hold the same frames."""
    seen: dict[str, Taken] = {}
    warnings = []
    for one in taken:
        first = seen.setdefault(one.view.content_hash, one) if one.is_whole else one
        if first is not one:
            leak = "" if first.split == one.split else f"; {first.split} leaks into {one.split}"
            warnings.append(f"{first.name} and {one.name} hold the same frames{leak}")
    return warnings
