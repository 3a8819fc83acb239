"""Scores of label images, pooled over a whole split.

Counts are integers; a score of something that never occurs is NaN.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


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
            self._count_image(prediction.long(), label.long())

    def merge(self, other: ConfusionMatrix) -> None:
        """Add another matrix's counts."""
        self.counts += other.counts
        self._image_jaccards += other._image_jaccards

    @property
    def class_iou(self) -> np.ndarray:
        """(C,) intersection over union of each class; NaN where neither label nor prediction is."""
        hit = np.diag(self.counts).astype(float)
        union = self.counts.sum(0) + self.counts.sum(1) - np.diag(self.counts)
        return np.divide(hit, union, out=np.full(len(hit), np.nan), where=union > 0)

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that occur in label or prediction: the headline."""
        known = self.class_iou[~np.isnan(self.class_iou)]
        return float(known.mean()) if known.size else float("nan")

    @property
    def frequency_weighted_iou(self) -> float:
        """Class IoU weighted by the classes' share of labelled pixels."""
        share = self.counts.sum(1)
        if not share.sum():
            return float("nan")
        return float((np.nan_to_num(self.class_iou) * share).sum() / share.sum())

    @property
    def pixel_accuracy(self) -> float:
        """Share of labelled pixels that are right."""
        total = self.counts.sum()
        return float(np.diag(self.counts).sum() / total) if total else float("nan")

    @property
    def paper_jaccard(self) -> float:
        """The founding paper's Eq. 1-2: c / (2 n - c) of each image, averaged over images.

        It calls this mIoU. It pools pixels and classes of an image before it divides, so it is a
        function of pixel accuracy and says nothing about rare classes.
        """
        return float(np.mean(self._image_jaccards)) if self._image_jaccards else float("nan")

    def _count_image(self, prediction: Tensor, label: Tensor) -> None:
        valid = label != self.ignore_index
        label, prediction = label[valid], prediction[valid]
        classes = self.num_classes
        if label.numel() == 0:
            return
        low = min(int(label.min()), int(prediction.min()))
        high = max(int(label.max()), int(prediction.max()))
        if low < 0 or high >= classes:
            raise ValueError(f"values from {low} to {high} are not all classes 0 to {classes - 1}")
        counts = torch.bincount(label * classes + prediction, minlength=classes * classes)
        matrix = counts.reshape(classes, classes).cpu().numpy()
        self.counts += matrix
        right, total = int(np.trace(matrix)), int(matrix.sum())
        self._image_jaccards.append(right / (2 * total - right))
