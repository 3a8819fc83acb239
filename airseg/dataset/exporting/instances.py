"""Objects for others: KITTI-STEP's panoptic pictures, YouTube-VIS and COCO with masks and boxes.

Things are classes that can be counted, such as vehicles; see `airseg.classes.thing_classes`. What
is ignored in the labels is part of no object. Masks are COCO's run lengths, uncompressed: down the
columns, zeros first (cocodataset/cocoapi, PythonAPI/pycocotools/mask.py); TrackEval reads ground
truth in no other form, and pycocotools packs them where that is wished.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from airseg.classes import IGNORE_INDEX, thing_classes
from airseg.dataset.exporting.common import (
    ExportOptions,
    Facts,
    Progress,
    class_table,
    each_frame,
    encode_color,
)
from airseg.dataset.exporting.step_numbers import step_numbers
from airseg.dataset.reading.reader import Dataset, SequenceView
from airseg.errors import DatasetError, did_you_mean
from airseg.labels.instances import names_of_instances
from airseg.labels.label_map import SPLITS


@dataclass(frozen=True)
class Region:
    """One object in one frame.

    Attributes:
        number: the object's; label: its class.
        counts: run lengths of zeros and ones in turn, down the columns.
        box: left, top, width, height in pixels; area: in pixels.
    """

    number: int
    label: int
    counts: list[int]
    box: list[int]
    area: int


def export_kittistep(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write ``panoptic_maps/<split>/<0000>/<000000>.png`` and ``images``, as KITTI-STEP has them.

    Red is the class, or 255; 256 green + blue is the number of the object, 0 for what is no thing
    (google-research/deeplab2, g3doc/setup/kitti_step.md). Folders are numbered through all splits,
    as the published ones are, which keep their numbers; ``sequences.json`` says which sequence
    each of them shows. Frames without labels have a picture only. Numbers beyond 65,535, those of
    imported datasets, become smaller ones: see `step_numbers`.

    Raises:
        DatasetError: a sequence has no objects, or more of a class than the pictures can hold.
    """
    things = _things(dataset, facts, options)
    names = [name for split in SPLITS for name in dataset.split(split)]
    is_published = all(re.fullmatch("[0-9]{4}", name) for name in names)
    numbers = names if is_published else [f"{n:04d}" for n in range(len(names))]
    folders = {
        name: f"{dataset.sequence(name).split}/{number}"
        for name, number in zip(names, numbers, strict=True)
    }
    renumber = {
        view.name: step_numbers(view, partial(_things_of, view, things=things)) for view in dataset
    }

    def write(view: SequenceView, index: int) -> None:
        place = f"{folders[view.name]}/{index:06d}"
        _write_picture(folder / "images" / place, view, index, options)
        if not view.labelled[index]:
            return
        label, numbers = _things_of(view, index, things)
        numbers = renumber[view.name](label, numbers)
        target = folder / "panoptic_maps" / f"{place}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        blue_first = np.dstack([numbers & 255, numbers >> 8, label]).astype(np.uint8)
        target.write_bytes(cv2.imencode(".png", blue_first)[1].tobytes())

    for _ in each_frame(list(dataset), write, "exporting", progress):
        pass
    _write_json(folder / "sequences.json", {v: k for k, v in folders.items()})
    table = [{**row, "isthing": int(row["value"] in things)} for row in class_table(facts)]
    _write_json(folder / "classes.json", {"classes": table, "ignore": IGNORE_INDEX})


def export_youtubevis(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write ``<split>/JPEGImages/<sequence>`` and ``<split>/instances.json`` of YouTube-VIS.

    An annotation is one object through the whole video, with a mask, an area and a box for each
    frame, or null where it is not seen. A category's id is its label plus one.

    Raises:
        DatasetError: a sequence has no objects.
    """
    tracks: dict[str, dict[int, dict[int, Region]]] = {}
    for view, index, regions in _regions(
        dataset, folder, facts, options, progress, "{split}/JPEGImages/{sequence}/{frame:06d}"
    ):
        own = tracks.setdefault(view.name, defaultdict(dict))
        for region in regions:
            own[region.number][index] = region
    for split in SPLITS:
        views = [dataset.sequence(name) for name in dataset.split(split)]
        if not views:
            continue
        document = _document(dataset, facts, options)
        document |= {"videos": [], "annotations": []}
        for video_id, view in enumerate(views, 1):
            size = {"height": view.height, "width": view.width, "length": view.length}
            files = [f"{view.name}/{i:06d}{options.suffix}" for i in range(view.length)]
            document["videos"].append({"id": video_id, **size, "file_names": files})
            names = names_of_instances(view.object_table)
            for number, seen in sorted(tracks[view.name].items()):
                label = next(iter(seen.values())).label
                told = [seen.get(i) for i in range(view.length)]
                document["annotations"].append(
                    {
                        "id": len(document["annotations"]) + 1,
                        "video_id": video_id,
                        "category_id": label + 1,
                        "iscrowd": 0,
                        **size,
                        "segmentations": [r and _mask(view, r) for r in told],
                        "bboxes": [r and r.box for r in told],
                        "areas": [r and r.area for r in told],
                        **_identity(view, names, number),
                    }
                )
        _write_json(folder / split / "instances.json", document)


def export_coco(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write ``<split>/<sequence>`` and ``annotations/instances_<split>.json`` of COCO detection.

    Each object of each frame has a mask, a box and an area, and its number as ``track_id``. A
    category's id is its label plus one.

    Raises:
        DatasetError: a sequence has no objects.
    """
    documents: dict[str, dict[str, Any]] = {}
    names: dict[str, tuple[str, ...]] = {}
    for view, index, regions in _regions(
        dataset, folder, facts, options, progress, "{split}/{sequence}/{frame:06d}"
    ):
        fresh = {**_document(dataset, facts, options), "images": [], "annotations": []}
        document = documents.setdefault(view.split, fresh)
        own = names.setdefault(view.name, names_of_instances(view.object_table))
        image_id = len(document["images"]) + 1
        document["images"].append(
            {
                "id": image_id,
                "file_name": f"{view.name}/{index:06d}{options.suffix}",
                "width": view.width,
                "height": view.height,
                "sequence": view.name,
                "frame": index,
            }
        )
        for region in regions:
            document["annotations"].append(
                {
                    "id": len(document["annotations"]) + 1,
                    "image_id": image_id,
                    "category_id": region.label + 1,
                    "iscrowd": 0,
                    "segmentation": _mask(view, region),
                    "bbox": region.box,
                    "area": region.area,
                    "track_id": region.number,
                    **_identity(view, own, region.number),
                }
            )
    for split, document in documents.items():
        _write_json(folder / "annotations" / f"instances_{split}.json", document)


def regions_of(label: np.ndarray, numbers: np.ndarray) -> list[Region]:
    """Return the objects of a frame, by their numbers.

    Args:
        label: (H, W) uint8 classes.
        numbers: (H, W) unsigned, 0 for no object.
    """
    height = len(numbers)
    flat = numbers.ravel(order="F")
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    ends = np.append(starts[1:], flat.size)
    owners = flat[starts]
    order = np.argsort(owners, kind="stable")
    first = np.searchsorted(owners[order], np.unique(owners))
    found = []
    for runs in np.split(order, first[1:]):
        number = int(owners[runs[0]])
        if number == 0:
            continue
        begin, end = starts[runs], ends[runs]
        bounds = np.column_stack([begin, end]).ravel()
        counts = np.diff(bounds, prepend=0).tolist()
        counts += [int(flat.size - end[-1])] if end[-1] < flat.size else []
        left, right = begin[0] // height, (end[-1] - 1) // height
        wraps = (begin // height != (end - 1) // height).any()  # from one column into the next
        top = 0 if wraps else (begin % height).min()
        bottom = height - 1 if wraps else ((end - 1) % height).max()
        box = [int(v) for v in (left, top, right - left + 1, bottom - top + 1)]
        value = int(label[begin[0] % height, begin[0] // height])
        found.append(Region(number, value, counts, box, int((end - begin).sum())))
    return found


def _regions(
    dataset: Dataset,
    folder: Path,
    facts: Facts,
    options: ExportOptions,
    progress: Progress | None,
    place: str,
) -> Iterator[tuple[SequenceView, int, list[Region]]]:
    """Write every picture; yield view, frame and the objects that its labels tell of."""
    things = _things(dataset, facts, options)

    def work(view: SequenceView, index: int) -> list[Region]:
        name = place.format(split=view.split, sequence=view.name, frame=index)
        _write_picture(folder / name, view, index, options)
        return regions_of(*_things_of(view, index, things)) if view.labelled[index] else []

    yield from each_frame(list(dataset), work, "exporting", progress)


def _things(dataset: Dataset, facts: Facts, options: ExportOptions) -> tuple[int, ...]:
    """Return the labels of things; refuse a dataset without objects."""
    for view in dataset:
        if not view.has_instance:
            raise DatasetError(
                f"{dataset.path}: {view.name} has no objects, only classes. Record it with "
                "'airseg record --instances', and relabel it."
            )
    names = list(facts.label_map.class_names)
    strange = [name for name in options.things if name not in names]
    if strange:
        raise DatasetError(
            f"--things {strange[0]}: is no class of {dataset.path}."
            f"{did_you_mean(strange[0], names)}"
        )
    things = thing_classes(names, options.things)
    if not things:
        raise DatasetError(
            f"{dataset.path}: none of its classes ({', '.join(names)}) is known to be of things "
            "that can be counted. Name those that are with --things."
        )
    return things


def _things_of(
    view: SequenceView, index: int, things: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return (H, W) uint8 labels and (H, W) uint32 numbers, 0 beside things."""
    label, numbers = view.label(index, index + 1)[0], view.instance(index, index + 1)[0]
    return label, np.where(np.isin(label, things), numbers, 0)


def _write_picture(path: Path, view: SequenceView, index: int, options: ExportOptions) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = view.rgb(index, index + 1)[0]
    target = path.with_name(path.name + options.suffix)
    target.write_bytes(encode_color(rgb, options.jpeg_quality))


def _mask(view: SequenceView, region: Region) -> dict[str, Any]:
    return {"size": [view.height, view.width], "counts": region.counts}


def _identity(view: SequenceView, names: tuple[str, ...], number: int) -> dict[str, Any]:
    """Return an object's number, and its mesh where the numbers are those of the table."""
    is_named = "plan" in view.details and number < len(names)
    return {"object": number, **({"mesh": names[number]} if is_named else {})}


def _document(dataset: Dataset, facts: Facts, options: ExportOptions) -> dict[str, Any]:
    things = _things(dataset, facts, options)
    return {
        "info": {"description": facts.description, "url": facts.url},
        "licenses": [{"id": 1, "name": facts.licence, "url": facts.url}],
        "categories": [
            {"id": row["value"] + 1, "name": row["name"], "supercategory": "thing"}
            for row in class_table(facts)
            if row["value"] in things
        ],
    }


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
