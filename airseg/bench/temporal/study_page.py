"""The page: what was found in words, a chart a condition, and pictures of what networks saw."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from airseg import wide_tables
from airseg.bench.metrics.motion import focal_length
from airseg.bench.temporal.charts import COLORS, gain_chart
from airseg.bench.temporal.conditions import CONDITIONS, Picture
from airseg.bench.temporal.findings import Finding, points_text
from airseg.dataset.reading.reader import Dataset
from airseg.version import __version__

_TEMPLATES = Path(__file__).parents[1] / "templates"
_PICTURE_PX = 320
_UNORDERED = ("visibility", "overall")


@dataclass(frozen=True)
class Setting:
    """What the page says about how everything was measured.

    Attributes:
        sequences: frames used of each; split: theirs.
        dataset: its content hash.
        training: one line a network.
        headlines: what to read first.
        left_out: rows without a partner and conditions that could not be measured, and why.
        command: what to type to make it again.
    """

    sequences: dict[str, int]
    split: str
    dataset: str
    training: list[str]
    headlines: list[str]
    left_out: list[str]
    command: str


def page(findings: Sequence[Finding], setting: Setting, pictures: dict[str, list[tuple]]) -> str:
    """Return the page's HTML, which needs nothing beside it.

    Args:
        findings: in the order they are shown; the first is the overall one.
        setting: how it was measured.
        pictures: captions and data URLs of each condition, by name.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["points"] = points_text
    labels = list(dict.fromkeys(c.label for f in findings for c in f.curves))
    colors = {label: COLORS[i % len(COLORS)] for i, label in enumerate(labels)}
    shown = [
        (
            f,
            Markup(gain_chart(f.curves, f.axis, colors, line=is_ordered(f))),
            pictures.get(f.name, []),
        )
        for f in findings
        if f.name != "overall"
    ]
    overall = findings[0]
    networks = list(dict.fromkeys(c.label for c in overall.curves))
    return environment.get_template("temporal.html").render(
        overall=overall,
        findings=shown,
        colors=colors,
        networks=networks,
        setting=setting,
        frames=sum(setting.sequences.values()),
        version=__version__,
        wide_tables=Markup(wide_tables.SCRIPT),
    )


def is_ordered(finding: Finding) -> bool:
    """Whether a finding's levels have an order, so that its points are joined."""
    return finding.name not in _UNORDERED


def condition_pictures(
    dataset: Dataset, sequence: str, index: int, names: Sequence[str]
) -> dict[str, list[tuple[str, str]]]:
    """Return what one frame looks like at each level of the conditions that change pictures.

    Returns:
        By condition: caption and data URL of each level.
    """
    view = dataset.sequence(sequence)
    rgb = view.rgb(index, index + 1)[0]
    depth = view.depth(index, index + 1)[0] if view.has_depth else None
    focal = focal_length(view.details.get("camera", {}), view.width)
    picture = Picture(rgb, depth, focal, sequence, index)
    return {
        c.name: [
            (shown, _jpeg(c.change(picture, level)))
            for level, shown in zip(c.levels, c.shown, strict=True)
        ]
        for c in CONDITIONS
        if c.name in names and c.change is not None
    }


def _jpeg(rgb: np.ndarray) -> str:
    """Return a picture as the data URL of a JPEG; cut out, so that noise is not averaged away."""
    height, width = rgb.shape[:2]
    wide = min(width, _PICTURE_PX)
    tall = min(height, wide * 3 // 4)
    top, left = (height - tall) // 2, (width - wide) // 2
    part = np.ascontiguousarray(rgb[top : top + tall, left : left + wide, ::-1])
    data = cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
