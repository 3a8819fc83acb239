"""PIDNet-S: three branches, for detail, context and boundaries, one frame at a time.

Xu, Xiong and Bhattacharyya, PIDNet: A Real-time Semantic Segmentation Network Inspired by PID
Controllers, CVPR 2023. Weights are named as in the authors' code (MIT), except inside heads. What
differs: the code mines hard pixels once a device's batch and divides by none where there is none;
here the main loss is the recipe's, and a term without pixels is 0.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.errors import RecipeError
from airseg.models.base import Normalization, TrainingOutputs, VideoSegmenter
from airseg.models.bottleneck import initialise
from airseg.models.boundary_loss import boundary_aware_loss, boundary_loss
from airseg.models.registry import register_model

_WIDTH = 32
_POOLED = 96
_GROUPS = 4
_P_WEIGHT, _BOUNDARY_WEIGHT, _AWARE_WEIGHT = 0.4, 20.0, 1.0


class _BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int = 1, *, activate: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        y = y + (x if self.downsample is None else self.downsample(x))
        return functional.relu(y) if self.activate else y


class _Bottleneck(nn.Module):
    expansion = 2

    def __init__(self, inputs: int, width: int, stride: int = 1, *, activate: bool = False) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(functional.relu(self.bn2(self.conv2(y)))))
        y = y + (x if self.downsample is None else self.downsample(x))
        return functional.relu(y) if self.activate else y


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


def _stage(block: type, inputs: int, width: int, count: int, stride: int = 1) -> nn.Sequential:
    """Return blocks of which the last has no activation: its sum is what the branches exchange."""
    outputs = width * block.expansion  # type: ignore[attr-defined]
    places = [(inputs, stride), *[(outputs, 1)] * (count - 1)]
    last = count - 1
    return nn.Sequential(
        *(block(n, width, by, activate=i < last) for i, (n, by) in enumerate(places))
    )


def _conv_norm(inputs: int, outputs: int, kernel: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


def _norm_conv(inputs: int, outputs: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), conv)


def _head(inputs: int, middle: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        *_norm_conv(inputs, middle, 3),
        nn.BatchNorm2d(middle),
        nn.ReLU(),
        nn.Conv2d(middle, outputs, 1),
    )


class PixelAttentionGuidedFusion(nn.Module):
    """Let context into the detail branch where both agree (section 3.2, "Pag").

    Args:
        channels: of both features; width: of what is compared.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.f_x, self.f_y = _conv_norm(channels, width), _conv_norm(channels, width)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        """Return the fused feature of (B, C, h, w) and a coarser (B, C, h', w')."""
        size = detail.shape[-2:]
        alike = (self.f_x(detail) * _resize(self.f_y(context), size)).sum(1, keepdim=True)
        share = alike.sigmoid()
        return (1 - share) * detail + share * _resize(context, size)


class ParallelPooling(nn.Module):
    """Context of five reaches, side by side (section 3.3, "PAPPM").

    Args:
        inputs, outputs: channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        pools = [nn.AvgPool2d(5, 2, 2), nn.AvgPool2d(9, 4, 4), nn.AvgPool2d(17, 8, 8)]
        self.scale0 = _norm_conv(inputs, _POOLED)
        for number, pool in enumerate([*pools, nn.AdaptiveAvgPool2d(1)], 1):
            branch = nn.Sequential(pool, *_norm_conv(inputs, _POOLED))
            setattr(self, f"scale{number}", branch)
        self.scale_process = _norm_conv(4 * _POOLED, 4 * _POOLED, 3, groups=_GROUPS)
        self.compression = _norm_conv(5 * _POOLED, outputs)
        self.shortcut = _norm_conv(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        whole = self.scale0(x)
        branches = (self.scale1, self.scale2, self.scale3, self.scale4)
        pooled = [_resize(branch(x), x.shape[-2:]) + whole for branch in branches]
        mixed = self.scale_process(torch.cat(pooled, 1))
        return self.compression(torch.cat([whole, mixed], 1)) + self.shortcut(x)


class BoundaryGuidedFusion(nn.Module):
    """Trust detail along boundaries and context between them (section 3.4, "Light-Bag").

    Args:
        channels: of all three features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_p, self.conv_i = _conv_norm(channels, channels), _conv_norm(channels, channels)

    def forward(self, detail: Tensor, context: Tensor, boundary: Tensor) -> Tensor:
        edge = boundary.sigmoid()
        return self.conv_p((1 - edge) * context + detail) + self.conv_i(context + edge * detail)


class PIDNet(VideoSegmenter):
    """PIDNet-S; frames are segmented one by one.

    Args:
        num_classes: channels of the logits.
        width: of the stem, 32 as published.
        auxiliary: with the two heads of the paper's training: logits of the detail branch, and a
            boundary; without, the network is the published one for inference.

    Attributes:
        feature_channels: of what the classifier sees.
    """

    paper = "PIDNet (Xu et al., CVPR 2023)"

    def __init__(self, num_classes: int, width: int = _WIDTH, *, auxiliary: bool = False) -> None:
        super().__init__()
        w = width
        self.normalize = Normalization()
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, w, 3, 2, 1),
            nn.BatchNorm2d(w),
            nn.ReLU(),
            nn.Conv2d(w, w, 3, 2, 1),
            nn.BatchNorm2d(w),
            nn.ReLU(),
        )
        self.layer1 = _stage(_BasicBlock, w, w, 2)
        self.layer2 = _stage(_BasicBlock, w, 2 * w, 2, 2)
        self.layer3 = _stage(_BasicBlock, 2 * w, 4 * w, 3, 2)
        self.layer4 = _stage(_BasicBlock, 4 * w, 8 * w, 3, 2)
        self.layer5 = _stage(_Bottleneck, 8 * w, 8 * w, 2, 2)
        self.compression3, self.compression4 = _conv_norm(4 * w, 2 * w), _conv_norm(8 * w, 2 * w)
        self.pag3 = PixelAttentionGuidedFusion(2 * w, w)
        self.pag4 = PixelAttentionGuidedFusion(2 * w, w)
        self.layer3_ = _stage(_BasicBlock, 2 * w, 2 * w, 2)
        self.layer4_ = _stage(_BasicBlock, 2 * w, 2 * w, 2)
        self.layer5_ = _stage(_Bottleneck, 2 * w, 2 * w, 1)
        self.layer3_d = _BasicBlock(2 * w, w, activate=False)
        self.layer4_d = _stage(_Bottleneck, w, w, 1)
        self.layer5_d = _stage(_Bottleneck, 2 * w, 2 * w, 1)
        self.diff3, self.diff4 = _conv_norm(4 * w, w, 3), _conv_norm(8 * w, 2 * w, 3)
        self.spp = ParallelPooling(16 * w, 4 * w)
        self.dfm = BoundaryGuidedFusion(4 * w)
        self.feature_channels = 4 * w
        self.final_layer = _head(4 * w, 4 * w, num_classes)
        self.seghead_p = _head(2 * w, 4 * w, num_classes) if auxiliary else None
        self.seghead_d = _head(2 * w, w, 1) if auxiliary else None
        initialise(self)

    def featured(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the classifier sees, (B, 4 w, H / 8, W / 8), and logits, of single frames."""
        features = self._branches(frames)[0]
        return features, self.final_layer(features)

    def coarse(self, frames: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        _, logits = self.featured(frames.flatten(0, 1))
        return logits.unflatten(0, frames.shape[:2]), memory

    def training_outputs(self, frames: Tensor, memory: Any = None) -> tuple[TrainingOutputs, Any]:
        """Return the logits, and with the auxiliary heads the paper's three further terms."""
        if self.seghead_p is None or self.seghead_d is None:
            return super().training_outputs(frames, memory)
        shape = frames.shape[:2]
        fused, detail, boundary = self._branches(frames.flatten(0, 1))
        logits = self.final_layer(fused).unflatten(0, shape)
        edges = self.seghead_d(boundary).unflatten(0, shape)
        outputs: TrainingOutputs = [
            (1.0, logits),
            (_P_WEIGHT, self.seghead_p(detail).unflatten(0, shape)),
            (_BOUNDARY_WEIGHT, lambda labels: boundary_loss(edges, labels)),
            (_AWARE_WEIGHT, lambda labels: boundary_aware_loss(logits, edges, labels)),
        ]
        return outputs, memory

    def published_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the authors' weights: saved with their losses, heads by name and not by place."""
        heads = {"bn1": "0", "conv1": "2", "bn2": "3", "conv2": "5"}
        kept = {}
        for key, value in state.items():
            if key.startswith(("loss.", "sem_loss.", "bd_loss.")):
                continue
            name = key.removeprefix("model.")
            part, _, rest = name.partition(".")
            if part in ("seghead_p", "seghead_d") and self.seghead_p is None:
                continue
            if part in ("final_layer", "seghead_p", "seghead_d"):
                first, _, last = rest.partition(".")
                name = f"{part}.{heads.get(first, first)}.{last}"
            kept[name] = value
        return kept

    def _branches(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the fused feature, detail after its first fusion, and the boundary branch's."""
        height, width = frames.shape[-2:]
        if height % 8 or width % 8:
            raise RecipeError(
                f"PIDNet needs frames whose sides 8 divides; found {width}x{height}. Change "
                "data.height and data.width."
            )
        if self.training and len(frames) < 2:
            raise RecipeError(
                "PIDNet normalises over the means of whole frames, and of one frame there is "
                "nothing to normalise. Train on two at least: data.clips_per_batch, data.targets."
            )
        size = (height // 8, width // 8)
        relu = functional.relu
        x = self.conv1(self.normalize(frames))
        x = relu(self.layer2(relu(self.layer1(x))))
        detail, boundary = self.layer3_(x), self.layer3_d(x)
        x = relu(self.layer3(x))
        guided = detail = self.pag3(detail, self.compression3(x))
        boundary = boundary + _resize(self.diff3(x), size)
        x = relu(self.layer4(x))
        detail, boundary = self.layer4_(relu(detail)), self.layer4_d(relu(boundary))
        detail = self.pag4(detail, self.compression4(x))
        boundary = boundary + _resize(self.diff4(x), size)
        edges = boundary
        detail, boundary = self.layer5_(relu(detail)), self.layer5_d(relu(boundary))
        context = _resize(self.spp(self.layer5(x)), size)
        return self.dfm(detail, context, boundary), guided, edges


def _resize(x: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


@register_model
def pidnet_s(num_classes: int, auxiliary: bool = False) -> PIDNet:
    """Build PIDNet-S; `auxiliary` adds the paper's two heads and their losses while training."""
    return PIDNet(num_classes, auxiliary=auxiliary)
