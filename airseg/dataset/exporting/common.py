"""What all exporters share: options, the folder they write, images, and facts about the dataset."""

from __future__ import annotations

import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from airseg.dataset.reading.reader import Dataset, SequenceView
from airseg.errors import DatasetError
from airseg.labels.label_map import LabelMap, parse_label_map
from airseg.recording.stored.png import encode_png

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how many frames are done, and how many there are."""

Result = TypeVar("Result")
View = TypeVar("View", bound=Sized)
"""A sequence, in whatever form its exporter reads it; its length is that in frames."""
NOTE = "export.json"
"""File that says what an exported folder was made from."""

# As recordings are written: 6.8 ms for a frame of 640x480, where compression level 3 takes 24.6 ms.
_PNG = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
]
_WORKERS = 2
_FRAMES_AHEAD = 8
_UNSTATED = "not stated"


@dataclass(frozen=True)
class ExportOptions:
    """How a dataset is written for others.

    Attributes:
        jpeg_quality: 1 to 100, colour frames as JPEG; None for PNG, which loses nothing.
        title: name of the dataset; that of its file if empty.
        licence: what may be done with it; that of the imported data if empty.
        url: where it is told of.
        overwrite: replace a folder that is already there.
        things: names of classes whose objects are told apart; those of `classes.THINGS` if empty.
    """

    jpeg_quality: int | None = None
    title: str = ""
    licence: str = ""
    url: str = ""
    overwrite: bool = False
    things: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """Of colour frames, with its dot."""
        return ".png" if self.jpeg_quality is None else ".jpg"


@dataclass(frozen=True)
class Facts:
    """What is told of a dataset wherever it goes.

    Attributes:
        title, licence, url: see `ExportOptions`; the licence is ``not stated`` where nobody said.
        description: one sentence with its numbers.
        origins: what it was made from, each once.
        label_map: the map that made its labels.
    """

    title: str
    licence: str
    url: str
    description: str
    origins: tuple[dict[str, Any], ...]
    label_map: LabelMap


def facts_of(dataset: Dataset, options: ExportOptions) -> Facts:
    """Return what is known of a dataset."""
    label_map = parse_label_map(dataset.label_map_text, f"{dataset.path}: label_map")
    origins: dict[str, dict[str, Any]] = {}
    for view in dataset:
        origin = {
            key: value
            for key, value in view.details.get("origin", {}).items()
            if key in ("layout", "title", "url", "licence")
        }
        if origin:
            origins[json.dumps(origin, sort_keys=True)] = origin
    licences = sorted({o["licence"] for o in origins.values() if "licence" in o})
    sizes = sorted({f"{view.width}x{view.height}" for view in dataset})
    environments = sorted({view.environment for view in dataset})
    shown = ", ".join(environments[:6]) + (" and more" if len(environments) > 6 else "")
    labelled = sum(int(view.labelled.sum()) for view in dataset)
    without = f", {labelled:,} of them labelled" if labelled < len(dataset) else ""
    return Facts(
        options.title or dataset.path.stem,
        options.licence or "; ".join(licences) or _UNSTATED,
        options.url or next((o["url"] for o in origins.values() if "url" in o), ""),
        f"Labelled video for semantic segmentation: {len(dataset):,} frames of "
        f"{', '.join(sizes)} pixels{without}, in {len(dataset.sequences):,} sequences of {shown}, "
        f"with {dataset.num_classes} classes.",
        tuple(origins.values()),
        label_map,
    )


@contextmanager
def published_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a folder to write in; it takes its name when the block ends without an error.

    Only what an earlier export wrote is ever replaced.

    Raises:
        DatasetError: something is there already, or the folder cannot be written.
    """
    if folder.is_file():
        raise DatasetError(f"{folder}: is a file; give the name of a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise DatasetError(f"{folder}: is not empty. Choose another --out, or pass --overwrite.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / NOTE).is_file():
        raise DatasetError(
            f"{folder}: holds no export of ours ({NOTE} is missing), so --overwrite does not "
            "replace it. Choose another --out."
        )
    folder = folder.resolve()
    unfinished = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        yield unfinished
        if folder.is_dir():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    except OSError as cause:
        shutil.rmtree(unfinished, ignore_errors=True)
        reason = os.strerror(cause.errno) if cause.errno else str(cause)
        raise DatasetError(f"{folder}: cannot be written ({reason}).") from cause
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def encode_color(rgb: np.ndarray, quality: int | None) -> bytes:
    """Return a frame as PNG, or as JPEG of a quality.

    Args:
        rgb: (H, W, 3) uint8.
        quality: 1 to 100, or None for PNG.
    """
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    if quality is None:
        return cv2.imencode(".png", bgr, _PNG)[1].tobytes()
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def encode_labels(values: np.ndarray, palette: np.ndarray) -> bytes:
    """Return label values as a palette PNG: programs read the values, people see the colours.

    Args:
        values: (H, W) uint8.
        palette: (256, 3) uint8, colour by value.
    """
    return encode_png(values, palette=palette)


def each_frame(
    views: Sequence[View],
    work: Callable[[View, int], Result],
    stage: str,
    progress: Progress | None,
) -> Iterator[tuple[View, int, Result]]:
    """Yield view, frame number and what `work` gives for each frame, in order.

    The next few frames are worked on beside: encoding happens outside Python's lock.
    """
    total = sum(len(view) for view in views)
    pending: deque[tuple[View, int, Future[Result]]] = deque()
    done = 0
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="export") as pool:
        try:
            places = ((view, index) for view in views for index in range(len(view)))
            for view, index in places:
                pending.append((view, index, pool.submit(work, view, index)))
                while len(pending) >= _FRAMES_AHEAD or (pending and done + len(pending) == total):
                    view_, index_, future = pending.popleft()
                    result = future.result()
                    done += 1
                    yield view_, index_, result
                    if progress:
                        progress(stage, done, total)
        finally:
            for *_, future in pending:
                future.cancel()


def sequence_row(view: SequenceView) -> dict[str, Any]:
    """Return what is told of a sequence, by the column names of every file that tells of some."""
    return {
        "sequence": view.name,
        "split": view.split,
        "environment": view.environment,
        "frames": len(view),
        "labelled_frames": int(view.labelled.sum()),
        "width": view.width,
        "height": view.height,
        "rate_hz": view.rate_hz,
    }


def frame_row(view: SequenceView, index: int) -> dict[str, Any]:
    """Return what is told of a frame beside its pictures, by the names of every file of frames."""
    return {
        "sequence": view.name,
        "frame": index,
        "timestamp_ns": int(view.timestamps_ns[index]),
        "labelled": bool(view.labelled[index]),
        "pose": view.poses[index].tolist(),
    }


def class_table(facts: Facts) -> list[dict[str, Any]]:
    """Return value, name and colour of each class."""
    return [
        {"value": value, "name": target.name, "color": list(target.rgb)}
        for value, target in enumerate(facts.label_map.classes)
    ]
