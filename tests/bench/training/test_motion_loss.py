"""The motion loss by its formula, and exact flow on its way to losses and networks."""

import itertools

import numpy as np
import pytest
import torch

from airseg.bench.frames import FrameStore
from airseg.bench.recipes.recipe import LossRecipe, apply_settings
from airseg.bench.scoring.evaluate import stream_predictions
from airseg.bench.training.batches import Batches
from airseg.bench.training.clip_loss import clip_loss, pairs_of
from airseg.bench.training.engine import train
from airseg.bench.training.motion_loss import (
    FramePairs,
    estimated_pairs,
    exact_pairs,
    motion_loss,
)
from airseg.dataset.reading.clips import enumerate_clips
from airseg.errors import RecipeError
from airseg.models import build_model

CPU = torch.device("cpu")
EXACT = {"model.options": {"alignment": "exact", "base": "pidnet_s"}, "model.name": "ssp"}


def ignore(*told):
    """Take progress and say nothing."""


@pytest.mark.parametrize("form", ["logits", "probabilities"])
def test_the_loss_is_the_formula_in_float64(form):
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, 6).double()
    flow = torch.zeros(2, 3, 2, 5, 6).double()
    flow[:, :, 0] = -1  # everything was one pixel to the left
    flow[:, :, :, :2] = torch.nan
    weight = torch.rand(2, 3, 1, 5, 6).double()
    values = logits.float().softmax(2).double() if form == "probabilities" else logits
    total = 0.0
    for b in range(2):
        for t in (1, 2):
            for y in range(2, 5):
                for x in range(1, 6):  # what was left of the picture does not count
                    change = values[b, t, :, y, x] - values[b, t - 1, :, y, x - 1]
                    total += float(((weight[b, t, 0, y, x] * change) ** 2).sum())
    found = motion_loss(logits, FramePairs(flow, weight), form)
    assert float(found) == pytest.approx(total / (2 * 2 * 4 * 5 * 6), rel=1e-5)


def test_logits_that_move_with_the_picture_cost_nothing_and_both_frames_learn():
    pattern = torch.randn(1, 1, 3, 6, 12)
    logits = torch.cat([pattern[..., 2:10], pattern[..., :8]], 1).requires_grad_()
    flow = torch.zeros(1, 2, 2, 6, 8)
    flow[:, :, 0] = -2
    assert float(motion_loss(logits, exact_pairs(flow)).detach()) == pytest.approx(0, abs=1e-10)
    motion_loss(logits, exact_pairs(torch.zeros_like(flow))).backward()
    assert (logits.grad.abs().sum((0, 2, 3, 4)) > 0).all()


def test_estimated_pairs_weigh_by_how_alike_the_pictures_are():
    random = np.random.default_rng(0).random((40, 60), np.float32)
    image = torch.from_numpy(random).repeat(1, 2, 3, 1, 1)
    still = estimated_pairs(image)
    assert still.weight[:, 0].sum() == 0
    assert still.weight[:, 1].min() > 0.99
    darker = image.clone()
    darker[:, 1] = darker[:, 1] - 0.1
    deviation = torch.tensor([0.229, 0.224, 0.225])
    expected = float((-(0.1 / deviation).sum()).exp())
    assert float(estimated_pairs(darker).weight[:, 1].median()) == pytest.approx(expected, rel=0.2)


def test_the_loss_joins_the_main_outputs_by_its_weight():
    logits = torch.randn(1, 2, 3, 4, 4)
    labels = torch.zeros(1, 2, 4, 4, dtype=torch.long)
    flow = torch.zeros(1, 2, 2, 4, 4)
    plain = clip_loss([(1.0, logits)], labels, LossRecipe(), None)
    recipe = LossRecipe(motion=0.1)
    pairs = pairs_of(torch.rand(1, 2, 4, 4, 3), flow, recipe)
    found = clip_loss([(1.0, logits), (0.5, logits)], labels, recipe, None, None, 0.5, pairs)
    change = (logits[:, 1] - logits[:, 0]).square().mean()
    # Cross-entropy is divided by its own part here, and the motion loss by the share of the batch.
    torch.testing.assert_close(found, 1.5 * plain + 0.5 * 0.1 * change)


def test_exact_flow_of_clips_is_that_of_a_camera_that_goes_past_a_wall(with_depth):
    flow = FrameStore(with_depth, 32, 48).flow("a", range(2, 7, 2))
    assert np.isnan(flow[0]).all()
    # Half a metre a frame, ten metres away, seen with a focal length of 48 pixels: 2.4 a frame.
    shift = 2 * 2.4 / 2
    np.testing.assert_allclose(flow[1:, 0, :, :44], shift, atol=0.05)
    np.testing.assert_allclose(flow[1:, 1, :, :44], 0, atol=1e-3)
    assert np.isnan(flow[1:, :, :, 47]).all()  # came into view


def test_a_mirrored_clip_has_mirrored_flow(with_depth, recipe):
    store = FrameStore(with_depth, 64, 96)
    data = recipe.data.model_copy(update={"flip": True, "photometric": 0.0})
    clips = enumerate_clips({"a": 14}, context=1, targets=1, max_context=1)
    seen = set()
    dealt = Batches(store, clips, data, 0, with_flow=True).from_step(0)
    for batch in itertools.islice(dealt, 6):
        for frames, flow, clip in zip(batch.frames, batch.flow, batch.clips, strict=True):
            plain = store.frames(clip.sequence, clip.frames)[0]
            mirrored = not np.array_equal(frames.numpy(), plain)
            seen.add(mirrored)
            expected = store.flow(clip.sequence, clip.frames)
            if mirrored:
                expected = expected[..., ::-1].copy()
                expected[:, 0] *= -1
            np.testing.assert_array_equal(flow.numpy(), expected)
    assert seen == {False, True}


def test_batches_keep_clips_and_flow_together_when_they_are_cut(with_depth, recipe):
    store = FrameStore(with_depth, 64, 96)
    clips = enumerate_clips({"a": 14}, context=0, targets=2, max_context=0)
    batch = next(Batches(store, clips, recipe.data, 0, with_flow=True).from_step(0))
    first, second = batch.parts(2)
    assert torch.equal(torch.cat([first.flow, second.flow]).nan_to_num(9), batch.flow.nan_to_num(9))
    assert (first.size, len(first.clips)) == (2, 1)


@pytest.mark.slow
def test_an_oracle_trains_and_streams_with_exact_flow(recipe, with_depth, tmp_path):
    changes = {**EXACT, "data.max_context": 3, "train.validate_every": 0, "loss.motion": 0.1}
    oracle = apply_settings(recipe, changes, "test")
    trained = train(oracle, with_depth, tmp_path / "oracle.pt", CPU, ignore)
    view = with_depth.sequence("d")
    frames = [p for _, p in stream_predictions(trained.model, view, (64, 96), CPU)]
    assert sum(map(len, frames)) == view.length


def test_without_depth_the_oracle_says_what_to_record(dataset):
    model = build_model("ema", dataset.num_classes, warp="exact").eval()
    with pytest.raises(RecipeError, match="Record with depth"):
        next(stream_predictions(model, dataset.sequence("d"), (64, 96), CPU))
    with pytest.raises(RecipeError, match="Record with depth"):
        FrameStore(dataset, 64, 96).flow("a", range(3))


def test_augmentation_that_would_leave_the_flow_behind_is_refused(recipe, with_depth, tmp_path):
    changes = {"loss.motion": 0.1, "data.augment": {"scale": (1.0, 2.0)}}
    wrong = apply_settings(recipe, changes, "test")
    with pytest.raises(RecipeError, match="motion_flow: classical"):
        train(wrong, with_depth, tmp_path / "wrong.pt", CPU, ignore)


def test_clips_that_are_played_backwards_have_no_exact_flow(recipe, with_depth, tmp_path):
    wrong = apply_settings(recipe, {"loss.motion": 0.1, "data.reverse": True}, "test")
    with pytest.raises(RecipeError, match=r"data\.reverse"):
        train(wrong, with_depth, tmp_path / "wrong.pt", CPU, ignore)
