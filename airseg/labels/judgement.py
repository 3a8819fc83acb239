"""Find labels that do not look like the other members of their class.

A label is a point: mean colour in CIE Lab, spread, texture and height in the frame. For each label
the distance to the *other* members of its class is compared with the distance to every other
class, in units of how much members of one class differ among themselves. Pictures decide, not this:
a remark asks a person to look.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from airseg.labels.audit import LabelEntry

_FEWEST_PIXELS = 400
_FEWEST_MEMBERS = 2
_ODD_DISTANCE = 2.0
_NEARER = 0.5
_FLICKER = 0.35
_FLOORS = np.array([12.0, 6.0, 6.0, 8.0, 2.0, 0.08])
"""Smallest differences that count: L, a, b, spread, texture, height."""


def add_remarks(entries: Sequence[LabelEntry]) -> None:
    """Write into each label's remarks what about it a person should look at."""
    for entry in entries:
        if entry.state == "ignored" and entry.share > 0.01:
            entry.remarks.append("is ignored, yet covers more than 1 % of all pixels")
        if entry.stability is not None and entry.stability < _FLICKER and entry.frames > 5:
            entry.remarks.append(
                f"keeps {entry.stability:.0%} of its pixels from frame to frame: thin, flickering "
                "or moving"
            )
    seen = [e for e in entries if e.pixels >= _FEWEST_PIXELS]
    members = [e for e in seen if e.state == "mapped"]
    if len(members) < 3:
        return
    features = {e.name: _features(e) for e in seen}
    for entry in members:
        found = _resembles(entry, members, features)
        if found:
            entry.looks_like = found
            entry.remarks.append(
                f"looks more like {found} than like the rest of {entry.class_name}"
            )


def nearest_class(entry: LabelEntry, entries: Sequence[LabelEntry]) -> tuple[str, float] | None:
    """Return the mapped class whose members a label resembles most, and the distance to it."""
    members = [
        e for e in entries if e.state == "mapped" and e.pixels >= _FEWEST_PIXELS and e is not entry
    ]
    if entry.pixels < _FEWEST_PIXELS or not members:
        return None
    features = {e.name: _features(e) for e in (*members, entry)}
    distances = _distances(entry, members, features)
    name = min(distances, key=lambda n: distances[n])
    return name, distances[name]


def _features(entry: LabelEntry) -> np.ndarray:
    """Return (6,) float64: L, a, b, spread, texture, height."""
    pixel = np.array([[entry.colour]], np.float32) / 255.0
    lab = cv2.cvtColor(pixel, cv2.COLOR_RGB2Lab)[0, 0]
    return np.array([*lab, entry.spread, entry.texture, entry.height], np.float64)


def _distances(
    entry: LabelEntry, members: Sequence[LabelEntry], features: dict[str, np.ndarray]
) -> dict[str, float]:
    """Return how far a label is from the nearest other member of each class."""
    result: dict[str, float] = {}
    for other in members:
        if other is entry:
            continue
        steps = (features[entry.name] - features[other.name]) / _FLOORS
        distance = float(np.sqrt((steps**2).mean()))
        name = str(other.class_name)
        result[name] = min(distance, result.get(name, np.inf))
    return result


def _resembles(
    entry: LabelEntry, members: Sequence[LabelEntry], features: dict[str, np.ndarray]
) -> str | None:
    """Return a class that a label resembles much more than its own, or None."""
    own = [e for e in members if e.class_name == entry.class_name and e is not entry]
    if len(own) < _FEWEST_MEMBERS:
        return None
    distances = _distances(entry, members, features)
    own_distance = distances[str(entry.class_name)]
    name = min(distances, key=lambda n: distances[n])
    is_odd = own_distance > _ODD_DISTANCE and distances[name] < _NEARER * own_distance
    return name if is_odd and name != entry.class_name else None
