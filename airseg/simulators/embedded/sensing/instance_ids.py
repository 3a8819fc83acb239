"""Segmentation as Cosys-AirSim has it: every object a number and a colour of its own."""

from __future__ import annotations

from functools import cache

import numpy as np

from airseg.simulators.embedded.scene.world import World
from airseg.simulators.embedded.sensing.segmentation_ids import SegmentationIds

# The levels of a channel in the order in which Cosys-AirSim's list of colours takes them in.
_LEVELS = (
    "ff7fbf5f9fdf4f6e8fafcfef5666778797a7b7c7d7e7f7535a626a727a838b939ba3abb3bbc3cbd3dbe3"
    "ebf3fb5155585d6065696d7175787d8185898d91999da1a5a9adb1b5b9bdc1c5c9cdd1d5d9dde1e5e9ed"
    "f1f5f9fd96989a9c9ea0a2a4a6a8aaacaeb0b2b4b6b8babcbec0c2c4c6c8caccced0d2d4d6d8dadcdee0"
    "e2e4e6e8eaeceef0f2f4f6f8fafc"
)
COLOR_COUNT = 140**3


@cache
def instance_palette(count: int) -> np.ndarray:
    """Return the first colours of Cosys-AirSim's list: (count, 3) uint8, RGB.

    The list begins with the first level alone; each further level adds all colours that have it in
    some channel, in the order of a binary number whose digits say in which.
    """
    levels = np.frombuffer(bytes.fromhex("".join(_LEVELS)), np.uint8)
    blocks, size = [np.zeros((1, 3), int)], 1
    while size**3 < min(count, COLOR_COUNT):
        older, newest = np.arange(size), np.array([size])
        for where in range(1, 8):
            axes = [newest if where & digit else older for digit in (4, 2, 1)]
            blocks.append(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3))
        size += 1
    return levels[np.concatenate(blocks)[:count]]


class InstanceIds(SegmentationIds):
    """Ids that are places in the list of colours, handed out one after the other."""

    max_id = COLOR_COUNT - 1

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._ids = np.arange(len(self._names), dtype=np.int32)

    def add(self, name: str) -> None:
        self._names = (*self._names, name)
        self._ids = np.append(self._ids, np.int32(len(self._ids)))

    def get(self, mesh_name: str) -> int:
        """Return a mesh's id by its exact name, or -1."""
        for name, object_id in zip(self._names, self._ids, strict=True):
            if name == mesh_name:
                return int(object_id)
        return -1

    def ids_of(self, object_index: np.ndarray) -> np.ndarray:
        return np.clip(self._ids, 0, self.max_id)[object_index]

    def colors_of(self, object_index: np.ndarray) -> np.ndarray:
        drawn = np.clip(self._ids, 0, self.max_id)
        colors = instance_palette(int(drawn.max(initial=0)) + 1)[drawn]
        colors[self._ids < 0] = 0
        return colors[object_index]
