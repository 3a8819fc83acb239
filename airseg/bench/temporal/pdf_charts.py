"""Charts of gains for papers, drawn by matplotlib: the page's, one file a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airseg.bench.temporal.charts import COLORS
from airseg.bench.temporal.findings import Finding
from airseg.bench.temporal.gains import Curve
from airseg.bench.temporal.study_page import is_ordered
from airseg.pdf_figures import figure_style, key_below, new_drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

_HEIGHT_IN = 2.8
_BETWEEN = 0.12  # of the room between levels, so that whiskers do not hide each other


def gain_drawings(findings: Sequence[Finding]) -> dict[str, Drawing]:
    """Return a chart of gains for each finding, by name: dots, and whiskers of 95 % intervals.

    Whiskers are dotted where they are the range of the flights, as on the page.

    Args:
        findings: of a study.

    Raises:
        AirsegError: there is no matplotlib.
    """
    labels = list(dict.fromkeys(c.label for f in findings for c in f.curves))
    colors = {label: COLORS[i % len(COLORS)] for i, label in enumerate(labels)}
    with figure_style():
        return {f"gain-{f.name}": _chart(f, colors) for f in findings if f.curves}


def _chart(finding: Finding, colors: dict[str, str]) -> Drawing:
    drawing, (ax,) = new_drawing(_HEIGHT_IN)
    levels = list(dict.fromkeys(p.level for c in finding.curves for p in c.points))
    ax.axhline(0, color="#666666", linewidth=0.8)
    for i, curve in enumerate(finding.curves):
        shift = (i - (len(finding.curves) - 1) / 2) * _BETWEEN
        _curve(ax, curve, colors[curve.label], levels, shift, line=is_ordered(finding))
    ax.set_xticks(range(len(levels)), levels)
    ax.set_xlim(-0.6, len(levels) - 0.4)
    ax.set_xlabel(finding.axis)
    ax.set_ylabel("gain, points of mIoU")
    key_below(drawing, [ax])
    return drawing


def _curve(
    ax: Axes, curve: Curve, color: str, levels: list[str], shift: float, *, line: bool
) -> None:
    xs = [levels.index(p.level) + shift for p in curve.points]
    ax.plot(
        xs,
        [p.gain for p in curve.points],
        color=color,
        marker="o",
        markersize=4,
        linestyle="-" if line else "none",
        label=f"{curve.label} over {curve.base}",
    )
    for x, point in zip(xs, curve.points, strict=True):
        style = "-" if point.kind == "interval" else ":"
        ax.plot([x, x], [point.low, point.high], color=color, linestyle=style)
