"""Segmentation ids and their colours, as AirSim 1.8 has them."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from airseg.name_patterns import places_of_matches
from airseg.simulators.embedded.scene.world import World

# The colours of ids 0 to 255, six hexadecimal digits each: the table AirSim documents, with black
# for 0 and white for 255 as its current builds draw them.
_PALETTE = (
    "000000996c067069bf597948bee140cebe3b510d2473b0c3a1ab1b87a9b41d1ac76610eff26b929cc617",
    "3159a044da740bec09c41e0879431c003541923446e2958f977eabc22707cd78a1d4333cd350d0bd87bc",
    "3648cd67fc9d7c157b138445c3ed845efdafb6fb575aa2f2c71d01fe0ce523c4f4dca33156fed6980381",
    "5c1f6acfe55a7d4b3062374a7e81eede996d559822ad451f25807d3a1321863977da7c737800c8e1835c",
    "f65a10339bf1ca619bb891b660e82c85f485b4bf1d01dec063f2685ba8db4136d9944282cb66ccd84e4b",
    "ea14fa6dce18a4c2119d17ec9e7258f5166e431123b5d55daab32a34bb94f7c86f193eae6419f0bfc390",
    "fc2443f14d95ed218d77e6551c226c4e62fe72a11e4b32f342e2fd2e684c08ead80ff1665d0e47c0ffc1",
    "fd29a418af78b9f3e7a9e961f3d791488915a07165d65c0da78c93656db535767e03b120283f63ba8b99",
    "58cf644792e3ec26bbd704d712d3427131862f2a3fdb677f39f089e385d39147c9d9adb7fa2871d07d44",
    "e0baf945942eef55146c74e038d61ab3932b30bcacdd532f9ba6da3ed9bdc6b47ac990a984020e80bd72",
    "a3e3702d9db140568e76c1a30e204fc82daa4a51023b25d44923e15fe02754aadc9f3aad115bed1f5f54",
    "22c9f83f49d181eb6be77328244a5feee49a3dd4360d5ea58dae008ca7ff755d5bb70abaa51c3d90eec2",
    "0c9e294c6eea9609798e01f6e688c6053ce9e8fa508f7038bb469c02b93e8adfe27ab7dea6f503af068c",
    "f03bd2f82c0a535234dff8a7570f966fb275c55416ebd07c094c2db018329a9ffb956fcfa8e70fd1f7ca",
    "50cd98b2ddd51b0826f475336b44be17c78bab58a888ca3a062e56697fb0aef9c5acac8ae48e5107ccb9",
    "163df7e9644e7f416921579e8b9cfc2a07881463b34f96df83b6b86e7b253c8a60d2605e7b301289c5a2",
    "bc120527db97cc8f87f94f494d40b229f64d109a04748613047aebb16ae615770c6805623282351ec019",
    "1aa5a60aa0526a2b832cd867ff65dd2097c4d5dc5946d1e461b85352efe8fba480c10bf5261b9fe58dcb",
    "82383793d20ba2cb76ffffff",
)


def palette() -> np.ndarray:
    """Return the color of every id: (256, 3) uint8, RGB."""
    return np.frombuffer(bytes.fromhex("".join(_PALETTE)), np.uint8).reshape(256, 3).copy()


def default_id(name: str) -> int:
    """Return the id AirSim gives a mesh at start: a hash of the letters of its name."""
    if not name or name.lower().startswith("default_"):
        return 0
    return (5 + sum(ord(c) for c in name.lower() if ord(c) >= 97)) % 256


class ObjectColors(Protocol):
    """What tells the colour and the number that objects are drawn in."""

    def colors_of(self, object_index: np.ndarray) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB of an image of object indices."""

    def ids_of(self, object_index: np.ndarray) -> np.ndarray:
        """Return (H, W) numbers of an image of object indices."""


class SegmentationIds:
    """The id of every object of a world. An id below zero hides an object."""

    max_id = 255

    def __init__(self, world: World) -> None:
        self._names = tuple(o.name for o in world.objects)
        self._ids = np.array([default_id(n) for n in self._names], np.int32)
        self._palette = palette()

    @property
    def names(self) -> tuple[str, ...]:
        """The meshes' names; a mesh's place here is its object index."""
        return self._names

    def add(self, name: str) -> None:
        """Take in a mesh that came later; it begins with id 0, as in AirSim."""
        self._names = (*self._names, name)
        self._ids = np.append(self._ids, np.int32(0))

    def keep(self, count: int) -> None:
        """Forget all but the first meshes."""
        self._names = self._names[:count]
        self._ids = self._ids[:count]

    def set(self, mesh_name: str, object_id: int, is_regex: bool) -> bool:
        """Give an id to one mesh, or to all that match; tell whether there was any.

        A plain name must match exactly, letters' case included; a regular expression must match
        the whole name, in any case.

        Raises:
            ValueError: the expression is malformed.
            SlowPatternError: it takes too long.
        """
        if is_regex:
            hits = list(places_of_matches(mesh_name, self._names, any_case=True))
        else:
            hits = [i for i, name in enumerate(self._names) if name == mesh_name]
        self._ids[hits] = object_id
        return bool(hits)

    def get(self, mesh_name: str) -> int:
        """Return a mesh's id, or -1. As in AirSim, only a name in lower case is ever found."""
        for name, object_id in zip(self._names, self._ids, strict=True):
            if name.lower() == mesh_name:
                return int(object_id)
        return -1

    def ids_of(self, object_index: np.ndarray) -> np.ndarray:
        """Return the ids, (H, W) uint8, of an (H, W) image of object indices; hidden ones are 0."""
        drawn = np.clip(self._ids, 0, 255).astype(np.uint8)  # what Unreal can draw
        return drawn[object_index]

    def colors_of(self, object_index: np.ndarray) -> np.ndarray:
        """Return the segmentation image, (H, W, 3) uint8 RGB, of an image of object indices."""
        return self._palette[self.ids_of(object_index)]
