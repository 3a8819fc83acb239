"""How sure a score is: a two-way interval over trainings (seeds) and flights.

Frames of one flight resemble each other, so they are no independent draws; flights are, and so are
trainings that differ by their seed. A score is a table with a line a training and a column a
flight, and what is asked is its mean over trainings and flights that were not made. Its variance is
that of the lines' means over S, and what the columns' means vary by beyond the interaction over F;
Student's t has the harmonic mean of S - 1 and F - 1 degrees of freedom, weighted by these shares
(Cochran and Cox's way to join two variances, Experimental Designs, 1957, section 4.14, on crossed
factors as in studies of several readers: Obuchowski and Rockette, Communications in Statistics
24(2), 1995).

`benchmark/interval_coverage.py` shows by simulation what that covers. From fewer than 6 flights, or
from 2 seeds, nothing is called an interval, and the range of the flights stands in its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

FEWEST_FLIGHTS = 6
FEWEST_SEEDS = 3
LEVEL = 0.95
ALPHA = 1 - LEVEL
_STANDS_OUT = 1.5
"""How many times the interaction flights must vary by; chosen by simulation, where 1 gives null
memory 5.5 % of verdicts with three seeds, and 1.5 at most 4.6 %."""


@dataclass(frozen=True)
class Spread:
    """Values of several trainings that differ by their seed: mean, sample deviation, number."""

    mean: float
    deviation: float
    count: int


@dataclass(frozen=True)
class Estimate:
    """A mean over flights and trainings, and how sure it is.

    Attributes:
        mean: of the flights' means over trainings.
        low, high: of the 95 % interval, or of the flights' range; NaN where neither is.
        kind: ``interval``; ``range`` of the flights' means, which covers no given share; ``none``
            of one flight.
        seeds, flights: how many. With one seed an interval holds for this one training.
        error: standard error, and degrees: of freedom; NaN where there is no interval.
    """

    mean: float
    low: float
    high: float
    kind: Literal["interval", "range", "none"]
    seeds: int
    flights: int
    error: float = math.nan
    degrees: float = math.nan

    @property
    def probability(self) -> float:
        """Chance to see a mean at least so far from 0 if it were 0; NaN where it is not known."""
        if self.kind != "interval":
            return math.nan
        if self.error == 0:
            return 1.0 if self.mean == 0 else 0.0
        return float(2 * special.stdtr(self.degrees, -abs(self.mean) / self.error))

    @property
    def bound(self) -> float:
        """How far from 0 the mean is at most, either way: the interval's farther end."""
        return max(abs(self.low), abs(self.high)) if self.kind == "interval" else math.nan

    @property
    def is_testable(self) -> bool:
        """Whether there is enough for a verdict about a way to train: several seeds and flights."""
        return self.kind == "interval" and self.seeds >= FEWEST_SEEDS

    @property
    def times_as_much(self) -> float:
        """How many times the flights and trainings would set a mean like this apart from 0."""
        if self.kind != "interval" or self.mean == 0:
            return math.nan
        half = (self.high - self.low) / 2
        return (half / self.mean) ** 2


def estimate(values: np.ndarray) -> Estimate:
    """Return the mean of a score with its 95 % interval, or the range where that is not known.

    Args:
        values: (S, F) a row a training, a column a flight. Flights that a training has no score of
            (NaN) are left out.

    Raises:
        ValueError: it is no table, or has no training.
    """
    table = np.asarray(values, float)
    if table.ndim != 2 or not len(table):
        raise ValueError(f"expected values (seeds, flights), found shape {table.shape}")
    table = table[:, ~np.isnan(table).any(0)]
    seeds, flights = table.shape
    if not flights:
        return Estimate(math.nan, math.nan, math.nan, "none", seeds, 0)
    columns = table.mean(0)
    mean = float(columns.mean())
    if flights == 1:
        return Estimate(mean, math.nan, math.nan, "none", seeds, flights)
    if flights < FEWEST_FLIGHTS or 1 < seeds < FEWEST_SEEDS:
        return Estimate(mean, float(columns.min()), float(columns.max()), "range", seeds, flights)
    variance, degrees = _variance(table)
    error = math.sqrt(variance)
    half = float(special.stdtrit(degrees, (1 + LEVEL) / 2)) * error
    return Estimate(mean, mean - half, mean + half, "interval", seeds, flights, error, degrees)


def _variance(table: np.ndarray) -> tuple[float, float]:
    """Return the variance of a table's mean, and its degrees of freedom."""
    seeds, flights = table.shape
    columns = table.mean(0)
    of_flights = float(columns.var(ddof=1)) / flights
    if seeds == 1:
        return of_flights, flights - 1
    rows = table.mean(1)
    of_seeds = float(rows.var(ddof=1)) / seeds
    rest = table - rows[:, None] - columns + table.mean()
    interaction = float((rest**2).sum()) / ((seeds - 1) * (flights - 1) * seeds * flights)
    # The lines' variance has the interaction already; counting it twice covers too much.
    variance = of_seeds + max(of_flights - interaction, 0.0)
    if of_seeds == 0:
        return variance, (flights if variance else min(seeds, flights)) - 1
    # Flights that stand out from the interaction by chance must not lend degrees of freedom.
    share = of_seeds / (of_seeds + max(of_flights - _STANDS_OUT * interaction, 0.0))
    return variance, 1 / (share / (seeds - 1) + (1 - share) / (flights - 1))


def holm(probabilities: Sequence[float]) -> list[float]:
    """Return probabilities corrected for how many are looked at (Holm, 1979).

    A NaN, for what could not be tested, stays one and does not count.
    """
    found = np.array(probabilities, float)
    corrected = found.copy()
    known = np.flatnonzero(~np.isnan(found))
    largest = 0.0
    for place, index in enumerate(known[np.argsort(found[known], kind="stable")]):
        largest = max(largest, min((len(known) - place) * found[index], 1.0))
        corrected[index] = largest
    return corrected.tolist()


def spread(values: Sequence[float]) -> Spread:
    """Return mean and deviation of the scores of several seeds; of one seed the deviation is NaN.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("the spread of no values is not known")
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Spread(float(np.mean(values)), deviation, len(values))
