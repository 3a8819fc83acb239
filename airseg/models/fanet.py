"""FANet with temporal context aggregation.

Hu et al., Real-time Semantic Segmentation with Fast Attention, RA-L 2020, and its extension over
time (TCA). Parameter names are those of the published checkpoints. What differs from the
published speed-test code: batch normalisation is real, as in the authors' training code. What is
kept although it looks like a slip, because published weights need it: the 1x1 convolution `up`
pads its input by one pixel; attention has no factor 1/n.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.errors import RecipeError
from airseg.models.backbone_weights import load_backbone
from airseg.models.base import Normalization, VideoSegmenter
from airseg.models.flow import build_flow, flow_input
from airseg.models.motion_memory import attend_along_motion
from airseg.models.options import check_at_least, check_choice, check_share
from airseg.models.registry import register_model
from airseg.models.resnet import LEAK, ResNet
from airseg.models.temporal_memory import (
    REDUCTIONS,
    ContextMemory,
    attend_over_time,
    decay_over_time,
)

KEY_CHANNELS = 32
_SMOOTH = 128
_AUX_WEIGHT = 0.5
_OUTSIDE = 1e6
"""Pixels to a place in no picture: where what was not seen before drops out."""


class ConvBN(nn.Module):
    """Convolution without bias, batch normalisation, and a leaky ReLU if asked for."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, padding: int = 0, *, activate: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.activation = nn.LeakyReLU(LEAK) if activate else nn.Identity()
        nn.init.kaiming_normal_(self.conv.weight, a=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.bn(self.conv(x)))


class FastAttention(nn.Module):
    """Attention without softmax, in which keys meet values first; one a level.

    Args:
        channels: of the level's feature.
        depth, reduction: of the temporal context, see `REDUCTIONS`.
        decay: of the reduction of that name.
        scale_by_size: divide by the number of pixels, as the paper's formula does and no code.

    `up` of the shallowest level and `smooth` of the next one exist in published checkpoints and are
    never used; they stay so that checkpoints load and parameter counts agree.
    """

    def __init__(
        self,
        channels: int,
        depth: int,
        reduction: str,
        decay: float = 0.0,
        *,
        scale_by_size: bool,
    ) -> None:
        super().__init__()
        self.depth, self.reduction, self.decay = depth, reduction, decay
        self.scale_by_size = scale_by_size
        learned = reduction == "learned"
        self.depth_weights = nn.Parameter(torch.ones(depth + 1)) if learned else None
        self.w_qs = ConvBN(channels, KEY_CHANNELS, 1, activate=False)
        self.w_ks = ConvBN(channels, KEY_CHANNELS, 1, activate=False)
        self.w_vs = ConvBN(channels, channels, 1)
        self.latlayer3 = ConvBN(channels, channels, 1)
        self.up = ConvBN(channels, channels // 2, 1, padding=1)
        self.smooth = ConvBN(channels, _SMOOTH, 3, padding=1)

    def attend(
        self,
        feature: Tensor,
        times: int,
        past: Tensor | None,
        weight: Tensor | None = None,
        flow: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Let each frame's queries meet the context of it and the frames before.

        Args:
            feature: (B * T, C, h, w), frames of a stream next to each other.
            times: T.
            past: (B, n, K, C) products of earlier frames, or None.
            weight: (B,) of the past with ``decay``, or None.
            flow: (B, T, 2, H, W) from each frame to the one before, for ``motion``, or None.

        Returns:
            The attended feature, (B * T, C, h, w), the products to remember, and their weight.
        """
        height, width = feature.shape[-2:]
        query = functional.normalize(self.w_qs(feature), dim=1).flatten(2).transpose(1, 2)
        key = functional.normalize(self.w_ks(feature), dim=1).unflatten(0, (-1, times))
        value = self.w_vs(feature).unflatten(0, (-1, times))
        if self.reduction == "motion" and flow is not None:
            context, past = attend_along_motion(key, value, past, flow, self.depth)
        else:
            product = key.flatten(3) @ value.flatten(3).transpose(2, 3)
            context, past, weight = self._combine(product, past, weight)
        attended = query @ context.flatten(0, 1)
        if self.scale_by_size:
            attended = attended / (height * width)
        attended = attended.transpose(1, 2).unflatten(2, (height, width))
        return self.latlayer3(attended) + feature, past, weight

    def _combine(
        self, product: Tensor, past: Tensor | None, weight: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        if self.reduction == "decay":
            return decay_over_time(product, past, weight, self.decay)
        context, past = attend_over_time(
            product, past, self.depth, self.reduction, self.depth_weights
        )
        return context, past, weight


class _Classifier(nn.Module):
    """3x3 convolution and 1x1 convolution to class logits."""

    def __init__(self, inputs: int, middle: int, num_classes: int) -> None:
        super().__init__()
        self.conv = ConvBN(inputs, middle, 3, padding=1)
        self.conv_out = nn.Conv2d(middle, num_classes, 1, bias=False)
        nn.init.kaiming_normal_(self.conv_out.weight, a=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv(x))


class FANet(VideoSegmenter):
    """FANet; with `tca_depth` N above 0, each frame also attends to the N before it.

    Args:
        backbone: features at four strides.
        num_classes: channels of the logits.
        tca_depth: N.
        reduction: how the context of N + 1 frames is combined, see `REDUCTIONS`.
        decay: how much less a frame counts than the one after it, for ``decay``; `tca_depth` is
            then only how many frames a training clip has before the supervised ones.
        flow: estimates the motion for ``motion``, of `airseg.models.flow`, or None where callers
            pass the exact flow.
        scale_by_size: the paper's 1/n in the attention.
        auxiliary: two more heads while training.
        normalize: frames by ImageNet's mean and deviation, as ImageNet's weights and the authors'
            expect; without, frames stay from 0 to 1, as in the founding paper's notebook.
    """

    paper = "FANet (Hu et al., RA-L 2020) with TCA"

    def __init__(
        self,
        backbone: ResNet,
        num_classes: int,
        tca_depth: int = 0,
        reduction: str = "sum",
        decay: float = 0.8,
        flow: nn.Module | None = None,
        *,
        scale_by_size: bool = False,
        auxiliary: bool = False,
        normalize: bool = False,
    ) -> None:
        super().__init__()
        check_at_least("tca_depth", tca_depth, 0)
        check_choice("reduction", reduction, REDUCTIONS)
        check_share("decay", decay)
        self.memory_depth = tca_depth
        self.unbounded = reduction == "decay"
        self.moves = reduction == "motion" and tca_depth > 0
        self.normalize = Normalization() if normalize else nn.Identity()
        self.resnet = backbone
        self.flow = flow if self.moves else None
        self.wants_flow = self.moves and flow is None
        levels = [
            FastAttention(c, tca_depth, reduction, decay, scale_by_size=scale_by_size)
            for c in backbone.channels
        ]
        self.ffm_4, self.ffm_8, self.ffm_16, self.ffm_32 = levels
        self.feature_channels = 2 * _SMOOTH
        self.clslayer_8 = _Classifier(self.feature_channels, 256, num_classes)
        self.clslayer_32 = _Classifier(_SMOOTH, 64, num_classes) if auxiliary else None
        self.clslayer_16 = _Classifier(_SMOOTH, 64, num_classes) if auxiliary else None

    @property
    def imagenet_name(self) -> str:
        return f"resnet{self.resnet.depth}"

    def load_imagenet_state(self, state: dict[str, Tensor]) -> None:
        """Load torchvision's weights; a stride-2 shortcut that ImageNet lacks stays as it is."""
        load_backbone(self.resnet, state, own=("layer1.0.downsample",))

    def coarse(
        self, frames: Tensor, memory: ContextMemory | None = None, flow: Tensor | None = None
    ) -> tuple[Tensor, ContextMemory]:
        """Return logits at 1/8 and the memory; see `VideoSegmenter.coarse`.

        Args:
            frames, memory: as there.
            flow: (B, T, 2, H, W) exact, from each frame to the one before it, in pixels, x before
                y; for ``motion``, in place of the estimate. The embedded simulator's optical flow
                has the other sign.
        """
        joined, _, _, memory = self._join(frames, memory, flow)
        return self.clslayer_8(joined).unflatten(0, frames.shape[:2]), memory

    def features(self, frames: Tensor) -> Tensor:
        """Return what the classifier sees, (B, 256, H / 8, W / 8), of single frames."""
        return self._join(frames[:, None], None, None)[0]

    def featured(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return `features`, and logits of them."""
        features = self.features(frames)
        return features, self.clslayer_8(features)

    def training_outputs(
        self, frames: Tensor, memory: ContextMemory | None = None, flow: Tensor | None = None
    ) -> tuple[list[tuple[float, Tensor]], ContextMemory]:
        joined, deepest, deep, memory = self._join(frames, memory, flow)
        outputs = [(1.0, self.clslayer_8(joined))]
        if self.clslayer_32 is not None and self.clslayer_16 is not None:
            outputs.append((_AUX_WEIGHT, self.clslayer_32(self.ffm_32.smooth(deepest))))
            outputs.append((_AUX_WEIGHT, self.clslayer_16(deep)))
        return [(weight, o.unflatten(0, frames.shape[:2])) for weight, o in outputs], memory

    def memory_bytes(self, height: int, width: int) -> int:
        numbers = sum(KEY_CHANNELS * c for c in self.resnet.channels)
        if self.unbounded:
            return 4 * (numbers + 1)
        if self.moves:
            return 4 * (
                self.memory_depth * self._map_numbers(height, width) + self._halved(height, width)
            )
        return 4 * numbers * self.memory_depth

    def _map_numbers(self, height: int, width: int) -> int:
        """Return how many numbers the keys and values of a frame are."""
        height, width, numbers = -(-height // 4), -(-width // 4), 0
        for channels, stride in zip(self.resnet.channels, self.resnet.strides, strict=True):
            height, width = -(-height // stride), -(-width // stride)
            numbers += (KEY_CHANNELS + channels) * height * width
        return numbers

    def _halved(self, height: int, width: int) -> int:
        """Return how many numbers a halved frame is, where it is remembered."""
        return 0 if self.flow is None else 3 * -(-height // 2) * -(-width // 2)

    def _motion(
        self, frames: Tensor, memory: ContextMemory | None, flow: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the flow from each frame to the one before, and the last frame to remember."""
        if not self.moves:
            return None, None
        if self.flow is None:
            if flow is None:
                raise RecipeError(
                    "reduction motion without a flow network needs the exact flow of each frame."
                )
            return flow.nan_to_num(nan=_OUTSIDE), None
        batch, times = frames.shape[:2]
        halved = flow_input(frames.flatten(0, 1)).unflatten(0, (batch, times))
        if flow is None:
            first = halved[:, :1] if memory is None else memory.frame[:, None]
            before = torch.cat([first, halved[:, :-1]], 1)
            flow = self.flow(halved.flatten(0, 1), before.flatten(0, 1))[0]
            flow = flow.unflatten(0, (batch, times))
        return flow, halved[:, -1]

    def published_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a published checkpoint's weights under this network's names.

        The authors' training code names weights as this module does, and saves the auxiliary heads
        that a network without them leaves out; their speed-test code says ``fam_`` and
        ``clslayer``.
        """
        renamed = {}
        for key, value in state.items():
            name = "ffm_" + key[4:] if key.startswith("fam_") else key
            name = "clslayer_8" + name[8:] if name.startswith("clslayer.") else name
            if name.startswith(("clslayer_32.", "clslayer_16.")) and self.clslayer_32 is None:
                continue
            renamed[name] = value
        return renamed

    def _join(
        self, frames: Tensor, memory: ContextMemory | None, flow: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, ContextMemory]:
        """Return what the classifier sees, the attended 1/64, the smooth 1/32, and the memory."""
        times = frames.shape[1]
        flat = self.normalize(frames.flatten(0, 1)).contiguous(memory_format=torch.channels_last)
        f4, f8, f16, f32 = self.resnet(flat)
        past = memory.products if memory else (None,) * 4
        weight = memory.weight if memory else None
        flow, last = self._motion(frames, memory, flow)
        # History is per level, and no level's attention depends on another's.
        a4, m4, _ = self.ffm_4.attend(f4, times, past[0], weight, flow)
        a8, m8, _ = self.ffm_8.attend(f8, times, past[1], weight, flow)
        a16, m16, _ = self.ffm_16.attend(f16, times, past[2], weight, flow)
        a32, m32, weight = self.ffm_32.attend(f32, times, past[3], weight, flow)
        up32 = self.ffm_32.up(a32)
        a16 = a16 + _resize(up32, a16)
        smooth16, up16 = self.ffm_16.smooth(a16), self.ffm_16.up(a16)
        a8 = a8 + _resize(up16, a8)
        a4 = a4 + _resize(self.ffm_8.up(a8), a4)
        smooth4 = self.ffm_4.smooth(a4)
        joined = torch.cat([_resize(smooth16, smooth4), smooth4], 1)
        return joined, a32, smooth16, ContextMemory((m4, m8, m16, m32), weight, last)


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=True)


def _builder(depth: int) -> Callable[..., FANet]:
    """Register the builder of FANet on a ResNet of a depth."""

    def build(
        num_classes: int,
        tca_depth: int = 0,
        reduction: str = "sum",
        decay: float = 0.8,
        flow: str = "flownet_inception",
        scale_by_size: bool = False,
        auxiliary: bool = False,
        normalize: bool = False,
        strides: tuple[int, int, int, int] = (2, 2, 2, 2),
    ) -> FANet:
        model = FANet(
            ResNet(depth, tuple(strides)),
            num_classes,
            tca_depth,
            reduction,
            decay,
            build_flow(flow, 0) if reduction == "motion" else None,
            scale_by_size=scale_by_size,
            auxiliary=auxiliary,
            normalize=normalize,
        )
        return model.to(memory_format=torch.channels_last)

    build.__name__ = f"fanet{depth}"
    build.__doc__ = (
        f"FANet on ResNet-{depth}; the arguments are those of `FANet` and `ResNet`; `flow` is one "
        "of `FLOWS`, or exact."
    )
    return register_model(build)


fanet18, fanet34, fanet50, fanet101 = (_builder(depth) for depth in (18, 34, 50, 101))
