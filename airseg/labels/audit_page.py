"""Write an audit as JSON and as one HTML page that needs nothing beside it.

The page holds its pictures as JPEG data, works from ``file://``, and lets a person choose another
class for each label and download the label map that says so.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from airseg import yaml_schema
from airseg.classes import CLASSES
from airseg.labels.audit import BACKGROUND, AuditReport, LabelEntry
from airseg.labels.document import IGNORE
from airseg.labels.label_counts import AuditSource
from airseg.labels.label_map import LabelMap
from airseg.labels.suggest import suggest_entry

_LARGE_PX, _SMALL_PX = 320, 150
_JPEG = [
    cv2.IMWRITE_JPEG_QUALITY,
    74,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]
"""WebP is a third smaller and takes ten times as long; full colour keeps the line sharp."""

_BUDGET_BYTES = 24_000_000
"""Pictures beyond this are left out, least seen labels first, so that the page opens anywhere."""

_OUTLINE_RGB = (255, 60, 200)


def write_audit(
    folder: Path, report: AuditReport, sources: Sequence[AuditSource], label_map: LabelMap | None
) -> tuple[Path, Path]:
    """Write ``audit.json`` and ``audit.html`` into a folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    cards = _cards(report, sources)
    data = report.to_json()
    for entry, card in zip(data["entries"], cards, strict=True):
        entry["suggestion"] = card["suggestion"]
    json_path, html_path = folder / "audit.json", folder / "audit.html"
    _replace(json_path, json.dumps(data, indent=1))
    _replace(html_path, render(report, cards, label_map))
    return json_path, html_path


def render(report: AuditReport, cards: list[dict[str, Any]], label_map: LabelMap | None) -> str:
    """Return the page's text."""
    classes = (
        [{"name": c.name, "color": c.color} for c in label_map.classes]
        if label_map
        else [{"name": c.name, "color": "#{:02x}{:02x}{:02x}".format(*c.color)} for c in CLASSES]
    )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
    )
    return environment.get_template("audit.html").render(
        report=report,
        cards=cards,
        classes=[*classes, {"name": IGNORE, "color": "#777777"}],
        states={s: sum(c["state"] == s for c in cards) for s in _STATES},
        remarked=sum(bool(c["remarks"]) for c in cards),
        data={"classes": [c["name"] for c in classes], "map": _document(label_map)},
    )


_STATES = ("unmapped", "conflicting", "ignored", "mapped", "unseen")


def _document(label_map: LabelMap | None) -> dict[str, Any]:
    """Return the label map as plain data, `ignore` written as its first rule."""
    if label_map is None:
        return {"format": 1, "name": "my_map", "background": "ignore", "rules": []}
    own = yaml_schema.load(label_map.text)
    kept = {k: own[k] for k in ("description", "source", "notes", "classes") if own.get(k)}
    rules = [
        r.model_dump(mode="json", by_alias=True, exclude_defaults=True) for r in label_map.rules
    ]
    document = {"format": 1, "name": f"{label_map.name}_edited", **kept}
    document |= {"background": label_map.background, "rules": rules}
    if label_map.splits:
        document["splits"] = label_map.splits
    return document | {"examples": label_map.examples}


def _cards(report: AuditReport, sources: Sequence[AuditSource]) -> list[dict[str, Any]]:
    """Return what the page shows of each label; labels to look at come first."""
    pictures = _pictures(report, sources)
    cards = []
    for entry in report.entries:
        suggestion = suggest_entry(entry, report.entries)
        cards.append(
            vars(entry)
            | {
                "is_editable": entry.name != BACKGROUND,
                "pictures": pictures.get(entry.name, []),
                "where": [
                    f"{report.sequences[n]['name']} frame {frame}" for n, frame in entry.best
                ],
                "suggestion": {
                    "class": suggestion.class_name,
                    "confidence": round(suggestion.confidence, 2),
                    "reason": suggestion.reason,
                },
            }
        )
    return cards


def _pictures(report: AuditReport, sources: Sequence[AuditSource]) -> dict[str, list[str]]:
    """Return JPEG data of the frames that show each label, each frame being read once."""
    wanted: dict[tuple[int, int], list[tuple[LabelEntry, int]]] = {}
    for entry in report.entries:
        for rank, place in enumerate(entry.best):
            wanted.setdefault(place, []).append((entry, rank))
    pictures: dict[str, dict[int, str]] = {}
    spent = 0
    for (number, index), uses in sorted(wanted.items(), key=lambda item: -item[1][0][0].pixels):
        frame = sources[number].read(index, with_depth=False)
        for entry, rank in uses:
            if spent > _BUDGET_BYTES:
                continue
            raw_id = _id_of(entry, sources[number])
            width = _LARGE_PX if rank == 0 else _SMALL_PX
            data = outlined(frame.rgb, frame.ids == raw_id, width)  # type: ignore[attr-defined]
            spent += len(data)
            uri = "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
            pictures.setdefault(entry.name, {})[rank] = uri
    return {name: [uris[r] for r in sorted(uris)] for name, uris in pictures.items()}


def _id_of(entry: LabelEntry, source: AuditSource) -> int:
    if entry.ids:
        return entry.ids[0]
    return next((g.id for g in source.object_table if g.group == entry.name), 0)


def outlined(rgb: np.ndarray, mask: np.ndarray, width_px: int) -> bytes:
    """Return a small JPEG picture: everything but the label dimmed, and a line around it.

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) bool, pixels of the label.
        width_px: width of the picture.
    """
    height_px = max(1, round(rgb.shape[0] * width_px / rgb.shape[1]))
    small = cv2.resize(rgb, (width_px, height_px), interpolation=cv2.INTER_AREA)
    share = cv2.resize(mask.astype(np.float32), (width_px, height_px), interpolation=cv2.INTER_AREA)
    inside = (share > 0.25).astype(np.uint8)
    if not inside.any() and mask.any():  # thinner than a pixel of the small picture
        inside = (share > 0).astype(np.uint8)
    dimmed = (small * 0.45).astype(np.uint8)
    picture = np.where(inside[..., None] > 0, small, dimmed)
    border = cv2.dilate(inside, np.ones((3, 3), np.uint8)) - inside
    picture[border > 0] = _OUTLINE_RGB
    _, data = cv2.imencode(".jpg", picture[..., ::-1], _JPEG)
    return data.tobytes()


def _replace(path: Path, text: str) -> None:
    """Write beside, then replace, so that a killed audit leaves no half page."""
    beside = path.with_name(path.name + ".partial")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
