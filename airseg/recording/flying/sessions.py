"""Recording many flights with one simulator that may crash on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airseg.errors import LostSimulatorError
from airseg.recording.flying.assignment import Assignment, Progress, Recorded, RecordOptions
from airseg.recording.flying.recorder import Recorder
from airseg.recording.stored.frame_table import read_sound_frames

_PAUSE_S = 0.5
_FRUITLESS_TRIES = 3

Connect = Callable[[], Any]
"""Returns a connected client; raises `LostSimulatorError` while nothing listens."""


def record_flights(
    flights: list[Assignment],
    out: Path,
    connect: Connect,
    options: RecordOptions,
    reconnect_s: float,
    progress: Progress,
    tell: Callable[[str, Recorded], None],
) -> None:
    """Record flights one after another.

    Where the simulator is lost, because it crashed or hangs, this waits until one can be reached
    again and continues after the last complete frame.

    Args:
        flights: what to record.
        out: folder of the recordings.
        connect: connects to the simulator, or starts one.
        options: how to record.
        reconnect_s: how long to wait for a lost simulator; 0 gives up at once.
        progress: told about long work.
        tell: told the name of each flight that is done, and what it came to.

    Raises:
        LostSimulatorError: it did not come back in time, or is lost again and again without a new
            frame.
        SimulatorError: it delivers what cannot be recorded.
    """
    recorder: Recorder | None = None
    client: Any = None
    try:
        for flight in flights:
            fruitless, overwrite = 0, options.overwrite
            while True:
                folder = out / flight.name
                before = 0 if overwrite else len(read_sound_frames(folder)[0])
                try:
                    if recorder is None:
                        client = _connect_within(connect, reconnect_s, progress)
                        recorder = Recorder(client, options, progress)
                    tell(flight.name, recorder.fly(flight, folder, overwrite=overwrite))
                    break
                except LostSimulatorError:
                    # What is new now is kept.
                    overwrite = overwrite and (recorder is None or recorder.emptied != folder)
                    _close(client)
                    client = recorder = None
                    gained = (0 if overwrite else len(read_sound_frames(folder)[0])) - before
                    fruitless = 0 if gained > 0 else fruitless + 1
                    if reconnect_s <= 0 or fruitless >= _FRUITLESS_TRIES:
                        raise
                    progress("waiting for the simulator", 0, int(reconnect_s))
    finally:
        _close(client)


def _connect_within(connect: Connect, seconds: float, progress: Progress) -> Any:
    """Connect, trying again until `seconds` have passed, and say how long that has been so far."""
    began = time.monotonic()
    while True:
        try:
            return connect()
        except LostSimulatorError:
            waited = time.monotonic() - began
            if waited + _PAUSE_S >= seconds:
                raise
            progress("waiting for the simulator", int(waited), int(seconds))
        time.sleep(_PAUSE_S)


def _close(client: Any) -> None:
    if client is not None and hasattr(client, "close"):
        client.close()
