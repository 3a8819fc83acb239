"""Label maps: from mesh names and raw ids to the eleven classes.

In: a map, names of meshes, raw ids. Out: the class of every id, label images, what has no class.
"""

from airseg.labels.label_map import LabelMap, load_label_map

__all__ = ["LabelMap", "load_label_map"]
