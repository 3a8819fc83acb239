"""The leaderboard as one self-contained page: table, plots, class bars, pictures, commands."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from airseg import wide_tables, yaml_schema
from airseg.bench.leaderboard.badges import Badge, badges
from airseg.bench.leaderboard.columns import (
    Column,
    columns,
    machines,
    scored_text,
    shown,
    untimed,
)
from airseg.bench.leaderboard.comparison import comparison
from airseg.bench.leaderboard.figures import paper_figures
from airseg.bench.leaderboard.line_plot import line_plot
from airseg.bench.leaderboard.pictures import collect_moments
from airseg.bench.leaderboard.published_table import published_cells, published_columns
from airseg.bench.results import Result
from airseg.bench.results.certainty import certainty
from airseg.bench.results.published import PublishedNumbers
from airseg.bench.speed.settings import WORDS, words
from airseg.bench.speed.speed_study import FIGURES, SpeedStudy, cells, kind_cells
from airseg.classes import class_palette

_TEMPLATES = Path(__file__).parents[1] / "templates"
_CURVE_POINTS = 150
_SHORT_NAME = 18  # letters that stand beside a bar in a line
_KINDS = (("model", "networks"), ("baseline", "baselines"), ("submission", "submissions"))
STRATA = (
    ("by_motion", "By motion in the image"),
    ("by_visibility", "By occlusion"),
    ("by_class_area", "By share of the frame"),
)
"""Fields of `Scores` that divide pixels, and what a section about them is called."""
_AXES = (
    "mean_iou",
    "pixel_accuracy",
    "paper_jaccard",
    "boundary_f",
    "mvc8_correct",
    "mvc16_correct",
    "cons",
    "warp_consistency",
)
"""Scores that can stand on the plot's upright axis; named in the script."""


_COLORS = (
    "#3b82c4",
    "#d9722e",
    "#3f9e6b",
    "#9b6bd3",
    "#d1478c",
    "#2aa3b3",
    "#b08b1e",
    "#c94f4f",
    "#6b7785",
    "#7a9a2e",
)
"""Readable on white and on black; after ten rows they come again with broken lines."""
DASHES = ("", "6 3", "2 3")
"""Of the lines of the first ten rows, the next and the next."""


def page(
    rows: Sequence[tuple[Path, Result]],
    published: PublishedNumbers | None = None,
    studies: Sequence[SpeedStudy] = (),
) -> str:
    """Return the page's HTML.

    Args:
        rows: results and their files; predictions lie in folders named after the runs beside them.
        published: what the papers report, for rows of their own.
        studies: speeds in every way to run a network, for a table each.
    """
    results = [r for _, r in rows]
    chosen, marks = columns(results), badges(results)
    first, data = results[0], _page_data(rows, marks)
    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("leaderboard.html").render(
        style=Markup(_source("leaderboard.css")),
        script=Markup(_source("leaderboard.js") + wide_tables.SCRIPT),
        data=_json(data),
        columns=chosen,
        rows=[_row_context(r, i, chosen, marks[r.run]) for i, r in enumerate(results)],
        class_bars=_class_bars(results, marks),
        least_width=260 if max(len(r.label) for r in results) <= _SHORT_NAME else 300,
        strata=_strata(results, marks),
        comparison=comparison(results),
        kinds=[k for k in _KINDS if any(r.kind == k[0] for r in results)],
        legend=_classes(results),
        published=_published_context(published) if published else None,
        figures=[
            (f, [Markup(line_plot(p)) for p in f.plots]) for f in paper_figures(results, published)
        ],
        studies=[_study_context(s) for s in studies],
        protocols=sorted({b.name for b in marks.values()}),
        scored=scored_text(results),
        dataset=first.dataset.content_hash[:16],
        machines=machines(results),
        untimed=untimed(results),
        curves=[c for c in ("loss", "validation") if any(row[c] for row in data["rows"])],
        version=first.airseg_version,
    )


def row_style(index: int) -> tuple[str, str]:
    """Return the colour of a row's lines and points, and its dash pattern."""
    return _COLORS[index % len(_COLORS)], DASHES[index // len(_COLORS) % len(DASHES)]


def _row_context(result: Result, index: int, chosen: list[Column], mark: Badge) -> dict[str, Any]:
    color, _ = row_style(index)
    return {
        "result": result,
        "cells": [_cell(c.value(result), c.digits) for c in chosen],
        "badge": mark,
        "color": color,
        "seeds": getattr(result, "seeds", []),
        "recipe": yaml_schema.dump(
            {k: v for k, v in result.recipe.items() if k not in ("variants", "description")}
        ),
    }


def _published_context(published: PublishedNumbers) -> dict[str, Any]:
    heads = published_columns(published)
    rows = []
    for row in published.rows:
        cells = zip(published_cells(published, row), heads, strict=True)
        rows.append((row, [_cell(v, h[2]) for v, h in cells]))
    return {"columns": heads, "rows": rows, "papers": published.papers}


def _study_context(study: SpeedStudy) -> dict[str, Any]:
    """Return one study's heading and table; a machine never shares a table with another."""
    options = "".join(f" {k}={v}" for k, v in study.options.items())
    rows = []
    for m in study.measurements:
        if m.problem:
            continue
        rows.append([*words(m.setting), *cells(m)])
        for kind, name in (("key_ms", "key frames"), ("between_ms", "between")):
            if getattr(m, kind):
                rows.append([f"… {name}", *[""] * (len(WORDS) - 1), *kind_cells(m, kind)])
    return {
        "title": f"{study.model}{options}, {study.width}x{study.height}, {study.machine}",
        "heads": [*WORDS, *FIGURES],
        "texts": len(WORDS),
        "rows": rows,
        "left_out": list(dict.fromkeys(m.problem for m in study.measurements if m.problem)),
        "command": study.command,
    }


def _cell(value: float | str, digits: int | None) -> tuple[str, str]:
    """Return what a cell shows, and what it is sorted by."""
    if isinstance(value, str):
        return value, value
    return shown(value, digits), "" if math.isnan(value) else repr(float(value))


def _page_data(rows: Sequence[tuple[Path, Result]], marks: dict[str, Badge]) -> dict[str, Any]:
    """Return what the page's script draws from."""
    moments = collect_moments(rows)
    return {
        "rows": [row_data(r, i, marks[r.run]) for i, (_, r) in enumerate(rows)],
        "flights": [
            {"name": name, "moments": [asdict(m) for m in found]} for name, found in moments.items()
        ],
    }


def row_data(result: Result, index: int, mark: Badge) -> dict[str, Any]:
    """Return what is drawn of a row: per cent, milliseconds, millions; None where not known."""
    color, dash = row_style(index)
    speed, scores, sure = result.speed, result.scores, certainty(result)
    timed = speed if speed and not speed.was_disturbed else None
    return {
        "run": result.run,
        "label": result.label,
        "kind": result.kind,
        "badge": mark.name,
        "color": color,
        "dash": dash,
        "machine": speed.machine if speed else None,
        **{name: _scaled(getattr(scores, name), 100) for name in _AXES},
        "by_flight": 100 * sure.mean if sure.flights else None,
        "interval": [100 * sure.low, 100 * sure.high] if sure.kind == "interval" else None,
        "p50": timed.labelmap_ms["p50"] if timed else None,
        "gmacs": speed.gmacs if speed else None,
        "parameters": speed.parameters / 1e6 if speed else None,
        "memory": speed.memory_bytes / 1000 if speed else None,
        "loss": thinned(result.curves.loss),
        "validation": [(at, 100 * v) for at, v in thinned(_known(result.curves.validation))],
    }


def thinned(curve: list[tuple[int, float]], most: int = _CURVE_POINTS) -> list[tuple[int, float]]:
    """Return at most `most` points, each the mean of its neighbours, at the last one's step."""
    if len(curve) <= most:
        return list(curve)
    bounds = [round(i * len(curve) / most) for i in range(most + 1)]
    groups = [curve[a:b] for a, b in itertools.pairwise(bounds)]
    return [(g[-1][0], sum(v for _, v in g) / len(g)) for g in groups]


def _known(curve: Sequence[tuple[int, float | None]]) -> list[tuple[int, float]]:
    return [(at, value) for at, value in curve if value is not None]


def _class_bars(results: Sequence[Result], marks: dict[str, Badge]) -> list[dict[str, Any]]:
    """Return for each class its name, its colour, and each row's bar."""
    names = results[0].scores.class_iou
    return [
        {"name": shown_name, "color": color, "rows": bars}
        for name, (shown_name, color) in zip(names, _classes(results), strict=True)
        if (bars := _bars(results, [r.scores.class_iou.get(name) for r in results], marks))
    ]


def _classes(results: Sequence[Result]) -> list[tuple[str, str]]:
    """Return name and colour of each class that the rows, all of one dataset, are scored on."""
    names = list(results[0].scores.class_iou)
    colors = class_palette(names)
    return [(name.replace("_", " "), _css(colors[i])) for i, name in enumerate(names)]


def _strata(
    results: Sequence[Result], marks: dict[str, Badge]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return for each way to divide pixels its title, and each part's name, share and bars."""
    found = []
    for field, title in STRATA:
        parts = [getattr(r.scores, field) for r in results]
        names = part_names(parts)
        groups = []
        for name in names:
            cells = [part.get(name) for part in parts]
            bars = _bars(results, [c.mean_iou if c else None for c in cells], marks)
            pixels = max(c.pixels for c in cells if c)
            whole = max(sum(s.pixels for s in part.values()) for part in parts)
            share = 100 * pixels / whole if whole else 0.0
            told = "below 0.1" if 0 < share < 0.05 else f"{share:.1f}"
            if bars:
                groups.append({"name": name, "share": f"{told} % of pixels", "rows": bars})
        if groups:
            found.append((title, groups))
    return found


def part_names(parts: Sequence[Mapping[str, object]]) -> list[str]:
    """Return the names of all rows' parts of the pixels, what could not be told last."""
    names = dict.fromkeys(name for part in parts for name in part)
    return sorted(names, key=lambda name: name == "unknown")


def _bars(
    results: Sequence[Result], shares: Sequence[float | None], marks: dict[str, Badge]
) -> list[dict[str, Any]]:
    """Return the bar of each row that has a value; values are shares."""
    return [
        {
            "run": r.run,
            "label": r.label,
            "badge": marks[r.run],
            "color": row_style(i)[0],
            "value": 100 * share,
            "shown": shown(100 * share, 1),
        }
        for i, (r, share) in enumerate(zip(results, shares, strict=True))
        if share is not None
    ]


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else factor * value


def _source(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _json(data: object) -> Markup:
    """Return data for a script element, in which a `<` could end the element."""
    return Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))


def _css(color: np.ndarray) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
