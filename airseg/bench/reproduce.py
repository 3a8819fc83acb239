"""Rerun a result's recipe on the same dataset, and say whether the same came out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from airseg.bench.recipes import Recipe
from airseg.bench.recipes.row_choice import BASELINE
from airseg.bench.results.result import Result, load_result
from airseg.bench.results.seeds import identity
from airseg.bench.run import frame_sizes, lengths, run_recipe
from airseg.bench.scoring.places import places_of
from airseg.dataset.reading import Dataset
from airseg.documents import first_complaint
from airseg.errors import RecipeError

Verdict = Literal["same", "within spread", "different"]
_EQUAL = 1e-9
_DEVIATIONS = 2.0
_MOST_TOLD = 8


@dataclass(frozen=True)
class Comparison:
    """A result beside its rerun.

    Attributes:
        verdict: ``same``: every score is equal; ``within spread``: the headline differs by no more
            than trainings that differ by their seed do; ``different``: by more.
        differences: of scores that are not equal: name, before, again; the largest first.
        spread: how far apart the headline may lie, as a share; reason: where that comes from.
    """

    verdict: Verdict
    differences: tuple[tuple[str, float | None, float | None], ...]
    spread: float
    reason: str


def reproduce(
    path: Path,
    dataset: Dataset,
    out: Path,
    progress: Callable[[str, int, int | None], None],
    *,
    device_name: str | None = None,
    tolerance: float = 0.01,
    recorded_again: bool = False,
) -> tuple[Result, Result, Comparison]:
    """Rerun a result and compare.

    Args:
        path: of the result; other seeds of its row in the same folder say how far trainings lie
            apart.
        dataset: the one it was made on.
        out: folder for the rerun, another than the result's; what is there is continued.
        progress: told about long work.
        device_name: where to compute, or None for CUDA where there is one.
        tolerance: of the headline, a share, where no other seeds are known.
        recorded_again: take a dataset of other content, too, if its classes are the same, and the
            flights of each split are of the same names and lengths, as far as the result tells.

    Returns:
        The result, its rerun, and how they compare.

    Raises:
        RecipeError: it cannot be rerun, here or at all; the message says why.
    """
    before = load_result(path)
    if before.kind == "submission":
        raise RecipeError(
            f"{path}: label maps of another program cannot be rerun; score them again with "
            "`airseg bench score`."
        )
    if before.dataset.content_hash != dataset.content_hash:
        _refuse_other_data(path, before, dataset, recorded_again=recorded_again)
    if out.resolve() == path.parent.resolve():
        raise RecipeError(f"--out {out}: holds the result itself; choose another folder.")
    recipe = _recipe_of(path, before)
    only = (BASELINE,) if before.kind == "baseline" else ()
    made = run_recipe(recipe, dataset, out, progress, device_name=device_name, only=only)
    again = load_result(made[0])
    siblings = [r for r in _others(path) if identity(r) == identity(before)]
    return before, again, compare(before, again, siblings, tolerance)


def _refuse_other_data(
    path: Path, before: Result, dataset: Dataset, *, recorded_again: bool
) -> None:
    told = (
        f"{path}: was made on dataset {before.dataset.content_hash[:12]}, and {dataset.path} is "
        f"{dataset.content_hash[:12]}"
    )
    if not recorded_again:
        raise RecipeError(f"{told}. If it was recorded again from the same plans: --recorded-again")
    if change := next(_changes(before, dataset), ""):
        raise RecipeError(f"{told}, which was not recorded again from the same plans: {change}.")


def _changes(before: Result, dataset: Dataset) -> Iterator[str]:
    """Yield what a dataset has otherwise than the one that a result was made on, in words."""
    classes = list(before.scores.class_iou)
    if classes != list(dataset.class_names):
        there, had = (", ".join(names)[:100] for names in (dataset.class_names, classes))
        yield f"its classes are {there}, and were {had}"
    split, val = before.dataset.split, before.validation
    scored = list(dataset.sequences) if before.leaks else dataset.split(split)
    yield from _other_flights(split, before.dataset.sequences, lengths(dataset, scored))
    if before.trained:
        trained = lengths(dataset, dataset.split("train"))
        yield from _other_flights("train", before.trained, trained)
    if val is not None and val.sequences:
        found = lengths(dataset, dataset.split("val"))
        was = {name: found.get(name, 0) for name in val.sequences}
        yield from _other_flights("val", was, found)
        if sum(found.values()) != val.frames:
            yield f"split val has {sum(found.values())} frames there and had {val.frames}"
    sizes = frame_sizes(dataset, scored)
    if before.frame_sizes and before.frame_sizes != sizes:
        yield f"its frames are {', '.join(sizes)}, and were {', '.join(before.frame_sizes)}"
    places = {} if before.leaks else places_of(dataset, split)
    for name, place in before.places.items():
        if (shown := places.get(name, place)) != place:
            yield f"beside its training flights, {name} shows a {shown}, and showed a {place}"


def _other_flights(split: str, before: dict[str, int], found: dict[str, int]) -> Iterator[str]:
    for name in sorted({*before, *found}):
        there, had = found.get(name), before.get(name)
        if there is None or had is None:
            where = "was not" if had is None else "is not"
            yield f"{name} {where} among the flights of {split}"
        elif there != had:
            yield f"{name} has {there} frames there and had {had}"


def compare(
    before: Result, again: Result, siblings: Sequence[Result] = (), tolerance: float = 0.01
) -> Comparison:
    """Compare all scores of a result with those of its rerun.

    Args:
        before: the result.
        again: its rerun.
        siblings: the row's results of all seeds, `before` among them.
        tolerance: of the headline, a share, where there are fewer than two siblings.
    """
    first, second = _flat(before), _flat(again)
    names = list(dict.fromkeys([*first, *second]))
    changed = [
        (n, first.get(n), second.get(n)) for n in names if not _equal(first.get(n), second.get(n))
    ]
    changed.sort(key=lambda c: -_distance(c[1], c[2]))
    values = [r.scores.mean_iou for r in siblings if r.scores.mean_iou is not None]
    if len(values) > 1:
        spread = _DEVIATIONS * float(np.std(values, ddof=1))
        reason = f"two standard deviations of {len(values)} seeds"
    else:
        spread, reason = tolerance, "the tolerance, as one seed is known"
    verdict: Verdict = "different"
    if not changed:
        verdict = "same"
    elif _distance(before.scores.mean_iou, again.scores.mean_iou) <= spread:
        verdict = "within spread"
    return Comparison(verdict, tuple(changed), spread, reason)


def summary(before: Result, again: Result, found: Comparison) -> list[str]:
    """Return what to tell, a line each."""
    apart = 100 * _distance(before.scores.mean_iou, again.scores.mean_iou)
    headline = f"mIoU {_percent(before.scores.mean_iou)} -> {_percent(again.scores.mean_iou)}"
    hashes = [r.dataset.content_hash[:12] for r in (before, again)]
    data = [] if hashes[0] == hashes[1] else [f"  on data recorded again: {' -> '.join(hashes)}."]
    if found.verdict == "same":
        return [f"same: {before.label}, {headline}; every score is equal.", *data]
    lines = [
        f"{found.verdict}: {before.label}, {headline}, {apart:.2f} points apart where "
        f"{100 * found.spread:.2f} may be ({found.reason}).",
        *data,
    ]
    for name, old, new in found.differences[:_MOST_TOLD]:
        lines.append(f"  {name}: {_percent(old)} -> {_percent(new)}")
    if len(found.differences) > _MOST_TOLD:
        lines.append(f"  and {len(found.differences) - _MOST_TOLD} more.")
    if before.speed and again.speed and before.speed.machine != again.speed.machine:
        lines.append(f"  made on {before.speed.machine}; rerun on {again.speed.machine}.")
    return lines


def _recipe_of(path: Path, result: Result) -> Recipe:
    try:
        recipe = Recipe.model_validate(result.recipe)
    except ValidationError as cause:
        raise RecipeError(
            f"{path}: its recipe is none of this version (airseg {result.airseg_version} made it): "
            f"{first_complaint(cause)}."
        ) from None
    is_baseline = result.kind == "baseline"
    return recipe if is_baseline else recipe.model_copy(update={"variants": [], "baseline": False})


def _others(path: Path) -> list[Result]:
    found = []
    for other in sorted(path.parent.glob("*.json")):
        try:
            found.append(load_result(other))
        except RecipeError:
            continue  # whatever else lies there
    return found


def _flat(result: Result) -> dict[str, float | None]:
    """Return all scores of the split by name."""
    found: dict[str, float | None] = {}
    for name, value in result.scores.model_dump(mode="json").items():
        if value is None or isinstance(value, float | int):
            found[name] = value
        elif name in ("class_iou", "class_boundary_f"):
            found |= {f"{name}.{key}": v for key, v in value.items()}
    return found


def _equal(first: float | None, second: float | None) -> bool:
    return first == second or _distance(first, second) <= _EQUAL


def _distance(first: float | None, second: float | None) -> float:
    if first is None or second is None:
        return 0.0 if first is second else 1.0
    return abs(first - second)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"
