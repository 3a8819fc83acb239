"""Count the frames of long work and report them."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how many frames are done, and how many there are."""


class Ticker:
    """Counts the frames of one stage and reports each.

    Args:
        stage: what is being done.
        total: how many frames there are.
        progress: who wants to know.
    """

    def __init__(self, stage: str, total: int, progress: Progress | None) -> None:
        self._stage, self._total, self._progress, self._done = stage, total, progress, 0

    def tick(self, frames: int = 1) -> None:
        """Say that more frames are done."""
        self._done += frames
        if self._progress:
            self._progress(self._stage, self._done, self._total)
