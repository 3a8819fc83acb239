"""CamVid: four films at 30 Hz, labelled once a second, and one stretch at 15 Hz.

Brostow et al., Semantic object classes in video: a high-definition ground truth database, Pattern
Recognition Letters 2009. Stills lie in ``701_StillsRaw_full`` (``0001TP_006690.png``,
``0006R0_f00930.png``), labels in ``LabeledApproved_full`` (``..._L.png``), and ``label_colors.txt``
says what their colours mean. The films (``0006R0.MXF``, ``01TP_extract.avi``, ...) give the context
between the stills. The split into 367, 101 and 233 frames is that of the SegNet tutorial, whose
prepared folders (``train``, ``trainannot``, ...: labels are classes, 11 is void) are read too.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from airseg.dataset.importing.films import NumberedFilm, number_film
from airseg.dataset.importing.found import (
    Found,
    ImportOptions,
    Promise,
    Publication,
    counted,
    runs,
)
from airseg.dataset.importing.numbered import times_of
from airseg.dataset.packing.folder_sources import (
    FolderFacts,
    FolderSource,
    FrameFiles,
    LabelPalette,
    NamedId,
)
from airseg.dataset.packing.frame_names import by_stem
from airseg.errors import DatasetError
from airseg.labels.label_map import SPLITS
from airseg.text_files import read_text

PUBLICATION = Publication(
    "CamVid",
    "http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
    "CamVid terms: research, cite Brostow et al. 2008 and 2009",
    "camvid11",
)
_RATE_HZ = 30.0
_STILLS, _LABELS, _COLORS = "701_StillsRaw_full", "LabeledApproved_full", "label_colors.txt"
_NAME = re.compile(r"(?P<film>0001TP|0006R0|0016E5|Seq05VD)_f?(?P<number>\d+)(?:_L)?\.(?i:png)")
_COLOR_LINE = re.compile(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\w+)\s*")
_FILM_NAMES = {"0001TP": ("0001TP", "01TP_extract"), "Seq05VD": ("Seq05VD", "0005VD")}
_FILM_SUFFIXES = (".mxf", ".avi", ".mp4", ".mkv", ".mov")
_STILLS_OF = {"0001TP": 124, "0006R0": 101, "0016E5": 305, "Seq05VD": 171}
_FRAMES_OF = {"train": 367, "val": 101, "test": 233}
_SIZE = (960, 720)
_LABEL_COUNT = 32
_LAST_TRAINED_0001TP = 8520
_VALIDATED_0016E5 = range(7959, 8160)


@dataclass(frozen=True)
class _Still:
    """One labelled frame."""

    film: str
    number: int
    split: str
    picture: Path
    labels: Path


def find_camvid(root: Path, options: ImportOptions) -> Found:
    """Read the published folders, or those that the SegNet tutorial prepared.

    Raises:
        DatasetError: neither is there, a label has no picture, or a film shows something else.
    """
    palette: LabelPalette | None = None
    if (root / _LABELS).is_dir():
        palette = _palette(root)
        stills = _published(root)
    elif (root / "trainannot").is_dir():
        stills = _prepared(root)
    else:
        raise DatasetError(
            f"{root}: expected {_STILLS} and {_LABELS}, or train and trainannot, found neither. "
            "Unpack the archives of CamVid into one folder."
        )
    if not stills:
        raise DatasetError(f"{root}: has no label images (*_L.png).")
    sources, notes = _sources(root, stills, palette, options)
    return Found(sources, _promises(stills, sources, palette), [*notes, _NO_POSES])


_NO_POSES = "poses are unknown (NaN)"


def split_of(film: str, number: int) -> str:
    """Return the part that a still belongs to in the split of 367, 101 and 233 frames."""
    if film == "0001TP":
        return "train" if number <= _LAST_TRAINED_0001TP else "test"
    if film == "0016E5":
        return "val" if number in _VALIDATED_0016E5 else "train"
    return "train" if film == "0006R0" else "test"


def _published(root: Path) -> list[_Still]:
    stills = []
    pictures = _images(root / _STILLS)
    for stem, path in _images(root / _LABELS).items():
        film, number = _parse(path)
        name = stem.removesuffix("_L")
        picture = _picture(pictures, name, root / _STILLS, path)
        stills.append(_Still(film, number, split_of(film, number), picture, path))
    return stills


def _prepared(root: Path) -> list[_Still]:
    stills = []
    for split in SPLITS:
        pictures = _images(root / split)
        for stem, path in _images(root / f"{split}annot").items():
            picture = _picture(pictures, stem, root / split, path)
            stills.append(_Still(*_parse(path), split, picture, path))
    return stills


def _parse(path: Path) -> tuple[str, int]:
    match = _NAME.fullmatch(path.name)
    if not match:
        raise DatasetError(f"{path}: expected a name such as 0001TP_006690_L.png.")
    return match["film"], int(match["number"])


def _images(folder: Path) -> dict[str, Path]:
    """Return the PNG files of a folder by stem; none where there is no folder."""
    files = folder.iterdir() if folder.is_dir() else ()
    return by_stem(path for path in files if path.suffix.lower() == ".png")


def _picture(pictures: dict[str, Path], stem: str, folder: Path, labels: Path) -> Path:
    if stem not in pictures:
        raise DatasetError(f"{labels}: has no picture: expected {folder / stem}.png.")
    return pictures[stem]


def _palette(root: Path) -> LabelPalette:
    """Read ``label_colors.txt``; black (Void) is id 0, the others count from 1."""
    path = root / _COLORS
    try:
        lines = [line for line in read_text(path, DatasetError).splitlines() if line.strip()]
    except DatasetError as cause:
        raise DatasetError(
            f"{cause} It says what the label colours mean. Get it from {PUBLICATION.url}."
        ) from None
    colors: dict[int, tuple[int, int, int]] = {0: (0, 0, 0)}
    objects: list[NamedId] = []
    for number, line in enumerate(lines, 1):
        match = _COLOR_LINE.fullmatch(line)
        if not match:
            raise DatasetError(f"{path}:{number}: expected 'R G B Name', found {line.strip()!r}.")
        rgb = (int(match[1]), int(match[2]), int(match[3]))
        if rgb == (0, 0, 0):
            continue
        identity = len(objects) + 1
        if max(*rgb, identity) > 255 or rgb in colors.values():
            what = "stands there twice" if rgb in colors.values() else "does not fit bytes"
            raise DatasetError(f"{path}:{number}: the colour of {match[4]} {what}.")
        colors[identity] = rgb
        objects.append(NamedId(identity, match[4]))
    return LabelPalette(colors, tuple(objects))


def _sources(
    root: Path, stills: list[_Still], palette: LabelPalette | None, options: ImportOptions
) -> tuple[list[FolderSource], list[str]]:
    """Return one sequence per stretch of consecutive frames, or per film where there is no film."""
    by_film: dict[str, list[_Still]] = defaultdict(list)
    for still in stills:
        by_film[still.film].append(still)
    sources: list[FolderSource] = []
    notes = []
    for film, members in sorted(by_film.items()):
        path = _film_file(root, film) if options.before or options.after else None
        if path is None:
            sources += _without_film(film, members, palette)
            continue
        shown = number_film(path, {still.number: still.picture for still in members}, film)
        notes.append(shown.note)
        sources += _with_film(members, palette, options, shown)
    missing = sorted(f for f in by_film if _film_file(root, f) is None)
    if missing and (options.before or options.after):
        notes.append(
            f"no film of {', '.join(missing)} lies here, so their stills have no context; put "
            "the MXF and AVI files beside the stills for it"
        )
    return sources, notes


def _with_film(
    stills: list[_Still],
    palette: LabelPalette | None,
    options: ImportOptions,
    film: NumberedFilm,
) -> list[FolderSource]:
    sources = []
    for split in SPLITS:
        own = {still.number: still for still in stills if still.split == split}
        others = [still.number for still in stills if still.split != split]
        for run in runs(own, set(film.numbers), options.before, options.after, others):
            frames = [
                FrameFiles(own[number].picture, own[number].labels)
                if number in own
                else FrameFiles(film.frame(number), None)
                for number in run
            ]
            name = f"{stills[0].film}-{run[0]:06d}"
            sources.append(_source(name, stills[0].film, split, run, frames, palette))
    return sources


def _without_film(
    film: str, stills: list[_Still], palette: LabelPalette | None
) -> list[FolderSource]:
    sources = []
    for split in SPLITS:
        own = sorted((s for s in stills if s.split == split), key=lambda s: s.number)
        if own:
            numbers = [still.number for still in own]
            frames = [FrameFiles(still.picture, still.labels) for still in own]
            sources.append(_source(f"{film}-{split}", film, split, numbers, frames, palette))
    return sources


def _source(
    name: str,
    film: str,
    split: str,
    numbers: list[int],
    frames: list[FrameFiles],
    palette: LabelPalette | None,
) -> FolderSource:
    times_ns, details = times_of(numbers, _RATE_HZ)
    facts = FolderFacts(
        name,
        str(frames[0].labels or frames[-1].labels or name),
        film,
        timestamps_ns=times_ns,
        details={**details, "origin": PUBLICATION.origin("camvid", first_frame=numbers[0])},
        split=split,
    )
    return FolderSource(facts, frames, palette)


def _film_file(root: Path, film: str) -> Path | None:
    """Return a film's file, in the folder or one below."""
    wanted = {name.lower() for name in _FILM_NAMES.get(film, (film,))}
    for path in sorted([*root.glob("*"), *root.glob("*/*")]):
        if path.suffix.lower() in _FILM_SUFFIXES and path.stem.lower() in wanted:
            return path
    return None


def _promises(
    stills: list[_Still], sources: list[FolderSource], palette: LabelPalette | None
) -> list[Promise]:
    films = Counter(still.film for still in stills)
    parts = Counter(still.split for still in stills)
    sizes = sorted({(source.width, source.height) for source in sources})
    promises = [
        *(
            Promise(f"{film}: labelled stills", counted(published), counted(films[film]))
            for film, published in _STILLS_OF.items()
        ),
        *(
            Promise(f"{split}: labelled stills", counted(published), counted(parts[split]))
            for split, published in _FRAMES_OF.items()
        ),
    ]
    if palette:
        shown = ", ".join(f"{width}x{height}" for width, height in sizes)
        promises.append(Promise("size of stills", f"{_SIZE[0]}x{_SIZE[1]}", shown))
        found = len(palette.colors)
        promises.append(Promise(f"labels in {_COLORS}", counted(_LABEL_COUNT), counted(found)))
    return promises
