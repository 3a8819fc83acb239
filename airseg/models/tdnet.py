"""TDNet: sub-networks that take turns, each frame recomposed from the last ones by attention.

Hu, Caba, Wang, Lin, Sclaroff and Perazzi, Temporally Distributed Networks for Fast Video Semantic
Segmentation, CVPR 2020. Here on FANet-18, of which the authors' code (MIT) has a training version.
Kept from it: every sub-network is a whole one, and the normalisation over places, whose weights tie
a network to a size. What differs: keys and values are computed only where they are kept, which
changes no result; no teacher is distilled; the phase and all of the past are in the memory, where
the code keeps both in the module and never clears them between videos.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.models.base import TrainingOutputs, VideoSegmenter
from airseg.models.fanet import FANet
from airseg.models.options import check_at_least, check_choice
from airseg.models.registry import register_model
from airseg.models.resnet import ResNet

_KEY_CHANNELS = 64
_DROPOUT = 0.1
_ALONE_WEIGHT, _AUX_WEIGHT = 0.5, 0.1
NORMS = ("spatial", "channel")
"""``spatial``: of each channel over all places, with a weight a place, as published; the weights
are resized for frames of another size. ``channel``: of each place over all channels."""


@dataclass(frozen=True)
class TurnMemory:
    """The sub-features of the last frames, on every s-th pixel in both directions, oldest first.

    Attributes:
        keys: (B, m, M, 64), values: (B, m, M, C); m grows from 1 to n - 1.
        queries: (B, m', M, 64) of the newest n - 2, or fewer: nobody asks the oldest.
        phase: which sub-network takes the next frame.
    """

    keys: Tensor
    values: Tensor
    queries: Tensor
    phase: int


def _project(inputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, _KEY_CHANNELS, 1),
        nn.BatchNorm2d(_KEY_CHANNELS),
        nn.LeakyReLU(),
        nn.Conv2d(_KEY_CHANNELS, _KEY_CHANNELS, 1),
    )


class Hop(nn.Module):
    """One step of attention: what a frame's queries find in the frame before it.

    Args:
        channels: of the values.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return (B, N, C) of queries (B, N, 64), keys (B, M, 64) and values (B, M, C)."""
        scores = query @ key.transpose(1, 2) / key.shape[-1] ** 0.5
        return self.dropout(self.mix(self.dropout(scores.softmax(-1)) @ value))


class PlaceNorm(nn.Module):
    """Normalisation of each channel over all places, with a weight and a bias a place.

    Args:
        size: (h, w) of the weights.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        weight, bias = self.weight, self.bias
        if weight.shape != size:
            both = torch.stack([weight, bias])[None]
            weight, bias = functional.interpolate(both, size, mode="bilinear", align_corners=True)[
                0
            ]
        return functional.layer_norm(x, size, weight, bias)


class ChannelNorm(nn.LayerNorm):
    """Normalisation of each place over all channels, of (B, C, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Turn(nn.Module):
    """What one sub-network has: itself, its encoding, its hops, its normalisation.

    Args:
        network: FANet without context.
        count: n, of sub-networks.
        norm: before the head.
        num_classes: of the auxiliary head, or None for none.
    """

    def __init__(
        self, network: FANet, count: int, norm: nn.Module, num_classes: int | None
    ) -> None:
        super().__init__()
        channels = network.feature_channels
        self.network = network
        self.query, self.key = _project(channels), _project(channels)
        self.value = nn.Conv2d(channels, channels, 1)
        self.hops = nn.ModuleList(Hop(channels) for _ in range(count - 1))
        self.norm = norm
        self.auxiliary = None
        if num_classes is not None:
            self.auxiliary = type(network.clslayer_8)(channels // 2, 64, num_classes)

    def head(self, feature: Tensor) -> Tensor:
        """Return logits of a value (B, C, h, w), its own or a recomposed one."""
        return self.network.clslayer_8(self.norm(feature))


class TemporallyDistributed(VideoSegmenter):
    """TDNet on FANet.

    Args:
        networks: n of them, for the frames t, t + 1, ..., t + n - 1.
        num_classes: channels of the logits.
        stride: s; keys and values are kept of every s-th pixel in both directions.
        norm: of `NORMS`.
        size: (H, W) of the frames the weights of ``spatial`` are for.
        auxiliary: a head on FANet's feature at 1/32 while training; the released code makes it and
            never trains it.

    Raises:
        RecipeError: an option is impossible.
    """

    paper = "TDNet (Hu et al., CVPR 2020) on FANet"
    rotates = True

    def __init__(
        self,
        networks: list[FANet],
        num_classes: int,
        stride: int = 3,
        norm: str = "spatial",
        size: tuple[int, int] = (480, 640),
        *,
        auxiliary: bool = False,
    ) -> None:
        super().__init__()
        check_choice("norm", norm, NORMS)
        check_at_least("stride", stride, 1)
        count = self.period = len(networks)
        self.backbone_names = tuple(f"turns.{n}.network.resnet." for n in range(count))
        self.memory_depth, self.stride = count - 1, stride
        self.turns = nn.ModuleList(
            Turn(
                network,
                count,
                PlaceNorm(self._map_size(network, *size))
                if norm == "spatial"
                else ChannelNorm(network.feature_channels),
                num_classes if auxiliary else None,
            )
            for network in networks
        )

    def coarse(
        self, frames: Tensor, memory: TurnMemory | None = None
    ) -> tuple[Tensor, TurnMemory | None]:
        return self._run(frames, memory, 0 if memory is None else memory.phase)

    def training_outputs(
        self, frames: Tensor, memory: TurnMemory | None = None
    ) -> tuple[TrainingOutputs, TurnMemory | None]:
        """Return logits of clips whose first frame goes to a sub-network drawn by chance."""
        phase = int(torch.randint(self.period, (), device="cpu"))
        terms: dict[str, list[Tensor]] = {"alone": [], "deep": []}
        fused, memory = self._run(frames, None, phase, terms)
        outputs: TrainingOutputs = [(1.0, fused), (_ALONE_WEIGHT, torch.stack(terms["alone"], 1))]
        if terms["deep"]:
            outputs.append((_AUX_WEIGHT, torch.stack(terms["deep"], 1)))
        return outputs, memory

    def memory_bytes(self, height: int, width: int) -> int:
        network = self._first
        tokens = 1
        for side in self._map_size(network, height, width):
            tokens *= -(-side // self.stride)
        values = self.memory_depth * (_KEY_CHANNELS + network.feature_channels)
        return 4 * tokens * (values + (self.memory_depth - 1) * _KEY_CHANNELS)

    @property
    def imagenet_name(self) -> str:
        return self._first.imagenet_name

    def load_imagenet_state(self, state: dict[str, Tensor]) -> None:
        """Load them into every sub-network."""
        for turn in self.turns:
            turn.network.load_imagenet_state(state)

    def published_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights; those of one FANet start every sub-network, as the paper does."""
        if any(key.startswith("turns.") for key in state):
            return state
        found = {k: v for k, v in self.state_dict().items() if ".network." not in k}
        for number, turn in enumerate(self.turns):
            renamed = turn.network.published_state(state)
            found |= {f"turns.{number}.network.{k}": v for k, v in renamed.items()}
        return found

    @property
    def _first(self) -> FANet:
        first: Turn = self.turns[0]
        return first.network

    @staticmethod
    def _map_size(network: FANet, height: int, width: int) -> tuple[int, int]:
        stride = network.resnet.strides[0]
        rows, columns = (math.ceil(math.ceil(side / 4) / stride) for side in (height, width))
        return rows, columns

    def _run(
        self,
        frames: Tensor,
        memory: TurnMemory | None,
        phase: int,
        terms: dict[str, list[Tensor]] | None = None,
    ) -> tuple[Tensor, TurnMemory | None]:
        """Return logits (B, T, C, h, w) and the memory; more to train on goes into `terms`."""
        places = [(phase + t) % self.period for t in range(frames.shape[1])]
        features = self._features(frames, places)
        logits = []
        for feature, place in zip(features, places, strict=True):
            turn: Turn = self.turns[place]
            value = turn.value(feature)
            logits.append(turn.head(self._recompose(turn, feature, value, memory)))
            if terms is not None:
                terms["alone"].append(turn.head(value))
            if terms is not None and turn.auxiliary is not None:
                terms["deep"].append(turn.auxiliary(feature[:, : feature.shape[1] // 2]))
            memory = self._after(turn, feature, memory, place)
        return torch.stack(logits, 1), memory

    def _features(self, frames: Tensor, places: list[int]) -> list[Tensor]:
        """Return each frame's feature (B, C, h, w), by the sub-network whose turn it is."""
        found: dict[int, Tensor] = {}
        for place in sorted(set(places)):
            chosen = [t for t, p in enumerate(places) if p == place]
            flat = frames[:, chosen].flatten(0, 1)
            features = self.turns[place].network.features(flat)
            parts = features.unflatten(0, (frames.shape[0], -1)).unbind(1)
            found.update(zip(chosen, parts, strict=True))
        return [found[t] for t in range(len(places))]

    def _recompose(
        self, turn: Turn, feature: Tensor, value: Tensor, memory: TurnMemory | None
    ) -> Tensor:
        """Return a frame's value with what its past adds; alone while there is not enough."""
        if not self.memory_depth or memory is None or memory.keys.shape[1] < self.memory_depth:
            return value
        carried = memory.values[:, 0]
        for i, hop in enumerate(turn.hops[:-1]):
            found = hop(memory.queries[:, i], memory.keys[:, i], carried)
            carried = found + memory.values[:, i + 1]
        query = turn.query(feature).flatten(2).transpose(1, 2)
        found = turn.hops[-1](query, memory.keys[:, -1], carried)
        return found.transpose(1, 2).unflatten(2, value.shape[-2:]) + value

    def _after(
        self, turn: Turn, feature: Tensor, memory: TurnMemory | None, place: int
    ) -> TurnMemory:
        few = feature[..., :: self.stride, :: self.stride]

        def kept(old: Tensor | None, layer: nn.Module, count: int) -> Tensor:
            if count < 1:
                return few.new_empty(len(few), 0, 1, _KEY_CHANNELS)
            new = layer(few).flatten(2).transpose(1, 2)[:, None]
            both = new if old is None else torch.cat([old, new], 1)
            return both[:, both.shape[1] - min(count, both.shape[1]) :]

        depth = self.memory_depth
        return TurnMemory(
            kept(memory.keys if memory else None, turn.key, depth),
            kept(memory.values if memory else None, turn.value, depth),
            kept(memory.queries if memory else None, turn.query, depth - 1),
            (place + 1) % self.period,
        )


@register_model
def td2_fanet18(
    num_classes: int,
    stride: int = 3,
    norm: str = "spatial",
    size: tuple[int, int] = (480, 640),
    auxiliary: bool = False,
    normalize: bool = False,
) -> TemporallyDistributed:
    """Build TDNet of two FANet-18; `size` is (H, W) of the frames while training."""
    networks = [FANet(ResNet(18), num_classes, normalize=normalize) for _ in range(2)]
    return TemporallyDistributed(
        networks, num_classes, stride, norm, tuple(size), auxiliary=auxiliary
    )
