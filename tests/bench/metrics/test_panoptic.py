"""STQ and VPQ against their definitions, written out over masks in double precision."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airseg.bench.metrics.panoptic import WINDOWS, PanopticScorer

CLASSES, THINGS, VOID = 4, (1, 2), 255


def scored(*videos):
    """Score videos of (truth, objects, predicted, predicted objects), each (T, H, W)."""
    scorer = PanopticScorer(CLASSES, THINGS)
    for arrays in videos:
        for frame in zip(*arrays, strict=True):
            scorer.add_frame(*frame)
        scorer.end_sequence()
    return scorer.scores()


def tubes(classes, objects, *, of):
    """Return the masks of a video's segments: by class, and number for things."""
    found = {}
    for c in range(CLASSES):
        numbers = np.unique(objects[classes == c]) if c in THINGS else [None]
        for n in numbers:
            mask = (classes == c) if n is None else (classes == c) & (objects == n)
            if mask.any() and (c in of):
                found[c, n] = mask
    return found


def stq_by_definition(videos):
    """STEP, equations 4 to 8, with the authors' tubes of (class, number) and their crowds."""
    total, count = 0.0, 0
    for truth, objects, predicted, told in videos:
        crowd = np.isin(truth, THINGS) & (objects == 0)
        true_tubes = tubes(truth, np.where(crowd, 0, objects), of=THINGS)
        true_tubes = {k: m for k, m in true_tubes.items() if k[1] != 0}
        predictions = [m & ~crowd for m in tubes(predicted, told, of=THINGS).values()]
        for g in true_tubes.values():
            inner = 0.0
            for p in predictions:
                tpa = float((g & p).sum())
                if tpa:
                    inner += tpa * tpa / (tpa + float((p & ~g).sum()) + float((g & ~p).sum()))
            total += inner / float(g.sum())
            count += 1
    ious = []
    for c in range(CLASSES):
        hit = sum(float(((t == c) & (p == c)).sum()) for t, _, p, _ in videos)
        counted = [(t, p) for t, _, p, _ in videos]
        union = sum(float((((t == c) | (p == c)) & (t != VOID)).sum()) for t, p in counted)
        ious += [hit / union] if union else []
    aq, sq = total / count if count else None, sum(ious) / len(ious) if ious else None
    return aq, sq


def vpq_by_definition(videos, window):
    """VPS, equation 1, with panoptic quality's rules for void and crowds."""
    qualities = []
    counts = {c: [0.0, 0, 0, 0] for c in range(CLASSES)}
    for video in videos:
        for first in range(len(video[0]) - window + 1):
            truth, objects, predicted, told = (a[first : first + window] for a in video)
            crowds = {c: (truth == c) & (objects == 0) for c in THINGS}
            true_tubes = tubes(truth, objects, of=range(CLASSES))
            true_tubes = {k: m for k, m in true_tubes.items() if k[1] != 0}
            void, matched = truth == VOID, set()
            predictions = tubes(predicted, told, of=range(CLASSES))
            for (c, _), p in predictions.items():
                hit = False
                for key, g in true_tubes.items():
                    if key[0] != c:
                        continue
                    iou = (g & p).sum() / float((g | (p & ~void)).sum())
                    if iou > 0.5:
                        counts[c][0] += iou
                        counts[c][1] += 1
                        matched.add(key)
                        hit = True
                excused = void | crowds[c] if c in crowds else void
                if not hit and (p & excused).sum() <= 0.5 * p.sum():
                    counts[c][2] += 1
            for key in true_tubes.keys() - matched:
                counts[key[0]][3] += 1
    for overlap, tp, fp, fn in counts.values():
        if tp + fp + fn:
            qualities.append(overlap / (tp + 0.5 * fp + 0.5 * fn))
    return sum(qualities) / len(qualities) if qualities else None


def a_video(seed, frames=5, size=(6, 7)):
    """Return a video whose prediction is the truth with some pixels and numbers changed."""
    random = np.random.default_rng(seed)
    blocks = (frames, -(-size[0] // 2), -(-size[1] // 2))
    grow = lambda a: np.repeat(np.repeat(a, 2, 1), 2, 2)[:, : size[0], : size[1]]  # noqa: E731
    truth = grow(random.choice([0, 1, 2, 3, VOID], blocks, p=[0.2, 0.3, 0.2, 0.2, 0.1]))
    objects = grow(random.integers(0, 3, blocks))
    predicted, told = truth.copy(), objects.copy()
    wrong = random.random(truth.shape) < random.uniform(0, 0.5)
    predicted[wrong] = random.integers(0, CLASSES, int(wrong.sum()))
    predicted[predicted == VOID] = random.integers(0, CLASSES)
    told[random.random(truth.shape) < random.uniform(0, 0.4)] = random.integers(0, 5)
    return truth, objects, predicted, told


@settings(max_examples=15)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=2))
def test_scores_are_those_of_the_definitions(seeds):
    videos = [a_video(seed) for seed in seeds]
    found = scored(*videos)
    aq, sq = stq_by_definition(videos)
    assert found.aq == pytest.approx(aq, abs=1e-12)
    assert found.sq == pytest.approx(sq, abs=1e-12)
    assert found.stq == pytest.approx(math.sqrt(aq * sq), abs=1e-12)
    by_window = [vpq_by_definition(videos, w) for w in WINDOWS]
    assert list(found.by_window.values()) == pytest.approx(by_window, abs=1e-12)
    assert found.vpq == pytest.approx(sum(by_window) / len(WINDOWS), abs=1e-12)


def test_the_truth_scores_one_whatever_objects_are_called():
    truth, objects, *_ = a_video(3)
    objects = objects + 1  # no crowds
    renamed = np.array([0, 70_000, 2**31, 9])[objects]
    found = scored((truth, objects, truth, renamed))
    assert (found.stq, found.aq, found.sq, found.vpq) == (1, 1, 1, 1)
    assert set(found.class_vpq) == {1.0}


def test_a_number_that_changes_half_way_halves_the_association():
    """STEP's own example: each half tells half of the tube, with an IoU of one half."""
    truth = np.ones((4, 2, 2), int)
    objects = np.full_like(truth, 7)
    told = objects.copy()
    told[2:] = 8
    found = scored((truth, objects, truth, told))
    assert found.aq == 0.5
    assert found.sq == 1
    assert found.by_window[1] == 1
    # Of three tubes of two frames the middle one has no half that fits by more than one half.
    assert found.by_window[2] == pytest.approx(2 / (2 + 0.5 * 2 + 0.5))


def test_what_cannot_be_scored_has_no_score():
    road = np.zeros((1, 2, 2), int)
    found = scored((road, road, road, road))
    assert found.aq is None
    assert found.stq is None
    assert found.vpq_things is None
    assert found.by_window == {1: 1.0, 2: None, 3: None, 4: None}
