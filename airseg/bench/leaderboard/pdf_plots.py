"""The figures of a leaderboard for papers, drawn by matplotlib from what the page draws from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airseg.bench.leaderboard.badges import badges
from airseg.bench.leaderboard.columns import machines
from airseg.bench.leaderboard.figures import Figure, paper_figures
from airseg.bench.leaderboard.line_plot import Plot
from airseg.bench.leaderboard.page import DASHES, STRATA, part_names, row_data
from airseg.bench.results.published import PublishedNumbers
from airseg.bench.results.result import Result
from airseg.pdf_figures import dashes, figure_style, key_below, new_drawing, stacked_drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

_ROW_IN, _LINE_IN = 0.24, 0.16
_UNRANKED = ("leaks", "swept")
_FORMS = dict(zip(DASHES, ("o", "s", "^"), strict=True))


def leaderboard_drawings(
    results: Sequence[Result], published: PublishedNumbers | None = None
) -> dict[str, Drawing]:
    """Return the figures that some results have numbers for, by the names of their files.

    Args:
        results: of a leaderboard, in its order.
        published: what the papers report, for their dotted lines.

    Raises:
        AirsegError: there is no matplotlib.
    """
    marks = badges(results)
    rows = [row_data(r, i, marks[r.run]) for i, r in enumerate(results)]
    found: dict[str, Drawing | None] = {}
    with figure_style():
        found["scores"] = _scores(rows)
        for number, machine in enumerate(machines(results), 1):
            timed = [r for r in rows if r["machine"] == machine]
            ending = f"-{number}" if len(machines(results)) > 1 else ""
            found[f"accuracy-latency{ending}"] = _tradeoff(
                timed, "p50", f"median latency of a frame, ms ({machine})"
            )
        found["accuracy-operations"] = _tradeoff(rows, "gmacs", "GMAC a frame")
        found["training"] = _training(rows)
        found["classes"] = _parts(
            "IoU, %",
            [("", list(results[0].scores.class_iou))],
            rows,
            [[_shares(r.scores.class_iou) for r in results]],
        )
        found["where"] = _where(results, rows)
        for figure in paper_figures(results, published):
            found[figure.name] = _paper(figure)
    return {name: drawing for name, drawing in found.items() if drawing is not None}


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no other beats: less across and more up is better."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or y > front[-1][1]:
            front.append((x, y))
    return front


def _scores(rows: Sequence[Mapping[str, Any]]) -> Drawing | None:
    """Class-mean IoU by flight with its interval, a line a row, the best above."""
    known = [r for r in rows if r["by_flight"] is not None]
    if not known:
        return None
    known.sort(key=lambda r: r["by_flight"])
    drawing, (ax,) = new_drawing(0.7 + _ROW_IN * len(known))
    for place, row in enumerate(known):
        if row["interval"]:
            ax.plot(row["interval"], [place, place], color=row["color"])
        ax.plot(row["by_flight"], place, **_mark(row))
    _name_lines(ax, [r["label"] + _badge(r) for r in known])
    ax.set_xlabel("class-mean IoU by flight, % (95 % interval)")
    return drawing


def _tradeoff(rows: Sequence[Mapping[str, Any]], across: str, title: str) -> Drawing | None:
    known = [r for r in rows if r[across] is not None and r["mean_iou"] is not None]
    if not known:
        return None
    drawing, (ax,) = new_drawing(3.2 + _LINE_IN * (len(known) // 3))
    for row in known:
        ax.plot(row[across], row["mean_iou"], label=row["label"] + _badge(row), **_mark(row))
    ranked = [(r[across], r["mean_iou"]) for r in known if r["badge"] not in _UNRANKED]
    front = pareto_front(ranked)
    if len(front) > 1:
        ax.plot(*zip(*front, strict=True), color="#888888", linewidth=0.8, zorder=0)
    if min(r[across] for r in known) > 0:
        _logarithmic(ax)
    ax.set_xlabel(title)
    ax.set_ylabel("mIoU, %")
    key_below(drawing, [ax])
    return drawing


def _logarithmic(ax: Axes) -> None:
    """Number the axis plainly: matplotlib writes formulas, which our style shows as they are."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _training(rows: Sequence[Mapping[str, Any]]) -> Drawing | None:
    kinds = [("loss", "training loss"), ("validation", "validation mIoU, %")]
    kinds = [(key, title) for key, title in kinds if any(r[key] for r in rows)]
    if not kinds:
        return None
    drawing, axes = new_drawing(2.5 + _LINE_IN * (len(rows) // 3), len(kinds))
    for ax, (key, title) in zip(axes, kinds, strict=True):
        for row in (r for r in rows if r[key]):
            xs, ys = zip(*row[key], strict=True)
            look = {"color": row["color"], "linestyle": dashes(row["dash"])}
            ax.plot(xs, ys, label=row["label"], marker="." if len(xs) < 20 else "", **look)
        ax.set_title(title)
        ax.set_xlabel("step")
    key_below(drawing, axes)
    return drawing


def _where(results: Sequence[Result], rows: Sequence[Mapping[str, Any]]) -> Drawing | None:
    panels, values = [], []
    for field, title in STRATA:
        parts = [getattr(r.scores, field) for r in results]
        if any(parts):
            panels.append((title, part_names(parts)))
            values.append([_shares({k: v.mean_iou for k, v in p.items()}) for p in parts])
    return _parts("mIoU of the pixels, %", panels, rows, values)


def _parts(
    across: str,
    panels: Sequence[tuple[str, Sequence[str]]],
    rows: Sequence[Mapping[str, Any]],
    values: Sequence[Sequence[Mapping[str, float]]],
) -> Drawing | None:
    """Dots of every row for every part: of classes, or of kinds of pixels.

    Args:
        across: what the values are, with their unit.
        panels: title and names of the parts of each, from top to bottom.
        rows: of the leaderboard.
        values: per cent, by panel, row and part; what is not known is left out.
    """
    if not any(part for panel in values for part in panel):
        return None
    shares = [len(names) + 1 for _, names in panels]
    height = 0.6 + _ROW_IN * sum(shares) + _LINE_IN * (len(rows) // 3)
    drawing, axes = stacked_drawing(height, shares)
    for ax, (title, names), panel in zip(axes, panels, values, strict=True):
        order = names[::-1]
        for row, known in zip(rows, panel, strict=True):
            places = [i for i, name in enumerate(order) if name in known]
            shown = [known[order[i]] for i in places]
            ax.plot(shown, places, label=row["label"] + _badge(row), **_mark(row))
        _name_lines(ax, [name.replace("_", " ") for name in order])
        ax.set_title(title)
    axes[-1].set_xlabel(across)
    key_below(drawing, axes)
    return drawing


def _paper(figure: Figure) -> Drawing | None:
    if not figure.plots:
        return None
    drawing, axes = new_drawing(2.9, len(figure.plots))
    for ax, plot in zip(axes, figure.plots, strict=True):
        _lines(ax, plot)
    key_below(drawing, axes)
    return drawing


def _lines(ax: Axes, plot: Plot) -> None:
    for line in plot.lines:
        if not line.points:
            continue
        xs, ys = zip(*line.points, strict=True)
        marker = "." if len(xs) < 20 else ""
        ax.plot(
            xs, ys, color=line.color, linestyle=dashes(line.dash), marker=marker, label=line.label
        )
        if line.published is not None:
            ax.axhline(line.published, xmin=0.5, color=line.color, linestyle=":")
    ax.set_title(plot.title)
    ax.set_xlabel(plot.across)


def _mark(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the look of a row's point: hollow diamonds leak, as on the page.

    Colours come again after ten rows, with another form.
    """
    leaks = row["badge"] == "leaks"
    return {
        "color": row["color"],
        "marker": "D" if leaks else _FORMS[row["dash"]],
        "markerfacecolor": "none" if leaks else row["color"],
        "markersize": 5,
        "linestyle": "none",
    }


def _badge(row: Mapping[str, Any]) -> str:
    return "" if row["badge"] == "fair" else f" ({row['badge']})"


def _shares(shares: Mapping[str, float | None]) -> dict[str, float]:
    return {name: 100 * share for name, share in shares.items() if share is not None}


def _name_lines(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.6, len(names) - 0.4)
