"""What a row of the leaderboard may be compared with, in a word: its badge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from airseg.bench.results import Result
from airseg.bench.results.seeds import members


@dataclass(frozen=True)
class Badge:
    """A word beside a row, and what it means."""

    name: str
    meaning: str

    @property
    def kind(self) -> str:
        """The word that decides its colour."""
        return self.name.split()[0]


LEAKS = Badge(
    "leaks",
    "test frames lie beside training frames of the same flight, as in the founding paper: "
    "no measure of how a network does on a new flight",
)
SEEN = Badge(
    "leaks", "scored on the flights that it was trained on: no measure of how it does on a new one"
)
FAIR = Badge("fair", "split by flight; every row takes the same steps on as many frames")
SUBMITTED = Badge("submitted", "label maps of another program; how it was trained, its author says")
DIVERGED = Badge(
    "diverged",
    "its loss, or that of one of its seeds, ended no lower than it began: the training failed, and "
    "the score says nothing of the network; lower train.learning_rate or set train.clip_gradient",
)
UNTRAINED = Badge("untrained", "one class everywhere: what any network must beat")
SWEPT = Badge(
    "swept",
    "every value of a sweep was scored on the test flights: the best of them was chosen by these "
    "flights and would do worse on others; `--select val` chooses before the test",
)


def badges(results: Sequence[Result]) -> dict[str, Badge]:
    """Return each row's badge by its run.

    The word fair is for rows of one budget. Where budgets differ, each has a letter, and only rows
    of one letter compare.
    """
    budgets = list(dict.fromkeys(budget(r) for r in results if _is_fair(r)))
    if len(budgets) < 2:
        fair = dict.fromkeys(budgets, FAIR)
    else:
        fair = {b: _of_budget(i, *b) for i, b in enumerate(budgets)}
    return {
        r.run: DIVERGED if has_diverged(r) else fair[budget(r)] if _is_fair(r) else _other(r)
        for r in results
    }


def has_diverged(result: Result) -> bool:
    """Return whether a row's loss ended no lower than it began, a tenth of its curve compared.

    Of several seeds one is enough: its score is in the row's mean.
    """
    return any(_has_risen(training) for training in members(result))


def _has_risen(result: Result) -> bool:
    losses = [value for _, value in result.curves.loss]
    tenth = len(losses) // 10
    return tenth > 0 and bool(np.median(losses[-tenth:]) >= np.median(losses[:tenth]))


def budget(result: Result) -> tuple[int, int]:
    """Return optimiser steps and supervised frames of a row's training; 0 where it was none."""
    if result.kind != "model":
        return 0, 0
    steps = result.steps or int(result.recipe.get("train", {}).get("steps") or 0)
    return steps, result.supervised_frames


def _of_budget(index: int, steps: int, frames: int) -> Badge:
    letter = chr(ord("A") + index) if index < 26 else str(index + 1)
    return Badge(
        f"budget {letter}",
        f"split by flight; {steps} steps on {frames} supervised frames: only rows of this budget "
        "compare",
    )


def _is_fair(result: Result) -> bool:
    is_seen = result.dataset.split == "train"
    return result.kind == "model" and result.protocol == "fair" and not (is_seen or result.swept)


def _other(result: Result) -> Badge:
    if result.protocol not in ("fair", "submitted"):
        return LEAKS
    if result.kind == "submission" or result.protocol == "submitted":
        return SUBMITTED
    if result.kind == "model" and result.dataset.split == "train":
        return SEEN
    return UNTRAINED if result.kind == "baseline" else SWEPT
