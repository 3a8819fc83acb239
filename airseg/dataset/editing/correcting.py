"""Put labels that people corrected in CVAT into a dataset.

What comes back are classes, not raw ids; so the corrected dataset's raw ids are its classes, under
a label map that says just that. Numbers of objects are left out: they belong to other classes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from airseg import yaml_schema
from airseg.classes import IGNORE_INDEX
from airseg.dataset.exporting.cvat import BACKGROUND, CLASS_FOLDER, LABELMAP
from airseg.dataset.format.label_images import image_size, pack_colors, read_color, read_labels
from airseg.dataset.packing.frame_names import last_number, visible_files
from airseg.dataset.packing.source import RawFrame
from airseg.dataset.reading.reader import Dataset, SequenceView, StoredGroup
from airseg.errors import DatasetError, did_you_mean
from airseg.labels.label_map import LabelMap, parse_label_map
from airseg.labels.resolution import MeshGroup
from airseg.text_files import read_text

_NO_CLASS = 0  # raw id of what no class has; a class's raw id is its label plus one


@dataclass(frozen=True)
class Correction:
    """What people did to one sequence.

    Attributes:
        frames: how many corrected frames there are; newly_labelled: those without labels before.
        changed_pixels: whose label differs now, of all frames.
    """

    frames: int
    newly_labelled: int
    changed_pixels: int


@dataclass(frozen=True)
class _Masks:
    """Corrected masks of one sequence: files by frame number, and labels by what they hold.

    Attributes:
        by_color: label of each packed RGB; by_index: of each grey value, the label map's lines.
    """

    files: dict[int, Path]
    by_color: dict[int, int]
    by_index: tuple[int, ...]

    def read(self, index: int, view: SequenceView) -> np.ndarray:
        """Return a frame's labels: (H, W) uint8.

        Raises:
            DatasetError: no picture, of another size, or with a colour that no label has.
        """
        path = self.files[index]
        size = image_size(path)
        if size is not None and size != (view.height, view.width):
            raise DatasetError(
                f"{path}: is {size[1]}x{size[0]}, the frames are {view.width}x{view.height}. "
                "Export the masks of the task that was made of these frames."
            )
        if _is_grey(path):
            values, known = read_labels(path).astype(np.int32), dict(enumerate(self.by_index))
        else:
            values, known = pack_colors(read_color(path)), self.by_color
        found, inverse = np.unique(values, return_inverse=True)
        unknown = [int(v) for v in found if int(v) not in known]
        if unknown:
            strange = _named(unknown[0], is_number=_is_grey(path))
            y, x = np.argwhere(values == unknown[0])[0]
            raise DatasetError(
                f"{path}: column {x}, row {y} has {strange}, which no line of "
                f"{LABELMAP} has. Export it from CVAT as Segmentation mask 1.1."
            )
        labels = np.array([known[int(v)] for v in found], np.uint8)
        return labels[inverse].reshape(values.shape)


class _CorrectedSource:
    """A sequence of a dataset with some of its labels replaced; see `source.SequenceSource`."""

    def __init__(self, view: SequenceView, masks: _Masks | None, groups: list[StoredGroup]) -> None:
        self._view, self._masks = view, masks
        self.name = view.name
        self.location = f"{view.dataset.path}: {view.name}"
        self.split: str | None = view.split
        self.environment = view.environment
        self.length, self.height, self.width = view.length, view.height, view.width
        self.has_depth = view.has_depth
        self.object_table: Sequence[MeshGroup] = groups
        self.details = view.details
        self.poses, self.timestamps_ns = view.poses, view.timestamps_ns
        labelled = view.labelled.copy()
        labelled[list(masks.files) if masks else []] = True
        self.labelled: np.ndarray | None = None if labelled.all() else labelled
        self.stored_bytes = 2 * view.length * view.height * view.width
        self.warnings: list[str] = []
        if view.has_instance:
            self.warnings.append(
                f"{view.name}: its numbers of objects are left out, which corrected labels may "
                "contradict"
            )
        digest = hashlib.blake2b(view.content_hash.encode(), digest_size=16)
        for index, path in sorted(masks.files.items()) if masks else ():
            digest.update(f"{index} ".encode() + path.read_bytes())
        self.fingerprint = digest.hexdigest()

    def read_ids(self, index: int) -> np.ndarray:
        """Return the raw ids of one frame: (H, W) uint8."""
        if self._masks is not None and index in self._masks.files:
            labels = self._masks.read(index, self._view)
        else:
            labels = self._view.label(index, index + 1)[0]
        return np.where(labels == IGNORE_INDEX, _NO_CLASS, labels + np.uint8(1)).astype(np.uint8)

    def read(self, index: int, *, with_depth: bool) -> RawFrame:
        """Return everything of one frame."""
        depth = self._view.depth(index, index + 1)[0] if with_depth else None
        return RawFrame(self._view.rgb(index, index + 1)[0], self.read_ids(index), depth)


def corrected_sources(
    dataset: Dataset, folder: Path
) -> tuple[list[_CorrectedSource], LabelMap, dict[str, Correction]]:
    """Return every sequence of a dataset with what people corrected, and the map for them.

    Args:
        dataset: what was exported to CVAT.
        folder: with a folder a sequence (or a split, with those in it): what CVAT exported of its
            task, unpacked: ``labelmap.txt`` and ``SegmentationClass/frame_000000.png``.

    Raises:
        DatasetError: there is no such sequence, frame, class or colour.
    """
    old = parse_label_map(dataset.label_map_text, f"{dataset.path}: label_map")
    places = _places(folder, dataset)
    groups = [StoredGroup(n + 1, c, (c,)) for n, c in enumerate(dataset.class_names)]
    sources, told = [], {}
    for view in dataset:
        masks = _open_masks(places[view.name], view, old) if view.name in places else None
        sources.append(_CorrectedSource(view, masks, groups))
        if masks is not None:
            told[view.name] = _compare(view, masks)
    return sources, _map_of_classes(old), told


def _places(folder: Path, dataset: Dataset) -> dict[str, Path]:
    """Return the folders with masks by sequence."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: there is no such folder. Unpack what CVAT exported into it.")
    found = sorted(p.parent for n in ("*", "*/*") for p in folder.glob(f"{n}/{LABELMAP}"))
    if not found:
        raise DatasetError(
            f"{folder}: expected a folder a sequence with {LABELMAP} and {CLASS_FOLDER}; found "
            "none. Unpack what CVAT exported of each task into a folder named after its sequence."
        )
    for place in found:
        if place.name not in dataset.sequences:
            raise DatasetError(
                f"{place}: {place.name} is no sequence of {dataset.path.name}."
                f"{did_you_mean(place.name, dataset.sequences)}"
            )
    places = {place.name: place for place in found}
    if lost := [place for place in found if places[place.name] != place]:
        raise DatasetError(
            f"{lost[0]}: {places[lost[0].name]} is of the same sequence. Keep one of them."
        )
    return places


def _open_masks(place: Path, view: SequenceView, label_map: LabelMap) -> _Masks:
    by_color, by_index = _read_labelmap(place / LABELMAP, label_map)
    files: dict[int, Path] = {}
    images = (p for p in (place / CLASS_FOLDER).glob("*") if p.suffix.lower() == ".png")
    for path in visible_files(images):
        match = last_number(path.stem)
        number = int(match[1]) if match else -1
        if not 0 <= number < view.length:
            raise DatasetError(
                f"{path}: there is no such frame; {view.name} has frames 0 to {view.length - 1}, "
                "whose masks are frame_000000.png and so on."
            )
        if number in files:
            raise DatasetError(
                f"{path}: {files[number].name} lies beside it, and both are frame {number}. Keep "
                "one of them."
            )
        files[number] = path
    if not files:
        raise DatasetError(
            f"{place / CLASS_FOLDER}: has no masks such as frame_000000.png. Export the task from "
            "CVAT as Segmentation mask 1.1, and unpack all of it."
        )
    masks = _Masks(files, by_color, by_index)
    # CVAT writes a black mask for a frame that nobody labelled, too.
    empty = [
        index
        for index in files
        if not view.labelled[index] and (masks.read(index, view) == IGNORE_INDEX).all()
    ]
    return _Masks({n: p for n, p in files.items() if n not in empty}, by_color, by_index)


def _read_labelmap(path: Path, label_map: LabelMap) -> tuple[dict[int, int], tuple[int, ...]]:
    """Return the labels of colours, and of line numbers."""
    text = read_text(path, DatasetError)
    labels = {name: label for label, name in enumerate(label_map.class_names)}
    labels[BACKGROUND] = IGNORE_INDEX
    by_color: dict[int, int] = {}
    by_index: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(.+?):(\d{1,3}),(\d{1,3}),(\d{1,3}):[^:]*:[^:]*", line.strip())
        if match is None:
            raise DatasetError(f"{path}:{number}: expected name:R,G,B:parts:actions.")
        name = match[1]
        if name not in labels:
            raise DatasetError(
                f"{path}:{number}: '{name}' is no class of the dataset."
                f"{did_you_mean(name, labels)} Rename it in CVAT's project."
            )
        red, green, blue = (int(v) for v in match.groups()[1:])
        color = red << 16 | green << 8 | blue
        fault = ""
        if max(red, green, blue) > 255:
            fault = "fits no bytes"
        elif by_color.setdefault(color, labels[name]) != labels[name]:
            fault = "is another label's, too"
        if fault:
            raise DatasetError(
                f"{path}:{number}: the colour of {name} {fault}. Export it from CVAT again."
            )
        by_index.append(labels[name])
    return by_color, tuple(by_index)


def _compare(view: SequenceView, masks: _Masks) -> Correction:
    changed = sum(
        int((masks.read(i, view) != view.label(i, i + 1)[0]).sum()) for i in sorted(masks.files)
    )
    new = sum(not view.labelled[i] for i in masks.files)
    return Correction(len(masks.files), int(new), changed)


def _map_of_classes(old: LabelMap) -> LabelMap:
    """Return a map whose objects are the classes themselves."""
    # Longer names first: a rule takes its name with a number behind it, too.
    names = sorted(old.class_names, key=len, reverse=True)
    document = {
        "format": 1,
        "name": old.name if old.name.endswith("-corrected") else f"{old.name}-corrected",
        "description": "Labels corrected by people; the objects are the classes.",
        "classes": [{"name": c.name, "color": c.color} for c in old.classes],
        "rules": [{"class": name, "names": [re.escape(name)]} for name in names],
        "background": "ignore",
    }
    return parse_label_map(yaml_schema.dump(document), f"{old.name}: corrected")


def _is_grey(path: Path) -> bool:
    """Return whether a mask holds one value a pixel: numbers of labels, not colours."""
    try:
        with Image.open(path) as image:
            return image.mode in ("1", "L", "I", "I;16")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError):
        raise DatasetError(f"{path}: is no picture, or a damaged one.") from None


def _named(value: int, *, is_number: bool) -> str:
    return f"value {value}" if is_number else f"colour #{value:06x}"
