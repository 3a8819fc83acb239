"""What a training starts from, and the average of its weights that is scored."""

import math

import pytest
from torch import nn

from airseg.bench.recipes.recipe import Recipe
from airseg.bench.training.learner import build, running_average


def recipe(**model):
    return Recipe.model_validate({"name": "r", "model": {"name": "fanet18", **model}})


def test_torchs_initialisation_is_that_of_its_own_layers():
    """PyTorch documents them as uniform within 1 / sqrt(fan in): deviation 1 / sqrt(3 fan in)."""
    model = build(recipe(initialization="torch"), 11)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and layer.weight.numel() > 10_000:
            bound = 1 / math.sqrt(layer.weight[0].numel())
            assert layer.weight.abs().max() <= bound
            assert float(layer.weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.03)


def test_the_authors_initialisation_is_wider():
    model, narrow = (build(recipe(initialization=i), 11) for i in ("authors", "torch"))
    ratios = [
        float(a.weight.std() / b.weight.std())
        for a, b in zip(model.modules(), narrow.modules(), strict=True)
        if isinstance(a, nn.Conv2d) and a.weight.numel() > 10_000
    ]
    assert min(ratios) > 1.6
    assert max(ratios) > 2.3


def train(steps, decay, average=None):
    """Let a normalised network's weight go to 1 and its statistics to 5; return the average."""
    network = nn.Sequential(nn.BatchNorm1d(1))
    average = running_average(network, decay)
    nn.init.zeros_(network[0].weight)
    average.update_parameters(network)
    nn.init.ones_(network[0].weight)
    network[0].running_mean.fill_(5.0)
    for _ in range(steps - 1):
        average.update_parameters(network)
    return average.module[0]


def test_a_short_training_is_averaged_over_its_own_steps():
    """In float64, min(d, (1 + t) / (10 + t)); with 0.999 alone 120 steps keep 89 % of the start."""
    share = 1.0
    for t in range(1, 120):
        share *= min(0.999, (1 + t) / (10 + t))
    found = train(120, 0.999)
    assert float(found.weight) == pytest.approx(1 - share, rel=1e-4)
    assert float(found.weight) > 0.99


def test_statistics_are_averaged_with_the_weights_they_belong_to():
    found = train(3, 0.5)
    share = min(0.5, 2 / 11) * min(0.5, 3 / 12)
    assert float(found.running_mean) == pytest.approx(5 * (1 - share), rel=1e-5)
