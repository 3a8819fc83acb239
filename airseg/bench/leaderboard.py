"""The table: results as rows, as CSV and Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from airseg.bench.results import Result
from airseg.errors import RecipeError

BEGIN, END = "<!-- leaderboard:begin -->", "<!-- leaderboard:end -->"


@dataclass(frozen=True)
class Column:
    """A column of the table: its heading, its unit or meaning, and digits after the point."""

    title: str
    meaning: str
    digits: int | None = None


COLUMNS = (
    Column("system", "network and depth N of its temporal context"),
    Column("mIoU %", "class-mean intersection over union, pooled over the whole split", 1),
    Column("accuracy %", "share of pixels that are right", 1),
    Column("Eq. 1-2 %", "the founding paper's 'mIoU', a function of pixel accuracy", 1),
    Column("FPS", "streaming, batch 1, to a label map of the size in this row", 1),
    Column("p50 ms", "median latency of a frame to a label map", 1),
    Column("p99 ms", "99th percentile of the same", 1),
    Column("params M", "trainable numbers, millions", 2),
    Column("GMAC", "multiply-adds of a frame, 1e9", 2),
    Column("memory KB", "what a stream remembers", 0),
    Column("size", "height x width of frames while training, predicting and timing"),
    Column("protocol", "how data are split and supervised"),
)


def table(results: list[Result]) -> pd.DataFrame:
    """Return the leaderboard, one row a result; numbers in the columns' units, NaN where none."""
    rows = []
    for r in results:
        s, v = r.scores, r.speed
        data = r.recipe.get("data", {})
        nan = float("nan")
        rows.append(
            (
                r.label,
                _percent(s.mean_iou),
                _percent(s.pixel_accuracy),
                _percent(s.paper_jaccard),
                v.frames_per_second if v else nan,
                v.labelmap_ms["p50"] if v else nan,
                v.labelmap_ms["p99"] if v else nan,
                v.parameters / 1e6 if v else nan,
                v.gmacs if v else nan,
                v.memory_bytes / 1000 if v else nan,
                f"{data.get('height')}x{data.get('width')}" if v else "",
                r.protocol,
            )
        )
    return pd.DataFrame(rows, columns=[c.title for c in COLUMNS])


def class_table(results: list[Result]) -> pd.DataFrame:
    """Return class IoU in per cent: a row a result, a column a class."""
    names = list(results[0].scores.class_iou)
    rows = [[_percent(r.scores.class_iou.get(n)) for n in names] for r in results]
    return pd.DataFrame(rows, columns=names, index=[r.label for r in results])


def check_comparable(results: list[Result]) -> None:
    """Refuse to put rows of different datasets or splits into one table.

    Raises:
        RecipeError: two results were scored on different frames.
    """
    first = results[0]
    for other in results[1:]:
        if other.dataset != first.dataset:
            raise RecipeError(
                f"{first.run} and {other.run} were scored on different frames (dataset "
                f"{first.dataset.content_hash[:12]} {first.dataset.split}, "
                f"{other.dataset.content_hash[:12]} {other.dataset.split}); a leaderboard compares "
                "rows of one dataset. Make one for each."
            )


def markdown(results: list[Result]) -> str:
    """Return the leaderboard and its class table in Markdown."""
    frame, classes = table(results), class_table(results)
    lines = [_row(frame.columns), _row(["---"] + ["---:"] * 9 + ["---"] * 2)]
    for values in frame.itertuples(index=False):
        cells = [_cell(v, c.digits) for v, c in zip(values, COLUMNS, strict=True)]
        lines.append(_row(cells))
    lines += ["", f"Class IoU %, {_split_text(results[0])}:", ""]
    lines += [_row(["system", *classes.columns]), _row(["---"] + ["---:"] * len(classes.columns))]
    for label, values in zip(classes.index, classes.to_numpy(), strict=True):
        lines.append(_row([label, *(_cell(v, 1) for v in values)]))
    machines = sorted({r.speed.machine for r in results if r.speed})
    lines += ["", f"Speed: {'; '.join(machines)}." if machines else ""]
    return "\n".join(lines).rstrip() + "\n"


def splice(path: Path, text: str) -> None:
    """Put a text between the leaderboard's markers of a Markdown file.

    Raises:
        RecipeError: the file lacks a marker.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as cause:
        raise RecipeError(f"{path}: cannot be read ({cause.strerror}).") from None
    if BEGIN not in content or END not in content:
        raise RecipeError(f"{path}: lacks the lines {BEGIN} and {END}.")
    before, rest = content.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{BEGIN}\n{text}{END}{after}", encoding="utf-8")


def _split_text(result: Result) -> str:
    frames = sum(result.dataset.sequences.values())
    return (
        f"{result.dataset.split} split, {frames} frames of {len(result.dataset.sequences)} flights"
    )


def _row(cells: object) -> str:
    return "| " + " | ".join(str(c) for c in cells) + " |"  # type: ignore[attr-defined]


def _cell(value: object, digits: int | None) -> str:
    if digits is None:
        return str(value)
    number = float(value)  # type: ignore[arg-type]
    return "-" if number != number else f"{number:.{digits}f}"


def _percent(value: float | None) -> float:
    return float("nan") if value is None else 100 * value
