"""Charts of gains as SVG: levels along the bottom, points of mean IoU up the side, whiskers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from airseg.bench.temporal.gains import Curve

COLORS = ("#2f6fb3", "#c8641f", "#2f8a5a", "#8a5cc7", "#c23a7e", "#1f95a3", "#94771a", "#5f6b7a")
_BOUNDS = {"interval": "95 %: ", "range": "range of flights: ", "none": "one flight: "}
_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 14, 16, 56  # left: a signed number in a telephone's type


def gain_chart(curves: Sequence[Curve], axis: str, colors: dict[str, str], *, line: bool) -> str:
    """Return a chart of gains with their 95 % intervals, or broken lines for the flights' range.

    Args:
        curves: one a network; a level that one of them lacks is left out of its line.
        axis: what the levels are.
        colors: by label.
        line: whether levels are in an order, so that points are joined.
    """
    levels = list(dict.fromkeys(p.level for c in curves for p in c.points))
    ends = [v for c in curves for p in c.points for v in (p.low, p.high, p.gain)] + [0.0]
    low, high, step = _round_axis(min(ends), max(ends))
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT

    def up(value: float) -> float:
        return bottom - (bottom - _TOP) * (value - low) / (high - low)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(axis)}: gain in points of mean IoU">'
    ]
    for i in range(round((high - low) / step) + 1):
        value = low + i * step
        kind = "zero" if abs(value) < step / 1e3 else "grid"
        y = up(value)
        parts.append(f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" class="{kind}"/>')
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" class="tick end">{_signed(value, step)}</text>'
        )
    slot = (right - _LEFT) / len(levels)
    middles = {level: _LEFT + slot * (i + 0.5) for i, level in enumerate(levels)}
    for level, x in middles.items():
        parts.append(f'<text x="{x:.1f}" y="{bottom + 20}" class="tick mid">{escape(level)}</text>')
    parts.append(
        f'<text x="{(_LEFT + right) / 2:.0f}" y="{_HEIGHT - 12}" class="axis mid">'
        f"{escape(axis)}</text>"
    )
    for i, curve in enumerate(curves):
        shift = (i - (len(curves) - 1) / 2) * min(14.0, slot / (len(curves) + 1))
        parts += _curve(curve, colors[curve.label], middles, shift, up, line=line)
    return "".join([*parts, "</svg>"])


def _curve(curve, color, middles, shift, up, *, line):  # noqa: ANN001, ANN202
    """Yield the line, whiskers and dots of one network."""
    places = [(middles[p.level] + shift, p) for p in curve.points]
    if line and len(places) > 1:
        path = " ".join(f"{x:.1f},{up(p.gain):.1f}" for x, p in places)
        yield f'<polyline points="{path}" stroke="{color}" class="line"/>'
    for x, p in places:
        y, top, foot = up(p.gain), up(p.high), up(p.low)
        title = (
            f"{curve.label}, {p.level}: {p.gain:+.2f} ({_BOUNDS[p.kind]}{p.low:+.2f} to "
            f"{p.high:+.2f}); "
            f"{p.memory:.1f} % against {p.base:.1f} %"
        )
        yield f'<g stroke="{color}" fill="{color}"><title>{escape(title)}</title>'
        kind = "whisker" if p.kind == "interval" else "whisker range"
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{foot:.1f}" class="{kind}"/>'
        for end in (top, foot) if p.kind == "interval" else ():
            yield (
                f'<line x1="{x - 4:.1f}" x2="{x + 4:.1f}" y1="{end:.1f}" y2="{end:.1f}" '
                'class="whisker"/>'
            )
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" stroke="none"/></g>'


def _round_axis(low: float, high: float) -> tuple[float, float, float]:
    """Return round ends that hold a range, and a round step of at most seven to it."""
    width = max(high - low, 0.2)
    step = 10.0 ** math.floor(math.log10(width / 6))
    for factor in (1, 2, 5, 10):
        if width / (step * factor) <= 6:
            step *= factor
            break
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return first * step, max(last, first + 1) * step, step


def _signed(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    text = f"{value:+.{digits}f}".replace("-", "\u2212")
    return text if abs(value) > step / 1e3 else "0"
