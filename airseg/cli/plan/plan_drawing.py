"""The map of flights over a world: a picture from high above, with paths, arrows and a scale."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from airseg.errors import PlanError
from airseg.geometry import quaternion_from_euler
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer
from airseg.simulators.embedded.worlds.catalogue import build_world

_SIDE = 1100
_HEIGHT_M = 260.0  # high enough that houses hardly lean, low enough that no haze lies between
_MARGIN_M = 25.0
_SHORTEST_M = 60.0
_COLORS = (
    (255, 70, 60),
    (30, 110, 255),
    (255, 200, 0),
    (170, 60, 220),
    (0, 190, 160),
    (255, 120, 200),
    (255, 140, 30),
    (90, 220, 60),
)
_CORES = (None, (255, 255, 255), (15, 15, 15))
"""Within lines: colours come again after eight paths."""
_PAPER, _EDGE = (28, 28, 32), (20, 20, 20)
_ROW = 24
_ROWS = 42
"""Height of a name in the legend, and how many stand below each other."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_map(paths: dict[str, np.ndarray], world: str, seed: int, out: Path) -> None:
    """Draw paths over a world seen from above, North up.

    Args:
        paths: (T, 3) NED metres by name.
        world, seed: what to build.
        out: the PNG.

    Raises:
        PlanError: the file cannot be written.
    """
    points = np.concatenate(list(paths.values()))
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    middle = (low + high) / 2
    span = max(float((high - low).max()) + 2 * _MARGIN_M, _SHORTEST_M)
    image = _view_from_above(world, seed, middle, span)
    for number, path in enumerate(paths.values()):
        _draw_path(image, _pixels(path, middle, span), number)
    _draw_scale(image, span)
    if len(paths) > len(_COLORS):  # beside the map, of which so many names would hide a part
        beside = _legend_width(list(paths)) + 10
        image = cv2.copyMakeBorder(image, 0, 0, beside, 0, cv2.BORDER_CONSTANT, value=_PAPER)
    _draw_legend(image, list(paths))
    # OpenCV ends the process over a name that is no text.
    encoded = cv2.imencode(".png", image[..., ::-1])[1]
    try:
        out.write_bytes(encoded.tobytes())
    except OSError as cause:
        raise PlanError(f"{out}: cannot be written ({cause.strerror}).") from None


def _view_from_above(world: str, seed: int, middle: np.ndarray, span: float) -> np.ndarray:
    """Return (S, S, 3) uint8 RGB of `span` metres of ground, North up."""
    fov_deg = float(np.degrees(2 * np.arctan(span / 2 / _HEIGHT_M)))
    down = quaternion_from_euler(0.0, -np.pi / 2, 0.0)
    place = np.array([middle[0], middle[1], -_HEIGHT_M])
    view = CameraView(place, down, fov_deg, _SIDE, _SIDE)
    return np.ascontiguousarray(Renderer(build_world(world, seed)).render(view).rgb)


def _pixels(path: np.ndarray, middle: np.ndarray, span: float) -> np.ndarray:
    """Return (T, 2) int32 x and y; points above the ground are drawn where they are seen."""
    per_metre = _SIDE / span
    nearer = _HEIGHT_M / (_HEIGHT_M + path[:, 2])
    x = _SIDE / 2 + (path[:, 1] - middle[1]) * nearer * per_metre
    y = _SIDE / 2 - (path[:, 0] - middle[0]) * nearer * per_metre
    return np.stack([x, y], 1).round().astype(np.int32)


def _draw_line(image: np.ndarray, pixels: np.ndarray, number: int) -> None:
    """Draw a line in the look of the path of this number."""
    strokes = ((_EDGE, 7), (_COLORS[number % len(_COLORS)], 5))
    core = _CORES[number // len(_COLORS) % len(_CORES)]
    for color, width in (*strokes, *([(core, 2)] if core else [])):
        cv2.polylines(image, [pixels.reshape(-1, 1, 2)], False, color, width, cv2.LINE_AA)


def _draw_path(image: np.ndarray, pixels: np.ndarray, number: int) -> None:
    color = _COLORS[number % len(_COLORS)]
    _draw_line(image, pixels, number)
    start = tuple(int(v) for v in pixels[0])
    cv2.circle(image, start, 9, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(image, start, 6, color, -1, cv2.LINE_AA)
    # The head of the arrow points along the last stretch that is long enough to have a direction.
    apart = np.linalg.norm(pixels - pixels[-1], axis=1)
    before = int(np.flatnonzero(apart > 14)[-1]) if (apart > 14).any() else 0
    direction = (pixels[-1] - pixels[before]).astype(float)
    direction /= max(float(np.linalg.norm(direction)), 1e-9)
    aside = np.array([-direction[1], direction[0]])
    tip = pixels[-1] + 12 * direction
    head = np.array(
        [tip, pixels[-1] - 8 * direction + 10 * aside, pixels[-1] - 8 * direction - 10 * aside]
    )
    cv2.fillPoly(image, [head.round().astype(np.int32)], color, cv2.LINE_AA)


def _legend_width(names: list[str]) -> int:
    column = 58 + max(cv2.getTextSize(name, _FONT, 0.55, 1)[0][0] for name in names)
    return column * -(-len(names) // _ROWS)


def _draw_legend(image: np.ndarray, names: list[str]) -> None:
    width = _legend_width(names) // -(-len(names) // _ROWS)
    for first in range(0, len(names), _ROWS):
        shown, left = names[first : first + _ROWS], 10 + width * (first // _ROWS)
        cv2.rectangle(image, (left, 10), (left + width, 22 + _ROW * len(shown)), _PAPER, -1)
        for row, name in enumerate(shown):
            middle = 27 + _ROW * row
            ends = np.array([[left + 12, middle], [left + 36, middle]], np.int32)
            _draw_line(image, ends, first + row)
            _write(image, name, (left + 48, middle + 6))


def _write(image: np.ndarray, text: str, at: tuple[int, int]) -> None:
    cv2.putText(image, text, at, _FONT, 0.55, (255, 255, 255), 1, cv2.LINE_AA)


def _draw_scale(image: np.ndarray, span: float) -> None:
    """Draw a bar of a round length, and where North is."""
    metres = max(m for m in (5, 10, 20, 50, 100, 200, 500) if m <= max(span / 4, 5))
    length = round(metres * _SIDE / span)
    left, bottom = 24, _SIDE - 28
    cv2.rectangle(image, (left - 14, bottom - 32), (left + length + 14, bottom + 14), _PAPER, -1)
    cv2.line(image, (left, bottom), (left + length, bottom), (15, 15, 15), 7)
    cv2.line(image, (left, bottom), (left + length, bottom), (255, 255, 255), 3)
    _write(image, f"{metres} m", (left, bottom - 10))
    right = _SIDE - 40
    cv2.rectangle(image, (right - 18, 18), (right + 18, 114), _PAPER, -1)
    cv2.arrowedLine(image, (right, 80), (right, 30), (15, 15, 15), 6, cv2.LINE_AA, 0, 0.35)
    cv2.arrowedLine(image, (right, 80), (right, 30), (255, 255, 255), 2, cv2.LINE_AA, 0, 0.35)
    _write(image, "N", (right - 7, 104))
