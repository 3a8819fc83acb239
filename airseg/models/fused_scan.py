"""The selective scan as one Triton kernel a direction, for CUDA.

Plain PyTorch materialises exp(dt A), (B, L, D, N), a chunk at a time and starts a kernel for each
step of a block; here a program keeps the state of some channels in registers and walks over the
tokens, as the selective scan of Gu and Dao (Mamba, 2023, section 3.3.2) does. The way back
recomputes the states of a chunk from the state before it, which the way there has kept.

`mamba_ssm` has such a kernel too, but its interface takes no state to start from, which streams
and clips that continue need. Triton comes with torch for CUDA. Where it is missing, or on a CPU,
`selective_scan` falls back to PyTorch; with ``TRITON_INTERPRET=1`` these kernels run on a CPU,
slowly, which is how the tests hold them to PyTorch.
"""

# Triton gives annotations of kernels a meaning of its own, and compiles no joined conditions.
# ruff: noqa: ANN001, ANN202, ANN205, SIM102

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

CHUNK = 64
_CHANNELS = 32


@triton.jit
def _forward(  # type: ignore[no-untyped-def]
    u_at, dt_at, a_at, b_at, c_at, start_at, y_at, end_at, kept_at,
    length, width, chunks,
    STATES: tl.constexpr, CHANNELS: tl.constexpr, CHUNK: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """Scan one sequence's block of channels; keep the state before each chunk if KEEP."""
    sequence, block = tl.program_id(0), tl.program_id(1)
    d = block * CHANNELS + tl.arange(0, CHANNELS)
    n = tl.arange(0, STATES)
    inside = d < width
    inside2 = inside[:, None]
    cell = d[:, None] * STATES + n[None, :]
    a = tl.load(a_at + cell, mask=inside2, other=0.0)
    x = tl.load(start_at + sequence * width * STATES + cell, mask=inside2, other=0.0)
    for t in range(length):
        if KEEP:
            if t % CHUNK == 0:
                kept = (sequence * chunks + t // CHUNK) * width * STATES
                tl.store(kept_at + kept + cell, x, mask=inside2)
        token = (sequence * length + t) * width
        u = tl.load(u_at + token + d, mask=inside, other=0.0)
        dt = tl.load(dt_at + token + d, mask=inside, other=0.0)
        b = tl.load(b_at + (sequence * length + t) * STATES + n)
        c = tl.load(c_at + (sequence * length + t) * STATES + n)
        x = tl.exp(dt[:, None] * a) * x + (dt * u)[:, None] * b[None, :]
        tl.store(y_at + token + d, tl.sum(x * c[None, :], 1), mask=inside)
    tl.store(end_at + sequence * width * STATES + cell, x, mask=inside2)


@triton.jit
def _backward(  # type: ignore[no-untyped-def]
    u_at, dt_at, a_at, b_at, c_at, kept_at, dy_at, dend_at, scratch_at,
    du_at, ddt_at, da_at, db_at, dc_at, dstart_at,
    length, width, chunks, blocks,
    STATES: tl.constexpr, CHANNELS: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Go back over one sequence's block of channels, a chunk at a time from the last."""
    sequence, block = tl.program_id(0), tl.program_id(1)
    d = block * CHANNELS + tl.arange(0, CHANNELS)
    n = tl.arange(0, STATES)
    inside = d < width
    inside2 = inside[:, None]
    cell = d[:, None] * STATES + n[None, :]
    a = tl.load(a_at + cell, mask=inside2, other=0.0)
    g = tl.load(dend_at + sequence * width * STATES + cell, mask=inside2, other=0.0)
    da = tl.zeros((CHANNELS, STATES), tl.float32)
    scratch = scratch_at + sequence * CHUNK * width * STATES
    for back in range(chunks):
        chunk = chunks - 1 - back
        first = chunk * CHUNK
        count = tl.minimum(CHUNK, length - first)
        kept = (sequence * chunks + chunk) * width * STATES
        x = tl.load(kept_at + kept + cell, mask=inside2, other=0.0)
        for i in range(count):  # the states before each token of the chunk, once more
            tl.store(scratch + i * width * STATES + cell, x, mask=inside2)
            token = (sequence * length + first + i) * width
            u = tl.load(u_at + token + d, mask=inside, other=0.0)
            dt = tl.load(dt_at + token + d, mask=inside, other=0.0)
            b = tl.load(b_at + (sequence * length + first + i) * STATES + n)
            x = tl.exp(dt[:, None] * a) * x + (dt * u)[:, None] * b[None, :]
        tl.debug_barrier()
        for j in range(count):
            i = count - 1 - j
            token = (sequence * length + first + i) * width
            states = (sequence * length + first + i) * STATES
            u = tl.load(u_at + token + d, mask=inside, other=0.0)
            dt = tl.load(dt_at + token + d, mask=inside, other=0.0)
            dy = tl.load(dy_at + token + d, mask=inside, other=0.0)
            b = tl.load(b_at + states + n)
            c = tl.load(c_at + states + n)
            before = tl.load(scratch + i * width * STATES + cell, mask=inside2, other=0.0)
            keep = tl.exp(dt[:, None] * a)
            now = keep * before + (dt * u)[:, None] * b[None, :]
            g += dy[:, None] * c[None, :]
            decayed = g * before * keep
            partial = ((sequence * blocks + block) * length + first + i) * STATES
            tl.store(dc_at + partial + n, tl.sum(dy[:, None] * now, 0))
            tl.store(db_at + partial + n, tl.sum(g * (dt * u)[:, None], 0))
            come = tl.sum(g * b[None, :], 1)
            tl.store(du_at + token + d, come * dt, mask=inside)
            tl.store(ddt_at + token + d, come * u + tl.sum(decayed * a, 1), mask=inside)
            da += decayed * dt[:, None]
            g = g * keep
        tl.debug_barrier()
    tl.store(da_at + sequence * width * STATES + cell, da, mask=inside2)
    tl.store(dstart_at + sequence * width * STATES + cell, g, mask=inside2)


class _FusedScan(torch.autograd.Function):
    """u, dt (B, L, D); a (D, N); b, c (B, L, N); state (B, D, N); all fp32 and contiguous."""

    @staticmethod
    def forward(ctx, u, dt, a, b, c, state):
        batch, length, width = u.shape
        chunks = triton.cdiv(length, CHUNK)
        keep = any(ctx.needs_input_grad)
        kept = u.new_empty((batch, chunks if keep else 0, width, a.shape[1]))
        y, end = torch.empty_like(u), torch.empty_like(state)
        grid = (batch, triton.cdiv(width, _CHANNELS))
        _forward[grid](
            u, dt, a, b, c, state, y, end, kept, length, width, chunks,
            STATES=a.shape[1], CHANNELS=_CHANNELS, CHUNK=CHUNK, KEEP=keep, num_warps=1,
        )  # fmt: skip
        ctx.save_for_backward(u, dt, a, b, c, kept)
        return y, end

    @staticmethod
    def backward(ctx, dy, dend):
        u, dt, a, b, c, kept = ctx.saved_tensors
        batch, length, width = u.shape
        states, blocks = a.shape[1], triton.cdiv(width, _CHANNELS)
        du, ddt = torch.empty_like(u), torch.empty_like(dt)
        da, dstart = (u.new_empty((batch, width, states)) for _ in range(2))
        # Sums over channels meet in torch, in a fixed order: atomics would differ from run to run.
        db, dc = (u.new_empty((batch, blocks, length, states)) for _ in range(2))
        scratch = u.new_empty((batch, CHUNK, width, states))
        _backward[(batch, blocks)](
            u, dt, a, b, c, kept, dy.contiguous(), dend.contiguous(), scratch,
            du, ddt, da, db, dc, dstart, length, width, kept.shape[1], blocks,
            STATES=states, CHANNELS=_CHANNELS, CHUNK=CHUNK, num_warps=1,
        )  # fmt: skip
        return du, ddt, da.sum(0), db.sum(1), dc.sum(1), dstart


def fused_scan(
    u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Run the recurrence of `airseg.models.selective_scan` without the skip, differentiably.

    Args:
        u, dt: (B, L, D) float32.
        a: (D, N) float32, N a power of two.
        b, c: (B, L, N) float32.
        state: (B, D, N) float32.

    Returns:
        y, (B, L, D), and the state after the last token, (B, D, N).
    """
    return _FusedScan.apply(*(t.contiguous() for t in (u, dt, a, b, c, state)))
