"""Answers of methods that are no plain values, and the ways to give none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Disconnect(OSError):
    """Raised by a method that closes the caller's connection instead of answering."""


class Double(float):
    """A number that travels as float64; plain floats travel as float32."""


class Deferred:
    """An answer that comes later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = False
        self._result: Any = None
        self._callback: Callable[[Any], None] | None = None

    def resolve(self, result: Any) -> None:
        """Set the answer; only the first one counts."""
        with self._lock:
            if self._done:
                return
            self._done, self._result = True, result
            callback = self._callback
        if callback:
            callback(result)

    def then(self, callback: Callable[[Any], None]) -> None:
        """Call `callback` with the answer, now if it is there already."""
        with self._lock:
            if not self._done:
                self._callback = callback
                return
        callback(self._result)
