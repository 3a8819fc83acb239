"""Videos: colour in FFV1 or H.264, labels as a second, always lossless track of grey values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np

from airseg.dataset.exporting.common import (
    ExportOptions,
    Facts,
    Progress,
    class_table,
    each_frame,
    sequence_row,
)
from airseg.dataset.reading.reader import Dataset, SequenceView
from airseg.errors import DatasetError

_MILLISECOND_NS = 1_000_000
_TIME_BASE_HZ = 1000
_NOMINAL_HZ = 25
_H264_CRF = "18"
_FFV1 = {"level": "3", "slicecrc": "1"}


def export_ffv1(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write ``<split>/<sequence>.mkv``: colour (RGB) and labels (grey), both in FFV1, lossless."""
    _export(dataset, folder, facts, progress, "ffv1")


def export_h264(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write the same with colour in H.264, which loses a little, and labels that lose nothing."""
    _export(dataset, folder, facts, progress, "h264")


def _export(
    dataset: Dataset, folder: Path, facts: Facts, progress: Progress | None, codec: str
) -> None:
    def read(view: SequenceView, index: int) -> tuple[np.ndarray, np.ndarray]:
        return view.rgb(index, index + 1)[0], view.label(index, index + 1)[0]

    film: _Film | None = None
    try:
        for view, index, (rgb, labels) in each_frame(list(dataset), read, "exporting", progress):
            if index == 0:
                path = folder / view.split / f"{view.name}.mkv"
                path.parent.mkdir(parents=True, exist_ok=True)
                film = _Film(path, view, codec)
            assert film is not None
            film.add(rgb, labels, index)
            if index == len(view) - 1:
                film.close()
                film = None
    finally:
        if film is not None:
            film.abandon()
    _write_index(dataset, folder, facts)


class _Film:
    """One Matroska file with a colour track and a label track."""

    def __init__(self, path: Path, view: SequenceView, codec: str) -> None:
        self._path = path
        start = int(view.timestamps_ns[0])
        times = np.round((view.timestamps_ns - start) / _MILLISECOND_NS).astype(np.int64)
        if (np.diff(times) < 1).any():
            raise DatasetError(
                f"{view.name}: frames lie less than a millisecond apart, which Matroska cannot "
                "tell. Export image files instead."
            )
        self._times = times
        self._container = av.open(str(path), "w", format="matroska")
        self._container.metadata["title"] = view.name
        even = view.width % 2 == 0 and view.height % 2 == 0
        if codec == "ffv1":
            self._color = self._stream("ffv1", "bgr0", view, _FFV1)
        else:
            pixels = "yuv420p" if even else "yuv444p"
            self._color = self._stream("libx264", pixels, view, {"crf": _H264_CRF})
        self._labels = self._stream("ffv1", "gray", view, _FFV1)
        self._color.metadata["title"], self._labels.metadata["title"] = "colour", "labels"

    def _stream(self, codec: str, pixels: str, view: SequenceView, options: dict[str, str]) -> Any:
        rate = round(view.rate_hz) if view.rate_hz and view.rate_hz >= 1 else _NOMINAL_HZ
        stream: Any = self._container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = view.width, view.height, pixels
        stream.time_base = stream.codec_context.time_base = _milliseconds()
        return stream

    def add(self, rgb: np.ndarray, labels: np.ndarray, index: int) -> None:
        """Write one frame of both tracks."""
        for stream, array, kind in (
            (self._color, rgb, "rgb24"),
            (self._labels, labels, "gray"),
        ):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format=kind)
            frame.pts, frame.time_base = int(self._times[index]), _milliseconds()
            self._container.mux(stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        for stream in (self._color, self._labels):
            self._container.mux(stream.encode(None))
        self._container.close()

    def abandon(self) -> None:
        """Leave the file as it is: its folder is thrown away."""
        self._container.close()


def _milliseconds() -> Any:
    from fractions import Fraction

    return Fraction(1, _TIME_BASE_HZ)


def _write_index(dataset: Dataset, folder: Path, facts: Facts) -> None:
    """Write ``sequences.json``: what values of label tracks mean, which frames have labels."""
    index = {
        "title": facts.title,
        "licence": facts.licence,
        "tracks": {"0": "colour", "1": "labels: value of the class, 255 where nothing counts"},
        "classes": class_table(facts),
        "sequences": [
            {
                "file": f"{view.split}/{view.name}.mkv",
                **sequence_row(view),
                "first_timestamp_ns": int(view.timestamps_ns[0]),
                "labelled": "all"
                if view.labelled.all()
                else np.flatnonzero(view.labelled).tolist(),
            }
            for view in dataset
        ],
    }
    (folder / "sequences.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
