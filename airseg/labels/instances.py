"""The numbers of objects: which mesh is which, and how numbers are kept in colour pictures.

In a flight, object number n is the n-th mesh of the object table, its groups in the table's order,
counted from 1; 0 is no object. So a number says its mesh and its raw id, the same car has the same
number in every frame, and flights over the same world number its meshes alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from airseg.labels.resolution import MeshGroup


def names_of_instances(groups: Iterable[MeshGroup]) -> tuple[str, ...]:
    """Return the mesh of each number; the first, of number 0, is empty.

    Args:
        groups: the object table.
    """
    return ("", *(mesh for group in groups for mesh in group.meshes))


def raw_ids_of_instances(groups: Iterable[MeshGroup]) -> np.ndarray:
    """Return (N + 1,) uint8: the raw id of each number; of 0 it is 0.

    Args:
        groups: the object table.
    """
    return np.array([0, *(group.id for group in groups for _ in group.meshes)], np.uint8)


def contradiction(numbers: np.ndarray, raw_ids: np.ndarray, groups: Sequence[MeshGroup]) -> str:
    """Return what is wrong where the objects of a frame are not of the families that its ids say.

    Args:
        numbers: (H, W) unsigned, of objects; raw_ids: (H, W) uint8.
        groups: the object table.

    Returns:
        A sentence; empty where every pixel's object belongs to its raw id.
    """
    names, own_ids = names_of_instances(groups), raw_ids_of_instances(groups)
    beyond = numbers >= len(names)
    if beyond.any():
        return (
            f"{int(beyond.sum())} pixels show object {int(numbers[beyond].min())}; the object "
            f"table has {len(names) - 1}."
        )
    wrong = own_ids[numbers] != raw_ids
    if not wrong.any():
        return ""
    number, raw_id = int(numbers[wrong][0]), int(raw_ids[wrong][0])
    return (
        f"{int(wrong.sum())} pixels show an object of another family than their id: object "
        f"{number} ({names[number] or 'none'}, id {own_ids[number]}) where the id is {raw_id}."
    )


def colors_of_numbers(numbers: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB: red + 256 green + 65536 blue is the number, as COCO has it.

    Args:
        numbers: (H, W) uint32, below 2**24.
    """
    little_endian = np.ascontiguousarray(numbers, "<u4").view(np.uint8)
    return np.ascontiguousarray(little_endian.reshape(*numbers.shape, 4)[..., :3])


def numbers_of_colors(colors: np.ndarray) -> np.ndarray:
    """Return (H, W) uint32: red + 256 green + 65536 blue of (H, W, 3) uint8 RGB."""
    wide = colors.astype(np.uint32)
    return wide[..., 0] | (wide[..., 1] << 8) | (wide[..., 2] << 16)
