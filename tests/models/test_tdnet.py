"""TDNet on FANet-18: published sizes, the chain of attention by hand, turns that are kept."""

import math

import pytest
import torch
from networks_on_paper import count, on_paper

from airseg.bench.leaderboard.model_table import measure_model
from airseg.errors import RecipeError
from airseg.models.fanet import FANet
from airseg.models.resnet import ResNet
from airseg.models.tdnet import Hop, PlaceNorm, TemporallyDistributed

SIZE = (64, 96)


def small(count=2, **options):
    torch.manual_seed(0)
    networks = [FANet(ResNet(18, width=8), 5) for _ in range(count)]
    return TemporallyDistributed(networks, 5, size=SIZE, **options).eval()


def test_it_has_as_many_parameters_as_published():
    model = on_paper("td2_fanet18", 11, auxiliary=True)
    assert count(model) == 28_150_400
    turn = model.turns[1]
    assert count(turn.network.resnet) == 11_180_736
    assert count(turn.query) + count(turn.key) + count(turn.value) == 107_264
    assert count(turn.hops) == 65_792
    assert count(turn.norm) == 9_600
    assert count(turn.network.clslayer_8) == 593_152
    assert count(turn.auxiliary) == 74_560


def test_cost_and_memory_are_those_of_the_network_that_computes_nothing_twice():
    found = measure_model("td2_fanet18", 11, 480, 640)
    assert found.gmacs == pytest.approx(8.55, rel=0.01)
    assert found.memory_bytes == 4 * 540 * (64 + 256)  # 20x27 tokens at every third pixel
    assert measure_model("td2_fanet18", 11, 480, 640, {"stride": 4}).memory_bytes == 4 * 300 * 320


def test_a_hop_is_softmax_attention_in_float64():
    hop = Hop(6).double().eval()
    query, key, value = (
        torch.rand(1, 3, 4).double(),
        torch.rand(1, 5, 4).double(),
        torch.rand(1, 5, 6),
    )
    found = hop(query, key, value.double())[0]
    for q in range(3):
        weights = [math.exp(float(query[0, q] @ key[0, k]) / 2) for k in range(5)]
        mean = sum(w / sum(weights) * value[0, k].double() for k, w in enumerate(weights))
        torch.testing.assert_close(found[q], hop.mix.weight @ mean + hop.mix.bias)


def test_normalisation_over_places_has_a_weight_a_place_and_fits_other_sizes():
    norm = PlaceNorm((3, 4)).double()
    torch.nn.init.normal_(norm.weight)
    x = torch.rand(2, 5, 3, 4).double()
    expected = (x - x.mean((2, 3), True)) / (
        x.var((2, 3), unbiased=False, keepdim=True) + 1e-5
    ).sqrt()
    torch.testing.assert_close(norm(x), expected * norm.weight + norm.bias)
    assert norm(torch.rand(1, 5, 6, 8).double()).shape == (1, 5, 6, 8)


@pytest.mark.parametrize("n", [2, 3])
def test_the_first_frames_stand_alone_and_later_ones_are_the_chain(n):
    model, frames = small(n), torch.rand(1, n + 2, 3, *SIZE)
    model.requires_grad_(False)
    found = model.coarse(frames)[0][0]
    turns = [model.turns[t % n] for t in range(n + 2)]
    features = [
        turn.network.features(frame[None]) for turn, frame in zip(turns, frames[0], strict=True)
    ]
    values = [turn.value(feature) for turn, feature in zip(turns, features, strict=True)]

    def flat(x):
        return x.flatten(2).transpose(1, 2)

    for t in range(n + 2):
        if t < n - 1:
            torch.testing.assert_close(found[t], turns[t].head(values[t])[0])
            continue
        past = range(t - n + 1, t)
        carried = flat(values[past[0]][..., ::3, ::3])
        for step, i in enumerate(past):
            key = flat(turns[i].key(features[i])[..., ::3, ::3])
            query = turns[i + 1].query(features[i + 1])
            here = values[i + 1] if i + 1 == t else values[i + 1][..., ::3, ::3]
            query = query if i + 1 == t else query[..., ::3, ::3]
            carried = turns[t].hops[step](flat(query), key, carried) + flat(here)
        fused = carried.transpose(1, 2).view_as(values[t])
        torch.testing.assert_close(found[t], turns[t].head(fused)[0], atol=1e-4, rtol=1e-4)


def test_a_past_of_zeros_adds_nothing():
    model, frames = small(), torch.rand(1, 2, 3, *SIZE)
    with torch.no_grad():
        for turn in model.turns:
            turn.hops[0].mix.bias.zero_()
        _, memory = model.coarse(frames[:, :1])
        memory.values.zero_()
        found = model.coarse(frames[:, 1:], memory)[0][0, 0]
        turn = model.turns[1]
        expected = turn.head(turn.value(turn.network.features(frames[:, 1])))[0]
    torch.testing.assert_close(found, expected)


def test_the_same_frame_gets_other_logits_at_another_turn():
    model = small(norm="channel")
    frames = torch.rand(1, 1, 3, *SIZE).repeat(1, 4, 1, 1, 1)
    with torch.no_grad():
        logits = model(frames)[0][0]
    assert (logits[1] - logits[2]).abs().max() > 1e-3
    torch.testing.assert_close(logits[1], logits[3])


def test_the_weights_of_one_fanet_start_every_sub_network():
    source = FANet(ResNet(18, width=8), 5)
    model = small()
    model.load_state_dict(model.published_state(source.state_dict()))
    for turn in model.turns:
        for key, value in turn.network.state_dict().items():
            assert torch.equal(value, source.state_dict()[key])


def test_impossible_options_are_told():
    for options in ({"norm": "layer"}, {"stride": 0}):
        with pytest.raises(RecipeError, match=r"no choice|it must be"):
            small(**options)
