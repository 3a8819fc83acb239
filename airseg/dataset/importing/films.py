"""Frames of a film by number, and which of them the stills are that were taken from it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from airseg.dataset.format.label_images import read_color
from airseg.errors import DatasetError

if TYPE_CHECKING:
    import av

_KEPT_FRAMES = 24
_THUMBNAIL = (40, 30)
_STILLS_COMPARED = 24
_WORST_DIFFERENCE = 8.0
"""Mean grey levels between a still and its film frame, both at thumbnail size."""


class Film:
    """A film whose frames are asked for by number, mostly in order.

    Frames decode one after the other, so a few decoded ones are kept for threads that read ahead.

    Args:
        path: the file.
        size: (height, width) that frames are brought to.
    """

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        self.path, self._size = path, size
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._decoded: Iterator[tuple[int, av.VideoFrame]] | None = None
        self._next = 0

    def __reduce__(self) -> tuple[type[Film], tuple[Path, tuple[int, int]]]:
        # Another process opens the film for itself.
        return Film, (self.path, self._size)

    def read(self, number: int) -> np.ndarray:
        """Return frame `number`, from 0: (H, W, 3) uint8 RGB.

        Raises:
            DatasetError: the film is damaged or ends before.
        """
        with self._lock:
            if number in self._kept:
                return self._kept[number]
            if self._decoded is None or number < self._next:
                self._decoded, self._next = _decode(self.path), 0
            for index, frame in self._decoded:
                self._next = index + 1
                if index < number - _KEPT_FRAMES:
                    continue
                self._keep(index, _rgb(frame))
                if index == number:
                    return self._kept[number]
            raise DatasetError(f"{self.path}: ends before frame {number}.")

    def _keep(self, index: int, frame: np.ndarray) -> None:
        if frame.shape[:2] != self._size:
            frame = cv2.resize(frame, self._size[::-1], interpolation=cv2.INTER_AREA)
        self._kept[index] = frame
        while len(self._kept) > _KEPT_FRAMES:
            self._kept.popitem(last=False)


@dataclass(frozen=True)
class FilmFrame:
    """One frame of a film; a `folder_sources.Picture`."""

    film: Film
    number: int

    def __str__(self) -> str:
        return f"{self.path}, frame {self.number}"

    @property
    def path(self) -> Path:
        """The film."""
        return self.film.path

    def read(self) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB."""
        return self.film.read(self.number)


@dataclass(frozen=True)
class Alignment:
    """How a film's frames are numbered.

    Attributes:
        offset: film frame of the still with number 0.
        frames: how many frames the film has.
        difference: mean grey levels between stills and their frames.
    """

    offset: int
    frames: int
    difference: float


def align(path: Path, stills: Mapping[int, Path]) -> Alignment:
    """Find which frame of a film each still is, by their looks.

    Archives number stills from the film's first frame, from one, or from where an extract begins;
    the offset is measured, because context of a wrong moment would be worse than none.

    Args:
        path: the film.
        stills: pictures by their numbers.

    Raises:
        DatasetError: the film does not show the stills.
    """
    seen = [_thumbnail(_rgb(frame)) for _, frame in _decode(path)]
    if not seen:
        raise DatasetError(f"{path}: has no frames. Copy it again.")
    film = np.stack(seen)
    step = -(-len(stills) // _STILLS_COMPARED)
    numbers = np.array(sorted(stills)[::step])
    small = np.stack([_thumbnail(read_color(stills[int(number)])) for number in numbers])
    last_offset = len(film) - 1 - int(numbers[-1])
    differences = {
        offset: float(np.abs(film[numbers + offset] - small).mean())
        for offset in range(-int(numbers[0]), last_offset + 1)
    }
    if not differences or min(differences.values()) > _WORST_DIFFERENCE:
        best = f" (nearest {min(differences.values()):.1f} grey levels)" if differences else ""
        raise DatasetError(
            f"{path}: does not show the stills {numbers[0]} to {numbers[-1]}{best}. Give the film "
            "they were taken from, or import without it (--before 0 --after 0)."
        )
    offset = min(differences, key=differences.__getitem__)
    return Alignment(offset, len(film), differences[offset])


@dataclass(frozen=True)
class NumberedFilm:
    """A film whose frames go by the numbers of the stills that were taken from it.

    Attributes:
        film: the film.
        numbers: of all its frames.
        note: what a person should know of how they were found.
    """

    film: Film
    numbers: range
    note: str

    def frame(self, number: int) -> FilmFrame:
        """Return the frame that a still of a number would show."""
        return FilmFrame(self.film, number - self.numbers.start)


def number_film(path: Path, stills: Mapping[int, Path], name: str) -> NumberedFilm:
    """Return a film by the numbers of its stills, brought to their size.

    Args:
        path: the film.
        stills: pictures by their numbers; they all have one size.
        name: of the film, for the note.

    Raises:
        DatasetError: the film does not show the stills.
    """
    alignment = align(path, stills)
    numbers = range(-alignment.offset, alignment.frames - alignment.offset)
    note = (
        f"{name}: still n is frame n{alignment.offset:+d} of {path.name} "
        f"({alignment.difference:.1f} grey levels apart)"
    )
    size = read_color(next(iter(stills.values()))).shape[:2]
    return NumberedFilm(Film(path, size), numbers, note)


def _decode(path: Path) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield frames with their numbers; making pixels of them takes longer than decoding them."""
    import av  # 35 MB, which machines that read no films may be spared

    try:
        with av.open(str(path)) as container:
            container.streams.video[0].thread_type = "AUTO"
            yield from enumerate(container.decode(video=0))
    except (av.error.FFmpegError, IndexError) as cause:
        raise DatasetError(f"{path}: cannot be decoded as a film ({cause}).") from None


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    return frame.to_ndarray(format="rgb24")


def _thumbnail(rgb: np.ndarray) -> np.ndarray:
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return cv2.resize(gray, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
