"""Motion that the pictures alone tell, and a folder that keeps it for whoever scores them next.

Dense inverse search takes 35 ms a frame of 640x480 on one core, as much as all other metrics
together, and says the same for every network.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from airseg.bench.metrics.motion import Motion, motion_from_flow
from airseg.dataset.reading import SequenceView
from airseg.models.registration import classical_flow

_CHUNK = 8


class FlowCache:
    """Keeps the estimated flow of whole sequences; any number of processes may share a folder.

    A frame of 640x480 takes 2.5 MB. What a sequence holds is in its file's name, so that nothing
    is taken for another's.

    Args:
        folder: made when the first sequence is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def flows(self, view: SequenceView) -> Iterator[np.ndarray]:
        """Yield (H, W, 2) float32 of each frame but the first, read or estimated."""
        path = self._path(view)
        shape = (view.length - 1, view.height, view.width, 2)
        with suppress(OSError, ValueError, EOFError):  # none yet, or cut off: it is made again
            kept = np.load(path, mmap_mode="r", allow_pickle=False)
            if kept.shape == shape and kept.dtype == np.float32:
                yield from kept
                return
        yield from self._kept(estimated_flows(view, view.length), path, shape)

    def _path(self, view: SequenceView) -> Path:
        content = f"{view.content_hash} {view.name} {cv2.__version__}"
        digest = hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
        return self._folder / f"{digest}.npy"

    def _kept(
        self, flows: Iterator[np.ndarray], path: Path, shape: tuple[int, ...]
    ) -> Iterator[np.ndarray]:
        """Yield what is given, and put it beside its place until the last is there."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=".part", dir=self._folder)
        os.close(handle)
        try:
            into = np.lib.format.open_memmap(name, "w+", np.float32, shape)
            for place, flow in enumerate(flows):
                into[place] = flow
                if place == shape[0] - 1:  # whoever asks for each frame never asks for one more
                    into.flush()
                    Path(name).replace(path)
                yield flow
        finally:
            Path(name).unlink(missing_ok=True)


def estimated_flows(view: SequenceView, stop: int) -> Iterator[np.ndarray]:
    """Yield the way back of each frame but the first: (H, W, 2) float32 pixels."""
    before: np.ndarray | None = None
    for start in range(0, stop, _CHUNK):
        for frame in view.rgb(start, min(start + _CHUNK, stop)):
            grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
            if before is not None:
                yield classical_flow(before, grey, grey.shape)
            before = grey


def estimated_motions(
    view: SequenceView, stop: int | None = None, cache: FlowCache | None = None
) -> Iterator[Motion | None]:
    """Yield each frame's way back as dense inverse search tells it; None for the first.

    Args:
        view: the sequence.
        stop: only so many frames.
        cache: keeps the flow of whole sequences.
    """
    stop = view.length if stop is None else min(stop, view.length)
    if stop:
        yield None
    whole = cache is not None and 1 < stop == view.length
    for flow in cache.flows(view) if cache and whole else estimated_flows(view, stop):
        # Flow in a recording's sense: what came from the left moved to the right.
        yield motion_from_flow(-flow)
