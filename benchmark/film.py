"""Draw the README's film: a flight that no network was trained on, its labels, and a prediction.

The dataset and the row are those of the study (`make study-data`, `make study`):

python benchmark/film.py docs/film.webp --dataset study/dataset.h5 \\
    --row study/results/tca-main-fanet-18-n-4-seed0.json
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from airseg.bench.results.result import Result, load_result
from airseg.bench.scoring.evaluate import stream_predictions
from airseg.bench.trained import load_model
from airseg.classes import class_palette
from airseg.dataset.reading.reader import Dataset, SequenceView

_GAP, _LINE = 4, 20
_FONT, _INK = cv2.FONT_HERSHEY_SIMPLEX, (40, 40, 40)


def main() -> None:
    """Draw the film."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--row", type=Path, required=True, help="of `airseg bench run`")
    parser.add_argument("--flight", default="new_street_4", help="of the test split")
    parser.add_argument("--every", type=int, default=4, help="of the flight's frames")
    parser.add_argument("--width", type=int, default=256, help="of each of the three, pixels")
    options = parser.parse_args()
    result = load_result(options.row)
    with Dataset(options.dataset) as dataset:
        view = dataset.sequence(options.flight)
        if view.split != "test" or dataset.content_hash != result.dataset.content_hash:
            parser.error("the flight must be of the test split, and the row of this dataset")
        shown = _pictures(view, result, options.row)
        colors = class_palette(dataset.class_names)
        frames = [
            Image.fromarray(_panel(pictures, colors, result.label, options.width))
            for index, pictures in enumerate(shown)
            if index % options.every == 0
        ]
        pause = 1000 * options.every / (view.rate_hz or 25)
    frames[0].save(
        options.out,
        save_all=True,
        append_images=frames[1:],
        duration=round(pause),
        loop=0,
        quality=55,
        method=6,
    )
    kib = options.out.stat().st_size // 1024
    print(f"{options.out}: {len(frames)} frames of {frames[0].width}x{frames[0].height}, {kib} KiB")


def _pictures(
    view: SequenceView, result: Result, row: Path
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield colour, labels and prediction of each frame; the network's memory goes through all."""
    size = (result.recipe["data"]["height"], result.recipe["data"]["width"])
    for start, guesses in stream_predictions(load_model(row), view, size, torch.device("cpu")):
        stop = start + len(guesses)
        yield from zip(view.rgb(start, stop), view.label(start, stop), guesses, strict=True)


def _panel(
    pictures: tuple[np.ndarray, np.ndarray, np.ndarray],
    colors: np.ndarray,
    network: str,
    width: int,
) -> np.ndarray:
    """Return three pictures side by side, each under its name."""
    rgb, labels, guess = pictures
    size = (width, width * rgb.shape[0] // rgb.shape[1])
    small = [
        cv2.resize(rgb, size, interpolation=cv2.INTER_AREA),
        *(
            cv2.resize(colors[values], size, interpolation=cv2.INTER_NEAREST)
            for values in (labels, guess)
        ),
    ]
    parts = []
    for picture, name in zip(small, ("frame", "labels", network), strict=True):
        title = np.full((_LINE, width, 3), 255, np.uint8)
        cv2.putText(title, name, (2, _LINE - 6), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
        parts += [np.vstack([title, picture]), np.full((_LINE + size[1], _GAP, 3), 255, np.uint8)]
    return np.hstack(parts[:-1])


if __name__ == "__main__":
    main()
