"""Which share of the pixels each class has, by sequence, environment and split.

A class that one environment shows and another does not is either not there or not mapped; both are
worth knowing before a network is trained.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from airseg.classes import IGNORE_INDEX
from airseg.dataset.packing.writer import PackItem
from airseg.labels.relabel import count_labels


@dataclass(frozen=True)
class SequenceShare:
    """Pixels of one sequence by label: (256,) int64."""

    environment: str
    sequence: str
    split: str
    frames: int
    pixels: np.ndarray


def shares_of(items: Sequence[PackItem], id_pixels: Sequence[np.ndarray]) -> list[SequenceShare]:
    """Return the pixels of each sequence by label, from those by raw id."""
    return [
        SequenceShare(
            item.source.environment,
            item.source.name,
            item.split,
            item.source.length,
            count_labels(pixels, item.resolution.table),
        )
        for item, pixels in zip(items, id_pixels, strict=True)
    ]


def to_csv(shares: Sequence[SequenceShare], classes: Sequence[str]) -> str:
    """Return one row per sequence and one per environment; values are shares from 0 to 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["environment", "sequence", "split", "frames", *classes, "ignored"])
    for environment in sorted({share.environment for share in shares}):
        members = [share for share in shares if share.environment == environment]
        for share in members:
            row = [environment, share.sequence, share.split, share.frames]
            writer.writerow(row + _shares(share.pixels, len(classes)))
        total = np.sum([share.pixels for share in members], axis=0)
        row = [environment, "(all)", "", sum(share.frames for share in members)]
        writer.writerow(row + _shares(total, len(classes)))
    return text.getvalue()


def missing_classes(shares: Sequence[SequenceShare], classes: Sequence[str]) -> list[str]:
    """Return a warning for each environment that lacks a class which another one shows."""
    environments = sorted({share.environment for share in shares})
    shown = {
        name: {
            label
            for label in range(len(classes))
            if any(s.pixels[label] for s in shares if s.environment == name)
        }
        for name in environments
    }
    everywhere = set().union(*shown.values())
    return [
        f"environment {name} shows no {', '.join(classes[n] for n in sorted(lacking))}, which "
        "others show: is a rule missing in the label map?"
        for name in environments
        if (lacking := everywhere - shown[name])
    ]


def _shares(pixels: np.ndarray, classes: int) -> list[str]:
    total = max(1, int(pixels.sum()))
    return [f"{pixels[n] / total:.6f}" for n in (*range(classes), IGNORE_INDEX)]
