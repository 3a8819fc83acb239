"""Measure HDF5 filters and chunk shapes on the frames of a dataset: what to store it in.

For each stream and each way of storing it: milliseconds to write a frame, by HDF5 and, where airseg
writes past it (`airseg.dataset.format.chunk_codecs`), by airseg; its size; and how many
clips of five consecutive frames at random places are read in a second, by h5py and, where airseg
reads past HDF5 (`airseg.dataset.format.chunks`), by airseg. One process, warm page cache; every
frame that is read is compared with what was written.

Run it with: python benchmark/codec_speed.py --dataset dataset.h5 [--frames 100] [--quick]
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from airseg.dataset.format.chunk_codecs import write_frame
from airseg.dataset.format.chunks import FrameFile
from airseg.dataset.packing.file_assembly import create_array
from airseg.dataset.reading.reader import Dataset

_CLIP = 5
_SECONDS = 1.5


@dataclass(frozen=True)
class Way:
    """One way of storing a stream.

    Attributes:
        name: what the table calls it.
        filters: h5py's arguments.
        frames_in_chunk: 1, several, or 0 for h5py's own guess.
        plain: whether every HDF5 program reads it without a plugin.
    """

    name: str
    filters: dict[str, Any] = field(default_factory=dict)
    frames_in_chunk: int = 1
    plain: bool = False


def _gzip(level: int, *, shuffle: bool = False) -> dict[str, Any]:
    return {"compression": "gzip", "compression_opts": level, "shuffle": shuffle}


_LZ4 = dict(hdf5plugin.LZ4())
_COLOR = (
    Way("none", plain=True),
    Way("gzip 1", _gzip(1), plain=True),
    Way("gzip 1 + shuffle", _gzip(1, shuffle=True), plain=True),
    Way("gzip 4", _gzip(4), plain=True),
    Way("lzf", {"compression": "lzf"}),
    Way("LZ4", _LZ4),
    Way("Zstd 1", dict(hdf5plugin.Zstd(clevel=1))),
    Way("Zstd 3", dict(hdf5plugin.Zstd(clevel=3))),
    Way("Bitshuffle LZ4", dict(hdf5plugin.Bitshuffle(cname="lz4"))),
    Way("Bitshuffle Zstd 1", dict(hdf5plugin.Bitshuffle(cname="zstd", clevel=1))),
    Way("Blosc2 LZ4 shuffle", dict(hdf5plugin.Blosc2("lz4", 5, hdf5plugin.Blosc2.SHUFFLE))),
    Way("Blosc2 Zstd 1 shuffle", dict(hdf5plugin.Blosc2("zstd", 1, hdf5plugin.Blosc2.SHUFFLE))),
    Way("LZ4, 8 frames a chunk", _LZ4, 8),
    Way("gzip 1, 8 frames a chunk", _gzip(1), 8, plain=True),
    Way("gzip 1, h5py's chunks", _gzip(1), 0, plain=True),
)
_LABELS = (
    Way("none", plain=True),
    Way("gzip 1", _gzip(1), plain=True),
    Way("gzip 4", _gzip(4), plain=True),
    Way("lzf", {"compression": "lzf"}),
    Way("LZ4", _LZ4),
    Way("Zstd 3", dict(hdf5plugin.Zstd(clevel=3))),
    Way("gzip 1, 8 frames a chunk", _gzip(1), 8, plain=True),
)
_DEPTH = (
    Way("none", plain=True),
    Way("gzip 1", _gzip(1), plain=True),
    Way("gzip 1 + shuffle", _gzip(1, shuffle=True), plain=True),
    Way("gzip 4 + shuffle", _gzip(4, shuffle=True), plain=True),
    Way("Zstd 3 + shuffle", {**hdf5plugin.Zstd(clevel=3), "shuffle": True}),
    Way("Bitshuffle LZ4", dict(hdf5plugin.Bitshuffle(cname="lz4"))),
)
_WRITTEN = {"LZ4": "lz4", "Zstd 3": "zstd"}
"""What airseg writes past HDF5, and its name there."""
_WAYS = {"rgb": _COLOR, "label": _LABELS, "depth": _DEPTH}


def main() -> None:
    """Measure and print a table for each stream."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="24 frames and short measurements")
    arguments = parser.parse_args()
    count = 24 if arguments.quick else arguments.frames
    seconds = 0.3 if arguments.quick else _SECONDS
    streams = _frames(Dataset(arguments.dataset), count)
    height, width = streams["rgb"].shape[1:3]
    print(
        f"{count} frames of {width}x{height}, {_CLIP} a clip, {os.cpu_count()} cores, "
        f"{platform.machine()}, h5py {h5py.__version__}, HDF5 {h5py.version.hdf5_version}, "
        f"hdf5plugin {hdf5plugin.version}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        for stream, frames in streams.items():
            print(
                f"| {stream} | write ms | airseg's | KiB a frame | clips/s | airseg's | no plugin |"
            )
            print("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
            for way in _WAYS[stream]:
                print(_row(Path(folder) / "x.h5", stream, frames, way, seconds), flush=True)
            print()


def _frames(dataset: Dataset, count: int) -> dict[str, np.ndarray]:
    """Return runs of consecutive frames of several sequences, (count, ...) of each stream."""
    names = dataset.sequences[:: max(1, len(dataset.sequences) // 5)]
    each = -(-count // len(names))
    parts: dict[str, list[np.ndarray]] = {}
    for name in names:
        view = dataset.sequence(name)
        start = max(0, len(view) // 2 - each)
        for stream in ("rgb", "label", *(["depth"] if view.has_depth else [])):
            read = getattr(view, stream)
            parts.setdefault(stream, []).append(read(start, min(start + each, len(view))))
    return {stream: np.concatenate(found)[:count] for stream, found in parts.items()}


def _row(path: Path, stream: str, frames: np.ndarray, way: Way, seconds: float) -> str:
    chunk: bool | tuple[int, ...] = True
    if way.frames_in_chunk:
        chunk = (way.frames_in_chunk, *frames.shape[1:])
    with h5py.File(path, "w") as file:
        array = file.create_dataset(
            f"sequences/a/{stream}",
            frames.shape,
            frames.dtype,
            chunks=chunk,
            fletcher32=True,
            **way.filters,
        )
        began = time.perf_counter()
        step = way.frames_in_chunk or 1
        for index in range(0, len(frames), step):
            array[index : index + step] = frames[index : index + step]
        file.flush()
        write_ms = (time.perf_counter() - began) / len(frames) * 1e3
        kib = array.id.get_storage_size() / len(frames) / 1024
    own_ms = _own_write(path, frames, way) if stream == "rgb" and way.name in _WRITTEN else "-"
    with h5py.File(path) as file:
        array = file[f"sequences/a/{stream}"]
        plain = _clips_a_second(lambda i: array[i : i + _CLIP], frames, seconds)
        past = "-"
        if way.name in ("none", "gzip 1", "LZ4", "Zstd 1", "Zstd 3") and stream != "depth":
            reader = FrameFile(path, h5py.File(path))
            rate = _clips_a_second(
                lambda i: reader.read("a", stream, range(i, i + _CLIP)), frames, seconds
            )
            reader.close()
            past = f"{rate:.0f}"
    return (
        f"| {way.name} | {write_ms:.1f} | {own_ms} | {kib:.0f} | {plain:.0f} | {past} | "
        f"{'yes' if way.plain else 'no'} |"
    )


def _own_write(path: Path, frames: np.ndarray, way: Way) -> str:
    """Return how many milliseconds airseg takes to write a frame; the file stays as it wrote it."""
    with h5py.File(path, "w") as file:
        group, codec = file.create_group("sequences/a"), _WRITTEN[way.name]
        array = create_array(group, "rgb", len(frames), frames.shape[1:], codec)
        write_frame(array, 0, frames[0])  # compiles the checksum
        began = time.perf_counter()
        for index, frame in enumerate(frames):
            write_frame(array, index, frame)
        file.flush()
        return f"{(time.perf_counter() - began) / len(frames) * 1e3:.1f}"


def _clips_a_second(read: Any, frames: np.ndarray, seconds: float) -> float:
    """Return how many random clips are read in a second; the first pass compares them."""
    places: Sequence[int] = np.random.default_rng(0).integers(0, len(frames) - _CLIP, 1000).tolist()
    for place in range(0, len(frames) - _CLIP, _CLIP):
        if read(place).tobytes() != frames[place : place + _CLIP].tobytes():
            raise SystemExit(f"frames {place} and following read back differently")
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        read(places[done % len(places)])
        done += 1
    return done / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
