"""KITTI-STEP: real drives at 10 Hz with a panoptic map for every frame.

Weber et al., STEP: Segmenting and Tracking Every Pixel, NeurIPS 2021. Maps lie in ``panoptic_maps/
train/0000/000000.png``: red is Cityscapes' train id (255 void), 256 green + blue the instance.
Pictures are those of KITTI tracking, in ``training/image_02/0000/000000.png`` as they unpack, or in
``images/train/0000/000000.png`` as deeplab2 wants them. The labels of the test part are withheld.
"""

from __future__ import annotations

import re
from pathlib import Path

from airseg.dataset.importing.encodings import read_objects, read_red_ids
from airseg.dataset.importing.found import Found, ImportOptions, Promise, Publication, counted
from airseg.dataset.importing.numbered import check_pictures, numbered, paired, times_of
from airseg.dataset.packing.folder_sources import FolderFacts, FolderSource, NamedId
from airseg.errors import DatasetError
from airseg.labels.label_map import SPLITS, load_label_map

PUBLICATION = Publication(
    "KITTI-STEP",
    "https://www.cvlibs.net/datasets/kitti/eval_step.php",
    "CC BY-NC-SA 3.0",
    "cityscapes19",
)
_SEQUENCES = {"train": 12, "val": 9}
_RATE_HZ = 10.0
_VOID = 255
_FRAME = r"(?P<number>\d{6})\.png"


def find_kitti_step(root: Path, options: ImportOptions) -> Found:
    """Read a folder that holds ``panoptic_maps`` and KITTI tracking's pictures.

    Raises:
        DatasetError: not this layout, or a map without its picture.
    """
    names = load_label_map(PUBLICATION.label_map).class_names
    objects = (*(NamedId(n, name) for n, name in enumerate(names)), NamedId(_VOID, "unlabeled"))
    sources: list[FolderSource] = []
    for split in SPLITS:
        maps = root / "panoptic_maps" / split
        folders = sorted(maps.iterdir()) if maps.is_dir() else []
        sources += [
            _sequence(root, split, folder, objects)
            for folder in folders
            if re.fullmatch(r"[0-9]{4}", folder.name)
        ]
    if not sources:
        raise DatasetError(
            f"{root}: expected panoptic_maps/train/0000/000000.png, found none. Unpack "
            "kitti-step.tar.gz beside 'training' of data_tracking_image_2.zip."
        )
    promises = [
        Promise(
            f"{split}: sequences",
            counted(published),
            counted(sum(source.split == split for source in sources)),
        )
        for split, published in _SEQUENCES.items()
    ]
    notes = ["there are no time stamps; they are those of 10 Hz", "poses are unknown (NaN)"]
    return Found(sources, promises, notes)


def _sequence(root: Path, split: str, folder: Path, objects: tuple[NamedId, ...]) -> FolderSource:
    places = [
        root / "training" / "image_02" / folder.name,
        root / "images" / split / folder.name,
        root / "image_02" / folder.name,
    ]
    place = next((p for p in places if p.is_dir()), places[0])
    pictures, maps = numbered(place, _FRAME), numbered(folder, _FRAME)
    check_pictures(maps, pictures, place)
    if not maps:
        raise DatasetError(
            f"{folder}: has no maps such as 000000.png. Unpack them, or take the folder away."
        )
    frames, without = paired(pictures, maps, maps)
    times_ns, details = times_of(pictures, _RATE_HZ)
    origin = PUBLICATION.origin("kitti-step", first_frame=next(iter(pictures)))
    facts = FolderFacts(
        folder.name,
        str(folder),
        "kitti",
        timestamps_ns=times_ns,
        details={**details, "origin": origin},
        warnings=tuple(without),
        split=split,
        objects=objects,
        label_reader=read_red_ids,
        instance_reader=read_objects,
    )
    return FolderSource(facts, frames, None)
