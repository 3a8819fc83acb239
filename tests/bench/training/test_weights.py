"""Weights from elsewhere: what to do without a connection is said before one is tried."""

import logging

import pytest
import torch

from airseg.bench.training import weights
from airseg.bench.training.weights import load_weights
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.models.fanet import FANet
from airseg.models.resnet import ResNet

FILE = "resnet18-f37072fd.pth"  # as torchvision's own documentation names it


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.fixture
def model():
    with torch.device("meta"):
        return FANet(ResNet(18), 11)


def test_file_and_folder_are_named_before_a_download_is_tried(folder, model, monkeypatch, caplog):
    said_before = []

    def unreachable(name):
        said_before.extend(r.getMessage() for r in caplog.records)
        raise OSError("no route to host")

    monkeypatch.setattr(weights, "_fetch", unreachable)
    with pytest.raises(RecipeError, match="no route to host") as caught, caplog.at_level("WARNING"):
        load_weights(model, "imagenet")
    assert len(said_before) == 1
    for text in (said_before[0], str(caught.value)):
        assert f"put {FILE} (https://" in text
        assert f"into {folder}." in text


def test_of_a_training_with_a_running_average_the_average_is_taken(tmp_path):
    """It is what was scored: whoever exports or times a checkpoint means that network."""
    model = build_model("ssnet", 3)
    average = torch.optim.swa_utils.AveragedModel(build_model("ssnet", 3))
    state = {"model": build_model("ssnet", 3).state_dict(), "average": average.state_dict()}
    torch.save(state, tmp_path / "checkpoint.pt")
    load_weights(model, str(tmp_path / "checkpoint.pt"))
    for name, tensor in average.module.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name


def test_what_is_there_is_taken_without_a_word(folder, model, monkeypatch, caplog):
    (folder / FILE).touch()
    monkeypatch.setattr(weights, "_fetch", lambda name: ResNet(18))
    monkeypatch.setattr(model, "load_imagenet_state", lambda state: None)
    with caplog.at_level(logging.INFO):
        load_weights(model, "imagenet")
    assert not caplog.records
