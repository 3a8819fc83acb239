"""The leaderboard as one self-contained page: table, curves, class bars, pictures."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment

from airseg.bench.leaderboard import COLUMNS, class_table, table
from airseg.bench.results import Result
from airseg.classes import CLASSES, overlay

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 520, 240, 46, 30
_LINE_COLORS = ("#2563a8", "#c2410c", "#2f7d4f", "#7c3aed", "#b4235f", "#4b5563")


@dataclass(frozen=True)
class Picture:
    """An image of a strip: its caption and its data URL."""

    caption: str
    url: str


def page(rows: Sequence[tuple[Path, Result]]) -> str:
    """Return the page's HTML.

    Args:
        rows: results and their files; predictions lie in folders named after the runs beside them.
    """
    results = [r for _, r in rows]
    text = resources.files("airseg.bench").joinpath("templates/leaderboard.html").read_text("utf-8")
    template = Environment(autoescape=True).from_string(text)
    models = [r for r in results if r.kind == "model"]
    frame = table(results)
    cells = [
        [(_shown(v, c.digits), _sort_key(v)) for v, c in zip(row, COLUMNS, strict=True)]
        for row in frame.itertuples(index=False)
    ]
    first = results[0]
    return template.render(
        columns=COLUMNS,
        rows=list(zip(results, cells, strict=True)),
        loss=curve_svg({r.label: r.curves.loss for r in models}, "training loss"),
        validation=curve_svg(
            {r.label: r.curves.validation for r in models}, "validation mIoU", percent=True
        ),
        class_bars=_class_bars(results),
        strips=_strips(rows),
        legend=[(c.name.replace("_", " "), _css(c.color)) for c in CLASSES],
        colors={r.label: _LINE_COLORS[i % len(_LINE_COLORS)] for i, r in enumerate(models)},
        frames=sum(first.dataset.sequences.values()),
        flights=len(first.dataset.sequences),
        split=first.dataset.split,
        dataset=first.dataset.content_hash[:16],
        machines=sorted({r.speed.machine for r in results if r.speed}),
        version=first.airseg_version,
    )


def curve_svg(
    curves: dict[str, list[tuple[int, float]]], title: str, *, percent: bool = False
) -> str:
    """Return an SVG of lines over training steps, or an empty string where there are none."""
    points = [p for curve in curves.values() for p in curve]
    if not points:
        return ""
    scale = 100.0 if percent else 1.0
    top = max(p[1] for p in points) * scale
    ceiling, step = _round_axis(top)
    last = max(p[0] for p in points)
    right, bottom = _WIDTH - 10, _HEIGHT - _BOTTOM
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">'
        f'<text x="{_LEFT}" y="14" class="title">{title}{" %" if percent else ""}</text>'
    ]
    ticks = np.arange(0, ceiling + step / 2, step)
    for value in ticks:
        y = bottom - (bottom - 26) * value / ceiling
        parts.append(f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="tick end">{value:g}</text>')
    for share in (0, 0.5, 1):
        x = _LEFT + (right - _LEFT) * share
        anchor = "end" if share == 1 else "mid" if share else ""
        parts.append(
            f'<text x="{x:.0f}" y="{bottom + 18}" class="tick {anchor}">{last * share:.0f}</text>'
        )
    parts.append(
        f'<text x="{(_LEFT + right) / 2:.0f}" y="{_HEIGHT - 1}" class="tick mid">step</text>'
    )
    for i, (_, curve) in enumerate(curves.items()):
        color = _LINE_COLORS[i % len(_LINE_COLORS)]
        path = " ".join(
            f"{_LEFT + (right - _LEFT) * at / last:.1f},"
            f"{bottom - (bottom - 26) * value * scale / ceiling:.1f}"
            for at, value in _thinned(curve)
        )
        parts.append(f'<polyline points="{path}" stroke="{color}" class="line"/>')
        if len(curve) < 20:
            for pair in path.split():
                x_text, y_text = pair.split(",")
                parts.append(f'<circle cx="{x_text}" cy="{y_text}" r="3" fill="{color}"/>')
    parts.append("</svg>")
    return "".join(parts)


def _thinned(curve: list[tuple[int, float]], most: int = 120) -> list[tuple[int, float]]:
    """Return at most `most` points, each the mean of its neighbours."""
    if len(curve) <= most:
        return curve
    groups = np.array_split(np.array(curve, float), most)
    return [(int(g[-1, 0]), float(g[:, 1].mean())) for g in groups]


def _round_axis(top: float) -> tuple[float, float]:
    """Return a round upper end for an axis that reaches `top`, and a round step."""
    if not math.isfinite(top) or top <= 0:
        return 1.0, 0.25
    step = 10.0 ** math.floor(math.log10(top))
    for factor in (0.2, 0.25, 0.5, 1.0, 2.0):
        if top / (step * factor) <= 5:
            step *= factor
            break
    return math.ceil(top / step - 1e-9) * step, step


def _class_bars(results: Sequence[Result]) -> list[tuple[str, str, list[tuple[str, float, str]]]]:
    """Return for each class: its name, its color, and each row's label, IoU and shown text."""
    frame = class_table(list(results))
    bars = []
    for c in CLASSES:
        if c.name not in frame:
            continue
        values = [
            (label, 0.0 if math.isnan(v) else float(v), "-" if math.isnan(v) else f"{v:.1f}")
            for label, v in zip(frame.index, frame[c.name], strict=True)
        ]
        bars.append((c.name.replace("_", " "), _css(c.color), values))
    return bars


def _strips(rows: Sequence[tuple[Path, Result]]) -> list[tuple[str, list[Picture]]]:
    """Return for each sample frame a title and its pictures: frame, labels, predictions."""
    strips: dict[tuple[str, int], list[Picture]] = {}
    for path, result in rows:
        for name, index in result.samples:
            folder = path.parent / result.run
            stem = f"{name}-{index:06d}"
            frame = cv2.imread(str(folder / f"{stem}-frame.png"))
            label = cv2.imread(str(folder / f"{stem}-label.png"), cv2.IMREAD_GRAYSCALE)
            guess = cv2.imread(str(folder / f"{stem}-prediction.png"), cv2.IMREAD_GRAYSCALE)
            if frame is None or label is None or guess is None:
                continue  # a result that travelled without its pictures
            rgb = frame[..., ::-1]
            if (name, index) not in strips:
                strips[name, index] = [
                    Picture("frame", _jpeg(rgb)),
                    Picture("ground truth", _jpeg(overlay(rgb, label, 0.7))),
                ]
            strips[name, index].append(Picture(result.label, _jpeg(overlay(rgb, guess, 0.7))))
    return [(f"{name}, frame {index}", pictures) for (name, index), pictures in strips.items()]


def _jpeg(rgb: np.ndarray) -> str:
    small = cv2.resize(
        rgb, (480, round(480 * rgb.shape[0] / rgb.shape[1])), interpolation=cv2.INTER_AREA
    )
    data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _shown(value: object, digits: int | None) -> str:
    if digits is None:
        return str(value)
    number = float(value)  # type: ignore[arg-type]
    return "-" if math.isnan(number) else f"{number:.{digits}f}"


def _sort_key(value: object) -> str:
    if isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]
    return "" if math.isnan(number) else repr(number)


def _css(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
