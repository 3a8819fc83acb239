"""A network that breaks a promise is found out, whoever made it."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from airseg.models.base import VideoSegmenter
from airseg.testing import check_model

CLASSES = 5


class Honest(VideoSegmenter):
    """The mean of this frame's logits and the last one's."""

    memory_depth = 1

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, CLASSES, 3, 4, 1)

    def coarse(self, frames, memory=None):
        logits = self.layer(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        before = logits[:, :1] if memory is None else memory
        return (logits + torch.cat([before, logits[:, :-1]], 1)) / 2, logits[:, -1:].clone()

    def memory_bytes(self, height, width):
        return 4 * CLASSES * (height // 4) * (width // 4)


class Ahead(Honest):
    """Looks at the next frame of a clip."""

    def coarse(self, frames, memory=None):
        logits, memory = super().coarse(frames, memory)
        return logits + torch.cat([logits[:, 1:], logits[:, -1:]], 1), memory


class WholeClip(Honest):
    """Normalises by the clip, as batch statistics over time do."""

    def coarse(self, frames, memory=None):
        return super().coarse(frames - frames.mean((1, 3, 4), keepdim=True), memory)


class TooFar(Honest):
    """Says that it remembers less than it does."""

    memory_depth = 0


class Hidden(Honest):
    """Keeps its memory in the module."""

    kept = None

    def coarse(self, frames, memory=None):
        fits = self.kept is not None and self.kept.shape[0] == frames.shape[0]
        logits, self.kept = super().coarse(frames, self.kept if fits else None)
        return logits, None

    def memory_bytes(self, height, width):
        return 0


class Overwritten(Honest):
    """Writes into the memory that it was given."""

    def coarse(self, frames, memory=None):
        logits, new = super().coarse(frames, memory)
        return logits, new if memory is None else memory.copy_(new)


class Larger(Honest):
    """Tells a smaller memory than it has."""

    def memory_bytes(self, height, width):
        return 1


class Mixed(Honest):
    """Lets the clips of a batch see each other."""

    def coarse(self, frames, memory=None):
        return super().coarse(frames + frames.mean(0, keepdim=True), memory)


def test_an_honest_network_passes_and_is_not_changed():
    model = Honest().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    check_model(model, num_classes=CLASSES)
    assert model.training
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Ahead, "Ahead: a stream equals its clip"),
        (WholeClip, "WholeClip: a stream equals its clip"),
        (TooFar, r"TooFar: .* memory_depth \(0\) earlier frames at most: frame 1 .* frame \[2\]"),
        (Hidden, "Hidden: (a stream equals its clip|streams in turns)"),
        (Overwritten, "Overwritten: (a memory that goes in is not changed|streams in turns)"),
        (Larger, "Larger: memory_bytes tells the memory's size: 1 told, 7680 found"),
        (Mixed, "Mixed: (a stream equals its clip|a batch of clips equals)"),
    ],
)
def test_one_that_breaks_a_promise_is_told(kind, said):
    with pytest.raises(AssertionError, match=said):
        check_model(kind(), num_classes=CLASSES)


def test_the_number_of_classes_is_looked_at():
    with pytest.raises(AssertionError, match=r"\(2, 6, 4, 64, 96\) expected, \(2, 6, 5, 64, 96\)"):
        check_model(Honest(), num_classes=4)


@pytest.mark.slow
def test_registered_networks_go_by_name():
    check_model("fanet18", num_classes=CLASSES, times=4, tca_depth=1)


@pytest.mark.slow
def test_networks_are_checked_where_no_film_can_be_read():
    """A machine that is lent for its GPU has no PyAV, 35 MB that only films need."""
    script = "import sys; sys.modules['av'] = None; import airseg.testing"
    subprocess.run([sys.executable, "-c", script], check=True)
