"""A classifier's weights fill the backbone they are of, and no other."""

import pytest
import torch
import torchvision

from airseg.errors import RecipeError
from airseg.models import build_model


def classifier(name):
    with torch.device("meta"):
        state = torchvision.models.get_model(name).state_dict()
    return {k: torch.full(v.shape, 0.5).to(v.dtype) for k, v in state.items()}


def untouched(model, name):
    """Return the parameters under a name that are still what they were made as."""
    return [
        n
        for n, p in model.named_parameters()
        if n.startswith(name) and "downsample" not in n and not (p == 0.5).all()
    ]


@pytest.mark.parametrize(
    ("name", "right", "backbone"),
    [
        ("fanet18", "resnet18", "resnet."),
        ("fanet34", "resnet34", "resnet."),
        ("lraspp_mobilenet", "mobilenet_v3_large", "network.backbone."),
        ("linknet_resnet18", "resnet18", "network.encoder."),
    ],
)
def test_every_weight_of_the_backbone_comes_from_the_right_file(name, right, backbone):
    model = build_model(name, 11)
    model.load_imagenet_state(classifier(right))
    assert not untouched(model, backbone)
    assert any(n.startswith(backbone) for n, _ in model.named_parameters())


@pytest.mark.parametrize(
    ("name", "wrong", "part"),
    [
        ("fanet18", "resnet34", "left over (layer1.2"),
        ("fanet34", "resnet18", "missing (layer1.2"),
        ("fanet18", "mobilenet_v3_large", "missing"),
        ("linknet_resnet18", "resnet34", "left over"),
    ],
)
def test_another_depth_is_refused_with_what_is_missing_and_left_over(name, wrong, part):
    model = build_model(name, 11)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    with pytest.raises(RecipeError, match="another backbone") as caught:
        model.load_imagenet_state(classifier(wrong))
    assert part in str(caught.value)
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())


@pytest.mark.slow
def test_deep_feature_flow_on_101_layers_refuses_50():
    model = build_model("dff_resnet101", 11)
    with pytest.raises(RecipeError, match=r"missing \(layer3\.6"):
        model.load_imagenet_state(classifier("resnet50"))
    model.load_imagenet_state(classifier("resnet101"))
