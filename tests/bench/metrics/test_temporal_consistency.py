"""Temporal consistency by definition, counted pixel by pixel, and how each metric is gamed."""

import itertools

import cv2
import numpy as np
import pytest

from airseg.bench.metrics.formulas import METRICS
from airseg.bench.metrics.motion import ENTERED, SEEN, UNCOVERED, Motion, motion_from_flow
from airseg.bench.metrics.sequence_scorer import SequenceScorer, add_counts
from airseg.models.registration import classical_flow

CLASSES = 4
HEIGHT, WIDTH, TIMES = 12, 20, 6


def shift(pixels, height=HEIGHT, width=WIDTH):
    """Return the exact motion of a picture that moves right by whole pixels."""
    x = np.arange(width, dtype=np.float32)[None].repeat(height, 0) - pixels
    y = np.arange(height, dtype=np.float32)[:, None].repeat(width, 1)
    return Motion(x, y, np.where(x >= 0, SEEN, ENTERED).astype(np.uint8))


def world(seed=0, speed=2, height=HEIGHT, width=WIDTH):
    """Return labels (T, H, W) of large blocks and a rare class, that move right."""
    random = np.random.default_rng(seed)
    whole = random.integers(0, 3, (3, (width + speed * TIMES) // 4 + 1)).astype(np.uint8)
    whole = whole.repeat(height // 3, 0).repeat(4, 1)
    whole[5:7, 15:18] = 3
    return np.stack([whole[:, speed * (TIMES - t) :][:, :width] for t in range(TIMES)])


def scored(predictions, labels, speed=2, estimated=None):
    scorer = SequenceScorer(CLASSES, boundaries=False)
    for t, (prediction, label) in enumerate(zip(predictions, labels, strict=True)):
        scorer.update(prediction, label, shift(speed), None if estimated is None else estimated[t])
    return scorer.counts()


def score(name, *given, **options):
    return float(METRICS[name](scored(*given, **options)))


def noisy(labels, share=0.2, seed=1):
    random = np.random.default_rng(seed)
    wrong = random.random(labels.shape) < share
    return np.where(wrong, random.integers(0, CLASSES, labels.shape), labels).astype(np.uint8)


def test_every_metric_is_that_of_a_count_pixel_by_pixel():
    labels = world()
    labels[:, 0, 5:9] = 255
    labels[3, 8:10, 10:14] = 1  # a change of class in place
    predictions = noisy(labels)
    matrix = np.zeros((CLASSES, CLASSES))
    pairs, agree, right, seen, changed, unchanged = [], 0, 0, 0, 0, 0
    since = np.full(labels.shape, 99)
    for t in range(1, TIMES):
        pair = np.zeros((CLASSES, CLASSES))
        for y, x in itertools.product(range(HEIGHT), range(WIDTH)):
            if x < 2:
                since[t, y, x] = 1
                continue
            since[t, y, x] = since[t - 1, y, x - 2] + 1
            now, before = labels[t, y, x], labels[t - 1, y, x - 2]
            if 255 in (now, before):
                continue
            ours, theirs = predictions[t, y, x], predictions[t - 1, y, x - 2]
            pair[theirs, ours] += 1
            seen += 1
            agree += ours == theirs
            right += ours == theirs == now
            unchanged += now == before
            changed += now == before and ours != theirs
            if now != before:
                since[t, y, x] = 1
        matrix += pair
        pairs.append(iou(pair))
    counts = scored(predictions, labels)
    assert float(METRICS["tc_pooled"](counts)) == pytest.approx(iou(matrix))
    assert float(METRICS["mtc"](counts)) == pytest.approx(np.mean(pairs))
    assert float(METRICS["tc_correct"](counts)) == pytest.approx(right / seen)
    assert float(METRICS["flicker"](counts)) == pytest.approx(changed / unchanged)
    consistent, wrong = (
        METRICS["warp_consistency"](counts),
        METRICS["warp_consistent_wrong"](counts),
    )
    assert float(consistent) == pytest.approx(agree / seen)
    assert float(METRICS["tc_correct"](counts) + wrong) == pytest.approx(float(consistent))
    for low, high in ((0, 1), (1, 2), (2, 4), (4, 8)):
        chosen = (since > low) & (since <= high) & (labels != 255)
        expected = (predictions == labels)[chosen].mean()
        assert float(METRICS[f"lag{high}"](counts)) == pytest.approx(expected)


def iou(matrix):
    hit = np.diag(matrix)
    union = matrix.sum(0) + matrix.sum(1) - hit
    return (hit[union > 0] / union[union > 0]).mean()


def test_of_the_labels_themselves_everything_is_perfect():
    labels = world()
    for name in ("tc_pooled", "tc_label", "mtc", "mtc_visible", "mtc_label", "tc_correct", "lag1"):
        assert score(name, labels, labels) == 1.0
    assert score("flicker", labels, labels) == 0.0


def test_sequences_count_alike_in_mtc_and_by_pixels_in_tc():
    labels = world()
    good, bad = scored(labels, labels), scored(noisy(labels), labels)
    both = add_counts([good, bad, bad])
    assert float(METRICS["mtc"](both)) == pytest.approx((1 + 2 * float(METRICS["mtc"](bad))) / 3)


def test_without_motion_or_pictures_nothing_is_known():
    labels = world()
    scorer = SequenceScorer(CLASSES, boundaries=False)
    for label in labels:
        scorer.update(label, label)
    for name in ("tc_pooled", "mtc", "tc_estimated", "tc_correct", "flicker", "lag1"):
        assert np.isnan(METRICS[name](scorer.counts()))


def test_game_a_constant_picture_is_perfectly_consistent_and_not_correct():
    labels = world()
    constant = np.zeros_like(labels)
    assert score("tc_pooled", constant, labels) == score("mtc", constant, labels) == 1.0
    assert score("flicker", constant, labels) == 0.0
    assert score("tc_correct", constant, labels) <= (labels == 0).mean() + 0.1
    assert score("mean_iou", constant, labels) < 0.2


def test_game_never_predicting_a_rare_class_raises_tc_and_mtc():
    labels = world()
    predictions = labels.copy()
    rare = labels == 3
    predictions[rare & (noisy(labels, 0.5) != labels)] = 0  # the rare class comes and goes
    without = np.where(rare, 0, labels).astype(np.uint8)
    gains = {
        n: score(n, without, labels) - score(n, predictions, labels) for n in ("tc_pooled", "mtc")
    }
    assert min(gains.values()) > 0.02
    assert score("mean_iou", without, labels) < score("mean_iou", predictions, labels)


def test_game_hallucinating_what_was_hidden_raises_tc_without_visibility():
    labels = world()
    motion = shift(2)
    motion.visibility[4:8, 8:16] = UNCOVERED
    results = {}
    for name, prediction in (("honest", labels), ("ghost", None)):
        scorer, before = SequenceScorer(CLASSES, boundaries=False), None
        for t, label in enumerate(labels):
            truth = label.copy()
            truth[4:8, 8:16] = (t % 3 == 0) * np.uint8(2)  # what stands there is another each time
            shown = (
                truth
                if prediction is not None or before is None
                else np.where(motion.visibility == UNCOVERED, motion.warp(before), truth).astype(
                    np.uint8
                )
            )
            scorer.update(shown, truth, motion)
            before = shown
        results[name] = scorer.counts()
    ghost, honest = results["ghost"], results["honest"]
    assert METRICS["tc_pooled"](ghost) > METRICS["tc_pooled"](honest) + 0.02
    assert METRICS["lag1"](ghost) < METRICS["lag1"](honest) - 0.05


def test_game_smoothing_buys_flicker_and_pays_in_lag():
    labels = world()
    predictions = noisy(labels, 0.3)
    smooth = predictions.copy()
    for t in range(1, TIMES):  # an ever-same picture, never moved along
        smooth[t] = np.where(
            np.random.default_rng(t).random(labels[t].shape) < 0.9, smooth[t - 1], predictions[t]
        )
    still = [np.zeros_like(labels[0])] * TIMES
    assert score("flicker", still, labels) == 0 < score("flicker", predictions, labels)
    assert score("lag1", smooth, labels) < score("lag1", predictions, labels) - 0.1


def test_game_moving_the_past_along_the_flow_that_scores_it():
    height, width = 96, 128
    texture = np.random.default_rng(3).random((height, width + 3 * TIMES), np.float32)
    texture = cv2.GaussianBlur(texture, (0, 0), 2)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    greys = [texture[:, 3 * (TIMES - t) :][:, :width] for t in range(TIMES)]
    greys = [
        np.ascontiguousarray(np.where(np.arange(width) < 64, g, 128)).astype(np.uint8)
        for g in greys
    ]
    estimated = [None] + [
        motion_from_flow(-classical_flow(a, b, (height, width)))
        for a, b in itertools.pairwise(greys)
    ]
    labels = np.random.default_rng(0).integers(0, 4, (height // 8, width // 8)).astype(np.uint8)
    labels = labels.repeat(8, 0).repeat(8, 1)
    predictions = [labels]
    for motion in estimated[1:]:
        predictions.append(motion.warp(predictions[-1], 0))
    exact = shift(3, height, width)
    scorer = SequenceScorer(CLASSES, boundaries=False)
    for prediction, motion in zip(predictions, estimated, strict=True):
        scorer.update(prediction, labels, exact, motion)
    counts = scorer.counts()
    assert float(METRICS["tc_estimated"](counts)) == 1.0
    assert float(METRICS["tc_pooled"](counts)) < 0.9


def test_game_a_large_class_alone_is_more_steadily_right_than_a_better_network():
    labels = np.where(world() == 1, 0, world()).astype(np.uint8)  # most of the picture is class 0
    flickering, blind = noisy(labels, 0.5), np.zeros_like(labels)
    assert score("tc_correct", blind, labels) > score("tc_correct", flickering, labels) + 0.1
    assert score("mean_iou", blind, labels) < score("mean_iou", flickering, labels) - 0.1
    # It is bounded by accuracy, though, which TC is not.
    assert score("tc_correct", blind, labels) < score("tc_pooled", blind, labels) == 1.0


def test_game_lag_is_won_by_betting_on_what_comes_into_view_and_by_having_no_memory():
    labels = world()
    for t in range(TIMES):
        labels[t, :, : 2 * t] = 2  # ground is what comes into view at the border
    honest, betting = noisy(labels, 0.3), np.full_like(labels, 2)
    assert score("lag1", betting, labels) == 1.0 > score("lag1", honest, labels)
    assert score("mean_iou", betting, labels) < score("mean_iou", honest, labels) - 0.1
    late = honest.copy()
    late[1:] = honest[:-1]  # as any memory is that trusts the past alone
    assert score("lag1", honest, labels) > score("lag1", late, labels) + 0.1
