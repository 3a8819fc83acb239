"""Capture beside checking and writing: the simulator works on the next frame meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from airseg.recording.flying.flights import Flight
from airseg.recording.flying.instant import Capturer
from airseg.recording.flying.placement import Poses

_AGAIN = 3


@dataclass(frozen=True)
class Fetched:
    """A frame as it came, not checked yet.

    Attributes:
        frame: its number; slot: its time slot.
        answers: images as the simulator delivered them.
        poses: where the plan wants the vehicles, or None where they fly by themselves.
        velocities: (3,) m/s of the vehicle of each view; None where only its poses tell it.
        looked: what a numbering of objects took of each view, see `numbering`; None: nothing.
    """

    frame: int
    slot: int
    answers: list[Any]
    poses: Poses | None
    velocities: list[np.ndarray | None]
    looked: list[np.ndarray] | None = None


def fetch_ahead(
    flight: Flight,
    capturer: Capturer,
    first: int,
    most: int | None,
    before_frame: Callable[[int], None],
    is_off: Callable[[Poses, list[np.ndarray]], bool],
    look: Callable[[list[Any]], list[np.ndarray] | None] = lambda answers: None,
) -> Iterator[Fetched]:
    """Yield frames in order, each fetched while its predecessor is being used.

    All calls to the simulator are made by one thread, so that clients need not be shared. Close the
    iterator, or exhaust it, before the simulator is used elsewhere.

    Args:
        flight: begun, and standing at frame `first` - 1, or at 0 if that is the first.
        capturer: takes the images.
        first: frame to begin with.
        most: how many frames there may be, or None.
        before_frame: called with each frame's number before time advances to it.
        is_off: tells whether images show anything but the plan; then they are taken again.
        look: takes what more is needed of the instant that images were taken of.
    """

    def fetch(frame: int) -> Fetched | None:
        if most is not None and frame >= most:
            return None
        before_frame(frame)
        if frame > 0 and not flight.advance(frame):
            return None
        answers = capturer.fetch()
        poses = flight.poses(frame)
        for _ in range(_AGAIN):
            seen = capturer.poses(answers)
            if poses is None or seen is None or not is_off(poses, seen):
                break
            flight.place_again(frame)
            answers = capturer.fetch()
        looked = look(answers) if answers else None
        if answers:
            flight.observe(frame, int(answers[0].time_stamp))
        velocities = [flight.velocity(view.vehicle) for view in capturer.views]
        return Fetched(frame, flight.slot(frame), answers, poses, velocities, looked)

    with ThreadPoolExecutor(1, thread_name_prefix="capture") as worker:
        future = worker.submit(fetch, first)
        while (fetched := future.result()) is not None:
            future = worker.submit(fetch, fetched.frame + 1)
            yield fetched
