"""Work on an image shared out among the cores: horizontal strips, one call of a kernel each.

Kernels let go of Python's lock, so plain threads do. A strip is the same whoever works on it, so
that results do not depend on the number of threads; there are more strips than cores, because the
sky is done sooner than the street.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numba

ROWS = 40
"""Rows of a strip: a multiple of `occlusion.TILE`."""


def in_strips(height: int, work: Callable[[int, int], object], rows: int = ROWS) -> None:
    """Call ``work(top, bottom)`` for all strips of so many rows; return when all are done."""
    tops = range(0, height, rows)
    if len(tops) == 1:
        work(0, height)
        return
    for _ in _pool(os.getpid()).map(lambda top: work(top, min(top + rows, height)), tops):
        pass


@lru_cache(1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Return this process's threads; those of a parent do not live on in a fork."""
    return ThreadPoolExecutor(numba.get_num_threads(), thread_name_prefix="render")
