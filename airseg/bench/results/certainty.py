"""How sure a row's score is, and how far two rows lie apart: over flights and trainings.

What is estimated is the mean over flights of a score of one flight, not the pooled score of the
split: flights are the independent draws, and a mean of draws is what an interval can be told for.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from airseg.bench.metrics.intervals import ALPHA, Estimate, estimate, holm
from airseg.bench.results.result import Result
from airseg.bench.results.seeds import members, seed_of


def by_flight(result: Result, metric: str = "mean_iou", place: str | None = None) -> np.ndarray:
    """Return (S, F) scores of a row: a line a training, a column a flight; NaN where there is none.

    Args:
        result: one training, or several as one row.
        metric: of `SequenceResult`.
        place: only flights of this kind of place, or None for all.
    """
    flights = [f for f in result.dataset.sequences if place in (None, result.places.get(f))]
    return np.array([[_of_flight(r, f, metric) for f in flights] for r in members(result)], float)


def certainty(result: Result, metric: str = "mean_iou", place: str | None = None) -> Estimate:
    """Return the mean over flights of a row's score, and how sure it is."""
    return estimate(by_flight(result, metric, place))


@dataclass(frozen=True)
class Difference:
    """One row less another, flight by flight, training by training of the same seed.

    Attributes:
        first, second: runs of the rows.
        found: the mean difference; shares, from -1 to 1.
        probability: corrected for how many pairs there are; NaN where it could not be tested.
    """

    first: str
    second: str
    found: Estimate
    probability: float = math.nan

    @property
    def is_shown(self) -> bool:
        """Whether the rows are shown to differ."""
        return self.probability < ALPHA


def difference(first: Result, second: Result, metric: str = "mean_iou") -> Difference:
    """Return how far two rows lie apart on the same flights.

    Trainings are paired by seed. What was not trained here, label maps of another program and the
    majority class, is the same whatever the seed.
    """
    tables = [
        dict(zip(map(seed_of, members(r)), by_flight(r, metric), strict=True))
        for r in (first, second)
    ]
    ours, theirs = tables
    if not is_trained(second):
        theirs = dict.fromkeys(ours, next(iter(theirs.values())))
    elif not is_trained(first):
        ours = dict.fromkeys(theirs, next(iter(ours.values())))
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        missing = Estimate(math.nan, math.nan, math.nan, "none", 0, 0)
        return Difference(first.run, second.run, missing)
    found = estimate(np.stack([ours[s] - theirs[s] for s in seeds]))
    return Difference(first.run, second.run, found)


def differences(results: Sequence[Result], metric: str = "mean_iou") -> list[Difference]:
    """Return every pair of rows of one split, with probabilities corrected for their number (Holm).

    A pair in which a network was trained from fewer than three seeds is not tested: what one
    training does better than another says nothing of the networks.
    """
    rows = [r for r in results if r.protocol != "paper" and _has_flights(r, metric)]
    pairs = list(itertools.combinations(rows, 2))
    found = [difference(a, b, metric) for a, b in pairs]
    tested = [
        d.found.probability
        if d.found.is_testable or not (is_trained(a) or is_trained(b))
        else math.nan
        for d, (a, b) in zip(found, pairs, strict=True)
    ]
    return [replace(d, probability=p) for d, p in zip(found, holm(tested), strict=True)]


def letters(runs: Sequence[str], pairs: Sequence[Difference]) -> dict[str, str]:
    """Return letters for rows: those that are not shown to differ share one.

    Insert and absorb (Piepho, Journal of Computational and Graphical Statistics 13(2), 2004).

    Args:
        runs: of the rows, the best first.
        pairs: of all of them.
    """
    groups = [set(runs)]
    for pair in (p for p in pairs if p.is_shown):
        both = {pair.first, pair.second}
        split = [g - {run} for g in groups if both <= g for run in both]
        groups = [g for g in groups if not both <= g]
        for new in split:
            if not any(new <= g for g in groups):
                groups = [g for g in groups if not g < new] + [new]
    place = {run: i for i, run in enumerate(runs)}
    groups.sort(key=lambda g: sorted(place[r] for r in g))
    names = [chr(ord("a") + i) if i < 26 else f"({i})" for i in range(len(groups))]
    return {r: "".join(n for n, g in zip(names, groups, strict=True) if r in g) for r in runs}


def is_trained(result: Result) -> bool:
    """Whether a row is a network that was trained here, and would be another from another seed."""
    return result.kind == "model"


def _has_flights(result: Result, metric: str) -> bool:
    return bool(np.isfinite(by_flight(result, metric)).any())


def _of_flight(result: Result, flight: str, metric: str) -> float:
    found = result.scores.sequences.get(flight)
    value = getattr(found, metric) if found else None
    if found is None and metric == "mean_iou":  # what was scored by matrices alone
        value = result.scores.sequence_mean_iou.get(flight)
    return math.nan if value is None else value
