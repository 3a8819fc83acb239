"""Scores: equal to torchmetrics and to a NumPy oracle, on ordinary and on mean input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from airseg.bench.metrics.confusion import ConfusionMatrix

CLASSES = 5


def random_images(seed, ignored=0.1, classes=CLASSES):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, (4, 12, 10))
    predictions = np.where(random.random(labels.shape) < 0.6, labels, random.integers(0, classes))
    labels = np.where(random.random(labels.shape) < ignored, 255, labels)
    return torch.from_numpy(predictions), torch.from_numpy(labels)


def matrix_of(predictions, labels):
    scores = ConfusionMatrix(CLASSES)
    scores.update(predictions, labels)
    return scores


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_torchmetrics(seed):
    predictions, labels = random_images(seed)
    scores = matrix_of(predictions, labels)
    jaccard = MulticlassJaccardIndex(CLASSES, average=None, ignore_index=255)
    accuracy = MulticlassAccuracy(CLASSES, average="micro", ignore_index=255)
    jaccard.update(predictions, labels)
    accuracy.update(predictions, labels)
    np.testing.assert_allclose(scores.class_iou, jaccard.compute().numpy(), rtol=1e-6)
    assert scores.mean_iou == pytest.approx(float(jaccard.compute().mean()), rel=1e-6)
    assert scores.pixel_accuracy == pytest.approx(float(accuracy.compute()), rel=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.5, 1.0]), st.integers(1, CLASSES))
def test_scores_equal_a_plain_count(seed, ignored, present):
    predictions, labels = random_images(seed, ignored, present)
    scores = matrix_of(predictions, labels)
    p, t = predictions.numpy(), labels.numpy()
    valid = t != 255
    ious, right, total = [], int(((p == t) & valid).sum()), int(valid.sum())
    for c in range(CLASSES):
        union = int((((p == c) | (t == c)) & valid).sum())
        if ((t == c) & valid).any():
            ious.append(int(((p == c) & (t == c) & valid).sum()) / union)
    expected = np.mean(ious) if ious else float("nan")
    assert scores.mean_iou == pytest.approx(expected, nan_ok=True)
    assert scores.pixel_accuracy == pytest.approx(right / total if total else np.nan, nan_ok=True)


def test_a_class_that_never_occurs_has_no_score_and_does_not_count():
    scores = matrix_of(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2))
    assert scores.mean_iou == 1.0
    assert np.isnan(scores.class_iou[1:]).all()


def test_one_pixel_of_a_class_that_is_nowhere_costs_one_pixel():
    """Counted as a class of its own, it took a tenth of a flight with ten classes."""
    labels = torch.arange(4).repeat_interleave(100).reshape(1, 20, 20)
    predictions = labels.clone()
    predictions[0, 0, 0] = 4
    scores = matrix_of(predictions, labels)
    assert scores.mean_iou == pytest.approx(1 - 0.01 / 4)
    assert scores.class_iou[4] == 0


def test_the_papers_number_is_a_function_of_pixel_accuracy():
    predictions, labels = random_images(3, ignored=0.0)
    scores = ConfusionMatrix(CLASSES)
    scores.update(predictions[:1], labels[:1])
    accuracy = scores.pixel_accuracy
    assert scores.paper_jaccard == pytest.approx(accuracy / (2 - accuracy))


def test_the_papers_number_is_averaged_over_images_and_not_pooled():
    labels = torch.zeros(2, 1, 4)
    predictions = torch.tensor([[[0, 0, 0, 0]], [[0, 1, 1, 1]]])
    scores = matrix_of(predictions, labels)
    assert scores.paper_jaccard == pytest.approx((1 + 1 / 7) / 2)


def test_merging_equals_counting_together():
    a, b = random_images(1), random_images(2)
    together = ConfusionMatrix(CLASSES)
    together.update(*a)
    together.update(*b)
    merged = matrix_of(*a)
    merged.merge(matrix_of(*b))
    assert (merged.counts == together.counts).all()
    assert merged.paper_jaccard == pytest.approx(together.paper_jaccard)


@pytest.mark.parametrize(
    ("predictions", "labels"),
    [
        (torch.full((1, 2, 2), 5), torch.zeros(1, 2, 2)),
        (torch.zeros(1, 2, 2), torch.full((1, 2, 2), 7)),
        (torch.zeros(1, 2, 2), torch.zeros(1, 2, 3)),
    ],
)
def test_values_and_shapes_out_of_range_are_refused(predictions, labels):
    with pytest.raises(ValueError, match=r"not all classes|have shape"):
        matrix_of(predictions, labels)
