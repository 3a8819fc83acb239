"""mVC, Cons and ConsW: equal to their definitions, and honest about what a constant gets."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_videos import make_video
from metric_oracles import consistency, mvc_correct, mvc_official

from airseg.bench.metrics.formulas import METRICS
from airseg.bench.metrics.sequence_scorer import SequenceScorer, add_counts


def scored(predictions, labels, classes=4):
    scorer = SequenceScorer(classes)
    for prediction, label in zip(predictions, labels, strict=True):
        scorer.update(prediction, label)
    return scorer.counts()


def scores(counts, *names):
    return [float(METRICS[name](counts)) for name in names]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 24),
    ignored=st.sampled_from([0.0, 0.2, 1.0]),
    steady=st.sampled_from([0.0, 0.9, 1.0]),
    present=st.integers(1, 4),
)
def test_equal_to_the_definitions(seed, frames, ignored, steady, present):
    predictions, labels = make_video(seed, frames, ignored=ignored, steady=steady, present=present)
    counts = scored(predictions, labels)
    for n in (8, 16):
        official, correct = scores(counts, f"mvc{n}_official", f"mvc{n}_correct")
        assert official == pytest.approx(mvc_official(predictions, labels, n), nan_ok=True)
        assert correct == pytest.approx(mvc_correct(predictions, labels, n), nan_ok=True)
    expected = consistency(predictions, labels)
    assert scores(counts, "cons", "cons_wrong") == pytest.approx(expected, nan_ok=True)


def test_a_constant_prediction_is_perfect_to_the_official_form_alone():
    _, labels = make_video(1, 40, ignored=0.0, steady=0.995)
    constant = np.full_like(labels, 2)
    official, correct, accuracy, cons = scores(
        scored(constant, labels), "mvc8_official", "mvc8_correct", "pixel_accuracy", "cons"
    )
    assert official == 1.0
    assert cons == 1.0
    assert correct == pytest.approx(accuracy, abs=0.05)
    assert 0.1 < accuracy < 0.5


def test_a_perfect_prediction_is_right_in_both_forms():
    _, labels = make_video(2, 20, ignored=0.0, steady=0.95)
    assert scores(scored(labels, labels), "mvc8_official", "mvc16_correct") == [1.0, 1.0]


@pytest.mark.parametrize(("frames", "official", "correct"), [(7, 0, 0), (8, 0, 1), (9, 1, 2)])
def test_windows_of_short_sequences(frames, official, correct):
    """The authors' script leaves the last window out; a sequence shorter than n has none."""
    labels = np.zeros((frames, 2, 3), np.uint8)
    counts = scored(labels, labels)
    assert counts["mvc8_official"][1] == official
    assert counts["mvc8_correct"][1] == correct
    assert math.isnan(scores(counts, "mvc8_official")[0]) == (official == 0)


def test_sequences_are_pooled_by_windows_and_pairs():
    videos = [make_video(seed, frames) for seed, frames in ((1, 12), (2, 20))]
    total = add_counts(scored(*video) for video in videos)
    singles = [scored(*video) for video in videos]
    shares = sum(c["mvc8_correct"][0] for c in singles)
    windows = sum(c["mvc8_correct"][1] for c in singles)
    assert windows == (12 - 7) + (20 - 7)
    assert scores(total, "mvc8_correct")[0] == pytest.approx(shares / windows)


def test_runs_longer_than_a_byte_can_count_stay_long():
    labels = np.zeros((300, 2, 2), np.uint8)
    predictions = labels.copy()
    predictions[299] = 1
    counts = scored(predictions, labels)
    assert counts["mvc8_correct"].tolist() == [300 - 8, 300 - 7]
