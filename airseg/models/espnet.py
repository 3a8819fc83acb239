"""ESPNet: a small per-frame network, the base of ESPNet-ConvLSTM.

Mehta et al., ESPNet: Efficient Spatial Pyramid of Dilated Convolutions for Semantic Segmentation,
ECCV 2018. Weights are named as in the authors' code. That code has two decoders: one to train, in
which level 1 meets the image before it reaches the decoder, and one to test, which the released
weights fit; `training_decoder` chooses, and the second is the default. Frames are normalised by the
statistics of Cityscapes; the original's weights expect blue first (`blue_first`), those of its
successor with memory red.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from airseg.errors import RecipeError
from airseg.models.base import Normalization, VideoSegmenter
from airseg.models.registry import register_model

_EPSILON = 1e-3
_LEVEL_1 = 16
_CITYSCAPES_MEAN = (73.158 / 255, 82.909 / 255, 72.392 / 255)
_CITYSCAPES_DEVIATION = (44.915 / 255, 46.153 / 255, 45.319 / 255)
_DILATIONS = (1, 2, 4, 8, 16)


class _Conv(nn.Module):
    """A convolution without bias that keeps the size, but for its stride."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = (kernel - 1) // 2 * dilation
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _NormAct(nn.Module):
    """Batch normalisation and a PReLU a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, eps=_EPSILON)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(x))


class _ConvNormAct(_NormAct):
    """A convolution before `_NormAct`."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(outputs)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.conv(x))


class _Pyramid(nn.Module):
    """Reduce, split into five dilated convolutions, and merge by sums that grow.

    The sums begin at dilation 2: the branch of dilation 1 is joined, and added to none.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        width = outputs // 5
        if width == 0:
            raise RecipeError(f"ESPNet needs at least 5 classes for its decoder; found {outputs}.")
        self.c1 = _Conv(inputs, width, kernel, stride)
        for dilation in _DILATIONS:
            wide = outputs - 4 * width if dilation == 1 else width
            setattr(self, f"d{dilation}", _Conv(width, wide, 3, dilation=dilation))

    def merge(self, x: Tensor) -> Tensor:
        reduced = self.c1(x)
        branches = [self.d1(reduced), self.d2(reduced)]
        for branch in (self.d4, self.d8, self.d16):
            branches.append(branches[-1] + branch(reduced))
        return torch.cat(branches, 1)


class _Down(_Pyramid):
    """An ESP block that halves the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, 2)
        self.bn = nn.BatchNorm2d(outputs, eps=_EPSILON)
        self.act = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.merge(x)))


class _Block(_Pyramid):
    """An ESP block, with a residual where inputs and outputs are as many."""

    def __init__(self, inputs: int, outputs: int, *, residual: bool = True) -> None:
        super().__init__(inputs, outputs, 1, 1)
        self.bn = _NormAct(outputs)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        merged = self.merge(x)
        return self.bn(x + merged if self.residual else merged)


class _Pools(nn.Module):
    """The image, halved some times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.pool = nn.ModuleList(nn.AvgPool2d(3, 2, 1) for _ in range(times))

    def forward(self, x: Tensor) -> Tensor:
        for pool in self.pool:
            x = pool(x)
        return x


class Encoder(nn.Module):
    """ESPNet-C: features at 1/2, 1/4 and 1/8, and class scores at 1/8.

    Args:
        num_classes: channels of the scores.
        p, q: ESP blocks at 1/4 and at 1/8.
    """

    def __init__(self, num_classes: int, p: int, q: int) -> None:
        super().__init__()
        self.level1 = _ConvNormAct(3, _LEVEL_1, 3, 2)
        self.sample1 = _Pools(1)
        self.sample2 = _Pools(2)
        self.b1 = _NormAct(_LEVEL_1 + 3)
        self.level2_0 = _Down(_LEVEL_1 + 3, 64)
        self.level2 = nn.ModuleList(_Block(64, 64) for _ in range(p))
        self.b2 = _NormAct(128 + 3)
        self.level3_0 = _Down(128 + 3, 128)
        self.level3 = nn.ModuleList(_Block(128, 128) for _ in range(q))
        self.b3 = _NormAct(256)
        self.classifier: nn.Module | None = _Conv(256, num_classes, 1)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return level 1, level 1 with the image, level 2 and level 3 of (B, 3, H, W) frames."""
        level1 = self.level1(frames)
        with_image = self.b1(torch.cat([level1, self.sample1(frames)], 1))
        first = x = self.level2_0(with_image)
        for block in self.level2:
            x = block(x)
        level2 = self.b2(torch.cat([x, first, self.sample2(frames)], 1))
        first = x = self.level3_0(level2)
        for block in self.level3:
            x = block(x)
        return level1, with_image, level2, self.b3(torch.cat([first, x], 1))


class ESPNet(VideoSegmenter):
    """ESPNet; the frames before do not matter to it.

    Frames need sides that 8 divides.

    Args:
        num_classes: at least 5.
        p, q: ESP blocks at 1/4 and at 1/8.
        training_decoder: the decoder of the authors' training file.
        blue_first: swap red and blue, as the original's weights expect.
    """

    paper = "ESPNet (Mehta et al., ECCV 2018)"

    def __init__(
        self,
        num_classes: int,
        p: int = 2,
        q: int = 3,
        *,
        training_decoder: bool = False,
        blue_first: bool = False,
    ) -> None:
        super().__init__()
        self.normalize = Normalization(_CITYSCAPES_MEAN, _CITYSCAPES_DEVIATION)
        self.blue_first = blue_first
        self.encoder = Encoder(num_classes, p, q)
        self.training_decoder = training_decoder
        self.level3_C = _Conv(128 + 3, num_classes, 1)
        self.br = nn.BatchNorm2d(num_classes, eps=_EPSILON)
        shallow = _LEVEL_1 + 3 if training_decoder else _LEVEL_1
        self.conv = _ConvNormAct(shallow + num_classes, num_classes, 3)
        self.up_l3 = nn.Sequential(_double(num_classes))
        self.combine_l2_l3 = nn.Sequential(
            _NormAct(2 * num_classes), _Block(2 * num_classes, num_classes, residual=False)
        )
        self.up_l2 = nn.Sequential(_double(num_classes), _NormAct(num_classes))
        self.classifier = _double(num_classes)

    def coarse(self, frames: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        flat = self.normalize(frames.flatten(0, 1))
        flat = flat.flip(1) if self.blue_first else flat
        logits, memory = self._decode(flat, frames.shape[:2], memory)
        return logits.unflatten(0, frames.shape[:2]), memory

    def _decode(self, flat: Tensor, shape: torch.Size, memory: Any) -> tuple[Tensor, Any]:
        """Return logits (B * T, C, H, W); the four hooks are where a memory may sit (`L1`)."""
        _check_sides(flat)
        level1, with_image, level2, level3 = self.encoder(flat)
        scores, memory = self._at_8(level3, shape, memory)
        deep = self.up_l3(self.br(scores))
        scores, memory = self._at_4(level2, shape, memory)
        deep = self.up_l2(self.combine_l2_l3(torch.cat([scores, deep], 1)))
        shallow = with_image if self.training_decoder else level1
        scores, memory = self._at_2(torch.cat([deep, shallow], 1), shape, memory)
        return self._at_1(self.classifier(scores), shape, memory)

    def _at_8(self, x: Tensor, shape: torch.Size, memory: Any) -> tuple[Tensor, Any]:
        return self.encoder.classifier(x), memory

    def _at_4(self, x: Tensor, shape: torch.Size, memory: Any) -> tuple[Tensor, Any]:
        return self.level3_C(x), memory

    def _at_2(self, x: Tensor, shape: torch.Size, memory: Any) -> tuple[Tensor, Any]:
        return self.conv(x), memory

    def _at_1(self, x: Tensor, shape: torch.Size, memory: Any) -> tuple[Tensor, Any]:
        return x, memory


def _double(channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, channels, 2, 2, bias=False)


def _check_sides(frames: Tensor) -> None:
    height, width = frames.shape[-2:]
    if height % 8 or width % 8:
        raise RecipeError(
            f"ESPNet needs frames whose sides 8 divides; found {width}x{height}. Change "
            "data.height and data.width."
        )


@register_model
def espnet(
    num_classes: int,
    p: int = 2,
    q: int = 3,
    training_decoder: bool = False,
    blue_first: bool = False,
) -> ESPNet:
    """Build ESPNet."""
    return ESPNet(num_classes, p, q, training_decoder=training_decoder, blue_first=blue_first)
