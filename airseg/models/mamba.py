"""Windowed Mamba blocks that share their state over time, the heart of TV3S.

Hesham et al., Exploiting Temporal State Space Sharing for Video Semantic Segmentation, CVPR 2025,
section 3, as its code has it. A map is cut into windows; the tokens of a window are scanned in the
order time, row, column, so the state passes from the last pixel of a frame to the first of the next
one. Every second layer first rolls the map by half a window, and scans what the roll has torn
apart separately. The stream of residuals is normalised by RMSNorm, where the paper says LayerNorm.
Stochastic depth drops a layer's result in one window of a whole clip, not in all windows at once.
Weights are named as in `mamba_ssm` and the authors' code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.models.mix_transformer import DropPath
from airseg.models.scan_layout import Sequences
from airseg.models.selective_scan import selective_scan

_EPSILON = 1e-5
_STEP_RANGE = (1e-3, 0.1)


@dataclass(frozen=True)
class ScanMemory:
    """What the windows of all layers remember, one tensor a layer.

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
        self, x: Tensor, inputs: Tensor | None, state: Tensor | None, sequences: Sequences
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Convolve and scan W sequences; return the result and the two new memories.

        Args:
            x: (B, S, D), each sequence behind `kernel` - 1 rows for the inputs before it, and so at
                `sequences`, counted from there; what the rows hold is of no meaning.
            inputs: (B * W, kernel - 1, D) those inputs, or None for zeros.
            state: (B * W, D, N), or None for zeros.
            sequences: how they lie, with gaps of `kernel` - 1 rows.

        Returns:
            (B, S - kernel + 1, D) with the sequences at `sequences`, and the memories.
        """
        before = self.kernel - 1
        starts, ends = sequences.starts[:-1], sequences.starts[1:] - before
        heads, tails = (
            (first[:, None] + torch.arange(before, device=x.device)).flatten()
            for first in (starts, ends)
        )
        past = (
            x.new_zeros(len(x), len(heads), self.inner)
            if inputs is None
            else inputs.to(x.dtype).unflatten(0, (len(x), -1)).flatten(1, 2)
        )
        x = x.index_put((torch.arange(len(x), device=x.device)[:, None], heads), past)
        # One multiplication a tap: a depthwise convolution's kernels take many times as long.
        rows, taps = x.shape[1] - before, self.conv1d.weight[:, 0].T
        convolved = torch.addcmul(self.conv1d.bias, x[:, :rows], taps[0])
        for k in range(1, self.kernel):
            convolved = torch.addcmul(convolved, x[:, k : k + rows], taps[k])
        u = functional.silu(convolved)
        low, enter, leave = self.x_proj(u).split([self.rank, self.state, self.state], -1)
        kind = torch.promote_types(x.dtype, torch.float32)
        steps = functional.softplus(self.dt_proj(low).to(kind))
        decay = -self.A_log.exp()
        y, state = selective_scan(u, steps, decay, enter, leave, self.D, state, sequences=sequences)
        kept = x.index_select(1, tails).unflatten(1, (-1, before)).flatten(0, 1)
        return y, kept, state


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
        shape, tokens = x.shape, x.flatten(1, 3)
        before = self.layers[0].mixer.kernel - 1
        cuts = [_Cut.of(x, self.window, shift, before) for shift in (0, self.window // 2)]
        residual, hidden = tokens, None
        inputs: list[Tensor] = []
        states: list[Tensor] = []
        owners = [cut.owners() if self.training else None for cut in cuts]
        for number, layer in enumerate(self.layers):
            if hidden is not None:
                residual = residual + layer.drop_path(hidden, owners[number % 2])
            past = (memory.inputs[number], memory.states[number]) if memory else (None, None)
            hidden, kept, state = _mix(layer.mixer, layer.norm(residual), cuts[number % 2], *past)
            inputs.append(kept)
            states.append(state)
        mixed = self.norm_f(residual + self.drop_path(hidden, owners[0]))
        return mixed.view(shape), ScanMemory(tuple(inputs), tuple(states))


@dataclass(frozen=True)
class _Cut:
    """How the tokens of maps become those of windows, one window after the other.

    Attributes:
        order: (S,) the token of each row; rows before a window, for its past inputs, have any.
        back: (L,) the row of each token.
        sequences: where the windows are, counted from the first one's own tokens.
    """

    order: Tensor
    back: Tensor
    sequences: Sequences

    @classmethod
    def of(cls, x: Tensor, window: int, shift: int, before: int) -> _Cut:
        """Cut maps like x, (B, T, h, w, C), into windows behind `before` rows each."""
        times, height, width = x.shape[1:4]
        numbers = torch.arange(times * height * width, device=x.device)
        maps = numbers.view(1, times, height, width, 1).roll((-shift, -shift), (2, 3))
        cut, runs = [], []
        for top, bottom, high in windows(height, window, shift):
            for left, right, wide in windows(width, window, shift):
                tokens = _cut(maps[:, :, top:bottom, left:right], high, wide)[..., 0]
                cut.append(functional.pad(tokens, (before, 0), value=len(numbers)).flatten())
                runs.append((len(tokens), tokens.shape[1]))
        order = torch.cat(cut)
        rows = torch.arange(len(order), device=x.device) - before
        # Rows of no window's own meet in one place behind all tokens.
        back = torch.zeros(len(numbers) + 1, dtype=rows.dtype, device=x.device)
        back = back.index_put((order,), rows)[:-1]
        sequences = Sequences.of(tuple(runs), before, x.device)
        return cls(order.clamp(max=len(numbers) - 1), back, sequences)

    def owners(self) -> Tensor:
        """Return (L,) the window that each token belongs to, in all frames of a clip."""
        return torch.bucketize(self.back, self.sequences.starts[:-1], right=True) - 1


def _mix(
    mixer: Mamba, x: Tensor, cut: _Cut, inputs: Tensor | None, state: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Run one mixer over all windows of tokens (B, L, C); return tokens and the memories."""
    x, gate = mixer.in_proj(x.index_select(1, cut.order)).chunk(2, -1)
    y, kept, state = mixer.scan(x, inputs, state, cut.sequences)
    gate = gate[:, x.shape[1] - y.shape[1] :]  # a window's own tokens, without the rows before
    return mixer.out_proj(y * functional.silu(gate)).index_select(1, cut.back), kept, state


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
