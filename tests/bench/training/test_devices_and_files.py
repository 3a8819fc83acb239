"""Where training computes, and files that it cannot go on from."""

import pytest
import torch

from airseg.bench.training.checkpoint import load_checkpoint
from airseg.bench.training.fabric import pick_device
from airseg.bench.training.weights import load_weights
from airseg.errors import RecipeError
from airseg.models import build_model


@pytest.mark.parametrize("name", ["meta", "hpu", "nonsense"])
def test_a_device_that_cannot_train_is_told(name):
    with pytest.raises(RecipeError, match=f"--device {name}: cannot be used here"):
        pick_device(name)


def test_a_chosen_gpu_is_where_events_and_kernels_go(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch, "empty", lambda *shape, device: None)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    pick_device("cuda:1")
    assert chosen == [torch.device("cuda:1")]


@pytest.mark.parametrize("content", [b"", b"\x80", b"\x80\x02", b"PK\x03\x04"])
def test_a_checkpoint_cut_off_anywhere_is_told(tmp_path, content):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match="the checkpoint is damaged"):
        load_checkpoint(path, "")
    with pytest.raises(RecipeError, match="cannot be loaded"):
        load_weights(build_model("ssnet", 5), str(path))
