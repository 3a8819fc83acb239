"""What papers published, as a table of its own and beside our rows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from airseg.bench.leaderboard.table import markdown_cell, markdown_row, table
from airseg.bench.results import Result
from airseg.bench.results.published import PublishedNumbers, PublishedRow
from airseg.markdown import escaped

_NAN = float("nan")


def published_columns(numbers: PublishedNumbers) -> list[tuple[str, str, int | None]]:
    """Return title, meaning and digits of the columns of `published_cells`."""
    fixed = [
        ("system", "as its paper calls it", None),
        ("paper", "who reports it", None),
        ("scored on", "dataset and split", None),
        ("size", "width x height of frames", None),
        ("mIoU %", "as printed", 1),
        ("Eq. 1-2 %", "the founding paper's 'mIoU' on its test windows", 1),
        ("accuracy %", "share of pixels that are right", 1),
        ("mVC8 %", "VSPW's script, which never looks at the label", 1),
        ("mVC16 %", "the same over 16 frames", 1),
        ("Cons %", "share of pixels whose prediction agrees with the next frame's", 1),
        ("ConsW %", "the share that agrees and is wrong", 1),
        ("params M", "millions", 2),
        ("GMAC", "multiply-adds of a frame, 1e9; most papers print them as FLOPs", 1),
    ]
    speeds = [(f"FPS, {m}", "as that paper timed it", 1) for m in numbers.machines]
    return [*fixed, *speeds, ("remark", "what to know before quoting it", None)]


def published_cells(numbers: PublishedNumbers, row: PublishedRow) -> list[float | str]:
    """Return one row's values in the order of `published_columns`."""
    values = (
        row.mean_iou,
        row.paper_jaccard.get("test"),
        *(row.accuracy, row.mvc8, row.mvc16, row.cons, row.consw, row.params_m, row.gmacs),
        *(row.fps if row.gpu == m else None for m in numbers.machines),
    )
    remarks = [row.table, row.note, "" if row.verified else "not verified"]
    cells = [_NAN if v is None else v for v in values]
    paper = numbers.papers[row.paper].name
    remark = "; ".join(r for r in remarks if r)
    return [row.system, paper, row.dataset, row.size, *cells, remark]


def published_markdown(numbers: PublishedNumbers) -> str:
    """Return the published rows as a Markdown table of their own."""
    heads = published_columns(numbers)
    lines = ["Published by the papers, on their own data and machines:", ""]
    lines += [markdown_row(escaped(h[0]) for h in heads)]
    lines += [markdown_row("---" if h[2] is None else "---:" for h in heads)]
    for row in numbers.rows:
        cells = zip(published_cells(numbers, row), heads, strict=True)
        lines.append(markdown_row(markdown_cell(v, h[2]) for v, h in cells))
    return "\n".join(lines) + "\n"


def csv_table(results: Sequence[Result], numbers: PublishedNumbers | None) -> pd.DataFrame:
    """Return all rows as one table for programs: ours, then the published ones, marked by kind."""
    ours = table(results)
    ours.insert(1, "kind", [r.kind for r in results])
    ours["machine"] = [r.speed.machine if r.speed else "" for r in results]
    ours["command"] = [r.command for r in results]
    ours["recipe"] = [r.recipe_hash for r in results]
    ours["scored on"] = [f"{r.dataset.content_hash[:12]} {r.dataset.split}" for r in results]
    if numbers is None:
        return ours
    titles = [c[0] for c in published_columns(numbers)]
    theirs = pd.DataFrame([published_cells(numbers, r) for r in numbers.rows], columns=titles)
    theirs.insert(1, "kind", "published")
    theirs["protocol"] = ["leaks" if r.leaks else "" for r in numbers.rows]
    # Frames a second of other machines have columns of their own already; concat keeps them apart.
    return pd.concat([ours, theirs.dropna(axis=1, how="all")], ignore_index=True)
