"""Apply a label map to the meshes of a recording: raw id -> label, and what has no label.

AirSim's own labelled regex calls change nothing and say nothing when a pattern matches no mesh.
Here every id that is seen in a frame must have a class, or be left out on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from airseg.classes import IGNORE_INDEX
from airseg.errors import LabelMapError
from airseg.labels.label_map import LabelMap

_BACKGROUND_ID = 0
_LISTED_AT_MOST = 20


class MeshGroup(Protocol):
    """What a label map needs to know of one entry of an object table."""

    @property
    def id(self) -> int:
        """Raw id of the group's pixels, 1 to 255."""

    @property
    def group(self) -> str:
        """Name of the group."""

    @property
    def meshes(self) -> Sequence[str]:
        """Names of the meshes in it."""


@dataclass(frozen=True)
class Resolution:
    """What a label map says about the raw ids of one recording.

    Attributes:
        table: (256,) uint8, label of every raw id; `IGNORE_INDEX` where there is none.
        unmapped: raw id -> group and example meshes, for ids without a class.
        conflicting: raw id -> classes and example meshes, for groups that fall into several.
        is_complete: whether every id of the object table has a label, so that an error can come
            from damaged frames only.
    """

    table: np.ndarray
    unmapped: dict[int, str]
    conflicting: dict[int, str]
    is_complete: bool


def resolve(label_map: LabelMap, groups: Iterable[MeshGroup]) -> Resolution:
    """Return the label of every raw id.

    Args:
        label_map: the rules.
        groups: the object table; empty for recordings that know ids only.
    """
    groups = list(groups)
    labels: dict[int, int] = {}
    unmapped: dict[int, str] = {}
    conflicting: dict[int, str] = {}
    for group in groups:
        names = tuple(group.meshes) or ((group.group,) if group.group else ())
        if not names:
            classes: dict[str | None, str] = {label_map.class_of_id(group.id): f"id {group.id}"}
        else:
            classes = {label_map.class_of_name(name): name for name in reversed(names)}
        if None in classes:
            unmapped[group.id] = _describe(group, classes[None])
        elif len(classes) > 1:
            parts = ", ".join(f"{mesh} is {name}" for name, mesh in sorted(classes.items()))
            conflicting[group.id] = f"{group.group} ({parts})"
        else:
            labels[group.id] = label_map.label_value(next(name for name in classes if name))
    if not groups:
        _resolve_bare_ids(label_map, labels, unmapped)
    labels.setdefault(_BACKGROUND_ID, label_map.label_value(label_map.background))
    is_complete = not unmapped and not conflicting
    table = np.full(256, IGNORE_INDEX, np.uint8)
    for raw_id, label in labels.items():
        table[raw_id] = label
    for raw_id in range(256):
        if raw_id not in labels and raw_id not in conflicting:
            unmapped.setdefault(raw_id, f"id {raw_id} (not in the object table)")
    return Resolution(table, unmapped, conflicting, is_complete)


def _resolve_bare_ids(
    label_map: LabelMap, labels: dict[int, int], unmapped: dict[int, str]
) -> None:
    """Fill in every id by the map's id rules, for recordings without an object table."""
    for raw_id in range(256):
        class_name = label_map.class_of_id(raw_id)
        if class_name is not None:
            labels[raw_id] = label_map.label_value(class_name)
        elif raw_id != _BACKGROUND_ID:
            unmapped[raw_id] = f"id {raw_id}"


def _describe(group: MeshGroup, mesh: str) -> str:
    """Return a group's name, with the mesh at fault where that says more."""
    return group.group if mesh in ("", group.group) or not group.group else f"{group.group}: {mesh}"


def check_seen(
    label_map: LabelMap,
    resolutions: Sequence[Resolution],
    pixels: Sequence[np.ndarray],
    *,
    allow_unmapped: bool = False,
) -> list[str]:
    """Check that every raw id that is seen has exactly one class.

    Args:
        label_map: the map the resolutions come from; for the message.
        resolutions: one per sequence.
        pixels: (256,) int64 per sequence, pixels of each raw id over all its frames.
        allow_unmapped: turn meshes without a class into `IGNORE_INDEX` and say so.

    Returns:
        Warnings, one per group that is left out; empty unless `allow_unmapped`.

    Raises:
        LabelMapError: a seen group without a class, or with several.
    """
    conflicting = _seen_groups([r.conflicting for r in resolutions], pixels)
    if conflicting:
        raise LabelMapError(
            f"label map {label_map.name}: meshes that share one raw id fall into different "
            f"classes: {_listing(conflicting)}. Give them one class, or record again with ids "
            "of their own."
        )
    unmapped = _seen_groups([r.unmapped for r in resolutions], pixels)
    if unmapped and not allow_unmapped:
        raise LabelMapError(
            f"label map {label_map.name}: no rule takes {len(unmapped)} mesh group(s) that are "
            f"seen: {_listing(unmapped)}. Is it the map of this environment? Then add a rule or an "
            "'ignore' entry, or pass --allow-unmapped to leave them out of training and scoring."
        )
    return [f"{name} has no class: {count:,} pixels are ignored" for name, count in unmapped]


def _seen_groups(
    described: Sequence[dict[int, str]], pixels: Sequence[np.ndarray]
) -> list[tuple[str, int]]:
    """Return (group, pixels) of all groups that are seen, most pixels first."""
    totals: dict[str, int] = {}
    for names, counts in zip(described, pixels, strict=True):
        for raw_id, name in names.items():
            if counts[raw_id]:
                totals[name] = totals.get(name, 0) + int(counts[raw_id])
    return sorted(totals.items(), key=lambda item: (-item[1], item[0]))


def _listing(groups: list[tuple[str, int]]) -> str:
    listed = "; ".join(f"{name} ({count:,} pixels)" for name, count in groups[:_LISTED_AT_MOST])
    rest = groups[_LISTED_AT_MOST:]
    return listed + (f"; and {len(rest)} more ({sum(c for _, c in rest):,} pixels)" if rest else "")
