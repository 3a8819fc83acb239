"""Can the embedded world be segmented by colour alone? Two classifiers that see one pixel's colour.

Trained on the training sequences of a dataset, scored on its test sequences: a perceptron with
three layers on red, green and blue, and the most frequent class of each cell of a colour histogram.
Both are tried with every class counted alike and as often as it occurs, and the better score is
told. Beside them stand the rows of a results folder, trained on the same dataset.

    python benchmark/colour_alone.py dataset.h5 --results results
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from airseg.bench.results.result import load_results
from airseg.dataset.reading.reader import Dataset, SequenceView

_BITS = 6
_EVERY = 5
_SEED = 0


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--results", type=Path, help="folder of `airseg bench run`")
    parser.add_argument("--pixels", type=int, default=2_000_000, help="the perceptron trains on")
    options = parser.parse_args()
    torch.manual_seed(_SEED)
    with Dataset(options.dataset) as dataset:
        counts = _histogram(dataset)
        tables = {
            "colour histogram": [counts.argmax(1), (counts / _shares(counts)).argmax(1)],
            "colour perceptron": [
                _perceptron(dataset, counts, options.pixels, balanced=b) for b in (False, True)
            ],
        }
        print(f"{'classifier':34} mIoU %  accuracy %   (test split, full resolution)")
        for name, choices in tables.items():
            scores = [_score(dataset, table) for table in choices]
            best = max(scores, key=lambda s: s[0])
            print(f"{name:34} {100 * best[0]:6.1f}  {100 * best[1]:9.1f}")
        content = dataset.content_hash
    if options.results:
        _print_results(options.results, content)


def _histogram(dataset: Dataset) -> np.ndarray:
    """Return (cells, classes) counts of the training pixels of each colour."""
    counts = np.zeros((1 << 3 * _BITS, dataset.num_classes))
    for rgb, label in _frames(dataset, "train"):
        known = label < dataset.num_classes
        cells = _cells(rgb)[known] * dataset.num_classes + label[known]
        counts += np.bincount(cells, minlength=counts.size).reshape(counts.shape)
    return counts


def _shares(counts: np.ndarray) -> np.ndarray:
    return np.maximum(counts.sum(0), 1.0)


def _perceptron(dataset: Dataset, counts: np.ndarray, pixels: int, *, balanced: bool) -> np.ndarray:
    """Train on random training pixels; return the class of every cell of colours."""
    random = np.random.default_rng(_SEED)
    weights = counts / (_shares(counts) if balanced else 1.0)
    chosen = random.choice(weights.size, pixels, p=(weights / weights.sum()).ravel())
    cells, labels = np.divmod(chosen, dataset.num_classes)
    network = nn.Sequential(
        nn.Linear(3, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, counts.shape[1])
    )
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    colors, truth = _colors(cells), torch.from_numpy(labels)
    batch = 8192
    steps = 3 * pixels // batch
    for step in range(steps):
        picked = torch.from_numpy(random.integers(0, pixels, batch))
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / steps)
        loss = nn.functional.cross_entropy(network(colors[picked]), truth[picked])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        every = _colors(np.arange(len(counts)))
        return torch.cat([network(part).argmax(1) for part in every.split(1 << 16)]).numpy()


def _score(dataset: Dataset, table: np.ndarray) -> tuple[float, float]:
    """Return class-mean IoU and pixel accuracy of a class for every colour."""
    classes = dataset.num_classes
    confusion = np.zeros((classes, classes), np.int64)
    for rgb, label in _frames(dataset, "test"):
        known = label < classes
        pairs = label[known].astype(np.int64) * classes + table[_cells(rgb)[known]]
        confusion += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    hit = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - hit
    return float((hit / np.maximum(union, 1)).mean()), float(hit.sum() / confusion.sum())


def _frames(dataset: Dataset, split: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for name in dataset.split(split):
        view: SequenceView = dataset.sequence(name)
        for start in range(0, view.length, _EVERY):
            yield view.rgb(start, start + 1)[0], view.label(start, start + 1)[0]


def _cells(rgb: np.ndarray) -> np.ndarray:
    """Return (H, W) int64 numbers of the cells that colours fall into."""
    r, g, b = (rgb[..., c].astype(np.int64) >> (8 - _BITS) for c in range(3))
    return (r << 2 * _BITS) | (g << _BITS) | b


def _colors(cells: np.ndarray) -> torch.Tensor:
    """Return (N, 3) float colours, about -1 to 1, of the middles of cells."""
    mask = (1 << _BITS) - 1
    parts = [(cells >> shift) & mask for shift in (2 * _BITS, _BITS, 0)]
    values = (np.stack(parts, 1) + 0.5) / (1 << _BITS) * 2 - 1
    return torch.from_numpy(values.astype(np.float32))


def _print_results(folder: Path, content_hash: str) -> None:
    for _, result in load_results([folder]):
        same = result.dataset.content_hash == content_hash and result.kind == "model"
        if same and result.scores.mean_iou is not None:
            print(
                f"{result.label:34} {100 * result.scores.mean_iou:6.1f}  "
                f"{100 * (result.scores.pixel_accuracy or 0):9.1f}"
                f"   trained for {result.training_seconds / 60:.0f} min"
            )


if __name__ == "__main__":
    main()
