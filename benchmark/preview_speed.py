"""Measure the preview film against the founding notebook's way, on the same frames in one run.

The notebook makes a side-by-side video frame by frame: it loads colour and ids, goes over the
pixels in two nested Python loops, puts colour and labels beside each other and hands them to
OpenCV's video writer. It told of 1.7 frames a second on its machine. Two such loops are measured:
one that lays the labels over the picture, as the film of `airseg preview` shows them, and one that
paints flat colours, which is the least that such a loop can do. Every frame takes them the same
time, so they are measured on a few; `airseg preview` is measured whole: reading, check sums,
painting, legend, and an H.264 film that browsers play.

Run it with: python benchmark/preview_speed.py [--frames 300] [--loop-frames 6] [--recording FOLDER]
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from relabel_speed import record_frames

from airseg.labels.label_map import LabelMap, load_label_map
from airseg.labels.resolution import resolve
from airseg.recording.stored.preview import PreviewArtist, write_preview
from airseg.recording.stored.shown_flight import shown_recording
from airseg.recording.stored.storage import Recording

_REPEATS = 3
_OPAQUE = 0.6  # as in the film


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--loop-frames", type=int, default=6, help="frames for the nested loops")
    parser.add_argument("--recording", type=Path, help="a recording of the neighborhood")
    arguments = parser.parse_args()
    label_map = load_label_map("neighborhood")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        recording = Recording.open(arguments.recording or record_frames(work, arguments.frames))
        table = resolve(label_map, recording.object_table).table
        count = min(arguments.frames, len(recording))
        palette = label_map.palette()[table]
        loops = {
            "laid over": _notebook(work, recording, palette, arguments.loop_frames, _lay_over),
            "flat": _notebook(work, recording, palette, arguments.loop_frames, _paint_flat),
        }
        ours_s = min(_preview(work, recording, label_map, count) for _ in range(_REPEATS))
        camera = recording.info.camera
        print(
            f"{count} frames of {camera['width']}x{camera['height']}, {os.cpu_count()} cores, "
            f"{platform.machine()}, Python {platform.python_version()}; best of {_REPEATS}"
        )
        print(f"airseg:                      {1 / ours_s:7.2f} frames/s")
        for name, theirs_s in loops.items():
            print(
                f"nested loops, labels {name + ':':11s} {1 / theirs_s:5.2f} frames/s, "
                f"ratio {theirs_s / ours_s:.0f}"
            )


def _lay_over(picture: np.ndarray, ids: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return the picture with labels over it, by two nested loops; `palette` is (256, 3) RGB."""
    painted = picture.copy()
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            painted[y, x] = _OPAQUE * palette[ids[y, x]] + (1 - _OPAQUE) * painted[y, x]
    return painted


def _paint_flat(picture: np.ndarray, ids: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return the labels' colours, by two nested loops that do as little as they can."""
    painted = np.zeros_like(picture)
    colors = palette.tolist()
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            painted[y, x] = colors[ids[y, x]]
    return painted


def _notebook(
    work: Path,
    recording: Recording,
    palette: np.ndarray,
    count: int,
    paint: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> float:
    """Return seconds a frame of the nested loops; `palette` is (256, 3) RGB by raw id."""
    camera = recording.info.camera
    size = (2 * int(camera["width"]), int(camera["height"]))
    np.save(work / "ids.npy", recording.read_ids(0))
    film = cv2.VideoWriter(str(work / "n.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25, size)
    began = time.perf_counter()
    for index in range(count):
        picture = recording.read_rgb(index)
        painted = paint(picture, np.load(work / "ids.npy"), palette)
        film.write(np.hstack([picture, painted])[..., ::-1].copy())
    film.release()
    return (time.perf_counter() - began) / count


def _preview(work: Path, recording: Recording, label_map: LabelMap, count: int) -> float:
    """Return seconds a frame of `airseg preview`."""
    began = time.perf_counter()
    artist = PreviewArtist(shown_recording(recording, label_map))
    write_preview(artist, range(count), Fraction(25), work / "p.mp4", lambda done, total: None)
    return (time.perf_counter() - began) / count


if __name__ == "__main__":
    main()
