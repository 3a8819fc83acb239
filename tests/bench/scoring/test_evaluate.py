"""Scoring streams whole flights, whatever pieces they come in."""

import numpy as np
import pytest
import torch

from airseg.bench.frames import to_model
from airseg.bench.scoring.evaluate import (
    commonest_class,
    score_constant,
    score_split,
    stream_predictions,
)
from airseg.models import build_model

CPU = torch.device("cpu")


def test_scoring_streams_with_memory_across_pieces(dataset):
    torch.manual_seed(0)
    model = build_model("fanet18", dataset.num_classes, tca_depth=2).eval()
    view = dataset.sequence("d")
    size = (view.height, view.width)
    pieces = [p for _, p in stream_predictions(model, view, size, CPU)]
    with torch.no_grad():
        whole, _ = model(to_model(view.rgb(0, view.length))[None])
    assert (np.concatenate(pieces) == whole[0].argmax(1).numpy()).all()


def test_scores_of_sequences_add_up_to_the_split(dataset):
    model = build_model("fanet18", dataset.num_classes).eval()
    scores = score_split(model, dataset, ["a", "b"], (64, 96), CPU)
    total = sum(m.counts for m in scores.by_sequence.values())
    assert (scores.total.counts == total).all()
    assert total.sum() == 25 * 64 * 96


def test_the_majority_class_scores_its_share(dataset):
    common = commonest_class(dataset, ["a", "b"])
    assert dataset.class_names[common] == "road"
    scores = score_constant(dataset, ["d"], common).total
    labels = dataset.sequence("d").label(0, 9)
    assert scores.pixel_accuracy == pytest.approx((labels == common).mean())
