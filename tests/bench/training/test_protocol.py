"""Protocols: fair ones never show a test frame's flight, the founding paper's does and says so."""

import itertools

import numpy as np
import pytest
import torch
from command_line import run
from torch import nn

from airseg.bench.frames import FrameStore
from airseg.bench.recipes.recipe import Recipe, apply_settings
from airseg.bench.results.result import load_result
from airseg.bench.training.engine import _Training
from airseg.bench.training.learner import build
from airseg.bench.training.training_protocol import (
    FairProtocol,
    JoinedFrames,
    PaperProtocol,
    protocol_of,
)
from airseg.dataset.reading.clips import supervised_frames
from airseg.errors import RecipeError
from airseg.models import fanet
from airseg.models.base import VideoSegmenter
from airseg.models.resnet import ResNet

CPU = torch.device("cpu")
FRAMES = {"a": 14, "b": 11, "c": 8, "d": 9}


@pytest.fixture
def paper(recipe):
    return apply_settings(recipe, PAPER, "test")


PAPER = {
    "protocol": "paper",
    "data.targets": 1,
    "data.flip": False,
    "data.photometric": 0.0,
    "loss.resolution": "logits",
}


def store_of(dataset):
    return FrameStore(dataset, 64, 96)


def test_the_paper_protocol_cuts_all_frames_into_windows_and_deals_them_at_random(paper, dataset):
    protocol = PaperProtocol(paper, dataset, store_of(dataset))
    parts = protocol.windows(2)
    starts = [clip.start for part in parts for clip in part]
    assert sorted(starts) == list(range(0, 42, 3))  # 42 frames, windows of 3 that do not overlap
    assert [len(part) for part in parts] == [12, 1, 1]
    assert protocol.clips(2) == parts[0]
    assert protocol.leaks


def test_more_memory_means_fewer_supervised_frames_in_the_paper_and_not_in_ours(
    paper, recipe, dataset
):
    store = store_of(dataset)
    ours = apply_settings(recipe, {"data.max_context": 6, "data.targets": 1}, "test")
    fair = FairProtocol(ours, dataset, store)
    founding = PaperProtocol(paper, dataset, store)
    depths = (0, 2, 4, 6)
    assert len({len(fair.clips(n)) for n in depths}) == 1
    supervised = [
        {(c.sequence, i) for c in fair.clips(n) for i in supervised_frames(c, 1)} for n in depths
    ]
    assert all(frames == supervised[0] for frames in supervised)
    counts = [len(founding.clips(n)) for n in depths]
    assert counts == [34, 12, 6, 4]


def test_batches_are_dealt_out_once_in_the_paper_and_anew_each_epoch_in_ours(
    paper, recipe, dataset, tmp_path
):
    """The notebook shuffles its windows into batches before the first epoch, and never again."""
    for made in (paper, recipe):
        protocol = protocol_of(made, dataset, store_of(dataset))
        path, ignore = tmp_path / "checkpoint.pt", lambda what, done, total: None
        batches = _Training(made, dataset, protocol, path, CPU, ignore, None)._batches
        dealt = [clips for _, clips in itertools.islice(batches._deal(0), 2 * len(batches))]
        assert (dealt[: len(batches)] == dealt[len(batches) :]) == protocol.leaks


def test_windows_cross_flights_in_the_paper_and_never_in_ours(paper, recipe, dataset):
    founding = PaperProtocol(paper, dataset, store_of(dataset))
    owners = np.repeat(list(FRAMES), list(FRAMES.values()))
    crossing = [
        window
        for window in itertools.chain(*founding.windows(2))
        if len(set(owners[list(window.frames)])) > 1
    ]
    assert crossing
    rgb, labels = founding.source.frames(crossing[0].sequence, crossing[0].frames)
    for place, (frame, label) in enumerate(zip(rgb, labels, strict=True)):
        number = crossing[0].start + place
        name = str(owners[number])
        inside = number - int(np.flatnonzero(owners == name)[0])
        assert (frame == dataset.sequence(name).rgb(inside, inside + 1)[0]).all()
        assert (label == dataset.sequence(name).label(inside, inside + 1)[0]).all()


def test_joined_frames_with_a_step(dataset):
    joined = JoinedFrames(store_of(dataset), FRAMES)
    every, _ = joined.frames("", range(42))
    chosen, _ = joined.frames("", range(3, 40, 7))
    assert (chosen == every[3:40:7]).all()


def test_the_split_of_windows_depends_on_the_seed_alone(paper, dataset):
    store = store_of(dataset)
    again = PaperProtocol(paper, dataset, store).windows(0)
    assert PaperProtocol(paper, dataset, store).windows(0) == again
    other = apply_settings(paper, {"train.seed": 1}, "test")
    assert PaperProtocol(other, dataset, store).windows(0) != again


class Perfect(VideoSegmenter):
    """Says what the label is, or what `wrong` makes of it, at an eighth of the size."""

    def __init__(self, protocol, wrong=lambda labels: labels):
        super().__init__()
        self.wrong = wrong
        self.known = {}
        for part in protocol.windows(0):
            for window in part:
                rgb, label = protocol.source.frames(window.sequence, window.frames)
                self.known[rgb[-1].tobytes()] = label[-1, 4::8, 4::8]

    def coarse(self, frames, memory=None):
        rgb = (frames[:, 0] * 255).round().to(torch.uint8).movedim(1, -1).numpy()
        found = np.stack([self.wrong(self.known[f.tobytes()]) for f in rgb]).astype(np.int64)
        logits = nn.functional.one_hot(torch.from_numpy(found), 11).movedim(-1, 1).float()
        return logits[:, None], None


def test_the_paper_protocol_scores_test_windows_at_an_eighth(paper, dataset):
    protocol = PaperProtocol(paper, dataset, store_of(dataset))
    told = []
    perfect = protocol.score(Perfect(protocol), CPU, told.append)
    assert perfect.total.mean_iou == 1.0
    assert sum(told) == protocol.scored_frames(0) == 4
    assert perfect.total.counts.sum() == 4 * 8 * 12

    def half_wrong(labels):
        return np.where(np.arange(labels.size).reshape(labels.shape) % 2, labels, (labels + 1) % 11)

    half = protocol.score(Perfect(protocol, half_wrong), CPU, told.append)
    assert half.total.pixel_accuracy == pytest.approx(0.5)
    assert half.total.paper_jaccard == pytest.approx(1 / 3)  # a / (2 - a)


def test_too_few_frames_for_three_windows_are_told(paper, dataset):
    deep = apply_settings(paper, {"data.targets": 20}, "test")
    with pytest.raises(RecipeError, match="42 frames make 2 windows of 21"):
        PaperProtocol(deep, dataset, store_of(dataset)).clips(1)


@pytest.mark.parametrize(
    "setting",
    [
        {"data.flip": True},
        {"data.reverse": True},
        {"loss.resolution": "full"},
        {"data.stride": 2},
        {"data.width": 90},
    ],
)
def test_the_paper_protocol_refuses_what_the_paper_did_not_do(recipe, setting):
    with pytest.raises(RecipeError, match="protocol paper"):
        apply_settings(recipe, {**PAPER, **setting}, "test")


def batch_norms(model):
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_networks_of_the_paper_have_no_batch_normalisation(monkeypatch):
    monkeypatch.setattr(fanet, "ResNet", ResNet)  # as wide as published
    recipe = Recipe.model_validate({"name": "x", "model": {"name": "fanet18", "batch_norm": False}})
    model = build(recipe, 11)
    assert batch_norms(model) == 0
    # FANet-18's published count less the 16,576 scales and shifts of its normalisation.
    assert sum(p.numel() for p in model.parameters()) == 13_817_984 - 16_576
    frames = torch.rand(1, 1, 3, 64, 64)
    logits = model.train().coarse(frames)[0]
    assert torch.equal(logits, model.eval().coarse(frames)[0])
    plain = Recipe.model_validate({"name": "x", "model": {"name": "fanet18"}})
    assert batch_norms(build(plain, 11)) > 0


def test_rows_of_the_paper_say_that_they_leak(dataset_path, tmp_path, capsys):
    small = ["train.epochs=2", "data.height=32", "data.width=48", "data.clips_per_batch=8"]
    settings = [part for s in small for part in ("--set", s)]
    code, _, err = run(
        capsys,
        *("bench", "run", "paper-table2-mini", "--dataset", dataset_path, "--out", tmp_path),
        *(*settings, "--device", "cpu", "--only", "FANet-18 N=4 (paper)"),
    )
    assert code == 0, err
    row = load_result(next(tmp_path.glob("*.json")))
    assert row.leaks
    assert row.protocol == "paper"
    assert row.dataset.split == "random windows"
    assert row.dataset.sequences == FRAMES
    assert row.scored_frames == 1  # of 8 windows of 5 in 42 frames
    assert row.curves.epoch_steps == 1
    assert row.supervised_frames == 2 * 6
    steps = [[step for step, _ in c] for c in (row.curves.training_jaccard, row.curves.validation)]
    assert steps == [[1, 2], [1, 2]]
    assert all(0 <= value <= 1 for _, value in row.curves.validation_jaccard)


def test_a_recipe_gets_the_protocol_it_asks_for(recipe, paper, dataset):
    store = store_of(dataset)
    assert isinstance(protocol_of(recipe, dataset, store), FairProtocol)
    assert isinstance(protocol_of(paper, dataset, store), PaperProtocol)
    assert not protocol_of(recipe, dataset, store).leaks
