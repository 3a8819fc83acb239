"""VIPER: drives, rides and walks through a computer game, every frame labelled, at about 15 Hz.

Richter et al., Playing for Benchmarks, ICCV 2017. The layout is that of the authors' toolkit:
``train/img/001/001_00001.jpg`` (or ``.png``), ``train/cls/001/001_00001.png`` (ids of its
``classes.csv``), ``train/inst/001/001_00001.png`` (class in red, instance in green and blue) and
``train/camera/001.csv``. The labels of the test part are withheld.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from airseg.dataset.importing.encodings import read_objects
from airseg.dataset.importing.found import Found, ImportOptions, Promise, Publication, counted
from airseg.dataset.importing.numbered import check_pictures, numbered, paired, times_of
from airseg.dataset.packing.folder_sources import FolderFacts, FolderSource, NamedId
from airseg.errors import DatasetError
from airseg.labels.label_map import SPLITS
from airseg.text_files import read_text

PUBLICATION = Publication(
    "VIPER",
    "https://playing-for-benchmarks.org",
    "VIPER terms: research and education, made of a game whose maker has rights in it",
    "viper",
)
_NAMES = (
    "unlabeled", "ambiguous", "sky", "road", "sidewalk", "railtrack", "terrain", "tree",
    "vegetation", "building", "infrastructure", "fence", "billboard", "trafficlight",
    "trafficsign", "mobilebarrier", "firehydrant", "chair", "trash", "trashcan", "person",
    "animal", "bicycle", "motorcycle", "car", "van", "bus", "truck", "trailer", "train",
    "plane", "boat",
)  # fmt: skip
OBJECTS = tuple(NamedId(number, name) for number, name in enumerate(_NAMES))
"""VIPER's label ids, of the toolkit's ``classes.csv``."""
_RATE_HZ = 15.0
_SEQUENCES = {"train": 77, "val": 47}
_FRAMES = {"train": 134_097, "val": 49_815}
_SIZE = "1920x1080"
_NUMBERS = 1 + 16 + 16
_NOT_RIGID = 1e-3
_TO_NED = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
"""From x right, y up, z backward to x forward, y right, z down."""


def find_viper(root: Path, options: ImportOptions) -> Found:
    """Read a folder that holds ``train`` and ``val``, each with ``img`` and ``cls``.

    Raises:
        DatasetError: not this layout, labels without a picture, or damaged camera files.
    """
    sources: list[FolderSource] = []
    notes = ["time stamps are those of 15 Hz, which the frames have about"]
    for split in SPLITS:
        labels = root / split / "cls"
        folders = sorted(labels.iterdir()) if labels.is_dir() else []
        sources += [
            _sequence(root / split, split, folder)
            for folder in folders
            if re.fullmatch(r"[0-9]{3}", folder.name)
        ]
        if (root / split / "img").is_dir() and not labels.is_dir():
            notes.append(f"{split} has no labels (cls); it is left out")
    if not sources:
        raise DatasetError(
            f"{root}: expected train/cls/001/001_00001.png and train/img/001, found none. Unpack "
            "VIPER's archives of images and classes into one folder."
        )
    return Found(sources, _promises(sources), notes)


def _sequence(part: Path, split: str, folder: Path) -> FolderSource:
    number = folder.name
    pattern = rf"{number}_(?P<number>\d{{5}})\."
    pictures = numbered(part / "img" / number, pattern + "(jpg|png)")
    labels = numbered(folder, pattern + "png")
    check_pictures(labels, pictures, part / "img" / number)
    if not labels:
        raise DatasetError(
            f"{folder}: has no label images such as {number}_00001.png. Unpack them, or take the "
            "folder away."
        )
    poses, camera, warnings = _camera(part / "camera" / f"{number}.csv", list(pictures))
    frames, without = paired(pictures, labels, numbered(part / "inst" / number, pattern + "png"))
    times_ns, details = times_of(pictures, _RATE_HZ)
    if camera:
        details["camera"] = camera
    details["origin"] = PUBLICATION.origin("viper", first_frame=next(iter(pictures)))
    facts = FolderFacts(
        f"{split}-{number}",
        str(folder),
        "viper",
        poses,
        times_ns,
        details=details,
        warnings=(*warnings, *without),
        split=split,
        objects=OBJECTS,
        instance_reader=read_objects,
    )
    return FolderSource(facts, frames, None)


def _camera(path: Path, numbers: list[int]) -> tuple[np.ndarray | None, dict[str, Any], list[str]]:
    """Return poses of some frames, the camera, and what a person should know."""
    if not path.is_file():
        return None, {}, ["has no camera file; poses are unknown (NaN)"]
    rows = _rows(path)
    lacking = [number for number in numbers if number not in rows]
    if lacking:
        raise DatasetError(f"{path}: has no line for frame {lacking[0]}. Unpack it again.")
    chosen = np.stack([rows[number] for number in numbers]).reshape(-1, 2, 4, 4)
    across = chosen[:, 0, 0, 0]
    if not (across > 0).all():
        raise DatasetError(f"{path}: frame {numbers[int(np.argmin(across > 0))]}: its projection "
                           "matrix has no field of view. Unpack it again.")  # fmt: skip
    poses = np.stack(
        [
            pose_of_view(view, f"{path}: frame {number}")
            for number, view in zip(numbers, chosen[:, 1], strict=True)
        ]
    )
    if np.ptp(across) > _NOT_RIGID:
        return poses, {}, ["the field of view changes, so it is not noted"]
    return poses, {"fov_deg": math.degrees(2 * math.atan(1 / float(across[0])))}, []


def _rows(path: Path) -> dict[int, np.ndarray]:
    """Return 32 numbers by frame: projection and view matrix, each row by row."""
    rows: dict[int, np.ndarray] = {}
    for place, line in enumerate(read_text(path, DatasetError).splitlines(), 1):
        fields = [field.strip() for field in line.split(",")]
        if not line.strip() or (place == 1 and fields[0][:1].isalpha()):
            continue
        try:
            number, values = int(fields[0]), np.array(fields[1:], np.float64)
        except ValueError:
            number, values = -1, np.zeros(0)
        if 1 + values.size != _NUMBERS or not np.isfinite(values).all():
            raise DatasetError(
                f"{path}:{place}: expected a frame's number and two matrices of 16 numbers, found "
                f"{line[:60]!r}. Unpack it again."
            )
        rows[number] = values
    return rows


def pose_of_view(view: np.ndarray, place: str) -> np.ndarray:
    """Return where a camera is and how it is turned, of the matrix that its authors publish.

    A view matrix takes points of the world (that of the first frame's camera: x right, y up, -z
    forward) into the camera's frame. The pose is that of the camera in a world whose north is
    where the first camera looks, as `airseg.geometry` has them.

    Args:
        view: (4, 4); points are columns where its last row is 0 0 0 1, and rows where its last
            column is.
        place: for messages.

    Returns:
        (7,) metres north, east, down, and quaternion w x y z.

    Raises:
        DatasetError: it is no turn and shift.
    """
    if not np.allclose(view[3], (0, 0, 0, 1), atol=_NOT_RIGID):
        view = view.T
    turn, shift = view[:3, :3], view[:3, 3]
    is_turn = np.allclose(turn @ turn.T, np.eye(3), atol=_NOT_RIGID) and np.linalg.det(turn) > 0
    if not is_turn or not np.allclose(view[3], (0, 0, 0, 1), atol=_NOT_RIGID):
        raise DatasetError(
            f"{place}: its view matrix is no turn and shift. Unpack the camera archive again."
        )
    turned = Rotation.from_matrix(_TO_NED @ turn.T @ _TO_NED.T)
    return np.concatenate([_TO_NED @ -(turn.T @ shift), turned.as_quat(scalar_first=True)])


def _promises(sources: list[FolderSource]) -> list[Promise]:
    promises = []
    for split, published in _SEQUENCES.items():
        own = [source for source in sources if source.split == split]
        frames = sum(source.length for source in own)
        promises += [
            Promise(f"{split}: sequences", counted(published), counted(len(own))),
            Promise(f"{split}: frames", counted(_FRAMES[split]), counted(frames)),
        ]
    shown = ", ".join(sorted({f"{source.width}x{source.height}" for source in sources}))
    return [*promises, Promise("size of frames", _SIZE, shown)]
