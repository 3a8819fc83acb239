"""Frames whose files are numbered: which lie in a folder, and when they were taken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from airseg.dataset.packing.folder_sources import FrameFiles
from airseg.dataset.packing.frame_names import visible_files
from airseg.errors import DatasetError


def numbered(folder: Path, pattern: str) -> dict[int, Path]:
    """Return the files of a folder by their numbers, in order; none where there is no folder.

    Args:
        folder: the folder.
        pattern: regular expression of whole names, whose group ``number`` has digits alone. Files
            with other names are not frames. Capitals do not count: programs and disks of Windows
            make ``000000.PNG`` of a name.

    Raises:
        DatasetError: two files have one number, or one is no file.
    """
    name = re.compile(pattern, re.ASCII | re.IGNORECASE)
    found: dict[int, Path] = {}
    files = folder.iterdir() if folder.is_dir() else ()
    for path in visible_files(path for path in files if name.fullmatch(path.name)):
        if match := name.fullmatch(path.name):
            number = int(match["number"])
            if number in found:
                raise DatasetError(
                    f"{path}: {found[number].name} lies beside it, and both are frame {number}. "
                    "Keep one of them."
                )
            found[number] = path
    return dict(sorted(found.items()))


def check_pictures(labels: Mapping[int, Path], pictures: Mapping[int, Path], folder: Path) -> None:
    """Refuse labels of frames that are not there.

    Raises:
        DatasetError: names the first of them.
    """
    lonely = [path for number, path in labels.items() if number not in pictures]
    if lonely:
        raise DatasetError(
            f"{lonely[0]}: has no picture in {folder} ({len(lonely)} lack theirs). Unpack the "
            "pictures again."
        )


def paired(
    pictures: Mapping[int, Path], labels: Mapping[int, Path], instances: Mapping[int, Path]
) -> tuple[list[FrameFiles], list[str]]:
    """Return every picture with its labels and objects, and what a person should know.

    Pictures without labels are context.
    """
    frames = [
        FrameFiles(path, labels.get(n), None, instances.get(n) if n in labels else None)
        for n, path in pictures.items()
    ]
    without = len(pictures) - len(labels)
    return frames, [f"{without} frames have no labels and are context"] if without else []


def times_of(
    numbers: Sequence[int] | Iterable[int], rate_hz: float
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return when frames were taken, by their numbers.

    Returns:
        (T,) int64 nanoseconds since frame 0, and `rate_hz` of these frames where they are even.
    """
    taken = np.array(list(numbers), np.int64)
    times_ns = np.round(taken * (1e9 / rate_hz)).astype(np.int64)
    steps = set(np.diff(taken).tolist()) or {1}
    return times_ns, {"rate_hz": rate_hz / steps.pop()} if len(steps) == 1 else {}
