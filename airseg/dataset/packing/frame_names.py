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
_CAMERA = re.compile(r"(?:cam|camera|view|eye|lens|sensor|drone|uav)[ _-]?([0-9]+|(?=\n))", re.I)
_HEXADECIMAL = re.compile(r"[0-9a-f]{1,15}", re.IGNORECASE)
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
            whether 1.5 is a decimal or two numbers, or 0a a hexadecimal number.
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
    _refuse_hexadecimal(ordered)
    return ordered


def _refuse_hexadecimal(ordered: Sequence[Path]) -> None:
    """Refuse names that seem to count in hexadecimal, where 09 comes before 0a.

    Names made by chance, such as checksums, count nothing: they lie far apart.
    """
    stems = [path.stem for path in ordered]
    if len({len(stem) for stem in stems}) > 1:
        return
    differ = [i for i, letters in enumerate(zip(*stems, strict=True)) if len(set(letters)) > 1]
    parts = [stem[differ[0] : differ[-1] + 1] for stem in stems] if differ else []
    if not parts or not all(map(_HEXADECIMAL.fullmatch, parts)):
        return
    numbers = [int(part, 16) for part in parts]
    if max(numbers) - min(numbers) > _LARGEST_GAP * len(numbers):
        return
    late = next((i for i, (a, b) in enumerate(itertools.pairwise(numbers)) if a > b), None)
    if late is not None:
        raise DatasetError(
            f"{ordered[late]}: whether it comes before {ordered[late + 1].name} depends on whether "
            "these are hexadecimal numbers. Number the frames anew."
        )


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
    places = _counting(frames)
    numbers = _numbers(frames, frames, places)
    if len(numbers) < 2:
        return None, _told_of_several(frames)
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    all_numbers = sorted(set(_numbers(neighbours, frames, places)))
    unit = min(*steps, *(after - before for before, after in itertools.pairwise(all_numbers)))
    if set(steps) == {unit}:
        return None, []
    first = next(i for i, step in enumerate(steps) if step != unit)
    gap = f"{frames[first].name} is followed by {frames[first + 1].name}"
    is_even = unit > 0 and not any(step % unit for step in steps)
    if not is_even or max(steps) // unit > _LARGEST_GAP:
        return None, [f"the numbers in its names run unevenly ({gap}); time does not follow them"]
    since_first = np.array([(number - numbers[0]) // unit for number in numbers], np.int64)
    count = sum(step != unit for step in steps)
    return (
        np.round(since_first * 1e9 / rate_hz).astype(np.int64),
        [f"{count} gaps in its frame numbers ({gap}) are gaps in its time stamps"],
    )


def last_number(text: str) -> re.Match[str] | None:
    """Return where the last number of a text stands; looking ahead for it takes cubic time."""
    return next(iter(deque(_DIGITS.finditer(text), maxlen=1)), None)


def _key(path: Path, number: re.Pattern[str] = _DIGITS) -> list[tuple[int, Decimal, str]]:
    return [
        (0, Decimal(part), "") if part[0] in "0123456789" else (1, Decimal(0), part)
        for part in number.split(path.stem)
        if part
    ]


def _counting(frames: Sequence[Path]) -> list[int]:
    """Return which parts of names are the number that counts frames; none where several differ.

    Not every last number does: ``000012_cam0``, ``7_640x480``. Seconds with as many decimals in all
    names are one number in two parts.
    """
    rows = [_DIGITS.split(path.stem) for path in frames]
    if len({tuple(row[::2]) for row in rows}) != 1:
        return []
    differ = [i for i in range(1, len(rows[0]), 2) if len({int(row[i]) for row in rows}) > 1]
    if len(differ) == 2 and differ[1] == differ[0] + 2 and rows[0][differ[0] + 1] == ".":
        return differ if len({len(row[differ[1]]) for row in rows}) == 1 else []
    return differ if len(differ) == 1 else []


def _numbers(paths: Iterable[Path], frames: Sequence[Path], places: Sequence[int]) -> list[int]:
    """Return the numbers of those files whose names are in all else like those of the frames."""
    if not places:
        return []
    found, first = [], _without(_DIGITS.split(frames[0].stem), places)
    for path in paths:
        parts = _DIGITS.split(path.stem)
        if len(parts) > max(places) and _without(parts, places) == first:
            found.append(int("".join(parts[place] for place in places)))
    return found


def _without(parts: Sequence[str], places: Sequence[int]) -> list[str | int]:
    """Return the parts of a name but for some, numbers as numbers."""
    return [int(p) if i % 2 else p for i, p in enumerate(parts) if i not in places]


def _told_of_several(frames: Sequence[Path]) -> list[str]:
    """Return what to say where names run through the same numbers again, as seconds do.

    Raises:
        DatasetError: what differs beside the numbers are words, as of two cameras, or the numbers
            of cameras.
    """
    found: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for path in frames:
        if match := last_number(path.stem):
            around = path.stem[: match.start()], path.stem[match.end() :]
            found.setdefault(around, (path.name, set()))[1].add(match[1])
    is_several = 1 < len(found) <= _MOST_BEGINNINGS and len(found) < len(frames)
    if not is_several or not set.intersection(*(n for _, n in found.values())):
        return _told_of_other_names(frames)
    names = ", ".join(name for name, _ in found.values())
    told = f"its names run through the same numbers {len(found)} times ({names})"
    if len({_words(around) for around in found}) > 1:
        raise DatasetError(
            f"{frames[0].parent}: {told}, as of several cameras, and one sequence shows what one "
            "camera saw. Put each camera's pictures and labels into a folder of their own."
        )
    return [
        f"{told}: they are taken for one film. Put what several cameras saw into folders of their "
        "own"
    ]


def _words(around: tuple[str, str]) -> str:
    """Return what a name says beside its last number but for numbers, save those of cameras."""
    text = "\n".join(around)
    cameras = list(_CAMERA.finditer(text))
    if any(not match[1] for match in cameras):  # the last number is the camera's
        return text
    return _DIGITS.sub("0", text) + " ".join(match[1] for match in cameras)


def _told_of_other_names(frames: Sequence[Path]) -> list[str]:
    """Return what to say where names differ in more than one decimal number."""
    around = [_DIGITS.sub("0", path.stem) for path in frames]
    other = next((i for i, text in enumerate(around) if text != around[0]), None)
    if other is not None:
        return [
            f"its names do not count alike ({frames[0].name}, {frames[other].name}), so they are "
            "taken in the order of their names; look whether that is the order of the film"
        ]
    if len(frames) < 2:
        return []
    return [
        f"several numbers differ in its names ({frames[0].name}, {frames[-1].name}), so nobody "
        "knows how far apart frames are; time does not follow them"
    ]
