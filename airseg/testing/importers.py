"""What every importer promises: sequences that can be packed, and what was published of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from airseg.dataset.checking.dataset_verification import verify_dataset
from airseg.dataset.importing.found import Found, ImportOptions
from airseg.dataset.importing.layouts import Layout, layout_named, prepare_import
from airseg.dataset.packing.preparation import check_labels
from airseg.dataset.packing.source import SequenceSource
from airseg.dataset.packing.writer import PackOptions, pack
from airseg.dataset.reading.reader import Dataset
from airseg.labels.label_map import SPLITS, load_label_map


def check_importer(
    layout: str | Layout,
    folder: str | Path,
    *,
    label_map: str = "",
    options: ImportOptions | None = None,
) -> None:
    """Ask an importer everything that packing, training and cards rely on.

    It is tried on a folder, which a test makes small; the dataset that comes of it is packed,
    verified and compared with what the importer reads.

    Args:
        layout: an importer, or the name of one.
        folder: in its layout.
        label_map: which classes the labels become; empty takes the publication's.
        options: how it reads.

    Raises:
        AssertionError: names the promise that is broken, and what was found.
        AirsegError: the folder does not fit the layout, or its labels not the map.
    """
    chosen = layout_named(layout) if isinstance(layout, str) else layout
    publication, wanted, folder = chosen.publication, options or ImportOptions(), Path(folder)
    _hold(bool(publication.title), "a publication has a title.")
    found, again = chosen.find(folder, wanted), chosen.find(folder, wanted)
    _hold(bool(found.sources), f"{folder}: an importer finds sequences: none were found.")
    for one, other in zip(found.sources, again.sources, strict=True):
        same = (one.name, one.length, one.split) == (other.name, other.length, other.split)
        _hold(same, f"{one.name}: what is found does not change: the second time it did.")
        _check_source(one)
    map_name = label_map or publication.label_map
    _hold(bool(map_name), f"{publication.title} has no label map; name one with label_map.")
    with tempfile.TemporaryDirectory() as temporary:
        _check_packed(found, map_name, Path(temporary) / "packed.h5")


def _check_source(source: SequenceSource) -> None:
    """Hold a sequence to what its attributes say."""
    name, length = source.name, source.length
    _hold(source.split in (None, *SPLITS), f"{name}: its split is {source.split!r}.")
    _hold(
        source.poses.shape == (length, 7) and source.timestamps_ns.shape == (length,),
        f"{name}: there is a pose (7 numbers, NaN where unknown) and a time for each of {length} "
        f"frames: {source.poses.shape} and {source.timestamps_ns.shape} found.",
    )
    origin = source.details.get("origin")
    _hold(
        isinstance(origin, dict) and bool(origin.get("layout")) and bool(origin.get("title")),
        f"{name}: details['origin'] says layout and title (Publication.origin): {origin!r} found.",
    )
    known = {group.id for group in source.object_table}
    for index in {0, length // 2, length - 1}:
        frame = source.read(index, with_depth=source.has_depth)
        size = (source.height, source.width)
        _hold(
            frame.rgb.shape == (*size, 3) and frame.rgb.dtype == np.uint8,
            f"{name}: frame {index}: colour is {(*size, 3)} uint8: {frame.rgb.shape} "
            f"{frame.rgb.dtype} found.",
        )
        _hold(
            frame.ids.shape == size and frame.ids.dtype == np.uint8,
            f"{name}: frame {index}: raw ids are {size} uint8: {frame.ids.shape} "
            f"{frame.ids.dtype} found.",
        )
        has_labels = source.labelled is None or bool(source.labelled[index])
        strange = sorted({*np.unique(frame.ids).tolist()} - known) if known and has_labels else []
        _hold(
            not strange or strange == [0],
            f"{name}: frame {index}: every raw id is in the object table: {strange[:5]} are not.",
        )


def _check_packed(found: Found, map_name: str, path: Path) -> None:
    """Pack what was found, verify it, and compare frames with what the importer reads."""
    label_map = load_label_map(map_name)
    items = prepare_import(found, label_map, ()).items
    check_labels(items, label_map, allow_unmapped=False)
    pack(path, items, label_map, PackOptions(codec="gzip", jobs=1))
    report = verify_dataset(path)
    messages = [finding.message for finding in report.findings]
    _hold(report.is_sound, f"what was imported is a sound dataset: {messages[:3]}.")
    with Dataset(path) as dataset:
        for item in items:
            view, frame = dataset.sequence(item.source.name), item.source.read(0, with_depth=False)
            same = np.array_equal(view.rgb(0, 1)[0], frame.rgb)
            _hold(same, f"{view.name}: packed colour is what the importer reads: it is not.")


def _hold(holds: bool, broken: str) -> None:
    if not holds:
        raise AssertionError(broken)
