"""Measure networks under each condition: confusion matrices of each sequence, kept in files.

All networks see a changed frame one after the other, so that it is read and changed once. What was
measured is kept in a file a network; the same command goes on after a kill.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from airseg.bench.aside import write_aside
from airseg.bench.frames import resize_frame, to_model
from airseg.bench.metrics.confusion import ConfusionMatrix
from airseg.bench.metrics.motion import Motion, focal_length
from airseg.bench.metrics.sequence_scorer import SequenceScorer
from airseg.bench.recipes import Recipe
from airseg.bench.scoring.scoring import motions
from airseg.bench.temporal.conditions import CONDITIONS, DEPTHS, Condition, Picture
from airseg.bench.temporal.pairs import DEPTH_OPTION, Row
from airseg.bench.training.checkpoint import finished_state
from airseg.bench.training.engine import build
from airseg.bench.training.weights import load_weights
from airseg.dataset.reading import Dataset, SequenceView
from airseg.models.base import VideoSegmenter
from airseg.models.label_maps import label_map

CLEAN = "clean"
_VERSION = 1
_RATE = next(c for c in CONDITIONS if c.name == "rate")
_EVERY = int(max(_RATE.levels))
SHORTEST_FOR_RATES = _EVERY + 1
"""Frames of a flight in which one that is scored at every rate has another before it at each."""

Progress = Callable[[str, int, int | None], None]
Measured = dict[str, dict[str, dict[str, np.ndarray]]]
"""By condition and level, by sequence, by name: counts that add up."""


@dataclass
class Entry:
    """One network in a pass over the frames: whose it is, where its counts go, and its stream."""

    run: str
    key: str
    model: VideoSegmenter
    size: tuple[int, int]
    memory: Any = None


@dataclass(frozen=True)
class Plan:
    """What is measured on what.

    Attributes:
        dataset, sequences: the frames; frames: how many of each sequence, or None for all.
        conditions: names of those of `CONDITIONS` that are wanted and possible, and ``depth``.
        device: where to compute.
        folder: where counts are kept.
    """

    dataset: Dataset
    sequences: list[str]
    frames: int | None
    conditions: tuple[str, ...]
    device: torch.device
    folder: Path
    progress: Progress = field(default=lambda what, done, total: None)

    def length(self, name: str) -> int:
        """Return how many frames of a sequence are used."""
        length = self.dataset.sequence(name).length
        return length if self.frames is None else min(self.frames, length)

    def fingerprint(self, row: Row) -> str:
        """Return a hash of everything that decides what is measured of a row."""
        with row.checkpoint.open("rb") as file:
            weights = hashlib.file_digest(file, "blake2b").hexdigest()
        content = [_VERSION, row.result.recipe_hash, self.dataset.content_hash, weights]
        content += [self.sequences, self.frames]
        return hashlib.blake2b(json.dumps(content).encode(), digest_size=12).hexdigest()


def level_key(condition: str, level: float) -> str:
    """Return the name of a condition's level in files."""
    return f"{condition}/{level:g}"


def missing_streams(dataset: Dataset, sequences: Sequence[str], condition: Condition) -> list[str]:
    """Return the sequences that lack what a condition is made from."""
    if not condition.needs_depth:
        return []
    views = [dataset.sequence(name) for name in sequences]
    return [v.name for v in views if not v.has_depth or _focal(v) is None]


def measure(plan: Plan, rows: Sequence[Row]) -> dict[str, Measured]:
    """Measure rows under the plan's conditions; what was measured before is read.

    Returns:
        By run.
    """
    stores = {row.run: _Store(plan, row) for row in rows}
    jobs = list(_jobs(plan, rows, stores))
    total = sum(sum(plan.length(s) for s in plan.sequences) for _ in jobs)
    done = 0
    for what, condition, level, entries in jobs:
        counts: dict[tuple[str, str], dict[str, dict[str, np.ndarray]]] = {}
        for name in plan.sequences:
            found = _pass(plan, plan.dataset.sequence(name), condition, level, entries)
            for place, value in found.items():
                counts.setdefault(place, {})[name] = value
            done += plan.length(name)
            plan.progress(what, done, total)
        for (run, key), value in counts.items():  # type: ignore[assignment]
            stores[run].add(key, value)  # type: ignore[arg-type]
    for row in rows:
        _copy_what_cannot_differ(row, stores[row.run].measured)
    return {run: store.measured for run, store in stores.items()}


class _Store:
    """What was measured of one row, in its file."""

    def __init__(self, plan: Plan, row: Row) -> None:
        self._path = plan.folder / f"{row.run}.json"
        self._fingerprint = plan.fingerprint(row)
        self.measured: Measured = {}
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            if kept["fingerprint"] == self._fingerprint:
                self.measured = {
                    key: {s: {n: np.array(v) for n, v in c.items()} for s, c in by.items()}
                    for key, by in kept["measured"].items()
                }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self.measured = {}  # none yet, or cut off: it is measured again

    def add(self, key: str, counts: dict[str, dict[str, np.ndarray]]) -> None:
        """Keep the counts of one level, in the file too."""
        self.measured[key] = counts
        measured = {
            key: {s: {n: v.tolist() for n, v in c.items()} for s, c in by.items()}
            for key, by in self.measured.items()
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        content = {"fingerprint": self._fingerprint, "measured": measured}
        write_aside(self._path, json.dumps(content).encode())


def _jobs(
    plan: Plan, rows: Sequence[Row], stores: dict[str, _Store]
) -> Iterator[tuple[str, Condition | None, float, list[Entry]]]:
    """Yield the passes over the frames that are still to be made, and the networks of each."""
    models: dict[str, VideoSegmenter] = {}

    def entries(key: str, chosen: Sequence[Row]) -> list[Entry]:
        wanted = [row for row in chosen if key not in stores[row.run].measured]
        for row in wanted:
            if row.run not in models:
                models[row.run] = _load(row, plan)
        return [Entry(row.run, key, models[row.run], _size(row)) for row in wanted]

    found: list[tuple[str, Condition | None, float, list[Entry]]] = [
        ("as recorded", None, 1, entries(CLEAN, rows))
    ]
    for condition in CONDITIONS:
        if condition.name not in plan.conditions:
            continue
        for level, shown in list(zip(condition.levels, condition.shown, strict=True))[1:]:
            # Left-out frames mean nothing to a network that looks at one.
            chosen = [r for r in rows if condition is not _RATE or not r.is_per_frame]
            key = level_key(condition.name, level)
            what = f"{condition.title.lower()} {shown}"
            found.append((what, condition, level, entries(key, chosen)))
    if "depth" in plan.conditions:
        found.append(("other depths of memory", None, 1, _other_depths(plan, rows, stores)))
    yield from (job for job in found if job[3])


def _other_depths(plan: Plan, rows: Sequence[Row], stores: dict[str, _Store]) -> list[Entry]:
    """Return networks with a memory of another depth than they were trained with."""
    entries = []
    for row in rows:
        if not row.depth:
            continue
        for depth in DEPTHS:
            key = level_key("depth", depth)
            if depth != row.depth and key not in stores[row.run].measured:
                entries.append(Entry(row.run, key, _load(row, plan, depth), _size(row)))
    return entries


def _copy_what_cannot_differ(row: Row, measured: Measured) -> None:
    """Fill in levels that need no measuring: as recorded, and rates of per-frame networks."""
    whole = {s: {"matrix": c["matrix"]} for s, c in measured[CLEAN].items()}
    some = {s: {"matrix": c["some"]} for s, c in measured[CLEAN].items()}
    for condition in CONDITIONS:
        first = level_key(condition.name, condition.levels[0])
        measured[first] = some if condition is _RATE else whole
    if row.is_per_frame:
        for level in _RATE.levels:
            measured[level_key("rate", level)] = some
    if row.depth is not None:
        measured[level_key("depth", row.depth)] = whole


def _pass(
    plan: Plan,
    view: SequenceView,
    condition: Condition | None,
    level: float,
    entries: list[Entry],
) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """Stream one sequence through networks; return the counts of each by run and key."""
    stride = int(level) if condition is _RATE else 1
    stop = plan.length(view.name)
    tally = _Tally(view, entries, thorough=any(e.key == CLEAN for e in entries))
    moving = motions(view, stop) if tally.is_thorough else None
    for entry in entries:
        entry.memory = None
    for index in range(0, stop, stride):
        motion = next(moving) if moving is not None else None
        frame = _picture(view, index, condition, level)
        scored = condition is not _RATE or index % _EVERY == 0
        label = view.label(index, index + 1)[0] if scored else None
        resized: dict[tuple[int, int], torch.Tensor] = {}
        for place, entry in enumerate(entries):
            if entry.size not in resized:
                small = to_model(resize_frame(frame, entry.size)[None])
                resized[entry.size] = small[None].to(plan.device)
            with torch.inference_mode():
                logits, entry.memory = entry.model.coarse(resized[entry.size], entry.memory)
                if label is None:
                    continue
                labels = label_map(
                    logits,
                    label.shape,
                    align_corners=entry.model.align_corners,
                    frame_size=entry.size,
                )
                predicted = labels[0, 0].cpu().numpy()
            tally.add(place, index, predicted, label, motion)
    return {(e.run, e.key): tally.counts(place) for place, e in enumerate(entries)}


class _Tally:
    """Counts of the networks of one pass over one sequence."""

    def __init__(self, view: SequenceView, entries: list[Entry], *, thorough: bool) -> None:
        classes, ignore = view.dataset.num_classes, view.dataset.ignore_index
        self.is_thorough = thorough
        self._matrices = [ConfusionMatrix(classes, ignore) for _ in entries]
        self._some = [ConfusionMatrix(classes, ignore) for _ in entries]
        self._scorers = [SequenceScorer(classes, ignore, boundaries=False) for _ in entries]

    def add(
        self,
        place: int,
        index: int,
        predicted: np.ndarray,
        label: np.ndarray,
        motion: Motion | None,
    ) -> None:
        """Count one frame of one network."""
        pair = torch.from_numpy(predicted), torch.from_numpy(label)
        self._matrices[place].update(*pair)
        if self.is_thorough:
            self._scorers[place].update(predicted, label, motion)
            if index % _EVERY == 0:
                self._some[place].update(*pair)

    def counts(self, place: int) -> dict[str, np.ndarray]:
        """Return what is kept of one network."""
        counts = {"matrix": self._matrices[place].counts}
        if self.is_thorough:
            found = self._scorers[place].counts()
            counts |= {n: found[n] for n in ("motion", "visibility", "gone", "area")}
            counts["some"] = self._some[place].counts
        return counts


def _picture(
    view: SequenceView, index: int, condition: Condition | None, level: float
) -> np.ndarray:
    """Return one frame under a condition: (H, W, 3) uint8."""
    rgb = view.rgb(index, index + 1)[0]
    if condition is None or condition.change is None:
        return rgb
    depth = view.depth(index, index + 1)[0] if condition.needs_depth else None
    return condition.change(Picture(rgb, depth, _focal(view), view.name, index), level)


def _focal(view: SequenceView) -> float | None:
    return focal_length(view.details.get("camera", {}), view.width)


def _size(row: Row) -> tuple[int, int]:
    data = row.result.recipe["data"]
    return int(data["height"]), int(data["width"])


def _load(row: Row, plan: Plan, depth: int | None = None) -> VideoSegmenter:
    """Return a row's trained network, with another depth of memory where one is asked for."""
    content = json.loads(json.dumps(row.result.recipe))
    content["model"]["weights"] = "none"
    if depth is not None:
        content["model"]["options"][DEPTH_OPTION] = depth
    model = build(Recipe.model_validate(content), plan.dataset.num_classes)
    state = finished_state(row.checkpoint, row.result.made_of, row.result.steps)
    named = state["model"]
    if "average" in state:  # where a running average was trained, it is what was scored
        prefix = "module."
        named = {k.removeprefix(prefix): v for k, v in state["average"].items() if prefix in k}
    if depth == 0:  # along motion there is nothing to move, and no flow network
        named = {k: v for k, v in named.items() if not k.startswith("flow.")}
    if depth == 0 or "average" in state:
        model.load_state_dict(named)
    else:
        load_weights(model, str(row.checkpoint))
    return model.to(plan.device).eval()
