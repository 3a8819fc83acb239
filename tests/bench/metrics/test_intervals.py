"""Two-way intervals over seeds and flights: equal to Student's where one way is left, and true."""

import math

import numpy as np
import pytest
import scipy.stats

from airseg.bench.metrics.intervals import estimate, holm, spread

FLIGHTS = np.array([0.31, 0.35, 0.42, 0.38, 0.33, 0.44, 0.29])


def test_one_training_has_students_interval_over_flights():
    found = estimate(FLIGHTS[None])
    expected = scipy.stats.ttest_1samp(FLIGHTS, 0)
    assert (found.kind, found.seeds, found.flights) == ("interval", 1, 7)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.probability == pytest.approx(expected.pvalue)


def test_where_flights_do_not_differ_it_is_students_interval_over_seeds():
    seeds = np.array([0.40, 0.43, 0.37, 0.41])
    found = estimate(np.repeat(seeds[:, None], 8, 1))
    expected = scipy.stats.ttest_1samp(seeds, 0)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.degrees == pytest.approx(3)


def test_where_seeds_do_not_differ_it_is_students_interval_over_flights():
    found = estimate(np.repeat(FLIGHTS[None], 4, 0))
    expected = scipy.stats.ttest_1samp(FLIGHTS, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("flights", [2, 3, 5])
def test_few_flights_have_their_range_under_that_name(flights):
    values = np.stack([FLIGHTS[:flights], FLIGHTS[:flights] + 0.02, FLIGHTS[:flights] - 0.02])
    found = estimate(values)
    assert found.kind == "range"
    assert (found.low, found.high) == pytest.approx(
        (min(FLIGHTS[:flights]), max(FLIGHTS[:flights]))
    )
    assert math.isnan(found.probability)
    assert math.isnan(found.bound)
    assert not found.is_testable


def test_two_seeds_and_one_flight_have_no_interval():
    assert estimate(np.stack([FLIGHTS, FLIGHTS + 0.1])).kind == "range"
    alone = estimate(FLIGHTS[:1, None])
    assert (alone.kind, alone.mean) == ("none", FLIGHTS[0])


def test_flights_without_a_score_are_left_out():
    values = np.stack([np.append(FLIGHTS, np.nan), np.append(np.nan, FLIGHTS)])
    assert estimate(values[:1]).flights == 7
    assert estimate(values).flights == 6
    assert estimate(np.full((2, 3), np.nan)).flights == 0
    with pytest.raises(ValueError, match="expected values"):
        estimate(FLIGHTS)


def made(random, seeds, flights, of_seeds, of_flights):
    """Return scores with a known mean of 0, as a training and a flight make them together."""
    return (
        of_seeds * random.standard_normal((seeds, 1))
        + of_flights * random.standard_normal(flights)
        + 0.5 * random.standard_normal((seeds, flights))
    )


@pytest.mark.parametrize(("of_seeds", "of_flights"), [(1, 0), (1, 1), (0.2, 2)])
@pytest.mark.parametrize(("seeds", "flights"), [(3, 6), (3, 12), (5, 6), (5, 12)])
def test_what_is_called_95_per_cent_covers_that(seeds, flights, of_seeds, of_flights):
    """Draws of flights alone, as bootstraps make them, covered 30 to 90 % of these."""
    random = np.random.default_rng(7)
    found = [estimate(made(random, seeds, flights, of_seeds, of_flights)) for _ in range(600)]
    covered = np.mean([e.low <= 0 <= e.high for e in found])
    assert 0.93 <= covered <= 0.99


def test_probabilities_are_corrected_as_r_does():
    """p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm") in R."""
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.04, math.nan, 0.005]) == pytest.approx([0.04, math.nan, 0.01], nan_ok=True)
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_what_it_would_take_grows_with_the_square_of_what_is_missing():
    values = np.random.default_rng(1).normal(0.1, 1, (1, 9))
    found = estimate(values)
    larger = estimate(values + found.mean)
    assert found.times_as_much == pytest.approx(4 * larger.times_as_much)
    sure = estimate(np.full((1, 9), 0.2) + 1e-3 * values)
    assert sure.times_as_much < 1


def test_spread_over_seeds():
    found = spread([0.4, 0.5, 0.6])
    assert (found.mean, found.deviation, found.count) == (pytest.approx(0.5), pytest.approx(0.1), 3)
    assert math.isnan(spread([0.4]).deviation)
    with pytest.raises(ValueError, match="no values"):
        spread([])
