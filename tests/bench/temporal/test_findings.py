"""Gains, intervals and words from made-up counts; and charts of them."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from airseg.bench.results.result import DatasetResult, Result, ScoreResult
from airseg.bench.temporal.charts import gain_chart
from airseg.bench.temporal.findings import (
    Curve,
    Gains,
    Point,
    find,
    headlines,
    points_text,
    verdict,
)
from airseg.bench.temporal.pairs import Pair, Row
from airseg.bench.temporal.study import CLEAN

SEQUENCES = [f"flight{i}" for i in range(8)]


def row(run, depth=0, seed=0, label=None):
    recipe = {
        "model": {"name": "fanet18", "options": {"tca_depth": depth}},
        "data": {"height": 32, "width": 48},
        "train": {"seed": seed},
    }
    scores = ScoreResult(
        mean_iou=0.5,
        pixel_accuracy=0.5,
        frequency_weighted_iou=0.5,
        paper_jaccard=0.5,
        class_iou={},
    )
    result = Result(
        run=run,
        label=label or run,
        protocol="fair",
        recipe=recipe,
        recipe_hash="",
        dataset=DatasetResult(content_hash="", split="test", sequences={}),
        scores=scores,
    )
    return Row(result, Path(run))


def matrices(accuracies, spread=0.0):
    """Return each flight's confusion matrix of two classes, right to a share."""
    random = np.random.default_rng(0)
    found = {}
    for name, accuracy in zip(SEQUENCES, accuracies, strict=True):
        right = round(10_000 * (accuracy + spread * random.standard_normal()))
        found[name] = {"matrix": np.array([[right, 10_000 - right], [10_000 - right, right]])}
    return found


def measured(noise_gain, clean_gain=0.0, spread=0.0):
    """Return counts of a network that gains under noise, and of its per-frame version."""
    both = {}
    for run, gains in (("base", (0, 0)), ("memory", (clean_gain, noise_gain))):
        levels = {}
        for key, gain in zip(("noise/0", "noise/40"), gains, strict=True):
            levels[key] = matrices([0.6 + 0.02 * i + gain for i in range(8)], spread)
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
        both[run] = levels
    return both


def findings(counts, pairs=None):
    pairs = pairs or [Pair(row("memory", 4), row("base"))]
    return {f.name: f for f in find(Gains(pairs, counts, SEQUENCES), ("noise",), 25.0)}


def test_a_gain_that_every_flight_shows_is_said_to_help_and_to_grow():
    found = findings(measured(noise_gain=0.1, clean_gain=0.02))
    point = found["overall"].curves[0].points[0]
    # mean IoU of two classes of accuracy a is a / (2 - a).
    base, memory = (100 * a / (2 - a) for a in (0.67, 0.69))
    assert (point.base, point.memory) == pytest.approx((base, memory))
    assert point.gain == pytest.approx(memory - base)
    assert 0 < point.low < point.gain < point.high
    assert f"memory: memory helps: {point.gain:+.1f} points" in found["overall"].sentences[0]
    assert "Memory is worth more in noise" in found["noise"].sentences[0]
    change, low, high = found["noise"].curves[0].change
    assert low < change < high
    assert change > 5


def test_a_loss_is_said_to_hurt_and_to_be_worth_less():
    found = findings(measured(noise_gain=-0.1, clean_gain=-0.02))
    assert "memory: memory hurts: −" in found["overall"].sentences[0]
    assert "Memory is worth less in noise" in found["noise"].sentences[0]


def test_no_gain_is_not_called_one():
    found = findings(measured(noise_gain=0.0))
    assert "makes no difference that these flights could show" in found["overall"].sentences[0]
    assert "stays open" in found["noise"].sentences[0]


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


def test_seeds_are_averaged_and_their_spread_is_told():
    one, two = measured(0.0, clean_gain=0.02), measured(0.0, clean_gain=0.04)
    counts = {**one, "base1": two["base"], "memory1": two["memory"]}
    pairs = [
        Pair(row("memory", 4, label="N=4"), row("base")),
        Pair(row("memory1", 4, 1, label="N=4"), row("base1", 0, 1)),
    ]
    (curve,) = findings(counts, pairs)["overall"].curves
    singles = [
        findings(c, [Pair(row("memory", 4), row("base"))])["overall"].curves[0].points[0].gain
        for c in (one, two)
    ]
    assert curve.points[0].gain == pytest.approx(np.mean(singles))
    assert curve.points[0].spread == pytest.approx(np.std(singles, ddof=1))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.1, 2.0, "helps"), (-2.0, -0.1, "hurts"), (-0.1, 0.2, "makes no difference")],
)
def test_verdicts_follow_the_interval(low, high, said):
    assert verdict(Point("x", (low + high) / 2, low, high, 1.0, 1.0)).startswith(said)


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
    assert "a <b>, 0: +0.00 (-1.00 to +2.00)" in next(t.text for t in svg.iter("title"))


@pytest.mark.parametrize("values", [(0.0, 0.0), (-30.0, 55.0), (0.001, 0.002), (-0.4,)])
def test_a_chart_holds_whatever_the_gains_are(values):
    text = gain_chart([Curve("a", "b", points(*values), None)], "x", {"a": "#111111"}, line=False)
    heights = [float(h) for h in re.findall(r' c?y[12]?="([-\d.]+)"', text)]
    assert all(0 <= h <= 300 for h in heights)


def test_headlines_say_what_is_sure_and_how_far_to_trust_it():
    found = list(findings(measured(noise_gain=0.1, clean_gain=0.02)).values())
    said = headlines(found, flights=8, supervised_frames=10**6)
    assert len(said) == 2
    assert "memory helps" in said[0]
    assert "worth more in noise" in said[1]
    nothing = headlines(list(findings(measured(0.0)).values()), 2, 320)
    assert "No condition changed" in nothing[1]
    assert "Only 2 flights have been tested on" in nothing[2]
    assert "Trained on 320 frames only" in nothing[3]


@pytest.mark.parametrize(
    ("value", "text"), [(1.24, "+1.2"), (-0.04, "−0.04"), (-0.001, "+0.0"), (0.0, "+0.0")]
)
def test_points_keep_their_sign(value, text):
    assert points_text(value) == text
