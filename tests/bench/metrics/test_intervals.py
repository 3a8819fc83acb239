"""Intervals by bootstrap over sequences, and the spread over seeds."""

import math

import numpy as np
import pytest
from label_videos import make_video

from airseg.bench.metrics.formulas import METRICS
from airseg.bench.metrics.intervals import Bootstrap, interval, spread
from airseg.bench.metrics.sequence_scorer import SequenceScorer, add_counts


def counts_of(seed, frames=3):
    scorer = SequenceScorer(4)
    for prediction, label in zip(*make_video(seed, frames), strict=True):
        scorer.update(prediction, label)
    return scorer.counts()


@pytest.mark.parametrize("name", sorted(METRICS))
def test_each_draw_is_the_score_of_its_sequences_together(name):
    sequences = [counts_of(seed) for seed in range(3)]
    draws = np.random.default_rng(0).multinomial(3, [1 / 3] * 3, 20)
    expected = [
        float(
            METRICS[name](
                add_counts([s for s, n in zip(sequences, d, strict=True) for _ in range(n)])
            )
        )
        for d in draws
    ]
    found = Bootstrap(3, resamples=20).scores(sequences, METRICS[name])
    assert found == pytest.approx(expected, nan_ok=True)


def test_an_interval_covers_the_mean_of_most_samples():
    """Of scores that are plain means, 95 % intervals of 30 sequences cover about 95 %."""
    random = np.random.default_rng(3)
    covered = 0
    for trial in range(200):
        sequences = [
            {"area": np.zeros((1, 1, 1)), "jaccard": np.array([v, 1.0])}
            for v in random.normal(0.5, 0.1, 30)
        ]
        draws = Bootstrap(30, resamples=300, seed=trial).scores(sequences, METRICS["paper_jaccard"])
        low, high = interval(draws)
        covered += low <= 0.5 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_draws_of_one_seed_are_the_same_so_that_differences_are_paired():
    a, b = [counts_of(s) for s in (1, 2)], [counts_of(s) for s in (1, 2)]
    score = METRICS["mean_iou"]
    difference = Bootstrap(2).scores(a, score) - Bootstrap(2).scores(b, score)
    assert interval(difference) == (0.0, 0.0)


def test_what_is_never_known_has_no_interval():
    assert interval(np.full(5, np.nan)) is None
    assert interval(np.array([np.nan, 1.0, 1.0])) == (1.0, 1.0)


def test_spread_over_seeds():
    found = spread([0.4, 0.5, 0.6])
    assert (found.mean, found.deviation, found.count) == (pytest.approx(0.5), pytest.approx(0.1), 3)
    assert math.isnan(spread([0.4]).deviation)
    with pytest.raises(ValueError, match="no values"):
        spread([])
