"""Annotation layers of Cosys-AirSim: further images in which every object has a colour."""

from __future__ import annotations

import numpy as np

from airseg.name_patterns import places_of_matches
from airseg.simulators.embedded.sensing.instance_ids import COLOR_COUNT, instance_palette
from airseg.simulators.embedded.sensing.segmentation_ids import SegmentationIds
from airseg.simulators.embedded.settings import AnnotationSetting

RGB, GREYSCALE, TEXTURE = range(3)


class AnnotationLayer:
    """The colours of one layer; an object that has none is black.

    Args:
        setting: name and type of the layer.
        names: of all objects, which grow as objects are spawned.
    """

    def __init__(self, setting: AnnotationSetting, names: SegmentationIds) -> None:
        self.setting, self._names = setting, names
        self._colors: dict[str, tuple[int, int, int]] = {}
        self._ids: dict[str, int] = {}

    def set_color(self, mesh: str, color: tuple[int, int, int], *, is_regex: bool) -> bool:
        """Give a colour, RGB, to a mesh or to all that match; tell whether there was any.

        Raises:
            ValueError: the expression is malformed, or a channel is not between 0 and 255.
            SlowPatternError: the expression takes too long.
        """
        if not all(0 <= channel <= 255 for channel in color):
            raise ValueError(f"the colour {color} has a channel that is not between 0 and 255")
        hits = self._matching(mesh, is_regex=is_regex)
        self._colors.update(dict.fromkeys(hits, color))
        for name in hits:
            self._ids.pop(name, None)
        return bool(hits)

    def set_id(self, mesh: str, number: int, *, is_regex: bool) -> bool:
        """Give the colour of a place in Cosys-AirSim's list; see `set_color`."""
        if not 0 <= number < COLOR_COUNT:
            raise ValueError(f"there is no colour {number} among {COLOR_COUNT}")
        red, green, blue = (int(v) for v in instance_palette(number + 1)[number])
        found = self.set_color(mesh, (red, green, blue), is_regex=is_regex)
        self._ids.update(dict.fromkeys(self._matching(mesh, is_regex=is_regex), number))
        return found

    def color_of(self, mesh: str) -> tuple[int, int, int] | None:
        """Return a mesh's colour, RGB, or None."""
        return self._colors.get(mesh)

    def id_of(self, mesh: str) -> int:
        """Return a mesh's place in the list of colours, or -1."""
        return self._ids.get(mesh, -1)

    def annotated(self) -> list[str]:
        """Return the names of the objects of the layer: all, or those that have a colour."""
        names = self._names.names
        return [n for n in names if n and (self.setting.Default == 1 or n in self._colors)]

    def colors_of(self, object_index: np.ndarray) -> np.ndarray:
        """Return the layer's image, (H, W, 3) uint8 RGB, of an image of object indices."""
        table = np.array([self._colors.get(name, (0, 0, 0)) for name in self._names.names])
        return table.astype(np.uint8)[object_index]

    def ids_of(self, object_index: np.ndarray) -> np.ndarray:
        """Return the grey values of the layer, (H, W) uint8, of an image of object indices."""
        return self.colors_of(object_index)[..., 0]

    def _matching(self, mesh: str, *, is_regex: bool) -> list[str]:
        if not is_regex:
            return [mesh] if mesh in self._names.names else []
        names = self._names.names
        return [names[k] for k in places_of_matches(mesh, names, any_case=True)]
