"""The selective scan on a CPU, compiled: state in cache, one token after the other.

Plain PyTorch starts an operation for each step of a block of tokens and writes exp(dt A), N times
as large as the inputs, to memory. Here a task is a sequence and some of its channels: their states
stay in the first cache while the task walks over the tokens, and neighbouring channels fill the
processor's registers. Tasks run side by side on as many threads as PyTorch may use. The way back
recomputes the states of a chunk from the state before it, which the way there has kept.

numba takes half a second to import: import this where it is needed.
"""

# numba takes the kinds of a kernel's arguments from the call.
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from airseg.kernels import njit
from airseg.models.scan_layout import CPU_CHUNK as CHUNK
from airseg.models.scan_layout import slots

_CHANNELS = 64
_ROUND = np.float32(1.5 * 2**23)  # added and taken off again, it leaves a whole number
_TAYLOR = tuple(np.float32(math.log(2) ** k / math.factorial(k)) for k in range(8))


def scan_forward(
    u: np.ndarray,
    dt: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    state: np.ndarray,
    starts: np.ndarray,
    gap: int,
    *,
    keep: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scan sequences; see `airseg.models.scan_layout.Sequences` for how they lie.

    Args:
        u, dt: (B, S, D) float32, contiguous, as all others.
        a: (D, N).
        b, c: (B, S, N).
        state: (B * W, D, N).
        starts: (W + 1,) int64; gap: rows after each sequence.
        keep: the state before each chunk, for the way back.

    Returns:
        y, (B, S, D), 0 between sequences; the last states, (B * W, D, N); and what was kept.
    """
    rows = len(u) * slots(u.shape[1], len(starts) - 1, CHUNK) if keep else 0
    kept = np.empty((rows, a.shape[1], a.shape[0]), np.float32)
    y, end = np.zeros_like(u), np.empty_like(state)
    per_bit, tasks = _of_two(a), len(state) * _blocks(a)
    _share(_forward, tasks, u, dt, per_bit, b, c, state, starts, gap, y, end, kept, keep)
    return y, end, kept


def scan_backward(
    dy: np.ndarray,
    dend: np.ndarray,
    u: np.ndarray,
    dt: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    starts: np.ndarray,
    gap: int,
    kept: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Return the gradients of u, dt, a, b, c and state, of those of y and of the last states."""
    shape = (len(dend), a.shape[1], a.shape[0])
    du, ddt = np.zeros_like(u), np.zeros_like(dt)
    da, dstate = np.empty(shape, np.float32), np.empty_like(dend)
    # Sums over channels meet in a fixed order, however many threads there are.
    db, dc = (np.zeros((_blocks(a), *b.shape), np.float32) for _ in range(2))
    per_bit, tasks = _of_two(a), len(dend) * _blocks(a)
    _share(
        _backward, tasks, dy, dend, u, dt, a, per_bit, b, c, starts, gap, kept,
        du, ddt, da, db, dc, dstate,
    )  # fmt: skip
    return du, ddt, da.sum(0).T, db.sum(0), dc.sum(0), dstate


def _of_two(a: np.ndarray) -> np.ndarray:
    """Return (N, D) of (D, N), for powers of two in place of e's."""
    return np.ascontiguousarray((a * np.float32(math.log2(math.e))).T)


def _blocks(a: np.ndarray) -> int:
    return -(-len(a) // _CHANNELS)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "scan")


def _share(kernel: Callable[..., None], tasks: int, *arguments: object) -> None:
    """Run a kernel's tasks on as many threads as PyTorch may use."""
    threads = min(torch.get_num_threads(), tasks)
    if threads <= 1:
        kernel(*arguments, 0, tasks)
        return
    edges = [tasks * i // threads for i in range(threads + 1)]
    parts = itertools.pairwise(edges)
    for done in [_pool().submit(kernel, *arguments, first, last) for first, last in parts]:
        done.result()


@intrinsic
def _float_of(typing_context: object, bits: object) -> tuple:
    """Take the bits of an integer for a float's."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@njit(cache=True, nogil=True, fastmath={"contract"})
def _power_of_two(x):
    """Return 2 ** x for x up to 0, to 7e-8 of it; what is below the smallest float is that."""
    x = max(x, np.float32(-126))
    whole = (x + _ROUND) - _ROUND
    x -= whole
    power = _TAYLOR[7]
    power = power * x + _TAYLOR[6]
    power = power * x + _TAYLOR[5]
    power = power * x + _TAYLOR[4]
    power = power * x + _TAYLOR[3]
    power = power * x + _TAYLOR[2]
    power = power * x + _TAYLOR[1]
    power = power * x + _TAYLOR[0]
    exponent = (np.int32(whole) + np.int32(127)) << np.int32(23)
    return power * _float_of(exponent)  # type: ignore[call-arg]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _forward(u, dt, a, b, c, state, starts, gap, y, end, kept, keep, first, last):
    """Run tasks first to last; a is (N, D), for powers of two."""
    states, width = a.shape
    sequences, blocks = len(starts) - 1, -(-width // _CHANNELS)
    room = u.shape[1] // CHUNK + sequences + 1
    x, decay = np.empty((2, states, _CHANNELS), np.float32)
    step, come, out = np.empty((3, _CHANNELS), np.float32)
    for task in range(first, last):
        sequence, low = task // blocks, task % blocks * _CHANNELS
        stream, window = sequence // sequences, sequence % sequences
        wide = min(_CHANNELS, width - low)
        for n in range(states):
            for d in range(wide):
                x[n, d] = state[sequence, low + d, n]
                decay[n, d] = a[n, low + d]
        begin = starts[window]
        for p in range(begin, starts[window + 1] - gap):
            if keep and (p - begin) % CHUNK == 0:
                slot = stream * room + begin // CHUNK + window + (p - begin) // CHUNK
                for n in range(states):
                    kept[slot, n, low : low + wide] = x[n, :wide]
            for d in range(wide):
                step[d] = dt[stream, p, low + d]
                come[d] = step[d] * u[stream, p, low + d]
                out[d] = 0
            for n in range(states):
                enter, leave = b[stream, p, n], c[stream, p, n]
                xn, an = x[n], decay[n]
                for d in range(wide):
                    now = _power_of_two(step[d] * an[d]) * xn[d] + come[d] * enter
                    xn[d] = now
                    out[d] += now * leave
            for d in range(wide):
                y[stream, p, low + d] = out[d]
        for n in range(states):
            for d in range(wide):
                end[sequence, low + d, n] = x[n, d]


# Sums over channels may be added up in any order, or they would not fill registers. And no loop
# writes to so many arrays that the compiler gives up asking whether they overlap.
@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _token_back(inputs, outputs, a, decay, enter, leave, before, g, da, db, dc, spare):
    """Go back over one token of some channels; g, the gradient of the state after it, moves on."""
    states, wide = before.shape
    u, dt, dy, du, ddt = inputs[0], inputs[1], inputs[2], outputs[0], outputs[1]
    keep, come, carried = spare[0], spare[1], spare[2]
    for d in range(wide):
        come[d] = dt[d] * u[d]
        du[d] = ddt[d] = 0
    for n in range(states):
        enters, leaves = enter[n], leave[n]
        entered = left = np.float32(0)
        for d in range(wide):
            keep[d] = _power_of_two(dt[d] * decay[n, d])
        for d in range(wide):
            left += dy[d] * (keep[d] * before[n, d] + come[d] * enters)
        for d in range(wide):
            g[n, d] += dy[d] * leaves
        for d in range(wide):
            entered += g[n, d] * come[d]
        for d in range(wide):
            du[d] += g[n, d] * enters
        for d in range(wide):
            g[n, d] *= keep[d]
            carried[d] = g[n, d] * before[n, d]
        for d in range(wide):
            ddt[d] += carried[d] * a[n, d]
            da[n, d] += carried[d] * dt[d]
        db[n], dc[n] = entered, left
    for d in range(wide):
        ddt[d] += du[d] * u[d]
    for d in range(wide):
        du[d] *= dt[d]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _token_on(inputs, decay, enter, x, come):
    """Advance the states of some channels by one token."""
    states, wide = x.shape
    u, dt = inputs[0], inputs[1]
    for d in range(wide):
        come[d] = dt[d] * u[d]
    for n in range(states):
        enters = enter[n]
        for d in range(wide):
            x[n, d] = _power_of_two(dt[d] * decay[n, d]) * x[n, d] + come[d] * enters


@njit(cache=True, nogil=True)
def _copy(source, target):
    for n in range(source.shape[0]):
        for d in range(source.shape[1]):
            target[n, d] = source[n, d]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _backward(
    dy, dend, u, dt, a, decay, b, c, starts, gap, kept, du, ddt, da, db, dc, dstate, first, last
):
    """Run tasks first to last; a is (D, N), decay the same as (N, D), for powers of two."""
    width, states = a.shape
    sequences, blocks = len(starts) - 1, -(-width // _CHANNELS)
    room = u.shape[1] // CHUNK + sequences + 1
    before = np.zeros((CHUNK, states, _CHANNELS), np.float32)
    # Each by itself: of neighbours in one array the compiled loops cannot tell that they are apart.
    x, g = np.zeros((states, _CHANNELS), np.float32), np.zeros((states, _CHANNELS), np.float32)
    own, power = np.zeros_like(x), np.zeros_like(x)
    sums, inputs = np.zeros_like(x), np.zeros((3, _CHANNELS), np.float32)
    outputs, spare = np.zeros((2, _CHANNELS), np.float32), np.zeros((3, _CHANNELS), np.float32)
    for task in range(first, last):
        sequence, block = task // blocks, task % blocks
        stream, window = sequence // sequences, sequence % sequences
        low = block * _CHANNELS
        wide = min(_CHANNELS, width - low)
        for n in range(states):
            for d in range(wide):
                g[n, d], own[n, d] = dend[sequence, low + d, n], a[low + d, n]
                power[n, d] = decay[n, low + d]
        sums[:], inputs[:] = 0, 0
        begin, stop = starts[window], starts[window + 1] - gap
        for chunk in range((stop - begin - 1) // CHUNK, -1, -1):
            here = begin + chunk * CHUNK
            count = min(CHUNK, stop - here)
            slot = stream * room + begin // CHUNK + window + chunk
            for n in range(states):
                for d in range(wide):
                    before[0, n, d] = x[n, d] = kept[slot, n, low + d]
            for i in range(count - 1):  # the states before each token of the chunk, once more
                p = here + i
                for d in range(wide):
                    inputs[0, d], inputs[1, d] = u[stream, p, low + d], dt[stream, p, low + d]
                _token_on(inputs, power, b[stream, p], x, spare[0])
                _copy(x, before[i + 1])
            for i in range(count - 1, -1, -1):
                p = here + i
                for d in range(wide):
                    inputs[0, d], inputs[1, d] = u[stream, p, low + d], dt[stream, p, low + d]
                    inputs[2, d] = dy[stream, p, low + d]
                _token_back(
                    inputs, outputs, own, power, b[stream, p], c[stream, p], before[i], g, sums,
                    db[block, stream, p], dc[block, stream, p], spare,
                )  # fmt: skip
                for d in range(wide):
                    du[stream, p, low + d], ddt[stream, p, low + d] = outputs[0, d], outputs[1, d]
        for n in range(states):
            for d in range(wide):
                dstate[sequence, low + d, n] = g[n, d]
                da[sequence, n, low + d] = sums[n, d]
