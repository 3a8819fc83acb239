"""Boundary F-score: equal to its definition, counted pixel by pixel."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_oracles import boundary_counts as expected_counts

from airseg.bench.metrics.boundary_counts import boundary_counts, tolerance_px
from airseg.bench.metrics.formulas import METRICS, boundary_f


def blocks(seed, height, width, classes, ignored):
    """Return a label image of a few rectangles."""
    random = np.random.default_rng(seed)
    image = np.full((height, width), random.integers(0, classes), np.uint8)
    for _ in range(4):
        y, x = random.integers(0, height), random.integers(0, width)
        image[y : y + 6, x : x + 7] = random.integers(0, classes)
    if ignored:
        y, x = random.integers(0, height), random.integers(0, width)
        image[y : y + 3, x : x + 4] = 255
    return image


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.sampled_from([(1, 1), (1, 9), (13, 17), (16, 2)]),
    classes=st.sampled_from([1, 3, 20]),
    ignored=st.booleans(),
)
def test_equal_to_the_definition(seed, size, classes, ignored):
    label = blocks(seed, *size, classes, ignored)
    prediction = blocks(seed + 1, *size, classes, False)
    found = boundary_counts(prediction, label, classes)
    assert tolerance_px(*size) == 1
    assert found.tolist() == expected_counts(prediction, label, classes, 1).tolist()


def test_equal_to_the_definition_with_a_wide_disk(monkeypatch):
    monkeypatch.setattr("airseg.bench.metrics.boundary_counts.TOLERANCE", 0.2)
    label, prediction = blocks(3, 30, 16, 3, False), blocks(4, 30, 16, 3, False)
    label[18:, 4:] = 255  # an area, and no band to be bridged
    radius = tolerance_px(20, 16)
    monkeypatch.setattr(
        "airseg.bench.metrics.boundary_counts.tolerance_px", lambda height, width: radius
    )
    assert radius == 5
    found = boundary_counts(prediction, label, 3)
    assert found.tolist() == expected_counts(prediction, label, 3, radius).tolist()


def test_all_ignored_counts_nothing():
    label = np.full((5, 6), 255, np.uint8)
    assert not boundary_counts(np.zeros((5, 6), np.uint8), label, 3).any()


def test_an_outline_within_the_tolerance_is_perfect_and_beyond_it_worthless():
    label = np.zeros((480, 640), np.uint8)
    label[:, 320:] = 1
    near, far = np.zeros_like(label), np.zeros_like(label)
    near[:, 314:] = 1
    far[:, 300:] = 1
    assert tolerance_px(480, 640) == 6
    scores = [
        METRICS["boundary_f"]({"boundary": boundary_counts(image, label, 3)})
        for image in (near, far)
    ]
    assert scores == [1.0, 0.0]


def test_a_class_without_outlines_has_no_score():
    label = np.zeros((8, 8), np.uint8)
    scores = boundary_f({"boundary": boundary_counts(label, label, 2)})
    assert all(math.isnan(s) for s in scores)
    assert math.isnan(METRICS["boundary_f"]({"boundary": boundary_counts(label, label, 2)}))


@pytest.mark.parametrize("band", [1, 2, 3])
def test_an_ignored_band_along_outlines_is_bridged(band):
    """Every outline lay in the band and none counted: 0.00 for every network, a perfect one too."""
    truth = np.zeros((480, 640), np.uint8)
    truth[:, 300:] = 1
    truth[100:200, 100:200] = 2
    edges = cv2.morphologyEx(truth, cv2.MORPH_GRADIENT, np.ones((2 * band + 1,) * 2, np.uint8)) > 0
    label = np.where(edges, np.uint8(255), truth)
    assert METRICS["boundary_f"]({"boundary": boundary_counts(truth, label, 3)}) == 1.0
    off = np.roll(truth, 40, 1)
    assert METRICS["boundary_f"]({"boundary": boundary_counts(off, label, 3)}) < 0.7


def test_where_no_outline_is_known_the_score_is_empty_and_not_nothing():
    label = np.full((60, 80), 255, np.uint8)
    label[:10], label[40:] = 0, 1
    guess = np.zeros_like(label)
    guess[:, 40:] = 1
    assert math.isnan(METRICS["boundary_f"]({"boundary": boundary_counts(guess, label, 2)}))


def test_precision_and_recall_are_pooled_before_they_are_divided():
    counts = np.array([[6, 10, 3, 4], [0, 5, 0, 0]])
    precision, recall = 0.6, 0.75
    expected = [2 * precision * recall / (precision + recall), 0.0]
    assert boundary_f({"boundary": counts}) == pytest.approx(expected)
