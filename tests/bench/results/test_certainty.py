"""Rows against rows: paired by flight and seed, corrected for their number, and in letters."""

import itertools

import numpy as np
import pytest
import scipy.stats
from made_results import flown, made_result, write_results

from airseg.bench.leaderboard.comparison import comparison, difference_table
from airseg.bench.results.certainty import Difference, certainty, differences, letters
from airseg.bench.results.result import load_results
from airseg.bench.results.seeds import merge_seeds

FLIGHTS = np.array([0.30, 0.35, 0.42, 0.38, 0.33, 0.44])


def row(name, gain, seeds=3, noise=0.002):
    """Return a network's trainings: as good as the flights are easy, and its gain."""
    random = np.random.default_rng(sum(map(ord, name)))
    return [
        made_result(
            f"{name}-seed{seed}",
            label=name,
            network=name,
            iou=0.4,
            train={"seed": seed},
            **flown(*(FLIGHTS + gain + noise * random.standard_normal(6))),
        )
        for seed in range(seeds)
    ]


def merged(tmp_path, *rows):
    write_results(tmp_path, *itertools.chain(*rows))
    return [r for _, r in merge_seeds(load_results([tmp_path]))]


def test_a_gain_on_every_flight_is_shown_though_flights_differ_more(tmp_path):
    """Unpaired, 3 points are lost between flights that differ by 14."""
    (pair,) = differences(merged(tmp_path, row("a", 0.03), row("b", 0.0)))
    sign = 1 if pair.first.startswith("a") else -1
    assert sign * pair.found.mean == pytest.approx(0.03, abs=0.004)
    assert pair.is_shown
    assert scipy.stats.ttest_ind(FLIGHTS + 0.03, FLIGHTS).pvalue > 0.3


def test_differences_of_submissions_are_students_paired_test(tmp_path):
    noise = np.random.default_rng(0).normal(0.02, 0.01, 6)
    rows = [
        made_result(n, kind="submission", protocol="submitted", **flown(*v))
        for n, v in (("a", FLIGHTS + noise), ("b", FLIGHTS))
    ]
    (pair,) = differences(rows)
    assert pair.probability == pytest.approx(scipy.stats.ttest_rel(FLIGHTS + noise, FLIGHTS).pvalue)


def test_pairs_are_corrected_for_their_number():
    """Holm 1979, by its steps: the smallest of m times m, the next times m - 1, never falling."""
    random = np.random.default_rng(1)
    scores = {
        n: FLIGHTS + gain + random.normal(0, 0.02, 6)
        for n, gain in zip("abc", (0, 0.02, 0.03), strict=True)
    }
    rows = [
        made_result(n, kind="submission", protocol="submitted", **flown(*v))
        for n, v in scores.items()
    ]
    pairs = differences(rows)
    raw = [scipy.stats.ttest_rel(scores[p.first], scores[p.second]).pvalue for p in pairs]
    largest, expected = 0.0, {}
    for rank, place in enumerate(np.argsort(raw)):
        largest = max(largest, min(1, raw[place] * (3 - rank)))
        expected[place] = largest
    assert [p.probability for p in pairs] == pytest.approx([expected[i] for i in range(3)])


def test_single_trainings_are_open_whatever_they_score(tmp_path):
    rows = merged(tmp_path, row("a", 0.2, seeds=1), row("b", 0.0, seeds=1))
    (pair,) = differences(rows)
    assert np.isnan(pair.probability)
    assert difference_table(rows)["verdict"].tolist() == ["open"]
    assert "takes 3 seeds of each and 6 flights" in comparison(rows).sentences[1]


def test_what_was_not_trained_is_the_same_for_every_seed(tmp_path):
    baseline = [made_result("constant", kind="baseline", iou=0.1, **flown(*(FLIGHTS - 0.2)))]
    (pair,) = differences(merged(tmp_path, row("a", 0.0), baseline))
    assert (pair.found.seeds, pair.found.flights) == (3, 6)
    assert pair.is_shown


def test_rows_that_leak_are_compared_with_nobody(tmp_path):
    rows = [made_result("a", **flown(*FLIGHTS)), made_result("b", protocol="paper")]
    assert differences(rows) == []
    assert comparison(rows).rows == []


def test_rows_that_do_not_differ_share_a_letter(tmp_path):
    rows = merged(tmp_path, *(row(n, 0.1, noise=0.01) for n in ("best", "equal")), row("worst", 0))
    found = comparison(rows)
    by_label = {line.label: line.letters for line in found.rows}
    assert by_label["best"] == by_label["equal"]
    assert by_label["worst"] not in by_label["best"]
    table = difference_table(rows)
    assert sorted(table["verdict"]) == ["differ", "differ", "not shown to differ"]
    assert (table["p, Holm"] >= table["p"]).all()


@pytest.mark.parametrize("seed", range(5))
def test_letters_say_exactly_which_pairs_are_shown_to_differ(seed):
    """Piepho's rule: two rows share a letter if and only if they are not shown to differ."""
    random = np.random.default_rng(seed)
    runs = [f"r{i}" for i in range(6)]
    estimates = certainty(made_result("a", **flown(*FLIGHTS)))
    pairs = [
        Difference(a, b, estimates, float(random.choice([0.01, 0.5])))
        for a, b in itertools.combinations(runs, 2)
    ]
    found = letters(runs, pairs)
    for pair in pairs:
        assert bool(set(found[pair.first]) & set(found[pair.second])) != pair.is_shown


def test_seeds_do_not_hide_the_interval(tmp_path):
    (merged_row,) = merged(tmp_path, row("a", 0.0))
    found = certainty(merged_row)
    assert (found.kind, found.seeds, found.flights) == ("interval", 3, 6)
    assert found.low < FLIGHTS.mean() < found.high
