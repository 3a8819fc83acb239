"""Rows as trials of their own: each a run of `airseg bench run`, wherever a cluster has room.

A trial that fails is tried again, and goes on from its checkpoint. Results are those of a local
run, because a trial is one.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path

from airseg.bench.recipes import Recipe
from airseg.bench.recipes.row_choice import BASELINE, choose_rows
from airseg.errors import RecipeError, first_line

Submit = Callable[[list[str]], "Future[tuple[int, str]]"]
"""Runs a command somewhere; the future gives its exit code and the last line it said."""

TRIES = 3
_POLL_S = 0.5


@dataclass
class Trial:
    """One row to make.

    Attributes:
        label: of the row; result: the file that it writes.
        command: makes it, or does nothing where it is finished.
        tries: how often it was begun; said: what it said last.
    """

    label: str
    result: Path
    command: list[str]
    tries: int = 0
    said: str = ""


def trials_of(
    name: str,
    recipe: Recipe,
    dataset: Path,
    out: Path,
    only: tuple[str, ...] = (),
    changes: list[str] | None = None,
) -> list[Trial]:
    """Return a trial for each row of a recipe.

    Args:
        name: path or name of the recipe.
        recipe: the same, loaded, with `changes`.
        dataset, out: file and folder that every machine of the cluster reaches by the same path.
        only: labels or runs of the rows to make; empty means all.
        changes: more arguments of the command.
    """
    found = Path(name)
    given = str(found.resolve()) if found.is_file() else name  # as the recipe was found
    base = [sys.executable, "-m", "airseg", "bench", "run", given]
    base += ["--dataset", str(dataset.resolve()), "--out", str(out.resolve()), *(changes or [])]
    chosen = choose_rows(recipe, only)
    trials = [Trial(r.label, out / f"{r.run}.json", [*base, f"--only={r.run}"]) for r in chosen]
    if recipe.baseline and recipe.protocol == "fair" and not only:
        result = out / f"{recipe.name}-{BASELINE}.json"
        trials.append(Trial("majority class", result, [*base, f"--only={BASELINE}"]))
    return trials


def run_trials(
    trials: list[Trial],
    submit: Submit,
    progress: Callable[[str, int, int | None], None],
    tell: Callable[[str], None],
) -> list[Path]:
    """Run all trials; return their results, in order.

    Args:
        trials: as `trials_of` returns them.
        submit: runs a command.
        progress: told how many rows are done.
        tell: told a line for each trial that failed.

    Raises:
        RecipeError: a trial failed as often as it may; the others are finished first.
    """
    waiting, lost = deque(trials), []
    running: dict[Future[tuple[int, str]], Trial] = {}
    done = 0
    progress("all rows", done, len(trials))
    while waiting or running:
        while waiting:
            trial = waiting.popleft()
            trial.tries += 1
            running[submit(trial.command)] = trial
        ended, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        for future in ended:
            trial = running.pop(future)
            code, trial.said = _outcome(future)
            if code == 0:
                done += 1
            elif trial.tries < TRIES:
                waiting.append(trial)
                tell(f"{trial.label}: try {trial.tries} failed, goes on: {trial.said}")
            else:
                lost.append(trial)
        progress("all rows", done, len(trials))
    if lost:
        raise RecipeError(
            f"{len(lost)} of {len(trials)} rows failed {TRIES} times; {lost[0].label}: "
            f"{lost[0].said} Run the same command again to go on."
        )
    return [trial.result for trial in trials]


def _outcome(future: Future[tuple[int, str]]) -> tuple[int, str]:
    """Return a trial's exit code and last line; a machine that is lost counts as a failure."""
    try:
        return future.result()
    except Exception as cause:  # Ray raises many kinds when a node or a worker dies
        return 1, first_line(cause)
