"""Trivial temporal baselines: what any network gains by smoothing its outputs.

No weights, no training: a gain of a temporal network that these reach too is not the network's.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from airseg.errors import RecipeError
from airseg.models.alignment import Aligner, resample
from airseg.models.base import TrainingOutputs, VideoSegmenter
from airseg.models.options import check_at_least, check_choice, check_share
from airseg.models.registry import build_model, register_model
from airseg.models.upsampling import upsample

SPACES = ("prob", "logit")
_LEAST_PROBABILITY = 1e-12


class Wrapper(VideoSegmenter):
    """A network around a per-frame one, which it leaves as it is.

    Args:
        base: the per-frame network.

    Raises:
        RecipeError: the base remembers frames itself.
    """

    def __init__(self, base: VideoSegmenter) -> None:
        super().__init__()
        if base.memory_depth or base.unbounded:
            raise RecipeError(
                f"{base.paper} remembers frames itself; base must be a per-frame network."
            )
        self.base, self.align_corners = base, base.align_corners
        self.backbone_names = tuple(f"base.{name}" for name in base.backbone_names)

    def published_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights of this network, or of its base alone, under this network's names."""
        own = {k: v for k, v in state.items() if not k.startswith("base.")}
        inner = {k.removeprefix("base."): v for k, v in state.items() if k.startswith("base.")}
        if inner:
            return {**own, **{f"base.{k}": v for k, v in inner.items()}}
        renamed = {f"base.{k}": v for k, v in self.base.published_state(state).items()}
        rest = {k: v for k, v in self.state_dict().items() if not k.startswith("base.")}
        return {**renamed, **rest}

    @property
    def imagenet_name(self) -> str:
        return self.base.imagenet_name

    def load_imagenet_state(self, state: dict[str, Tensor]) -> None:
        """Load them into the base."""
        self.base.load_imagenet_state(state)

    def coarse_shape(self, height: int, width: int) -> tuple[int, int, int]:
        """Return channels, height and width of the base's logits, of frames of a size."""
        device, mode = next(self.base.parameters()).device, self.base.training
        with torch.no_grad():
            logits, _ = self.base.eval().coarse(torch.zeros(1, 1, 3, height, width, device=device))
        self.base.train(mode)
        return tuple(logits.shape[2:])  # type: ignore[return-value]


@dataclass(frozen=True)
class MeanMemory:
    """A running mean of outputs.

    Attributes:
        state: (B, C, h, w) probabilities or logits.
        frame: (B, H, W) uint8, the last frame, where the alignment looks at it.
    """

    state: Tensor
    frame: Tensor | None


class ExponentialMean(Wrapper):
    """The exponential mean of a network's outputs, where they are, or moved along with the picture.

    s_t = alpha m W(s_t-1) + (1 - alpha m) u_t, where m says whether a pixel was in the picture.

    Args:
        base: the per-frame network.
        alpha: weight of the past, from 0 to below 1; half of it is forgotten after
            ln 0.5 / ln alpha frames.
        space: ``prob``: of probabilities, of which the logarithm is returned; or ``logit``.
        aligner: moves the past.
    """

    paper = "exponential mean of outputs"
    unbounded = True

    def __init__(
        self, base: VideoSegmenter, alpha: float = 0.7, space: str = "prob", warp: str = "none"
    ) -> None:
        super().__init__(base)
        check_share("alpha", alpha)
        check_choice("space", space, SPACES)
        self.alpha, self.space, self.align = alpha, space, Aligner(warp)
        self.wants_flow = warp == "exact"

    def coarse(
        self, frames: Tensor, memory: MeanMemory | None = None, flow: Tensor | None = None
    ) -> tuple[Tensor, MeanMemory | None]:
        logits, _ = self.base.coarse(frames)
        values = logits.softmax(2) if self.space == "prob" else logits
        means = []
        for t, value in enumerate(values.unbind(1)):
            state = value
            if memory is not None:
                exact = None if flow is None else flow[:, t]
                way = self.align(memory.frame, frames[:, t], value.shape[-2:], exact)
                moved, known = resample(memory.state, way)
                weight = self.alpha * known.to(value.dtype)
                state = weight * moved + (1 - weight) * value
            memory = MeanMemory(state, self.align.remember(frames[:, t]))
            means.append(state)
        smooth = torch.stack(means, 1)
        if self.space == "prob":
            smooth = smooth.clamp(min=_LEAST_PROBABILITY).log()
        return smooth, memory

    def training_outputs(
        self, frames: Tensor, memory: Any = None, flow: Tensor | None = None
    ) -> tuple[TrainingOutputs, Any]:
        """Return the base's own: smoothing is for streams, and nothing of it learns."""
        return self.base.training_outputs(frames)

    def memory_bytes(self, height: int, width: int) -> int:
        channels, rows, columns = self.coarse_shape(height, width)
        return 4 * channels * rows * columns + (height * width if self.align.looks else 0)


@dataclass(frozen=True)
class VoteMemory:
    """The last labels.

    Attributes:
        labels: (B, n, H, W) uint8, oldest first.
        ways: (B, n, 2, H, W) where each pixel of the last frame was when they were new, relative to
            where it is; NaN where unknown. None where votes stay where they are.
        frame: as in `MeanMemory`.
    """

    labels: Tensor
    ways: Tensor | None
    frame: Tensor | None


class MajorityVote(Wrapper):
    """The class that most of the last k frames say, at the frames' resolution.

    Of classes with equally many votes the present frame's wins, else the one seen last. Along
    motion, every label map is fetched from where it was new, so that no rounding adds up; what was
    out of the picture has no vote.

    Args:
        base: the per-frame network.
        frames: k, the present one counted.
        warp: of `ALIGNMENTS`.
    """

    paper = "majority vote over the last labels"

    def __init__(self, base: VideoSegmenter, frames: int = 5, warp: str = "none") -> None:
        super().__init__(base)
        if not 1 <= frames <= 255:
            raise RecipeError(f"frames is {frames}; it must be from 1 to 255.")
        self.frames, self.align = frames, Aligner(warp)
        self.align_corners = False  # votes are labels of pixels
        self.memory_depth = frames - 1
        self.wants_flow = warp == "exact"

    @property
    def training_context(self) -> int:
        return 0

    def coarse(
        self, frames: Tensor, memory: VoteMemory | None = None, flow: Tensor | None = None
    ) -> tuple[Tensor, VoteMemory | None]:
        """Return votes (B, T, C, H, W), with a part of one more for classes seen lately."""
        logits, _ = self.base.coarse(frames)
        classes = logits.shape[2]
        labels = (
            upsample(logits, frames.shape[-2:], align_corners=self.base.align_corners)
            .argmax(2)
            .to(torch.uint8)
        )
        votes = []
        for t in range(frames.shape[1]):
            exact = None if flow is None else flow[:, t]
            known, ways = self._moved(memory, frames[:, t], exact)
            votes.append(_count(labels[:, t : t + 1], known, classes).to(logits.dtype))
            memory = self._after(memory, labels[:, t], ways, frames[:, t])
        return torch.stack(votes, 1), memory

    def training_outputs(
        self, frames: Tensor, memory: Any = None, flow: Tensor | None = None
    ) -> tuple[TrainingOutputs, Any]:
        """Return the base's own: nothing of the vote learns."""
        return self.base.training_outputs(frames)

    def memory_bytes(self, height: int, width: int) -> int:
        a_frame = 1 if self.align.kind == "none" else 9
        looked = height * width if self.align.looks else 0
        return self.memory_depth * a_frame * height * width + looked

    def _moved(
        self, memory: VoteMemory | None, frames: Tensor, exact: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return earlier labels (B, n, H, W) where they are now, 255 for none; and the ways."""
        size = (frames.shape[-2], frames.shape[-1])
        if memory is None or not memory.labels.shape[1]:
            return frames.new_empty(len(frames), 0, *size, dtype=torch.uint8), None
        if memory.ways is None:
            return memory.labels, None
        count = memory.labels.shape[1]
        step = self.align(memory.frame, frames, size, exact)
        each = step.repeat_interleave(count, 0)
        earlier, known = resample(memory.ways.flatten(0, 1), each)
        ways = torch.where(known, each + earlier, torch.nan)
        found, known = resample(memory.labels.flatten(0, 1)[:, None].float(), ways, "nearest")
        moved = torch.where(known, found, 255.0).to(torch.uint8)
        return moved[:, 0].unflatten(0, (-1, count)), ways.unflatten(0, (-1, count))

    def _after(
        self, memory: VoteMemory | None, labels: Tensor, ways: Tensor | None, frames: Tensor
    ) -> VoteMemory:
        fresh = labels[:, None]
        known = fresh if memory is None else torch.cat([memory.labels, fresh], 1)
        kept = known.shape[1] - min(self.memory_depth, known.shape[1])
        if self.align.kind == "none":
            return VoteMemory(known[:, kept:], None, None)
        still = frames.new_zeros(len(frames), 1, 2, *frames.shape[-2:])
        all_ways = still if ways is None else torch.cat([ways, still], 1)
        return VoteMemory(known[:, kept:], all_ways[:, kept:], self.align.remember(frames))


def _count(present: Tensor, earlier: Tensor, classes: int) -> Tensor:
    """Return votes (B, C, H, W) of labels (B, 1, H, W) and of earlier ones (B, n, H, W).

    What is no class has no vote. The part of a vote is larger the later a class was seen, and
    largest for the present one.
    """
    known = torch.arange(classes, device=present.device)[:, None, None]
    total = latest = torch.zeros((), device=present.device)
    for age, label in enumerate(reversed(torch.cat([earlier, present], 1).unbind(1))):
        votes = (label[:, None] == known).float()
        total = total + votes
        latest = torch.maximum(latest, votes / (age + 2))
    return total + latest


class Placebo(Wrapper):
    """The base alone, trained on the clips of a network with memory: same frames, same statistics.

    Args:
        base: the per-frame network.
        context: frames a training clip has before the supervised ones.
    """

    def __init__(self, base: VideoSegmenter, context: int) -> None:
        super().__init__(base)
        check_at_least("context", context, 0)
        self.paper, self.context = f"{base.paper}, placebo", context

    @property
    def training_context(self) -> int:
        return self.context

    def coarse(self, frames: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        return self.base.coarse(frames)

    def training_outputs(self, frames: Tensor, memory: Any = None) -> tuple[TrainingOutputs, Any]:
        """Return the base's."""
        return self.base.training_outputs(frames)


def _base(name: str, num_classes: int, options: dict[str, Any]) -> VideoSegmenter:
    return build_model(name, num_classes, **copy.deepcopy(options))


@register_model
def ema(
    num_classes: int,
    base: str = "fanet18",
    base_options: dict[str, Any] | None = None,
    alpha: float = 0.7,
    space: str = "prob",
    warp: str = "none",
) -> ExponentialMean:
    """Build the exponential mean over any per-frame network; `warp` is one of `ALIGNMENTS`."""
    return ExponentialMean(_base(base, num_classes, base_options or {}), alpha, space, warp)


@register_model
def vote(
    num_classes: int,
    base: str = "fanet18",
    base_options: dict[str, Any] | None = None,
    frames: int = 5,
    warp: str = "none",
) -> MajorityVote:
    """Build the majority vote over any per-frame network; `warp` is one of `ALIGNMENTS`."""
    return MajorityVote(_base(base, num_classes, base_options or {}), frames, warp)


@register_model
def placebo(
    num_classes: int,
    base: str = "fanet18",
    base_options: dict[str, Any] | None = None,
    context: int = 3,
) -> Placebo:
    """Build any per-frame network, to be trained on clips with `context` frames more."""
    return Placebo(_base(base, num_classes, base_options or {}), context)
