"""Scoring predictions against a dataset: everything a result row has."""

import math

import pytest

from airseg.bench.results.result import ScoreResult
from airseg.bench.run import score_result
from airseg.bench.scoring.evaluate import score_constant, score_predictions
from airseg.bench.scoring.scoring import motion_source, motions


def truth(view):
    for start in range(0, view.length, 3):
        yield start, view.label(start, min(start + 3, view.length))


def test_a_constant_prediction_in_a_result(dataset):
    scores = score_result(score_constant(dataset, ["c", "d"], 0, thorough=True), dataset)
    assert scores.mvc8_official == 1.0
    assert scores.cons == 1.0
    assert scores.mvc8_correct == pytest.approx(scores.pixel_accuracy, abs=0.15)
    assert set(scores.sequences) == {"c", "d"}
    assert scores.sequences["c"].mean_iou == scores.sequence_mean_iou["c"]
    assert ScoreResult.model_validate_json(scores.model_dump_json()) == scores


def test_without_depth_motion_is_unknown_and_says_so(dataset):
    scores = score_result(score_constant(dataset, ["d"], 0, thorough=True), dataset)
    assert scores.motion_source is None
    assert scores.warp_consistency is None
    assert list(scores.by_motion) == ["unknown"]


def test_a_perfect_prediction_scores_one_in_every_division(with_depth):
    scores = score_result(score_predictions(truth, with_depth, ["c", "d"]), with_depth)
    assert scores.motion_source == "depth"
    for division in (scores.by_motion, scores.by_visibility, scores.by_class_area):
        assert {s.mean_iou for s in division.values()} == {1.0}
    for name in ("mean_iou", "boundary_f", "mvc8_correct", "cons", "paper_jaccard"):
        assert getattr(scores, name) == 1.0
    # Blocks move otherwise than the wall does, so even labels are not consistent along it.
    assert scores.warp_consistency == scores.warp_label_consistency < 1.0
    assert scores.warp_consistent_wrong == 0.0
    focal = with_depth.sequence("c").width / 2
    moving = {n for n, s in scores.by_motion.items() if s.pixels}
    assert math.floor(focal * 0.5 / 10) == 2
    assert moving == {"1 to 4 px", "unknown"}


def test_motion_of_a_sequence_begins_with_its_second_frame(with_depth):
    view = with_depth.sequence("d")
    found = list(motions(view))
    assert len(found) == view.length
    assert found[0] is None
    assert all(m.speed().mean() == pytest.approx(2.4, abs=0.01) for m in found[1:])
    assert len(list(motions(view, 3))) == 3
    assert motion_source([view]) == "depth"
