"""Read a dataset: sequences, splits, frames.

A file is checked once when it is opened, then closed. Frames are read through a handle that each
process opens for itself at its first read: HDF5 handles must not cross a fork and cannot be
pickled, and a loader's worker processes do one or the other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from airseg.dataset.format.attributes import DAMAGE, PACK_AGAIN, Attributes
from airseg.dataset.format.chunks import ChunkError, FrameFile
from airseg.dataset.format.files import Location, RemoteFile, locate, open_hdf5
from airseg.dataset.format.probe import refuse_endless
from airseg.dataset.format.schema import DIGEST_ATTRIBUTE, SEQUENCES_GROUP, STREAMS
from airseg.dataset.format.structure import (
    SequenceFacts,
    Structure,
    check_tables,
    read_structure,
)
from airseg.dataset.reading.shards import (
    MAKE_AGAIN,
    OpenFiles,
    file_of,
    index_structure,
    is_index,
    read_index,
    shard_structure,
)
from airseg.errors import DatasetError, did_you_mean, first_line, no_such
from airseg.labels.label_map import SPLITS


@dataclass(frozen=True)
class StoredGroup:
    """One entry of a sequence's object table: meshes that share a raw id."""

    id: int
    group: str
    meshes: tuple[str, ...]


class Dataset:
    """A dataset: one file, or an index of many that are read like one.

    Attributes:
        path: the file; a `RemoteFile` where it lies at a URL.
        class_names: names by label.
        ignore_index: label of pixels that are left out.
        content_hash: hash of classes, splits and all decoded frames, in however many files.
        label_map_text: YAML of the map that made the labels.
        sequences: names of all sequences, sorted.

    Args:
        path: an HDF5 file, or an index (``.json``) of some, on this machine or at a URL that
            fsspec reads; see `files`.
        check: ask another process first whether HDF5 survives the file, which takes half a second,
            and look at the tables of all arrays; a damaged one may crash this process otherwise,
            and damage to what is not read would not be told. Files at URLs are not asked about.

    Raises:
        DatasetError: no file, no HDF5, damaged, of another version, or not of this layout.
    """

    def __init__(self, path: str | Path | RemoteFile, *, check: bool = False) -> None:
        location = locate(path)
        if not is_index(location):
            local = location if check and isinstance(location, Path) else None
            if local:
                refuse_endless(local)
            self._set_up(location, read_structure(location))
            if local:
                check_tables(local)
            return
        index = read_index(location)
        open_files = OpenFiles()
        self._files = [
            Dataset._told_by_index(file_of(location, shard), shard_structure(index, shard))
            for shard in index.shards
        ]
        for file in self._files if check else ():
            if isinstance(file.path, Path):
                refuse_endless(file.path)
                check_tables(file.path)
        self._set_up(location, index_structure(index))
        for file in self._files:
            file._open_files = open_files
            self._views |= file._views

    @classmethod
    def _told_by_index(cls, location: Location, structure: Structure) -> Dataset:
        """Return one of an index's files, which is opened and compared at its first read."""
        dataset = cls.__new__(cls)
        dataset._set_up(location, structure)
        dataset._is_compared = False
        return dataset

    def _set_up(self, location: Location, structure: Structure) -> None:
        self.path = location
        self.class_names = structure.class_names
        self.ignore_index = structure.ignore_index
        self.content_hash = structure.content_hash
        self.label_map_text = structure.label_map_text
        self._structure = structure
        self._views = {
            facts.name: SequenceView(**vars(facts), dataset=self) for facts in structure.sequences
        }
        self.sequences: list[str] = list(self._views)
        self._frames: FrameFile | None = None
        self._open_files: OpenFiles | None = None
        self._is_compared = True

    @property
    def files(self) -> list[Dataset]:
        """The datasets of one file each that this one is made of: itself, if it is one."""
        return getattr(self, "_files", None) or [self]

    @property
    def num_classes(self) -> int:
        """How many classes there are, `ignore_index` not counted."""
        return len(self.class_names)

    def split(self, name: str) -> list[str]:
        """Return the sequences of one split, sorted; empty when it has none.

        Args:
            name: ``train``, ``val`` or ``test``.

        Raises:
            DatasetError: there is no such split.
        """
        if name not in SPLITS:
            raise DatasetError(no_such("split", name, SPLITS))
        return [s for s, view in self._views.items() if view.split == name]

    def needed_split(self, name: str) -> list[str]:
        """Return what `split` does, or raise a `DatasetError` where nothing is in the split."""
        if not (names := self.split(name)):
            raise DatasetError(
                f"{self.path}: no sequence is in its {name} split. Record one for it, or type: "
                f"airseg dataset split {self.path} --assign {name}=SEQUENCE --out FILE."
            )
        return names

    def sequence(self, name: str) -> SequenceView:
        """Return one sequence.

        Raises:
            DatasetError: there is none of that name; the message names the nearest.
        """
        if name not in self._views:
            hint = did_you_mean(name, self._views, "Sequences")
            raise DatasetError(f"{self.path}: there is no sequence '{name}'.{hint}")
        return self._views[name]

    def digests(self, sequence: str) -> dict[str, str]:
        """Return the stored digest of each stream of a sequence, where it has one."""
        owner = self.sequence(sequence).dataset
        with open_hdf5(owner.path) as file:
            group = file[f"{SEQUENCES_GROUP}/{sequence}"]
            found = {}
            for stream in STREAMS:
                if stream.name in group and DIGEST_ATTRIBUTE in group[stream.name].attrs:
                    place = f"/{SEQUENCES_GROUP}/{sequence}/{stream.name}"
                    attributes = Attributes(owner.path, place, group[stream.name].attrs)
                    found[stream.name] = attributes.text(DIGEST_ATTRIBUTE)
            return found

    @property
    def history(self) -> list[dict[str, Any]]:
        """What was done to make the file, oldest first; empty where the file does not say."""
        if self.files != [self]:
            return [{"operation": "index", "inputs": [{"file": f.path.name} for f in self.files]}]
        with open_hdf5(self.path) as file:
            if "history" not in file.attrs:
                return []
            return Attributes(self.path, "/", file.attrs).json("history", list)

    def close(self) -> None:
        """Close this process's handles; the next read opens them again."""
        for file in self.files:
            if file is not self:
                file.close()
        if self._frames is not None and self._frames.process == os.getpid():
            self._frames.close()
        self._frames = None

    def __len__(self) -> int:
        return sum(view.length for view in self._views.values())

    def __iter__(self) -> Iterator[SequenceView]:
        return iter(self._views.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_frames": None}

    def __repr__(self) -> str:
        shares = ", ".join(f"{s} {sum(v.length for v in self if v.split == s)}" for s in SPLITS)
        return (
            f"Dataset({str(self.path)!r}, {len(self.sequences)} sequences, {len(self)} frames: "
            f"{shares}; {self.num_classes} classes, {self.content_hash[:12]})"
        )

    def read(
        self,
        sequence: str,
        stream: str,
        start: int,
        stop: int,
        step: int,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Read frames `start`, `start + step`, ... before `stop` of one stream.

        Args:
            sequence: its name.
            stream: name of the array.
            start, stop, step: which frames; they must exist.
            out: filled and returned; a loader that keeps its arrays spares half of the time.

        Raises:
            DatasetError: the file is damaged, or was changed since it was opened.
        """
        owner = self._views[sequence].dataset
        if owner is not self:
            return owner.read(sequence, stream, start, stop, step, out)
        try:
            return self._opened().read(sequence, stream, range(start, stop, step), out)
        except (*DAMAGE, ChunkError) as cause:
            raise DatasetError(
                f"{self.path}: {sequence}: {stream} of frames {start} to {stop - 1} cannot be "
                f"read: the file is damaged, or changed since it was opened "
                f"({first_line(cause)}). {PACK_AGAIN}"
            ) from None

    def _opened(self) -> FrameFile:
        """Return this process's handle."""
        if self._open_files is not None:
            self._open_files.used(self)
        if self._frames is None or self._frames.process != os.getpid():
            self.compare_with_index()
            self._frames = FrameFile(self.path, open_hdf5(self.path))
        return self._frames

    def compare_with_index(self) -> None:
        """Compare the file with what the index says that it was opened by, once.

        Raises:
            DatasetError: it holds other sequences, or other frames of them.
        """
        if self._is_compared:
            return
        found = read_structure(self.path)
        told = self._structure
        # An index that was written before there were instances does not tell of them.
        held = [
            replace(a, has_instance=a.has_instance and b.has_instance)
            for a, b in zip(found.sequences, told.sequences, strict=False)
        ]
        if found.content_hash != told.content_hash or held != told.sequences:
            raise DatasetError(
                f"{self.path}: holds other frames than the index says (content "
                f"{found.content_hash[:12]}, expected {told.content_hash[:12]}). {MAKE_AGAIN}"
            )
        self._is_compared = True


@dataclass(frozen=True, repr=False)
class SequenceView(SequenceFacts):
    """One sequence of a dataset. Frames are read when asked for, from `start` to before `stop`.

    Reading raises `DatasetError` where there are no such frames, where a stream was not kept, and
    where the file is damaged.

    Attributes:
        dataset: the file it belongs to.
        name: the sequence.
        split: ``train``, ``val`` or ``test``.
        environment: the world it shows.
        length: number of frames; height, width: pixels.
        has_raw_label: whether raw ids were kept; has_depth: whether depth was.
        has_unlabelled: whether some frames may be context without labels.
        has_instance: whether the numbers of objects were kept.
        content_hash: hash of its decoded frames.
    """

    dataset: Dataset = field(kw_only=True)

    def rgb(
        self, start: int, stop: int, step: int = 1, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return frames: (T, H, W, 3) uint8, RGB; in `out` where it is given."""
        return self._frames("rgb", start, stop, step, out)

    def label(
        self, start: int, stop: int, step: int = 1, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return class labels: (T, H, W) uint8; in `out` where it is given."""
        return self._frames("label", start, stop, step, out)

    def raw_label(self, start: int, stop: int, step: int = 1) -> np.ndarray:
        """Return raw ids of `object_table`: (T, H, W) uint8."""
        return self._frames("raw_label", start, stop, step)

    def depth(self, start: int, stop: int, step: int = 1) -> np.ndarray:
        """Return depth: (T, H, W) float16, metres along the optical axis."""
        return self._frames("depth", start, stop, step)

    def instance(self, start: int, stop: int, step: int = 1) -> np.ndarray:
        """Return the numbers of objects: (T, H, W) uint32, 0 for none.

        The same object has the same number in all frames; which mesh it is, in flights,
        `airseg.labels.instances` says from `object_table`.
        """
        return self._frames("instance", start, stop, step)

    @cached_property
    def timestamps_ns(self) -> np.ndarray:
        """The simulator's clock at each frame: (T,) int64."""
        return self._frames("timestamp_ns", 0, self.length, 1)

    @cached_property
    def poses(self) -> np.ndarray:
        """The camera at each frame: (T, 7) float64, x y z in NED metres, then qw qx qy qz."""
        return self._frames("pose", 0, self.length, 1)

    @cached_property
    def labelled(self) -> np.ndarray:
        """Which frames have labels: (T,) bool. The others are context, all `ignore_index`."""
        if not self.has_unlabelled:
            return np.ones(self.length, bool)
        return self._frames("labelled", 0, self.length, 1).astype(bool)

    @cached_property
    def object_table(self) -> list[StoredGroup]:
        """The meshes behind each raw id."""
        return [
            StoredGroup(int(g["id"]), str(g["group"]), tuple(g["meshes"]))
            for g in json.loads(self.object_table_json)
        ]

    @cached_property
    def details(self) -> dict[str, Any]:
        """What else is known of it: those of `schema.DETAIL_ATTRIBUTES` that the file has."""
        return json.loads(self.details_json)

    @property
    def rate_hz(self) -> float | None:
        """Frames a second of simulator time, where it is known."""
        return self.details.get("rate_hz")

    def _frames(
        self, stream: str, start: int, stop: int, step: int, out: np.ndarray | None = None
    ) -> np.ndarray:
        if not 0 <= start < stop <= self.length or step < 1:
            raise DatasetError(
                f"{self.dataset.path}: {self.name} has frames 0 to {self.length - 1}; frames "
                f"{start} to {stop - 1} in steps of {step} were asked for."
            )
        if not getattr(self, f"has_{stream}", True):
            raise DatasetError(f"{self.dataset.path}: {self.name} was packed without {stream}.")
        return self.dataset.read(self.name, stream, start, stop, step, out)

    def __len__(self) -> int:
        return self.length

    def __repr__(self) -> str:
        return (
            f"SequenceView({self.name!r}, {self.split}, {self.environment!r}, {self.length} frames "
            f"of {self.width}x{self.height})"
        )


def open_dataset(path: str | Path | RemoteFile, *, check: bool = True) -> Dataset:
    """Open a dataset; see `Dataset`, which a program closes, or uses in a ``with`` block.

    Args:
        path: an HDF5 file, or an index (``.json``) of some, on this machine or at a URL.
        check: whether another process is asked first if HDF5 survives the file.

    Raises:
        DatasetError: no file, no HDF5, damaged, of another version, or not of this layout.
    """
    return Dataset(path, check=check)
