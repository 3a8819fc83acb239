"""Write the tables of many systems at small size from their committed results, into docs/models.md.

Run it with: python benchmark/studies/small_tables.py (or `make study-report`)
"""

from __future__ import annotations

from pathlib import Path

from airseg.bench.leaderboard.table import markdown_row, splice
from airseg.bench.recipes.recipe import load_recipe
from airseg.bench.results.result import Result, load_results
from airseg.bench.results.seeds import members, merge_seeds

_TOP = Path(__file__).parents[2]
_RESULTS = _TOP / "benchmark" / "results"
_MODELS = _TOP / "docs" / "models.md"

SCORES = {
    "mean_iou": "mIoU %",
    "flicker": "flicker %",
    "tc_pooled": "TC %",
    "tc_correct": "TC correct %",
    "mvc8_correct": "mVC8 correct %",
}
COST = ["params M", "GMAC", "memory KB"]  # time is not told: rows were made beside other work


def main() -> None:
    """Read what is there, and splice it in."""
    for recipe in ("reviewers-mini", "five-papers-mini"):
        folder = _RESULTS / f"{recipe}-cpu"
        if any(folder.glob("*.json")):
            splice(_MODELS, small_table(recipe, load_results([folder])), recipe)


def small_table(recipe: str, found: list[tuple[Path, Result]]) -> str:
    """Return the rows of a recipe that are made, in the recipe's order, in Markdown.

    Of several seeds it is their mean, for mIoU the least and the greatest as well.
    """
    order = [variant.label for variant in load_recipe(recipe).variants]
    rows = {r.label: r for _, r in merge_seeds(found) if r.label in order}
    seeds = max(len(members(row)) for row in rows.values())
    head = ["row", *(["seeds"] if seeds > 1 else []), *SCORES.values(), *COST]
    lines = [markdown_row(head), markdown_row(["---", *["---:"] * (len(head) - 1)])]
    for label in order:
        if label in rows:
            row = rows[label]
            count = [len(members(row))] if seeds > 1 else []
            lines.append(markdown_row([label, *count, *_scores(row), *_cost(row)]))
    return f"{_told(len(order), rows, seeds)}\n\n" + "\n".join(lines)


def _told(of: int, rows: dict[str, Result], seeds: int) -> str:
    some = next(iter(rows.values()))
    size = f"{some.recipe['data']['width']}x{some.recipe['data']['height']}"
    text = (
        f"{len(rows)} of {of} rows, {'one seed' if seeds == 1 else f'up to {seeds} seeds'}, "
        f"{some.recipe['train']['steps']} steps at {size}, {some.supervised_frames:,} supervised "
        f"frames each, scored on {some.scored_frames:,} frames of {len(some.dataset.sequences)} "
        "flights"
    )
    left = of - len(rows)
    rows_are = "row is" if left == 1 else "rows are"
    return f"{text}; {left} {rows_are} not made yet." if left else f"{text}."


def _scores(row: Result) -> list[str]:
    cells = [
        "" if v is None else f"{100 * v:.1f}" for v in (getattr(row.scores, n) for n in SCORES)
    ]
    own = [r.scores.mean_iou for r in members(row)]
    known = [v for v in own if v is not None]
    if len(known) > 1:
        cells[0] += f" ({100 * min(known):.1f} to {100 * max(known):.1f})"
    return cells


def _cost(row: Result) -> list[str]:
    if (speed := row.speed) is None:
        return [""] * len(COST)
    return [
        f"{speed.parameters / 1e6:.2f}",
        f"{speed.gmacs:.2f}",
        f"{speed.memory_bytes / 1000:.0f}",
    ]


if __name__ == "__main__":
    main()
