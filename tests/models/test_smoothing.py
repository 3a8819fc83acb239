"""Trivial baselines: by their definitions, counted by hand, along known motion."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from airseg.bench.training.weights import load_weights
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.models.base import VideoSegmenter
from airseg.models.fanet import FANet
from airseg.models.resnet import ResNet
from airseg.models.smoothing import ExponentialMean, MajorityVote, Placebo

CLASSES = 3


class Readout(VideoSegmenter):
    """A network that reads the class off the colour."""

    def __init__(self, sure=30.0):
        super().__init__()
        self.sure = nn.Parameter(torch.tensor(sure))

    def coarse(self, frames, memory=None):
        return self.sure * frames, memory


def painted(labels):
    """Return frames (1, T, 3, H, W) of labels (T, H, W)."""
    return torch.eye(CLASSES)[torch.as_tensor(labels).long()].movedim(-1, 1)[None]


def predicted(model, labels, flow=None):
    with torch.no_grad():
        return model(painted(labels), None, flow)[0][0].argmax(1).numpy()


@pytest.mark.parametrize(("alpha", "frames"), [(0.3, 1), (0.5, 2), (0.7, 2), (0.9, 7), (0.95, 14)])
def test_after_a_switch_the_new_class_wins_as_late_as_the_mean_remembers(alpha, frames):
    labels = np.concatenate([np.zeros((60, 1, 2)), np.ones((20, 1, 2))])
    found = predicted(ExponentialMean(Readout(), alpha), labels)
    assert np.argmax(found[60:, 0, 0] == 1) + 1 == frames


@pytest.mark.parametrize("space", ["prob", "logit"])
def test_the_mean_is_the_recursion_in_float64(space):
    torch.manual_seed(0)
    frames = torch.rand(2, 5, 3, 4, 6)
    model = ExponentialMean(Readout(3.0), 0.6, space).double()
    found = model.coarse(frames.double())[0].detach().numpy()
    logits = 3.0 * frames.double().numpy()
    values = np.exp(logits) / np.exp(logits).sum(2, keepdims=True) if space == "prob" else logits
    state = values[:, 0]
    for t in range(5):
        state = values[:, t] if t == 0 else 0.6 * state + 0.4 * values[:, t]
        expected = np.log(state) if space == "prob" else state
        np.testing.assert_allclose(found[:, t], expected, atol=1e-9)


def test_without_weight_the_mean_is_the_network_and_a_constant_is_a_fixed_point():
    labels = np.random.default_rng(0).integers(0, 3, (6, 5, 7))
    assert (predicted(ExponentialMean(Readout(), 0.0), labels) == labels).all()
    still = labels[:1].repeat(6, 0)
    assert (predicted(ExponentialMean(Readout(), 0.95), still) == still).all()


def moving(speed, count=6, size=(6, 12)):
    """Return labels of a pattern that moves right by whole pixels, and the exact flow back."""
    pattern = np.random.default_rng(1).integers(0, 3, (size[0], size[1] + speed * count))
    labels = np.stack(
        [pattern[:, speed * (count - t) : speed * (count - t) + size[1]] for t in range(count)]
    )
    flow = torch.zeros(1, count, 2, *size)
    flow[:, :, 0] = -speed
    flow[:, 0] = torch.nan
    flow[:, :, :, :, :speed] = torch.nan  # came into view
    return labels, flow


@pytest.mark.parametrize(
    "model", [ExponentialMean(Readout(), 0.9, warp="exact"), MajorityVote(Readout(), 5, "exact")]
)
def test_along_exact_motion_a_moving_pattern_stays_as_it_is(model):
    labels, flow = moving(2)
    assert (predicted(model, labels, flow) == labels).all()
    unmoved = ExponentialMean(Readout(), 0.9), MajorityVote(Readout(), 5)
    assert all((predicted(m, labels) != labels).any() for m in unmoved)


def test_along_exact_motion_a_glitch_is_outvoted_where_it_was():
    labels, flow = moving(2, count=7)
    glitch = labels.copy()
    glitch[5, 2:4, 6:9] = (glitch[5, 2:4, 6:9] + 1) % 3
    assert (predicted(MajorityVote(Readout(), 5, "exact"), glitch, flow) == labels).all()


def test_without_flow_an_oracle_says_what_it_needs():
    with pytest.raises(RecipeError, match="exact flow of each frame"):
        predicted(ExponentialMean(Readout(), 0.5, warp="exact"), np.zeros((2, 2, 2)))


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_votes_are_those_of_a_count_by_hand(k):
    labels = np.random.default_rng(k).integers(0, 3, (9, 4, 5))
    found = predicted(MajorityVote(Readout(), k), labels)
    for t, y, x in itertools.product(range(9), range(4), range(5)):
        seen = labels[max(t - k + 1, 0) : t + 1, y, x]
        most = max((seen == c).sum() for c in range(3))
        # Of the tied classes the one seen last; the present one is that if it is among them.
        tied = [c for c in range(3) if (seen == c).sum() == most]
        assert found[t, y, x] == max(tied, key=lambda c: np.flatnonzero(seen == c)[-1])


def test_one_and_two_votes_are_the_network():
    labels = np.random.default_rng(0).integers(0, 3, (8, 4, 5))
    for k in (1, 2):
        assert (predicted(MajorityVote(Readout(), k), labels) == labels).all()


@pytest.mark.parametrize("k", [3, 5, 9])
def test_short_glitches_go_and_true_switches_come_late(k):
    labels = np.zeros((40, 1, 1), int)
    labels[10 : 10 + (k - 1) // 2] = 1
    labels[25:] = 2
    found = predicted(MajorityVote(Readout(), k), labels)[:, 0, 0]
    assert not found[:25].any()
    assert np.argmax(found == 2) == 25 + (k - 1) // 2


def test_training_is_the_bases_and_needs_no_context():
    frames = torch.rand(1, 3, 3, 8, 8)
    for model in (ExponentialMean(Readout()), MajorityVote(Readout(), 7)):
        ((weight, logits),), _ = model.training_outputs(frames)
        assert weight == 1.0
        assert torch.equal(logits, model.base(frames)[0])
        assert model.training_context == 0


def test_a_placebo_is_its_base_on_longer_clips():
    model, frames = Placebo(Readout(), 3), torch.rand(1, 5, 3, 8, 8)
    assert model.training_context == 3
    assert model.memory_depth == 0
    assert torch.equal(model(frames)[0], model.base(frames)[0])


def test_a_bases_weights_load_into_what_is_around_it(tmp_path):
    base = FANet(ResNet(18, width=8), 5)
    torch.save(base.state_dict(), tmp_path / "base.pt")
    around = MajorityVote(FANet(ResNet(18, width=8), 5), 3)
    load_weights(around, str(tmp_path / "base.pt"))
    torch.save(around.state_dict(), tmp_path / "around.pt")
    again = ExponentialMean(FANet(ResNet(18, width=8), 5))
    load_weights(again, str(tmp_path / "around.pt"))
    for key, value in base.state_dict().items():
        assert torch.equal(again.base.state_dict()[key], value)


def test_a_base_that_remembers_and_impossible_options_are_refused():
    with pytest.raises(RecipeError, match="must be a per-frame network"):
        build_model("ema", 5, base="fanet18", base_options={"tca_depth": 2})
    for name, options in (
        ("ema", {"alpha": 1.0}),
        ("ema", {"space": "log"}),
        ("vote", {"frames": 0}),
    ):
        with pytest.raises(RecipeError, match=r"it must be|no choice"):
            build_model(name, 5, **options)
    with pytest.raises(RecipeError, match=r"no alignment 'exakt'. Did you mean 'exact'"):
        build_model("vote", 5, warp="exakt")
