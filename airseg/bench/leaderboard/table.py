"""The table: results as rows, as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from airseg.bench.leaderboard.badges import FAIR, UNTRAINED, badges
from airseg.bench.leaderboard.columns import (
    columns,
    machine_letter,
    machines,
    percent,
    shown,
    split_text,
    untimed,
)
from airseg.bench.results.result import Result
from airseg.errors import RecipeError
from airseg.markdown import escaped
from airseg.text_files import read_text


def table(results: Sequence[Result]) -> pd.DataFrame:
    """Return the leaderboard, one row a result; numbers in the columns' units, NaN where none."""
    chosen = columns(results)
    rows = [[c.value(r) for c in chosen] for r in results]
    return pd.DataFrame(rows, columns=[c.title for c in chosen])


def class_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return class IoU in per cent: a row a result, a column a class."""
    names = list(results[0].scores.class_iou)
    rows = [[percent(r.scores.class_iou.get(n)) for n in names] for r in results]
    return pd.DataFrame(rows, columns=names, index=[r.label for r in results])


def check_comparable(results: Sequence[Result], content_hash: str | None = None) -> None:
    """Refuse to put rows of different datasets, splits or scored classes together.

    Rows of the paper's protocol, which are no measure of a split, may stand beside the others.

    Args:
        results: of one table.
        content_hash: of the dataset they must have been scored on, or None for any one.

    Raises:
        RecipeError: two results were scored on different frames or classes, or not on that
            dataset.
    """
    first: dict[str, Result] = {}
    for other in results:
        if content_hash is not None and other.dataset.content_hash != content_hash:
            raise RecipeError(
                f"{other.run} was scored on dataset {other.dataset.content_hash[:12]}, and the "
                f"given one is {content_hash[:12]}; run its recipe on this one."
            )
        same = first.setdefault("leaks" if other.protocol == "paper" else "split", other)
        whole = results[0]
        odd = same if other.dataset != same.dataset else None
        odd = whole if other.dataset.content_hash != whole.dataset.content_hash else odd
        if odd is not None:
            raise RecipeError(
                f"{odd.run} and {other.run} were scored on different frames (dataset "
                f"{odd.dataset.content_hash[:12]} {odd.dataset.split}, "
                f"{other.dataset.content_hash[:12]} {other.dataset.split}); a leaderboard compares "
                "rows of one split of one dataset. Make one for each."
            )
        theirs, ours = _scored_classes(same), _scored_classes(other)
        if theirs != ours:
            raise RecipeError(
                f"{same.run} and {other.run} were scored on different classes ({theirs}; {ours}), "
                "so their means are no measure of one thing. Make a leaderboard for each."
            )


def _scored_classes(result: Result) -> str:
    """Return which classes a recipe scores, and what counts as another, in words."""
    evaluate = result.recipe.get("evaluate", {})
    classes, pool = sorted(set(evaluate.get("classes", []))), evaluate.get("pool", {})
    pooled = [f"{name} as {other}" for name, other in sorted(pool.items())]
    return ", ".join([*(classes or ["all classes"]), *pooled])


def markdown(results: Sequence[Result]) -> str:
    """Return the leaderboard and its class table in Markdown."""
    chosen, classes = [c for c in columns(results) if c.brief], class_table(results)
    lines = [markdown_row(c.title for c in chosen)]
    lines.append(markdown_row("---" if c.digits is None else "---:" for c in chosen))
    lines += [markdown_row(markdown_cell(c.value(r), c.digits) for c in chosen) for r in results]
    lines += ["", f"Class IoU %, {escaped(split_text(results[0]))}:", ""]
    lines += [
        markdown_row(["system", *map(escaped, classes.columns)]),
        markdown_row(["---"] + ["---:"] * len(classes.columns)),
    ]
    for label, values in zip(classes.index, classes.to_numpy(), strict=True):
        lines.append(markdown_row([escaped(label), *(shown(float(v), 1) for v in values)]))
    known = [escaped(machine) for machine in machines(results)]
    if known:
        named = (
            known if len(known) == 1 else [f"{machine_letter(i)}: {m}" for i, m in enumerate(known)]
        )
        lines += ["", f"Speed: {'; '.join(named)}. {untimed(results)}".rstrip()]
    for found in dict.fromkeys(b for b in badges(results).values() if b not in (FAIR, UNTRAINED)):
        lines += ["", f"Rows marked **{found.name}**: {found.meaning}."]
    return "\n".join(lines).rstrip() + "\n"


def splice(path: Path, text: str, name: str = "leaderboard") -> None:
    """Put a text between the markers of this name in a Markdown file.

    Raises:
        RecipeError: the file lacks a marker, or they stand in the wrong order.
    """
    begin, end = markers(name)
    content = read_text(path, RecipeError)
    if begin not in content or end not in content:
        raise RecipeError(f"{path}: lacks the lines {begin} and {end}.")
    before, rest = content.split(begin, 1)
    if end not in rest:
        raise RecipeError(f"{path}: {end} stands before {begin}; put it after.")
    after = rest.split(end, 1)[1]
    path.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")


def markers(name: str) -> tuple[str, str]:
    """Return the lines of a Markdown file between which a table of this name goes."""
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def markdown_row(cells: Iterable[object]) -> str:
    """Return a row of a Markdown table."""
    return "| " + " | ".join(str(c) for c in cells) + " |"


def markdown_cell(value: object, digits: int | None) -> str:
    """Return a cell of a Markdown table; texts of results and of papers are shown as they are."""
    return escaped(str(value)) if digits is None else shown(value, digits)
