"""Mix Transformer (MiT), the encoder of SegFormer and TV3S.

Xie et al., SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers,
NeurIPS 2021. Weights are named as in the authors' code (mmsegmentation style).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZES = {
    "b0": ((32, 64, 160, 256), (2, 2, 2, 2)),
    "b1": ((64, 128, 320, 512), (2, 2, 2, 2)),
    "b2": ((64, 128, 320, 512), (3, 4, 6, 3)),
    "b5": ((64, 128, 320, 512), (3, 6, 40, 3)),
}
"""Channels and blocks of the four stages."""

_HEADS = (1, 2, 5, 8)
REDUCTIONS = (8, 4, 2, 1)
_EPSILON = 1e-6

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From queries (B, heads, N, d), keys and values (B, heads, M, d) to what was found."""


class DropPath(nn.Module):
    """While training, replace a sample's branch by nothing now and then, and scale the others."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor, owners: Tensor | None = None) -> Tensor:
        """Return a branch (B, ...) of B samples, some of them dropped.

        Args:
            x: the branch.
            owners: (L,) int64 for a branch (B, L, ...) whose samples are made of parts, which are
                dropped one by one: the part of each row, counted from 0.
        """
        if not self.training or self.share == 0:
            return x
        kept = torch.rand(x.shape[: 1 if owners is None else 2], device=x.device) >= self.share
        if owners is not None:
            kept = kept[:, owners]
        return x * kept.view(*kept.shape, *[1] * (x.dim() - kept.dim())) / (1 - self.share)


class _PatchEmbed(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        x = self.proj(x)
        return self.norm(x.flatten(2).transpose(1, 2)), (x.shape[2], x.shape[3])


class _Attention(nn.Module):
    """Attention whose keys and values come from a reduced map."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.reduction = reduction
        if reduction > 1:
            self.sr = nn.Conv2d(width, width, reduction, reduction)
            self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, size: tuple[int, int], attend: Attend) -> Tensor:
        batch, _, width = x.shape
        source = x
        if self.reduction > 1:
            reduced = self.sr(x.transpose(1, 2).unflatten(2, size))
            source = self.norm(reduced.flatten(2).transpose(1, 2))
        query = self.q(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
        key, value = self.kv(source).view(batch, -1, 2, self.heads, width // self.heads).unbind(2)
        attended = attend(query, key.transpose(1, 2), value.transpose(1, 2))
        return self.proj(attended.transpose(1, 2).flatten(2))


class _DepthwiseConv(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 3, padding=1, groups=width)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        return self.dwconv(x.transpose(1, 2).unflatten(2, size)).flatten(2).transpose(1, 2)


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.dwconv = _DepthwiseConv(4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        return self.fc2(functional.gelu(self.dwconv(self.fc1(x), size)))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, reduction: int, drop: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = _Attention(width, heads, reduction)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = _Mlp(width)
        self.drop_path = DropPath(drop)

    def forward(self, x: Tensor, size: tuple[int, int], attend: Attend) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x), size, attend))
        return x + self.drop_path(self.mlp(self.norm2(x), size))


class MixTransformer(nn.Module):
    """An encoder that returns features at 1/4, 1/8, 1/16 and 1/32.

    Args:
        channels: of the four stages; blocks: how many each has.
        drop_path: of the last block; earlier ones have less.

    Attributes:
        channels, blocks: as given.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int],
        blocks: tuple[int, int, int, int],
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        self.channels, self.blocks = channels, blocks
        drops = torch.linspace(0, drop_path, sum(blocks), device="cpu").tolist()
        inputs = 3
        for i, (width, count) in enumerate(zip(channels, blocks, strict=True)):
            kernel, stride = (7, 4) if i == 0 else (3, 2)
            stage = [_Block(width, _HEADS[i], REDUCTIONS[i], drops.pop(0)) for _ in range(count)]
            setattr(self, f"patch_embed{i + 1}", _PatchEmbed(inputs, width, kernel, stride))
            setattr(self, f"block{i + 1}", nn.ModuleList(stage))
            setattr(self, f"norm{i + 1}", nn.LayerNorm(width, eps=_EPSILON))
            inputs = width
        self.apply(_initialize)

    def forward(self, x: Tensor, attends: Sequence[Attend] | None = None) -> list[Tensor]:
        """Return the four features, shallowest first, of (B, 3, H, W) frames.

        Args:
            x: the frames.
            attends: what stands in for attention in each block, or None.
        """
        plain = [functional.scaled_dot_product_attention] * sum(self.blocks)
        turns = iter(plain if attends is None else attends)
        features = []
        for i in range(1, 5):
            tokens, size = getattr(self, f"patch_embed{i}")(x)
            for block in getattr(self, f"block{i}"):
                tokens = block(tokens, size, next(turns))
            x = getattr(self, f"norm{i}")(tokens).transpose(1, 2).unflatten(2, size)
            features.append(x)
        return features


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
        nn.init.normal_(module.weight, std=(2 * module.groups / fan_out) ** 0.5)
        nn.init.zeros_(module.bias)
