"""Networks by name."""

import pytest
import torch

from airseg.errors import RecipeError
from airseg.models import build_model, list_models
from airseg.models.registry import register_model


def test_networks_are_listed_in_order():
    assert list_models() == sorted(list_models())
    assert "fanet18" in list_models()


def test_an_unknown_network_gets_the_nearest_name():
    with pytest.raises(RecipeError, match=r"no model 'fanet81'. Did you mean 'fanet18'"):
        build_model("fanet81", 11)


def test_an_unknown_option_gets_the_nearest_name():
    with pytest.raises(RecipeError, match=r"no option 'tca_dept'. Did you mean 'tca_depth'"):
        build_model("fanet18", 11, tca_dept=2)


@pytest.mark.parametrize("options", [{"tca_depth": -1}, {"reduction": "max"}, {"decay": 1.0}])
def test_impossible_options_are_told(options):
    with pytest.raises(RecipeError, match=r"it must be|no choice"):
        build_model("fanet18", 11, **options)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("fanet18", {"tca_depth": "two"}, "model fanet18: tca_depth: .* found 'two'"),
        ("fanet18", {"tca_depth": 1.5}, "found 1.5"),
        ("fanet18", {"tca_depth": True}, "tca_depth: expected a number, found true"),
        ("fanet18", {"strides": [2, 2]}, "strides"),
        ("espnet_convlstm", {"state_size": 5}, "state_size"),
    ],
)
def test_options_of_another_type_are_told(name, options, said):
    with pytest.raises(RecipeError, match=said):
        build_model(name, 11, **options)


def test_no_two_networks_share_a_name():
    def fanet18(num_classes):
        return None

    with pytest.raises(ValueError, match="two models are named 'fanet18'"):
        register_model(fanet18)


@pytest.mark.parametrize("name", list_models())
def test_every_network_takes_clips_and_returns_logits_at_their_size(name):
    with torch.device("meta"):
        try:
            model = build_model(name, 11).eval()
        except RecipeError as cause:
            pytest.skip(str(cause))
        frames = torch.empty(1, 2, 3, 64, 96)
        logits, memory = model(frames)
        assert logits.shape == (1, 2, 11, 64, 96)
        model(frames[:, :1], memory)
        assert model.training_outputs(frames)[0][0][1].shape[:3] == (1, 2, 11)
    assert model.paper
    assert model.memory_bytes(64, 96) >= 0
