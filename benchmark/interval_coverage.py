"""What the intervals called 95 % cover, and how often memory that does nothing is given a verdict.

Made-up scores with a known mean go through the shipped code (`airseg.bench.metrics.intervals`): a
mean for each training, one for each flight, and what a training does on a flight, all at random.
Flights are skewed as scores of flights are (most near the best, a few far below). Three mixes: what
trainings differ by weighs most, flights weigh most, both weigh the same. With one training the
truth is that training's own mean over all flights.

    python benchmark/interval_coverage.py [--trials 4000]

prints the table of docs/reading-tables.md, in about two minutes.
"""

from __future__ import annotations

import argparse

import numpy as np

from airseg.bench.metrics.intervals import ALPHA, estimate, holm

MIXES = {
    "seeds": (1.0, 0.3, 0.5),
    "flights": (0.3, 2.0, 1.0),
    "both": (1.0, 1.0, 1.0),
}
"""Deviations of trainings, of flights, and of a training's score on a flight, in points."""

FLIGHTS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
SEEDS = (1, 2, 3, 4, 5, 7, 10)
NETWORKS = 4


def made_scores(
    random: np.random.Generator, seeds: int, flights: int, mix: tuple[float, float, float]
) -> tuple[np.ndarray, float]:
    """Return (S, F) scores, and the mean that an interval over them should cover."""
    of_seeds, of_flights, of_both = mix
    training = of_seeds * random.standard_normal((seeds, 1))
    skewed = (random.beta(5, 2, flights) - 5 / 7) / np.sqrt(10 / (49 * 8))
    scores = training + of_flights * skewed + of_both * random.standard_normal((seeds, flights))
    return scores, float(training[0, 0]) if seeds == 1 else 0.0


def coverage(
    seeds: int, flights: int, mix: tuple[float, float, float], trials: int
) -> tuple[str, float]:
    """Return what stands in the table, ``interval`` or ``range``, and the share that it covers."""
    random = np.random.default_rng([seeds, flights])
    covered = 0
    for _ in range(trials):
        scores, truth = made_scores(random, seeds, flights, mix)
        found = estimate(scores)
        covered += found.low <= truth <= found.high
    return found.kind, covered / trials


def false_verdicts(seeds: int, flights: int, spread: float, trials: int) -> float:
    """Return how often any of some networks whose memory does nothing is said to help or hurt.

    Args:
        seeds, flights: how many.
        spread: how far trainings lie apart, of what one does on a flight.
        trials: how many studies.
    """
    random = np.random.default_rng([seeds, flights, NETWORKS])
    wrong = 0
    for _ in range(trials):
        base = random.standard_normal((seeds, flights)) + spread * random.standard_normal(
            (seeds, 1)
        )
        found = []
        for _ in range(NETWORKS):
            other = random.standard_normal((seeds, flights))
            other += spread * random.standard_normal((seeds, 1))
            found.append(estimate(other - base))
        tested = holm([e.probability if e.is_testable else np.nan for e in found])
        wrong += any(p < ALPHA for p in tested)
    return wrong / trials


def main() -> None:
    """Print both tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=4000)
    trials = parser.parse_args().trials
    print("| flights | " + " | ".join(f"S = {s}" for s in SEEDS) + " |")
    print("| ---: |" + " ---: |" * len(SEEDS))
    for flights in FLIGHTS:
        cells = []
        for seeds in SEEDS:
            found = [coverage(seeds, flights, mix, trials) for mix in MIXES.values()]
            low, high = (100 * f(c for _, c in found) for f in (min, max))
            text = f"{low:.0f} to {high:.0f}" if round(low) < round(high) else f"{low:.0f}"
            cells.append(text if found[0][0] == "interval" else f"*{text}*")
        print(f"| {flights} | " + " | ".join(cells) + " |")
    print("\n| flights | seeds | false verdicts % |\n| ---: | ---: | ---: |")
    for flights in (2, 3, 6, 12):
        for seeds in (1, 3, 5):
            worst = max(false_verdicts(seeds, flights, s, trials) for s in (0.0, 0.3, 1.0))
            print(f"| {flights} | {seeds} | {100 * worst:.1f} |")


if __name__ == "__main__":
    main()
