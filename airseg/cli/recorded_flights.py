"""Recordings that the command line names, with the classes to show them in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from airseg.errors import RecordingError

if TYPE_CHECKING:
    from airseg.recording.stored.shown_flight import ShownFlight


def open_flights(paths: Iterable[Path], map_name: str | None) -> list[ShownFlight]:
    """Return the recordings among or directly below `paths`.

    Args:
        paths: folders.
        map_name: label map, or None for that of each recording's environment.

    Raises:
        RecordingError: there are none, or one has no frames yet.
    """
    from airseg.labels import load_label_map
    from airseg.recording.stored.shown_flight import shown_recording
    from airseg.recording.stored.storage import Recording, find_recordings

    flights = []
    for folder in find_recordings(paths):
        recording = Recording.open(folder)
        if not len(recording):
            raise RecordingError(f"{folder}: has no frames yet. Run `airseg record` first.")
        label_map = load_label_map(map_name or recording.info.environment)
        flights.append(shown_recording(recording, label_map))
    return flights
