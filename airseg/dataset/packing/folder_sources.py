"""Sequences that lie as image files in other people's folders: what a dataset is packed from.

`airseg.dataset.packing.folder_layouts` and `airseg.dataset.importing` know the layouts. They differ
only in where the files of a frame lie, so one class reads them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from airseg.dataset.format.label_images import (
    color_table,
    decode_colors,
    image_size,
    pack_colors,
    read_color,
    read_depth,
    read_labels,
)
from airseg.dataset.packing.label_palettes import Color, look_at_headers
from airseg.dataset.packing.source import RawFrame
from airseg.errors import DatasetError
from airseg.labels.document import hex_color

_MOST_COLORS = 255
_STORED_BYTES_PER_PIXEL = 2


class Picture(Protocol):
    """A frame that lies in no file of its own, such as one of a film; its text names it."""

    @property
    def path(self) -> Path:
        """The file it is part of."""

    def read(self) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class FrameFiles:
    """Where one frame lies; without labels it is context for its neighbours."""

    rgb: Path | Picture
    labels: Path | None
    depth: Path | None = None
    instances: Path | None = None


@dataclass(frozen=True)
class NamedId:
    """One entry of an object table."""

    id: int
    group: str
    meshes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelPalette:
    """What the colours of label images mean.

    Attributes:
        colors: RGB by id.
        objects: names by id, where they are known.
    """

    colors: Mapping[int, tuple[int, int, int]]
    objects: tuple[NamedId, ...] = ()


@dataclass(frozen=True)
class FolderFacts:
    """What a layout knows of a sequence beside its files.

    Attributes:
        name, location, environment: see `SequenceSource`.
        poses: (T, 7) float64, or None where they are not known.
        timestamps_ns: (T,) int64, or None.
        rate_hz: for time stamps, where there are none.
        details: see `SequenceSource`.
        warnings: what a person should know.
        split: its own split, or None.
        objects: what the ids of label images mean, where the dataset says so.
        label_reader: of label images that are neither ids nor colours: (H, W) uint8 ids of a file.
        depth_reader: of depth images: (H, W) float16 metres of a file.
        instance_reader: of images of objects: (H, W) uint32 numbers of a file.
    """

    name: str
    location: str
    environment: str
    poses: np.ndarray | None = None
    timestamps_ns: np.ndarray | None = None
    rate_hz: float = 25.0
    details: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    split: str | None = None
    objects: tuple[NamedId, ...] = ()
    label_reader: Callable[[Path], np.ndarray] | None = None
    depth_reader: Callable[[Path], np.ndarray] = read_depth
    instance_reader: Callable[[Path], np.ndarray] | None = None


class FolderSource:
    """A sequence of image files; see `SequenceSource`.

    Attributes:
        id_colors: in which its palette PNGs show ids; empty where they have no palette.

    Raises:
        DatasetError: there are no frames.
    """

    def __init__(
        self, facts: FolderFacts, frames: Sequence[FrameFiles], palette: LabelPalette | None
    ) -> None:
        if not frames:
            raise DatasetError(f"{facts.location}: sequence {facts.name} has no frames.")
        self._frames, self._palette = list(frames), palette
        self.name, self.location, self.environment = facts.name, facts.location, facts.environment
        self.split = facts.split
        self.length = len(self._frames)
        self._objects = facts.objects
        self._label_reader, self._depth_reader = facts.label_reader, facts.depth_reader
        self._instance_reader = facts.instance_reader
        labelled = [frame for frame in self._frames if frame.labels is not None]
        # The size is that of the labels' picture: context may come from another file.
        self.height, self.width = _size_of((labelled or self._frames)[0].rgb)
        with_depth = sum(frame.depth is not None for frame in self._frames)
        self.has_depth = with_depth == self.length
        numbered = sum(frame.instances is not None for frame in labelled)
        self.has_instance = 0 < numbered == len(labelled) and facts.instance_reader is not None
        self.details = facts.details
        warnings = list(facts.warnings)
        if 0 < numbered < len(labelled):
            lacking = len(labelled) - numbered
            warnings.append(f"{lacking} frames with labels have no objects, so none are packed")
        if 0 < with_depth < self.length:
            lacking = self.length - with_depth
            warnings.append(f"{lacking} of {self.length} frames have no depth, so none is packed")
        self.id_colors: dict[int, Color] = {}
        if palette is None and facts.label_reader is None:
            told, self.id_colors = look_at_headers([f.labels for f in labelled if f.labels])
            warnings += told
        self.warnings = [f"{facts.name}: {warning}" for warning in warnings]
        self.labelled: np.ndarray | None = None
        if len(labelled) < self.length:
            self.labelled = np.array([frame.labels is not None for frame in self._frames])
        unknown = np.full((self.length, 7), np.nan)
        self.poses = unknown if facts.poses is None else facts.poses
        if facts.timestamps_ns is None:
            step_ns = round(1e9 / facts.rate_hz)
            self.timestamps_ns = np.arange(self.length, dtype=np.int64) * step_ns
            self.warnings.append(
                f"{facts.name}: has no time stamps; they are taken to be {facts.rate_hz:g} Hz"
            )
        else:
            self.timestamps_ns = facts.timestamps_ns
        self.stored_bytes = self.length * self.height * self.width * _STORED_BYTES_PER_PIXEL

    @cached_property
    def object_table(self) -> Sequence[NamedId]:
        """Names by id; colours stand for names where nobody says what they mean."""
        if not self._has_colors:
            return self._objects
        if self._palette:
            return self._palette.objects
        return [NamedId(n, hex_color(*rgb)) for n, rgb in self._own_colors.items()]

    @cached_property
    def fingerprint(self) -> str:
        """Changes when a file does, by size and time of each, or what its colours mean."""
        digest = hashlib.blake2b(digest_size=16)
        if self._palette:
            digest.update(f"{sorted(self._palette.colors.items())}\n".encode())
        for reader in (self._label_reader, self._depth_reader, self._instance_reader):
            digest.update(f"{getattr(reader, '__name__', '')}\n".encode())
        for frame in self._frames:
            for source in (frame.rgb, frame.labels, frame.depth, frame.instances):
                path = source if source is None or isinstance(source, Path) else source.path
                if path is not None and path.is_file():
                    found = path.stat()
                    told = f"{source} {found.st_size} {found.st_mtime_ns}\n"
                    digest.update(told.encode(errors="surrogateescape"))  # names may be no text
        return digest.hexdigest()

    def read_ids(self, index: int) -> np.ndarray:
        """Return the raw ids of one frame: (H, W) uint8."""
        path = self._frames[index].labels
        if path is None:
            return np.zeros((self.height, self.width), np.uint8)
        labels = self._read_labels(path)
        is_color = labels.ndim == 3
        if is_color and not self._has_colors and not labels.any():
            return np.ascontiguousarray(labels[..., 0])  # black is id 0, too
        if is_color != self._has_colors:
            found, expected = ("colours", "ids") if is_color else ("ids", "colours")
            raise DatasetError(
                f"{path}: holds {found}, while the first label image of {self.name} holds "
                f"{expected}. Do not mix the two in one sequence."
            )
        return decode_colors(labels, self._table, path) if is_color else labels

    def read(self, index: int, *, with_depth: bool) -> RawFrame:
        """Return everything of one frame."""
        files = self._frames[index]
        if isinstance(files.rgb, Path):
            self._check_size(files.rgb, image_size(files.rgb))
            rgb = read_color(files.rgb)
        else:
            rgb = files.rgb.read()
        self._check_size(files.rgb, rgb.shape[:2])
        depth = None
        if with_depth and files.depth:
            self._check_size(files.depth, image_size(files.depth))
            depth = self._depth_reader(files.depth)
            self._check_size(files.depth, depth.shape)
        instance = self._read_instance(files.instances) if self.has_instance else None
        return RawFrame(rgb, self.read_ids(index), depth, instance)

    def _read_instance(self, path: Path | None) -> np.ndarray:
        """Return the numbers of objects of one frame; 0 everywhere where it is context."""
        if path is None or self._instance_reader is None:
            return np.zeros((self.height, self.width), np.uint32)
        self._check_label_size(path, image_size(path))
        numbers = self._instance_reader(path)
        self._check_label_size(path, numbers.shape)
        return numbers

    @cached_property
    def _has_colors(self) -> bool:
        is_color = False
        for files in self._frames:
            if files.labels is not None:
                labels = self._read_labels(files.labels)
                is_color = labels.ndim == 3
                if not is_color or labels.any():  # black may be a colour or id 0
                    break
        return is_color

    def _read_labels(self, path: Path) -> np.ndarray:
        """Return ids or colours; where a palette says what colours mean, labels are colours."""
        self._check_label_size(path, image_size(path))
        if self._label_reader:
            labels = self._label_reader(path)
        else:
            labels = read_labels(path, as_colors=self._palette is not None)
            if self._palette and labels.ndim == 2 and path.suffix.lower() != ".npy":
                labels = _colors_of_greys(labels, self._palette, path)
        self._check_label_size(path, labels.shape[:2])
        return labels

    def _check_label_size(self, path: Path, size: tuple[int, ...] | None) -> None:
        """Refuse a size, of a header before anything is decoded, or of what was decoded."""
        if size is not None and size != (self.height, self.width):
            raise DatasetError(
                f"{path}: labels are {size[1]}x{size[0]}, but the frames of {self.name} are "
                f"{self.width}x{self.height}. Labels must not be resized."
            )

    def _check_size(self, picture: Path | Picture, size: tuple[int, ...] | None) -> None:
        if size is not None and size != (self.height, self.width):
            raise DatasetError(
                f"{picture}: is {size[1]}x{size[0]}, but the first frame of {self.name} is "
                f"{self.width}x{self.height}. Frames of a sequence share one size."
            )

    @cached_property
    def _table(self) -> np.ndarray:
        return color_table(self._palette.colors if self._palette else self._own_colors)

    @cached_property
    def _own_colors(self) -> dict[int, tuple[int, int, int]]:
        """Number all colours of the sequence, from 1, in the order of their values."""
        seen: set[int] = set()
        for files in self._frames:
            if files.labels is None:
                continue
            seen.update(np.unique(pack_colors(self._read_labels(files.labels))).tolist())
            if len(seen) > _MOST_COLORS:
                raise DatasetError(
                    f"{files.labels}: {self.name} has more than {_MOST_COLORS} label colours by "
                    "here. These are photographs, smoothed or lossy labels, or instances."
                )
        return {n: (c >> 16, (c >> 8) & 255, c & 255) for n, c in enumerate(sorted(seen), 1)}


def _colors_of_greys(greys: np.ndarray, palette: LabelPalette, path: Path) -> np.ndarray:
    """Return a grey image as the colours it shows, where these are the palette's; else as ids.

    A tool such as optipng stores colours that all happen to be grey as a grey image.

    Raises:
        DatasetError: it may be either, with other labels.
    """
    ids = {color: number for number, color in palette.colors.items()}
    used = np.unique(greys).tolist()
    meant = [ids.get((grey, grey, grey)) for grey in used]
    if meant == used or None in meant:
        return greys
    if all(grey in palette.colors for grey in used):
        grey = next(g for g, id_ in zip(used, meant, strict=True) if g != id_)
        raise DatasetError(
            f"{path}: is a grey image, in which {grey} may be id {grey} or the colour of id "
            f"{ids[grey, grey, grey]}. Save it as 8-bit RGB, or as ids in a NumPy file."
        )
    return np.repeat(greys[..., None], 3, axis=2)


def _size_of(rgb: Path | Picture) -> tuple[int, int]:
    """Return height and width, of a file from its first bytes alone."""
    if isinstance(rgb, Path):
        return image_size(rgb) or read_color(rgb).shape[:2]  # which says what is wrong with it
    return rgb.read().shape[:2]
