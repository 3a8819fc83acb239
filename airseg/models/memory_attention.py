"""MA-ResNet50: partial-channel memory attention over the frames before.

Liu et al., MA-ResNet50: A General Encoder Network for Video Segmentation, 2022. The module
is the released code's: keys and values at half size, a softmax over a key's channels, times ten,
normalisation after the read-out, three of four stages wired, and raw features remembered, where the
paper remembers enhanced ones. Where the code has none, the paper's judge module is an option.

What differs, so that no frame goes without a prediction and no stream sees another: while the
memory fills, features pass through, where the code returns nothing; means are taken over each
sample, where the code takes them over the batch (`batch_means` brings that back); odd sizes work.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.errors import RecipeError, did_you_mean
from airseg.models.backbone_weights import load_backbone
from airseg.models.base import Normalization, VideoSegmenter
from airseg.models.decoders import DECODERS
from airseg.models.options import check_at_least
from airseg.models.registry import register_model
from airseg.models.resnet_vd import ResNetVd

_SHARPNESS = 10.0
_JUDGE = (0.1, 0.9)
_STRIDES = (4, 8, 8, 8)


@dataclass(frozen=True)
class AttentionMemory:
    """Keys and values of the last frames, one tensor a stage.

    Attributes:
        keys: (B, n, C r / 2, h / 2, w / 2), values: (B, n, C r, h / 2, w / 2); oldest first, n
            grows from 0 to T.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


class PartialChannelAttention(nn.Module):
    """PCMA: a share of the channels attends to those of the last T frames.

    Args:
        channels: of the feature.
        frames: T.
        ratio: r, the share of channels that attend: the last ones.
        judge: the paper's equations 4 and 5: where the fused channels' mean lies within a tenth of
            the range from its ends, they stay as they were.
        batch_means: take means over the batch, as the code does.
    """

    def __init__(
        self, channels: int, frames: int, ratio: float, *, judge: bool, batch_means: bool
    ) -> None:
        super().__init__()
        self.frames, self.judge, self.batch_means = frames, judge, batch_means
        self.start = int(channels * (1 - ratio))
        self.width = channels - self.start
        self.key_enc = nn.Sequential(
            nn.Conv2d(self.width, self.width // 2, 3, padding=1, bias=False),
            nn.BatchNorm2d(self.width // 2),
            nn.ReLU(),
        )
        self.bn_relu = nn.Sequential(nn.BatchNorm2d(self.width), nn.ReLU())

    def forward(
        self, x: Tensor, times: int, keys: Tensor | None, values: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Enhance the frames of clips that have T frames before them.

        Args:
            x: (B * T', C, h, w), frames of a clip next to each other; times: T'.
            keys, values: of the frames before, as in `AttentionMemory`, or None.

        Returns:
            The enhanced x, and the keys and values to remember, without gradient.
        """
        rest, selected = x[:, : self.start], x[:, self.start :]
        new_keys = self.key_enc(selected)[..., ::2, ::2].unflatten(0, (-1, times))
        new_values = functional.relu(selected)[..., ::2, ::2].unflatten(0, (-1, times))
        known_keys = _append(keys, new_keys.detach())
        known_values = _append(values, new_values.detach())
        before = known_keys.shape[1] - times
        first = max(self.frames - before, 0)  # the first frame whose memory is full
        fused = selected.unflatten(0, (-1, times))
        if first < times:
            read = []
            for t in range(first, times):
                past = slice(before + t - self.frames, before + t)
                read.append(_read(new_keys[:, t], known_keys[:, past], known_values[:, past]))
            enhanced = self._fuse(torch.stack(read, 1), fused[:, first:])
            fused = torch.cat([fused[:, :first], enhanced], 1)
        kept = known_keys.shape[1] - min(self.frames, known_keys.shape[1])
        return (
            torch.cat([rest, fused.flatten(0, 1)], 1),
            known_keys[:, kept:],
            known_values[:, kept:],
        )

    def _fuse(self, read: Tensor, selected: Tensor) -> Tensor:
        """Return selected channels (B, F, C r, h, w) with what was read (B, F, C r, h/2, w/2)."""
        size = selected.shape[-2:]
        flat, raw = read.flatten(0, 1), selected.flatten(0, 1)
        flat = functional.interpolate(flat, size, mode="bilinear", align_corners=False)
        flat = self.bn_relu(flat)
        over = (0, 1, 2, 3) if self.batch_means else (1, 2, 3)
        ratio = raw.mean(over, keepdim=True) / flat.mean(over, keepdim=True).clamp(min=1e-12)
        fused = flat * ratio + raw
        if self.judge:
            low, high = fused.amin((1, 2, 3), True), fused.amax((1, 2, 3), True)
            place = (fused.mean((1, 2, 3), keepdim=True) - low) / (high - low).clamp(min=1e-12)
            fused = torch.where((place < _JUDGE[0]) | (place > _JUDGE[1]), raw, fused)
        return fused.unflatten(0, selected.shape[:2])


def _append(past: Tensor | None, new: Tensor) -> Tensor:
    return new if past is None else torch.cat([past, new], 1)


def _read(key: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return what a frame's key (B, K, h, w) finds in a memory (B, n, ., h, w): (B, V, h, w)."""
    query = _SHARPNESS * key.flatten(2).softmax(1)
    known = _SHARPNESS * keys.transpose(1, 2).flatten(2).softmax(1)
    affinity = (known.transpose(1, 2) @ query).softmax(1)
    found = values.transpose(1, 2).flatten(2) @ affinity
    return found.unflatten(2, key.shape[-2:])


class MAResNet(VideoSegmenter):
    """A backbone, memory attention on its features, and a decoder.

    The enhanced features go to the decoder only; the next stage sees the plain ones.

    Args:
        backbone: features at 1/4, 1/8, 1/8 and 1/8.
        decoder: from features to logits.
        frames: T; 0 is the network without memory.
        ratio: r.
        stages: how many stages are enhanced, from the first; 3 in the code, 4 in the paper.
        judge, batch_means: see `PartialChannelAttention`.

    As in the released network a fourth attention exists when three are wired.

    Raises:
        RecipeError: an option is impossible.
    """

    paper = "MA-ResNet50 (Liu et al., 2022)"
    align_corners = False

    def __init__(
        self,
        backbone: ResNetVd,
        decoder: nn.Module,
        frames: int = 1,
        ratio: float = 0.25,
        stages: int = 3,
        *,
        judge: bool = False,
        batch_means: bool = False,
    ) -> None:
        super().__init__()
        check_at_least("frames", frames, 0)
        if not 0 < ratio <= 1:
            raise RecipeError(f"ratio is {ratio}; it must be above 0, and at most 1.")
        if not 1 <= stages <= 4:
            raise RecipeError(f"stages is {stages}; it must be from 1 to 4.")
        self.memory_depth, self.stages = frames, stages if frames else 0
        self.normalize = Normalization()
        self.backbone, self.decoder = backbone, decoder
        self.attention = nn.ModuleList(
            PartialChannelAttention(c, frames, ratio, judge=judge, batch_means=batch_means)
            for c in (backbone.channels if frames else ())
        )

    def coarse(
        self, frames: Tensor, memory: AttentionMemory | None = None
    ) -> tuple[Tensor, AttentionMemory | None]:
        batch, times = frames.shape[:2]
        features = self.backbone(self.normalize(frames.flatten(0, 1)))
        keys, values = [], []
        for i in range(self.stages):
            past = (memory.keys[i], memory.values[i]) if memory else (None, None)
            features[i], key, value = self.attention[i](features[i], times, *past)
            keys.append(key)
            values.append(value)
        logits = self.decoder(features).unflatten(0, (batch, times))
        return logits, AttentionMemory(tuple(keys), tuple(values)) if keys else None

    def memory_bytes(self, height: int, width: int) -> int:
        numbers = 0
        for attention, stride in zip(self.attention[: self.stages], _STRIDES, strict=False):
            pixels = -(-height // (2 * stride)) * -(-width // (2 * stride))
            numbers += (attention.width + attention.width // 2) * pixels
        return 4 * self.memory_depth * numbers

    @property
    def imagenet_name(self) -> str:
        return "timm:resnet50d"

    def load_imagenet_state(self, state: dict[str, Tensor]) -> None:
        """Load timm's ImageNet weights of ResNet-50-D."""
        load_backbone(self.backbone, state)


@register_model
def ma_resnet50(
    num_classes: int,
    head: str = "deeplabv3plus",
    frames: int = 1,
    ratio: float = 0.25,
    stages: int | None = None,
    judge: bool = False,
    batch_means: bool = False,
) -> MAResNet:
    """Build MA-ResNet50.

    `head` is one of `DECODERS`. `stages` is by default 3, and 4 where the head reads only the
    fourth stage, which a memory in the first three could not reach.
    """
    if head not in DECODERS:
        raise RecipeError(f"there is no head '{head}'.{did_you_mean(head, DECODERS, 'Heads')}")
    backbone = ResNetVd()
    decoder = DECODERS[head](backbone.channels, num_classes)
    if stages is None:
        stages = 4 if decoder.reads == (3,) else 3
    return MAResNet(backbone, decoder, frames, ratio, stages, judge=judge, batch_means=batch_means)
