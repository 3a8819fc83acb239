"""Groups of parameters, as the published code of SegFormer and TV3S divides them."""

import pytest
import torch

from airseg.bench.recipes.recipe_parts import TrainRecipe
from airseg.bench.training.optimization import build_optimizer
from airseg.models import build_model


@pytest.fixture(scope="module")
def tv3s():
    with torch.device("meta"):
        return build_model("tv3s", 11, encoder="b0")


def groups_of(model, **train):
    """Return by parameter its group's rate factor and decay."""
    optimizer = build_optimizer(TrainRecipe(optimizer="adamw", **train), model)
    names = {id(p): n for n, p in model.named_parameters()}
    found = {
        names[id(p)]: (group["rate_factor"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert len(found) == len(names)
    return found


def test_tv3s_is_divided_as_its_code_divides_it(tv3s):
    """mmseg's paramwise_cfg: 'head' times 10, 'norm' without decay; the head's rule comes first."""
    for name, group in groups_of(tv3s, weight_decay=0.01, head_rate=10, norm_decay=False).items():
        if not name.startswith("backbone."):
            assert group == (10, 0.01), name
        elif "norm" in name:
            assert group == (1, 0), name
        else:
            assert group == (1, 0.01), name


def test_both_sub_networks_of_tdnet_have_a_backbone():
    with torch.device("meta"):
        model = build_model("td2_fanet18", 11)
    for name, (factor, _) in groups_of(model, head_rate=10).items():
        assert factor == (1 if ".network.resnet." in name else 10), name


@pytest.mark.parametrize("base", ["fanet18", "segformer"])
def test_a_smoother_s_backbone_learns_at_the_rate_of_its_base_s(base):
    with torch.device("meta"):
        alone = build_model(base, 11)
        smoothed = build_model("ema", 11, base=base)
    found = groups_of(smoothed, head_rate=10)
    assert found == {f"base.{n}": g for n, g in groups_of(alone, head_rate=10).items()}
    assert {factor for factor, _ in found.values()} == {1, 10}


def test_without_them_all_parameters_are_one_group_in_their_own_order(tv3s):
    optimizer = build_optimizer(TrainRecipe(), tv3s)
    (group,) = optimizer.param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in tv3s.parameters()]
