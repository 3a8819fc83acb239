"""The figures of a dataset's card for papers, drawn by matplotlib from the card's own numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from airseg.pdf_figures import figure_style, key_below, new_drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_SPLIT_COLORS = ("#3b82c4", "#d9722e", "#3f9e6b")
_ROW_IN = 0.3


def card_drawings(card: Mapping[str, Any]) -> dict[str, Drawing]:
    """Return shares of the classes by split, and how motion is spread, by names of files.

    Args:
        card: what ``card.json`` tells.

    Raises:
        AirsegError: there is no matplotlib.
    """
    with figure_style():
        drawings = {"classes": _classes(card)}
        if card["histograms"]:
            drawings["motion"] = _motion(card)
    return drawings


def _classes(card: Mapping[str, Any]) -> Drawing:
    classes = card["classes"][::-1]
    splits = [split["name"] for split in card["splits"]]
    drawing, (ax,) = new_drawing(0.9 + _ROW_IN * len(classes))
    height = 0.8 / len(splits)
    for i, split in enumerate(splits):
        places = np.arange(len(classes)) + 0.4 - height * (i + 0.5)
        shares = [100 * row["shares"][split] for row in classes]
        ax.barh(places, shares, height, color=_SPLIT_COLORS[i], label=split)
    ax.set_yticks(range(len(classes)), [row["name"].replace("_", " ") for row in classes])
    ax.set_xlabel("pixels of labelled frames, %")
    key_below(drawing, [ax])
    return drawing


def _motion(card: Mapping[str, Any]) -> Drawing:
    drawing, axes = new_drawing(1.9, len(card["histograms"]))
    for ax, told in zip(axes, card["histograms"], strict=True):
        edges = np.linspace(told["low"], told["high"], len(told["counts"]) + 1)
        ax.stairs(told["counts"], edges, fill=True, color=_SPLIT_COLORS[0])
        ax.axvline(told["median"], color="#444444", linewidth=0.8)
        ax.set_title(told["name"])
        ax.set_xlabel(told["unit"])
    axes[0].set_ylabel("frames")
    return drawing
