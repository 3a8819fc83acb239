"""Processes that work for one that may be killed, interrupted, or run out of memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Self

_CALLS_AHEAD = 2
_MOST_USEFUL = 8


def usable_jobs() -> int:
    """Return how many processes a command starts unless it is told: one a core, at most 8."""
    # macOS cannot say which cores a process may use.
    has_affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    return min(cores, _MOST_USEFUL)


class Workers:
    """A few processes, or none where one is enough.

    They ignore Ctrl-C, which the main process answers, and end when the main process does.

    Args:
        jobs: how many; 1 starts none.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._pool: ProcessPoolExecutor | None = None
        if jobs > 1:
            # A forked child would inherit threads, locks and open HDF5 files.
            self._pool = ProcessPoolExecutor(
                jobs, multiprocessing.get_context("spawn"), initializer=_prepare
            )

    @property
    def are_processes(self) -> bool:
        """Whether there are any."""
        return self._pool is not None

    def run(self, calls: Sequence[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield what each call returns, in order; few are handed out ahead.

        Args:
            calls: function and its arguments, all of which can be pickled.

        Raises:
            BrokenProcessPool: a process was killed.
        """
        if self._pool is None:
            raise RuntimeError("no processes were started")
        pending: deque[Future[Any]] = deque()
        try:
            for call in calls:
                pending.append(self._pool.submit(*call))
                if len(pending) >= self._jobs * _CALLS_AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _prepare() -> None:
    """Set a worker up."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # the processes are the parallelism
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: a kill leaves nobody behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
