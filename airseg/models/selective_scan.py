"""The selective scan of Mamba over many sequences of any lengths, one operator for all devices.

Gu and Dao, Mamba: Linear-Time Sequence Modeling with Selective State Spaces, 2023. The recurrence
is x' = exp(dt A) x + dt B u and y = C x + D u. In single precision compiled kernels run it, on a
CPU those of `airseg.models.cpu_scan`, on CUDA those of `airseg.models.fused_scan`, where Triton is
installed. In double precision, in exported programs and elsewhere it is plain PyTorch, exact and in
bounded memory: materialising exp(dt A) for all tokens takes gigabytes, so tokens are taken in
chunks that are recomputed in the backward pass, and a chunk in blocks that advance side by side and
are then joined by their last states: 16 steps for 64 tokens. No step divides, so nothing overflows.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from airseg.models.scan_layout import CPU_CHUNK, CUDA_CHUNK, Sequences, slots

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
    sequences: Sequences | None = None,
) -> tuple[Tensor, Tensor]:
    """Run the recurrence over sequences side by side.

    Computes in at least single precision, whatever the inputs are in.

    Args:
        inputs: u, (B, S, D): rows of one sequence, or of W of them.
        steps: dt, (B, S, D), positive.
        decay: A, (D, N), negative.
        enter: B, leave: C, both (B, S, N).
        skip: D, (D,).
        state: (B * W, D, N) before each sequence's first token, or None for zeros.
        chunk: tokens at a time; it changes the memory plain PyTorch needs, not the result.
        sequences: how they lie; without, each row is one.

    Returns:
        y, (B, S, D), of no meaning but finite between sequences, and the states after each one's
        last token, (B * W, D, N).
    """
    kind = torch.promote_types(inputs.dtype, torch.float32)
    u, dt, b, c = (t.to(kind) for t in (inputs, steps, enter, leave))
    a = decay.to(kind)
    if sequences is None:
        sequences = Sequences.of(((1, u.shape[1]),), 0, u.device)
    if state is None:
        count = len(u) * sum(number for number, _ in sequences.runs)
        state = u.new_zeros(count, u.shape[2], a.shape[1])
    given = (u, dt, a, b, c, state.to(kind))
    recompute = torch.is_grad_enabled() and any(t.requires_grad for t in given)
    if _has_kernel(u, a):
        contiguous = [t.contiguous() for t in given]
        y, state, _ = torch.ops.airseg.selective_scan(
            *contiguous, sequences.starts, sequences.gap, recompute
        )
    else:
        y, state = _scan_runs(*given, sequences, chunk, recompute=recompute)
    return torch.addcmul(y, skip.to(kind), u).to(inputs.dtype), state


def _has_kernel(u: Tensor, a: Tensor) -> bool:
    """Tell whether a compiled kernel takes these: in fp32, on a CPU or on CUDA with Triton.

    Triton's kernels want a power of two of states.
    """
    if u.dtype != torch.float32 or u.shape[1] == 0 or torch.compiler.is_exporting():
        return False
    states = a.shape[1]
    return u.is_cpu or (u.is_cuda and states & (states - 1) == 0 and has_triton())


@cache
def has_triton() -> bool:
    """Tell whether Triton is installed, without importing it."""
    return importlib.util.find_spec("triton") is not None


# Operators of PyTorch's own, so that a compiled network is not torn apart at them.
torch.library.define(
    "airseg::selective_scan",
    "(Tensor u, Tensor dt, Tensor a, Tensor b, Tensor c, Tensor state, Tensor starts, int gap, "
    "bool keep) -> (Tensor, Tensor, Tensor)",
)
torch.library.define(
    "airseg::selective_scan_backward",
    "(Tensor dy, Tensor dend, Tensor u, Tensor dt, Tensor a, Tensor b, Tensor c, Tensor starts, "
    "int gap, Tensor kept) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
)


@torch.library.impl("airseg::selective_scan", "CPU")
def _forward_on_cpu(*given: Any) -> tuple[Tensor, ...]:
    from airseg.models.cpu_scan import scan_forward

    *tensors, gap, keep = given
    found = scan_forward(*(t.detach().numpy() for t in tensors), gap, keep=keep)
    return tuple(torch.from_numpy(array) for array in found)


@torch.library.impl("airseg::selective_scan_backward", "CPU")
def _backward_on_cpu(*given: Any) -> tuple[Tensor, ...]:
    from airseg.models.cpu_scan import scan_backward

    *tensors, gap, kept = given
    dy, dend, u, dt, a, b, c, starts = (t.detach().numpy() for t in tensors)
    found = scan_backward(dy, dend, u, dt, a, b, c, starts, gap, kept.numpy())
    return tuple(torch.from_numpy(array) for array in found)


@torch.library.impl("airseg::selective_scan", "CUDA")
def _forward_on_cuda(*given: Any) -> tuple[Tensor, ...]:
    from airseg.models.fused_scan import scan_forward

    return scan_forward(*given)


@torch.library.impl("airseg::selective_scan_backward", "CUDA")
def _backward_on_cuda(*given: Any) -> tuple[Tensor, ...]:
    from airseg.models.fused_scan import scan_backward

    return scan_backward(*given)


@torch.library.register_fake("airseg::selective_scan")
def _(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor, *rest: Any) -> Any:
    starts, _, keep = rest
    chunk = _kept_chunk(u)
    rows = len(u) * slots(u.shape[1], len(starts) - 1, chunk) if keep else 0
    return torch.empty_like(u), torch.empty_like(state), u.new_empty(rows, *a.shape[::-1])


@torch.library.register_fake("airseg::selective_scan_backward")
def _(dy: Tensor, dend: Tensor, *inputs: Any) -> tuple[Tensor, ...]:
    return *(torch.empty_like(t) for t in inputs[:5]), torch.empty_like(dend)


def _kept_chunk(u: Tensor) -> int:
    return CPU_CHUNK if u.is_cpu else CUDA_CHUNK


def _note(ctx: Any, inputs: tuple, output: tuple[Tensor, ...]) -> None:
    u, dt, a, b, c, _, starts, gap, _ = inputs
    ctx.save_for_backward(u, dt, a, b, c, starts, output[2])
    ctx.gap = gap


def _go_back(ctx: Any, dy: Tensor, dend: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    u, dt, a, b, c, starts, kept = ctx.saved_tensors
    found = torch.ops.airseg.selective_scan_backward(
        dy.contiguous(), dend.contiguous(), u, dt, a, b, c, starts, ctx.gap, kept
    )
    return *found, None, None, None


def _go_back_again(ctx: Any, *gradients: Tensor) -> None:
    raise RuntimeError("the compiled scan has no second derivatives; use double precision.")


torch.library.register_autograd("airseg::selective_scan", _go_back, setup_context=_note)
torch.library.register_autograd("airseg::selective_scan_backward", _go_back_again)


def _scan_runs(
    u: Tensor,
    dt: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    state: Tensor,
    sequences: Sequences,
    chunk: int,
    *,
    recompute: bool,
) -> tuple[Tensor, Tensor]:
    """Scan in plain PyTorch, sequences of one length at a time."""
    batch, rows, gap = len(u), u.shape[1], sequences.gap
    whole = sum(number * (length + gap) for number, length in sequences.runs)
    u, dt, b, c = (functional.pad(t, (0, 0, 0, whole - rows)) for t in (u, dt, b, c))
    states = state.unflatten(0, (batch, -1))
    outputs, ends = [], []
    first = row = 0
    for number, length in sequences.runs:
        here = slice(row, row + number * (length + gap))
        own_u, own_dt, own_b, own_c = (
            t[:, here].unflatten(1, (number, -1))[:, :, :length].flatten(0, 1)
            for t in (u, dt, b, c)
        )
        begin = states[:, first : first + number].flatten(0, 1)
        y, end = _scan_chunks(own_u, own_dt, a, own_b, own_c, begin, chunk, recompute=recompute)
        y = functional.pad(y, (0, 0, 0, gap)).unflatten(0, (batch, number)).flatten(1, 2)
        outputs.append(y)
        ends.append(end.unflatten(0, (batch, number)))
        row, first = here.stop, first + number
    return torch.cat(outputs, 1)[:, :rows], torch.cat(ends, 1).flatten(0, 1)


def _scan_chunks(
    u: Tensor,
    dt: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    state: Tensor,
    chunk: int,
    *,
    recompute: bool,
) -> tuple[Tensor, Tensor]:
    outputs = []
    for start in range(0, u.shape[1], chunk):
        part = slice(start, start + chunk)
        pieces = (u[:, part], dt[:, part], a, b[:, part], c[:, part], state)
        if recompute:
            y, state = checkpoint(_scan_chunk, *pieces, use_reentrant=False)
        else:
            y, state = _scan_chunk(*pieces)
        outputs.append(y)
    return torch.cat(outputs, 1), state


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
