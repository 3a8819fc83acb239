"""From gains to findings: what every condition shows, tested together, and in words.

Words that decide, helps and hurts, are for what was trained from three seeds or more, tested on six
flights or more, and stands out after correction for all that the page tests (Holm). What does not
stand out is given a bound; what cannot be tested is open, with what it would take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from airseg.bench.metrics.confusion import mean_iou
from airseg.bench.metrics.intervals import ALPHA, FEWEST_FLIGHTS, FEWEST_SEEDS, holm
from airseg.bench.metrics.motion import VISIBILITIES
from airseg.bench.metrics.sequence_scorer import AREAS, MOTIONS, Counts
from airseg.bench.temporal.conditions import CONDITIONS, DEPTHS
from airseg.bench.temporal.gains import Curve, Gains, Point, Score
from airseg.bench.temporal.study import CLEAN, level_key


@dataclass(frozen=True)
class Finding:
    """What one condition does to the gain: curves, and the same in words."""

    name: str
    title: str
    axis: str
    how: str
    curves: list[Curve]
    sentences: list[str]


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
        found.append(
            Finding(condition.name, condition.title, condition.axis, condition.how, curves, [])
        )
    found += [_stratum(gains, *s) for s in _STRATA]
    if "depth" in conditions:
        found += [f for f in (_test_depth(gains), _training_depth(gains)) if f.curves]
    known = [_with_points(f) for f in found if any(c.points for c in f.curves)]
    return [replace(f, sentences=_words(f)) for f in _corrected(known)]


def headlines(
    findings: Sequence[Finding], flights: int, supervised_frames: int, control: str = ""
) -> list[str]:
    """Return what to read first: the overall gain, what changes it, and how far to trust it.

    Args:
        findings: the overall one first.
        flights: how many were tested on.
        supervised_frames: of the network that was trained on fewest.
        control: label of the network that is known to use the past, or nothing.
    """
    said = list(findings[0].sentences)
    shown = [(c, f) for f in findings if f.name in _HARDER for c in f.curves if c.change]
    changes = [c.change for c, _ in shown if c.change]
    sure = [_trend(c, f) for c, f in shown if _stands_out(c.change)]
    said += sure
    if changes and not sure:
        said.append(
            "No condition is shown to change what memory is worth."
            if any(c.is_testable for c in changes)
            else "Whether any condition changes what memory is worth is open."
        )
    said.append(_assay(findings[0], control))
    if flights < FEWEST_FLIGHTS:
        count = "one flight has" if flights == 1 else f"{flights} flights have"
        them = "it" if flights == 1 else "them"
        said.append(
            f"Only {count} been tested on: what is said here is true of {them}, not of all."
        )
    if supervised_frames < _FEW_FRAMES:
        said.append(
            f"Trained on {supervised_frames} frames only: this shows that the way works, not what "
            "memory is worth to a network that has learnt its task."
        )
    return said


def verdict(point: Point) -> str:
    """Return in words what a gain allows to say, after correction."""
    if not point.is_testable:
        return "is open"
    if _stands_out(point):
        return "helps" if point.gain > 0 else "hurts"
    return f"is not shown to matter, no more than {point.bound:.1f} points either way"


def points_text(value: float) -> str:
    """Return a number of points with its sign, a true minus.

    A number so small that one digit would lose its sign gets two: it decides what is said.
    """
    digits = 2 if 0.005 <= abs(value) < 0.05 else 1
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "\u2212")


def amount(point: Point) -> str:
    """Return a gain with its bounds: ``+1.2 points (95 %: +0.4 to +2.0)``."""
    gain = f"{points_text(point.gain)} points"
    if point.kind == "none":
        return gain
    kind = "95 %" if point.kind == "interval" else "range of flights"
    return f"{gain} ({kind}: {points_text(point.low)} to {points_text(point.high)})"


def _stands_out(point: Point | None) -> bool:
    return point is not None and point.corrected is not None and point.corrected < ALPHA


def _with_points(finding: Finding) -> Finding:
    return replace(finding, curves=[c for c in finding.curves if c.points])


def _corrected(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings whose tests are corrected together: overall gains, and ordered changes."""
    overall = [p for c in findings[0].curves for p in c.points]
    changes = [c.change for f in findings if f.name in _HARDER for c in f.curves if c.change]
    tested = [p for p in (*overall, *changes) if p.probability is not None]
    found = dict(zip(map(id, tested), holm([p.probability or 0.0 for p in tested]), strict=True))

    def change(point: Point) -> Point:
        return replace(point, corrected=found.get(id(point)))

    return [
        replace(
            f,
            curves=[
                replace(
                    c,
                    points=[change(p) for p in c.points],
                    change=change(c.change) if c.change else None,
                )
                for c in f.curves
            ],
        )
        for f in findings
    ]


def _words(finding: Finding) -> list[str]:
    if finding.name == "overall":
        return [_gain(c) for c in finding.curves]
    if finding.name in _HARDER:
        return [_trend(c, finding) for c in finding.curves]
    return [_extremes(c) for c in finding.curves]


def _gain(curve: Curve) -> str:
    point = curve.points[0]
    over = f"{amount(point)} over {curve.base}, which reaches {point.base:.1f} % by flight."
    if point.is_testable:
        return f"{curve.label}: memory {verdict(point)}: {over}{_what_it_would_take(point)}"
    seeds = "1 seed" if point.seeds == 1 else f"{point.seeds} seeds"
    flights = "1 flight" if point.flights == 1 else f"{point.flights} flights"
    return (
        f"{curve.label}: whether memory helps {verdict(point)} ({seeds}, {flights}; a verdict "
        f"takes {FEWEST_SEEDS} seeds and {FEWEST_FLIGHTS} flights): {over}"
    )


def _what_it_would_take(point: Point) -> str:
    if not point.is_testable or _stands_out(point) or point.times is None or point.times <= 1:
        return ""
    if point.times > 100:
        return ""  # a gain this close to nothing is told by its bound
    return (
        f" To set a gain of this size apart from none would take about {point.times:.0f} times as "
        "many flights and seeds."
    )


def _assay(overall: Finding, control: str) -> str:
    """Say whether this study could have shown what memory is worth at all."""
    found = next((c for c in overall.curves if control and c.label == control), None)
    if found is None:
        return (
            "There is no positive control, a network that is known to use the past: that nothing "
            "was shown says nothing."
        )
    if not found.points[0].is_testable:
        return f"Whether the positive control, {control}, helps is open as well."
    if _stands_out(found.points[0]) and found.points[0].gain > 0:
        return f"The positive control, {control}, helps: this study can show what memory is worth."
    return (
        f"The positive control, {control}, is not shown to help: a network that is known to use "
        "the past shows no gain here, so that nothing was shown for the others says nothing."
    )


def _matrix(counts: Counts) -> np.ndarray:
    return mean_iou(counts["matrix"])


def _part(name: str, index: int) -> Score:
    return lambda counts: mean_iou(counts[name][..., index, :, :])


def _overall(gains: Gains) -> Finding:
    curves = [
        gains.curve(label, [("as recorded", CLEAN, CLEAN, _matrix)]) for label in gains.groups
    ]
    how = "Every frame of the split, as it was recorded."
    return Finding("overall", "As recorded", "", how, curves, [])


def _trend(curve: Curve, finding: Finding) -> str:
    first, last = curve.points[0], curve.points[-1]
    begin = (
        f"{curve.label}, {finding.title.lower()}: {amount(first)} at \u201c{first.level}\u201d, "
        f"{amount(last)} at \u201c{last.level}\u201d."
    )
    change = curve.change
    if change is None:
        return begin
    harder = _HARDER[finding.name]
    if not change.is_testable:
        return f"{begin} Whether memory is worth more {harder} is open: {amount(change)}."
    if _stands_out(change):
        more = "more" if change.gain > 0 else "less"
        return f"{begin} Memory is worth {more} {harder}: {amount(change)}."
    return (
        f"{begin} It is not shown to be worth more or less {harder}: {amount(change)}."
        f"{_what_it_would_take(change)}"
    )


def _extremes(curve: Curve) -> str:
    best = max(curve.points, key=lambda p: p.gain)
    worst = min(curve.points, key=lambda p: p.gain)
    return (
        f"{curve.label}: most at \u201c{best.level}\u201d, {amount(best)}; least at "
        f"\u201c{worst.level}\u201d, {amount(worst)}. Which level is best was not tested."
    )


_HARDER = {
    "rate": "at lower frame rates",
    "noise": "in noise",
    "fog": "in fog",
    "darkness": "in the dark",
}
_FEW_FRAMES = 20_000


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
    return Finding(name, title, axis, how, curves, [])


def _test_depth(gains: Gains) -> Finding:
    keys = [(str(d), level_key("depth", d), CLEAN, _matrix) for d in DEPTHS]
    curves = []
    for label in gains.groups:
        known = [k for k in keys if gains.has_memory(label, k[1])]
        if len(known) > 1:
            curves.append(gains.curve(label, known, ordered=False))
    how = (
        "The same trained network with a memory of another depth. What was trained with a sum of "
        "N frames is off its scale with another number."
    )
    return Finding("depth", "Memory depth at test", "earlier frames", how, curves, [])


def _training_depth(gains: Gains) -> Finding:
    families: dict[str, list[tuple[int, str]]] = {}
    for label, pairs in gains.groups.items():
        if pairs[0].memory.depth:
            families.setdefault(pairs[0].base.label, []).append((pairs[0].memory.depth, label))
    curves = []
    for base, members in families.items():
        if len({depth for depth, _ in members}) < 2:
            continue
        points = []
        for depth, label in sorted(members):
            point = gains.curve(label, [(str(depth), CLEAN, CLEAN, _matrix)]).points[0]
            points.append(point)
        curves.append(Curve(f"trained beside {base}", base, points, None))
    how = "Networks trained with memories of different depth, each tested at its own."
    return Finding("training", "Memory depth at training", "earlier frames", how, curves, [])
