"""How sure a score is: 95 % intervals by bootstrap over sequences, and the spread over seeds.

Frames of one flight resemble each other, so they are no independent draws; flights are. The
bootstrap draws as many sequences as there are, with replacement, adds their counts up and scores
the sum (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: percentiles).
With few sequences an interval is rough: of two there are only three different draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from airseg.bench.metrics.sequence_scorer import Counts

RESAMPLES = 1000
_PERCENTILES = (2.5, 97.5)
_AT_ONCE = 100


@dataclass(frozen=True)
class Spread:
    """Values of several trainings that differ by their seed: mean, sample deviation, number."""

    mean: float
    deviation: float
    count: int


class Bootstrap:
    """Draws of sequences, the same for every score, so that differences are paired.

    Args:
        sequences: how many there are.
        resamples: how many draws.
        seed: of the draws.
    """

    def __init__(self, sequences: int, resamples: int = RESAMPLES, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        share = np.full(sequences, 1 / max(sequences, 1))
        self._weights = generator.multinomial(sequences, share, resamples)

    def scores(
        self, by_sequence: Sequence[Counts], score: Callable[[Counts], np.ndarray]
    ) -> np.ndarray:
        """Return a score of each draw: (R, ...)."""
        stacked = {k: np.stack([c[k] for c in by_sequence]) for k in by_sequence[0]}
        parts = []
        for first in range(0, len(self._weights), _AT_ONCE):  # thousand confusion matrices are big
            weights = self._weights[first : first + _AT_ONCE]
            parts.append(score(_Weighted(stacked, weights)))
        return np.concatenate(parts)


class _Weighted(dict):
    """Counts of many draws, added up when a score asks for them."""

    def __init__(self, stacked: dict[str, np.ndarray], weights: np.ndarray) -> None:
        super().__init__()
        self._stacked, self._weights = stacked, weights

    def __missing__(self, name: str) -> np.ndarray:
        values = self._stacked[name]
        # Products of integers would not use fast matrix multiplication; counts stay exact in
        # float64 up to 2^53.
        flat = values.reshape(len(values), -1).astype(np.float64)
        self[name] = (self._weights @ flat).reshape(len(self._weights), *values.shape[1:])
        return self[name]


def interval(values: np.ndarray) -> tuple[float, float] | None:
    """Return the 95 % interval of a score's draws, or None where it is not known in any.

    Args:
        values: (R,); NaN in draws that lack what is scored.
    """
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    low, high = np.percentile(known, _PERCENTILES)
    return float(low), float(high)


def spread(values: Sequence[float]) -> Spread:
    """Return mean and deviation of the scores of several seeds; of one seed the deviation is NaN.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("the spread of no values is not known")
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Spread(float(np.mean(values)), deviation, len(values))
