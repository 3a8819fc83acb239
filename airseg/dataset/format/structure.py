"""What a dataset file says of itself, checked: classes, label map, and each sequence's arrays.

A file comes from anybody: links that lead elsewhere, arrays of other shapes, and claims of more
frames than the file has bytes for are told in one line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from airseg.dataset.format.attributes import DAMAGE, PACK_AGAIN, Attributes, check_sequence_name
from airseg.dataset.format.chunks import ChunkError, check_chunks
from airseg.dataset.format.files import Location, open_hdf5
from airseg.dataset.format.schema import FORMAT_VERSION, SEQUENCES_GROUP, STREAMS, STREAMS_ATTRIBUTE
from airseg.errors import DatasetError, first_line
from airseg.labels.label_map import SPLITS

_MOST_PIXELS = 1 << 26
_DEEPEST = 8
_LARGEST_RATIO = 1100
"""No deflated stream shrinks more than 1032 times."""


@dataclass(frozen=True)
class SequenceFacts:
    """What is known of a sequence without reading frames; see `reader.SequenceView`."""

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
    has_instance: bool = False


@dataclass(frozen=True)
class Structure:
    """What a dataset says of itself; see `reader.Dataset`."""

    class_names: list[str]
    ignore_index: int
    content_hash: str
    label_map_text: str
    sequences: list[SequenceFacts]


def read_structure(location: Location) -> Structure:
    """Open a file, check it, and return what it says of itself.

    Raises:
        DatasetError: no file, no HDF5, damaged, of another version, or not of this layout.
    """
    try:
        with open_hdf5(location) as file:
            root = Attributes(location, "/", file.attrs)
            _check_version(location, root)
            group = member(file, SEQUENCES_GROUP)
            if not isinstance(group, h5py.Group) or not len(group):
                raise DatasetError(
                    f"{location}: has no sequences (group /{SEQUENCES_GROUP}). {PACK_AGAIN}"
                )
            return Structure(
                class_names=root.class_names(),
                ignore_index=root.integer("ignore_index", 0, 255),
                content_hash=root.word("content_hash"),
                label_map_text=root.text("label_map"),
                sequences=[
                    _read_sequence(location, name, member(group, name))
                    for name in _names(location, group)
                ],
            )
    except DAMAGE as cause:
        raise DatasetError(f"{location}: is damaged ({first_line(cause)}). {PACK_AGAIN}") from None


def check_tables(path: Path) -> None:
    """Refuse a file in which any array's table of chunks is damaged, whether it is read or not.

    Raises:
        DatasetError: names the array.
    """

    try:
        with open_hdf5(path) as file:
            for array in _arrays_in(file, path):
                try:
                    check_chunks(array)
                except ChunkError as cause:
                    raise DatasetError(
                        f"{path}: {array.name} is damaged: {cause}. {PACK_AGAIN}"
                    ) from None
    except DAMAGE as cause:
        raise DatasetError(f"{path}: is damaged ({first_line(cause)}). {PACK_AGAIN}") from None


def _arrays_in(file: h5py.File, path: Path) -> Iterator[h5py.Dataset]:
    """Yield every array of a file once, though groups may contain each other.

    Raises:
        DatasetError: groups lie deeper in groups than in any dataset.
    """
    seen: set[int] = set()
    groups = [(file["/"], 0)]
    while groups:
        group, depth = groups.pop()
        if depth > _DEEPEST:
            raise DatasetError(f"{path}: has groups {depth} deep in groups. {PACK_AGAIN}")
        for name in group:
            item = member(group, name)
            place = h5py.h5o.get_info(item.id).addr if item is not None else -1
            if item is None or place in seen:
                continue
            seen.add(place)
            if isinstance(item, h5py.Dataset):
                yield item
            elif isinstance(item, h5py.Group):
                groups.append((item, depth + 1))


def member(group: h5py.Group, name: str) -> Any:
    """Return a member of a group that lies in this file, or None: links may lead anywhere."""
    try:
        is_own = isinstance(group.get(name, getlink=True), h5py.HardLink)
        return group[name] if is_own else None
    except (KeyError, OSError, RuntimeError):
        return None


def _names(location: Location, group: h5py.Group) -> list[str]:
    names = sorted(group)
    for name in names:
        check_sequence_name(name, location)
    return names


def _check_version(path: Location, root: Attributes) -> None:
    version = root.number("format_version")
    if version != FORMAT_VERSION:
        # A format to come need not tell its writer where this one does.
        writer = root.word("airseg_version") if "airseg_version" in root else "of another version"
        raise DatasetError(
            f"{path}: written in format {version} by airseg {writer}; this airseg reads format "
            f"{FORMAT_VERSION}. Install airseg {writer}, or pack the dataset again."
        )


def _read_sequence(location: Location, name: str, group: Any) -> SequenceFacts:
    """Check one sequence's arrays and attributes and return what they say."""
    place = f"/{SEQUENCES_GROUP}/{name}"
    if not isinstance(group, h5py.Group):
        raise DatasetError(f"{location}: {place} should be a group. {PACK_AGAIN}")
    attributes = Attributes(location, place, group.attrs)
    split = attributes.word("split")
    if split not in SPLITS:
        raise DatasetError(
            f"{location}: {place}: split should be one of {', '.join(SPLITS)}, found '{split}'."
        )
    length, height, width = _check_arrays(location, place, group)
    _check_streams(location, place, group, attributes)
    return SequenceFacts(
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
        has_instance="instance" in group,
    )


def _check_streams(
    location: Location, place: str, group: h5py.Group, attributes: Attributes
) -> None:
    """Refuse a sequence that has other arrays than it says; older files do not say."""
    if STREAMS_ATTRIBUTE not in attributes:
        return
    told = attributes.json(STREAMS_ATTRIBUTE, list)
    known = {stream.name for stream in STREAMS if stream.listed}
    held = sorted(name for name in group if name in known)
    if held != told:
        shown = ", ".join(str(name)[:40] for name in told[:8])
        raise DatasetError(
            f"{location}: {place} should hold {ascii(shown)[1:-1]}, found {', '.join(held)}. "
            f"{PACK_AGAIN}"
        )


def _check_arrays(path: Location, place: str, group: h5py.Group) -> tuple[int, int, int]:
    """Check type and shape of every array; return length, height and width."""
    rgb = member(group, "rgb")
    # A null dataspace has no shape at all.
    shape: tuple[int, ...] = getattr(rgb, "shape", None) or ()
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
        array = member(group, stream.name)
        if stream.name not in group and not stream.required:
            continue
        expected = (length, *frame_shapes[stream.frame_dimensions])
        stored = (getattr(array, "shape", None), getattr(array, "dtype", None))
        if stored != (expected, stream.dtype):
            raise DatasetError(
                f"{path}: {place}/{stream.name} should be {stream.dtype} of shape {expected}, "
                f"found {'nothing' if array is None else f'{stored[1]} of shape {stored[0]}'}. "
                f"{PACK_AGAIN}"
            )
        _check_storage(path, f"{place}/{stream.name}", array)
    return length, height, width


def _check_storage(path: Location, place: str, array: h5py.Dataset) -> None:
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
