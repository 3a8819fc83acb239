"""Recordings and datasets that the command line names, and the classes to show recordings in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from airseg.errors import RecordingError

if TYPE_CHECKING:
    from airseg.recording.stored.shown_flight import ShownFlight


DATASET_SUFFIXES = (".h5", ".hdf5")


def with_datasets_inside(paths: Iterable[Path]) -> list[Path]:
    """Return `paths`, with the dataset files that lie directly in a folder behind it.

    A folder that holds datasets and no recording is not among them, but its datasets are. What
    lies in a recording is the recording's.
    """
    found: list[Path] = []
    for path in paths:
        is_folder = path.is_dir() and not (path / "recording.json").exists()
        inside = [p for p in path.glob("*") if p.suffix in DATASET_SUFFIXES] if is_folder else []
        datasets = sorted(p for p in inside if p.is_file() and not p.name.startswith("."))
        holds_datasets_only = datasets and not any(path.glob("*/recording.json"))
        found += datasets if holds_datasets_only else [path, *datasets]
    return found


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
