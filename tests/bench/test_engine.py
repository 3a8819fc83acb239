"""Training: the same on every run, resumable at any step, fair to every depth of memory."""

import itertools

import numpy as np
import pytest
import torch

from airseg.bench import engine
from airseg.bench.data import Batches, FrameStore, to_model
from airseg.bench.engine import clip_loss, learning_rate, train
from airseg.bench.evaluate import (
    commonest_class,
    score_constant,
    score_split,
    stream_predictions,
)
from airseg.bench.recipe import LossRecipe, TrainRecipe, apply_settings
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.models.base import upsample

CPU = torch.device("cpu")


def ignore(*told):
    """Take progress and say nothing."""


def weights(trained):
    return trained.model.state_dict()


def assert_same(first, second):
    for key, value in first.items():
        assert torch.equal(value, second[key]), key


def test_the_same_seed_trains_the_same_weights(recipe, dataset, tmp_path):
    first = train(recipe, dataset, tmp_path / "a.pt", CPU, ignore)
    second = train(recipe, dataset, tmp_path / "b.pt", CPU, ignore)
    assert_same(weights(first), weights(second))
    assert first.curves == second.curves
    assert [step for step, _ in first.curves.validation] == [2, 4]


def test_an_interrupted_training_ends_with_the_same_weights(recipe, dataset, tmp_path):
    whole = train(recipe, dataset, tmp_path / "whole.pt", CPU, ignore)

    def stop_at_three(what, done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, dataset, tmp_path / "cut.pt", CPU, stop_at_three)
    steps = []
    resumed = train(
        recipe, dataset, tmp_path / "cut.pt", CPU, lambda what, done, total: steps.append(done)
    )
    assert steps == [4]
    assert_same(weights(whole), weights(resumed))
    assert whole.curves == resumed.curves
    assert whole.supervised_frames == resumed.supervised_frames


def test_a_checkpoint_of_another_recipe_is_refused(recipe, dataset, tmp_path):
    train(recipe, dataset, tmp_path / "c.pt", CPU, ignore)
    other = apply_settings(recipe, {"train.learning_rate": 0.001}, "test")
    with pytest.raises(RecipeError, match="belongs to another recipe or dataset"):
        train(other, dataset, tmp_path / "c.pt", CPU, ignore)


def test_a_damaged_checkpoint_is_told(recipe, dataset, tmp_path):
    (tmp_path / "c.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(RecipeError, match=r"c\.pt: the checkpoint is damaged") as caught:
        train(recipe, dataset, tmp_path / "c.pt", CPU, ignore)
    assert "\n" not in str(caught.value)


def test_a_loss_that_is_no_number_stops_the_training(recipe, dataset, tmp_path, monkeypatch):
    losses = iter([1.0, 1.0, float("nan")])

    def poisoned(outputs, *rest):
        return clip_loss(outputs, *rest) * next(losses)

    monkeypatch.setattr(engine, "clip_loss", poisoned)
    with pytest.raises(RecipeError, match=r"the loss is nan at step 2.*learning_rate"):
        train(recipe, dataset, tmp_path / "c.pt", CPU, ignore)


def test_a_network_learns_four_frames_by_heart(dataset):
    torch.manual_seed(0)
    view = dataset.sequence("a")
    frames = to_model(view.rgb(0, 4))[None]
    labels = torch.from_numpy(view.label(0, 4).astype(np.int64))[None]
    model = build_model("fanet18", dataset.num_classes, tca_depth=1)
    optimizer = torch.optim.AdamW(model.parameters(), 0.003)
    for _ in range(35):
        outputs, _ = model.training_outputs(frames)
        loss = clip_loss(outputs, labels, LossRecipe(), None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (upsample(outputs[0][1], labels.shape[-2:]).argmax(2) == labels).float().mean()
    assert right > 0.9


def test_every_depth_supervises_the_same_frames(recipe, dataset):
    store = FrameStore(dataset, 16, 24)
    lengths = {"a": 14, "b": 11}
    plain = recipe.data.model_copy(update={"flip": False, "photometric": 0.0})

    def supervised(context):
        batches = Batches(store, lengths, plain, context, seed=3)
        taken = itertools.islice(batches.from_step(0), len(batches))
        return sorted(
            label.numpy().tobytes() for _, labels in taken for label in labels.flatten(0, 1)
        )

    assert supervised(0) == supervised(1) == supervised(2)


def test_batches_from_a_step_are_those_of_a_run_from_the_start(recipe, dataset):
    store = FrameStore(dataset, 16, 24)
    batches = Batches(store, {"a": 14, "b": 11}, recipe.data, 1, seed=0)
    from_start = list(itertools.islice(batches.from_step(0), 7))[5:]
    for (a, b), (c, d) in zip(from_start, batches.from_step(5), strict=False):
        assert torch.equal(a, c)
        assert torch.equal(b, d)


def test_augmentation_is_the_same_for_all_frames_of_a_clip(recipe, dataset):
    store = FrameStore(dataset, 16, 24)
    store._kept["still"] = (
        np.repeat(np.random.default_rng(0).integers(0, 256, (1, 16, 24, 3), np.uint8), 9, 0),
        np.zeros((9, 16, 24), np.uint8),
    )
    batches = Batches(store, {"still": 9}, recipe.data, 1, seed=0)
    seen = set()
    for frames, _ in itertools.islice(batches.from_step(0), 6):
        for clip in frames:
            assert all(torch.equal(clip[0], frame) for frame in clip)
            seen.add(clip[0].numpy().tobytes())
    assert len(seen) > 3


def test_context_frames_and_ignored_pixels_carry_no_loss():
    logits = torch.zeros(1, 3, 2, 4, 4, requires_grad=True)
    labels = torch.zeros(1, 1, 4, 4, dtype=torch.int64)
    labels[..., 0] = 255
    clip_loss([(1.0, logits)], labels, LossRecipe(), None).backward()
    assert (logits.grad[:, :2] == 0).all()
    assert (logits.grad[:, 2, :, :, 0] == 0).all()
    assert (logits.grad[:, 2, :, :, 1:] != 0).all()


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("constant", 1.0), ("poly", 0.5**0.9), ("cosine", 0.5 + 1e-4)],
)
def test_schedules_half_way(schedule, expected):
    settings = TrainRecipe(steps=110, warmup_steps=10, learning_rate=1.0, schedule=schedule)
    assert learning_rate(settings, 60) == pytest.approx(expected)
    assert learning_rate(settings, 4) == pytest.approx(0.5)


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
