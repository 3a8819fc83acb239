"""Choose among the values of a sweep by their validation scores, before anything is tested."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from airseg.bench.recipes.recipe import Row
from airseg.bench.results.result import SelectionResult


def select_rows(
    rows: Sequence[Row], validate: Callable[[Row], float | None]
) -> tuple[list[Row], dict[str, SelectionResult]]:
    """Return the rows to be tested: of each variant the swept values with the best mean over seeds.

    Args:
        rows: of a recipe; those without a sweep are kept as they are.
        validate: trains a row and returns its validation score.

    Returns:
        The chosen rows, all their seeds, in the recipe's order; and by run how each was chosen.
    """
    candidates: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        values = json.dumps(row.swept, sort_keys=True)
        candidates.setdefault(row.variant, {}).setdefault(values, []).append(row)
    chosen: set[str] = set()
    how: dict[str, SelectionResult] = {}
    for by_values in candidates.values():
        groups = list(by_values.values())
        if len(groups) == 1:
            chosen |= {row.run for row in groups[0]}
            continue
        scores = [_mean([validate(row) for row in group]) for group in groups]
        best = groups[max(range(len(groups)), key=lambda i: _rank(scores[i]))]
        told = SelectionResult(
            fields=list(best[0].swept),
            chosen=best[0].swept,
            candidates={g[0].label: s for g, s in zip(groups, scores, strict=True)},
        )
        chosen |= {row.run for row in best}
        how |= {row.run: told for row in best}
    return [row for row in rows if row.run in chosen], how


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [s for s in scores if s is not None]
    return sum(known) / len(known) if known else None


def _rank(score: float | None) -> float:
    return -1.0 if score is None else score
