"""A plain line plot as SVG that stands in a page, dark or light, and as a file of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 440, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 30, 38
_INK, _SOFT, _RULE = "var(--ink,#777)", "var(--soft,#777)", "var(--rule,#9994)"


@dataclass(frozen=True)
class Line:
    """A line of a plot.

    Attributes:
        label: for the key and the tooltip; color: CSS; dash: pattern, or nothing.
        points: (x, y).
        published: what a paper reports for the end of it: a dotted line across the right half.
    """

    label: str
    color: str
    points: Sequence[tuple[float, float]]
    dash: str = ""
    published: float | None = None


@dataclass(frozen=True)
class Plot:
    """What a plot shows.

    Attributes:
        lines: in the key's order.
        title: above; says the unit of y.
        across: what x is.
    """

    lines: tuple[Line, ...]
    title: str
    across: str


def line_plot(plot: Plot) -> str:
    """Return a plot's SVG with its key below; an empty text where no line has a point."""
    drawn, title, across = [line for line in plot.lines if line.points], plot.title, plot.across
    if not drawn:
        return ""
    ys = [y for line in drawn for _, y in line.points]
    ys += [line.published for line in drawn if line.published is not None]
    right = max(x for line in drawn for x, _ in line.points) or 1.0
    step = _step(max(ys) - min(ys))
    low, high = math.floor(min(ys) / step) * step, math.ceil(max(ys) / step + 1e-9) * step
    place = _Place(right, low, high)
    parts = [f'<text x="0" y="14" {_font(_INK, bold=True)}>{escape(title)}</text>']
    parts += _axes(place, low, high, step, right, across)
    parts += [_draw(line, place) for line in drawn]
    parts += _key(drawn)
    height = _HEIGHT + 20 * _key_rows(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


@dataclass(frozen=True)
class _Place:
    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _RIGHT - _LEFT) * value / self.right

    def y(self, value: float) -> float:
        floor = _HEIGHT - _BOTTOM
        return floor - (floor - _TOP) * (value - self.low) / ((self.high - self.low) or 1.0)


def _axes(
    place: _Place, low: float, high: float, step: float, right: float, across: str
) -> list[str]:
    parts = []
    for i in range(round((high - low) / step) + 1):
        value = low + i * step
        y = f"{place.y(value):.1f}"
        rule = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" style="stroke:{_RULE}"'
        parts.append(f"<line {rule}/>")
        where = f'x="{_LEFT - 7}" y="{float(y) + 4:.1f}" text-anchor="end"'
        parts.append(f"<text {where} {_font(_SOFT)}>{value:g}</text>")
    tick = _step(right)
    for i in range(int(right / tick + 1e-9) + 1):
        where = f'x="{place.x(i * tick):.1f}" y="{_HEIGHT - _BOTTOM + 17}" text-anchor="middle"'
        parts.append(f"<text {where} {_font(_SOFT)}>{i * tick:g}</text>")
    where = f'x="{(_LEFT + _WIDTH) / 2}" y="{_HEIGHT - 4}" text-anchor="middle"'
    return [*parts, f"<text {where} {_font(_SOFT)}>{escape(across)}</text>"]


def _draw(line: Line, place: _Place) -> str:
    points = [(place.x(x), place.y(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
    stroke = f'fill="none" stroke="{line.color}" stroke-width="2"{dash}'
    name = f"<title>{escape(line.label)}</title>"
    parts = [f'<polyline points="{path}" {stroke}>{name}</polyline>']
    if len(points) < 20:
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{line.color}"/>' for x, y in points
        ]
    if line.published is not None:
        y = f"{place.y(line.published):.1f}"
        ends = f'x1="{(_LEFT + _WIDTH) / 2}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"'
        told = f"<title>{escape(line.label)}, as published: {line.published:g}</title>"
        style = f'stroke="{line.color}" stroke-width="2.5" stroke-dasharray="1 5"'
        parts.append(f'<line {ends} {style} stroke-linecap="round" class="published">{told}</line>')
    return "".join(parts)


def _key(lines: Sequence[Line]) -> list[str]:
    parts = []
    for line, (x, y) in zip(lines, _key_places(lines), strict=True):
        dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
        ends = f'x1="{x}" x2="{x + 20}" y1="{y - 4}" y2="{y - 4}"'
        parts.append(f'<line {ends} stroke="{line.color}" stroke-width="2.5"{dash}/>')
        parts.append(f'<text x="{x + 26}" y="{y}" {_font(_SOFT)}>{escape(line.label)}</text>')
    return parts


def _key_places(lines: Sequence[Line]) -> list[tuple[float, float]]:
    places: list[tuple[float, float]] = []
    x, row = 0.0, 0
    for line in lines:
        width = 46 + 7.2 * len(line.label)
        if x and x + width > _WIDTH:
            x, row = 0.0, row + 1
        places.append((x, _HEIGHT + 16 + 20 * row))
        x += width
    return places


def _key_rows(lines: Sequence[Line]) -> int:
    return 1 + round((_key_places(lines)[-1][1] - _HEIGHT - 16) / 20)


def _font(color: str, *, bold: bool = False) -> str:
    weight = "font-weight:600;" if bold else ""
    return f'style="font:12px system-ui,sans-serif;{weight}fill:{color}"'


def _step(span: float) -> float:
    raw = (span or 1.0) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    return next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= raw * (1 - 1e-9))
