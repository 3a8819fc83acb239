"""Mid-Air: flights through AirSim landscapes in several seasons and weathers, at 25 Hz.

Fonder and Van Droogenbroeck, Mid-Air: A Multi-Modal Dataset for Extremely Low Altitude Drone
Flights, CVPR Workshops 2019. ``Kite_training/sunny`` holds ``color_left/trajectory_0000/
000000.JPEG``, ``segmentation`` and ``depth`` with ``.PNG`` files of the same numbers, and
``sensor_records.hdf5``, which lists the frames and has the ground truth. Depth images are half
floats; the drone's attitude and position stand four to a frame.

The same flight was rendered under several skies, and all of those lie in the same part, training or
test, by the names of the authors' folders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from airseg.dataset.format.attributes import PACK_AGAIN
from airseg.dataset.format.files import open_hdf5
from airseg.dataset.format.probe import refuse_endless
from airseg.dataset.format.structure import check_tables
from airseg.dataset.importing.encodings import read_float16_depth
from airseg.dataset.importing.found import Found, ImportOptions, Promise, Publication
from airseg.dataset.importing.numbered import times_of
from airseg.dataset.packing.folder_sources import FolderFacts, FolderSource, FrameFiles, NamedId
from airseg.errors import DatasetError, first_line

PUBLICATION = Publication("Mid-Air", "https://midair.ulg.ac.be", "CC BY-NC-SA 4.0", "midair")
_NAMES = (
    "sky", "animals", "trees", "dirt ground", "ground vegetation", "rocky ground", "boulders",
    "empty", "water plane", "man-made construction", "road", "train track", "road sign",
    "other man-made objects",
)  # fmt: skip
OBJECTS = tuple(NamedId(number, name) for number, name in enumerate(_NAMES))
_RECORDS = "sensor_records.hdf5"
_RATE_HZ = 25.0
_SIZE = "1024x1024"
_FIELD_OF_VIEW_DEG = 90.0
_MOST_FRAMES = 1_000_000
_PATH = re.compile(
    r"(?P<kind>[a-z_]+)/(?P<flight>trajectory_[0-9]{4})/(?P<number>[0-9]{6})\.[A-Za-z]+"
)
_ENDS = {"training": "train", "test": "test"}


def find_midair(root: Path, options: ImportOptions) -> Found:
    """Read a folder of Mid-Air's sets, one set, or one of its skies.

    Raises:
        DatasetError: not this layout, a frame that lacks a file, or damaged records.
    """
    records = sorted(path for depth in ("", "*/", "*/*/") for path in root.glob(depth + _RECORDS))
    if not records:
        raise DatasetError(
            f"{root}: expected <set>/<sky>/{_RECORDS}, such as Kite_training/sunny, found none. "
            "Unpack Mid-Air's archives as its download script names them, the records among them."
        )
    sources: list[FolderSource] = []
    notes: list[str] = []
    for path in records:
        sources += _flights(path, notes)
    if not sources:
        raise DatasetError(f"{root}: none of its flights has pictures and segmentation unpacked.")
    shown = ", ".join(sorted({f"{source.width}x{source.height}" for source in sources}))
    return Found(sources, [Promise("size of frames", _SIZE, shown)], notes)


def _flights(path: Path, notes: list[str]) -> Iterator[FolderSource]:
    try:
        refuse_endless(path)
        check_tables(path)
    except DatasetError as cause:
        raise DatasetError(str(cause).replace(PACK_AGAIN, "Copy it again.")) from None
    try:
        with open_hdf5(path) as records:
            for flight in sorted(records):
                is_flight = re.fullmatch(r"trajectory_[0-9]{4}", flight)
                if is_flight and (source := _flight(path, flight, records, notes)):
                    yield source
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as cause:
        raise DatasetError(
            f"{path}: is damaged, or no {_RECORDS} of Mid-Air ({first_line(cause)}). Copy it again."
        ) from None


def _flight(path: Path, flight: str, records: h5py.File, notes: list[str]) -> FolderSource | None:
    group = records[flight]
    folder = path.parent
    if not all((folder / kind / flight).is_dir() for kind in ("color_left", "segmentation")):
        notes.append(f"{path}: color_left or segmentation of {flight} is not here; it is left out")
        return None
    pictures = _listed(path, flight, group, "color_left")
    labels = _listed(path, flight, group, "segmentation")
    has_depth = (folder / "depth" / flight).is_dir()
    depth = _listed(path, flight, group, "depth") if has_depth else {}
    lacking = [number for number in pictures if number not in labels]
    if lacking or not pictures:
        what = f"frame {lacking[0]} has no labels" if lacking else "no frames"
        raise DatasetError(f"{path}: {flight}: lists {what}. Copy it again.")
    times_ns, details = times_of(pictures, _RATE_HZ)
    above, sky = folder.resolve().parent.name, folder.resolve().name
    facts = FolderFacts(
        f"{above}-{sky}-{flight}",
        str(folder / "segmentation" / flight),
        above.partition("_")[0] or "midair",
        _poses(path, flight, group, len(pictures)),
        times_ns,
        details={
            **details,
            "camera": {"name": "color_left", "fov_deg": _FIELD_OF_VIEW_DEG},
            "origin": PUBLICATION.origin("midair", sky=sky, first_frame=next(iter(pictures))),
        },
        split=_ENDS.get(above.rpartition("_")[2]),
        objects=OBJECTS,
        depth_reader=read_float16_depth,
    )
    frames = [FrameFiles(pictures[n], labels[n], depth.get(n)) for n in pictures]
    return FolderSource(facts, frames, None)


def _listed(path: Path, flight: str, group: h5py.Group, kind: str) -> dict[int, Path]:
    """Return the files that the records list, by number; none of them lies outside the folder."""
    dataset = group["camera_data"][kind]
    if dataset.ndim != 1 or dataset.shape[0] > _MOST_FRAMES:
        raise ValueError(f"{flight}/camera_data/{kind} has shape {dataset.shape}")
    found: dict[int, Path] = {}
    names = dataset.asstr()[:].tolist()
    for name in names:
        # The authors' script for Windows turns the slashes around.
        match = _PATH.fullmatch(name.replace("\\", "/"))
        if not match or (match["kind"], match["flight"]) != (kind, flight):
            raise DatasetError(
                f"{path}: {flight}: lists {name!a:.80} as {kind}; expected {kind}/{flight}/"
                "000000.PNG or such. Copy it again."
            )
        file = path.parent / match[0]
        if not file.is_file():
            raise DatasetError(f"{file}: is missing, and {_RECORDS} lists it. Unpack it again.")
        found[int(match["number"])] = file
    numbers = sorted(found)
    if len(found) < len(names) or (names and numbers[-1] - numbers[0] >= len(names)):
        raise DatasetError(
            f"{path}: {flight}: lists {len(names)} frames as {kind}, and not every number once, so "
            "nobody can say which pose is whose. Copy it again."
        )
    return {number: found[number] for number in numbers}


def _poses(path: Path, flight: str, group: h5py.Group, frames: int) -> np.ndarray:
    """Return (T, 7) of the left camera, taken to be the drone's: frame i stands in row i times 4.

    Position is NED metres, attitude a quaternion w x y z, which is what `airseg.geometry` has.
    """
    columns = []
    for name, width in (("position", 3), ("attitude", 4)):
        values = group["groundtruth"][name]
        rate = float(values.attrs["sampling_frequency"])
        step = round(rate / _RATE_HZ)
        is_even = step > 0 and abs(step * _RATE_HZ - rate) < 1e-3
        if values.ndim != 2 or values.shape[1] != width or not is_even:
            raise ValueError(f"{flight}/groundtruth/{name} has shape {values.shape} at {rate:g} Hz")
        if values.shape[0] < (frames - 1) * step + 1:
            raise DatasetError(
                f"{path}: {flight}: has {values.shape[0]} rows of {name}, and {frames} frames need "
                f"{(frames - 1) * step + 1}. Copy it again."
            )
        columns.append(np.asarray(values[: (frames - 1) * step + 1 : step], np.float64))
    return np.concatenate(columns, axis=1)
