"""The eleven classes that mean the same in every environment."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

IGNORE_INDEX = 255
"""Label value of pixels that belong to no class; never trained on, never scored."""


@dataclass(frozen=True)
class SegmentationClass:
    """One class of the label space.

    Attributes:
        index: label value in datasets and logits channel in models.
        name: the identifier used in label maps and tables.
        color: RGB, 0 to 255, used in every overlay and plot. Any two are told apart without red,
            green or blue cones too: CIEDE2000 above 15, a test holds them to it.
        description: what belongs to it.
    """

    index: int
    name: str
    color: tuple[int, int, int]
    description: str


CLASSES: tuple[SegmentationClass, ...] = (
    SegmentationClass(0, "road", (114, 92, 107), "roads, driveways, pavements, road markings"),
    SegmentationClass(1, "vehicle", (212, 50, 28), "cars, trucks, parked or moving"),
    SegmentationClass(2, "vegetation", (172, 185, 17), "lawn, hedges, flower beds, terrain"),
    SegmentationClass(3, "tree", (28, 61, 41), "trunks and crowns"),
    SegmentationClass(4, "traffic_fixture", (253, 229, 156), "signs, street lights, power lines"),
    SegmentationClass(5, "sky", (78, 160, 238), "sky and clouds"),
    SegmentationClass(6, "fence", (198, 144, 121), "fences, railings, gates"),
    SegmentationClass(7, "stone", (139, 151, 164), "rocks, garden walls, paving stones"),
    SegmentationClass(8, "house", (225, 231, 222), "walls, windows, doors, what stands at a house"),
    SegmentationClass(9, "pool", (104, 231, 249), "swimming pools and their water"),
    SegmentationClass(10, "roof", (118, 17, 113), "roofs and chimneys"),
)

NUM_CLASSES = len(CLASSES)
CLASS_NAMES: tuple[str, ...] = tuple(c.name for c in CLASSES)
CLASS_INDEX: dict[str, int] = {c.name: c.index for c in CLASSES}


THINGS = frozenset(
    {
        *("vehicle", "tree", "traffic_fixture"),
        *("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle"),
    }
)
"""Classes of things that can be counted, ours and Cityscapes'; a house is many meshes."""


def thing_classes(names: Sequence[str], wanted: Sequence[str] = ()) -> tuple[int, ...]:
    """Return the labels of classes whose objects are told apart.

    Args:
        names: of a dataset's classes, by label.
        wanted: those to take; `THINGS`, unless given.
    """
    chosen = wanted or THINGS
    return tuple(label for label, name in enumerate(names) if name in chosen)


def class_palette(names: Sequence[str] | None = None) -> np.ndarray:
    """Return the color of every label value.

    Args:
        names: of another dataset's classes, by label value; those of ours keep their color, and
            the others get hues far from their neighbours'. Ours, unless given.

    Returns:
        (256, 3) uint8, RGB. Values without a class, `IGNORE_INDEX` among them, are black.
    """
    palette = np.zeros((256, 3), np.uint8)
    for index, name in enumerate(CLASS_NAMES if names is None else names):
        known = CLASS_INDEX.get(name)
        palette[index] = _spread_color(index) if known is None else CLASSES[known].color
    return palette


def _spread_color(index: int) -> tuple[int, ...]:
    """Return RGB of the index's turn of the golden angle, in three brightnesses."""
    hue, value = index * 0.618034 % 1, (0.95, 0.75, 0.55)[index % 3]
    return tuple(round(255 * v) for v in colorsys.hsv_to_rgb(hue, 0.65, value))
