"""Recordings of AirSim's own recorder: ``airsim_rec.txt``, a row an instant, and ``images/``.

A row names its images, separated by semicolons: ``img_VEHICLE_CAMERA_TYPE_NANOSECONDS.png``. It has
as many of them as the recorder's settings ask for, or fewer, and one vehicle's rows stand between
those of others (AirLib's RecordingFile.cpp; microsoft/AirSim pull request 2861).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from airseg.dataset.packing.folder_sources import (
    FolderFacts,
    FolderSource,
    FrameFiles,
    LabelPalette,
)
from airseg.errors import DatasetError
from airseg.path_names import first_twin
from airseg.text_files import read_text

AIRSIM_LOG = "airsim_rec.txt"
_IMAGE = re.compile(
    r"img_(?P<camera>[^/\\]*)_(?P<type>[0-9]+)_(?:(?P<annotation>[A-Za-z]\w*)_)?(?P<time>[0-9]+)"
    r"\.(?:png|ppm|pfm)"
)
_LONGEST_NAME = 255
_SHORTEST_STEP_NS, _LONGEST_STEP_NS = 2e6, 2e10
_POSE = ("POS_X", "POS_Y", "POS_Z", "Q_W", "Q_X", "Q_Y", "Q_Z")
_COLOR, _DEPTH, _DEPTH_ALONG_RAYS, _SEGMENTATION = 0, 1, 2, 5


@dataclass
class _Row:
    """One row: where the vehicle was, and the images of each camera by type."""

    number: int
    time_ns: int
    pose: list[float]
    images: dict[str, dict[int, Path]]


@dataclass
class _Flight:
    """The rows of one vehicle, in order."""

    vehicle: str
    rows: list[_Row] = field(default_factory=list)


def airsim_sequences(folder: Path, name: str, palette: LabelPalette | None) -> list[FolderSource]:
    """Return a sequence for each vehicle of a recording.

    Args:
        folder: where the log lies.
        name: of the sequence; where several vehicles were recorded, theirs are added.
        palette: what label colours mean.

    Raises:
        DatasetError: the log is damaged, time runs back in it, or no camera has colour and
            segmentation in every row; the message names the row.
    """
    log = folder / AIRSIM_LOG
    flights = _read(log)
    if not flights:
        raise DatasetError(f"{log}: has no frames.")
    # Cameras that the settings give to no vehicle are the first one's; the others write rows, too.
    blind = [flight for flight in flights if not any(row.images for row in flight.rows)]
    seeing = [flight for flight in flights if flight not in blind] or flights
    names = {flight.vehicle: name for flight in seeing}
    if len(seeing) > 1:
        names = {vehicle: f"{name}-{vehicle or 'vehicle'}" for vehicle in names}
    sources = [_sequence(log, names[flight.vehicle], flight, palette) for flight in seeing]
    for flight in blind:
        sources[0].warnings.append(f"{name}: {flight.vehicle} has no images and is left out")
    return sources


def listed_images(folder: Path) -> list[Path]:
    """Return every image that a recording's log names, once each."""
    rows = [row for flight in _read(folder / AIRSIM_LOG) for row in flight.rows]
    files = (file for row in rows for found in row.images.values() for file in found.values())
    return list(dict.fromkeys(files))


def _read(log: Path) -> list[_Flight]:
    lines = [line.split("\t") for line in read_text(log, DatasetError).split("\n") if line]
    header = [column.strip() for column in lines[0]] if lines else []
    missing = [c for c in ("TimeStamp", "ImageFile", *_POSE) if c not in header]
    if missing:
        apart = " Tabs part its columns." if len(header) == 1 else ""
        raise DatasetError(f"{log}:1: the columns {', '.join(missing)} are missing.{apart}")
    if twice := first_twin(c for c in header if c):
        raise DatasetError(f"{log}:1: the column {twice} stands there twice.")
    flights: dict[str, _Flight] = {}
    row_of: dict[Path, int] = {}
    for number, line in enumerate(lines[1:], 2):
        values = dict(zip(header, (value.strip() for value in line), strict=False))
        try:
            if any(value.strip() for value in line[len(header) :]):
                raise ValueError("it has more values than there are columns")
            if lacking := [column for column in header if column and column not in values]:
                raise ValueError(f"it has no {lacking[0]}")
            row = _read_row(log, number, values)
        except (ValueError, OverflowError) as cause:
            raise DatasetError(
                f"{log}:{number}: damaged line ({cause}). Cut it and what follows."
            ) from None
        for file in (file for found in row.images.values() for file in found.values()):
            if file in row_of:
                raise DatasetError(
                    f"{log}:{number}: names {file.name}, which row {row_of[file]} names too, so "
                    "one of them shows another moment. Take one of the rows out."
                )
            row_of[file] = number
        vehicle = values.get("VehicleName", "")
        flights.setdefault(vehicle, _Flight(vehicle)).rows.append(row)
    for flight in flights.values():
        _refuse_images_of_others(log, flight, flights.keys() - {flight.vehicle})
    return list(flights.values())


def _refuse_images_of_others(log: Path, flight: _Flight, others: Iterable[str]) -> None:
    """Refuse a row of one vehicle that names what another one saw: its pose is not theirs.

    Raises:
        DatasetError: names the row.
    """
    own = f"{flight.vehicle}_"
    for row in flight.rows:
        for camera in row.images:
            owner = next((o for o in others if o and camera.startswith(f"{o}_")), None)
            if owner and not camera.startswith(own):
                raise DatasetError(
                    f"{log}:{row.number}: is a row of {flight.vehicle or 'no vehicle'}, and names "
                    f"images of {owner} (camera {camera}), whose pose it does not have. Put the "
                    "right name there, or take the row out."
                )


def _read_row(log: Path, number: int, values: dict[str, str]) -> _Row:
    if odd := [c for c in ("TimeStamp", *_POSE) if "_" in values[c]]:  # 1_0 is 10 to Python
        raise ValueError(f"its {odd[0]} is no number")
    pose = [float(values[column]) for column in _POSE]
    if not all(map(math.isfinite, pose)):
        raise ValueError("its pose is no number")
    time_ns = int(values["TimeStamp"]) * 1_000_000
    if abs(time_ns) >= 1 << 63:
        raise DatasetError(
            f"{log}:{number}: {values['TimeStamp'][:40]} is no TimeStamp in milliseconds, which "
            "AirSim's recorder writes. Divide those of another unit first."
        )
    images: dict[str, dict[int, Path]] = {}
    seen: set[tuple[str, str, str]] = set()
    for name in filter(None, values["ImageFile"].split(";")):
        # No file has a longer name, and the expression takes quadratic time on one.
        match = _IMAGE.fullmatch(name) if len(name) <= _LONGEST_NAME else None
        if not match:
            raise DatasetError(
                f"{log}:{number}: '{name[:60]}' is no image name of AirSim's recorder, such as "
                "img_Drone_0_5_1.png."
            )
        shot = (match["camera"], match["type"], match["annotation"] or "")
        if shot in seen:
            raise DatasetError(
                f"{log}:{number}: names camera {shot[0]} and image type {shot[1]} more than once, "
                "so nobody can say which colour image belongs to which labels. Leave one image of "
                "each type in the row."
            )
        seen.add(shot)
        images.setdefault(shot[0], {})[int(shot[1])] = log.parent / "images" / name
    return _Row(number, time_ns, pose, images)


def _sequence(log: Path, name: str, flight: _Flight, palette: LabelPalette | None) -> FolderSource:
    for before, row in itertools.pairwise(flight.rows):
        if row.time_ns <= before.time_ns:
            what = "stands still" if row.time_ns == before.time_ns else "runs back"
            raise DatasetError(
                f"{log}:{row.number}: time {what}: {row.time_ns // 1_000_000} ms after "
                f"{before.time_ns // 1_000_000} ms. Cut the log there, into two recordings."
            )
    camera, warnings = _choose_camera(log, flight.rows)
    found = [row.images[camera] for row in flight.rows]
    if not any(_DEPTH in one for one in found) and any(_DEPTH_ALONG_RAYS in one for one in found):
        warnings.append(
            "its depth is measured along rays (image type 2) and is left out; type 1 is packed"
        )
    warnings += _told_of_time(flight.rows)
    facts = FolderFacts(
        name,
        str(log.parent),
        "airsim",
        np.array([row.pose for row in flight.rows], np.float64),
        np.array([row.time_ns for row in flight.rows], np.int64),
        warnings=("AirSim's recorder stores the vehicle's pose, not the camera's", *warnings),
    )
    frames = [FrameFiles(one[_COLOR], one[_SEGMENTATION], one.get(_DEPTH)) for one in found]
    return FolderSource(facts, frames, palette)


def _told_of_time(rows: Sequence[_Row]) -> list[str]:
    """Return what to say where TimeStamp seems to count something else than milliseconds."""
    steps_ns = np.diff([row.time_ns for row in rows])
    step_ns = float(np.median(steps_ns)) if len(steps_ns) else _LONGEST_STEP_NS
    if _SHORTEST_STEP_NS <= step_ns <= _LONGEST_STEP_NS:
        return []
    return [
        f"its frames are {step_ns / 1e9:g} s apart if TimeStamp counts milliseconds, as AirSim's "
        "does; look whether it does in this log"
    ]


def _choose_camera(log: Path, rows: Sequence[_Row]) -> tuple[str, list[str]]:
    """Return the first camera with colour and segmentation in every row, and what of others."""
    lacking = {camera: _rows_without(camera, rows) for row in rows for camera in row.images}
    useful = {camera: lines for camera, lines in lacking.items() if len(lines) < len(rows)}
    if not useful:
        raise DatasetError(
            f"{log}:{rows[0].number}: no camera has both colour (type 0) and segmentation (type "
            "5). Ask for both in the Recording section of settings.json."
        )
    whole = [camera for camera, lines in useful.items() if not lines]
    if not whole:
        camera, lines = min(useful.items(), key=lambda one: len(one[1]))
        raise DatasetError(
            f"{log}:{lines[0]}: no camera has both colour (type 0) and segmentation (type 5) in "
            f"every row; camera {camera} lacks one here, as in {len(lines)} of {len(rows)} rows. "
            "Take these rows out of the log."
        )
    warnings = []
    for camera in useful:
        if camera != whole[0]:
            lines = useful[camera]
            reason = f" (it lacks images in row {lines[0]})" if lines else ""
            warnings.append(f"camera {whole[0]} is packed, camera {camera} is left out{reason}")
    return whole[0], warnings


def _rows_without(camera: str, rows: Sequence[_Row]) -> list[int]:
    """Return the rows, by their lines, in which a camera lacks colour or segmentation."""
    both = {_COLOR, _SEGMENTATION}
    return [row.number for row in rows if not both <= row.images.get(camera, {}).keys()]
