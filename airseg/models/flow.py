"""Optical flow at a sixteenth of the resolution, and warping along it.

Flow networks as Deep Feature Flow has them (Zhu et al., CVPR 2017, section 5), after Dosovitskiy et
al., FlowNet, ICCV 2015. The paper predicts flow at 1/8 and halves it; its code, and the paper's own
table of costs, pool the last features and predict at 1/16, which is what stands here. Of the
Inception variant only the encoder was published; its decoder here is our own, as thin as the
paper's table lets it be.

All networks take two halved frames, (B, 3, H / 2, W / 2), mean-subtracted, and return a flow in
feature pixels from the first frame to the second, (B, 2, h, w), x before y.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.errors import RecipeError, did_you_mean

_LEAK = 0.1
_UNIT = 2.5
"""FlowNet's unit is 20 pixels of its halved input; 20 * 2 / 16 makes feature pixels."""
_FEATURE_STRIDE = 16
FRAME_MEAN = (123.15 / 255, 115.90 / 255, 103.06 / 255)
"""Of red, green and blue, as Deep Feature Flow subtracts it."""


def flow_input(frames: Tensor) -> Tensor:
    """Return frames (B, 3, H, W) from 0 to 1 as flow networks take them: centred and halved."""
    return halve(frames - frames.new_tensor(FRAME_MEAN)[:, None, None])


def halve(frames: Tensor) -> Tensor:
    """Return (B, C, H, W) maps at half the size, rounded up."""
    return functional.avg_pool2d(frames, 2, ceil_mode=True)


def warp(features: Tensor, flow: Tensor) -> Tensor:
    """Sample features where a flow points to (Deep Feature Flow, equations 3 and 4).

    Args:
        features: (B, C, h, w) of the frame the flow points to.
        flow: (B, 2, h, w) pixels, x before y.

    Returns:
        (B, C, h, w); bilinear, and neighbours outside of the map count as zero.
    """
    height, width = flow.shape[-2:]
    # Places in half precision would be rounded to half pixels from the 64th column on.
    kind = torch.promote_types(torch.promote_types(flow.dtype, features.dtype), torch.float32)
    flow = flow.to(kind)
    rows = torch.arange(height, device=flow.device, dtype=kind)[:, None]
    columns = torch.arange(width, device=flow.device, dtype=kind)
    x = (columns + flow[:, 0]) * (2 / max(width - 1, 1)) - 1
    y = (rows + flow[:, 1]) * (2 / max(height - 1, 1)) - 1
    grid = torch.stack([x, y], -1)
    moved = functional.grid_sample(features.to(kind), grid, "bilinear", "zeros", align_corners=True)
    return moved.to(features.dtype)


class _Head(nn.Module):
    """Flow, and the scale by which warped features are multiplied.

    The scale's weights start at 0, and its bias is fixed at 1: the paper's code, not its text.
    """

    def __init__(self, inputs: int, scales: int) -> None:
        super().__init__()
        self.flow = nn.Conv2d(inputs, 2, 3, padding=1)
        self.scale = nn.Conv2d(inputs, scales, 1) if scales else None
        nn.init.normal_(self.flow.weight, std=0.01)
        nn.init.zeros_(self.flow.bias)
        if self.scale is not None:
            nn.init.zeros_(self.scale.weight)
            nn.init.ones_(self.scale.bias)
            self.scale.bias.requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.flow(x) * _UNIT, None if self.scale is None else self.scale(x)


class _Refine(nn.Module):
    """Double a feature and the flow predicted from it, and join both with a finer feature."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.flow = nn.Conv2d(inputs, 2, 3, padding=1)
        self.up = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)
        self.up_flow = nn.ConvTranspose2d(2, 2, 4, 2, 1)

    def forward(self, x: Tensor, finer: Tensor) -> Tensor:
        height, width = finer.shape[-2:]
        doubled = functional.leaky_relu(self.up(x), _LEAK)[..., :height, :width]
        flow = self.up_flow(self.flow(x))[..., :height, :width]
        return torch.cat([finer, doubled, flow], 1)


class FlowNetS(nn.Module):
    """FlowNet Simple.

    Args:
        width: share of the published channels: 1 for FlowNet, 0.5 for FlowNet Half.
        scales: channels of the scale, or 0 for none.
    """

    def __init__(self, width: float = 1.0, scales: int = 1024) -> None:
        super().__init__()
        c = [int(n * width) for n in (64, 128, 256, 512, 1024)]
        plan = [
            (c[0], 7, 2),
            (c[1], 5, 2),
            (c[2], 5, 2),
            (c[2], 3, 1),
            (c[3], 3, 2),
            (c[3], 3, 1),
            (c[3], 3, 2),
            (c[3], 3, 1),
            (c[4], 3, 2),
            (c[4], 3, 1),
        ]
        self.encoder = nn.ModuleList()
        inputs = 6
        for outputs, kernel, stride in plan:
            self.encoder.append(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2))
            inputs = outputs
        self.decoder = nn.ModuleList()
        for finer, outputs in ((c[3], c[3]), (c[3], c[2]), (c[2], c[1]), (c[1], c[0])):
            self.decoder.append(_Refine(inputs, outputs))
            inputs = finer + outputs + 2
        self.head = _Head(inputs, scales)

    def forward(self, current: Tensor, key: Tensor) -> tuple[Tensor, Tensor | None]:
        x = torch.cat([current, key], 1)
        features = []
        for layer in self.encoder:
            x = functional.leaky_relu(layer(x), _LEAK)
            features.append(x)
        for layer, finer in zip(self.decoder, (7, 5, 3, 1), strict=True):
            x = layer(x, features[finer])
        return self.head(functional.avg_pool2d(x, 2, ceil_mode=True))


class _ConvBN(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )


class _Inception(nn.Module):
    """Parallel branches, joined.

    Args:
        inputs: channels.
        single: of the 1x1 branch, or None. In a reduction it is a 1x1 and a 3x3 with the stride.
        middle: (reduced, 3x3); double: (reduced, 3x3, 3x3).
        pool: channels of a pooled branch, of reductions, which have stride 2.
    """

    def __init__(
        self,
        inputs: int,
        single: int | None,
        middle: tuple[int, int],
        double: tuple[int, int, int],
        pool: int | None = None,
    ) -> None:
        super().__init__()
        stride = 1 if pool is None else 2
        branches: list[nn.Module] = []
        if single is not None:
            branches.append(_ConvBN(inputs, single, 1, stride))
        branches.append(
            nn.Sequential(_ConvBN(inputs, middle[0], 1), _ConvBN(middle[0], middle[1], 3, stride))
        )
        branches.append(
            nn.Sequential(
                _ConvBN(inputs, double[0], 1),
                _ConvBN(double[0], double[1], 3),
                _ConvBN(double[1], double[2], 3, stride),
            )
        )
        if pool is not None:
            branches.append(nn.Sequential(nn.MaxPool2d(3, 2, 1), _ConvBN(inputs, pool, 1)))
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class FlowNetInception(nn.Module):
    """The smallest of the paper's flow networks, an encoder of Inception blocks.

    Args:
        scales: channels of the scale, or 0 for none.
    """

    def __init__(self, scales: int = 1024) -> None:
        super().__init__()
        self.at_16 = nn.Sequential(
            _ConvBN(6, 32, 7, 2),
            nn.MaxPool2d(3, 2, 1),
            _Inception(32, None, (24, 32), (24, 32, 32)),
            _ConvBN(64, 128, 3, 2),
            _Inception(128, 48, (32, 64), (8, 16, 16)),
            _Inception(128, 48, (48, 64), (12, 16, 16)),
        )
        self.at_32 = nn.Sequential(
            _Inception(128, 32, (112, 128), (28, 32, 32), 64),
            _Inception(256, 96, (112, 128), (28, 32, 32)),
        )
        self.at_64 = nn.Sequential(
            _Inception(256, 48, (96, 192), (36, 48, 48), 96),
            _Inception(384, 144, (96, 192), (36, 48, 48)),
        )
        self.at_128 = nn.Sequential(
            _Inception(384, 64, (192, 256), (48, 64, 64), 128),
            _Inception(512, 192, (192, 256), (48, 64, 64)),
        )
        self.decoder = nn.ModuleList(
            [_Refine(512, 32), _Refine(384 + 32 + 2, 16), _Refine(256 + 16 + 2, 8)]
        )
        self.head = _Head(128 + 8 + 2, scales)

    def forward(self, current: Tensor, key: Tensor) -> tuple[Tensor, Tensor | None]:
        at_16 = self.at_16(torch.cat([current, key], 1))
        at_32 = self.at_32(at_16)
        at_64 = self.at_64(at_32)
        x = self.at_128(at_64)
        for layer, finer in zip(self.decoder, (at_64, at_32, at_16), strict=True):
            x = layer(x, finer)
        return self.head(x)


class ClassicalFlow(nn.Module):
    """Flow by OpenCV's dense inverse search: no weights, no training, on the CPU.

    It takes the place of the SIFT flow that the paper's shallow feature flow (SFF) uses.
    """

    def forward(self, current: Tensor, key: Tensor) -> tuple[Tensor, None]:
        search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
        flows = []
        for first, second in zip(_gray(current), _gray(key), strict=True):
            flow = search.calc(first, second, None) * (2 / _FEATURE_STRIDE)
            flows.append(torch.from_numpy(flow).movedim(-1, 0))
        flow = torch.stack(flows).to(current)
        return functional.avg_pool2d(flow, _FEATURE_STRIDE // 2, ceil_mode=True), None


def _gray(frames: Tensor) -> np.ndarray:
    """Return (B, H, W) uint8 grey images of mean-subtracted frames that lie within one of 0."""
    grey = (frames.detach().mean(1) * 127 + 128).clamp(0, 255)
    return grey.to(torch.uint8).cpu().numpy()


FLOWS: dict[str, Any] = {
    "flownet_s": lambda scales: FlowNetS(1.0, scales),
    "flownet_half": lambda scales: FlowNetS(0.5, scales),
    "flownet_inception": FlowNetInception,
    "classical": lambda scales: ClassicalFlow(),
    "exact": lambda scales: None,
}
"""Builders of flow networks by name; their argument is the channels of the scale, or 0."""


def build_flow(name: str, scales: int) -> nn.Module | None:
    """Build a flow network of `FLOWS`.

    Raises:
        RecipeError: there is none of that name; the message has the nearest.
    """
    if name not in FLOWS:
        raise RecipeError(f"there is no flow '{name}'.{did_you_mean(str(name), FLOWS, 'Flows')}")
    return FLOWS[name](scales)


def flow_loss(predicted: Tensor, flow: Tensor) -> Tensor:
    """Return the mean end-point error of a flow, to pre-train on a simulator's exact flow.

    Args:
        predicted: (B, 2, h, w) feature pixels.
        flow: (B, 2, H, W) exact, frame pixels; NaN where there is none.
    """
    known = ~flow.isnan().any(1, keepdim=True)
    filled = torch.where(known, flow, 0.0) / _FEATURE_STRIDE
    size = predicted.shape[-2:]
    weight = functional.adaptive_avg_pool2d(known.to(flow.dtype), size)
    target = functional.adaptive_avg_pool2d(filled, size) / weight.clamp(min=1e-6)
    error = (predicted - target).square().sum(1, keepdim=True).add(1e-12).sqrt()
    return (error * weight).sum() / weight.sum().clamp(min=1e-6)
