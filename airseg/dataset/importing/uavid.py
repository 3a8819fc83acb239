"""UAVid: real flights over towns at 20 Hz, labelled every fifth second, with their films.

Lyu et al., UAVid: A Semantic Segmentation Dataset for UAV Imagery, ISPRS Journal 2020. Stills are
``uavid_train/seq1/Images/000000.png`` with ``Labels/000000.png``, whose colours are those of the
authors' UAVidToolKit; the download with video support has ``seq1/images.mp4`` too, whose frame n is
the still of number n. The labels of the test part are withheld.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from airseg.dataset.importing.films import FilmFrame, number_film
from airseg.dataset.importing.found import (
    Found,
    ImportOptions,
    Promise,
    Publication,
    counted,
    runs,
)
from airseg.dataset.importing.numbered import check_pictures, numbered, times_of
from airseg.dataset.packing.folder_sources import (
    FolderFacts,
    FolderSource,
    FrameFiles,
    LabelPalette,
    NamedId,
)
from airseg.errors import DatasetError

PUBLICATION = Publication("UAVid", "https://uavid.nl", "CC BY-NC-SA 4.0", "uavid")
COLORS = {
    "Clutter": (0, 0, 0),
    "Building": (128, 0, 0),
    "Road": (128, 64, 128),
    "Static_Car": (192, 0, 192),
    "Tree": (0, 128, 0),
    "Vegetation": (128, 128, 0),
    "Human": (64, 64, 0),
    "Moving_Car": (64, 0, 128),
}
"""Label colours, by id from 0, as in the authors' toolkit."""
PALETTE = LabelPalette(
    dict(enumerate(COLORS.values())), tuple(NamedId(n, name) for n, name in enumerate(COLORS))
)
_PARTS = {
    "train": ("uavid_train", "train"),
    "val": ("uavid_val", "val", "valid"),
    "test": ("uavid_test", "test"),
}
_SEQUENCES = {"train": 20, "val": 7}
_LABELLED = {"train": 200, "val": 70}
_SIZES = "3840x2160, 4096x2160"
_RATE_HZ = 20.0
_FRAME = r"(?P<number>\d{6})\.png"
_FILMS = ("images.mp4", "images.avi", "images.mov", "images.mkv")


@dataclass(frozen=True)
class _Sequence:
    """One flight: its files by number."""

    name: str
    split: str
    folder: Path
    stills: dict[int, Path]
    labels: dict[int, Path]


def find_uavid(root: Path, options: ImportOptions) -> Found:
    """Read the published folders, with the films between the stills where they are there.

    Raises:
        DatasetError: not this layout, a label without its still, or a film of something else.
    """
    notes, found = [], []
    for sequence in _sequences(root):
        if not sequence.labels:
            notes.append(f"{sequence.name} ({sequence.split}) has no labels; it is left out")
            continue
        check_pictures(sequence.labels, sequence.stills, sequence.folder / "Images")
        found.append(sequence)
    if not found:
        raise DatasetError(
            f"{root}: expected uavid_train/seq1/Images and Labels, found no sequence with labels. "
            "Unpack UAVid's archives into one folder."
        )
    sources = []
    with_film = bool(options.before or options.after)
    for sequence in found:
        film = _film(sequence) if with_film else None
        if film is None:
            sources.append(_source(sequence, list(sequence.labels), {}, sequence.name))
        else:
            taken, note = _between(sequence, film, options)
            sources += taken
            notes.append(note)
    lacking = [s.name for s in found if with_film and _film(s) is None]
    if lacking:
        notes.append(
            f"no images.mp4 of {', '.join(lacking)} lies here, so their stills have no context; "
            "get UAVid with video support for it"
        )
    return Found(sources, _promises(found, sources), [*notes, "poses are unknown (NaN)"])


def _sequences(root: Path) -> Iterator[_Sequence]:
    places = [root, *sorted(p for p in root.iterdir() if p.is_dir())]
    for split, names in _PARTS.items():
        for part in (place / name for place in places for name in names):
            for folder in sorted(part.iterdir()) if part.is_dir() else []:
                if re.fullmatch(r"seq\d+", folder.name):
                    stills = numbered(folder / "Images", _FRAME)
                    labels = numbered(folder / "Labels", _FRAME)
                    yield _Sequence(folder.name, split, folder, stills, labels)


def _film(sequence: _Sequence) -> Path | None:
    return next((p for n in _FILMS if (p := sequence.folder / n).is_file()), None)


def _between(
    sequence: _Sequence, path: Path, options: ImportOptions
) -> tuple[list[FolderSource], str]:
    """Return a sequence for each run of film frames around labelled stills, and what to know."""
    labelled = {number: sequence.stills[number] for number in sequence.labels}
    film = number_film(path, labelled, sequence.name)
    sources = []
    for run in runs(labelled, set(film.numbers), options.before, options.after):
        shown = {n: film.frame(n) for n in run if n not in labelled}
        sources.append(_source(sequence, run, shown, f"{sequence.name}-{run[0]:06d}"))
    return sources, film.note


def _source(
    sequence: _Sequence, numbers: list[int], shown: dict[int, FilmFrame], name: str
) -> FolderSource:
    frames = [
        FrameFiles(shown[n] if n in shown else sequence.stills[n], sequence.labels.get(n))
        for n in numbers
    ]
    times_ns, details = times_of(numbers, _RATE_HZ)
    facts = FolderFacts(
        name,
        str(sequence.folder),
        "uavid",
        timestamps_ns=times_ns,
        details={**details, "origin": PUBLICATION.origin("uavid", first_frame=numbers[0])},
        split=sequence.split,
    )
    return FolderSource(facts, frames, PALETTE)


def _promises(found: list[_Sequence], sources: list[FolderSource]) -> list[Promise]:
    shown = ", ".join(sorted({f"{source.width}x{source.height}" for source in sources}))
    promises = []
    for split in _SEQUENCES:
        own = [sequence for sequence in found if sequence.split == split]
        labels = sum(len(sequence.labels) for sequence in own)
        promises += [
            Promise(f"{split}: sequences", counted(_SEQUENCES[split]), counted(len(own))),
            Promise(f"{split}: labelled frames", counted(_LABELLED[split]), counted(labels)),
        ]
    return [*promises, Promise("size of frames", _SIZES, shown)]
