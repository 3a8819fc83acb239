"""Scores of single frames, to be watched over time; what is published pools whole splits."""

from __future__ import annotations

import numpy as np
import torch

from airseg.bench.metrics.confusion import ConfusionMatrix
from airseg.classes import IGNORE_INDEX


def frame_scores(
    prediction: np.ndarray, labels: np.ndarray, num_classes: int, ignore_index: int = IGNORE_INDEX
) -> dict[str, float]:
    """Return ``mean_iou`` (over the frame's classes) and ``pixel_accuracy``; NaN without labels.

    Args:
        prediction, labels: (H, W) uint8; where labels do not count, any prediction will do.
        num_classes, ignore_index: of the labels.
    """
    matrix = ConfusionMatrix(num_classes, ignore_index)
    counted = labels != ignore_index
    matrix.update(
        torch.from_numpy(np.where(counted, prediction, 0)), torch.from_numpy(labels.copy())
    )
    return {"mean_iou": matrix.mean_iou, "pixel_accuracy": matrix.pixel_accuracy}
