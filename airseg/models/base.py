"""What every network offers, so that training, streaming and scoring never special-case one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from airseg.errors import RecipeError
from airseg.models.upsampling import upsample

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

LossTerm = Callable[[Tensor], Tensor]
"""A term of the loss that is no cross-entropy of class logits, and that only the network knows.

It takes labels (B, S, H, W) int64 of the last S frames, 255 where they do not count, and returns
a mean over what it supervises."""

TrainingOutputs = list[tuple[float, Tensor | LossTerm]]
"""Weights, and class logits (B, T, C, h, w) or a `LossTerm`; the main logits first."""


class VideoSegmenter(nn.Module, ABC):
    """A network from frames to class logits that may remember earlier frames.

    Memory is a value: it goes in, a new one comes out, and nothing is kept in the module. None is
    the memory of a stream that begins.
    """

    paper: str = ""
    """Where the network comes from."""

    memory_depth: int = 0
    """How many earlier frames a frame's logits depend on."""

    period: int = 1
    """After how many frames the cost of a frame repeats."""

    rotates: bool = False
    """Whether the frames of a period go through different weights, which no key frame ends."""

    unbounded: bool = False
    """Whether logits depend on all earlier frames; `memory_depth` is then for training only."""

    align_corners: bool = True
    """How logits lie on the frame, as the authors upsample them: corners on corners, else edges on
    edges."""

    wants_flow: bool = False
    """Whether `coarse` must be given the exact flow of each frame, as an oracle is.

    It is then called as ``coarse(frames, memory, flow)``, with (B, T, 2, H, W) pixels from each
    frame to where its points were in the one before, x before y; NaN where a point was not seen,
    and all over the first frame of a stream. `forward` and `step` hand it on."""

    backbone_names: tuple[str, ...] = (
        "backbone.",
        "resnet.",
        "base.backbone.",
        "base.resnet.",
        "network.backbone.",
        "network.encoder.",
    )
    """How names of the backbone's parameters begin; the rest is the head."""

    def __init__(self) -> None:
        super().__init__()
        self._frozen: tuple[nn.Module, ...] = ()

    def freeze(self, *parts: nn.Module) -> None:
        """Keep parts as they are while the rest trains, their normalisation's statistics too."""
        self._frozen = (*self._frozen, *parts)
        for part in parts:
            part.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> VideoSegmenter:
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    @property
    def filling_frames(self) -> int:
        """After how many frames a stream's memory has its full size, and a frame its full cost."""
        return 1 if self.unbounded else self.memory_depth

    @property
    def training_context(self) -> int:
        """How many frames a training clip has before the supervised ones."""
        return self.memory_depth

    @abstractmethod
    def coarse(self, frames: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Return logits at the network's own resolution.

        Args:
            frames: (B, T, 3, H, W) float, RGB from 0 to 1, consecutive in time.
            memory: what an earlier call returned for the same B streams, or None.

        Returns:
            Logits (B, T, C, h, w), and the memory after the last frame.
        """

    def coarse_standing(self, frames: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Return `coarse` of a camera that stands still: where no exact flow is known."""
        batch, times, _, height, width = frames.shape
        still = frames.new_zeros(batch, times, 2, height, width)
        exact: tuple[Tensor, ...] = (still,) if self.wants_flow else ()
        return self.coarse(frames, memory, *exact)

    def training_outputs(self, frames: Tensor, memory: Any = None) -> tuple[TrainingOutputs, Any]:
        """Return what to train on: weighted logits (B, T, C, h, w), the main ones first."""
        logits, memory = self.coarse(frames, memory)
        return [(1.0, logits)], memory

    def forward(
        self, frames: Tensor, memory: Any = None, flow: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Return logits (B, T, C, H, W) at the frames' resolution, and the memory."""
        exact = () if flow is None else (flow,)
        logits, memory = self.coarse(frames, memory, *exact)
        full = upsample(logits, frames.shape[-2:], align_corners=self.align_corners)
        return full, memory

    def step(
        self, frame: Tensor, memory: Any = None, flow: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Return logits (B, C, H, W) of one more frame (B, 3, H, W), and the memory."""
        logits, memory = self(frame[:, None], memory, None if flow is None else flow[:, None])
        return logits[:, 0], memory

    def memory_bytes(self, height: int, width: int) -> int:
        """Return how many bytes one stream's memory takes once it is full, in fp32."""
        return 0

    @property
    def imagenet_name(self) -> str:
        """Return torchvision's name of the network whose ImageNet weights fit, or nothing."""
        return ""

    def load_imagenet_state(self, state: dict[str, Tensor]) -> None:
        """Load those weights, as torchvision names them, into the backbone."""
        raise RecipeError("this network has no backbone that ImageNet weights would fit.")

    def published_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of a published checkpoint under this network's own names."""
        return state


class Normalization(nn.Module):
    """Frames from 0 to 1 with mean 0 and deviation 1 over the set a network's weights come from.

    Args:
        mean, deviation: of red, green and blue, from 0 to 1; ImageNet's by default.
    """

    def __init__(
        self,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        deviation: tuple[float, float, float] = IMAGENET_DEVIATION,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None], persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        return (frames - self.mean) / self.deviation
