"""Windowed Mamba blocks that share their state over time, the heart of TV3S.

Hesham et al., Exploiting Temporal State Space Sharing for Video Semantic Segmentation, CVPR 2025,
section 3, as its code has it. A map is cut into windows; the tokens of a window are scanned in the
order time, row, column, so the state passes from the last pixel of a frame to the first of the next
one. Every second layer first rolls the map by half a window, and scans what the roll has torn
apart separately. The stream of residuals is normalised by RMSNorm, where the paper says LayerNorm.
Weights are named as in `mamba_ssm` and the authors' code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.models.mix_transformer import DropPath
from airseg.models.selective_scan import selective_scan

_EPSILON = 1e-5
_STEP_RANGE = (1e-3, 0.1)


@dataclass(frozen=True)
class ScanMemory:
    """What the windows of all layers remember, one tensor a layer and kind of window.

    Attributes:
        inputs: (B * windows, 3, D) the last inputs of the causal convolution.
        states: (B * windows, D, N) of the scan.
    """

    inputs: tuple[Tensor, ...]
    states: tuple[Tensor, ...]


class RMSNorm(nn.Module):
    """Divide by the root of the mean square over channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * (x.square().mean(-1, keepdim=True) + _EPSILON).rsqrt() * self.weight


class Mamba(nn.Module):
    """A Mamba-1 mixer, in three steps so that windows matter only to the middle one.

    Args:
        width: d_model; state: d_state; kernel: d_conv; expand: d_inner / d_model.
    """

    def __init__(self, width: int, state: int = 16, kernel: int = 4, expand: int = 2) -> None:
        super().__init__()
        self.inner, self.state, self.kernel = expand * width, state, kernel
        self.rank = math.ceil(width / 16)
        self.in_proj = nn.Linear(width, 2 * self.inner, bias=False)
        self.conv1d = nn.Conv1d(self.inner, self.inner, kernel, groups=self.inner)
        self.x_proj = nn.Linear(self.inner, self.rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(self.rank, self.inner)
        decay = torch.arange(1, state + 1, dtype=torch.float32).log()
        self.A_log = nn.Parameter(decay.repeat(self.inner, 1))
        self.D = nn.Parameter(torch.ones(self.inner))
        self.out_proj = nn.Linear(self.inner, width, bias=False)
        with torch.no_grad():
            self.dt_proj.weight.uniform_(-(self.rank**-0.5), self.rank**-0.5)
            low, high = (math.log(n) for n in _STEP_RANGE)
            steps = (torch.rand(self.inner) * (high - low) + low).exp()
            self.dt_proj.bias.copy_(steps + torch.log(-torch.expm1(-steps)))  # softplus, undone

    def scan(
        self, x: Tensor, inputs: Tensor | None, state: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Convolve and scan sequences (B, L, D); return the result and the two new memories."""
        if inputs is None:
            inputs = x.new_zeros(x.shape[0], self.kernel - 1, self.inner)
        joined = torch.cat([inputs, x], 1)
        convolved = functional.conv1d(
            joined.transpose(1, 2), self.conv1d.weight, self.conv1d.bias, groups=self.inner
        )
        u = functional.silu(convolved).transpose(1, 2)
        low, enter, leave = self.x_proj(u).split([self.rank, self.state, self.state], -1)
        kind = torch.promote_types(x.dtype, torch.float32)
        steps = functional.softplus(self.dt_proj(low).to(kind))
        y, state = selective_scan(u, steps, -self.A_log.exp(), enter, leave, self.D, state)
        return y, joined[:, -(self.kernel - 1) :], state


class _Layer(nn.Module):
    def __init__(self, width: int, drop: float) -> None:
        super().__init__()
        self.mixer = Mamba(width)
        self.norm = RMSNorm(width)
        self.drop_path = DropPath(drop)


class SharedStateBlocks(nn.Module):
    """Pairs of an unshifted and a shifted layer.

    Args:
        width: channels.
        depth: layers, two a block.
        window: pixels a side; the shift is half of it.
        drop_path: of the last layer; earlier ones have less.
    """

    def __init__(
        self, width: int = 256, depth: int = 8, window: int = 20, drop_path: float = 0.1
    ) -> None:
        super().__init__()
        self.window = window
        drops = [0.0, *torch.linspace(0, drop_path, depth, device="cpu").tolist()]
        self.layers = nn.ModuleList(_Layer(width, drops[i]) for i in range(depth))
        self.norm_f = RMSNorm(width)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, memory: ScanMemory | None) -> tuple[Tensor, ScanMemory]:
        """Mix maps (B, T, h, w, C), h and w multiples of the window; return maps and memory."""
        residual, hidden = x, None
        inputs: list[Tensor] = []
        states: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            if hidden is not None:
                residual = residual + layer.drop_path(hidden)
            shift = self.window // 2 if number % 2 else 0
            hidden = self._mix(layer.mixer, layer.norm(residual), shift, memory, inputs, states)
        mixed = self.norm_f(residual + self.drop_path(hidden))
        return mixed, ScanMemory(tuple(inputs), tuple(states))

    def _mix(
        self,
        mixer: Mamba,
        x: Tensor,
        shift: int,
        memory: ScanMemory | None,
        inputs: list[Tensor],
        states: list[Tensor],
    ) -> Tensor:
        """Run one mixer over all windows; append what they remember to `inputs` and `states`."""
        if shift:
            x = x.roll((-shift, -shift), (2, 3))
        x, gate = mixer.in_proj(x).chunk(2, -1)
        columns = windows(x.shape[3], self.window, shift)
        bands = []
        for top, bottom, high in windows(x.shape[2], self.window, shift):
            cells = []
            for left, right, wide in columns:
                number = len(inputs)
                past = (memory.inputs[number], memory.states[number]) if memory else (None, None)
                tokens = _cut(x[:, :, top:bottom, left:right], high, wide)
                y, kept, state = mixer.scan(tokens, *past)
                inputs.append(kept)
                states.append(state)
                shape = (x.shape[0], x.shape[1], bottom - top, right - left)
                cells.append(_join(y, shape, high, wide))
            bands.append(torch.cat(cells, 3))
        y = mixer.out_proj(torch.cat(bands, 2) * functional.silu(gate))
        return y.roll((shift, shift), (2, 3)) if shift else y


def windows(length: int, window: int, shift: int) -> list[tuple[int, int, int]]:
    """Return how a side is cut: first pixel, last one, and pixels of each window in between.

    A shifted side ends in what was torn apart: two halves of a window.
    """
    if not shift:
        return [(0, length, window)]
    whole = length - window
    halves = [(whole, length - shift, window - shift), (length - shift, length, shift)]
    return [(0, whole, window), *halves] if whole else halves


def _cut(x: Tensor, high: int, wide: int) -> Tensor:
    """Return the windows' tokens (B * windows, T * high * wide, C) of maps (B, T, h, w, C)."""
    cut = x.unflatten(3, (-1, wide)).unflatten(2, (-1, high))
    return cut.permute(0, 2, 4, 1, 3, 5, 6).flatten(3, 5).flatten(0, 2)


def _join(y: Tensor, shape: tuple[int, int, int, int], high: int, wide: int) -> Tensor:
    """Undo `_cut`."""
    batch, times, height, width = shape
    cut = y.view(batch, height // high, width // wide, times, high, wide, -1)
    return cut.permute(0, 3, 1, 4, 2, 5, 6).flatten(4, 5).flatten(2, 3)
