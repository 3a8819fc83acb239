"""Find sequences in folders that airseg did not write.

- TartanAir v1: ``P000/image_left/000000_left.png`` with ``seg_left/000000_left_seg.npy``,
  ``depth_left/..._left_depth.npy`` and ``pose_left.txt`` (tx ty tz qx qy qz qw in NED metres), or
  all files beside each other in ``P000``, as the founding dataset has them.
- AirSim's own recorder: ``airsim_rec.txt`` with ``images/``.
- Plain folders: pictures in ``images`` or ``rgb``, labels of the same stems in ``labels`` or
  ``seg``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from airseg.dataset.packing.folder_sources import (
    FolderFacts,
    FolderSource,
    FrameFiles,
    LabelPalette,
    NamedId,
)
from airseg.errors import DatasetError
from airseg.recording.flying.mesh_ids import read_palette
from airseg.text_files import decode_text

_IMAGE_FOLDERS = ("images", "image", "rgb", "frames", "imgs")
_LABEL_FOLDERS = ("labels", "label", "seg", "masks", "mask", "annotations")
_IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".ppm", ".bmp", ".webp"}
_LABEL_SUFFIXES = {".png", ".npy", ".ppm", ".bmp"}
_DEEPEST = 4
_TARTAN_LABEL = re.compile(r"(\d+)_left_seg\.npy")
_AIRSIM_LOG = "airsim_rec.txt"
_AIRSIM_IMAGE = re.compile(r"img_(.*)_(\d+)_(?:([A-Za-z]\w*)_)?(\d+)\.(png|ppm|pfm)")
_AIRSIM_POSE = ("POS_X", "POS_Y", "POS_Z", "Q_W", "Q_X", "Q_Y", "Q_Z")
_COLOR, _DEPTH, _SEGMENTATION = 0, 1, 5

LAYOUTS = {
    "tartanair": "TartanAir v1 sequences (image_left, seg_left, pose_left.txt)",
    "airsim": "recordings of AirSim's own recorder (airsim_rec.txt and images)",
    "folders": "folders 'images' and 'labels' with files of the same names",
}
"""What `find_folder_sources` knows, and how it is told from the rest."""


def find_folder_sources(
    path: Path, palette: LabelPalette | None = None, layout: str | None = None
) -> list[FolderSource]:
    """Return the sequences in and below a folder; empty where no layout fits.

    Args:
        path: the folder.
        palette: what label colours mean.
        layout: only this one of `LAYOUTS`; all of them if None.

    Raises:
        DatasetError: a layout fits, but its files do not.
    """
    sources = []
    for folder in _folders(path):
        if (folder / _AIRSIM_LOG).is_file():
            if layout in (None, "airsim"):
                sources.append(_airsim(folder, path, palette))
        elif tartan := _tartan_labels(folder):
            if layout in (None, "tartanair"):
                sources.append(_tartan(folder, path, tartan, palette))
        elif layout in (None, "folders") and (pair := _plain_pair(folder)):
            sources.append(_plain(folder, path, *pair, palette))
    return sources


def load_palette(path: Path) -> LabelPalette:
    """Read what colours mean: AirSim's text form, or the ``recording.json`` of a recording.

    Raises:
        AirsegError: the file is neither.
    """
    if path.suffix != ".json":
        return LabelPalette(read_palette(path).colors)
    try:
        table = json.loads(decode_text(path.read_bytes()))["object_table"]
        objects = tuple(NamedId(int(g["id"]), str(g["group"]), tuple(g["meshes"])) for g in table)
        red_green_blue = {int(g["id"]): tuple(int(v) for v in g["color"]) for g in table}
        if wrong := [n for n, rgb in red_green_blue.items() if not _is_drawn(n, rgb)]:
            raise ValueError(f"id {wrong[0]} or its colour does not fit bytes")
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise DatasetError(
            f"{path}: expected a recording.json with an object_table ({cause})."
        ) from None
    return LabelPalette({0: (0, 0, 0), **red_green_blue}, objects)  # type: ignore[dict-item]


def _is_drawn(number: int, color: tuple[int, ...]) -> bool:
    """Whether an id and its colour can stand in images of bytes."""
    return len(color) == 3 and all(0 <= value <= 255 for value in (number, *color))


def _folders(path: Path, depth: int = 0) -> Iterator[Path]:
    """Yield a folder and those below it, in order, but not those that belong to a sequence."""
    if not path.is_dir():
        return
    yield path
    if depth < _DEEPEST and not (path / _AIRSIM_LOG).is_file():
        for child in sorted(p for p in path.iterdir() if p.is_dir()):
            yield from _folders(child, depth + 1)


def _name(folder: Path, root: Path) -> str:
    """Return a sequence's name: its folder, with those above it up to what was given."""
    parts = folder.relative_to(root).parts
    return "-".join(parts) if parts else folder.resolve().name


def _tartan_labels(folder: Path) -> list[Path]:
    """Return the label files of a TartanAir sequence, or none."""
    for place in (folder / "seg_left", folder):
        if place.is_dir():
            found = sorted(p for p in place.iterdir() if _TARTAN_LABEL.fullmatch(p.name))
            # Below seg_left itself the same files are seen again, without their pictures.
            if found and not (place == folder and folder.name == "seg_left"):
                return found
    return []


def _tartan(
    folder: Path, root: Path, labels: list[Path], palette: LabelPalette | None
) -> FolderSource:
    frames = []
    has_folders = labels[0].parent != folder
    for label in labels:
        stem = label.name.removesuffix("_seg.npy")
        image = (folder / "image_left" if has_folders else folder) / f"{stem}.png"
        depth = (folder / "depth_left" if has_folders else folder) / f"{stem}_depth.npy"
        if not image.is_file():
            raise DatasetError(f"{label}: has no picture: expected {image}.")
        frames.append(FrameFiles(image, label, depth if depth.is_file() else None))
    poses = _tartan_poses(folder / "pose_left.txt", len(frames))
    above = folder.resolve().parent
    environment = above.parent.name if above.name.lower() in ("easy", "hard") else above.name
    facts = FolderFacts(
        _name(folder, root),
        str(folder),
        environment,
        poses,
        details={"camera": {"fov_deg": 90.0}},
        warnings=() if poses is not None else ("has no pose_left.txt; poses are unknown (NaN)",),
    )
    return FolderSource(facts, frames, palette)


def _tartan_poses(path: Path, frames: int) -> np.ndarray | None:
    """Return (T, 7) x y z qw qx qy qz of a file with the scalar part last."""
    if not path.is_file():
        return None
    try:
        rows = np.array(
            [line.split() for line in decode_text(path.read_bytes()).splitlines()], np.float64
        )
    except (ValueError, UnicodeDecodeError):
        rows = np.zeros(0)
    if rows.shape != (frames, 7):
        raise DatasetError(
            f"{path}: expected {frames} lines of 7 numbers (tx ty tz qx qy qz qw), one for each "
            f"label file, found {'something else' if rows.ndim != 2 else rows.shape}."
        )
    return rows[:, [0, 1, 2, 6, 3, 4, 5]]


def _airsim(folder: Path, root: Path, palette: LabelPalette | None) -> FolderSource:
    log = folder / _AIRSIM_LOG
    try:
        lines = [line.split("\t") for line in decode_text(log.read_bytes()).splitlines() if line]
    except (OSError, UnicodeDecodeError) as cause:
        raise DatasetError(f"{log}: cannot be read as text ({cause}).") from None
    header = [column.strip() for column in lines[0]] if lines else []
    missing = [c for c in ("TimeStamp", "ImageFile", *_AIRSIM_POSE) if c not in header]
    if missing:
        raise DatasetError(f"{log}:1: the columns {', '.join(missing)} are missing.")
    frames, times_ns, poses = [], [], []
    for number, line in enumerate(lines[1:], 2):
        row = dict(zip(header, (value.strip() for value in line), strict=False))
        try:
            times_ns.append(np.int64(int(row["TimeStamp"]) * 1_000_000))
            poses.append([float(row[column]) for column in _AIRSIM_POSE])
            frames.append(_airsim_files(folder / "images", row["ImageFile"]))
        except (ValueError, KeyError, OverflowError) as cause:
            raise DatasetError(
                f"{log}:{number}: damaged line ({cause}). Cut it and what follows."
            ) from None
        except DatasetError as cause:
            raise DatasetError(f"{log}:{number}: {cause}") from None
    if not frames:
        raise DatasetError(f"{log}: has no frames.")
    facts = FolderFacts(
        _name(folder, root),
        str(folder),
        "airsim",
        np.array(poses, np.float64),
        np.array(times_ns, np.int64),
        warnings=("AirSim's recorder stores the vehicle's pose, not the camera's",),
    )
    return FolderSource(facts, frames, palette)


def _airsim_files(images: Path, listed: str) -> FrameFiles:
    """Return the files of one row, all of the first camera that has colour and segmentation."""
    by_camera: dict[str, dict[int, Path]] = {}
    for name in filter(None, listed.split(";")):
        match = _AIRSIM_IMAGE.fullmatch(name)
        if not match:
            raise DatasetError(
                f"'{name}' is no image name of AirSim's recorder, such as img_Drone_0_5_1.png."
            )
        by_camera.setdefault(match[1], {})[int(match[2])] = images / name
    for found in by_camera.values():
        if _COLOR in found and _SEGMENTATION in found:
            return FrameFiles(found[_COLOR], found[_SEGMENTATION], found.get(_DEPTH))
    raise DatasetError(
        "no camera has both colour (type 0) and segmentation (type 5). Ask for both in the "
        "Recording section of settings.json."
    )


def _plain_pair(folder: Path) -> tuple[Path, Path] | None:
    """Return the folders of pictures and of labels, where both are there."""
    if not folder.is_dir():
        return None
    names = {p.name.lower(): p for p in folder.iterdir() if p.is_dir()}
    images = next((names[n] for n in _IMAGE_FOLDERS if n in names), None)
    labels = next((names[n] for n in _LABEL_FOLDERS if n in names), None)
    return (images, labels) if images and labels else None


def _plain(
    folder: Path, root: Path, images: Path, labels: Path, palette: LabelPalette | None
) -> FolderSource:
    pictures = {p.stem: p for p in sorted(images.iterdir()) if p.suffix.lower() in _IMAGE_SUFFIXES}
    frames = []
    for label in sorted(p for p in labels.iterdir() if p.suffix.lower() in _LABEL_SUFFIXES):
        stem = re.sub(r"_(seg|label|labels|mask|L)$", "", label.stem)
        picture = pictures.get(label.stem) or pictures.get(stem)
        if picture is None:
            raise DatasetError(f"{label}: has no picture '{stem}' in {images}.")
        frames.append(FrameFiles(picture, label))
    if not frames:
        raise DatasetError(f"{labels}: has no label images (PNG or .npy).")
    unlabelled = len(pictures) - len(frames)
    warnings = ["poses are unknown (NaN)"]
    if unlabelled > 0:
        warnings.append(f"{unlabelled} pictures have no labels and are left out")
    facts = FolderFacts(
        _name(folder, root), str(folder), folder.resolve().name, warnings=tuple(warnings)
    )
    return FolderSource(facts, frames, palette)
