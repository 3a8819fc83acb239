"""SSP: sizes as specified, the recursion in float64, and the network where nothing is taken."""

import pytest
import torch
from torch import nn

from airseg.bench.leaderboard.model_table import measure_model
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.models.fanet import FANet
from airseg.models.resnet import ResNet
from airseg.models.similarity_propagation import SimilarityPropagation


def small(**options):
    torch.manual_seed(0)
    return SimilarityPropagation(FANet(ResNet(18, width=8), 5), **options).eval()


def weigh_always(model, weight):
    """Make the learned weight a constant: 0 or 1."""
    with torch.no_grad():
        model.similarity.weigh.weight.zero_()
        model.similarity.weigh.bias.fill_(1000.0 if weight else -1000.0)
    return model


def test_size_cost_and_memory_are_the_specified_ones():
    base = measure_model("fanet18", 11, 480, 640)
    found = measure_model("ssp", 11, 480, 640)
    assert found.parameters - base.parameters == 90_945
    assert found.gmacs - base.gmacs == pytest.approx(0.435, rel=0.01)
    assert found.memory_bytes == 4 * (11 + 64) * 60 * 80 + 480 * 640


def test_where_nothing_is_taken_it_is_its_base():
    model, frames = weigh_always(small(), 0), torch.rand(1, 4, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(model(frames)[0], model.base(frames)[0])


def test_where_all_is_taken_a_still_camera_keeps_its_first_answer():
    model, frames = weigh_always(small(alignment="none"), 1), torch.rand(1, 4, 3, 64, 96)
    with torch.no_grad():
        found = model(frames)[0]
    torch.testing.assert_close(found, found[:, :1].expand_as(found))


def test_after_a_cut_a_frame_stands_alone():
    model, frames = weigh_always(small(), 1), torch.rand(1, 3, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(model(frames)[0], model.base(frames)[0])


@pytest.mark.parametrize("space", ["logit", "logprob"])
def test_the_fusion_is_the_recursion_in_float64(space):
    model = small(alignment="exact", space=space).double()
    nn.init.normal_(model.similarity.weigh.weight, std=0.5)
    frames = torch.rand(1, 4, 3, 64, 96).double()
    flow = torch.zeros(1, 4, 2, 64, 96).double()
    flow[:, :, 0] = 8.0  # whole pixels of the map
    flow[:, :, :, :8] = torch.nan
    with torch.no_grad():
        found = model.coarse(frames, None, flow)[0]
        features, logits = model.base.featured(frames[0])
        values = logits.log_softmax(1) if space == "logprob" else logits
        reduced = model.similarity.reduce(features)
        shift = torch.tensor([min(x + 1, values.shape[-1] - 1) for x in range(values.shape[-1])])
        state = values[0]
        for t in range(1, 4):
            # What is unknown keeps its place among features, and has no weight.
            past, moved = reduced[t - 1][..., shift], state[..., shift]
            past[..., 0, :], moved[..., 0, :] = reduced[t - 1][..., 0, :], state[..., 0, :]
            weight = model.similarity(reduced[t][None], past[None])[0]
            weight[..., 0, :] = 0
            weight[..., -1] = 0  # was outside of the picture
            state = weight * moved + (1 - weight) * values[t]
            torch.testing.assert_close(found[0, t], state)


def test_fused_logits_stay_between_past_and_present():
    model, frames = small(alignment="none"), torch.rand(1, 2, 3, 64, 96)
    with torch.no_grad():
        fused = model.coarse(frames)[0][0, 1]
        first, second = model.base.coarse(frames)[0][0]
    assert (fused <= torch.maximum(first, second) + 1e-5).all()
    assert (fused >= torch.minimum(first, second) - 1e-5).all()


def test_a_frozen_base_does_not_learn_and_the_past_carries_gradient():
    model = small(alignment="none", freeze_base=True).train()
    (_, fused), (weight, alone) = model.training_outputs(torch.rand(1, 3, 3, 64, 96))[0]
    assert weight == 0.5
    assert not alone.requires_grad
    fused[:, -1].sum().backward()
    assert all(p.grad is None for p in model.base.parameters())
    assert model.similarity.reduce[0].weight.grad.abs().sum() > 0


def test_a_base_without_features_and_impossible_options_are_refused():
    with pytest.raises(RecipeError, match="does not show its features"):
        build_model("ssp", 5, base="espnet")
    with pytest.raises(RecipeError, match="no alignment 'homografy'"):
        build_model("ssp", 5, alignment="homografy")
    with pytest.raises(RecipeError, match="no choice"):
        build_model("ssp", 5, space="prob")
