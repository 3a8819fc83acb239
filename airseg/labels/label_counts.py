"""Count everything an audit wants to know about raw labels, in one pass over a sequence's frames.

Compiled loops over the pixels of a frame update the statistics of all ids together. They let go
of Python's lock, as the decoding of PNG files does, so sequences are counted in parallel by
threads: no process needs to be started, and nothing needs to be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from airseg.labels.resolution import MeshGroup
from airseg.late_kernels import late_njit

BEST_FRAMES = 3
"""How many frames show a label on the page."""

COLOUR_EVERY = 4
"""Colour is read of every fourth frame, and of each frame that shows an id not seen in colour yet:
ids decode in a tenth of the time, and a mean over hundreds of frames does not need them all."""

_FAR_APART = 25
"""Frames of one sequence that show a label lie at least a second apart."""


class AuditSource(Protocol):
    """What an audit needs of a sequence; `airseg.dataset.packing.sources` has them."""

    name: str
    environment: str
    length: int

    @property
    def object_table(self) -> Sequence[MeshGroup]:
        """Meshes by raw id; empty when only ids are known."""

    def read_ids(self, index: int) -> np.ndarray:
        """Return the raw ids of a frame: (H, W) uint8."""

    def read(self, index: int, *, with_depth: bool) -> object:
        """Return a frame with `rgb` (H, W, 3) and `ids` (H, W), both uint8."""


@dataclass
class SequenceStatistics:
    """Sums over the frames of one sequence, by raw id.

    Attributes:
        frames_read: how many frames went in.
        frame_pixels: pixels of one frame.
        pixels: (256,) pixels; frames: (256,) frames in which the id is seen.
        coloured: (256,) pixels whose colour was read.
        colour: (256, 6) sums of red, green, blue and of their squares, over those.
        texture: (256, 2) sum of brightness steps between neighbours of one id, and how many.
        height: (256,) sum of rows, 0 at the upper edge of the frame and 1 at the lower.
        neighbours: (256, 256) pixel borders between two ids.
        kept: (256,) pixels that had the id in the frame before too; either: in one of both.
        appearances: (256,) how often the id comes into view.
        best: for each id, (score, frame) of the frames that show it best.
    """

    frames_read: int = 0
    frame_pixels: int = 0
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    frames: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    coloured: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    colour: np.ndarray = field(default_factory=lambda: np.zeros((256, 6), np.int64))
    texture: np.ndarray = field(default_factory=lambda: np.zeros((256, 2), np.int64))
    height: np.ndarray = field(default_factory=lambda: np.zeros(256, np.float64))
    neighbours: np.ndarray = field(default_factory=lambda: np.zeros((256, 256), np.int64))
    kept: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    either: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    appearances: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    best: dict[int, list[tuple[float, int]]] = field(default_factory=dict)


def count_sequences(
    sources: Sequence[AuditSource],
    progress: Callable[[str, int, int | None], None] | None = None,
    jobs: int = 2,
) -> list[SequenceStatistics]:
    """Count all frames of some sequences, several sequences at a time.

    Args:
        sources: the sequences.
        progress: told how many of all frames are done.
        jobs: how many sequences are counted at a time.
    """
    total, done = sum(source.length for source in sources), [0]
    stop = [False]

    def tick() -> bool:
        done[0] += 1
        return stop[0]

    with ThreadPoolExecutor(max(1, jobs), thread_name_prefix="audit") as pool:
        futures = [pool.submit(count_sequence, source, tick) for source in sources]
        try:
            for future in futures:
                while progress and not future.done():
                    progress("auditing", done[0], total)
                    wait([future], timeout=0.2)
                future.result()
        except BaseException:
            stop[0] = True
            raise
        if progress:
            progress("auditing", total, total)
    return [future.result() for future in futures]


def count_sequence(
    source: AuditSource, tick: Callable[[], bool] | None = None
) -> SequenceStatistics:
    """Count all frames of one sequence; `tick` is called after each, and stops it by True.

    Frames that are context without labels are left out: their ids mean nothing.
    """
    sums = SequenceStatistics()
    before, before_counts = None, np.zeros(256, np.int64)
    labelled = getattr(source, "labelled", None)
    for index in range(source.length):
        if labelled is not None and not labelled[index]:
            before, before_counts = None, np.zeros(256, np.int64)
            if tick and tick():
                break
            continue
        ids = source.read_ids(index)
        counts = np.bincount(ids.ravel(), minlength=256)
        rgb = None
        if sums.frames_read % COLOUR_EVERY == 0 or ((counts > 0) & (sums.coloured == 0)).any():
            rgb = source.read(index, with_depth=False).rgb  # type: ignore[attr-defined]
        add_frame(sums, ids, counts, rgb, before, before_counts, index)
        if tick and tick():
            break
        before, before_counts = ids, counts
    return sums


def add_frame(
    sums: SequenceStatistics,
    ids: np.ndarray,
    counts: np.ndarray,
    rgb: np.ndarray | None,
    before: np.ndarray | None,
    before_counts: np.ndarray,
    index: int,
) -> None:
    """Add one frame to the sums.

    Args:
        sums: where to add.
        ids: (H, W) uint8; counts: (256,) pixels of each id in it.
        rgb: (H, W, 3) uint8, or None where colour is not read.
        before: ids of the frame before, None when there is none.
        before_counts: (256,) pixels of each id in it.
        index: the frame's number.
    """
    kept = np.zeros(256, np.int64)
    earlier = before if before is not None and before.shape == ids.shape else None
    _count_places(ids, ids if earlier is None else earlier, kept, sums.height, sums.neighbours)
    if rgb is not None:
        _count_colors(ids, rgb, sums.colour, sums.texture)
        sums.coloured += counts
    sums.frames_read += 1
    sums.frame_pixels = ids.size
    sums.pixels += counts
    seen = counts > 0
    sums.frames += seen
    if earlier is not None:
        sums.kept += kept
        sums.either += counts + before_counts - kept
        sums.appearances += seen & (before_counts == 0)
    else:
        sums.appearances += seen
    for number in np.flatnonzero(seen):
        _note_best(sums.best.setdefault(int(number), []), counts[number] / ids.size, index)


def _note_best(best: list[tuple[float, int]], share: float, index: int) -> None:
    """Keep the frames that show an id best: large, with something beside it to tell it from."""
    score = float(share * (1.0 - share)) + 1e-9
    if len(best) == BEST_FRAMES and score <= best[-1][0]:
        return
    near = next((b for b in best if abs(b[1] - index) < _FAR_APART), None)
    if near:
        if near[0] >= score:
            return
        best.remove(near)
    best.append((score, index))
    best.sort(reverse=True)
    del best[BEST_FRAMES:]


@late_njit
def _count_places(
    ids: np.ndarray,
    before: np.ndarray,
    kept: np.ndarray,
    height: np.ndarray,
    neighbours: np.ndarray,
) -> None:
    """Add where ids are, what they border on, and what stayed; see `SequenceStatistics`."""
    rows, columns = ids.shape
    for y in range(rows):
        row_share = (y + 0.5) / rows
        for x in range(columns):
            number = ids[y, x]
            height[number] += row_share
            if before[y, x] == number:
                kept[number] += 1
            if x > 0 and ids[y, x - 1] != number:
                neighbours[number, ids[y, x - 1]] += 1
                neighbours[ids[y, x - 1], number] += 1
            if y > 0 and ids[y - 1, x] != number:
                neighbours[number, ids[y - 1, x]] += 1
                neighbours[ids[y - 1, x], number] += 1


@late_njit
def _count_colors(
    ids: np.ndarray, rgb: np.ndarray, colour: np.ndarray, texture: np.ndarray
) -> None:
    """Add colours, their squares, and steps of brightness within an id."""
    rows, columns = ids.shape
    for y in range(rows):
        left_gray = 0
        for x in range(columns):
            number = ids[y, x]
            red, green, blue = (
                np.int64(rgb[y, x, 0]),
                np.int64(rgb[y, x, 1]),
                np.int64(rgb[y, x, 2]),
            )
            colour[number, 0] += red
            colour[number, 1] += green
            colour[number, 2] += blue
            colour[number, 3] += red * red
            colour[number, 4] += green * green
            colour[number, 5] += blue * blue
            gray = (red * 77 + green * 150 + blue * 29) >> 8
            if x > 0 and ids[y, x - 1] == number:
                texture[number, 0] += abs(gray - left_gray)
                texture[number, 1] += 1
            left_gray = gray  # type: ignore[assignment]
