"""From counts to gains with intervals, and to sentences that say what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from airseg.bench.metrics.confusion import mean_iou
from airseg.bench.metrics.intervals import Bootstrap, interval
from airseg.bench.metrics.motion import VISIBILITIES
from airseg.bench.metrics.sequence_scorer import AREAS, MOTIONS, Counts, add_counts
from airseg.bench.temporal.conditions import CONDITIONS, DEPTHS
from airseg.bench.temporal.pairs import Pair
from airseg.bench.temporal.study import CLEAN, Measured, level_key

Score = Callable[[Counts], np.ndarray]


@dataclass(frozen=True)
class Point:
    """A network's gain at one level, in points of mean IoU (0 to 100).

    Attributes:
        level: its text.
        gain, low, high: over the per-frame version, and its 95 % interval (the gain itself, twice,
            where there is one sequence).
        memory, base: mean IoU of both, per cent.
        spread: deviation of the gain over seeds, or None of one seed.
    """

    level: str
    gain: float
    low: float
    high: float
    memory: float
    base: float
    spread: float | None = None


@dataclass(frozen=True)
class Curve:
    """A network's gains under one condition.

    Attributes:
        label: of the network with memory; base: of its per-frame version.
        points: by level.
        change: gain at the last level less that at the first, with its interval, or None.
    """

    label: str
    base: str
    points: list[Point]
    change: tuple[float, float, float] | None


@dataclass(frozen=True)
class Finding:
    """What one condition does to the gain: curves, and the same in words."""

    name: str
    title: str
    axis: str
    how: str
    curves: list[Curve]
    sentences: list[str]


class Gains:
    """Gains of pairs of networks, resampled by sequence.

    Args:
        pairs: those of one label are different seeds of one network.
        measured: by run.
        sequences: names, in the order of the draws.
    """

    def __init__(
        self, pairs: Sequence[Pair], measured: dict[str, Measured], sequences: Sequence[str]
    ) -> None:
        self._measured, self._sequences = measured, list(sequences)
        self._bootstrap = Bootstrap(len(self._sequences))
        self.groups: dict[str, list[Pair]] = {}
        for pair in pairs:
            self.groups.setdefault(pair.memory.label, []).append(pair)

    def has(self, label: str, key: str) -> bool:
        """Tell whether a level was measured for all of a label's networks."""
        runs = [r.run for p in self.groups[label] for r in (p.memory, p.base)]
        return all(key in self._measured[run] for run in runs)

    def has_memory(self, label: str, key: str) -> bool:
        """Tell whether a level was measured for the networks with memory alone."""
        return all(key in self._measured[p.memory.run] for p in self.groups[label])

    def curve(
        self, label: str, levels: Sequence[tuple[str, str, str, Score]], *, ordered: bool = True
    ) -> Curve:
        """Return a network's gains.

        Args:
            label: of the network with memory.
            levels: text, the memory's key, the base's key, and the score of each level.
            ordered: whether the last level less the first means something.
        """
        pairs = self.groups[label]
        points, draws = [], []
        for text, key, base_key, score in levels:
            found = [self._one(pair, key, base_key, score) for pair in pairs]
            memory, base = (float(np.mean([f[i] for f in found])) for i in (0, 1))
            if np.isnan(memory) or np.isnan(base):
                continue
            draws.append(np.mean([f[2] for f in found], 0))
            low, high = interval(draws[-1]) or (memory - base, memory - base)
            each = [f[0] - f[1] for f in found]
            spread = float(np.std(each, ddof=1)) if len(each) > 1 else None
            points.append(Point(text, memory - base, low, high, memory, base, spread))
        change = None
        if ordered and len(points) > 1:
            bounds = interval(draws[-1] - draws[0])
            if bounds is not None:
                change = (points[-1].gain - points[0].gain, *bounds)
        return Curve(label, pairs[0].base.label, points, change)

    def _one(
        self, pair: Pair, key: str, base_key: str, score: Score
    ) -> tuple[float, float, np.ndarray]:
        """Return mean IoU of memory and base in per cent, and the draws of their difference."""
        several = [
            [self._measured[run][place][s] for s in self._sequences]
            for run, place in ((pair.memory.run, key), (pair.base.run, base_key))
        ]
        whole = [100 * float(score(add_counts(counts))) for counts in several]
        drawn = [100 * self._bootstrap.scores(counts, score) for counts in several]
        return whole[0], whole[1], drawn[0] - drawn[1]


def find(gains: Gains, conditions: Sequence[str], rate_hz: float | None) -> list[Finding]:
    """Return what every condition that was measured shows.

    Args:
        gains: of all networks.
        conditions: names of the measured ones.
        rate_hz: of the dataset, or None.
    """
    found = [_overall(gains)]
    for condition in CONDITIONS:
        if condition.name not in conditions:
            continue
        texts = list(condition.shown)
        if condition.name == "rate" and rate_hz:
            texts = [f"{rate_hz / level:g}" for level in condition.levels]
        keys = [level_key(condition.name, level) for level in condition.levels]
        levels = [(t, k, k, _matrix) for t, k in zip(texts, keys, strict=True)]
        curves = [gains.curve(label, levels) for label in gains.groups if gains.has(label, keys[1])]
        shown = Finding(condition.name, condition.title, condition.axis, condition.how, curves, [])
        found.append(replace(shown, sentences=[_trend(c, shown) for c in curves if c.points]))
    found += [_stratum(gains, *s) for s in _STRATA]
    if "depth" in conditions:
        found += [f for f in (_test_depth(gains), _training_depth(gains)) if f.curves]
    return [f for f in found if any(c.points for c in f.curves)]


def headlines(findings: Sequence[Finding], flights: int, supervised_frames: int) -> list[str]:
    """Return what to read first: the overall gain, what changes it, and how far to trust it.

    Args:
        findings: the overall one first.
        flights: how many were tested on.
        supervised_frames: of the network that was trained on fewest.
    """
    said = list(findings[0].sentences)
    sure = [
        _trend(curve, f)
        for f in findings
        if f.name in _HARDER
        for curve in f.curves
        if curve.change and (curve.change[1] > 0 or curve.change[2] < 0)
    ]
    said += sure or ["No condition changed what memory is worth by more than flights differ."]
    if flights < _FEW_FLIGHTS:
        count = "one flight has" if flights == 1 else f"{flights} flights have"
        said.append(f"Only {count} been tested on: what is said here is true of them, not of all.")
    if supervised_frames < _FEW_FRAMES:
        said.append(
            f"Trained on {supervised_frames} frames only: this shows that the way works, not what "
            "memory is worth to a network that has learnt its task."
        )
    return said


def verdict(point: Point) -> str:
    """Return in words what an interval allows to say."""
    if point.low > 0:
        return "helps"
    if point.high < 0:
        return "hurts"
    return "makes no difference that these flights could show"


def points_text(value: float) -> str:
    """Return a number of points with its sign, a true minus.

    A number so small that one digit would lose its sign gets two: it decides what is said.
    """
    digits = 2 if 0.005 <= abs(value) < 0.05 else 1
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "\u2212")


def amount(gain: float, low: float, high: float) -> str:
    """Return a gain with its interval: ``+1.2 points (+0.4 to +2.0)``."""
    return f"{points_text(gain)} points ({points_text(low)} to {points_text(high)})"


def _matrix(counts: Counts) -> np.ndarray:
    return mean_iou(counts["matrix"])


def _part(name: str, index: int) -> Score:
    return lambda counts: mean_iou(counts[name][..., index, :, :])


def _overall(gains: Gains) -> Finding:
    curves = [
        gains.curve(label, [("as recorded", CLEAN, CLEAN, _matrix)]) for label in gains.groups
    ]
    words = [
        f"{c.label}: memory {verdict(c.points[0])}: "
        f"{amount(c.points[0].gain, c.points[0].low, c.points[0].high)} over {c.base}, which "
        f"reaches {c.points[0].base:.1f} % mean IoU."
        for c in curves
    ]
    how = "Every frame of the split, as it was recorded."
    return Finding("overall", "As recorded", "", how, curves, words)


def _trend(curve: Curve, finding: Finding) -> str:
    first, last = curve.points[0], curve.points[-1]
    begin = (
        f"{curve.label}, {finding.title.lower()}: {amount(first.gain, first.low, first.high)} at "
        f"\u201c{first.level}\u201d, {amount(last.gain, last.low, last.high)} at "
        f"\u201c{last.level}\u201d."
    )
    if curve.change is None:
        return begin
    change, low, high = curve.change
    harder = _HARDER[finding.name]
    if low > 0:
        return f"{begin} Memory is worth more {harder}: {amount(change, low, high)}."
    if high < 0:
        return f"{begin} Memory is worth less {harder}: {amount(change, low, high)}."
    return f"{begin} Whether memory is worth more {harder} stays open: {amount(*curve.change)}."


_HARDER = {
    "rate": "at lower frame rates",
    "noise": "in noise",
    "fog": "in fog",
    "darkness": "in the dark",
}
_FEW_FLIGHTS, _FEW_FRAMES = 5, 20_000

_STRATA: tuple[tuple[str, str, str, tuple[str, ...], str], ...] = (
    (
        "motion",
        "Image motion",
        "pixels a frame",
        MOTIONS[:-1],
        "Pixels by how far what they show moved in the picture since the frame before, from depth "
        "and poses. Each group has a confusion matrix of its own.",
    ),
    (
        "visibility",
        "Occlusion",
        "what the pixel shows",
        (*VISIBILITIES[:-1], "gone next"),
        "Pixels by whether what they show could be seen in the frame before: seen, outside the "
        "picture, or hidden (dis-occlusion); and those that nobody sees any more in the next.",
    ),
    (
        "area",
        "Class size",
        "share of the frame",
        AREAS,
        "Pixels by how much of the frame their class takes.",
    ),
)


def _stratum(
    gains: Gains, name: str, title: str, axis: str, levels: tuple[str, ...], how: str
) -> Finding:
    scores = [(text, _part(name, i)) for i, text in enumerate(levels)]
    if name == "visibility":
        scores[-1] = (levels[-1], lambda counts: mean_iou(counts["gone"]))
    curves = [
        gains.curve(
            label,
            [(text, CLEAN, CLEAN, score) for text, score in scores],
            ordered=name != "visibility",
        )
        for label in gains.groups
    ]
    words = []
    for c in curves:
        if not c.points:
            continue
        best = max(c.points, key=lambda p: p.gain)
        worst = min(c.points, key=lambda p: p.gain)
        words.append(
            f"{c.label}: most for pixels \u201c{best.level}\u201d, "
            f"{amount(best.gain, best.low, best.high)}; least for \u201c{worst.level}\u201d, "
            f"{amount(worst.gain, worst.low, worst.high)}."
        )
    return Finding(name, title, axis, how, curves, words)


def _test_depth(gains: Gains) -> Finding:
    keys = [(str(d), level_key("depth", d), CLEAN, _matrix) for d in DEPTHS]
    curves, words = [], []
    for label in gains.groups:
        known = [k for k in keys if gains.has_memory(label, k[1])]
        if len(known) < 2:
            continue
        curve = gains.curve(label, known, ordered=False)
        curves.append(curve)
        trained = gains.groups[label][0].memory.depth
        best = max(curve.points, key=lambda p: p.gain)
        words.append(
            f"{label}, trained with {trained} earlier frames, is best with {best.level} at test: "
            f"{amount(best.gain, best.low, best.high)} over {curve.base}."
        )
    how = (
        "The same trained network with a memory of another depth. What was trained with a sum of "
        "N frames is off its scale with another number."
    )
    return Finding("depth", "Memory depth at test", "earlier frames", how, curves, words)


def _training_depth(gains: Gains) -> Finding:
    families: dict[str, list[tuple[int, str]]] = {}
    for label, pairs in gains.groups.items():
        if pairs[0].memory.depth:
            families.setdefault(pairs[0].base.label, []).append((pairs[0].memory.depth, label))
    curves, words = [], []
    for base, members in families.items():
        if len({depth for depth, _ in members}) < 2:
            continue
        points = []
        for depth, label in sorted(members):
            point = gains.curve(label, [(str(depth), CLEAN, CLEAN, _matrix)]).points[0]
            points.append(point)
        curves.append(Curve(f"trained beside {base}", base, points, None))
        best = max(points, key=lambda p: p.gain)
        words.append(
            f"Of the depths trained, {best.level} is best: "
            f"{amount(best.gain, best.low, best.high)} over {base}."
        )
    how = "Networks trained with memories of different depth, each tested at its own."
    return Finding("training", "Memory depth at training", "earlier frames", how, curves, words)
