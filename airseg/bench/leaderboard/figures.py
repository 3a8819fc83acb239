"""The founding paper's Table 2 and its figures 7 to 9, with ours beside them.

Which results belong to which is told by their recipe's name: ``paper-table2``, ``fair-table2``,
``paper-fig7``, ``paper-fig8``, ``paper-fig9``, and the same with an ending, such as ``-mini``, for
other sizes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from airseg.bench.leaderboard.columns import machines, shown
from airseg.bench.leaderboard.line_plot import Line, Plot
from airseg.bench.recipes.recipe_parts import forgets
from airseg.bench.results.published import PublishedNumbers, PublishedRow
from airseg.bench.results.result import Result
from airseg.bench.results.seeds import MeanResult
from airseg.markdown import escaped

_COLORS = {0: "#3b82c4", 2: "#d9722e", 4: "#3f9e6b", 6: "#9b6bd3"}
_OTHER = "#6b7785"
# What follows becomes part of file names.
_ENDING = r"([A-Za-z0-9_.-]*)"
_NAME = re.compile(rf"(paper-table2|fair-table2|paper-fig7|paper-fig8|paper-fig9){_ENDING}")
_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Figure:
    """A table or a figure.

    Attributes:
        name: of its files; title: of it; text: what is to be known before reading it.
        heads, rows: of a table; leaks: the columns whose scores leak, counted from 0.
        plots: side by side.
    """

    name: str
    title: str
    text: str
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    leaks: frozenset[int] = frozenset()
    plots: tuple[Plot, ...] = ()

    def markdown(self) -> str:
        """Return title, text and table in Markdown."""
        lines = [f"**{escaped(self.title)}.** {self.text}", ""]
        if self.heads:
            marked = [
                escaped(h) + (" *(leaks)*" if i in self.leaks else "")
                for i, h in enumerate(self.heads)
            ]
            rows = [[escaped(cell) for cell in row] for row in self.rows]
            cells = [marked, ["---", *["---:"] * (len(self.heads) - 1)], *rows]
            lines += ["| " + " | ".join(row) + " |" for row in cells]
        return "\n".join(lines) + "\n"


def paper_figures(results: Sequence[Result], published: PublishedNumbers | None) -> list[Figure]:
    """Return the table and figures that some results belong to.

    Args:
        results: of a leaderboard.
        published: where the paper's own numbers are, or None to leave them out.
    """
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        found = _NAME.fullmatch(str(result.recipe.get("name", "")))
        if found and result.kind == "model":
            groups.setdefault((found[1], found[2]), []).append(result)
    theirs = {r.depth: r for r in published.rows if r.depth is not None} if published else {}
    endings = list(dict.fromkeys(ending for _, ending in groups))
    figures = []
    for ending in endings:
        paper, fair = groups.get(("paper-table2", ending)), groups.get(("fair-table2", ending))
        if paper or fair:
            figures.append(_table(ending, paper or [], fair or [], theirs))
        figures += [
            _curves_by_batching(name, ending, groups[name, ending])
            for name in ("paper-fig7", "paper-fig8")
            if (name, ending) in groups
        ]
        if ("paper-fig9", ending) in groups:
            figures.append(_curves_by_depth(ending, groups["paper-fig9", ending], theirs))
    return figures


def depth_of(result: Result) -> int:
    """Return N of a row, how many earlier frames it aggregates."""
    return int(result.recipe.get("model", {}).get("options", {}).get("tca_depth", 0))


def _is_fanet(result: Result) -> bool:
    return str(result.recipe.get("model", {}).get("name", "")).startswith("fanet")


def _table(
    ending: str,
    paper: Sequence[Result],
    fair: Sequence[Result],
    theirs: dict[int, PublishedRow],
) -> Figure:
    ours = {depth_of(r): r for r in paper}
    # The fair study has a placebo of each depth, and a positive control that is another network.
    fairly, forgetting = (
        {depth_of(r): r for r in fair if _is_fanet(r) and forgets(r.recipe["model"]) == placebo}
        for placebo in (False, True)
    )
    columns: list[tuple[str, bool, Callable[[int], str]]] = [
        (f"paper: {split}", True, lambda n, s=split: _jaccard(theirs.get(n), s))  # type: ignore[misc]
        for split in _SPLITS
    ]
    if ours:
        columns += [
            ("ours, its protocol: train", True, lambda n: _last(ours.get(n), "training_jaccard")),
            ("val", True, lambda n: _last(ours.get(n), "validation_jaccard")),
            ("test", True, lambda n: _score(ours.get(n), "paper_jaccard")),
            ("mIoU", True, lambda n: _score(ours.get(n), "mean_iou")),
            ("frames trained on", False, lambda n: _frames(ours.get(n))),
        ]
    if fairly:
        columns += [
            ("ours, fair: Eq. 1-2", False, lambda n: _score(fairly.get(n), "paper_jaccard")),
            ("fair: mIoU", False, lambda n: _score(fairly.get(n), "mean_iou")),
            ("fair: mIoU, placebo", False, lambda n: _score(forgetting.get(n), "mean_iou")),
            ("fair: frames trained on", False, lambda n: _frames(fairly.get(n))),
        ]
    columns.append(("FPS, paper", False, lambda n: _fps(theirs.get(n))))
    for machine in machines([*paper, *fair]):
        columns.append((f"FPS, {machine}", False, _fps_on(machine, fairly or ours)))
    depths = sorted({*theirs, *ours, *fairly})
    return Figure(
        name=f"paper-table2{ending}",
        title=f"Table 2 of the founding paper{_size(ending, [*paper, *fair])}",
        text="Per cent of the paper's Eq. 1-2 unless it says mIoU. Under the paper's protocol a "
        "larger N also means fewer frames to train on, and tested frames lie beside trained ones; "
        "under the fair one only N differs, and the test is on other flights; a placebo of N goes "
        "through the same frames and forgets them.",
        heads=("N", *(title for title, _, _ in columns)),
        rows=tuple((str(n), *(cell(n) for _, _, cell in columns)) for n in depths),
        leaks=frozenset(i + 1 for i, (_, leaks, _) in enumerate(columns) if leaks),
    )


def _curves_by_depth(
    ending: str, results: Sequence[Result], theirs: dict[int, PublishedRow]
) -> Figure:
    def panel(curve: str, split: str, title: str) -> Plot:
        lines = [
            Line(
                f"N={depth_of(r)}",
                _COLORS.get(depth_of(r), _OTHER),
                _by_epoch(r, curve),
                published=_published(theirs.get(depth_of(r)), split),
            )
            for r in sorted(results, key=depth_of)
        ]
        return Plot(tuple(lines), title, "epoch")

    return Figure(
        name=f"paper-fig9{ending}",
        title=f"Figure 9 of the founding paper: N earlier frames{_size(ending, results)}",
        text="Ours, under the paper's protocol, whose validation windows lie between training "
        "windows of the same flight. Of the paper's curves no numbers are at hand: dotted are the "
        "ends that its Table 2 prints.",
        plots=_kept(
            panel("training_jaccard", "train", "training Eq. 1-2, %"),
            panel("validation_jaccard", "val", "validation Eq. 1-2, % (leaks)"),
        ),
    )


def _curves_by_batching(name: str, ending: str, results: Sequence[Result]) -> Figure:
    def panel(curve: str, title: str) -> Plot:
        lines = []
        for r in sorted(results, key=lambda r: (depth_of(r), _batching(r))):
            dash = "6 4" if _batching(r) == "homogeneous" else ""
            dash = "2 3" if _adds_to_all(r) else dash
            lines.append(
                Line(_batch_label(r), _COLORS.get(depth_of(r), _OTHER), _by_epoch(r, curve), dash)
            )
        return Plot(tuple(lines), title, "epoch")

    rows = tuple(
        (
            _batch_label(r),
            _last(r, "training_jaccard"),
            _last(r, "validation_jaccard"),
            _score(r, "paper_jaccard"),
            _score(r, "mean_iou"),
        )
        for r in sorted(results, key=lambda r: (depth_of(r), _batching(r)))
    )
    return Figure(
        name=f"{name}{ending}",
        title=f"Figure {name[-1]} of the founding paper: homogeneous batches, of one flight, "
        f"against mixed ones, of clips of many{_size(ending, results)}",
        text="Ours, under the paper's protocol. Of the paper's curves no numbers are at hand, so "
        "only ours stand here.",
        heads=("row", "train", "val", "test", "mIoU"),
        rows=rows,
        leaks=frozenset(range(1, 5)),
        plots=_kept(
            panel("training_jaccard", "training Eq. 1-2, %"),
            panel("validation_jaccard", "validation Eq. 1-2, % (leaks)"),
        ),
    )


def _size(ending: str, results: Sequence[Result]) -> str:
    """Return how a reduced run differs from the paper's size, in words, or nothing."""
    data = results[0].recipe.get("data", {}) if results else {}
    size = f"{data.get('width')}x{data.get('height')}"
    return f", at {size}" + (f" ({ending.strip('-')})" if ending else "")


def _by_epoch(result: Result, curve: str) -> list[tuple[float, float]]:
    steps = result.curves.epoch_steps or 1
    return [(at / steps, 100 * v) for at, v in getattr(result.curves, curve) if v is not None]


def _batch_label(result: Result) -> str:
    added = ", as the notebook adds" if _adds_to_all(result) else ""
    return f"N={depth_of(result)} {_batching(result)}{added}"


def _adds_to_all(result: Result) -> bool:
    options = result.recipe.get("model", {}).get("options", {})
    return options.get("reduction") == "broadcast"


def _batching(result: Result) -> str:
    return str(result.recipe.get("data", {}).get("batching", "mixed"))


def _published(row: PublishedRow | None, split: str) -> float | None:
    return row.paper_jaccard.get(split) if row else None  # type: ignore[call-overload]


def _jaccard(row: PublishedRow | None, split: str) -> str:
    value = _published(row, split)
    return "-" if value is None else f"{value:.1f}"


def _last(result: Result | None, curve: str) -> str:
    values = [v for _, v in getattr(result.curves, curve) if v is not None] if result else []
    return f"{100 * values[-1]:.1f}" if values else "-"


def _score(result: Result | None, name: str) -> str:
    value = getattr(result.scores, name) if result else None
    if value is None:
        return "-"
    text = f"{100 * value:.1f}"
    if isinstance(result, MeanResult):
        return f"{text} ± {100 * result.deviation.get(name, 0.0):.1f}"
    return text


def _frames(result: Result | None) -> str:
    return f"{result.supervised_frames}" if result else "-"


def _fps(row: PublishedRow | None) -> str:
    return shown(row.fps, 0) if row and row.fps is not None else "-"


def _fps_on(machine: str, rows: dict[int, Result]) -> Callable[[int], str]:
    def cell(depth: int) -> str:
        speed = rows[depth].speed if depth in rows else None
        is_known = speed and speed.machine == machine and not speed.was_disturbed
        return f"{speed.frames_per_second:.1f}" if speed and is_known else "-"

    return cell


def _kept(*plots: Plot) -> tuple[Plot, ...]:
    return tuple(p for p in plots if any(line.points for line in p.lines))
