"""The selective scan of Mamba in plain PyTorch: exact, in bounded memory, many windows at once.

Gu and Dao, Mamba: Linear-Time Sequence Modeling with Selective State Spaces, 2023. The recurrence
is x' = exp(dt A) x + dt B u and y = C x + D u. A loop over all tokens is exact and slow;
materialising exp(dt A) for all tokens takes gigabytes. Here tokens are taken in chunks that are
recomputed in the backward pass, and a chunk in blocks that advance side by side and are then joined
by their last states: 16 steps for 64 tokens. No step divides, so nothing overflows.

On CUDA, in single precision, `airseg.models.fused_scan` takes over where Triton is installed.
"""

from __future__ import annotations

import importlib.util
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

CHUNK = 64
_BLOCK = 8


def selective_scan(
    inputs: Tensor,
    steps: Tensor,
    decay: Tensor,
    enter: Tensor,
    leave: Tensor,
    skip: Tensor,
    state: Tensor | None = None,
    chunk: int = CHUNK,
) -> tuple[Tensor, Tensor]:
    """Run the recurrence over sequences side by side.

    Computes in at least single precision, whatever the inputs are in.

    Args:
        inputs: u, (B, L, D).
        steps: dt, (B, L, D), positive.
        decay: A, (D, N), negative.
        enter: B, leave: C, both (B, L, N).
        skip: D, (D,).
        state: (B, D, N) before the first token, or None for zeros.
        chunk: tokens at a time; it changes the memory needed, not the result.

    Returns:
        y, (B, L, D), and the state after the last token, (B, D, N).
    """
    kind = torch.promote_types(inputs.dtype, torch.float32)
    u, dt, b, c = (t.to(kind) for t in (inputs, steps, enter, leave))
    a = decay.to(kind)
    if state is None:
        state = u.new_zeros(u.shape[0], u.shape[2], a.shape[1])
    if _can_fuse(u, a):
        from airseg.models.fused_scan import fused_scan

        y, state = fused_scan(u, dt, a, b, c, state.to(kind))
        return (y + skip.to(kind) * u).to(inputs.dtype), state
    recompute = torch.is_grad_enabled() and any(t.requires_grad for t in (u, dt, a, b, c, state))
    outputs = []
    for start in range(0, u.shape[1], chunk):
        part = slice(start, start + chunk)
        pieces = (u[:, part], dt[:, part], a, b[:, part], c[:, part], state)
        if recompute:
            y, state = checkpoint(_scan_chunk, *pieces, use_reentrant=False)
        else:
            y, state = _scan_chunk(*pieces)
        outputs.append(y)
    y = torch.cat(outputs, 1) + skip.to(kind) * u
    return y.to(inputs.dtype), state


def _can_fuse(u: Tensor, a: Tensor) -> bool:
    """Tell whether the Triton kernel takes these: CUDA, fp32, a power of two of states."""
    states = a.shape[1]
    return (
        u.is_cuda
        and u.dtype == torch.float32
        and u.shape[1] > 0
        and states & (states - 1) == 0
        and not torch.compiler.is_exporting()
        and has_triton()
    )


@cache
def has_triton() -> bool:
    """Tell whether Triton is installed, without importing it."""
    return importlib.util.find_spec("triton") is not None


def _scan_chunk(
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    length = u.shape[1]
    missing = -length % _BLOCK
    if missing:  # steps of no duration neither decay nor let anything in
        u, dt, b, c = (functional.pad(t, (0, 0, 0, missing)) for t in (u, dt, b, c))
    keep = (dt[..., None] * a).exp().unflatten(1, (-1, _BLOCK))
    come = ((dt * u)[..., None] * b[:, :, None]).unflatten(1, (-1, _BLOCK))
    within, kept = [come[:, :, 0]], [keep[:, :, 0]]
    for i in range(1, _BLOCK):
        within.append(keep[:, :, i] * within[-1] + come[:, :, i])
        kept.append(keep[:, :, i] * kept[-1])
    before = []
    for block in range(keep.shape[1]):
        before.append(state)
        state = kept[-1][:, block] * state + within[-1][:, block]
    carried = torch.stack(before, 1)[:, :, None]
    states = torch.stack(within, 2) + torch.stack(kept, 2) * carried
    y = (states.flatten(1, 2) * c[:, :, None]).sum(-1)
    return y[:, :length], state
