"""Read a dataset file: sequences, splits, frames.

The file is checked once when it is opened, then closed. Frames are read through a handle that each
process opens for itself at its first read: HDF5 handles must not cross a fork and cannot be
pickled, and a loader's worker processes do one or the other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import h5py
import hdf5plugin  # noqa: F401  # registers the LZ4 filter with HDF5
import numpy as np

from airseg.dataset.attributes import DAMAGE, PACK_AGAIN, Attributes, check_sequence_name
from airseg.dataset.chunks import ChunkError, FrameFile
from airseg.dataset.schema import (
    DIGEST_ATTRIBUTE,
    FORMAT_VERSION,
    SEQUENCES_GROUP,
    STREAMS,
)
from airseg.errors import DatasetError, did_you_mean
from airseg.labels.label_map import SPLITS

_MOST_PIXELS = 1 << 28
_LARGEST_RATIO = 1100
"""No deflated stream shrinks more than 1032 times."""


@dataclass(frozen=True)
class StoredGroup:
    """One entry of a sequence's object table: meshes that share a raw id."""

    id: int
    group: str
    meshes: tuple[str, ...]


class Dataset:
    """A dataset file.

    Attributes:
        path: the file.
        class_names: names by label.
        ignore_index: label of pixels that are left out.
        content_hash: hash of classes, splits and all decoded frames.
        label_map_text: YAML of the map that made the labels.
        sequences: names of all sequences, sorted.

    Raises:
        DatasetError: no file, no HDF5, damaged, of another version, or not of this layout.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._frames: FrameFile | None = None
        try:
            self._read_structure()
        except DAMAGE as cause:
            raise DatasetError(
                f"{self.path}: is damaged ({_first_line(cause)}). {PACK_AGAIN}"
            ) from None
        self.sequences: list[str] = list(self._views)

    def _read_structure(self) -> None:
        with _open_file(self.path) as file:
            root = Attributes(self.path, "/", file.attrs)
            _check_version(self.path, root)
            self.class_names: list[str] = root.class_names()
            self.ignore_index = root.integer("ignore_index", 0, 255)
            self.content_hash = root.word("content_hash")
            self.label_map_text = root.text("label_map")
            group = _member(file, SEQUENCES_GROUP)
            if not isinstance(group, h5py.Group) or not len(group):
                raise DatasetError(
                    f"{self.path}: has no sequences (group /{SEQUENCES_GROUP}). {PACK_AGAIN}"
                )
            self._views = {n: _read_view(self, n, _member(group, n)) for n in _names(self, group)}

    @property
    def num_classes(self) -> int:
        """How many classes there are, `ignore_index` not counted."""
        return len(self.class_names)

    def split(self, name: str) -> list[str]:
        """Return the sequences of one split, sorted; empty when it has none.

        Args:
            name: ``train``, ``val`` or ``test``.
        """
        if name not in SPLITS:
            raise DatasetError(
                f"there is no split '{name}'; expected {', '.join(SPLITS)}."
                f"{did_you_mean(name, SPLITS)}"
            )
        return [s for s, view in self._views.items() if view.split == name]

    def sequence(self, name: str) -> SequenceView:
        """Return one sequence."""
        if name not in self._views:
            hint = did_you_mean(name, self._views) or f" Sequences: {', '.join(self._views)}."
            raise DatasetError(f"{self.path}: there is no sequence '{name}'.{hint}")
        return self._views[name]

    def digests(self, sequence: str) -> dict[str, str]:
        """Return the stored digest of each stream of a sequence, where it has one."""
        self.sequence(sequence)
        with _open_file(self.path) as file:
            group = file[f"{SEQUENCES_GROUP}/{sequence}"]
            found = {}
            for stream in STREAMS:
                if stream.name in group and DIGEST_ATTRIBUTE in group[stream.name].attrs:
                    place = f"/{SEQUENCES_GROUP}/{sequence}/{stream.name}"
                    attributes = Attributes(self.path, place, group[stream.name].attrs)
                    found[stream.name] = attributes.text(DIGEST_ATTRIBUTE)
            return found

    @property
    def history(self) -> list[dict[str, Any]]:
        """What was done to make the file, oldest first; empty where the file does not say."""
        with _open_file(self.path) as file:
            if "history" not in file.attrs:
                return []
            return Attributes(self.path, "/", file.attrs).json("history", list)

    def close(self) -> None:
        """Close this process's handle; the next read opens it again."""
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
        """
        if self._frames is None or self._frames.process != os.getpid():
            self._frames = FrameFile(self.path, _open_file(self.path))
        try:
            return self._frames.read(sequence, stream, range(start, stop, step), out)
        except (OSError, KeyError, ChunkError) as cause:
            raise DatasetError(
                f"{self.path}: {sequence}: {stream} of frames {start} to {stop - 1} cannot be "
                f"read: the file is damaged, or changed since it was opened "
                f"({_first_line(cause)}). {PACK_AGAIN}"
            ) from None


@dataclass(frozen=True, repr=False)
class SequenceView:
    """One sequence of a dataset. Frames are read when asked for.

    Attributes:
        dataset: the file it belongs to.
        name: the sequence.
        split: ``train``, ``val`` or ``test``.
        environment: the world it shows.
        length: number of frames; height, width: pixels.
        has_raw_label: whether raw ids were kept; has_depth: whether depth was.
        has_unlabelled: whether some frames may be context without labels.
        content_hash: hash of its decoded frames.
    """

    dataset: Dataset
    name: str
    split: str
    environment: str
    length: int
    height: int
    width: int
    has_raw_label: bool
    has_depth: bool
    has_unlabelled: bool
    content_hash: str
    object_table_json: str
    details_json: str

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
        missing = (stream == "raw_label" and not self.has_raw_label) or (
            stream == "depth" and not self.has_depth
        )
        if missing:
            raise DatasetError(f"{self.dataset.path}: {self.name} was packed without {stream}.")
        return self.dataset.read(self.name, stream, start, stop, step, out)

    def __len__(self) -> int:
        return self.length

    def __repr__(self) -> str:
        return (
            f"SequenceView({self.name!r}, {self.split}, {self.environment!r}, {self.length} frames "
            f"of {self.width}x{self.height})"
        )


def _open_file(path: Path) -> h5py.File:
    if not path.is_file():
        nearby = [p.name for p in path.parent.glob("*.h5")] if path.parent.is_dir() else []
        raise DatasetError(f"{path}: there is no such dataset.{did_you_mean(path.name, nearby)}")
    try:
        return h5py.File(path, "r")
    except OSError as cause:
        if not os.access(path, os.R_OK):
            raise DatasetError(f"{path}: may not be read (permissions).") from None
        what = "is damaged or cut off" if h5py.is_hdf5(path) else "is no HDF5 file"
        raise DatasetError(f"{path}: {what} ({_first_line(cause)}). {PACK_AGAIN}") from None


def _member(group: h5py.Group, name: str) -> Any:
    """Return a member of a group that lies in this file, or None: links may lead anywhere."""
    try:
        is_own = isinstance(group.get(name, getlink=True), h5py.HardLink)
        return group[name] if is_own else None
    except (KeyError, OSError, RuntimeError):
        return None


def _names(dataset: Dataset, group: h5py.Group) -> list[str]:
    names = sorted(group)
    for name in names:
        check_sequence_name(name, dataset.path)
    return names


def _check_version(path: Path, root: Attributes) -> None:
    version = root.number("format_version")
    if version != FORMAT_VERSION:
        # A format to come need not tell its writer where this one does.
        writer = root.word("airseg_version") if "airseg_version" in root else "of another version"
        raise DatasetError(
            f"{path}: written in format {version} by airseg {writer}; this airseg reads format "
            f"{FORMAT_VERSION}. Install airseg {writer}, or pack the dataset again."
        )


def _read_view(dataset: Dataset, name: str, group: Any) -> SequenceView:
    """Check one sequence's arrays and attributes and return its view."""
    place = f"/{SEQUENCES_GROUP}/{name}"
    if not isinstance(group, h5py.Group):
        raise DatasetError(f"{dataset.path}: {place} should be a group. {PACK_AGAIN}")
    attributes = Attributes(dataset.path, place, group.attrs)
    split = attributes.word("split")
    if split not in SPLITS:
        raise DatasetError(
            f"{dataset.path}: {place}: split should be one of {', '.join(SPLITS)}, found '{split}'."
        )
    length, height, width = _check_arrays(dataset.path, place, group)
    return SequenceView(
        dataset=dataset,
        name=name,
        split=split,
        environment=attributes.word("environment"),
        length=length,
        height=height,
        width=width,
        has_raw_label="raw_label" in group,
        has_depth="depth" in group,
        has_unlabelled="labelled" in group,
        content_hash=attributes.word("content_hash"),
        object_table_json=json.dumps(attributes.object_table()),
        details_json=json.dumps(attributes.details()),
    )


def _check_arrays(path: Path, place: str, group: h5py.Group) -> tuple[int, int, int]:
    """Check type and shape of every array; return length, height and width."""
    rgb = _member(group, "rgb")
    # A null dataspace has no shape at all.
    shape = getattr(rgb, "shape", None) or ()
    if not isinstance(rgb, h5py.Dataset) or len(shape) != 4 or shape[3] != 3 or 0 in shape:
        found = "nothing" if rgb is None else f"shape {shape}"
        raise DatasetError(
            f"{path}: {place}/rgb should be of shape (frames, height, width, 3), found {found}. "
            f"{PACK_AGAIN}"
        )
    length, height, width = shape[:3]
    if height * width > _MOST_PIXELS:
        raise DatasetError(
            f"{path}: {place}/rgb: frames of {width}x{height} are more than airseg reads. "
            f"{PACK_AGAIN}"
        )
    frame_shapes = {3: (height, width, 3), 2: (height, width), 1: (7,), 0: ()}
    for stream in STREAMS:
        array = _member(group, stream.name)
        if stream.name not in group and not stream.required:
            continue
        expected = (length, *frame_shapes[stream.frame_dimensions])
        found = (getattr(array, "shape", None), getattr(array, "dtype", None))
        if found != (expected, stream.dtype):
            raise DatasetError(
                f"{path}: {place}/{stream.name} should be {stream.dtype} of shape {expected}, "
                f"found {'nothing' if array is None else f'{found[1]} of shape {found[0]}'}. "
                f"{PACK_AGAIN}"
            )
        _check_storage(path, f"{place}/{stream.name}", array)
    return length, height, width


def _check_storage(path: Path, place: str, array: h5py.Dataset) -> None:
    """Refuse arrays that lie elsewhere, and those that claim far more than the file holds."""
    if array.is_virtual or array.external:
        raise DatasetError(f"{path}: {place} lies in another file. {PACK_AGAIN}")
    stored = array.id.get_storage_size()
    # Frames are read one by one; what is read whole must not be larger than what is there.
    is_read_whole = array.ndim <= 2
    if is_read_whole and array.size * array.dtype.itemsize > stored * _LARGEST_RATIO:
        raise DatasetError(
            f"{path}: {place} claims {len(array)} frames, and {stored} bytes are stored. "
            f"{PACK_AGAIN}"
        )


def _first_line(cause: BaseException) -> str:
    return str(cause).strip().split("\n")[0]
