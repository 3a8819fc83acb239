"""Scores of label images, pooled over a whole split.

Counts are integers; a score of something that never occurs is NaN. The functions take matrices with
any leading dimensions.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from airseg.bench.metrics.pair_counts import pair_counts


class ConfusionMatrix:
    """Counts how often each class was predicted where each class is.

    Args:
        num_classes: number of classes.
        ignore_index: label value that does not count.

    Attributes:
        counts: (C, C) int64, rows are labels, columns predictions.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255) -> None:
        self.num_classes, self.ignore_index = num_classes, ignore_index
        self.counts = np.zeros((num_classes, num_classes), np.int64)
        self._image_jaccards: list[float] = []

    def update(self, predictions: Tensor, labels: Tensor) -> None:
        """Count images.

        Args:
            predictions: (..., H, W) integer, 0 to C - 1.
            labels: the same shape, 0 to C - 1 or `ignore_index`.

        Raises:
            ValueError: shapes differ, or a value is out of range.
        """
        if predictions.shape != labels.shape:
            raise ValueError(
                f"predictions have shape {tuple(predictions.shape)}, labels {tuple(labels.shape)}"
            )
        height, width = labels.shape[-2:]
        for prediction, label in zip(
            predictions.reshape(-1, height, width), labels.reshape(-1, height, width), strict=True
        ):
            self._count_image(prediction, label)

    def merge(self, other: ConfusionMatrix) -> None:
        """Add another matrix's counts."""
        self.counts += other.counts
        self._image_jaccards += other._image_jaccards

    @property
    def class_iou(self) -> np.ndarray:
        """(C,) intersection over union of each class; NaN where neither label nor prediction is."""
        return class_iou(self.counts)

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that occur in the labels: the headline."""
        return float(mean_iou(self.counts))

    @property
    def frequency_weighted_iou(self) -> float:
        """Class IoU weighted by the classes' share of labelled pixels."""
        return float(frequency_weighted_iou(self.counts))

    @property
    def pixel_accuracy(self) -> float:
        """Share of labelled pixels that are right."""
        return float(accuracy(self.counts))

    @property
    def paper_jaccard(self) -> float:
        """The founding paper's Eq. 1-2: c / (2 n - c) of each image, averaged over images.

        It calls this mIoU. It pools pixels and classes of an image before it divides, so it is a
        function of pixel accuracy and says nothing about rare classes.
        """
        return float(np.mean(self._image_jaccards)) if self._image_jaccards else float("nan")

    def _count_image(self, prediction: Tensor, label: Tensor) -> None:
        valid = label != self.ignore_index
        if not valid.any():
            return
        classes = self.num_classes
        if prediction.dtype != torch.uint8 or label.dtype != torch.uint8:
            chosen = torch.cat([label[valid], prediction[valid]])
            low, high = int(chosen.min()), int(chosen.max())
            if low < 0 or high >= classes:
                raise _no_classes(low, high, classes)
            label, prediction = label.to(torch.uint8), prediction.to(torch.uint8)
        labels, found, counted = (image.cpu().numpy() for image in (label, prediction, valid))
        matrix = pair_counts(labels, found, counted, classes + 1)
        if matrix[-1].any() or matrix[:, -1].any():
            highest = max(int(label[valid].max()), int(prediction[valid].max()))
            raise _no_classes(0, highest, classes)
        matrix = matrix[:-1, :-1]
        self.counts += matrix
        right, total = int(np.trace(matrix)), int(matrix.sum())
        self._image_jaccards.append(right / (2 * total - right))


def _no_classes(low: int, high: int, classes: int) -> ValueError:
    return ValueError(f"values from {low} to {high} are not all classes 0 to {classes - 1}")


def class_iou(matrix: np.ndarray) -> np.ndarray:
    """Return (..., C) intersection over union; NaN where neither label nor prediction is."""
    hit = np.diagonal(matrix, axis1=-2, axis2=-1)
    return divide(hit, matrix.sum(-1) + matrix.sum(-2) - hit)


def mean_iou(matrix: np.ndarray) -> np.ndarray:
    """Return (...,) the mean over the classes that occur in the labels.

    What is predicted as a class that is nowhere counts against the class that is there. Were it a
    class of its own with a score of 0, one pixel of it would take 9 points from a flight of ten
    classes.
    """
    return mean_of_known(labelled_iou(matrix))


def labelled_iou(matrix: np.ndarray) -> np.ndarray:
    """Return (..., C) intersection over union; NaN for classes that no label is."""
    return np.where(matrix.sum(-1) > 0, class_iou(matrix), np.nan)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """Return (...,) the share of labelled pixels that are right."""
    return divide(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum((-2, -1)))


def frequency_weighted_iou(matrix: np.ndarray) -> np.ndarray:
    """Return (...,) class IoU weighted by the classes' share of labelled pixels."""
    share = matrix.sum(-1)
    return divide((np.nan_to_num(class_iou(matrix)) * share).sum(-1), share.sum(-1))


def divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return a ratio; NaN where nothing was counted."""
    above, below = np.asarray(above, float), np.asarray(below, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Return (...,) the mean over the last axis without NaN; NaN where all are."""
    known = ~np.isnan(values)
    return divide(np.where(known, values, 0).sum(-1), known.sum(-1))
