"""Numbers of objects as KITTI-STEP's pictures hold them: within a class, 1 to 65,535."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from airseg.dataset.reading.reader import SequenceView
from airseg.errors import DatasetError
from airseg.labels.instances import names_of_instances

MOST_OBJECTS = 65_535
_CLASS_BITS = 32

Renumber = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Takes (H, W) labels and (H, W) numbers, 0 for no object; returns (H, W) uint32 numbers."""


def step_numbers(
    view: SequenceView, things_of: Callable[[int], tuple[np.ndarray, ...]]
) -> Renumber:
    """Return what gives the objects of a sequence numbers that the pictures can hold.

    Numbers that fit stay as they are. Those of imported KITTI-STEP and VIPER are 65536 class +
    instance: what is published, the instance, is taken again where it still tells the objects of
    a class apart. Where a label map has put several published classes into one, objects are
    counted from 1 in each class; KITTI-STEP takes a class with a number for an object, so the same
    number in another class is another object.

    Args:
        view: the sequence.
        things_of: returns labels and numbers of a frame, both (H, W), 0 beside things.

    Raises:
        DatasetError: a class has more objects than there are numbers.
    """
    if "plan" in view.details and len(names_of_instances(view.object_table)) <= MOST_OBJECTS + 1:
        return _kept
    frames = [_keys(*things_of(int(index))) for index in np.flatnonzero(view.labelled)]
    keys = np.unique(
        np.concatenate([np.unique(keys[keys > 0]) for keys in frames] or [np.empty(0, np.uint64)])
    )
    keys = keys.astype(np.uint64)
    label, numbers = keys >> _CLASS_BITS, keys & (2**_CLASS_BITS - 1)
    if numbers.max(initial=0) <= MOST_OBJECTS:
        return _kept
    own = numbers & MOST_OBJECTS
    if not own.all() or len(np.unique(label << _CLASS_BITS | own)) < len(keys):
        own = np.arange(len(keys)) - np.searchsorted(label, label) + 1
    if own.max() > MOST_OBJECTS:
        raise DatasetError(
            f"{view.dataset.path}: {view.name}: shows {own.max()} objects of class "
            f"{view.dataset.class_names[int(label[own.argmax()])]}; KITTI-STEP's pictures hold "
            f"numbers to {MOST_OBJECTS}. Export coco."
        )
    found = np.append(own, 0).astype(np.uint32)
    sorted_keys = np.append(keys, np.iinfo(np.uint64).max)

    def renumber(label: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return np.where(numbers > 0, found[np.searchsorted(sorted_keys, _keys(label, numbers))], 0)

    return renumber


def _keys(label: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return uint64 class and number in one; 0 where there is no object."""
    keys = label.astype(np.uint64) << _CLASS_BITS | numbers.astype(np.uint64)
    return np.where(numbers > 0, keys, 0)


def _kept(label: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return numbers
