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
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from airseg.dataset.packing.airsim_recorder import AIRSIM_LOG, airsim_sequences
from airseg.dataset.packing.folder_sources import (
    FolderFacts,
    FolderSource,
    FrameFiles,
    LabelPalette,
    NamedId,
)
from airseg.dataset.packing.frame_names import by_stem, frame_times, in_order, visible_files
from airseg.errors import DatasetError, RecordingError
from airseg.recording.flying.mesh_ids import read_palette
from airseg.recording.stored.frame_table import FRAME_TABLE, read_sound_frames
from airseg.text_files import read_text

_IMAGE_FOLDERS = ("images", "image", "rgb", "frames", "imgs")
_LABEL_FOLDERS = ("labels", "label", "seg", "masks", "mask", "annotations")
_IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".ppm", ".bmp", ".webp"}
_LABEL_SUFFIXES = {".png", ".npy", ".ppm", ".bmp"}
_OTHER_SUFFIXES = {".tif", ".tiff", ".gif", ".jp2", ".avif", ".heic", ".exr", ".tga"}
_DEEPEST = 16
_NOTHING = (0, 0, 0)  # where nothing was drawn
_RATE_HZ = 25.0
_TARTAN_LABEL = re.compile(r"(\d+)_left_seg\.npy")

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
    sources, halves = [], []
    for folder in _folders(path):
        _refuse_recording(folder)
        if (folder / AIRSIM_LOG).is_file():
            if layout in (None, "airsim"):
                sources += airsim_sequences(folder, _name(folder, path), palette)
        elif tartan := _tartan_labels(folder):
            if layout in (None, "tartanair"):
                sources.append(_tartan(folder, path, tartan, palette))
        elif layout in (None, "folders") and (pair := _plain_pair(folder)):
            sources.append(_plain(folder, path, *pair, palette))
        elif layout != "airsim":
            halves += _halves(folder)
    if sources and halves:
        sources[0].warnings.append(
            f"{len(halves)} folders of pictures without labels, or of labels without pictures, are "
            f"left out, such as {halves[0]}"
        )
    return sources


def _halves(folder: Path) -> list[Path]:
    """Return what lies in a folder that is no sequence: pictures or labels without the other."""
    pictures, labels = _named(folder, _IMAGE_FOLDERS), _named(folder, _LABEL_FOLDERS)
    of_tartan = _named(folder, ("image_left", "seg_left"))
    return of_tartan or ([] if pictures and labels else [*pictures, *labels])


def frames_of_others(path: Path) -> list[Path]:
    """Return the folders in and below one that look like sequences of these layouts, unread."""
    return [
        folder
        for folder in _folders(path)
        if (folder / AIRSIM_LOG).is_file()
        or (_named(folder, _IMAGE_FOLDERS) and _named(folder, _LABEL_FOLDERS))
    ]


def _refuse_recording(folder: Path) -> None:
    """Refuse a recording of airseg's: its ids mean nothing without what it says of them.

    Raises:
        DatasetError: it is one, or was before it lost its description.
    """
    if (folder / "recording.json").exists():
        raise DatasetError(
            f"{folder}: is a recording of airseg's. Give it, or the folder it lies in, to 'airseg "
            "relabel'."
        )
    if (folder / FRAME_TABLE).is_file() and (folder / "rgb").is_dir() and (folder / "seg").is_dir():
        with suppress(RecordingError):
            if len(read_sound_frames(folder)[0]):
                raise DatasetError(
                    f"{folder}: is a recording of airseg's without its recording.json, which says "
                    "what its ids mean. Restore it."
                )


def load_palette(path: Path) -> LabelPalette:
    """Read what colours mean: AirSim's text form, or the ``recording.json`` of a recording.

    Raises:
        AirsegError: the file is neither.
    """
    if path.suffix != ".json":
        return LabelPalette(read_palette(path).colors)
    try:
        table = json.loads(read_text(path, DatasetError))["object_table"]
        colors = {entry["id"]: tuple(entry["color"]) for entry in table}
        objects = tuple(
            NamedId(e["id"], str(e["group"]), tuple(map(str, e["meshes"]))) for e in table
        )
        if wrong := [n for n, rgb in colors.items() if not _is_drawn(n, rgb)]:
            raise ValueError(f"id {wrong[0]} or its colour does not fit bytes")
        if len(colors) < len(table) or len(set(colors.values())) < len(colors):
            raise ValueError("two entries share an id or a colour")
    except (ValueError, KeyError, TypeError, RecursionError) as cause:
        raise DatasetError(
            f"{path}: expected a recording.json with an object_table ({cause})."
        ) from None
    if _NOTHING not in colors.values():
        colors.setdefault(0, _NOTHING)
    return LabelPalette(colors, objects)


def _is_drawn(number: object, color: tuple[object, ...]) -> bool:
    """Whether an id and its colour can stand in images of bytes."""
    is_whole = all(type(value) is int and 0 <= value <= 255 for value in (number, *color))
    return len(color) == 3 and is_whole


def _folders(path: Path, depth: int = 0, seen: set[Path] | None = None) -> Iterator[Path]:
    """Yield a folder and those below it, in order, but not those that belong to a sequence.

    A folder that links lead to again is not another one: its frames would be packed twice. Hidden
    folders are passed by, and what an archive of a Mac has beside its files.
    """
    seen = set() if seen is None else seen
    if not path.is_dir() or path.resolve() in seen:
        return
    seen.add(path.resolve())
    yield path
    if depth < _DEEPEST and not (path / AIRSIM_LOG).is_file():
        # What lies here comes first, so that it has its own name and not that of a link.
        inner = (p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
        for child in sorted(inner, key=lambda p: (p.is_symlink(), p)):
            if child.name == "__MACOSX":
                continue
            yield from _folders(child, depth + 1, seen)


def _name(folder: Path, root: Path) -> str:
    """Return a sequence's name: its folder, with those above it up to what was given."""
    parts = folder.relative_to(root).parts
    return "-".join(parts) if parts else folder.resolve().name


def _tartan_labels(folder: Path) -> list[Path]:
    """Return the label files of a TartanAir sequence, or none."""
    for place in (folder / "seg_left", folder):
        if place.is_dir():
            files = (p for p in place.iterdir() if _TARTAN_LABEL.fullmatch(p.name))
            found = in_order(visible_files(files))
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
    poses = tartan_poses(folder / "pose_left.txt", len(frames))
    times_ns, warnings = frame_times(labels, labels, _RATE_HZ)
    if poses is None:
        warnings.append("has no pose_left.txt; poses are unknown (NaN)")
    above = folder.resolve().parent
    environment = above.parent.name if above.name.lower() in ("easy", "hard") else above.name
    facts = FolderFacts(
        _name(folder, root),
        str(folder),
        environment,
        poses,
        times_ns,
        details={"camera": {"fov_deg": 90.0}},
        warnings=tuple(warnings),
    )
    return FolderSource(facts, frames, palette)


def tartan_poses(path: Path, frames: int) -> np.ndarray | None:
    """Return (T, 7) x y z qw qx qy qz of a file with the scalar part last; None: there is no file.

    Args:
        path: ``tx ty tz qx qy qz qw`` a line, NED metres, of the camera.
        frames: how many lines it should have.

    Raises:
        DatasetError: it has others, or some are no numbers.
    """
    if not path.is_file():
        return None
    try:
        lines = [line.split() for line in read_text(path, DatasetError).splitlines()]
        while lines and not lines[-1]:
            lines.pop()
        rows = np.array(lines, np.float64)
    except ValueError:
        rows = np.zeros(0)
    if rows.shape != (frames, 7):
        raise DatasetError(
            f"{path}: expected {frames} lines of 7 numbers (tx ty tz qx qy qz qw), one for each "
            f"label file, found {'something else' if rows.ndim != 2 else rows.shape}."
        )
    if wrong := np.flatnonzero(~np.isfinite(rows).all(1)).tolist():
        raise DatasetError(f"{path}:{wrong[0] + 1}: the pose is no number. Export it again.")
    return rows[:, [0, 1, 2, 6, 3, 4, 5]]


def _plain_pair(folder: Path) -> tuple[Path, Path] | None:
    """Return the folders of pictures and of labels, where both are there."""
    if not folder.is_dir():
        return None
    images, labels = _named(folder, _IMAGE_FOLDERS), _named(folder, _LABEL_FOLDERS)
    if not images or not labels:
        return None
    for chosen, *others in (images, labels):
        if others:
            raise DatasetError(
                f"{folder}: has {chosen.name} and {others[0].name}, and nobody says which of them "
                "is meant. Rename or move the other one."
            )
    return images[0], labels[0]


def _named(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return the folders in a folder that have one of some names, in any case."""
    return sorted(p for p in folder.iterdir() if p.name.lower() in names and p.is_dir())


def _plain(
    folder: Path, root: Path, images: Path, labels: Path, palette: LabelPalette | None
) -> FolderSource:
    pictures = by_stem(p for p in images.iterdir() if p.suffix.lower() in _IMAGE_SUFFIXES)
    labelled: dict[Path, Path] = {}
    found = (p for p in labels.iterdir() if p.suffix.lower() in _LABEL_SUFFIXES)
    for label in visible_files(found):
        stem = re.sub(r"_(seg|label|labels|mask|L)$", "", label.stem)
        picture = pictures.get(label.stem) or pictures.get(stem)
        if picture is None:
            raise DatasetError(f"{label}: has no picture '{stem}' in {images}.")
        if picture in labelled:
            raise DatasetError(
                f"{label}: are labels of {picture.name}, and so are {labelled[picture].name} "
                "beside them. Keep one of the two."
            )
        labelled[picture] = label
    if not labelled:
        raise DatasetError(f"{labels}: has no label images (PNG or .npy).")
    frames = [FrameFiles(p, labelled[p]) for p in pictures.values() if p in labelled]
    unlabelled = len(pictures) - len(frames)
    warnings = ["poses are unknown (NaN)"]
    if unlabelled > 0:
        warnings.append(f"{unlabelled} pictures have no labels and are left out")
    warnings += [*_passed_by(images, _IMAGE_SUFFIXES), *_passed_by(labels, _LABEL_SUFFIXES)]
    shown = [p for p in pictures.values() if p in labelled]
    times_ns, notes = frame_times(shown, pictures.values(), _RATE_HZ)
    facts = FolderFacts(
        _name(folder, root),
        str(folder),
        folder.resolve().name,
        timestamps_ns=times_ns,
        warnings=(*warnings, *notes),
    )
    return FolderSource(facts, frames, palette)


def _passed_by(folder: Path, suffixes: set[str]) -> list[str]:
    """Return what to say of pictures beside the frames that are none of them."""
    pictures = _IMAGE_SUFFIXES | _LABEL_SUFFIXES | _OTHER_SUFFIXES
    beside = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    others = [p for p in beside if p.suffix.lower() in pictures - suffixes and p.is_file()]
    inner = [p for p in beside if p.is_dir() and any(_is_picture(q, pictures) for q in p.iterdir())]
    told = []
    if others:
        told.append(f"{len(others)} files of other kinds are left out, such as {others[0]}")
    if inner:
        told.append(f"pictures in folders below are left out, such as those in {inner[0]}")
    return told


def _is_picture(path: Path, suffixes: set[str]) -> bool:
    return path.suffix.lower() in suffixes and not path.name.startswith(".")
