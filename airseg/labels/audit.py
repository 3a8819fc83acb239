"""What the raw labels of recordings are: how much of each, where it is seen, what looks wrong.

Statistics of the sequences are joined by the label's name, so that one mesh family is one entry
however many flights show it and whatever id it has there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from airseg.labels.check import unused_patterns
from airseg.labels.document import IGNORE
from airseg.labels.label_counts import BEST_FRAMES, AuditSource, SequenceStatistics
from airseg.labels.label_map import LabelMap, base_name

BACKGROUND = "(no mesh)"
"""Name of id 0 where an object table says what the other ids are."""

_NEIGHBOURS_LISTED = 5


@dataclass
class LabelEntry:
    """One raw label over all sequences.

    Attributes:
        name: the mesh family, ``id 17``, or ``#rrggbb``.
        meshes: its meshes; mesh_count: how many there are.
        patterns, ids, colors: what a rule for it says; one of them is not empty.
        class_name: by the map; None where no rule takes it or several classes do.
        state: ``mapped``, ``ignored``, ``unmapped``, ``conflicting`` or ``unseen``.
        pixels, share: over all frames; frames: in how many it is seen.
        sequences: in which sequences.
        height: mean row, 0 upper edge, 1 lower.
        colour: mean RGB; spread: standard deviation over its pixels, mean of the channels.
        texture: mean brightness step between neighbouring pixels of it.
        stability: pixels it keeps from one frame to the next, of those it has in either.
        appearances: how often it comes into view.
        neighbours: (name, share of its border), most first.
        best: (sequence number, frame) that show it best.
        remarks: what a person should look at.
        looks_like: another class whose members it resembles more, or None.
    """

    name: str
    meshes: list[str]
    mesh_count: int
    patterns: list[str]
    ids: list[int]
    colors: list[str]
    class_name: str | None = None
    state: str = "unmapped"
    pixels: int = 0
    share: float = 0.0
    frames: int = 0
    sequences: list[str] = field(default_factory=list)
    height: float = 0.0
    colour: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: float = 0.0
    texture: float = 0.0
    stability: float | None = None
    appearances: int = 0
    neighbours: list[tuple[str, float]] = field(default_factory=list)
    best: list[tuple[int, int]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    looks_like: str | None = None


@dataclass(frozen=True)
class AuditReport:
    """The whole audit.

    Attributes:
        map_name: the label map, or None.
        sequences: name, environment and frames of each.
        frames: of all; pixels: of all.
        entries: what is seen and has no class first, then most pixels first.
        unused: (class, expression) of rules that take no mesh of the recordings.
        missing: classes that no seen label has.
    """

    map_name: str | None
    sequences: list[dict[str, Any]]
    frames: int
    pixels: int
    entries: list[LabelEntry]
    unused: list[tuple[str, str]]
    missing: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return what goes into the JSON file."""
        return {"format": 1} | asdict(self)


def join(
    sources: Sequence[AuditSource],
    statistics: Sequence[SequenceStatistics],
    label_map: LabelMap | None = None,
) -> AuditReport:
    """Join the statistics of sequences by label, and ask the map about each label.

    Args:
        sources: the sequences; statistics: theirs, in the same order.
        label_map: what to hold against them, or None when nothing is mapped yet.
    """
    entries: dict[str, LabelEntry] = {}
    sums: dict[str, _Sums] = defaultdict(_Sums)
    for number, (source, counted) in enumerate(zip(sources, statistics, strict=True)):
        names = _names_by_id(source, counted, entries)
        for raw_id, name in names.items():
            if counted.pixels[raw_id]:
                sums[name].add(number, raw_id, source, counted, names)
    total = sum(s.frames_read * s.frame_pixels for s in statistics)
    for name, entry in entries.items():
        sums[name].finish(entry, total)
        _classify(entry, label_map)
    ordered = sorted(entries.values(), key=_urgency)
    seen = {e.class_name for e in ordered if e.pixels}
    meshes = [m for s in sources for g in s.object_table for m in (g.meshes or (g.group,))]
    return AuditReport(
        map_name=label_map.name if label_map else None,
        sequences=[
            {"name": s.name, "environment": s.environment, "frames": c.frames_read}
            for s, c in zip(sources, statistics, strict=True)
        ],
        frames=sum(c.frames_read for c in statistics),
        pixels=total,
        entries=ordered,
        unused=unused_patterns(label_map, meshes) if label_map and meshes else [],
        missing=[c for c in label_map.class_names if c not in seen] if label_map else [],
    )


def _urgency(entry: LabelEntry) -> tuple[bool, int, str]:
    """Sort by what a person must decide first."""
    is_open = entry.state in ("unmapped", "conflicting")
    return not is_open, -entry.pixels, entry.name.lower()


def entries_of_names(names: Sequence[str], label_map: LabelMap | None = None) -> list[LabelEntry]:
    """Return one entry per mesh family of a list of names, as far as names tell."""
    families: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        families[base_name(name).lower()].append(name)
    entries = []
    for meshes in families.values():
        patterns = [_pattern(meshes[0])]
        entry = LabelEntry(base_name(meshes[0]), meshes, len(meshes), patterns, [], [])
        _classify(entry, label_map)
        entries.append(entry)
    return entries


def _names_by_id(
    source: AuditSource, counted: SequenceStatistics, entries: dict[str, LabelEntry]
) -> dict[int, str]:
    """Return the label name of each id of a sequence, and make the entries that are new."""
    names: dict[int, str] = {}
    for group in source.object_table:
        names[group.id] = group.group
        meshes = list(group.meshes)
        entry = entries.setdefault(
            group.group, LabelEntry(group.group, meshes, len(meshes), [], [], [])
        )
        # Another flight may see other meshes of the family, which the map may treat otherwise.
        entry.meshes += sorted(set(meshes) - set(entry.meshes))
        entry.mesh_count = len(entry.meshes)
        if group.group.startswith("#"):
            entry.colors = [group.group]
        else:
            bases = {_pattern(mesh) for mesh in (meshes or [group.group])}
            entry.patterns = sorted({*entry.patterns, *bases}, key=str.lower)
    for raw_id in np.flatnonzero(counted.pixels):
        number = int(raw_id)
        if number not in names:
            is_background = number == 0 and bool(source.object_table)
            names[number] = BACKGROUND if is_background else f"id {number}"
            ids = [] if is_background else [number]
            entries.setdefault(names[number], LabelEntry(names[number], [], 0, [], ids, []))
    return names


def _pattern(mesh: str) -> str:
    """Return the expression that takes a mesh and its siblings of other numbers."""
    base = base_name(mesh)
    return r"\d[\d_]*" if re.fullmatch(r"[\d_]+", base) else re.escape(base).lower()


class _Sums:
    """The statistics of one label, summed over sequences."""

    def __init__(self) -> None:
        self.pixels = self.coloured = self.frames = self.appearances = self.kept = self.either = 0
        self.colour, self.texture, self.height = np.zeros(6), np.zeros(2), 0.0
        self.borders: dict[str, int] = defaultdict(int)
        self.sequences: list[str] = []
        self.best: list[tuple[float, int, int]] = []

    def add(
        self,
        number: int,
        raw_id: int,
        source: AuditSource,
        counted: SequenceStatistics,
        names: dict[int, str],
    ) -> None:
        """Add one sequence."""
        self.pixels += int(counted.pixels[raw_id])
        self.frames += int(counted.frames[raw_id])
        self.appearances += int(counted.appearances[raw_id])
        self.kept += int(counted.kept[raw_id])
        self.either += int(counted.either[raw_id])
        self.coloured += int(counted.coloured[raw_id])
        self.colour += counted.colour[raw_id]
        self.texture += counted.texture[raw_id]
        self.height += float(counted.height[raw_id])
        self.sequences.append(source.name)
        for other in np.flatnonzero(counted.neighbours[raw_id]):
            self.borders[names[int(other)]] += int(counted.neighbours[raw_id, other])
        self.best += [(score, number, frame) for score, frame in counted.best.get(raw_id, [])]

    def finish(self, entry: LabelEntry, total_pixels: int) -> None:
        """Turn sums into means."""
        entry.pixels, entry.frames, entry.appearances = self.pixels, self.frames, self.appearances
        entry.sequences = self.sequences
        if not self.pixels:
            return
        means = self.colour / max(1, self.coloured)
        variances = np.maximum(means[3:] - means[:3] ** 2, 0.0)
        entry.share = self.pixels / max(1, total_pixels)
        entry.colour = (float(means[0]), float(means[1]), float(means[2]))
        entry.spread = float(np.sqrt(variances).mean())
        entry.texture = float(self.texture[0] / max(1, self.texture[1]))
        entry.height = self.height / self.pixels
        entry.stability = self.kept / self.either if self.either else None
        borders = sorted(self.borders.items(), key=lambda item: -item[1])
        whole = max(1, sum(self.borders.values()))
        entry.neighbours = [(n, c / whole) for n, c in borders[:_NEIGHBOURS_LISTED]]
        entry.best = [(n, f) for _, n, f in sorted(self.best, reverse=True)[:BEST_FRAMES]]


def _classify(entry: LabelEntry, label_map: LabelMap | None) -> None:
    """Ask the map about a label, and set its class and state."""
    if label_map:
        classes = _classes_of(entry, label_map)
        if len(classes) > 1 and None not in classes:
            entry.state = "conflicting"
            entry.remarks.append(f"its meshes fall into {' and '.join(sorted(map(str, classes)))}")
        elif None not in classes:
            entry.class_name = next(iter(classes))
            entry.state = "ignored" if entry.class_name == IGNORE else "mapped"
        else:
            entry.remarks.append("no rule takes it")
    if not entry.pixels:
        entry.state = "unseen"


def _classes_of(entry: LabelEntry, label_map: LabelMap) -> set[str | None]:
    if entry.name == BACKGROUND:
        return {label_map.background}
    if entry.ids:
        return {label_map.class_of_id(entry.ids[0])}
    return {label_map.class_of_name(mesh) for mesh in (entry.meshes or [entry.name])}
