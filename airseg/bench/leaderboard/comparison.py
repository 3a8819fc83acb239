"""Every row against every other: differences of class-mean IoU by flight, as cells and as a CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from airseg.bench.metrics.intervals import FEWEST_FLIGHTS, FEWEST_SEEDS
from airseg.bench.results import Result
from airseg.bench.results.certainty import Difference, differences, letters


@dataclass(frozen=True)
class Cell:
    """One difference: points with a sign, its interval or range, and all of it in words."""

    text: str
    bounds: str = ""
    meaning: str = ""
    is_shown: bool = False


@dataclass(frozen=True)
class Line:
    """One row against all: its label, the letters it has, a cell for each."""

    label: str
    letters: str
    cells: list[Cell]


@dataclass(frozen=True)
class Comparison:
    """The matrix, and how to read it."""

    rows: list[Line]
    sentences: list[str]


def comparison(results: Sequence[Result]) -> Comparison:
    """Return the matrix of a table's rows; empty where there are fewer than two to compare.

    Args:
        results: of the leaderboard, seeds merged, in its order.
    """
    pairs = differences(results)
    if not pairs:
        return Comparison([], [])
    runs = list(dict.fromkeys(run for p in pairs for run in (p.first, p.second)))
    labels = {r.run: r.label for r in results}
    tested = [p for p in pairs if not math.isnan(p.probability)]
    shared = letters(runs, pairs) if tested else {}
    by_runs = {(p.first, p.second): p for p in pairs}
    rows = [
        Line(labels[a], shared.get(a, ""), [_cell(by_runs, labels, a, b) for b in runs])
        for a in runs
    ]
    return Comparison(rows, _sentences(pairs, tested))


def difference_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return every pair as a line for programs; points and probabilities, NaN where not known."""
    labels = {r.run: r.label for r in results}
    rows = [
        {
            "row": labels[p.first],
            "less": labels[p.second],
            "difference": 100 * p.found.mean,
            "low": 100 * p.found.low,
            "high": 100 * p.found.high,
            "bounds": p.found.kind,
            "seeds": p.found.seeds,
            "flights": p.found.flights,
            "p": p.found.probability,
            "p, Holm": p.probability,
            "verdict": _verdict(p),
        }
        for p in differences(results)
    ]
    names = ["row", "less", "difference", "low", "high", "bounds", "seeds", "flights", "p"]
    return pd.DataFrame(rows, columns=[*names, "p, Holm", "verdict"])


def _verdict(pair: Difference) -> str:
    if math.isnan(pair.probability):
        return "open"
    return "differ" if pair.is_shown else "not shown to differ"


def _cell(
    pairs: dict[tuple[str, str], Difference], labels: dict[str, str], row: str, column: str
) -> Cell:
    if row == column:
        return Cell("")
    pair, sign = pairs.get((row, column)), 1
    if pair is None:
        pair, sign = pairs[column, row], -1
    found = pair.found
    if not found.flights:
        return Cell("-", meaning="no common seed or flight")
    ends = sorted((sign * 100 * found.low, sign * 100 * found.high))
    has_bounds = found.kind != "none"
    bounds = f"{_signed(ends[0])} to {_signed(ends[1])}" if has_bounds else ""
    kind = {"interval": "95 %: ", "range": "flights range: ", "none": "one flight"}[found.kind]
    tested = "not tested" if math.isnan(pair.probability) else f"p = {pair.probability:.3f} (Holm)"
    seeds = f"{found.seeds} seed{'' if found.seeds == 1 else 's'}"
    meaning = (
        f"{labels[row]} less {labels[column]}: {kind}{bounds}; {found.flights} flights, {seeds}; "
        f"{tested}"
    )
    return Cell(_signed(sign * 100 * found.mean), bounds, meaning, pair.is_shown)


def _sentences(pairs: Sequence[Difference], tested: Sequence[Difference]) -> list[str]:
    said = [
        "Class-mean IoU by flight, row less column: mean over the flights, paired by flight and by "
        "seed. Small figures are the 95 % interval, or the flights' range where there are too few "
        "for one."
    ]
    if not tested:
        said.append(
            "No difference is tested here: whether networks differ, and not only these trainings, "
            f"takes {FEWEST_SEEDS} seeds of each and {FEWEST_FLIGHTS} flights."
        )
        return said
    shown = sum(p.is_shown for p in tested)
    said.append(
        f"{shown} of {len(tested)} tested pairs are shown to differ (marked; two-way t over seeds "
        f"and flights, corrected for {len(tested)} pairs by Holm, 5 %). Rows that are not shown to "
        "differ share a letter, which does not say that they are equal."
    )
    if len(tested) < len(pairs):
        said.append(
            f"{len(pairs) - len(tested)} pairs are open: a network of them has fewer than "
            f"{FEWEST_SEEDS} seeds, or there are fewer than {FEWEST_FLIGHTS} flights."
        )
    return said


def _signed(value: float) -> str:
    return f"{value + 0.0:+.1f}".replace("-", "\u2212")
