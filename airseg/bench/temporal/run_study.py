"""From trained networks to the page: choose conditions, measure, find, write."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from airseg.bench.aside import write_aside
from airseg.bench.results.result import STUDY_NAME, load_result
from airseg.bench.temporal.conditions import CONDITIONS, NAMES, check_conditions
from airseg.bench.temporal.findings import Finding, find, headlines
from airseg.bench.temporal.gains import Gains
from airseg.bench.temporal.pairs import Row, load_rows, pair_up, without_partner
from airseg.bench.temporal.study import SHORTEST_FOR_RATES, Plan, measure, missing_streams
from airseg.bench.temporal.study_page import Setting, condition_pictures, page
from airseg.dataset.reading import Dataset
from airseg.errors import RecipeError


def run_study(
    results: Sequence[Path],
    dataset: Dataset,
    out: Path,
    *,
    split: str = "test",
    frames: int | None = None,
    conditions: Sequence[str] = NAMES,
    device: torch.device | None = None,
    command: str = "",
    progress: Callable[[str, int, int | None], None] = lambda what, done, total: None,
) -> list[Finding]:
    """Compare networks with their per-frame versions under each condition, and write the page.

    Args:
        results: result files of one recipe's rows, their checkpoints beside them.
        dataset: with the split to test on.
        out: folder; gets ``temporal.html``, ``temporal.json`` and what was measured of each row.
        split: which flights; frames: how many of each, or None for all.
        conditions: names of `NAMES`.
        device: where to compute; None for the CPU.
        command: what to type to get this again.
        progress: told how many frames are done.

    Raises:
        RecipeError: a condition is unknown, no network has its per-frame version beside it, or the
            split is the one that they were trained on.
        DatasetError: nothing is in the split.
    """
    if split == "train":
        raise RecipeError(
            "evaluate.split is train, which the networks were trained on: what memory is worth "
            "cannot be told from it. Use test or val."
        )
    sequences = dataset.needed_split(split)
    check_conditions(conditions)
    rows = load_rows(results, [load_result(p) for p in results])
    _check_training(rows, dataset)
    pairs = pair_up(rows)
    used = {r.run: r for p in pairs for r in (p.base, p.memory)}
    where = device or torch.device("cpu")
    plan = Plan(dataset, sequences, frames, tuple(conditions), where, out / "temporal", progress)
    longest = max(sequences, key=plan.length)
    possible, left_out = _possible(dataset, sequences, conditions, plan.length(longest))
    plan = replace(plan, conditions=possible)
    measured = measure(plan, list(used.values()))
    gains = Gains(pairs, measured, sequences)
    findings = find(gains, possible, dataset.sequence(sequences[0]).rate_hz)
    setting = Setting(
        {name: plan.length(name) for name in sequences},
        split,
        dataset.content_hash,
        [_training(row) for row in used.values()],
        headlines(
            findings,
            len(sequences),
            min(row.result.supervised_frames for row in used.values()),
            rows[0].result.recipe.get("positive_control", ""),
        ),
        without_partner(rows, pairs) + left_out,
        command,
    )
    pictures = condition_pictures(dataset, longest, plan.length(longest) // 2, possible)
    _write(out / "temporal.html", page(findings, setting, pictures))
    content = {"format": 1, "setting": asdict(setting), "findings": [asdict(f) for f in findings]}
    _write(out / STUDY_NAME, json.dumps(content, indent=1) + "\n")
    return findings


def _possible(
    dataset: Dataset, sequences: list[str], wanted: Sequence[str], longest: int
) -> tuple[tuple[str, ...], list[str]]:
    """Return the conditions that can be made from a dataset, and why the others cannot.

    `longest` is how many frames of the longest flight are used.
    """
    possible, left_out = [], []
    for name in dict.fromkeys(wanted):
        condition = next((c for c in CONDITIONS if c.name == name), None)
        missing = missing_streams(dataset, sequences, condition) if condition else []
        if name == "rate" and longest < SHORTEST_FOR_RATES:
            left_out.append(
                f"Rate was left out: it takes {SHORTEST_FOR_RATES} frames of a flight, of which "
                f"{longest} are tested on."
            )
        elif missing:
            left_out.append(
                f"{name.capitalize()} was left out: {', '.join(missing)} came without depth or "
                "without the camera's field of view."
            )
        else:
            possible.append(name)
    return tuple(possible), left_out


def _check_training(rows: Sequence[Row], dataset: Dataset) -> None:
    for row in rows:
        if row.result.dataset.content_hash != dataset.content_hash:
            raise RecipeError(
                f"{row.run}: was trained on dataset {row.result.dataset.content_hash[:12]}, and "
                f"{dataset.path} is {dataset.content_hash[:12]}: its test flights may be the ones "
                "it was trained on. Pass the same dataset."
            )
        if row.result.leaks:
            raise RecipeError(
                f"{row.run}: was trained under protocol {row.result.protocol}, on frames beside "
                "those of the test flights; what memory is worth cannot be told. Use protocol fair."
            )


def _training(row: Row) -> str:
    data = row.result.recipe["data"]
    return (
        f"{row.label}: {row.result.supervised_frames} supervised frames at "
        f"{data['width']}x{data['height']}, seed {row.seed}, protocol {row.result.protocol}."
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_aside(path, text.encode())
