"""Gains of networks with memory over their partners, level by level, as two-way estimates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from airseg.bench.metrics.intervals import Estimate, estimate
from airseg.bench.metrics.sequence_scorer import Counts
from airseg.bench.temporal.pairs import Pair
from airseg.bench.temporal.study import Measured

Score = Callable[[Counts], np.ndarray]


@dataclass(frozen=True)
class Point:
    """A network's gain at one level, in points of class-mean IoU by flight (0 to 100).

    Attributes:
        level: its text.
        gain: over the partner, mean over flights and seeds.
        low, high: of its 95 % interval, or of the flights' range (the gain itself, twice, of one
            flight); kind: which; see `Estimate`.
        memory, base: class-mean IoU of both by flight, per cent.
        spread: deviation of the gain over seeds, or None of one seed.
        seeds, flights: how many.
        probability: of such a gain if there were none, or None where it is not known.
        corrected: the same for how much is tested on the page, or None where it is not tested.
        times: how many times the flights and seeds would set a gain of this size apart from none.
    """

    level: str
    gain: float
    low: float
    high: float
    memory: float
    base: float
    spread: float | None = None
    kind: str = "interval"
    seeds: int = 1
    flights: int = 1
    probability: float | None = None
    corrected: float | None = None
    times: float | None = None

    @property
    def is_testable(self) -> bool:
        """Whether there are seeds and flights enough for a verdict."""
        return self.probability is not None

    @property
    def bound(self) -> float:
        """How many points the gain is at most, either way."""
        return max(abs(self.low), abs(self.high))


@dataclass(frozen=True)
class Curve:
    """A network's gains under one condition.

    Attributes:
        label: of the network with memory; base: of its partner.
        points: by level.
        change: gain at the last level less that at the first, or None.
    """

    label: str
    base: str
    points: list[Point]
    change: Point | None


class Gains:
    """Gains of pairs of networks, flight by flight.

    Args:
        pairs: those of one label are different seeds of one network.
        measured: by run.
        sequences: names of the flights.
    """

    def __init__(
        self, pairs: Sequence[Pair], measured: dict[str, Measured], sequences: Sequence[str]
    ) -> None:
        self._measured, self._sequences = measured, list(sequences)
        self.groups: dict[str, list[Pair]] = {}
        for pair in pairs:
            self.groups.setdefault(pair.label, []).append(pair)

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
        points, tables = [], []
        for text, key, base_key, score in levels:
            memory = self._table([p.memory.run for p in pairs], key, score)
            base = self._table([p.base.run for p in pairs], base_key, score)
            if np.isnan(memory - base).any(0).all():
                continue
            tables.append(memory - base)
            points.append(_point(text, memory, base))
        change = None
        if ordered and len(points) > 1:
            change = _change(tables[-1] - tables[0], points)
        return Curve(label, pairs[0].base.label, points, change)

    def _table(self, runs: Sequence[str], key: str, score: Score) -> np.ndarray:
        """Return (S, F) class-mean IoU in per cent of each training on each flight."""
        return np.array(
            [[100 * float(score(self._measured[r][key][s])) for s in self._sequences] for r in runs]
        )


def _point(level: str, memory: np.ndarray, base: np.ndarray) -> Point:
    known = ~np.isnan(memory - base).any(0)
    gains = (memory - base)[:, known]
    return _described(
        level, estimate(gains), gains, float(memory[:, known].mean()), float(base[:, known].mean())
    )


def _change(gains: np.ndarray, points: Sequence[Point]) -> Point | None:
    known = ~np.isnan(gains).any(0)
    if not known.any():
        return None
    return _described("change", estimate(gains), gains[:, known], points[-1].gain, points[0].gain)


def _described(level: str, found: Estimate, gains: np.ndarray, memory: float, base: float) -> Point:
    bounded = found.kind != "none"
    each = gains.mean(1)
    return Point(
        level,
        found.mean,
        found.low if bounded else found.mean,
        found.high if bounded else found.mean,
        memory,
        base,
        float(np.std(each, ddof=1)) if len(each) > 1 else None,
        found.kind,
        found.seeds,
        found.flights,
        found.probability if found.is_testable else None,
        times=None if math.isnan(found.times_as_much) else found.times_as_much,
    )
