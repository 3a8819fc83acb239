"""TV3S, video segmentation by state spaces shared over time, and SegFormer, its base.

Hesham et al., Exploiting Temporal State Space Sharing for Video Semantic Segmentation, CVPR 2025;
Xie et al., SegFormer, NeurIPS 2021. Weights are named as in the authors' code (mmsegmentation
style), whose published checkpoints carry a classifier nobody calls; so does this. What differs:
every frame of a clip gets its temporal prediction, where the code predicts the last one, and a
stream carries convolution and scan states from frame to frame, the code's streaming mode.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.errors import RecipeError, did_you_mean
from airseg.models.backbone_weights import load_backbone
from airseg.models.base import Normalization, VideoSegmenter
from airseg.models.mamba import ScanMemory, SharedStateBlocks
from airseg.models.mix_transformer import SIZES, MixTransformer
from airseg.models.options import check_at_least
from airseg.models.registry import register_model

_UNUSED_CHANNELS = 128
_PER_FRAME_WEIGHT = 0.5
SWINS = ("swin_t", "swin_s")


class _Linear(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x.flatten(2).transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[-2:])


class _Fuse(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


class MlpDecoder(nn.Module):
    """SegFormer's decoder: every level to one width and size, joined deepest first.

    Args:
        channels: of the four features; num_classes: of the logits.
        width: of the joined feature.
    """

    def __init__(self, channels: tuple[int, ...], num_classes: int, width: int) -> None:
        super().__init__()
        self.conv_seg = nn.Conv2d(_UNUSED_CHANNELS, num_classes, 1)  # of the base class, unused
        self.linear_c4, self.linear_c3, self.linear_c2, self.linear_c1 = (
            _Linear(c, width) for c in reversed(channels)
        )
        self.linear_fuse = _Fuse(4 * width, width)
        self.linear_pred = nn.Conv2d(width, num_classes, 1)
        self.dropout = nn.Dropout2d(0.1)

    def fuse(self, features: list[Tensor]) -> Tensor:
        """Return the joined feature at a quarter of the frames' size."""
        c1, c2, c3, c4 = features
        levels = [self.linear_c4(c4), self.linear_c3(c3), self.linear_c2(c2), self.linear_c1(c1)]
        return self.linear_fuse(torch.cat([_resize(x, c1.shape[-2:]) for x in levels], 1))

    def predict(self, fused: Tensor) -> Tensor:
        """Return each frame's own logits."""
        return self.linear_pred(self.dropout(fused))


class TemporalDecoder(MlpDecoder):
    """`MlpDecoder` with a temporal branch.

    Args:
        channels, num_classes, width: as there.
        depth, window: of `SharedStateBlocks`.
    """

    def __init__(
        self, channels: tuple[int, ...], num_classes: int, width: int, depth: int, window: int
    ) -> None:
        super().__init__(channels, num_classes, width)
        self.vs = SharedStateBlocks(width, depth, window)
        self.linear_pred2 = nn.Conv2d(width, num_classes, 1)

    def mix(
        self, fused: Tensor, shape: torch.Size, memory: ScanMemory | None
    ) -> tuple[Tensor, ScanMemory]:
        """Return temporal logits (B * T, C, h, w) of joined features of that shape.

        The feature is halved, and stretched to whole windows.
        """
        size = self.grid(*fused.shape[-2:])
        small = _resize(fused, size).unflatten(0, shape).movedim(2, -1)
        mixed, memory = self.vs(small, memory)
        mixed = mixed.movedim(-1, 2).flatten(0, 1)
        return _resize(self.linear_pred2(self.dropout(mixed)), fused.shape[-2:]), memory

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of the maps that are scanned, for features of a size."""
        window = self.vs.window
        return tuple(-(-(n // 2) // window) * window for n in (height, width))  # type: ignore[return-value]


class _EncoderDecoder(VideoSegmenter):
    """What SegFormer and TV3S share: encoder, decoder, and whose weights fit."""

    align_corners = False

    def __init__(self, encoder: nn.Module, decoder: MlpDecoder, imagenet: str = "") -> None:
        super().__init__()
        self.normalize = Normalization()
        self.backbone, self.decode_head = encoder, decoder
        self._imagenet = imagenet

    def _fused(self, frames: Tensor) -> Tensor:
        return self.decode_head.fuse(self.backbone(self.normalize(frames.flatten(0, 1))))

    @property
    def imagenet_name(self) -> str:
        return self._imagenet

    def load_imagenet_state(self, state: dict[str, Tensor]) -> None:
        """Load torchvision's ImageNet weights of a Swin Transformer."""
        load_backbone(self.backbone, state)

    def published_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a checkpoint's weights; one of the encoder alone leaves the rest as it is."""
        if "patch_embed1.proj.weight" not in state:
            return state
        encoder = {
            f"backbone.{k}": v for k, v in state.items() if not k.startswith(("head.", "head_"))
        }
        rest = {k: v for k, v in self.state_dict().items() if not k.startswith("backbone.")}
        return encoder | rest


class SegFormer(_EncoderDecoder):
    """SegFormer; the frames before do not matter to it."""

    paper = "SegFormer (Xie et al., NeurIPS 2021)"

    @property
    def feature_channels(self) -> int:
        """Channels of what the classifier sees."""
        return self.decode_head.linear_pred.in_channels

    def featured(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the classifier sees and logits, at a quarter of the size, of frames."""
        fused = self._fused(frames[:, None])
        return fused, self.decode_head.predict(fused)

    def coarse(self, frames: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        logits = self.decode_head.predict(self._fused(frames))
        return logits.unflatten(0, frames.shape[:2]), memory


class TV3S(_EncoderDecoder):
    """TV3S.

    Args:
        encoder: features at 1/4, 1/8, 1/16 and 1/32.
        decoder: with the temporal branch.
        imagenet: torchvision's name of the encoder, or nothing.
        training_frames: how many frames a training clip has before the supervised ones.
    """

    paper = "TV3S (Hesham et al., CVPR 2025)"
    unbounded = True

    def __init__(
        self,
        encoder: nn.Module,
        decoder: TemporalDecoder,
        imagenet: str = "",
        training_frames: int = 3,
    ) -> None:
        super().__init__(encoder, decoder, imagenet)
        check_at_least("training_frames", training_frames, 0)
        self.memory_depth = training_frames

    def coarse(self, frames: Tensor, memory: ScanMemory | None = None) -> tuple[Tensor, ScanMemory]:
        logits, memory = self.decode_head.mix(self._fused(frames), frames.shape[:2], memory)
        return logits.unflatten(0, frames.shape[:2]), memory

    def training_outputs(
        self, frames: Tensor, memory: ScanMemory | None = None
    ) -> tuple[list[tuple[float, Tensor]], ScanMemory]:
        fused = self._fused(frames)
        alone = self.decode_head.predict(fused)
        mixed, memory = self.decode_head.mix(fused, frames.shape[:2], memory)
        shape = frames.shape[:2]
        outputs = [(1.0, mixed.unflatten(0, shape)), (_PER_FRAME_WEIGHT, alone.unflatten(0, shape))]
        return outputs, memory

    def memory_bytes(self, height: int, width: int) -> int:
        blocks = self.decode_head.vs
        rows, columns = self.decode_head.grid(-(-height // 4), -(-width // 4))
        rows, columns = rows // blocks.window, columns // blocks.window
        windows = 0
        for number, _ in enumerate(blocks.layers):
            windows += (rows + 1) * (columns + 1) if number % 2 else rows * columns
        mixer = blocks.layers[0].mixer
        return 4 * windows * mixer.inner * (mixer.kernel - 1 + mixer.state)


class SwinEncoder(nn.Module):
    """Features of torchvision's Swin Transformer, normalised, as mmsegmentation takes them.

    Liu et al., Swin Transformer, ICCV 2021.

    Args:
        name: ``swin_t`` or ``swin_s``.

    Attributes:
        channels: of the four features.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        import torchvision  # importing it takes seconds, and only this needs it

        self.features = torchvision.models.get_model(name, weights=None).features
        self.channels = (96, 192, 384, 768)
        for i, width in enumerate(self.channels):
            setattr(self, f"norm{i}", nn.LayerNorm(width))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for i, stage in enumerate(self.features):
            x = stage(x)
            if i % 2:  # even ones reduce
                features.append(getattr(self, f"norm{i // 2}")(x).movedim(-1, 1).contiguous())
        return features


def _resize(x: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


def _encoder(name: str) -> tuple[nn.Module, str]:
    """Return an encoder, and torchvision's name of it or nothing."""
    if name in SIZES:
        return MixTransformer(*SIZES[name]), ""
    if name in SWINS:
        return SwinEncoder(name), name
    known = (*SIZES, *SWINS)
    raise RecipeError(f"there is no encoder '{name}'.{did_you_mean(name, known, 'Encoders')}")


@register_model
def tv3s(
    num_classes: int,
    encoder: str = "b1",
    width: int = 256,
    depth: int = 8,
    window: int = 20,
    training_frames: int = 3,
) -> TV3S:
    """Build TV3S on a Mix Transformer (b0, b1, b2, b5) or Swin Transformer (swin_t, swin_s)."""
    if depth < 2 or depth % 2:
        raise RecipeError(f"depth is {depth}; it must be even: layers come in shifted pairs.")
    if window < 2 or window % 2:
        raise RecipeError(f"window is {window}; it must be even: the shift is half of it.")
    network, imagenet = _encoder(encoder)
    decoder = TemporalDecoder(network.channels, num_classes, width, depth, window)
    return TV3S(network, decoder, imagenet, training_frames)


@register_model
def segformer(num_classes: int, encoder: str = "b1", width: int = 256) -> SegFormer:
    """Build SegFormer; its authors' checkpoints of b2 and b5 have width 768, TV3S's table 256."""
    network, imagenet = _encoder(encoder)
    return SegFormer(network, MlpDecoder(network.channels, num_classes, width), imagenet)
