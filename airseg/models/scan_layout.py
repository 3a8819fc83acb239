"""How the sequences of a selective scan lie in memory, and where its kernels keep states."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CPU_CHUNK, CUDA_CHUNK = 32, 16
"""After how many tokens the kernels keep a state for the way back."""


@dataclass(frozen=True)
class Sequences:
    """How W sequences lie in a row of tokens: end to end, with rows between that belong to none.

    Attributes:
        runs: (number, length) of sequences of equal length that follow each other.
        gap: rows after each sequence; after the last one they may be missing.
        starts: (W + 1,) int64, the first row of each, and where one more would start.
    """

    runs: tuple[tuple[int, int], ...]
    gap: int
    starts: Tensor

    @classmethod
    def of(cls, runs: tuple[tuple[int, int], ...], gap: int, device: torch.device) -> Sequences:
        """Lay out sequences from the first row on."""
        first, starts = 0, []
        for number, length in runs:
            stop = first + number * (length + gap)
            starts.append(torch.arange(first, stop, length + gap, device=device))
            first = stop
        return cls(runs, gap, torch.cat([*starts, torch.arange(first, first + 1, device=device)]))


def slots(length: int, sequences: int, chunk: int) -> int:
    """Return how many chunks' first states are kept of a row of tokens.

    That of the chunk of sequence w which starts at row p of it, counted from row s, is number
    s // chunk + w + p // chunk: no two share one, whatever the lengths.
    """
    return length // chunk + sequences + 1
