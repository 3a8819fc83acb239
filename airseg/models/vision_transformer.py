"""A plain Vision Transformer, in timm's names, so that its weights load.

Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.models.mix_transformer import DropPath

_EPSILON = 1e-6


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, -1)).unbind(2)
        found = functional.scaled_dot_product_attention(
            query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
        )
        return self.proj(found.transpose(1, 2).flatten(2))


class _Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(x)))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, drop: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = _Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = _Mlp(width)
        self.drop_path = DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class _PatchEmbed(nn.Module):
    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


class VisionTransformer(nn.Module):
    """Blocks of attention over patches and one class token; run by whoever owns it.

    Args:
        width, depth, heads: of the blocks.
        size: (H, W) of the frames the positions are for; those of other sizes are resized.
        patch: pixels a side.
        drop_path: of the last block; earlier ones have less.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        size: tuple[int, int],
        patch: int = 16,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        self.width, self.patch, self.grid = width, patch, (size[0] // patch, size[1] // patch)
        self.patch_embed = _PatchEmbed(width, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid[0] * self.grid[1], width))
        drops = torch.linspace(0, drop_path, depth, device="cpu").tolist()
        self.blocks = nn.ModuleList(_Block(width, heads, drop) for drop in drops)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def embed(self, frames: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Return tokens (B, 1 + h w, D), the class token first, and (h, w)."""
        patches = self.patch_embed(frames)
        grid = (patches.shape[-2], patches.shape[-1])
        tokens = patches.flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], 1)
        return tokens + resize_positions(self.pos_embed, self.grid, grid), grid


def resize_positions(positions: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Return positions (1, 1 + h w, D) of a grid for another; the class token's stays."""
    if old == new:
        return positions
    first, grid = positions[:, :1], positions[:, 1:].transpose(1, 2).unflatten(2, old)
    resized = functional.interpolate(
        grid, new, mode="bicubic", align_corners=False, antialias=grid.device.type != "meta"
    )
    return torch.cat([first, resized.flatten(2).transpose(1, 2)], 1)
