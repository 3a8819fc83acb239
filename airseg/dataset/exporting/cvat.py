"""Labels for people to correct in CVAT, in its format "Segmentation mask 1.1".

    labels.json                              classes and colours, for a CVAT project's constructor
    <split>/<sequence>/images/*.png          what a task is made of
    <split>/<sequence>/annotations.zip       what is uploaded to it as annotations

The layout inside the archive is CVAT's (docs.cvat.ai, formats, Segmentation mask):
``labelmap.txt`` with a line ``name:R,G,B:parts:actions`` for each label, lists of stems in
``ImageSets/Segmentation`` and colour images in ``SegmentationClass``. Every class of a frame is one
object of ``SegmentationObject``. What no class has is background, which is black.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from airseg.classes import IGNORE_INDEX
from airseg.dataset.exporting.common import (
    ExportOptions,
    Facts,
    Progress,
    each_frame,
    encode_color,
)
from airseg.dataset.reading.reader import Dataset, SequenceView
from airseg.errors import DatasetError
from airseg.labels.label_map import LabelMap

BACKGROUND = "background"
LABELMAP = "labelmap.txt"
CLASS_FOLDER, OBJECT_FOLDER = "SegmentationClass", "SegmentationObject"
LIST = "ImageSets/Segmentation/default.txt"
"""CVAT calls the only subset of a task so."""


def stem(index: int) -> str:
    """Return what CVAT calls a frame of a video, and of pictures that are named so."""
    return f"frame_{index:06d}"


def export_cvat(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write a folder a sequence; see the module.

    Raises:
        DatasetError: two classes share a colour, or one is black as the background is.
    """
    palette = facts.label_map.palette()
    _check_colors(facts.label_map, str(dataset.path))
    objects = _object_colors()

    def draw(view: SequenceView, index: int) -> tuple[bytes, bytes, bytes]:
        color = encode_color(view.rgb(index, index + 1)[0], options.jpeg_quality)
        if not view.labelled[index]:
            return color, b"", b""
        labels = view.label(index, index + 1)[0]
        return color, encode_color(palette[labels], None), encode_color(objects[labels], None)

    archive: zipfile.ZipFile | None = None
    stems: list[str] = []
    for view, index, (color, classes, parts) in each_frame(
        list(dataset), draw, "exporting", progress
    ):
        place = folder / view.split / view.name
        if archive is None:
            (place / "images").mkdir(parents=True)
            archive, stems = zipfile.ZipFile(place / "annotations.zip", "w"), []
            archive.writestr(LABELMAP, labelmap(facts.label_map))
        (place / "images" / f"{stem(index)}{options.suffix}").write_bytes(color)
        if classes:
            stems.append(stem(index))
            archive.writestr(f"{CLASS_FOLDER}/{stem(index)}.png", classes)
            archive.writestr(f"{OBJECT_FOLDER}/{stem(index)}.png", parts)
        if index == len(view) - 1:
            archive.writestr(LIST, "".join(f"{s}\n" for s in stems))
            archive.close()
            archive = None
    labels = [
        {"name": c.name, "color": c.color, "type": "mask", "attributes": []}
        for c in facts.label_map.classes
    ]
    (folder / "labels.json").write_text(json.dumps(labels, indent=1), encoding="utf-8")


def labelmap(label_map: LabelMap) -> str:
    """Return CVAT's list of labels and colours; the background is the first."""
    lines = ["# label:color_rgb:parts:actions", f"{BACKGROUND}:0,0,0::"]
    for target in label_map.classes:
        red, green, blue = target.rgb
        lines.append(f"{target.name}:{red},{green},{blue}::")
    return "\n".join(lines) + "\n"


def _check_colors(label_map: LabelMap, source: str) -> None:
    seen = {(0, 0, 0): BACKGROUND}
    for target in label_map.classes:
        if target.rgb in seen:
            raise DatasetError(
                f"{source}: label map {label_map.name}: classes: {target.name} has the colour of "
                f"{seen[target.rgb]}, {target.color}, and CVAT tells classes by colour. Give each "
                "a colour of its own in the label map, and relabel."
            )
        seen[target.rgb] = target.name


def _object_colors() -> np.ndarray:
    """Return (256, 3) uint8 RGB by label: black where nothing counts, else no two alike.

    Those of the PASCAL VOC devkit, whose layout CVAT's is: bits of the number, from the lowest, go
    to the highest bits of red, green and blue in turn.
    """
    numbers = np.arange(1, 257)
    colors = np.zeros((256, 3), np.uint8)
    for bit in range(9):
        colors[:, bit % 3] |= ((numbers >> bit & 1) << (7 - bit // 3)).astype(np.uint8)
    colors[IGNORE_INDEX] = 0
    return colors
