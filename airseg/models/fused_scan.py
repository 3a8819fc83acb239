"""The selective scan as one Triton kernel a direction, for CUDA.

Plain PyTorch materialises exp(dt A), (B, L, D, N), a chunk at a time and starts a kernel for each
step of a block; here a program keeps the state of some channels of one sequence in registers, as
the selective scan of Gu and Dao (Mamba, 2023, section 3.3.2) does, and takes a chunk of tokens a
step: memory is waited for once a chunk, and the tokens of one meet in an associative scan. All
sequences of all lengths go in one launch. The way back recomputes a chunk from the state before it,
which the way there has kept.

`mamba_ssm` has such a kernel too, but its interface takes no state to start from, which streams
and clips that continue need. Triton comes with torch for CUDA. With ``TRITON_INTERPRET=1`` these
kernels run on a CPU, slowly, which is how the tests hold them to PyTorch.
"""

# Triton gives annotations of kernels a meaning of its own.
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from airseg.models.scan_layout import CUDA_CHUNK as CHUNK
from airseg.models.scan_layout import slots

_CHANNELS = 8
_WARPS = 2


@triton.jit
def _join(keep, come, keep_next, come_next):
    """Return two steps x' = keep x + come as one."""
    return keep * keep_next, come * keep_next + come_next


@triton.jit
def _rows(at, row, column, width, valid, inside):
    """Return rows of a matrix, 0 where there is none."""
    mask = valid[:, None] & inside[None, :]
    return tl.load(at + row[:, None] * width + column[None, :], mask=mask, other=0.0)


@triton.jit
def _forward(  # type: ignore[no-untyped-def]
    u_at, dt_at, a_at, b_at, c_at, state_at, starts_at, y_at, end_at, kept_at,
    rows, width, sequences, gap, room,
    STATES: tl.constexpr, CHANNELS: tl.constexpr, CHUNK: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """Scan one sequence's block of channels; keep the state before each chunk if KEEP."""
    number = tl.program_id(0)
    stream, window = number // sequences, number % sequences
    begin = tl.load(starts_at + window)
    length = tl.load(starts_at + window + 1) - gap - begin
    first = stream.to(tl.int64) * rows + begin
    slot = stream.to(tl.int64) * room + begin // CHUNK + window
    d = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    n = tl.arange(0, STATES)
    inside, every = d < width, n < STATES
    cell = d[:, None] * STATES + n[None, :]
    a = tl.load(a_at + cell, mask=inside[:, None], other=0.0)
    own = number.to(tl.int64) * width * STATES
    x = tl.load(state_at + own + cell, mask=inside[:, None], other=0.0)
    token = tl.arange(0, CHUNK)
    for chunk in range(tl.cdiv(length, CHUNK)):
        if KEEP:
            at = (slot + chunk) * width * STATES
            tl.store(kept_at + at + cell, x, mask=inside[:, None])
        t = chunk * CHUNK + token
        valid, row = t < length, first + t
        u = _rows(u_at, row, d, width, valid, inside)
        dt = _rows(dt_at, row, d, width, valid, inside)  # 0 past the end: the state stays
        b = _rows(b_at, row, n, STATES, valid, every)
        c = _rows(c_at, row, n, STATES, valid, every)
        keep = tl.exp(dt[:, :, None] * a[None, :, :])
        come = (dt * u)[:, :, None] * b[:, None, :]
        keeps, comes = tl.associative_scan((keep, come), 0, _join)
        states = keeps * x[None, :, :] + comes
        y = tl.sum(states * c[:, None, :], 2)
        tl.store(y_at + row[:, None] * width + d[None, :], y, mask=valid[:, None] & inside[None, :])
        x = tl.sum(tl.where(token[:, None, None] == CHUNK - 1, states, 0.0), 0)
    tl.store(end_at + own + cell, x, mask=inside[:, None])


@triton.jit
def _backward(  # type: ignore[no-untyped-def]
    dy_at, dend_at, u_at, dt_at, a_at, b_at, c_at, starts_at, kept_at,
    du_at, ddt_at, da_at, db_at, dc_at, dstate_at,
    rows, width, sequences, gap, room, blocks,
    STATES: tl.constexpr, CHANNELS: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Go back over one sequence's block of channels, a chunk at a time from the last."""
    number, block = tl.program_id(0), tl.program_id(1)
    stream, window = number // sequences, number % sequences
    begin = tl.load(starts_at + window)
    length = tl.load(starts_at + window + 1) - gap - begin
    first = stream.to(tl.int64) * rows + begin
    slot = stream.to(tl.int64) * room + begin // CHUNK + window
    d = block * CHANNELS + tl.arange(0, CHANNELS)
    n = tl.arange(0, STATES)
    inside, every = d < width, n < STATES
    cell = d[:, None] * STATES + n[None, :]
    a = tl.load(a_at + cell, mask=inside[:, None], other=0.0)
    own = number.to(tl.int64) * width * STATES
    g = tl.load(dend_at + own + cell, mask=inside[:, None], other=0.0)
    da = tl.zeros((CHANNELS, STATES), tl.float32)
    token = tl.arange(0, CHUNK)
    chunks = tl.cdiv(length, CHUNK)
    for k in range(chunks):
        chunk = chunks - 1 - k
        x = tl.load(
            kept_at + (slot + chunk) * width * STATES + cell, mask=inside[:, None], other=0.0
        )
        t = chunk * CHUNK + token
        valid, row = t < length, first + t
        # The states before each token: the scan of the tokens before, one row further up.
        later = valid & (token > 0)
        u = _rows(u_at, row - 1, d, width, later, inside)
        dt = _rows(dt_at, row - 1, d, width, later, inside)
        b = _rows(b_at, row - 1, n, STATES, later, every)
        keep = tl.exp(dt[:, :, None] * a[None, :, :])
        come = (dt * u)[:, :, None] * b[:, None, :]
        keeps, comes = tl.associative_scan((keep, come), 0, _join)
        before = keeps * x[None, :, :] + comes
        # The gradients of the states after each: what the tokens below hand up.
        dy = _rows(dy_at, row, d, width, valid, inside)
        c = _rows(c_at, row, n, STATES, valid, every)
        has_next = (t + 1 < length) & (token < CHUNK - 1)
        dt = _rows(dt_at, row + 1, d, width, has_next, inside)
        keep = tl.exp(dt[:, :, None] * a[None, :, :])
        come = dy[:, :, None] * c[:, None, :]
        keeps, comes = tl.associative_scan((keep, come), 0, _join, reverse=True)
        after = keeps * g[None, :, :] + comes
        u = _rows(u_at, row, d, width, valid, inside)
        dt = _rows(dt_at, row, d, width, valid, inside)
        b = _rows(b_at, row, n, STATES, valid, every)
        keep = tl.exp(dt[:, :, None] * a[None, :, :])
        now = keep * before + (dt * u)[:, :, None] * b[:, None, :]
        summed = (block.to(tl.int64) * (tl.num_programs(0) // sequences) * rows + row) * STATES
        at = summed[:, None] + n[None, :]
        tl.store(dc_at + at, tl.sum(dy[:, :, None] * now, 1), mask=valid[:, None])
        tl.store(db_at + at, tl.sum(after * (dt * u)[:, :, None], 1), mask=valid[:, None])
        entered = tl.sum(after * b[:, None, :], 2)
        handed = after * keep
        decayed = handed * before
        cells = row[:, None] * width + d[None, :]
        mask = valid[:, None] & inside[None, :]
        tl.store(du_at + cells, entered * dt, mask=mask)
        ddt = entered * u + tl.sum(decayed * a[None, :, :], 2)
        tl.store(ddt_at + cells, ddt, mask=mask)
        da += tl.sum(decayed * dt[:, :, None], 0)
        g = tl.sum(tl.where(token[:, None, None] == 0, handed, 0.0), 0)
    tl.store(da_at + own + cell, da, mask=inside[:, None])
    tl.store(dstate_at + own + cell, g, mask=inside[:, None])


def scan_forward(
    u: Tensor,
    dt: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    state: Tensor,
    starts: Tensor,
    gap: int,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Scan sequences; see `airseg.models.scan_layout.Sequences` for how they lie.

    Args:
        u, dt: (B, S, D) float32, contiguous, as all others.
        a: (D, N), N a power of two.
        b, c: (B, S, N).
        state: (B * W, D, N).
        starts: (W + 1,) int64; gap: rows after each sequence.
        keep: the state before each chunk, for the way back.

    Returns:
        y, (B, S, D), 0 between sequences; the last states, (B * W, D, N); and what was kept.
    """
    batch, rows, width = u.shape
    sequences, states = len(starts) - 1, a.shape[1]
    room = slots(rows, sequences, CHUNK)
    kept = u.new_empty((batch * room if keep else 0, states, width))
    y, end = torch.zeros_like(u), torch.empty_like(state)
    with torch.cuda.device_of(u):
        _forward[(batch * sequences, triton.cdiv(width, _CHANNELS))](
            u, dt, a, b, c, state, starts, y, end, kept, rows, width, sequences, gap, room,
            STATES=states, CHANNELS=_CHANNELS, CHUNK=CHUNK, KEEP=keep, num_warps=_WARPS,
        )  # fmt: skip
    return y, end, kept


def scan_backward(
    dy: Tensor,
    dend: Tensor,
    u: Tensor,
    dt: Tensor,
    a: Tensor,
    b: Tensor,
    c: Tensor,
    starts: Tensor,
    gap: int,
    kept: Tensor,
) -> tuple[Tensor, ...]:
    """Return the gradients of u, dt, a, b, c and state, of those of y and of the last states."""
    batch, rows, width = u.shape
    sequences, states, blocks = len(starts) - 1, a.shape[1], triton.cdiv(width, _CHANNELS)
    du, ddt = torch.zeros_like(u), torch.zeros_like(dt)
    da, dstate = u.new_empty((batch * sequences, width, states)), torch.empty_like(dend)
    # Sums over channels meet in torch, in a fixed order: atomics would differ from run to run.
    db, dc = (u.new_zeros((blocks, batch, rows, states)) for _ in range(2))
    with torch.cuda.device_of(u):
        _backward[(batch * sequences, blocks)](
            dy, dend, u, dt, a, b, c, starts, kept, du, ddt, da, db, dc, dstate,
            rows, width, sequences, gap, slots(rows, sequences, CHUNK), blocks,
            STATES=states, CHANNELS=_CHANNELS, CHUNK=CHUNK, num_warps=_WARPS,
        )  # fmt: skip
    return du, ddt, da.sum(0), db.sum(0), dc.sum(0), dstate
