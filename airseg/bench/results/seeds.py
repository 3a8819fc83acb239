"""Rows that differ by their seed only, as one row: their mean, and how far they lie apart."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from airseg.bench.metrics.intervals import spread
from airseg.bench.results.result import (
    Result,
    ScoreResult,
    StratumResult,
    ValidationResult,
    rank,
    recipe_hash,
)
from airseg.errors import RecipeError


class MeanResult(Result):
    """The mean of several runs; never written to a file.

    Attributes:
        runs: whose mean it is; seeds: of them, in the same order.
        deviation: sample standard deviation over seeds of each score.
        members: the results themselves.
    """

    runs: list[str]
    seeds: list[int]
    deviation: dict[str, float]
    members: list[Result]


def merge_seeds(rows: Sequence[tuple[Path, Result]]) -> list[tuple[Path, Result]]:
    """Return rows in which those of one label, recipe and dataset are one, whatever their seeds.

    Curves, pictures, speed and command are the first seed's. Rows that are called alike and are not
    one have names and labels of their own afterwards.

    Raises:
        RecipeError: a row stands there twice from one seed, and would count as two trainings.
    """
    groups: dict[str, list[tuple[Path, Result]]] = {}
    for path, result in rows:
        groups.setdefault(identity(result), []).append((path, result))
    merged = []
    for members in _one_majority_class(groups.values()):
        members.sort(key=lambda m: seed_of(m[1]))
        _refuse_twice(members)
        several = len(members) > 1
        merged.append((members[0][0], _mean([r for _, r in members])) if several else members[0])
    return sorted(_told_apart(merged), key=lambda m: rank(m[1]))


def _refuse_twice(members: Sequence[tuple[Path, Result]]) -> None:
    for (path, result), (other, next_one) in itertools.pairwise(members):
        if seed_of(result) == seed_of(next_one):
            raise RecipeError(
                f"{path} and {other} are one row, '{result.label}', trained from one seed "
                f"({seed_of(result)}): it would count as two trainings. Leave one of them out."
            )


def _told_apart(rows: Sequence[tuple[Path, Result]]) -> list[tuple[Path, Result]]:
    """Name rows apart that are called alike, such as those of two recipes or with other steps.

    Whatever is told of a row goes by its run's name, and people read its label.
    """
    alike: dict[str, list[int]] = {}
    for place, (_, result) in enumerate(rows):
        alike.setdefault(result.label, []).append(place)
    labels = [result.label for _, result in rows]
    for label, places in alike.items():
        for place, word in zip(places, _words([rows[p] for p in places]), strict=True):
            labels[place] = f"{label} ({word})" if len(places) > 1 else label
    found, taken = [], set()
    for (path, result), label in zip(rows, labels, strict=True):
        names = (f"{result.run}-{n}" if n > 1 else result.run for n in itertools.count(1))
        run = next(name for name in names if name not in taken)
        taken.add(run)
        found.append((path, result.model_copy(update={"run": run, "label": label})))
    return found


def _words(rows: Sequence[tuple[Path, Result]]) -> Sequence[object]:
    """Return what rows of one label are told apart by: recipes, else folders, else numbers."""
    recipes = [str(result.recipe.get("name", "")) for _, result in rows]
    folders = [path.resolve().parent.name for path, _ in rows]
    numbers = range(1, len(rows) + 1)
    return next(w for w in (recipes, folders, numbers) if len(set(w)) == len(rows))


def members(result: Result) -> list[Result]:
    """Return the trainings that a row is the mean of, by seed; itself where it is one."""
    return result.members if isinstance(result, MeanResult) else [result]


def _one_majority_class(groups: Iterable[list[tuple[Path, Result]]]) -> list[list]:
    """Leave one row of the commonest class where several recipes or folders brought it."""
    kept: dict[object, list[tuple[Path, Result]]] = {}
    for members in groups:
        result = members[0][1]
        is_baseline = result.kind == "baseline"
        key = (result.label, result.dataset.content_hash, result.dataset.split)
        kept.setdefault(
            key if is_baseline else id(members), members[:1] if is_baseline else members
        )
    return list(kept.values())


def seed_of(result: Result) -> int:
    """Return the seed a row was trained from; 0 where its recipe names none."""
    return int(result.recipe.get("train", {}).get("seed", 0))


def identity(result: Result) -> str:
    """Return what rows that differ by their seed only have in common."""
    recipe = dict(result.recipe)
    if result.kind == "model" and "train" in recipe:
        recipe["train"] = {k: v for k, v in recipe["train"].items() if k != "seed"}
    name = "" if result.kind == "model" else result.run
    dataset = result.dataset.model_dump()
    return json.dumps([result.label, name, recipe_hash(recipe), dataset], sort_keys=True)


def _mean(results: Sequence[Result]) -> MeanResult:
    scores: dict[str, Any] = {}
    deviation = {}
    for name in ScoreResult.model_fields:
        values = [getattr(r.scores, name) for r in results]
        if all(isinstance(v, float | int) for v in values):
            found = spread([float(v) for v in values])
            scores[name], deviation[name] = found.mean, found.deviation
        elif any(isinstance(v, float | int) for v in values):  # older results lack some scores
            scores[name] = None
        elif name in ("class_iou", "class_boundary_f"):
            scores[name] = {key: _mean_known([v.get(key) for v in values]) for key in values[0]}
        elif name in ("by_motion", "by_visibility", "by_class_area"):
            scores[name] = {key: _mean_stratum([v.get(key) for v in values]) for key in values[0]}
    first = results[0]
    content = {name: getattr(first, name) for name in Result.model_fields}
    content["validation"] = _mean_validation([r.validation for r in results])
    content["training_seconds"] = sum(r.training_seconds for r in results) / len(results)
    content["scores"] = first.scores.model_copy(update=scores)
    return MeanResult.model_construct(
        **content,
        runs=[r.run for r in results],
        seeds=[seed_of(r) for r in results],
        deviation=deviation,
        members=list(results),
    )


def _mean_validation(values: list[ValidationResult | None]) -> ValidationResult | None:
    known = [v for v in values if v is not None]
    if not known:
        return None
    return ValidationResult(
        mean_iou=_mean_known([v.mean_iou for v in known]),
        sequences={
            key: _mean_known([v.sequences.get(key) for v in known]) for key in known[0].sequences
        },
        frames=known[0].frames,
    )


def _mean_stratum(values: list[StratumResult | None]) -> StratumResult:
    known = [v for v in values if v is not None]
    mean = _mean_known([v.mean_iou for v in known])
    return StratumResult(pixels=known[0].pixels, mean_iou=mean)


def _mean_known(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None
