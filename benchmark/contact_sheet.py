"""Draw the contact sheet of the embedded worlds: weather and times of day, labels, their legend.

python benchmark/contact_sheet.py docs/worlds.jpg
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from airseg.classes import CLASSES
from airseg.geometry import quaternion_from_euler
from airseg.labels.label_map import load_label_map
from airseg.simulators.embedded.clock import START_NS
from airseg.simulators.embedded.rendering.renderer import Atmosphere, CameraView, Renderer
from airseg.simulators.embedded.simulation import sun_direction
from airseg.simulators.embedded.worlds.catalogue import build_world

_LATITUDE = 47.64
_GAP = 6
_LINE = 22  # pixels of a line of text
_FONT, _INK = cv2.FONT_HERSHEY_SIMPLEX, (40, 40, 40)


@dataclass(frozen=True)
class Shot:
    """One frame: world, place (metres NED), pitch and yaw (degrees), hour, and weather."""

    world: str
    place: tuple[float, float, float]
    pitch: float
    yaw: float
    hour: float = 14.5
    weather: dict[str, float] = field(default_factory=dict)
    seconds: float = 3.0

    @property
    def time(self) -> datetime:
        """Of midsummer's day."""
        return datetime(2024, 6, 21) + timedelta(minutes=round(60 * self.hour))

    @property
    def caption(self) -> str:
        """World, hour and weather."""
        hour = f"{self.time.hour}:{self.time.minute:02d}"
        return ", ".join([self.world.replace("_", " "), hour, *map(_in_words, self.weather)])


SHOTS = [
    Shot("neighborhood", (6, 0.3, -2.2), -3, 0),
    Shot("neighborhood", (66, -24, -15), -30, -100, 18.7),
    Shot("neighborhood", (125, -44, -3), -6, -82, 15, {"rain": 0.8, "wetness": 1.0}),
    Shot("neighborhood", (0.5, -110, -2.4), -4, 78, 12, {"snow": 0.6, "snow_cover": 0.9}),
    Shot("harbor_town", (10, 0, -2.2), -2, 0),
    Shot("harbor_town", (60, -30, -22), -28, 60, 18.3),
    Shot("harbor_town", (60, 0, -4), -6, 10, 22.5),
    Shot("harbor_town", (50, 1, -5), -8, 176, 8, {"fog": 0.35}),
    Shot("pine_estate", (10, 0, -2.2), -2, 0),
    Shot("pine_estate", (60, -20, -20), -30, 40, 17.5),
    Shot("pine_estate", (50, 0, -3), -5, 10, 14, {"leaf_cover": 1.0, "falling_leaves": 0.6}),
    Shot("pine_estate", (90, 0, -4), -6, 184, 16, {"dust": 0.45}),
]


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=350, help="of each picture, pixels")
    options = parser.parse_args()
    tiles = []
    for name in dict.fromkeys(shot.world for shot in SHOTS):
        world = build_world(name, 0)
        renderer, colors = Renderer(world), class_colors(name, world)
        tiles += [
            _tile(renderer, colors, shot, options.width) for shot in SHOTS if shot.world == name
        ]
    rows = [np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)]
    sheet = np.vstack(rows)[_GAP // 2 : -_GAP // 2, _GAP // 2 : -_GAP // 2]
    sheet = np.vstack([sheet, _legend(sheet.shape[1])])
    jpeg = [cv2.IMWRITE_JPEG_QUALITY, 82, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    jpeg += [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    cv2.imwrite(str(options.out), sheet[..., ::-1], jpeg)
    print(f"{options.out}: {sheet.shape[1]}x{sheet.shape[0]}, {options.out.stat().st_size} bytes")


def class_colors(name: str, world) -> np.ndarray:  # noqa: ANN001
    """Return (objects, 3) uint8: the colour of each object's class."""
    label_map = load_label_map(name)
    by_name = {c.name: c.color for c in CLASSES}
    classes = [label_map.class_of_name(o.name) for o in world.objects]
    return np.array([by_name.get(c, (0, 0, 0)) for c in classes], np.uint8)


def _in_words(weather: str) -> str:
    words = {
        "wetness": "wet road",
        "snow_cover": "snow on the ground",
        "leaf_cover": "leaves on the ground",
    }
    return words.get(weather, weather.replace("_", " "))


def _legend(width: int) -> np.ndarray:
    """Return rows that name the classes beside their colours."""
    lines = np.full((3 * _LINE, width, 3), 255, np.uint8)
    step = width // -(-len(CLASSES) // 2)
    for i, known in enumerate(CLASSES):
        row, column = divmod(i, -(-len(CLASSES) // 2))
        x, y = column * step, _LINE // 2 + row * _LINE
        cv2.rectangle(lines, (x, y), (x + 16, y + 14), known.color, -1)
        text = known.name.replace("_", " ")
        cv2.putText(lines, text, (x + 24, y + 13), _FONT, 0.5, _INK, 1, cv2.LINE_AA)
    return lines


def _tile(renderer: Renderer, colors: np.ndarray, shot: Shot, width: int) -> np.ndarray:
    """Return a caption, a picture, and its labels."""
    atmosphere = Atmosphere(sun_direction=sun_direction(shot.time, _LATITUDE), **shot.weather)
    turn = quaternion_from_euler(0.0, np.radians(shot.pitch), np.radians(shot.yaw))
    view = CameraView(np.array(shot.place, float), turn)
    time_ns = START_NS + int(shot.seconds * 1e9)
    seen = renderer.render(view, time_ns, atmosphere)
    size = (width, width * 3 // 4)
    rgb = cv2.resize(seen.rgb, size, interpolation=cv2.INTER_AREA)
    labels = cv2.resize(colors[seen.object_index], size, interpolation=cv2.INTER_NEAREST)
    title = np.full((_LINE, width, 3), 255, np.uint8)
    cv2.putText(title, shot.caption, (2, _LINE - 7), _FONT, 0.45, _INK, 1, cv2.LINE_AA)
    both = np.vstack([title, rgb, labels])
    half = _GAP // 2
    return cv2.copyMakeBorder(
        both, half, half, half, half, cv2.BORDER_CONSTANT, value=(255, 255, 255)
    )


if __name__ == "__main__":
    main()
