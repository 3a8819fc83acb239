"""How fast do a recording's frames become PNG files: by OpenCV, by zlib, and as airseg writes them?

    python benchmark/png_speed.py recordings/loop_walk [--frames 40] [--out png.json]

All ways take turns on the same frames, which lie in memory; shown are medians over the rounds of
processor time a frame, the files' sizes, and how many times as long OpenCV takes as each. Every
file of airseg's is read back by Pillow and compared.
"""

from __future__ import annotations

import argparse
import io
import json
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import torch
from PIL import Image

from airseg.bench.speed.machine import describe_machine, inspect_machine
from airseg.recording.stored import png

KINDS = ("rgb", "seg", "depth")


def main() -> None:
    """Measure each kind of image, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    cpu = torch.device("cpu")
    print(f"{arguments.recording.name}, {describe_machine(cpu)}")
    print("images  way        ms a frame   kB a frame   OpenCV's time to it")
    rows = []
    for kind in KINDS:
        images = frames_of(arguments.recording / kind, arguments.frames)
        if images:
            rows += compare(kind, images, arguments.rounds)
    if arguments.out:
        content = {"machine": asdict(inspect_machine(cpu)), "rows": rows}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def frames_of(folder: Path, most: int) -> list[np.ndarray]:
    """Return frames spread over a recording, as OpenCV reads them (blue first)."""
    paths = sorted(folder.glob("*.png"))
    chosen = paths[:: max(len(paths) // most, 1)][:most]
    return [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in chosen]


def compare(kind: str, images: list[np.ndarray], rounds: int) -> list[dict[str, str | float]]:
    """Print and return a row for each way."""
    ours = [np.ascontiguousarray(i[..., ::-1]) if i.ndim == 3 else i for i in images]
    ways: dict[str, tuple[Callable[[np.ndarray], bytes], list[np.ndarray]]] = {
        "OpenCV": (lambda image: cv2.imencode(".png", image)[1].tobytes(), images),
        "zlib 1": (_by_zlib, ours),
        "airseg": (png.encode_png, ours),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    sizes: dict[str, float] = {}
    for _ in range(rounds):
        for name, (encode, frames) in ways.items():
            began = time.process_time()
            files = [encode(frame) for frame in frames]
            times[name].append(1e3 * (time.process_time() - began) / len(frames))
            sizes[name] = sum(map(len, files)) / len(files) / 1e3
    for image in ours:
        with Image.open(io.BytesIO(png.encode_png(image))) as read:
            np.testing.assert_array_equal(np.asarray(read), image)
    rows: list[dict[str, str | float]] = []
    for name, spent in times.items():
        ratio = float(np.median(np.divide(times["OpenCV"], spent)))
        row = {"images": kind, "way": name, "ms": float(np.median(spent)), "kilobytes": sizes[name]}
        rows.append({**row, "opencv_to_it": ratio})
        print(f"{kind:6s}  {name:8s} {row['ms']:11.2f} {sizes[name]:12.1f} {ratio:13.1f}")
    return rows


def _by_zlib(image: np.ndarray) -> bytes:
    """Return the same file with zlib's fastest stream in it."""
    with patch.object(png.isal_zlib, "compressobj", lambda level: zlib.compressobj(1)):
        return png.encode_png(image)


if __name__ == "__main__":
    main()
