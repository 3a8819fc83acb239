"""How many pixels each raw id and each label have, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from airseg.dataset.packing.parts import READERS, PackItem, has_labels, read_ahead
from airseg.dataset.packing.ticker import Progress, Ticker
from airseg.labels.relabel import count_ids, count_labels


def count_pixels(items: Sequence[PackItem], progress: Progress | None = None) -> list[np.ndarray]:
    """Count how often each raw id is seen, reading nothing but raw ids.

    Returns:
        (256,) int64 pixels by raw id, for each item.
    """
    ticker = Ticker("counting", sum(item.source.length for item in items), progress)
    counts: list[np.ndarray] = []
    with ThreadPoolExecutor(READERS, thread_name_prefix="read") as pool:
        for item in items:
            pixels = np.zeros(256, np.int64)
            ahead = read_ahead(item.source.read_ids, range(item.source.length), pool)
            for index, ids in ahead:
                if has_labels(item.source, index):
                    pixels += count_ids(ids)
                ticker.tick()
            counts.append(pixels)
    return counts


def split_pixels(
    items: Sequence[PackItem], id_pixels: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    """Return (256,) int64 pixels by label for each split, from those by raw id."""
    totals: dict[str, np.ndarray] = {}
    for item, pixels in zip(items, id_pixels, strict=True):
        labels = count_labels(pixels, item.resolution.table)
        totals[item.split] = totals.get(item.split, np.zeros(256, np.int64)) + labels
    return totals
