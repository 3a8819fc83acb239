"""Give every family of meshes an id of its own, and measure the colour each id is drawn in.

AirSim's own ids are a hash of the mesh name, in which unrelated meshes collide, and the colour of
an id has changed between engine versions. So ids are set before a recording, and their colours are
read from images the simulator draws.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from airseg.errors import SimulatorError
from airseg.late_kernels import late_njit
from airseg.recording.stored.storage import ObjectGroup
from airseg.text_files import read_text

COSYS_VERSION = 4
"""What Cosys-AirSim's server calls itself."""
COSYS_NONE = ((0, 0, 0), (149, 149, 149))
"""What it draws of things that have no number (its docs/instance_segmentation.md)."""
_MAX_ID = 255
_POLLS = 25
_FEWEST_PIXELS = 30
_DIGITS = "0123456789"
_UNNAMED = "(numbers)"

CaptureColors = Callable[[], np.ndarray]
"""Returns a segmentation image: (H, W, 3) uint8, RGB."""


@dataclass(frozen=True)
class Palette:
    """Colours of ids.

    Attributes:
        colors: RGB by id; id 0 is what belongs to no mesh.
        more_of_none: further colours of what belongs to no mesh.
    """

    colors: dict[int, tuple[int, int, int]]
    more_of_none: tuple[tuple[int, int, int], ...] = ()

    def lookup(self) -> np.ndarray:
        """Return (2**24,) int32: the id of a packed colour, -1 where none has it."""
        table = np.full(1 << 24, -1, np.int32)
        for color in self.more_of_none:
            table[_pack_color(color)] = 0
        for number, color in self.colors.items():
            table[_pack_color(color)] = number
        return table


def family(mesh: str) -> str:
    """Return a mesh's name without its trailing numbers."""
    # No expression: one that repeats what repeats takes years on some names.
    is_numbered = mesh.endswith(tuple(_DIGITS))
    return (mesh.rstrip(_DIGITS + "_") if is_numbered else mesh) or _UNNAMED


def group_meshes(meshes: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return families and their meshes, sorted by name; at most 255.

    Names are compared in any case, as AirSim's expressions are. Where there are more families than
    ids, neighbours in the alphabet with the longest common beginning share one.
    """
    by_family: dict[str, list[str]] = defaultdict(list)
    for mesh in sorted(meshes):
        by_family[family(mesh).lower()].append(mesh)
    groups = [(family(m[0]), tuple(m)) for _, m in sorted(by_family.items())]
    while len(groups) > _MAX_ID:
        shared = [_common(a[0], b[0]) for a, b in pairwise(groups)]
        i = int(np.argmax(shared))
        (a, first), (b, second) = groups[i], groups[i + 1]
        groups[i : i + 2] = [(f"{a}+{b}", first + second)]
    return groups


def _common(a: str, b: str) -> int:
    count = 0
    for x, y in zip(a.lower(), b.lower(), strict=False):
        if x != y:
            break
        count += 1
    return count


def segmented_names(client: Any) -> list[str]:
    """Return the names by which segmentation knows things.

    AirSim's are those of actors; Cosys-AirSim's are those of meshes, of which an actor may have
    several, and `simListSceneObjects` does not list them.
    """
    if client.getServerVersion() == COSYS_VERSION:
        return list(client.simListInstanceSegmentationObjects())
    return list(client.simListSceneObjects())


def family_pattern(meshes: Sequence[str]) -> str:
    """Return the expression that matches all meshes of a group and no others."""
    families = {family(mesh).lower(): family(mesh) for mesh in meshes}
    return "|".join(
        r"[_\d]+" if name == _UNNAMED else re.escape(name) + r"([_\d]*\d)?"
        for name in families.values()
    )


def spare_id(groups: Sequence[Any]) -> int:
    """Return an id that no group has; 0, which is drawn as nothing is, where there is none left."""
    return len(groups) + 1 if len(groups) < _MAX_ID else 0


def assign_ids(client: Any, groups: list[tuple[str, tuple[str, ...]]]) -> dict[int, int]:
    """Set each group's id in the simulator, and the spare one for meshes that are in no group.

    These would keep the id they had, which may be that of a group.

    Returns:
        The id of each group by its number; groups without a mesh (lights, volumes) have none.

    Raises:
        SimulatorError: an id reads back as another one.
    """
    ids: dict[int, int] = {}
    client.simSetSegmentationObjectID(".*", spare_id(groups), True)
    for number, (_, meshes) in enumerate(groups):
        wanted = number + 1
        if not client.simSetSegmentationObjectID(family_pattern(meshes), wanted, True):
            continue
        found = read_id(client, meshes[0])
        if found not in (wanted, -1):
            raise SimulatorError(
                f"mesh {meshes[0]} was given segmentation id {wanted} but reads back {found}. "
                "Does another program set ids in this simulator?"
            )
        ids[number] = wanted
    return ids


def read_id(client: Any, mesh: str) -> int:
    """Return a mesh's id, or -1: AirSim wants its name in lower case, Cosys-AirSim as it is."""
    found = int(client.simGetSegmentationObjectID(mesh.lower()))
    return found if found != -1 else int(client.simGetSegmentationObjectID(mesh))


def object_table(
    groups: list[tuple[str, tuple[str, ...]]], ids: dict[int, int], palette: Palette
) -> tuple[ObjectGroup, ...]:
    """Return the table that goes into the recording."""
    return tuple(
        ObjectGroup(ids[n], group, meshes, palette.colors[ids[n]])
        for n, (group, meshes) in enumerate(groups)
        if n in ids
    )


def measure_palette(
    client: Any, capture: CaptureColors, ids: list[int], progress: Callable[[int], None]
) -> Palette:
    """Read the colour of each id from the simulator, by giving it to everything in view.

    Args:
        client: the simulator; every mesh's id is changed.
        capture: takes a segmentation image.
        ids: which ids to measure.
        progress: told how many are done.

    Raises:
        SimulatorError: nothing in view changes its colour, or one id has several.
    """
    first, second = _show(client, capture, 1), _show(client, capture, 2)
    for _ in range(_POLLS):
        on_mesh = (first != second).any(2)
        if on_mesh.sum() >= _FEWEST_PIXELS:
            break
        second = capture()
    else:
        raise SimulatorError(
            "the segmentation image does not change when ids do. Is segmentation switched off in "
            "settings.json (InitMethod None), or is nothing but sky in view?"
        )
    colors: dict[int, tuple[int, int, int]] = {}
    background = np.unique(_packed(first)[~on_mesh])
    colors[0] = _unpacked(background[0]) if len(background) == 1 else (0, 0, 0)
    for done, number in enumerate(ids):
        colors[number] = _settled_color(client, capture, number, on_mesh, set(colors.values()))
        progress(done + 1)
    return Palette(colors)


def _show(client: Any, capture: CaptureColors, number: int) -> np.ndarray:
    client.simSetSegmentationObjectID(".*", number, True)
    return capture()


def _settled_color(
    client: Any,
    capture: CaptureColors,
    number: int,
    on_mesh: np.ndarray,
    taken: set[tuple[int, int, int]],
) -> tuple[int, int, int]:
    """Return the one colour of all meshes in view, once the change has reached the image."""
    image = _show(client, capture, number)
    for _ in range(_POLLS):
        seen, counts = np.unique(_packed(image)[on_mesh], return_counts=True)
        color = _unpacked(seen[np.argmax(counts)])
        if counts.max() >= 0.98 * counts.sum() and color not in taken:
            return color
        image = capture()
    raise SimulatorError(
        f"segmentation id {number} has no colour of its own: {len(seen)} colours were seen, the "
        f"commonest {color}. Give the colours with --palette FILE."
    )


def read_palette(path: Path) -> Palette:
    """Read a palette in AirSim's text form: an id, a tab, and ``[r, g, b]`` on each line.

    Raises:
        SimulatorError: a line has another form, or two ids share a colour.
    """
    colors: dict[int, tuple[int, int, int]] = {}
    for number, line in enumerate(read_text(path, SimulatorError).splitlines(), 1):
        if not line.strip():
            continue
        match = re.fullmatch(
            r"\s*(\d{1,9})\s*\[\s*(\d{1,9})\s*,\s*(\d{1,9})\s*,\s*(\d{1,9})\s*\]\s*", line
        )
        values = [int(v) for v in match.groups()] if match else []
        if not values or max(values) > 255:
            raise SimulatorError(f"{path}:{number}: expected a line like '7\\t[115, 176, 195]'.")
        color = (values[1], values[2], values[3])
        if colors.setdefault(values[0], color) != color:
            raise SimulatorError(f"{path}:{number}: gives id {values[0]} a second colour.")
    if len(set(colors.values())) != len(colors) or not colors:
        raise SimulatorError(f"{path}: no two ids may share a colour, and there must be some.")
    if (0, 0, 0) not in colors.values():
        colors.setdefault(0, (0, 0, 0))
    return Palette(colors)


def _packed(rgb: np.ndarray) -> np.ndarray:
    """Return (H, W) int32: red, green and blue of (H, W, 3) uint8 as one number."""
    packed = rgb[..., 0].astype(np.int32) << 16
    packed |= rgb[..., 1].astype(np.int32) << 8
    return packed | rgb[..., 2]


def _unpacked(color: int) -> tuple[int, int, int]:
    value = int(color)
    return value >> 16, (value >> 8) & 255, value & 255


class IdDecoder:
    """Turns segmentation images into ids by a palette."""

    def __init__(self, palette: Palette) -> None:
        self._table = palette.lookup()
        self._dtype = np.uint8 if max(palette.colors) <= _MAX_ID else np.uint32

    def decode(self, rgb: np.ndarray, frame: int) -> np.ndarray:
        """Return (H, W) uint8 ids of an (H, W, 3) uint8 RGB image; uint32 where there are more.

        Raises:
            SimulatorError: a colour belongs to no id; the message names frame, colour and pixels.
        """
        ids = np.empty(rgb.shape[:2], self._dtype)
        if not _ids_of_colors(np.ascontiguousarray(rgb), self._table, ids):
            packed = _packed(rgb)
            strange, counts = np.unique(packed[self._table[packed] < 0], return_counts=True)
            color = _unpacked(strange[np.argmax(counts)])
            raise SimulatorError(
                f"frame {frame}: {int(counts.sum())} pixels of the segmentation image have "
                f"colours that belong to no id, most of them {color}. Does another program set "
                "ids or spawn objects, or has the world meshes that the simulator does not list?"
            )
        return ids


@late_njit
def _ids_of_colors(rgb: np.ndarray, table: np.ndarray, ids: np.ndarray) -> bool:
    """Look each pixel's colour up, once in a run of one; False at the first that has no id."""
    before, number = np.int64(-1), -1
    for row in range(rgb.shape[0]):
        for column in range(rgb.shape[1]):
            red, green = np.int64(rgb[row, column, 0]), np.int64(rgb[row, column, 1])
            color = (red << 16) | (green << 8) | np.int64(rgb[row, column, 2])
            if color != before:
                before, number = color, table[color]
                if number < 0:
                    return False
            ids[row, column] = number
    return True


def strayed_groups(
    client: Any, groups: list[tuple[str, tuple[str, ...]]], ids: dict[int, int], member: int = 0
) -> dict[int, str]:
    """Return the groups, by number, whose id is not the one they were given, and what it is.

    Args:
        client: the simulator.
        groups: names and meshes.
        ids: which groups to look at, by number, and what they were given.
        member: which mesh of each is asked for; they are counted round and round.
    """
    strays = {}
    for number, wanted in ids.items():
        meshes = groups[number][1]
        mesh = meshes[member % len(meshes)]
        found = read_id(client, mesh)
        if found not in (wanted, -1):
            strays[number] = f"mesh {mesh} was given segmentation id {wanted} and has {found} now"
    return strays


def drifted_ids(
    client: Any,
    capture: CaptureColors,
    palette: Palette,
    ids: list[int],
    patterns: dict[int, str],
) -> list[int]:
    """Return which ids are not drawn in their colours any more.

    The meshes that fill most of the view are given one id after another, and then their own back.

    Args:
        client: the simulator.
        capture: takes a segmentation image; nothing may move meanwhile.
        palette: colours as they should be.
        ids: which to look at.
        patterns: expression that matches the meshes of an id.
    """
    before = _packed(capture())
    lookup = {_pack_color(color): number for number, color in palette.colors.items()}
    seen, counts = np.unique(before, return_counts=True)
    known = [(int(n), int(c)) for c, n in zip(seen, counts, strict=True) if int(c) in lookup]
    usable = [(n, c) for n, c in known if lookup[c] in patterns]
    if not usable:
        return ids  # not one colour in view is still known
    largest, color = max(usable)
    place = before == color
    drifted = []
    for number in ids:
        client.simSetSegmentationObjectID(patterns[lookup[color]], number, True)
        wanted = _pack_color(palette.colors[number])
        for _ in range(_POLLS):
            if (_packed(capture())[place] == wanted).sum() >= 0.98 * largest:
                break
        else:
            drifted.append(number)
    client.simSetSegmentationObjectID(patterns[lookup[color]], lookup[color], True)
    return drifted


def _pack_color(color: tuple[int, int, int]) -> int:
    r, g, b = color
    return (r << 16) | (g << 8) | b
