"""What the names of image files say: the order of frames, and how far apart they are."""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np

from airseg.errors import DatasetError

_DIGITS, _DECIMALS = re.compile(r"([0-9]+)"), re.compile(r"([0-9]+(?:\.[0-9]+)?)")
_MOST_BEGINNINGS = 8
_LARGEST_GAP = 100_000


def visible_files(paths: Iterable[Path]) -> list[Path]:
    """Return files in the order of their names, without hidden ones.

    A Mac writes a ``._000.png`` beside every file that it copies to a foreign disk.

    Raises:
        DatasetError: one is a folder, or a pipe, which would be read for ever.
    """
    found = sorted(path for path in paths if not path.name.startswith("."))
    for path in found:
        if not path.is_file():
            raise DatasetError(f"{path}: is no file, but is named like one. Take it away.")
    return found


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Return files in the order of the numbers in their names: 2 before 10, 999 before 1000.

    Raises:
        DatasetError: two names differ in nothing but zeros before a number, or the order depends on
            whether 1.5 is a decimal or two numbers.
    """
    ordered = sorted(paths, key=lambda path: (_key(path), path.name))
    for one, other in itertools.pairwise(ordered):
        if _key(one) == _key(other):
            raise DatasetError(
                f"{one}: has the same number as {other.name}, so their order is not known. Keep "
                "one of them, or number them anew."
            )
    decimal = sorted(ordered, key=lambda path: (_key(path, _DECIMALS), path.name))
    for one, other in zip(ordered, decimal, strict=True):
        if one != other:
            raise DatasetError(
                f"{one}: whether it comes before {other.name} depends on whether these are "
                "decimals. Write as many digits behind the point in all names."
            )
    return ordered


def by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """Return files by their names without suffix, in order.

    Raises:
        DatasetError: two files share a name, or one is none.
    """
    found: dict[str, Path] = {}
    for path in visible_files(paths):
        if path.stem in found:
            raise DatasetError(
                f"{path}: {found[path.stem].name} lies beside it, and both are frame {path.stem}. "
                "Keep one of them."
            )
        found[path.stem] = path
    return {path.stem: path for path in in_order(found.values())}


def frame_times(
    frames: Sequence[Path], neighbours: Iterable[Path], rate_hz: float
) -> tuple[np.ndarray | None, list[str]]:
    """Return (T,) int64 nanoseconds of frames whose numbers leave gaps; None: they leave none.

    Args:
        frames: files of the sequence, in order.
        neighbours: all files that are numbered with them: they tell what the next frame is.
        rate_hz: frames a second.

    Returns:
        The times, and what a person should know.
    """
    numbers, all_numbers = _numbers(frames), _numbers(neighbours)
    steps, all_steps = np.diff(numbers), np.diff(np.unique(all_numbers))
    if len(numbers) != len(frames) or not len(steps):
        return None, _told_of_several(frames)
    unit = int(min(all_steps.min(), steps.min())) if len(all_steps) else int(steps.min())
    if (steps == unit).all():
        return None, []
    first = next(i for i, step in enumerate(steps) if step != unit)
    gap = f"{frames[first].name} is followed by {frames[first + 1].name}"
    if unit < 1 or (steps % unit).any() or (steps // unit).max() > _LARGEST_GAP:
        return None, [f"the numbers in its names run unevenly ({gap}); time does not follow them"]
    times = np.round((numbers - numbers[0]) / unit * 1e9 / rate_hz).astype(np.int64)
    count = int((steps != unit).sum())
    return times, [f"{count} gaps in its frame numbers ({gap}) are gaps in its time stamps"]


def last_number(text: str) -> re.Match[str] | None:
    """Return where the last number of a text stands; looking ahead for it takes cubic time."""
    return next(iter(deque(_DIGITS.finditer(text), maxlen=1)), None)


def _key(path: Path, number: re.Pattern[str] = _DIGITS) -> list[tuple[int, Decimal, str]]:
    return [
        (0, Decimal(part), "") if part[0] in "0123456789" else (1, Decimal(0), part)
        for part in number.split(path.stem)
        if part
    ]


def _told_of_several(frames: Sequence[Path]) -> list[str]:
    """Return what to say where names run through the same numbers again, as of two cameras."""
    found: dict[str, tuple[str, set[str]]] = {}
    for path in frames:
        if match := last_number(path.stem):
            start = path.stem[: match.start()]
            found.setdefault(start, (path.name, set()))[1].add(match[1])
    if not 1 < len(found) <= _MOST_BEGINNINGS or not set.intersection(
        *(n for _, n in found.values())
    ):
        return _told_of_other_names(frames)
    names = ", ".join(name for name, _ in found.values())
    return [
        f"its names run through the same numbers {len(found)} times ({names}): they are taken for "
        "one film. Put what several cameras saw into folders of their own"
    ]


def _told_of_other_names(frames: Sequence[Path]) -> list[str]:
    """Return what to say where names differ in more than decimal numbers, as hexadecimal ones."""
    around = [_DIGITS.sub("0", path.stem) for path in frames]
    if len(set(around)) <= 1:
        return []
    other = next(i for i, text in enumerate(around) if text != around[0])
    return [
        f"its names do not count alike ({frames[0].name}, {frames[other].name}), so they are "
        "taken in the order of their names; look whether that is the order of the film"
    ]


def _numbers(paths: Iterable[Path]) -> np.ndarray:
    """Return the last number of each name; nothing where names differ in more than that."""
    found, around = [], set()
    for path in paths:
        match = last_number(path.stem)
        if not match or len(match[1]) > 18:
            return np.zeros(0, np.int64)
        found.append(int(match[1]))
        around.add(path.stem[: match.start()])
    return np.array(found if len(around) <= 1 else [], np.int64)
