"""The four decoders MA-ResNet50 is tried with.

DeepLabV3+ and PSPNet are as PaddleSeg has them. SFNet and DNLNet are made after their papers, and
PaddleSeg's differ: its SFNet resizes with aligned corners and is half as wide, its DNLNet divides
scores by a temperature of 0.05. So rows with these two stand for the papers, not for that code.

Each takes the backbone's four features and returns logits; `reads` names the features it uses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class _ConvBN(nn.Sequential):
    """Convolution, batch normalisation, ReLU; PaddleSeg keeps the convolution's bias."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dilation: int = 1, *, bias: bool = True
    ) -> None:
        padding = kernel // 2 * dilation
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, 1, padding, dilation, bias=bias),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )


class _Separable(nn.Sequential):
    """A 3x3 convolution a channel with its normalisation, then 1x1."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, 1, dilation, dilation, groups=inputs),
            nn.BatchNorm2d(inputs),
            _ConvBN(inputs, outputs, 1),
        )


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


class DeepLabV3Plus(nn.Module):
    """Chen et al., Encoder-Decoder with Atrous Separable Convolution, ECCV 2018.

    Args:
        channels: of the four features; num_classes: of the logits.
        width: of the pyramid, 256 as published.
    """

    reads = (0, 3)

    def __init__(self, channels: tuple[int, ...], num_classes: int, width: int = 256) -> None:
        super().__init__()
        deep = channels[3]
        self.pyramid = nn.ModuleList(
            [_ConvBN(deep, width, 1), *(_Separable(deep, width, d) for d in (12, 24, 36))]
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), _ConvBN(deep, width, 1, bias=False))
        self.join = _ConvBN(5 * width, width, 1)
        self.dropout = nn.Dropout(0.1)
        low = max(width * 48 // 256, 1)
        self.low = _ConvBN(channels[0], low, 1)
        self.refine = nn.Sequential(_Separable(width + low, width), _Separable(width, width))
        self.classify = nn.Conv2d(width, num_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        deep = features[3]
        branches = [branch(deep) for branch in self.pyramid]
        branches.append(self.pool(deep).expand(-1, -1, *deep.shape[-2:]))
        joined = self.dropout(self.join(torch.cat(branches, 1)))
        low = self.low(features[0])
        return self.classify(self.refine(torch.cat([_resize(joined, low), low], 1)))


class _PyramidPooling(nn.Module):
    """Averages over 1, 2, 3 and 6 bins a side, joined with the feature."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(bins), _ConvBN(inputs, inputs // 4, 1))
            for bins in (1, 2, 3, 6)
        )
        self.join = _ConvBN(2 * inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        pooled = [_resize(stage(x), x) for stage in self.stages]
        return self.join(torch.cat([x, *pooled], 1))


class PSPNet(nn.Module):
    """Zhao et al., Pyramid Scene Parsing Network, CVPR 2017.

    Args:
        channels: of the four features; num_classes: of the logits.
        width: of the joined pyramid, 1024 as in PaddleSeg.
    """

    reads = (3,)

    def __init__(self, channels: tuple[int, ...], num_classes: int, width: int = 1024) -> None:
        super().__init__()
        self.pooling = _PyramidPooling(channels[3], width)
        self.dropout = nn.Dropout(0.1)
        self.classify = nn.Conv2d(width, num_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        return self.classify(self.dropout(self.pooling(features[3])))


class _AlignFlow(nn.Module):
    """Bring a coarse feature to a finer one's size along a learned flow."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.coarse = nn.Conv2d(width, half, 1, bias=False)
        self.fine = nn.Conv2d(width, half, 1, bias=False)
        self.flow = nn.Conv2d(2 * half, 2, 3, padding=1, bias=False)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        joined = torch.cat([_resize(self.coarse(coarse), fine), self.fine(fine)], 1)
        flow = self.flow(joined)
        # Places in half precision would be off by parts of a pixel.
        kind = torch.promote_types(flow.dtype, torch.float32)
        flow = flow.to(kind)
        height, width = fine.shape[-2:]
        rows = torch.linspace(-1, 1, height, device=flow.device, dtype=kind)
        columns = torch.linspace(-1, 1, width, device=flow.device, dtype=kind)
        x = columns + flow[:, 0] / width
        y = rows[:, None] + flow[:, 1] / height
        grid = torch.stack([x, y], -1)
        moved = functional.grid_sample(
            coarse.to(kind), grid, "bilinear", "zeros", align_corners=True
        )
        return moved.to(coarse.dtype)


class SFNet(nn.Module):
    """Li et al., Semantic Flow for Fast and Accurate Scene Parsing, ECCV 2020.

    Args:
        channels: of the four features; num_classes: of the logits.
        width: of the top-down path, 256 as published.
    """

    reads = (0, 1, 2, 3)

    def __init__(self, channels: tuple[int, ...], num_classes: int, width: int = 256) -> None:
        super().__init__()
        self.pooling = _PyramidPooling(channels[3], width)
        self.lateral = nn.ModuleList(_ConvBN(c, width, 1) for c in channels[:3])
        self.align = nn.ModuleList(_AlignFlow(width) for _ in channels[:3])
        self.smooth = nn.ModuleList(_ConvBN(width, width, 3) for _ in channels[:3])
        self.last = _ConvBN(4 * width, width, 3)
        self.classify = nn.Conv2d(width, num_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = self.pooling(features[3])
        levels = [x]
        for i in (2, 1, 0):
            fine = self.lateral[i](features[i])
            x = fine + self.align[i](x, fine)
            levels.append(self.smooth[i](x))
        finest = levels[-1]
        joined = torch.cat([finest, *(_resize(level, finest) for level in levels[-2::-1])], 1)
        return self.classify(self.last(joined))


class DNLNet(nn.Module):
    """Yin et al., Disentangled Non-Local Neural Networks, ECCV 2020.

    Args:
        channels: of the four features; num_classes: of the logits.
        width: of the attended feature, 512 as published.
    """

    reads = (3,)

    def __init__(self, channels: tuple[int, ...], num_classes: int, width: int = 512) -> None:
        super().__init__()
        inner = width // 2
        self.reduce = _ConvBN(channels[3], width, 3)
        self.query = nn.Conv2d(width, inner, 1)
        self.key = nn.Conv2d(width, inner, 1)
        self.value = nn.Conv2d(width, width, 1, bias=False)
        self.unary = nn.Conv2d(width, 1, 1)
        self.scale = nn.Parameter(torch.zeros(1))
        self.after = _ConvBN(width, width, 3)
        self.join = _ConvBN(channels[3] + width, width, 3)
        self.dropout = nn.Dropout(0.1)
        self.classify = nn.Conv2d(width, num_classes, 1)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = self.reduce(features[3])
        query, key = self.query(x).flatten(2), self.key(x).flatten(2)
        query, key = (n - n.mean(2, keepdim=True) for n in (query, key))
        value = self.value(x).flatten(2)
        # Whitened pairs, and a term of each pixel's own.
        scores = query.transpose(1, 2) @ key / query.shape[1] ** 0.5
        paired = scores.softmax(2) @ value.transpose(1, 2)
        alone = value @ self.unary(x).flatten(2).softmax(2).transpose(1, 2)
        attended = (paired.transpose(1, 2) + alone).unflatten(2, x.shape[-2:])
        x = self.after(x + self.scale * attended)
        return self.classify(self.dropout(self.join(torch.cat([features[3], x], 1))))


DECODERS = {
    "deeplabv3plus": DeepLabV3Plus,
    "pspnet": PSPNet,
    "sfnet": SFNet,
    "dnlnet": DNLNet,
}
