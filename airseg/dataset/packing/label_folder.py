"""Write labels as image files, one a frame, instead of packing a dataset.

For those who keep their own pictures and want classes beside them. Each file is written beside its
name and renamed, so a file that is there is whole, and the same command continues after a kill.
Threads take a sequence each: reading, looking up and writing all happen outside Python's lock.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from airseg.classes import IGNORE_INDEX, class_palette
from airseg.dataset.format.attributes import check_sequence_name
from airseg.dataset.packing.writer import PackItem, Progress
from airseg.errors import DatasetError
from airseg.labels import LabelMap
from airseg.labels.boundaries import EdgeOptions, leave_out_edges
from airseg.labels.relabel import apply_table, count_ids
from airseg.labels.resolution import check_seen
from airseg.recording.stored.png import encode_png

KINDS = ("npy", "png")
_DESCRIPTION = "labels.json"


@dataclass(frozen=True)
class FolderOptions:
    """How labels are written.

    Attributes:
        kind: ``npy`` or ``png``, one of `KINDS`.
        edges: what to leave out beside what the map ignores.
        overwrite: begin anew where labels of another map are.
        allow_unmapped: ignore meshes without a class, instead of refusing them.
        jobs: how many sequences are written at a time.
        palette: (256, 3) uint8 RGB by label, for PNG files; `write_labels` takes the map's own.
    """

    kind: str = "npy"
    edges: EdgeOptions = field(default_factory=EdgeOptions)
    overwrite: bool = False
    allow_unmapped: bool = False
    jobs: int = 2
    palette: np.ndarray = field(default_factory=class_palette, compare=False)


@dataclass(frozen=True)
class WrittenLabels:
    """What was written: frames in all, new ones among them, pixels by raw id of each sequence."""

    frames: int
    new_frames: int
    id_pixels: list[np.ndarray]
    warnings: list[str]


def write_labels(
    folder: Path,
    items: Sequence[PackItem],
    label_map: LabelMap,
    options: FolderOptions,
    progress: Progress | None = None,
) -> WrittenLabels:
    """Write ``folder/<sequence>/000000.npy`` and so on, several sequences at a time.

    PNG files are of a palette: their values are the labels, and people see the classes' colours.

    Raises:
        DatasetError: the folder holds labels of another map, or cannot be written, or a sequence's
            name is a path.
        LabelMapError: a seen mesh has no class.
    """
    for item in items:
        check_sequence_name(item.source.name, item.source.location)
    _claim(folder, items, label_map, options)
    options = replace(options, palette=label_map.palette())
    ticker = _Ticker(sum(item.source.length for item in items), progress)
    if options.jobs == 1 or len(items) == 1:
        pixels = [_write_sequence(folder, item, options, ticker) for item in items]
    else:
        pixels = _write_in_threads(folder, items, options, ticker)
    resolutions = [item.resolution for item in items]
    warnings = check_seen(label_map, resolutions, pixels, allow_unmapped=options.allow_unmapped)
    return WrittenLabels(ticker.done, ticker.new, pixels, warnings)


class _Ticker:
    """Counts frames and tells of them, in the main thread alone, which may stop the others."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.total, self.done, self.new, self.is_stopped = total, 0, 0, False
        self._progress = progress

    def tick(self, *, is_new: bool) -> None:
        """Note one frame."""
        self.done += 1
        self.new += is_new
        if threading.current_thread() is threading.main_thread():
            self.tell()

    def tell(self) -> None:
        """Report how far things are."""
        if self._progress:
            self._progress("relabelling", self.done, self.total)


def _write_in_threads(
    folder: Path, items: Sequence[PackItem], options: FolderOptions, ticker: _Ticker
) -> list[np.ndarray]:
    """Write several sequences at a time; return pixels by raw id of each."""
    with ThreadPoolExecutor(options.jobs, thread_name_prefix="labels") as pool:
        futures = [pool.submit(_write_sequence, folder, i, options, ticker) for i in items]
        try:
            for future in futures:
                while not future.done():
                    ticker.tell()
                    wait([future], timeout=0.2)
                future.result()
        except BaseException:
            ticker.is_stopped = True
            raise
    ticker.tell()
    return [future.result() for future in futures]


def _write_sequence(
    folder: Path, item: PackItem, options: FolderOptions, ticker: _Ticker
) -> np.ndarray:
    """Write one sequence's labels; return pixels by raw id."""
    place = folder / item.source.name
    place.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros(256, np.int64)
    for index in range(item.source.length):
        ids = item.source.read_ids(index)
        is_labelled = item.source.labelled is None or bool(item.source.labelled[index])
        if is_labelled:
            pixels += count_ids(ids)
        path = place / f"{index:06d}.{options.kind}"
        is_new = not path.is_file()
        if is_new:
            labels = leave_out_edges(apply_table(ids, item.resolution.table), options.edges)
            shown = labels if is_labelled else np.full_like(ids, IGNORE_INDEX)
            _save(path, shown, options.palette)
        ticker.tick(is_new=is_new)
        if ticker.is_stopped:
            break
    return pixels


def _save(path: Path, labels: np.ndarray, palette: np.ndarray) -> None:
    beside = path.with_name(path.name + ".partial")
    if path.suffix == ".npy":
        # Nothing is copied on the way to the file: np.save takes twice as long as the mapping.
        parts: tuple[bytes | memoryview, ...] = (
            _npy_header(labels.shape),
            np.ascontiguousarray(labels).data,
        )
    else:
        parts = (encode_png(labels, palette=palette),)
    try:
        with beside.open("wb") as file:
            for part in parts:
                file.write(part)
        beside.replace(path)
    except OSError as cause:
        beside.unlink(missing_ok=True)
        raise DatasetError(f"{path}: cannot be written ({cause.strerror}).") from None


@cache
def _npy_header(shape: tuple[int, ...]) -> bytes:
    """Return what stands before the bytes of an array of labels in a .npy file."""
    header = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()


def _claim(
    folder: Path, items: Sequence[PackItem], label_map: LabelMap, options: FolderOptions
) -> None:
    """Say in the folder which map and frames its labels come from, and refuse those of others."""
    text = label_map.text.encode()
    wanted = {
        "format": 1,
        "label_map": label_map.name,
        "label_map_hash": hashlib.blake2b(text, digest_size=16).hexdigest(),
        "classes": list(label_map.class_names),
        "kind": options.kind,
        "edges": asdict(options.edges),
    }
    path = folder / _DESCRIPTION
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        noted = found.pop("sequences", {}) if found else {}
        is_other = found != wanted and (found is not None or any(folder.iterdir()))
        if found is not None and is_other and not options.overwrite:
            raise DatasetError(
                f"{folder}: holds labels of map {found.get('label_map')}, made with other rules or "
                "options. Choose another --out, or pass --overwrite to write these labels anew."
            )
        if found is None and is_other:
            raise DatasetError(
                f"{folder}: is not empty and holds no labels of ours; --overwrite replaces labels "
                "only. Choose another --out."
            )
        if found is not None and options.overwrite:
            for old in [p for kind in KINDS for p in folder.glob(f"*/[0-9]*.{kind}")]:
                if old.parent.name in noted:
                    old.unlink()
            noted = {}
        for item in items:
            noted[item.source.name] = _origin(folder, item, noted.get(item.source.name))
        beside = path.with_name(path.name + ".partial")
        beside.write_text(json.dumps(wanted | {"sequences": noted}, indent=1), encoding="utf-8")
        beside.replace(path)
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as cause:
        raise DatasetError(f"{folder}: cannot hold labels ({cause}).") from None


def _origin(folder: Path, item: PackItem, noted: dict[str, str] | None) -> dict[str, str]:
    """Return where a sequence's labels come from; remove those of frames that have changed since.

    Raises:
        DatasetError: the labels are those of another sequence of the same name.
    """
    name, place = item.source.name, str(Path(item.source.location).absolute())
    own = {"location": place, "fingerprint": getattr(item.source, "fingerprint", "")}
    if noted is None or noted["fingerprint"] == own["fingerprint"] != "":
        return own
    if noted["location"] != place:
        raise DatasetError(
            f"{folder}: holds labels of another sequence {name}, {noted['location']}. Choose "
            "another --out, or pass --overwrite to write all labels anew."
        )
    if noted["fingerprint"] != own["fingerprint"]:
        for old in [p for kind in KINDS for p in (folder / name).glob(f"[0-9]*.{kind}")]:
            old.unlink()
    return own
