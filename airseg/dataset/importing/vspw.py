"""VSPW: videos in the wild with a label image for every frame, 124 classes, 15 frames a second.

Miao et al., VSPW: A Large-scale Dataset for Video Scene Parsing in the Wild, CVPR 2021. The folder
holds ``data/<video>/origin/00000001.jpg``, ``data/<video>/mask/00000001.png``, the lists
``train.txt``, ``val.txt`` and ``test.txt``, and ``label_num_dic_final.json`` (value by name).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from airseg.dataset.format.attributes import check_sequence_name
from airseg.dataset.importing.found import Found, ImportOptions, Promise, Publication, counted
from airseg.dataset.packing.folder_sources import FolderFacts, FolderSource, FrameFiles, NamedId
from airseg.dataset.packing.frame_names import by_stem, frame_times
from airseg.errors import DatasetError
from airseg.labels.label_map import SPLITS, load_label_map
from airseg.text_files import read_text

PUBLICATION = Publication(
    "VSPW",
    "https://www.vspwdataset.com",
    "VSPW terms: non-commercial research",
    "vspw124",
)
_RATE_HZ = 15.0
_VIDEOS = {"train": 2806, "val": 343, "test": 387}
_FRAMES = 251_633
_PICTURES = (".jpg", ".jpeg", ".png")
_DICTIONARY = "label_num_dic_final.json"
_OTHERS = "others"


def find_vspw(root: Path, options: ImportOptions) -> Found:
    """Read a folder that holds ``data`` and the lists of its videos.

    Raises:
        DatasetError: not this layout, other classes than VSPW's, or damaged lists.
    """
    if not (root / "data").is_dir() or not (root / "train.txt").is_file():
        raise DatasetError(
            f"{root}: expected 'data' and train.txt, as VSPW_480p has them; found "
            f"{', '.join(sorted(p.name for p in root.iterdir())[:8]) or 'nothing'}."
        )
    objects = _objects(root / _DICTIONARY)
    sources, notes = [], []
    found = dict.fromkeys(_VIDEOS, 0)
    listed: set[str] = set()
    for split in SPLITS:
        if not (root / f"{split}.txt").is_file():
            notes.append(f"there is no {split}.txt")
        videos = _list(root / f"{split}.txt")
        listed.update(videos)
        for video in videos:
            folder = root / "data" / video
            if not (folder / "origin").is_dir():
                notes.append(f"{split}.txt names {video}, which is not in data; it is left out")
                continue
            found[split] += 1
            if not (folder / "mask").is_dir():
                notes.append(f"{video} ({split}) has no masks; it is left out")
                continue
            sources.append(_video(folder, split, objects))
    lost = sorted(p.name for p in (root / "data").iterdir() if p.is_dir() and p.name not in listed)
    if lost:
        notes.append(f"{len(lost)} videos in data are in no list ({lost[0]}); they are left out")
    promises = [
        Promise(f"{split}: videos", counted(published), counted(found[split]))
        for split, published in _VIDEOS.items()
    ]
    frames = sum(source.length for source in sources)
    promises.append(Promise("frames", counted(_FRAMES), counted(frames)))
    return Found(sources, promises, [*notes, "poses are unknown (NaN)"])


def _video(folder: Path, split: str, objects: tuple[NamedId, ...]) -> FolderSource:
    masks = by_stem(p for p in (folder / "mask").iterdir() if p.suffix.lower() == ".png")
    pictures = by_stem(p for p in (folder / "origin").iterdir() if p.suffix.lower() in _PICTURES)
    strange = sorted(masks.keys() - pictures.keys())
    if strange:
        raise DatasetError(f"{masks[strange[0]]}: has no picture in {folder / 'origin'}.")
    if not masks:
        raise DatasetError(
            f"{folder / 'mask'}: has no masks (PNG). Unpack them, or take the folder away."
        )
    files = list(pictures.values())
    frames = [FrameFiles(path, masks.get(path.stem)) for path in files]
    without = len(frames) - len(masks)
    times_ns, warnings = frame_times(files, files, _RATE_HZ)
    if times_ns is None:
        times_ns = np.array([round(i * 1e9 / _RATE_HZ) for i in range(len(frames))], np.int64)
    if without:
        warnings.append(f"{without} frames have no mask and are context")
    facts = FolderFacts(
        folder.name,
        str(folder),
        "vspw",
        timestamps_ns=times_ns,
        details={"rate_hz": _RATE_HZ, "origin": PUBLICATION.origin("vspw")},
        warnings=tuple(warnings),
        split=split,
        objects=objects,
    )
    return FolderSource(facts, frames, None)


def _list(path: Path) -> list[str]:
    lines = read_text(path, DatasetError).split("\n") if path.is_file() else []
    videos = [line.strip() for line in lines if line.strip()]
    for video in videos:
        check_sequence_name(video, path)
    return videos


def _objects(path: Path) -> tuple[NamedId, ...]:
    """Return what the masks' values mean: the archive's own table, which must be VSPW's."""
    published = {rule.names[0]: rule.ids[0] for rule in load_label_map("vspw124").rules[1:]}
    known = {name.lower(): value for name, value in _dictionary(path).items()} or published
    wrong = sorted(
        name
        for name in known.keys() | published.keys()
        if known.get(name) != published.get(name) and name != _OTHERS
    )
    if wrong:
        name = wrong[0]
        raise DatasetError(
            f"{path}: '{name}' is {known.get(name, 'missing')}, in VSPW it is "
            f"{published.get(name, 'no class')} ({len(wrong)} differ). These are other masks than "
            "VSPW's; import them as 'folders' with a label map of their own."
        )
    named = [NamedId(value, name) for name, value in sorted(published.items(), key=lambda n: n[1])]
    return (*named, NamedId(255, "void"))


def _dictionary(path: Path) -> Mapping[str, int]:
    if not path.is_file():
        return {}
    try:
        return {str(k): int(v) for k, v in json.loads(read_text(path, DatasetError)).items()}
    except (RecursionError, ValueError, TypeError, AttributeError) as cause:
        raise DatasetError(f"{path}: expected JSON of a number by name ({cause}).") from None
