"""SSP: past logits, registered to the present frame, join its own where features look alike.

Vincent, Kim and Meess, CVPR 2025 (arXiv 2503.15676): semantic similarity propagation. The authors'
code is under a non-commercial licence (CC BY-NC-SA) and was not read: this is built from the
abstract and the caption of the figure. Known from there: the fused logits of the frame before are
aligned by one projective transformation an image, and combined with the present ones by linear
interpolation a pixel, whose weight learned convolutions read from the features of both frames.
Registration, layers and losses are our own; so is ``exact``, which only a simulator has. The gate
between homography and flow is that of Yang et al., 2026 (arXiv 2606.09162), from its abstract.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from airseg.errors import RecipeError
from airseg.models.alignment import Aligner, resample
from airseg.models.base import TrainingOutputs, VideoSegmenter
from airseg.models.options import check_at_least, check_choice
from airseg.models.registry import build_model, register_model
from airseg.models.smoothing import Wrapper

WIDTH = 64
SPACES = ("logit", "logprob")
_ALONE_WEIGHT = 0.5


class Featured(Protocol):
    """A per-frame network that shows what its classifier sees."""

    feature_channels: int

    def featured(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return features and logits, both (B, ., h, w), of frames (B, 3, H, W)."""


class SimilarityWeight(nn.Module):
    """How much of the past a pixel takes, from the features of both frames.

    Args:
        channels: of the base's features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = _ConvNormReLU(channels, WIDTH, 1)
        self.compare = _ConvNormReLU(2 * WIDTH, WIDTH, 3)
        self.weigh = nn.Conv2d(WIDTH, 1, 3, padding=1)

    def forward(self, present: Tensor, past: Tensor) -> Tensor:
        """Return (B, 1, h, w) from 0 to 1 of reduced features (B, 64, h, w)."""
        return self.weigh(self.compare(torch.cat([present, past], 1))).sigmoid()


class _ConvNormReLU(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )


@dataclass(frozen=True)
class PropagationMemory:
    """What is handed on.

    Attributes:
        state: (B, C, h, w) fused logits.
        features: (B, 64, h, w) reduced.
        frame: (B, H, W) uint8, where the alignment looks at it.
    """

    state: Tensor
    features: Tensor
    frame: Tensor | None


class SimilarityPropagation(Wrapper):
    """SSP around a per-frame network: s_t = a W(s_t-1) + (1 - a) z_t.

    Args:
        base: with features, see `Featured`.
        alignment: W, of `airseg.models.alignment.ALIGNMENTS`; nothing is taken from where no
            homography can be trusted, or a point was out of the picture.
        threshold: for ``gated``, see `Aligner`.
        space: ``logit``, or ``logprob``: log-softmax, which keeps the scale of frames comparable.
        training_frames: how many frames a training clip has before the supervised ones.
        freeze_base: only the weight learns.

    Raises:
        RecipeError: the base shows no features, or an option is impossible.
    """

    paper = "SSP (Vincent et al., CVPR 2025)"
    unbounded = True

    def __init__(
        self,
        base: VideoSegmenter,
        alignment: str = "homography",
        threshold: float | None = None,
        space: str = "logit",
        training_frames: int = 3,
        *,
        freeze_base: bool = False,
    ) -> None:
        super().__init__(base)
        if not hasattr(base, "featured"):
            raise RecipeError(
                f"{base.paper} does not show its features; base must be fanet18 and the like, "
                "pidnet_s or segformer."
            )
        check_choice("space", space, SPACES)
        check_at_least("training_frames", training_frames, 0)
        self.space, self.align = space, Aligner(alignment, threshold)
        self.memory_depth = training_frames
        self.wants_flow = alignment == "exact"
        self.similarity = SimilarityWeight(base.feature_channels)
        if freeze_base:
            self.freeze(base)

    def coarse(
        self,
        frames: Tensor,
        memory: PropagationMemory | None = None,
        flow: Tensor | None = None,
    ) -> tuple[Tensor, PropagationMemory | None]:
        fused, _, memory = self._propagate(frames, memory, flow)
        return fused, memory

    def training_outputs(
        self,
        frames: Tensor,
        memory: PropagationMemory | None = None,
        flow: Tensor | None = None,
    ) -> tuple[TrainingOutputs, PropagationMemory | None]:
        fused, alone, memory = self._propagate(frames, memory, flow)
        return [(1.0, fused), (_ALONE_WEIGHT, alone)], memory

    def memory_bytes(self, height: int, width: int) -> int:
        channels, rows, columns = self.coarse_shape(height, width)
        looked = height * width if self.align.looks else 0
        return 4 * (channels + WIDTH) * rows * columns + looked

    def _propagate(
        self, frames: Tensor, memory: PropagationMemory | None, flow: Tensor | None
    ) -> tuple[Tensor, Tensor, PropagationMemory | None]:
        """Return fused logits and each frame's own, (B, T, C, h, w), and the memory."""
        shape = frames.shape[:2]
        features, logits = self.base.featured(frames.flatten(0, 1))
        values = logits.log_softmax(1) if self.space == "logprob" else logits
        values = values.unflatten(0, shape)
        reduced = self.similarity.reduce(features).unflatten(0, shape)
        states = []
        for t, (state, present) in enumerate(zip(values.unbind(1), reduced.unbind(1), strict=True)):
            if memory is not None:
                exact = None if flow is None else flow[:, t]
                way = self.align(memory.frame, frames[:, t], state.shape[-2:], exact)
                past, _ = resample(memory.features, way)
                moved, known = resample(memory.state, way)
                weight = self.similarity(present, past) * known.to(state.dtype)
                state = weight * moved + (1 - weight) * state
            memory = PropagationMemory(state, present, self.align.remember(frames[:, t]))
            states.append(state)
        return torch.stack(states, 1), logits.unflatten(0, shape), memory


@register_model
def ssp(
    num_classes: int,
    base: str = "fanet18",
    base_options: dict[str, Any] | None = None,
    alignment: str = "homography",
    threshold: float | None = None,
    space: str = "logit",
    training_frames: int = 3,
    freeze_base: bool = False,
) -> SimilarityPropagation:
    """Build SSP on FANet, PIDNet or SegFormer; `alignment` is one of `ALIGNMENTS`."""
    network = build_model(base, num_classes, **(base_options or {}))
    return SimilarityPropagation(
        network, alignment, threshold, space, training_frames, freeze_base=freeze_base
    )
