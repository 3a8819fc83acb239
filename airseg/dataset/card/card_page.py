"""Write a dataset's card: Markdown with pictures, one HTML page that needs nothing beside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np
from markupsafe import Markup

from airseg import wide_tables
from airseg.classes import IGNORE_INDEX
from airseg.dataset.card.card_figures import SequenceFigures, duration_s
from airseg.dataset.exporting.common import Facts, class_table, sequence_row
from airseg.dataset.reading.reader import Dataset
from airseg.labels.label_map import SPLITS
from airseg.markdown import code, escaped, file_address, python_text, web_address
from airseg.version import __version__

_SAMPLE_WIDTH = 480
_JPEG = [
    cv2.IMWRITE_JPEG_QUALITY,
    82,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]
_IGNORED_RGB = (28, 28, 32)
_BINS = 24
_TOP_QUANTILE = 0.995


def write_card(
    dataset: Dataset,
    figures: Sequence[SequenceFigures],
    facts: Facts,
    folder: Path,
    samples: int = 12,
) -> list[Path]:
    """Write ``card.md``, ``card.html``, ``card.json`` and ``samples/*.jpg``; return their paths.

    Args:
        dataset: what it is about.
        figures: of `statistics.figures_of`.
        facts: title, licence, classes.
        folder: made where it is missing; files of an earlier card are replaced.
        samples: how many frames are shown at most, one a sequence.
    """
    pictures = folder / "samples"
    pictures.mkdir(parents=True, exist_ok=True)
    card = card_data(dataset, figures, facts)
    shown = []
    for one in _choose(figures, samples):
        path = pictures / f"{one.view.name}-{one.sample:06d}.jpg"
        data = _draw(one, facts)
        path.write_bytes(data)
        shown.append(
            {
                "file": f"samples/{path.name}",
                "data": "data:image/jpeg;base64," + base64.b64encode(data).decode(),
                "text": f"{one.view.name}, frame {one.sample}, {one.view.split}",
            }
        )
    paths = [folder / name for name in ("card.md", "card.html", "card.json")]
    paths[0].write_text(_render("card.md", card, shown, escape=False), encoding="utf-8")
    paths[1].write_text(_render("card.html", card, shown, escape=True), encoding="utf-8")
    paths[2].write_text(json.dumps(card, indent=1), encoding="utf-8")
    return [*paths, *(folder / sample["file"] for sample in shown)]


def card_data(dataset: Dataset, figures: Sequence[SequenceFigures], facts: Facts) -> dict[str, Any]:
    """Return everything the card tells, as plain data."""
    present = [split for split in SPLITS if any(f.view.split == split for f in figures)]
    labelled = sum(int(f.view.labelled.sum()) for f in figures)
    return {
        "title": facts.title,
        "description": facts.description,
        "licence": facts.licence,
        "url": facts.url,
        "file": dataset.path.name,
        "megabytes": sum(file.path.stat().st_size for file in dataset.files) / 1e6,
        "content_hash": dataset.content_hash,
        "airseg_version": __version__,
        "frames": len(dataset),
        "labelled_frames": labelled,
        "minutes": sum(duration_s(f.view) for f in figures) / 60,
        "sizes": sorted({f"{f.view.width}x{f.view.height}" for f in figures}),
        "environments": sorted({f.view.environment for f in figures}),
        "splits": [
            _split(split, [f for f in figures if f.view.split == split]) for split in present
        ],
        "classes": _classes(figures, facts, present),
        "ignored": {split: _share(figures, split, IGNORE_INDEX) for split in present},
        "sequences": [_sequence(figure) for figure in figures],
        "histograms": _histograms(figures),
        "origins": list(facts.origins),
        "simulators": _simulators(figures),
        "label_map": {"name": facts.label_map.name, "text": dataset.label_map_text},
    }


def _split(split: str, figures: Sequence[SequenceFigures]) -> dict[str, Any]:
    moving = [f.motion for f in figures if f.motion]
    way, seconds = sum(m.length_m for m in moving), sum(m.duration_s for m in moving)
    changes = np.concatenate([f.changes for f in figures])
    return {
        "name": split,
        "sequences": len(figures),
        "frames": sum(len(f.view) for f in figures),
        "labelled_frames": sum(int(f.view.labelled.sum()) for f in figures),
        "minutes": sum(duration_s(f.view) for f in figures) / 60,
        "environments": sorted({f.view.environment for f in figures}),
        "kilometres": way / 1000 if moving else None,
        "mean_speed_mps": way / seconds if seconds else None,
        "changed_share": float(changes.mean()) if len(changes) else None,
    }


def _classes(
    figures: Sequence[SequenceFigures], facts: Facts, splits: Sequence[str]
) -> list[dict[str, Any]]:
    rows = []
    for row in class_table(facts):
        value = row["value"]
        rows.append(
            {
                "value": value,
                "name": row["name"],
                "color": "#{:02x}{:02x}{:02x}".format(*row["color"]),
                "shares": {split: _share(figures, split, value) for split in splits},
                "sequences": sum(bool(f.pixels[value]) for f in figures),
            }
        )
    return rows


def _share(figures: Sequence[SequenceFigures], split: str, value: int) -> float:
    pixels = np.sum([f.pixels for f in figures if f.view.split == split], axis=0)
    return float(pixels[value] / max(int(pixels.sum()), 1))


def _sequence(figure: SequenceFigures) -> dict[str, Any]:
    view = figure.view
    return {
        **sequence_row(view),
        "seconds": duration_s(view),
        "motion": asdict(figure.motion) if figure.motion else None,
        "changed_share": float(figure.changes.mean()) if len(figure.changes) else None,
        "content_hash": view.content_hash,
    }


def _histograms(figures: Sequence[SequenceFigures]) -> list[dict[str, Any]]:
    """Return the spread of each kind of motion over all frames; what is unknown is left out."""
    kinds = [
        ("speed", "m/s", [f.speeds_mps for f in figures]),
        ("turning", "degrees a second", [f.yaw_rates_dps for f in figures]),
        ("height", "m above the start", [f.heights_m for f in figures]),
        ("labels that change", "% a frame", [100 * f.changes for f in figures]),
    ]
    made = []
    for name, unit, parts in kinds:
        values = np.concatenate(parts)
        if not len(values):
            continue
        low = float(min(values.min(), 0.0))
        top = max(float(np.quantile(values, _TOP_QUANTILE)), low + 1e-6)
        counts, edges = np.histogram(np.clip(values, low, top), _BINS, (low, top))
        made.append(
            {
                "name": name,
                "unit": unit,
                "low": float(edges[0]),
                "high": float(edges[-1]),
                "median": round(float(np.median(values)), 3),
                "most": round(float(values.max()), 3),
                "counts": counts.tolist(),
            }
        )
    return made


def _simulators(figures: Sequence[SequenceFigures]) -> list[dict[str, Any]]:
    """Return each simulator that was recorded from once; its settings stay in the file."""
    found = {}
    for figure in figures:
        simulator = figure.view.details.get("simulator", {})
        known = {k.replace("_", " "): v for k, v in simulator.items() if _is_short(v)}
        if known:
            found[json.dumps(known, sort_keys=True)] = known
    return list(found.values())


def _is_short(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) <= 60)


def _choose(figures: Sequence[SequenceFigures], samples: int) -> list[SequenceFigures]:
    """Return sequences to show: every split and environment before any of them twice."""
    groups: dict[tuple[str, str], list[SequenceFigures]] = {}
    for figure in figures:
        if figure.view.labelled.any():
            groups.setdefault((figure.view.split, figure.view.environment), []).append(figure)
    chosen: list[SequenceFigures] = []
    while groups and len(chosen) < samples:
        for key in list(groups)[: samples - len(chosen)]:
            chosen.append(groups[key].pop(0))
            if not groups[key]:
                del groups[key]
    order = {split: place for place, split in enumerate(SPLITS)}
    return sorted(chosen, key=lambda f: (order[f.view.split], f.view.name))


def _draw(figure: SequenceFigures, facts: Facts) -> bytes:
    """Return a frame beside its labels, as JPEG."""
    palette = facts.label_map.palette()
    palette[len(facts.label_map.classes) :] = _IGNORED_RGB
    rgb = figure.view.rgb(figure.sample, figure.sample + 1)[0]
    labels = palette[figure.view.label(figure.sample, figure.sample + 1)[0]]
    size = (_SAMPLE_WIDTH, round(_SAMPLE_WIDTH * rgb.shape[0] / rgb.shape[1]))
    way = cv2.INTER_AREA if rgb.shape[1] >= _SAMPLE_WIDTH else cv2.INTER_NEAREST
    pair = np.hstack(
        [
            cv2.resize(rgb, size, interpolation=way),
            cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST),
        ]
    )
    return cv2.imencode(".jpg", pair[..., ::-1], _JPEG)[1].tobytes()


def _render(
    template: str, card: dict[str, Any], samples: list[dict[str, str]], *, escape: bool
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=escape,
        finalize=None if escape else _as_markdown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    for one in (code, python_text, file_address):
        environment.filters[one.__name__] = lambda text, one=one: Markup(one(str(text)))
    environment.filters["web_address"] = web_address
    script = Markup(wide_tables.SCRIPT)
    return environment.get_template(template).render(card=card, samples=samples, wide_tables=script)


def _as_markdown(value: Any) -> Any:
    """Escape texts; what a filter made is ready."""
    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _percent(share: float | None) -> str:
    """Return a share as per cent with as many places as it needs."""
    if share is None:
        return "–"
    if share == 0:
        return "0"
    return f"{100 * share:.1f}" if share >= 0.001 else f"{100 * share:.3f}"
