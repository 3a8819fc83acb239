"""Cityscapes: one frame of each 30-frame snippet has labels, its neighbours are context.

Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016. Files are
named ``{type}{video}/{split}/{city}/{city}_{seq}_{frame}_{type}{ext}``: labels in ``gtFine`` (the
``labelIds`` images), their pictures in ``leftImg8bit``, all 30 frames of each snippet in
``leftImg8bit_sequence``. The labelled frame is the twentieth of its snippet, at 17 Hz.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from airseg.dataset.format.label_images import read_labels
from airseg.dataset.importing.found import (
    Found,
    ImportOptions,
    Promise,
    Publication,
    counted,
    runs,
)
from airseg.dataset.packing.folder_sources import FolderFacts, FolderSource, FrameFiles, NamedId
from airseg.dataset.packing.frame_names import visible_files
from airseg.errors import DatasetError
from airseg.labels.label_map import SPLITS
from airseg.text_files import read_text

PUBLICATION = Publication(
    "Cityscapes",
    "https://www.cityscapes-dataset.com",
    "Cityscapes terms: non-commercial research and teaching, no redistribution",
    "cityscapes19",
)
_RATE_HZ = 17.0
_BEFORE_LABEL, _AFTER_LABEL = 19, 10
_LABELLED_FRAMES = {"train": 2975, "val": 500}
_SIZE = (2048, 1024)
_VOID_IDS = 6
_LABELS = re.compile(r"(?P<snippet>[a-z-]+_\d{6})_(?P<frame>\d{6})_gtFine_labelIds\.png")
_NAMES = (
    "unlabeled", "ego vehicle", "rectification border", "out of roi", "static", "dynamic",
    "ground", "road", "sidewalk", "parking", "rail track", "building", "wall", "fence",
    "guard rail", "bridge", "tunnel", "pole", "polegroup", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "caravan",
    "trailer", "train", "motorcycle", "bicycle",
)  # fmt: skip
OBJECTS = tuple(NamedId(number, name) for number, name in enumerate(_NAMES))
"""Cityscapes' label ids; licence plates (-1) are never drawn."""


@dataclass(frozen=True)
class _Label:
    """One label image."""

    path: Path
    split: str
    city: str
    snippet: str
    frame: int


def find_cityscapes(root: Path, options: ImportOptions) -> Found:
    """Read a folder that holds ``gtFine`` and ``leftImg8bit``.

    Raises:
        DatasetError: not this layout, or a label without its picture.
    """
    labels = list(_labels(root))
    if not labels:
        raise DatasetError(
            f"{root}: expected gtFine/<split>/<city>/*_gtFine_labelIds.png, found none. Unpack "
            "gtFine_trainvaltest.zip and leftImg8bit_trainvaltest.zip into one folder."
        )
    withheld = {label for label in labels if label.split == "test" and _is_withheld(label.path)}
    kept = [label for label in labels if label not in withheld]
    sources = [_snippet(root, label, options) for label in kept]
    return Found(sources, _promises(kept, sources), _notes(root, sources, len(withheld), options))


def _labels(root: Path) -> Iterator[_Label]:
    for split in SPLITS:
        for path in visible_files((root / "gtFine" / split).glob("*/*_gtFine_labelIds.png")):
            match = _LABELS.fullmatch(path.name)
            if not match:
                raise DatasetError(
                    f"{path}: expected a name such as aachen_000000_000019_gtFine_labelIds.png."
                )
            yield _Label(path, split, path.parent.name, match["snippet"], int(match["frame"]))


def _is_withheld(path: Path) -> bool:
    """Return whether a label image holds void ids only, as those of the test split do."""
    labels = read_labels(path)
    return labels.ndim == 2 and int(labels.max()) <= _VOID_IDS


def _snippet(root: Path, label: _Label, options: ImportOptions) -> FolderSource:
    """Return one snippet: the labelled frame and as much context as is wanted and there."""
    video = root / "leftImg8bit_sequence" / label.split / label.city
    first = label.frame - min(options.before, _BEFORE_LABEL)
    last = label.frame + min(options.after, _AFTER_LABEL)
    available = {
        number for number in range(first, last + 1) if _picture(video, label, number).is_file()
    }
    (numbers,) = runs([label.frame], available, _BEFORE_LABEL, _AFTER_LABEL)
    annotated = _picture(root / "leftImg8bit" / label.split / label.city, label, label.frame)
    if not annotated.is_file():
        annotated = _picture(video, label, label.frame)
    if not annotated.is_file():
        raise DatasetError(
            f"{label.path}: has no picture in leftImg8bit or leftImg8bit_sequence. Unpack "
            "leftImg8bit_trainvaltest.zip beside gtFine."
        )
    frames = [
        FrameFiles(annotated, label.path)
        if number == label.frame
        else FrameFiles(_picture(video, label, number), None)
        for number in numbers
    ]
    name = f"{label.snippet}_{label.frame:06d}"
    times = _times(root, label, numbers)
    facts = FolderFacts(
        name,
        str(label.path),
        label.city,
        timestamps_ns=times if times is not None else _even_times(numbers),
        details={
            "rate_hz": _RATE_HZ,
            "origin": PUBLICATION.origin("cityscapes", first_frame=numbers[0]),
        },
        split=label.split,
        objects=OBJECTS,
    )
    return FolderSource(facts, frames, None)


def _picture(folder: Path, label: _Label, number: int) -> Path:
    return folder / f"{label.snippet}_{number:06d}_leftImg8bit.png"


def _even_times(numbers: list[int]) -> np.ndarray:
    return np.array([round(number * 1e9 / _RATE_HZ) for number in numbers], np.int64)


def _times(root: Path, label: _Label, numbers: list[int]) -> np.ndarray | None:
    """Return the times of ``timestamp_sequence``, nanoseconds, where all of them are there."""
    folder = root / "timestamp_sequence" / label.split / label.city
    paths = [folder / f"{label.snippet}_{number:06d}_timestamp.txt" for number in numbers]
    if not all(path.is_file() for path in paths):
        return None
    try:
        return np.array([int(read_text(path, DatasetError).strip()) for path in paths], np.int64)
    except ValueError as cause:
        raise DatasetError(f"{folder}: {label.snippet}: not a time in ns ({cause}).") from None


def _promises(labels: list[_Label], sources: list[FolderSource]) -> list[Promise]:
    found = Counter(label.split for label in labels)
    promises = [
        Promise(f"{split}: labelled frames", counted(published), counted(found[split]))
        for split, published in _LABELLED_FRAMES.items()
    ]
    sizes = sorted({(source.width, source.height) for source in sources})
    shown = ", ".join(f"{width}x{height}" for width, height in sizes)
    return [*promises, Promise("size of frames", f"{_SIZE[0]}x{_SIZE[1]}", shown)]


def _notes(
    root: Path, sources: list[FolderSource], withheld: int, options: ImportOptions
) -> list[str]:
    notes = []
    if withheld:
        notes.append(
            f"test: the labels of {withheld:,} frames are withheld (void only), so they are "
            "left out; results are commonly told on val"
        )
    before, after = min(options.before, _BEFORE_LABEL), min(options.after, _AFTER_LABEL)
    short = sum(source.length < before + 1 + after for source in sources)
    if short and (root / "leftImg8bit_sequence").is_dir():
        notes.append(
            f"{short:,} of {len(sources):,} snippets have fewer neighbours than asked for "
            f"({before} before, {after} after)"
        )
    elif short:
        notes.append(
            "there is no leftImg8bit_sequence, so frames have no context; unpack "
            "leftImg8bit_sequence_trainvaltest.zip for it"
        )
    if not (root / "timestamp_sequence").is_dir():
        notes.append(f"there is no timestamp_sequence; time stamps are those of {_RATE_HZ:g} Hz")
    return [*notes, "poses are unknown (NaN)"]
