"""Measure relabelling against the founding notebook's loop, on the same frames in the same run.

The notebook's way: for each frame, load the ids from a .npy file, go through the 11 classes with
`np.isin` and `np.where`, and save the labels as .npy. It is measured beside

- the mapping alone (`airseg.labels.relabel.apply_table`, one thread),
- the same files in and out with only the mapping exchanged,
- `airseg relabel --as npy` of the same folder, with counting, checks and files that are whole or
  absent, and
- everything `airseg relabel` does to a recording: check sums, decoding of colour, ids and depth,
  mapping, compressing, hashing, and reading every frame back.

Run it with: python benchmark/relabel_speed.py [--frames 100] [--recording FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from airseg.classes import CLASS_INDEX, CLASS_NAMES, IGNORE_INDEX
from airseg.dataset.packing.label_folder import FolderOptions, write_labels
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import pack
from airseg.labels.label_map import LabelMap, load_label_map
from airseg.labels.relabel import apply_table
from airseg.labels.resolution import resolve
from airseg.recording.stored.storage import Recording

_REPEATS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--recording", type=Path, help="a recording; its frames are used for all")
    arguments = parser.parse_args()
    label_map = load_label_map("neighborhood")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        recording_path = arguments.recording or record_frames(work, arguments.frames)
        recording = Recording.open(recording_path)
        table = resolve(label_map, recording.object_table).table
        count = min(arguments.frames, len(recording))
        frames = [recording.read_ids(i) for i in range(count)]
        groups = {name: np.flatnonzero(table == CLASS_INDEX[name]) for name in CLASS_NAMES}
        for frame in frames:
            if not np.array_equal(apply_table(frame, table), founding_loop(frame, groups)):
                raise SystemExit("the two ways differ")
        height, width = frames[0].shape
        print(
            f"{count} frames of {width}x{height}, {os.cpu_count()} cores, {platform.machine()}, "
            f"Python {platform.python_version()}, OpenCV {cv2.__version__}; best of {_REPEATS}; "
            "both ways give the same labels"
        )
        cv2.setNumThreads(1)
        _report(
            "mapping alone, one thread",
            _per_frame(lambda: _map_all(frames, lambda f: founding_loop(f, groups)), count),
            _per_frame(lambda: _map_all(frames, lambda f: apply_table(f, table)), count),
        )
        sources = _save_npy(work / "ids", frames)
        founding_files = _per_frame_of_files(
            lambda out: _map_files(sources, out, lambda f: founding_loop(f, groups)), work, count
        )
        _report(
            ".npy files in, .npy files out",
            founding_files,
            _per_frame_of_files(
                lambda out: _map_files(sources, out, lambda f: apply_table(f, table)), work, count
            ),
        )
        tartan = _save_tartan(work / "P000", frames)
        groups_map = _map_by_id(work / "by_id.yaml", table)
        folder_items = prepare([tartan], groups_map).items
        options = FolderOptions(jobs=1)
        _report(
            "airseg relabel --as npy, one core",
            founding_files,
            _per_frame_of_files(
                lambda out: write_labels(out, folder_items, groups_map, options), work, count
            ),
        )
        items = prepare([recording_path], label_map).items
        began = time.perf_counter()
        packed = pack(work / "d.h5", items, label_map)
        _report(
            "airseg relabel, colour and depth too",
            founding_files,
            (time.perf_counter() - began) / packed.frames,
        )
        items = prepare([work / "d.h5"], label_map).items
        began = time.perf_counter()
        pack(work / "again.h5", items, label_map)
        _report(
            "airseg relabel of a dataset",
            founding_files,
            (time.perf_counter() - began) / packed.frames,
        )


def founding_loop(ids: np.ndarray, groups: dict[str, np.ndarray]) -> np.ndarray:
    """Return labels the notebook's way: one pass over the frame for each class."""
    labels = np.full(ids.shape, IGNORE_INDEX, np.uint8)
    for name, raw_ids in groups.items():
        labels = np.where(np.isin(ids, raw_ids), np.uint8(CLASS_INDEX[name]), labels)
    return labels


def record_frames(work: Path, frames: int) -> Path:
    """Fly the embedded simulator; its frames compress and relabel as real ones do."""
    from airseg.cli import main as airseg

    try:
        airseg(
            ["record", "loop_walk", "--embedded", "--frames", str(frames), "--out", str(work / "r")]
        )
    except SystemExit as stop:
        if stop.code:
            raise
    return work / "r" / "loop_walk"


def _save_npy(folder: Path, frames: list[np.ndarray]) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{i:06d}_left_seg.npy" for i in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        np.save(path, frame)
    return paths


def _save_tartan(folder: Path, frames: list[np.ndarray]) -> Path:
    """Write the ids as the founding dataset has them; the pictures are never read here."""
    _save_npy(folder, frames)
    for index in range(len(frames)):
        cv2.imwrite(
            str(folder / f"{index:06d}_left.png"), np.zeros((*frames[0].shape, 3), np.uint8)
        )
    return folder


def _map_by_id(path: Path, table: np.ndarray) -> LabelMap:
    """Return a label map that says by id what the recording's map says by name."""
    rules = [
        {"class": name, "ids": np.flatnonzero(table == CLASS_INDEX[name]).tolist()}
        for name in CLASS_NAMES
    ]
    ignored = np.flatnonzero(table == IGNORE_INDEX).tolist()
    path.write_text(json.dumps({"format": 1, "name": "by id", "ignore": ignored, "rules": rules}))
    return load_label_map(path)


def _map_all(frames: list[np.ndarray], mapping: Callable[[np.ndarray], np.ndarray]) -> None:
    for frame in frames:
        mapping(frame)


def _map_files(sources: list[Path], out: Path, mapping: Callable[[np.ndarray], np.ndarray]) -> None:
    for source in sources:
        np.save(out / source.name, mapping(np.load(source)))


def _per_frame(work: Callable[[], object], count: int) -> float:
    """Return the seconds a frame takes, at best."""
    times = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times) / count


def _per_frame_of_files(write: Callable[[Path], object], work: Path, count: int) -> float:
    """Return the seconds a frame takes, at best, each time into an empty folder.

    What was written is removed before the next time. Kept, it would push each new file into memory
    that a virtual machine has yet to get from its host, which takes longer than writing.
    """
    times = []
    for _ in range(_REPEATS):
        out = work / "labels"
        out.mkdir()
        began = time.perf_counter()
        write(out)
        times.append(time.perf_counter() - began)
        shutil.rmtree(out)
    return min(times) / count


def _report(what: str, founding_s: float, ours_s: float) -> None:
    print(
        f"{what:38s} notebook {founding_s * 1e3:7.2f} ms ({1 / founding_s:6.0f}/s)   "
        f"airseg {ours_s * 1e3:6.2f} ms ({1 / ours_s:6.0f}/s)   {founding_s / ours_s:6.1f} times"
    )


if __name__ == "__main__":
    main()
