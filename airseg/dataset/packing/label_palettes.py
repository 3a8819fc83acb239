"""What palette PNGs tell of the ids that they hold, and whether a tool has renumbered them.

The indices of a palette PNG are ids, whatever it shows them as. Tools that make files smaller order
the colours of each file anew, and the pixels with them: every viewer shows the same, and every
program that reads indices gets others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from airseg.dataset.format.image_headers import image_header, voc_colors
from airseg.dataset.format.label_images import read_labels
from airseg.errors import DatasetError
from airseg.labels.document import hex_color

_HEADER_BYTES = 4096
_NOTHING = (0, 0, 0)
Color = tuple[int, int, int]


def look_at_headers(labels: Sequence[Path]) -> tuple[list[str], dict[int, Color]]:
    """Return what a person should know of the ways in which label PNGs store their ids.

    Returns:
        The warnings, and the colours that palettes show ids in.

    Raises:
        DatasetError: an index is shown in other colours from file to file.
    """
    warnings: list[str] = []
    palettes: dict[Path, list[Color]] = {}
    voc: dict[tuple[int, ...], int] = {color: index for index, color in enumerate(voc_colors())}
    for path in labels:
        if path.suffix.lower() != ".png":
            continue
        header = image_header(_first_bytes(path))
        if header.stretch > 1 and not warnings:
            warnings.append(
                f"{path.name} has fewer than 8 bits a pixel: 1 is read as id 1, though it is shown "
                f"as grey {header.stretch}"
            )
        if not warnings and (moved := _moved(header.palette.tolist(), voc)):
            index, meant = moved
            warnings.append(
                f"{path.name} shows id {index} in the colour that PASCAL VOC gives {meant}: if a "
                "tool such as oxipng has renumbered ids, say what colours mean with --palette"
            )
        palettes[path] = [(red, green, blue) for red, green, blue in header.palette.tolist()]
    return warnings, _colors_of_ids(palettes)


def _colors_of_ids(palettes: Mapping[Path, Sequence[Color]]) -> dict[int, Color]:
    """Return the colours in which palettes show ids; unused places are black, as used ones may be.

    Raises:
        DatasetError: an index is shown in other colours from file to file.
    """
    shown: dict[int, tuple[Color, Path]] = {}
    black: dict[int, list[Path]] = defaultdict(list)
    used: dict[Path, set[int]] = {}
    for path, colors in palettes.items():
        for index, color in enumerate(colors):
            if color == _NOTHING:
                black[index].append(path)
            elif shown.setdefault(index, (color, path))[0] != color:
                raise _renumbered(path, index, color, *shown[index])
    for index, paths in black.items():
        # Where nothing but black is there, the first file says whether that is a colour.
        for path in paths if index in shown else paths[:1]:
            if path not in used:
                used[path] = set(np.unique(read_labels(path)).tolist())
            if index in used[path] and shown.setdefault(index, (_NOTHING, path))[0] != _NOTHING:
                raise _renumbered(path, index, _NOTHING, *shown[index])
    return {index: color for index, (color, _) in shown.items()}


def _renumbered(path: Path, index: int, color: Color, before: Color, first: Path) -> DatasetError:
    return DatasetError(
        f"{path}: shows id {index} as {hex_color(*color)}, {first.name} shows it as "
        f"{hex_color(*before)}: a tool has renumbered the ids of palette PNGs. Save them as 8-bit "
        "ids again, or say what the colours mean with --palette."
    )


def _moved(
    palette: Sequence[Sequence[int]], voc: Mapping[tuple[int, ...], int]
) -> tuple[int, int] | None:
    """Return an index and the id that its colour stands for in VOC's palette, if that is another.

    Only of palettes that are VOC's but for the order; None otherwise.
    """
    meant = [voc.get(tuple(color), -1) for color in palette]
    if len(meant) < 3 or -1 in meant or len(set(meant)) < len(meant):
        return None
    return next(((i, id_) for i, id_ in enumerate(meant) if i != id_), None)


def _first_bytes(path: Path) -> bytes:
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(_HEADER_BYTES)
    return b""  # whoever reads it says what is wrong
