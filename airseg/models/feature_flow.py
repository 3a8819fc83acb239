"""Deep Feature Flow: an expensive network on key frames, warped along a cheap flow to the others.

Zhu et al., Deep Feature Flow for Video Recognition, CVPR 2017. The paper's segmentation code was
never released; what stands here follows the paper, and the authors' detection code where the paper
is silent: strides sit on a block's first convolution, the last stage's 3x3 convolutions have
dilation 2, a 3x3 convolution with dilation 6 makes 1024 channels at a sixteenth, features are
kept after their ReLU, and always warped from the key frame itself, never chained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from airseg.errors import RecipeError
from airseg.models.backbone_weights import load_backbone
from airseg.models.base import IMAGENET_DEVIATION, VideoSegmenter
from airseg.models.bottleneck import Bottleneck, initialise
from airseg.models.flow import FRAME_MEAN, build_flow, halve, warp
from airseg.models.options import check_at_least, check_choice
from airseg.models.registry import register_model

_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
TRAINED = ("joint", "fix_n", "fix_f", "separate")
"""What learns: all; the flow only; the feature and task network only, through the warp; the same
without it (the flow then never meets the features before the end)."""


class FeatureNetwork(nn.Module):
    """ResNet at stride 16, and a dilated convolution: section 5, "Feature network".

    Args:
        blocks: of the four stages.
        width: of the stem, 64 as published.
        outputs: channels of the features, 1024 as published.

    Weights are named as torchvision's, so that its ImageNet weights load.
    """

    def __init__(
        self, blocks: tuple[int, int, int, int], width: int = 64, outputs: int = 1024
    ) -> None:
        super().__init__()
        self.channels = outputs
        self.depth = 3 * sum(blocks) + 2
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = width
        for stage, (count, stride) in enumerate(zip(blocks, (1, 2, 2, 1), strict=True)):
            dilation = 2 if stage == 3 else 1
            layers = []
            for i in range(count):
                planes, first = width * 2**stage, stride if i == 0 else 1
                shortcut = _shortcut(inputs, 4 * planes, first)
                layers.append(Bottleneck(inputs, planes, (first, 1), dilation, shortcut))
                inputs = 4 * planes
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        initialise(self)
        self.feat_conv_3x3 = nn.Conv2d(inputs, outputs, 3, padding=6, dilation=6)
        nn.init.kaiming_normal_(self.feat_conv_3x3.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.relu(self.feat_conv_3x3(x))


@dataclass(frozen=True)
class KeyMemory:
    """The key frame of each stream.

    Attributes:
        frame: (B, 3, H / 2, W / 2) halved and mean-subtracted, for the flow network.
        feature: (B, 1024, H / 16, W / 16).
        ages: frames since the key frame, one number a stream.
    """

    frame: Tensor
    feature: Tensor
    ages: tuple[int, ...]


class DeepFeatureFlow(VideoSegmenter):
    """Key frames by a `FeatureNetwork`, the frames between by flow and warping.

    Args:
        features: N_feat.
        flow: F, of `airseg.models.flow`, or None where every frame is a key frame.
        num_classes: channels of the logits.
        key_interval: l: one frame in so many is a key frame; 1 is the paper's per-frame network.
        change_threshold: make a frame a key frame earlier, when the mean difference of its colours
            from the key frame's exceeds this share of the range; or None for the paper's schedule.
        train: which parts learn, of `TRAINED`.
        distances: the largest distance from the key frame that is trained on, 9 in the paper
            whatever the interval; None for those of the interval, 0 to `key_interval` - 1.
        frozen_normalization: keep normalisation, the stem and the first stage as loaded, as the
            authors do from ImageNet weights; for those only.

    Raises:
        RecipeError: an option is impossible.
    """

    paper = "Deep Feature Flow (Zhu et al., CVPR 2017)"

    def __init__(
        self,
        features: FeatureNetwork,
        flow: nn.Module | None,
        num_classes: int,
        key_interval: int = 5,
        change_threshold: float | None = None,
        train: str = "joint",
        distances: int | None = None,
        *,
        frozen_normalization: bool = False,
    ) -> None:
        super().__init__()
        check_at_least("key_interval", key_interval, 1)
        if distances is not None:
            check_at_least("distances", distances, 0)
        check_choice("train", train, TRAINED)
        self.key_interval, self.change_threshold = key_interval, change_threshold
        self.memory_depth, self.period = key_interval - 1, key_interval
        farthest = key_interval - 1 if distances is None else distances
        self._farthest = 0 if flow is None else farthest
        self.unbounded = change_threshold is not None
        self.backbone, self.flow = features, flow
        self.score = nn.Conv2d(features.channels, num_classes, 1)
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.zeros_(self.score.bias)
        self.register_buffer("mean", torch.tensor(FRAME_MEAN)[:, None, None], persistent=False)
        self._separate = train == "separate"
        if train == "fix_n":
            self.freeze(self.backbone, self.score)
        if train in ("fix_f", "separate") and flow is not None:
            self.freeze(flow)
        if frozen_normalization:
            norms = [m for m in features.modules() if isinstance(m, nn.BatchNorm2d)]
            self.freeze(features.conv1, features.layer1, *norms)

    @property
    def training_context(self) -> int:
        return self._farthest

    def coarse(
        self, frames: Tensor, memory: KeyMemory | None = None
    ) -> tuple[Tensor, KeyMemory | None]:
        centred = frames - self.mean
        outputs = []
        for frame in centred.unbind(1):
            feature, memory = self._advance(frame, memory)
            outputs.append(self.score(feature))
        return torch.stack(outputs, 1), memory

    def training_outputs(
        self, frames: Tensor, memory: KeyMemory | None = None
    ) -> tuple[list[tuple[float, Tensor]], KeyMemory | None]:
        """Return logits of a clip whose key frames begin at a random phase.

        With d the largest distance that is trained on, the first frame is a key frame; so is one of
        the next d + 1, drawn evenly, and every (d + 1)-th after it. A frame with d before it thus
        has each distance from 0 to d equally often.
        """
        times = frames.shape[1]
        phase = int(torch.randint(1, self._farthest + 2, (), device="cpu"))
        keys = {0, *range(phase, times, self._farthest + 1)}
        if self.flow is None or self._separate:
            keys = set(range(times))
        centred = frames - self.mean
        key_of = [max(k for k in keys if k <= t) for t in range(times)]
        order = sorted(keys)
        batch = frames.shape[0]
        features = self.backbone(centred[:, order].flatten(0, 1)).unflatten(0, (batch, -1))
        chosen = features[:, [order.index(k) for k in key_of]]
        others = [t for t in range(times) if t not in keys]
        if others:
            halved = halve(centred.flatten(0, 1)).unflatten(0, (batch, times))
            moved = self._move(
                halved[:, others].flatten(0, 1),
                halved[:, [key_of[t] for t in others]].flatten(0, 1),
                chosen[:, others].flatten(0, 1),
            ).unflatten(0, (batch, -1))
            parts = {t: moved[:, i] for i, t in enumerate(others)}
            chosen = torch.stack([parts.get(t, chosen[:, t]) for t in range(times)], 1)
        logits = self.score(chosen.flatten(0, 1)).unflatten(0, (batch, times))
        return [(1.0, logits)], None

    def memory_bytes(self, height: int, width: int) -> int:
        if self.flow is None:
            return 0
        halved = 3 * -(-height // 2) * -(-width // 2)
        return 4 * (halved + self.backbone.channels * -(-height // 16) * -(-width // 16))

    @property
    def imagenet_name(self) -> str:
        return f"resnet{self.backbone.depth}"

    def load_imagenet_state(self, state: dict[str, Tensor]) -> None:
        """Load torchvision's ImageNet weights, whose input was divided by its deviation too."""
        deviation = torch.tensor(IMAGENET_DEVIATION)[:, None, None]
        first = (
            {"conv1.weight": state["conv1.weight"] / deviation} if "conv1.weight" in state else {}
        )
        load_backbone(self.backbone, {**state, **first}, own=("feat_conv_3x3.",))

    def _advance(self, frame: Tensor, memory: KeyMemory | None) -> tuple[Tensor, KeyMemory | None]:
        """Return the features of one more mean-subtracted frame of each stream, and the memory."""
        if self.flow is None:
            return self.backbone(frame), None
        halved = halve(frame)
        if memory is None:
            feature = self.backbone(frame)
            return feature, KeyMemory(halved, feature, (0,) * len(frame))
        is_key = self._are_keys(halved, memory)
        ages = tuple(0 if k else a + 1 for k, a in zip(is_key, memory.ages, strict=True))
        if all(is_key):
            feature = self.backbone(frame)
            return feature, KeyMemory(halved, feature, ages)
        if not any(is_key):
            moved = self._move(halved, memory.frame, memory.feature)
            return moved, KeyMemory(memory.frame, memory.feature, ages)
        fresh = torch.tensor(is_key, device=frame.device)
        kept_frame, kept = memory.frame.clone(), memory.feature.clone()
        kept_frame[fresh], kept[fresh] = halved[fresh], self.backbone(frame[fresh])
        feature = kept.clone()
        feature[~fresh] = self._move(halved[~fresh], kept_frame[~fresh], kept[~fresh])
        return feature, KeyMemory(kept_frame, kept, ages)

    def _are_keys(self, halved: Tensor, memory: KeyMemory) -> list[bool]:
        due = [age + 1 >= self.key_interval for age in memory.ages]
        if self.change_threshold is None:
            return due
        change = (halved - memory.frame).abs().mean((1, 2, 3)).tolist()
        return [d or c > self.change_threshold for d, c in zip(due, change, strict=True)]

    def _move(self, current: Tensor, key: Tensor, feature: Tensor) -> Tensor:
        """Return a key frame's features where they are in the current frame (equation 2)."""
        flow, scale = self.flow(current, key)
        moved = warp(feature, flow)
        return moved if scale is None else moved * scale


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    """Return the projection of a block that changes the shape, else None."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


def _builder(depth: int) -> Callable[..., DeepFeatureFlow]:
    """Register the builder of Deep Feature Flow on a ResNet of a depth."""

    def build(
        num_classes: int,
        key_interval: int = 5,
        flow: str = "flownet_s",
        change_threshold: float | None = None,
        train: str = "joint",
        distances: int | None = None,
        frozen_normalization: bool = False,
    ) -> DeepFeatureFlow:
        if flow == "exact":
            raise RecipeError("flow is 'exact', which Deep Feature Flow cannot use: it estimates.")
        features = FeatureNetwork(_BLOCKS[depth])
        return DeepFeatureFlow(
            features,
            build_flow(flow, features.channels) if key_interval > 1 else None,
            num_classes,
            key_interval,
            change_threshold,
            train,
            distances,
            frozen_normalization=frozen_normalization,
        )

    build.__name__ = f"dff_resnet{depth}"
    build.__doc__ = f"Build Deep Feature Flow on ResNet-{depth}."
    return register_model(build)


dff_resnet50, dff_resnet101 = (_builder(depth) for depth in _BLOCKS)
