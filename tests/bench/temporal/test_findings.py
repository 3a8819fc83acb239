"""Gains, intervals and words from made-up counts; and charts of them."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from made_results import made_result

from airseg.bench.metrics.confusion import mean_iou
from airseg.bench.temporal.charts import gain_chart
from airseg.bench.temporal.findings import find, headlines, points_text
from airseg.bench.temporal.gains import Curve, Gains, Point
from airseg.bench.temporal.pairs import Pair, Row, pair_up
from airseg.bench.temporal.study import CLEAN

SEQUENCES = [f"flight{i}" for i in range(8)]


def row(run, depth=0, seed=0, label=None):
    recipe = {
        "model": {"name": "fanet18", "options": {"tca_depth": depth}},
        "data": {"height": 32, "width": 48},
        "train": {"seed": seed},
    }
    return Row(made_result(run, label=label, recipe=recipe), Path(run))


def matrices(accuracies, spread=0.0, seed=0):
    """Return each flight's confusion matrix of two classes, right to a share."""
    random = np.random.default_rng(seed)
    found = {}
    for name, accuracy in zip(SEQUENCES, accuracies, strict=True):
        right = round(10_000 * (accuracy + spread * random.standard_normal()))
        found[name] = {"matrix": np.array([[right, 10_000 - right], [10_000 - right, right]])}
    return found


def measured(noise_gain, clean_gain=0.0, spread=0.0, seeds=3):
    """Return counts of networks that gain under noise, and of their per-frame versions, by run."""
    both = {}
    for seed in range(seeds):
        for run, gains in (("base", (0, 0)), ("memory", (clean_gain, noise_gain))):
            levels = {}
            for place, (key, gain) in enumerate(zip(("noise/0", "noise/40"), gains, strict=True)):
                accuracies = [0.6 + 0.02 * i + gain for i in range(8)]
                levels[key] = matrices(accuracies, spread, seed=[7, seed, place, run == "base"])
            levels |= {"noise/10": levels["noise/0"], "noise/20": levels["noise/0"]}
            levels[CLEAN] = {
                s: c
                | {
                    "motion": np.stack([c["matrix"]] * 5),
                    "visibility": np.stack([c["matrix"]] * 4),
                    "area": np.stack([c["matrix"] * 0] + [c["matrix"]] * 3),
                    "gone": c["matrix"],
                }
                for s, c in levels["noise/0"].items()
            }
            both[f"{run}{seed}"] = levels
    return both


def pairs(seeds=3):
    return [
        Pair(row(f"memory{s}", 4, s, "memory"), row(f"base{s}", 0, s, "base")) for s in range(seeds)
    ]


def findings(counts, seeds=3, flights=8):
    gains = Gains(pairs(seeds), counts, SEQUENCES[:flights])
    return {f.name: f for f in find(gains, ("noise",), 25.0)}


def test_a_gain_that_every_flight_shows_is_said_to_help_and_to_grow():
    found = findings(measured(noise_gain=0.1, clean_gain=0.02))
    point = found["overall"].curves[0].points[0]
    # mean IoU of two classes of accuracy a is a / (2 - a), of each flight.
    base, memory = (
        np.mean([100 * a / (2 - a) for a in 0.6 + 0.02 * np.arange(8) + g]) for g in (0, 0.02)
    )
    assert (point.base, point.memory) == pytest.approx((base, memory))
    assert point.gain == pytest.approx(memory - base)
    assert 0 < point.low < point.gain < point.high
    assert f"memory: memory helps: {point.gain:+.1f} points" in found["overall"].sentences[0]
    assert "Memory is worth more in noise" in found["noise"].sentences[0]
    change = found["noise"].curves[0].change
    assert change.low < change.gain < change.high
    assert change.gain > 5


def test_a_loss_is_said_to_hurt_and_to_be_worth_less():
    found = findings(measured(noise_gain=-0.1, clean_gain=-0.02))
    assert "memory: memory hurts: −" in found["overall"].sentences[0]
    assert "Memory is worth less in noise" in found["noise"].sentences[0]


def test_no_gain_has_a_bound_and_is_not_called_none():
    found = findings(measured(noise_gain=0.0, spread=0.01))
    point = found["overall"].curves[0].points[0]
    said = found["overall"].sentences[0]
    assert f"is not shown to matter, no more than {point.bound:.1f} points either way" in said
    assert "It is not shown to be worth more or less in noise" in found["noise"].sentences[0]


@pytest.mark.parametrize(("seeds", "flights"), [(1, 8), (2, 8), (3, 5), (3, 1), (1, 1)])
def test_few_seeds_or_flights_decide_nothing(seeds, flights):
    """With one flight, or one seed, whatever came out was called help or harm."""
    found = findings(measured(noise_gain=0.2, clean_gain=0.1, seeds=seeds), seeds, flights)
    text = " ".join(s for f in found.values() for s in f.sentences)
    assert "a verdict takes 3 seeds and 6 flights" in text
    for word in ("memory helps:", "hurts", "Memory is worth", "is not shown"):
        assert word not in text
    assert "Whether any condition changes what memory is worth is open." in headlines(
        list(found.values()), flights, 10**6
    )


def test_memory_that_does_nothing_is_given_a_verdict_in_5_of_100_studies():
    """Bootstraps over flights alone gave one in 50 to 70 of 100."""
    random = np.random.default_rng(2)
    wrong = 0
    for _ in range(150):
        counts = {
            f"{run}{seed}": {
                CLEAN: {
                    s: {"matrix": np.array([[r := 6000 + round(shift + 200 * z), 10_000 - r]] * 2)}
                    for s, z in zip(SEQUENCES, random.standard_normal(8), strict=True)
                }
            }
            for run in ("base", "memory")
            for seed in range(3)
            for shift in [300 * random.standard_normal()]
        }
        gains = Gains(pairs(), counts, SEQUENCES)
        curve = gains.curve("memory", [("x", CLEAN, CLEAN, lambda c: mean_iou(c["matrix"]))])
        wrong += curve.points[0].probability < 0.05
    assert wrong <= 14, "binomial: 14 of 150 or fewer in 99 % of draws at 5 %"


def test_strata_without_pixels_are_left_out():
    found = findings(measured(0.1))
    assert len(found["area"].curves[0].points) == 3
    assert next(p.level for p in found["motion"].curves[0].points) == "below 1 px"
    assert "unknown" not in [p.level for p in found["visibility"].curves[0].points]


def test_a_condition_without_labelled_frames_is_left_out():
    counts = measured(0.1)
    for run in counts:
        for key in ("noise/0", "noise/10", "noise/20", "noise/40"):
            counts[run][key] = {s: {"matrix": c["matrix"] * 0} for s, c in counts[run][key].items()}
    assert "noise" not in findings(counts)


def test_the_placebo_is_a_comparison_of_its_own():
    memory, base = row("memory0", 4, label="N=4"), row("base0", label="N=0")
    placebo = row("placebo0", 4, label="placebo")
    placebo.result.recipe["model"]["options"] |= {"reduction": "decay", "decay": 0}
    assert placebo.is_placebo
    assert [p.label for p in pair_up([base, memory, placebo])] == [
        "N=4",
        "placebo",
        "N=4 against placebo",
    ]
    deeper = row("deep0", 6, label="N=6")
    assert "N=6 against placebo" not in [p.label for p in pair_up([base, placebo, deeper])]


def test_headlines_say_whether_the_study_could_have_shown_anything():
    found = list(findings(measured(0.0, clean_gain=0.02)).values())
    assert "There is no positive control" in headlines(found, 8, 10**6)[-1]
    few = list(findings(measured(0.0, clean_gain=0.02), flights=2).values())
    assert "helps is open as well" in headlines(few, 2, 10**6, "memory")[2]
    assert "this study can show" in headlines(found, 8, 10**6, "memory")[-1]
    nothing = list(findings(measured(0.0, spread=0.01)).values())
    assert "says nothing" in headlines(nothing, 8, 10**6, "memory")[-1]


def points(*values):
    return [Point(str(i), v, v - 1, v + 2, 50 + v, 50) for i, v in enumerate(values)]


def test_a_chart_puts_gains_at_their_heights():
    curves = [Curve("a <b>", "base", points(0.0, 4.0), None), Curve("b", "base", points(2.0), None)]
    text = gain_chart(curves, "levels", {"a <b>": "#111111", "b": "#222222"}, line=True)
    svg = ElementTree.fromstring(text)
    dots = [(float(c.get("cx")), float(c.get("cy"))) for c in svg.iter("circle")]
    assert len(dots) == 3
    zero = next(float(e.get("y1")) for e in svg.iter("line") if e.get("class") == "zero")
    assert dots[0][1] == pytest.approx(zero, abs=0.1)
    # Up is better, and four points are twice as high as two.
    assert zero - dots[1][1] == pytest.approx(2 * (zero - dots[2][1]), abs=0.2)
    assert len(svg.findall("polyline")) == 1, "a single point needs no line"
    assert "a <b>, 0: +0.00 (95 %: -1.00 to +2.00)" in next(t.text for t in svg.iter("title"))


@pytest.mark.parametrize("values", [(0.0, 0.0), (-30.0, 55.0), (0.001, 0.002), (-0.4,)])
def test_a_chart_holds_whatever_the_gains_are(values):
    text = gain_chart([Curve("a", "b", points(*values), None)], "x", {"a": "#111111"}, line=False)
    heights = [float(h) for h in re.findall(r' c?y[12]?="([-\d.]+)"', text)]
    assert all(0 <= h <= 300 for h in heights)


def test_headlines_say_what_is_sure_and_how_far_to_trust_it():
    found = list(findings(measured(noise_gain=0.1, clean_gain=0.02)).values())
    said = headlines(found, 8, 10**6, "memory")
    assert "memory helps" in said[0]
    assert "worth more in noise" in said[1]
    nothing = headlines(list(findings(measured(0.0), flights=2).values()), 2, 320)
    assert "is open" in nothing[1]
    assert "Only 2 flights have been tested on" in nothing[3]
    assert "Trained on 320 frames only" in nothing[4]


@pytest.mark.parametrize(
    ("value", "text"), [(1.24, "+1.2"), (-0.04, "−0.04"), (-0.001, "+0.0"), (0.0, "+0.0")]
)
def test_points_keep_their_sign(value, text):
    assert points_text(value) == text
