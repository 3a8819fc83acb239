"""Words beside rows: what they may be compared with, and which trainings failed."""

import numpy as np
from made_results import made_result

from airseg.bench.leaderboard.badges import DIVERGED, FAIR, SUBMITTED, badges
from airseg.bench.results.seeds import merge_seeds


def with_losses(run, losses):
    return made_result(run, curves={"loss": [(i, float(v)) for i, v in enumerate(losses)]})


def test_a_training_whose_loss_rose_is_no_fair_row():
    """A known truth: exponential decay learns, growth diverges, and a plateau learnt nothing."""
    steps, noise = np.arange(50), np.random.default_rng(0).normal(0, 0.02, 50)
    found = badges(
        [
            with_losses("learns", 2 * np.exp(-steps / 20) + noise),
            with_losses("grows", 2 * np.exp(steps / 20)),
            with_losses("spikes", np.where(steps == 30, 50.0, 2 * np.exp(-steps / 20))),
        ]
    )
    assert found == {"learns": FAIR, "grows": DIVERGED, "spikes": FAIR}


def test_a_seed_that_diverged_marks_the_row_it_is_in(tmp_path):
    """Its score is in the mean, whichever seed's curve the page draws."""
    fine = [(i, 2 - i / 50) for i in range(50)]
    rows = [
        made_result(f"net-seed{i}", label="net", network="x", train={"seed": i}, curves=curves)
        for i, curves in enumerate([{"loss": fine}, {"loss": [(s, 4 - v) for s, v in fine]}])
    ]
    ((_, merged),) = merge_seeds([(tmp_path / f"{r.run}.json", r) for r in rows])
    assert badges([merged])[merged.run] == DIVERGED
    assert badges([rows[0]])[rows[0].run] == FAIR


def test_what_is_scored_on_its_training_flights_leaks():
    where = {"content_hash": "abc123", "split": "train", "sequences": {"a": 9}}
    network, submitted = (
        made_result(kind, kind=kind, protocol=protocol, dataset=where)
        for kind, protocol in (("model", "fair"), ("submission", "submitted"))
    )
    found = badges([network, submitted])
    assert found["model"].name == "leaks"
    assert "flights that it was trained on" in found["model"].meaning
    assert found["submission"] == SUBMITTED


def test_two_recipes_of_one_dataset_bring_one_row_of_the_majority_class(tmp_path):
    rows = [
        made_result(f"{name}-majority-class", label="majority class (sky)", kind="baseline")
        for name in ("demo", "other")
    ]
    merged = merge_seeds([(tmp_path / r.run, r) for r in [*rows, made_result("one")]])
    assert sorted(r.label for _, r in merged) == ["majority class (sky)", "one"]
