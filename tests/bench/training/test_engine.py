"""Training: the same on every run, resumable at any step, fair to every depth of memory."""

import contextlib
import weakref

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from airseg.bench.frames import to_model
from airseg.bench.recipes.recipe import LossRecipe, TrainRecipe, apply_settings
from airseg.bench.training import engine
from airseg.bench.training.engine import clip_loss, learning_rate, train
from airseg.bench.training.journal import Journal
from airseg.bench.training.learner import Learner
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.models.upsampling import upsample

CPU = torch.device("cpu")


def ignore(*told):
    """Take progress and say nothing."""


def stop_at(step):
    """Return a progress that interrupts the training after a step."""

    def progress(what, done, total):
        if done == step:
            raise KeyboardInterrupt

    return progress


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

    with pytest.raises(KeyboardInterrupt):
        train(recipe, dataset, tmp_path / "cut.pt", CPU, stop_at(3))
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

    def poisoned(outputs, *rest, **how):
        return clip_loss(outputs, *rest, **how) * next(losses)

    monkeypatch.setattr(engine, "clip_loss", poisoned)
    with pytest.raises(RecipeError, match=r"the loss is nan at step 2.*learning_rate") as caught:
        train(recipe, dataset, tmp_path / "c.pt", CPU, ignore)
    path = tmp_path / "nan-step2-rank0.pt"
    assert str(path) in str(caught.value)
    kept = torch.load(path, weights_only=True)
    assert kept["frames"].shape == (2, 3, 64, 96, 3)
    assert kept["labels"].shape == (2, 2, 64, 96)
    assert {name for name, *_ in kept["clips"]} <= {"a", "b"}


def test_a_gradient_that_is_no_number_stops_the_training(recipe, dataset, tmp_path, monkeypatch):
    def poisoned(outputs, *rest, **how):
        loss = clip_loss(outputs, *rest, **how)
        loss.register_hook(lambda gradient: gradient * float("inf"))
        return loss

    monkeypatch.setattr(engine, "clip_loss", poisoned)
    clipped = apply_settings(recipe, {"train.clip_gradient": 1.0}, "test")
    with pytest.raises(RecipeError, match="the gradient's norm is nan at step 0"):
        train(clipped, dataset, tmp_path / "c.pt", CPU, ignore)


def test_too_little_memory_is_told_with_what_would_fit(recipe, dataset, tmp_path, monkeypatch):
    forward = Learner.forward

    def small_machine(self, frames, flow=None):
        if len(frames) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, frames, flow)

    monkeypatch.setattr(Learner, "forward", small_machine)
    large = apply_settings(
        recipe, {"data.clips_per_batch": 7, "model.name": "ssnet", "model.options": {}}, "test"
    )
    with pytest.raises(RecipeError) as caught:
        train(large, dataset, tmp_path / "c.pt", CPU, ignore)
    assert "out of memory with 7 clips of 2 frames of 96x64 at once; 3 fit" in str(caught.value)
    assert "train.accumulate=3" in str(caught.value)
    cut = apply_settings(large, {"train.accumulate": 3, "train.steps": 1}, "test")
    train(cut, dataset, tmp_path / "c.pt", CPU, ignore)


def test_what_did_not_fit_is_given_back_before_looking_for_what_does(
    recipe, dataset, tmp_path, monkeypatch
):
    forward, held = Learner.forward, []

    def small_machine(self, frames, flow=None):
        held.append((len(frames), any(alive() is not None for _, alive in kept)))
        activations = forward(self, frames, flow)
        kept.append((len(frames), weakref.ref(activations[0][1])))
        if len(frames) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return activations

    kept = []
    monkeypatch.setattr(Learner, "forward", small_machine)
    large = apply_settings(
        recipe, {"data.clips_per_batch": 7, "model.name": "ssnet", "model.options": {}}, "test"
    )
    with pytest.raises(RecipeError, match="3 fit"):
        train(large, dataset, tmp_path / "c.pt", CPU, ignore)
    assert held[:2] == [(7, False), (3, False)]


def test_a_batch_in_parts_has_the_gradient_of_the_whole(recipe, dataset, tmp_path):
    plain = {
        "model.name": "ssnet",
        "model.options": {},
        "model.batch_norm": False,
        "train.optimizer": "sgd",
        "train.steps": 2,
        "data.clips_per_batch": 5,
        "loss.class_weights": "root",
        "train.validate_every": 0,
    }
    whole = train(apply_settings(recipe, plain, "test"), dataset, tmp_path / "a.pt", CPU, ignore)
    parts = apply_settings(recipe, {**plain, "train.accumulate": 2}, "test")
    cut = train(parts, dataset, tmp_path / "b.pt", CPU, ignore)
    losses = [[value for _, value in t.curves.loss] for t in (whole, cut)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for key, value in weights(whole).items():
        torch.testing.assert_close(value, weights(cut)[key], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"train.precision": "bf16"},
        {"train.ema": 0.9, "train.clip_gradient": 1.0},
        {"train.channels_last": True, "loss.kind": "ohem"},
        {"train.accumulate": 2, "loss.resolution": "logits"},
        {"data.augment": {"scale": [0.5, 2.0], "crop": [48, 64], "tint": 0.2}},
    ],
)
def test_every_way_of_training_goes_on_exactly(recipe, dataset, tmp_path, settings):
    small = {"model.name": "ssnet", "model.options": {}, "train.steps": 3}
    chosen = apply_settings(recipe, {**small, **settings}, "test")
    whole = train(chosen, dataset, tmp_path / "whole.pt", CPU, ignore)
    with pytest.raises(KeyboardInterrupt):
        train(chosen, dataset, tmp_path / "cut.pt", CPU, stop_at(2))
    resumed = train(chosen, dataset, tmp_path / "cut.pt", CPU, ignore)
    assert_same(weights(whole), weights(resumed))
    assert whole.curves == resumed.curves


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_a_gpu_trains_and_goes_on_in_every_precision(recipe, dataset, tmp_path, precision):
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    cuda = torch.device("cuda")
    settings = {"train.precision": precision, "train.channels_last": True, "train.steps": 6}
    chosen = apply_settings(recipe, settings, "test")
    whole = train(chosen, dataset, tmp_path / "whole.pt", cuda, ignore)
    with pytest.raises(KeyboardInterrupt):
        train(chosen, dataset, tmp_path / "cut.pt", cuda, stop_at(3))
    resumed = train(chosen, dataset, tmp_path / "cut.pt", cuda, ignore)
    for (step, first), (again, second) in zip(whole.curves.loss, resumed.curves.loss, strict=True):
        assert step == again
        assert first == pytest.approx(second, rel=0.05)


@pytest.mark.slow
def test_a_compiled_network_trains_as_it_is(recipe, dataset, tmp_path):
    plain = {"model.name": "ssnet", "model.options": {}, "train.steps": 2, "train.optimizer": "sgd"}
    slow = train(apply_settings(recipe, plain, ""), dataset, tmp_path / "a.pt", CPU, ignore)
    compiled = apply_settings(recipe, {**plain, "train.compile": True}, "")
    fast = train(compiled, dataset, tmp_path / "b.pt", CPU, ignore)
    for key, value in weights(slow).items():
        torch.testing.assert_close(weights(fast)[key], value, atol=1e-4, rtol=1e-3)


def test_the_average_of_weights_is_what_is_scored(recipe, dataset, tmp_path):
    averaged = apply_settings(
        recipe,
        {"train.ema": 0.5, "model.name": "ssnet", "model.options": {}, "train.steps": 2},
        "test",
    )
    seen = []

    def watch(self, model):
        seen.append({k: v.clone() for k, v in model.state_dict().items()})
        return update(self, model)

    update = AveragedModel.update_parameters
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AveragedModel, "update_parameters", watch)
        trained = train(averaged, dataset, tmp_path / "c.pt", CPU, ignore)
    key = next(iter(dict(trained.model.named_parameters())))
    kept = (1 + 1) / (10 + 1)  # the decay warms up: min(0.5, (1 + t) / (10 + t)) at t = 1
    expected = kept * seen[0][key] + (1 - kept) * seen[1][key]
    torch.testing.assert_close(weights(trained)[key], expected)


def test_precisions_of_a_gpu_are_refused_on_a_cpu(recipe, dataset, tmp_path):
    half = apply_settings(recipe, {"train.precision": "fp16"}, "test")
    with pytest.raises(RecipeError, match="fp16, which needs CUDA"):
        train(half, dataset, tmp_path / "c.pt", CPU, ignore)


def test_epochs_count_instead_of_steps(recipe, dataset, tmp_path):
    short = apply_settings(
        recipe,
        {
            "train.epochs": 1,
            "model.name": "ssnet",
            "model.options": {},
            "train.validate_every": "epoch",
        },
        "test",
    )
    trained = train(short, dataset, tmp_path / "c.pt", CPU, ignore)
    clips = 6 + 4  # of two supervised frames after two of context, in 14 and 11 frames
    assert trained.curves.epoch_steps == clips // 2
    assert [step for step, _ in trained.curves.validation] == [clips // 2]
    assert trained.supervised_frames == 2 * clips


def test_a_network_that_remembers_more_than_is_compared_is_refused(recipe, dataset, tmp_path):
    deep = apply_settings(recipe, {"model.options.tca_depth": 3}, "test")
    with pytest.raises(RecipeError, match=r"remembers 3 frames, and data.max_context is 2"):
        train(deep, dataset, tmp_path / "c.pt", CPU, ignore)


def test_the_journal_says_each_thing_once_after_an_interruption(recipe, dataset, tmp_path):
    small = apply_settings(recipe, {"model.name": "ssnet", "model.options": {}}, "test")
    path = tmp_path / "training.csv"
    for interrupted in (stop_at(3), ignore):
        journal = Journal(path, tmp_path / "tensorboard")
        with contextlib.suppress(KeyboardInterrupt):
            train(small, dataset, tmp_path / "c.pt", CPU, interrupted, journal=journal)
            assert interrupted is ignore
        path.write_text(path.read_text() + "4,loss,0.")  # as a kill would leave it
    lines = [line.split(",")[:2] for line in path.read_text().splitlines()[1:-1]]
    assert [step for step, kind in lines if kind == "loss"] == ["1", "2", "3", "4"]
    assert [step for step, kind in lines if kind == "validation_mean_iou"] == ["2", "4"]
    assert list((tmp_path / "tensorboard").glob("events*"))


@pytest.mark.slow
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
