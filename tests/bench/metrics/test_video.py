"""All counts of a sequence: they add up, equal other people's scores, and refuse nonsense."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from label_videos import CLASSES, make_video
from torchmetrics.classification import MulticlassJaccardIndex

from airseg.bench.metrics.confusion import ConfusionMatrix
from airseg.bench.metrics.formulas import METRICS, confusion
from airseg.bench.metrics.motion import ENTERED, SEEN, UNCOVERED, UNKNOWN, Motion
from airseg.bench.metrics.sequence_scorer import AREAS, SequenceScorer, add_counts


def shifted(height, width, dx, dy=0):
    """Return the motion of a picture that moves by whole pixels."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = x - dx, y - dy
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return Motion(x, y, np.where(inside, SEEN, ENTERED).astype(np.uint8))


def scored(predictions, labels, motion=None, classes=CLASSES):
    scorer = SequenceScorer(classes)
    for prediction, label in zip(predictions, labels, strict=True):
        scorer.update(prediction, label, motion)
    return scorer.counts()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 5),
    ignored=st.sampled_from([0.0, 0.5, 1.0]),
    present=st.integers(1, CLASSES),
    moving=st.booleans(),
)
def test_every_division_adds_up_to_the_confusion_matrix(seed, frames, ignored, present, moving):
    predictions, labels = make_video(seed, frames, ignored=ignored, present=present)
    motion = shifted(9, 11, 2) if moving else None
    counts = scored(predictions, labels, motion)
    expected = ConfusionMatrix(CLASSES)
    expected.update(torch.from_numpy(predictions), torch.from_numpy(labels))
    for division in ("motion", "visibility", "area"):
        assert counts[division].dtype == np.int64
        assert (counts[division].sum(0) == expected.counts).all()
    for name in ("mean_iou", "pixel_accuracy", "frequency_weighted_iou", "paper_jaccard"):
        assert float(METRICS[name](counts)) == pytest.approx(getattr(expected, name), nan_ok=True)


@pytest.mark.parametrize("present", [2, CLASSES])
def test_mean_iou_equals_torchmetrics_over_sequences(present):
    """torchmetrics counts an absent class as 0, so its mean is over those of the labels."""
    videos = [make_video(seed, 6, present=present) for seed in (1, 2, 3)]
    judge = MulticlassJaccardIndex(CLASSES, average=None, ignore_index=255)
    for predictions, labels in videos:
        judge.update(torch.from_numpy(predictions), torch.from_numpy(labels).long())
    total = add_counts(scored(*video) for video in videos)
    found = judge.compute().numpy()
    occurs = confusion(total).sum(1) > 0
    assert float(METRICS["mean_iou"](total)) == pytest.approx(found[occurs].mean(), rel=1e-6)


def test_mean_iou_equals_the_cityscapes_scripts(tmp_path):
    scripts = pytest.importorskip("cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling")
    from cityscapesscripts.helpers.labels import labels as table

    ids = np.zeros(256, np.uint8)  # 0 is unlabelled, which they ignore
    for entry in table:
        if 0 <= entry.trainId < 19:
            ids[entry.trainId] = entry.id
    random = np.random.default_rng(5)
    labels = random.integers(0, 17, (4, 20, 30)).astype(np.uint8)  # two classes never occur
    predictions = np.where(random.random(labels.shape) < 0.7, labels, labels[::-1])
    predictions[predictions == 16] = 3  # one is never found
    labels[random.random(labels.shape) < 0.1] = 255
    files = [[], []]
    for i, pair in enumerate(zip(predictions, labels, strict=True)):
        for kind, image in enumerate(pair):
            files[kind].append(str(tmp_path / f"{i}-{kind}.png"))
            cv2.imwrite(files[kind][-1], ids[image])
    scripts.args.evalInstLevelScore, scripts.args.JSONOutput = False, False
    scripts.args.quiet = True
    expected = scripts.evaluateImgLists(*files, scripts.args)
    counts = scored(predictions, labels, classes=19)
    assert float(METRICS["mean_iou"](counts)) == pytest.approx(
        expected["averageScoreClasses"], rel=1e-12
    )


def test_a_picture_that_moves_is_consistent_along_its_motion_and_not_in_place():
    wide = np.random.default_rng(1).integers(0, CLASSES, (8, 60)).astype(np.uint8)
    video = [wide[:, 40 - 4 * t : 60 - 4 * t] for t in range(6)]
    counts = scored(video, video, shifted(8, 20, 4))
    assert float(METRICS["warp_consistency"](counts)) == 1.0
    assert float(METRICS["warp_label_consistency"](counts)) == 1.0
    assert float(METRICS["warp_mean_iou"](counts)) == 1.0
    assert counts["warp"][3] == 5 * 8 * 16, "what came into view has no earlier frame"
    assert counts["gone"].sum() == 5 * 8 * 3, "one column of the four is within a pixel of others"
    assert counts["motion"][2].sum() == 5 * 8 * 20, "four pixels a frame: the bin from 4 to 16"
    assert counts["motion"][-1].sum() == 8 * 20, "the first frame's motion is unknown"


def test_a_flicker_is_inconsistent_and_a_constant_is_consistently_wrong():
    labels = np.zeros((6, 4, 5), np.uint8)
    flicker = labels.copy()
    flicker[1::2] = 1
    still = shifted(4, 5, 0)
    names = ("warp_consistency", "warp_consistent_wrong", "cons", "cons_wrong")
    assert [float(METRICS[n](scored(flicker, labels, still))) for n in names] == [0, 0, 0, 0]
    wrong = np.full_like(labels, 2)
    assert [float(METRICS[n](scored(wrong, labels, still))) for n in names] == [1, 1, 1, 1]


def test_pixels_count_by_their_visibility():
    motion = shifted(2, 4, 0)
    motion.visibility[0] = [SEEN, ENTERED, UNCOVERED, UNKNOWN]
    label = np.zeros((2, 4), np.uint8)
    counts = scored([label, label], [label, label], motion)
    assert counts["visibility"].sum((1, 2)).tolist() == [5, 1, 1, 1 + 8]
    assert counts["warp"][3] == 5


def test_pixels_count_by_their_class_share_of_the_frame():
    label = np.zeros((20, 100), np.uint8)
    label[0, 0] = 1  # 0.05 %
    label[1, :19] = 2  # 0.95 %
    label[2:12] = 255
    label[12, :80] = 3  # 8 % of the labelled half
    found = scored([label], [label])["area"].sum((1, 2))
    # Of 1000 labelled pixels: 1 is 0.1 %, 19 are 1.9 %, 80 are 8 %.
    assert len(AREAS) == 4
    assert found.tolist() == [0, 1, 99, 900]


def test_nothing_labelled_scores_nothing():
    labels = np.full((3, 4, 4), 255, np.uint8)
    counts = scored(np.zeros_like(labels), labels, shifted(4, 4, 1))
    assert not confusion(counts).any()
    official = {"mvc8_official", "mvc16_official"}
    assert all(np.isnan(METRICS[n](counts)) for n in set(METRICS) - official)


@pytest.mark.parametrize(
    ("prediction", "label", "message"),
    [
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), "have shape"),
        (np.zeros((2, 3), np.int64), np.zeros((2, 3), np.uint8), "should be"),
        (np.full((2, 3), 4, np.uint8), np.zeros((2, 3), np.uint8), "value 4 is not one"),
        (np.zeros((2, 3), np.uint8), np.full((2, 3), 9, np.uint8), "value 9 is not one"),
    ],
)
def test_nonsense_is_refused(prediction, label, message):
    with pytest.raises(ValueError, match=message):
        SequenceScorer(CLASSES).update(prediction, label)


def test_predictions_may_be_anything_where_labels_are_ignored():
    label = np.array([[0, 255]], np.uint8)
    counts = scored([np.array([[0, 255]], np.uint8)], [label])
    assert float(METRICS["pixel_accuracy"](counts)) == 1.0
