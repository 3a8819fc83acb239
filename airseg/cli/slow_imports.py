"""Say that a large library is being loaded: many silent seconds look as if nothing happened."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import click

_SLOW = {"numba": "numba", "torch": "PyTorch"}
"""Modules and what people call them, the slowest last."""


class _Announcer(MetaPathFinder):
    """Finds nothing itself; says what the others find before it is loaded.

    What follows a slower library is not worth another line.
    """

    def __init__(self) -> None:
        self._untold = [name for name in _SLOW if name not in sys.modules]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._untold:
            return None
        self._untold = self._untold[self._untold.index(fullname) + 1 :]
        found = importlib.util.find_spec(fullname)  # what is not installed is not loaded either
        if found is not None:
            click.echo(f"loading {_SLOW[fullname]} ...", err=True)
        return found


@contextmanager
def slow_imports_told() -> Iterator[None]:
    """Print a line to stderr when PyTorch or numba is imported meanwhile, and was not before.

    It is told wherever the import happens, so that commands need not know what they will load, and
    those that load nothing say nothing. Of torchrun's processes the first speaks for all.
    """
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    announcer = _Announcer()
    sys.meta_path.insert(0, announcer)
    try:
        yield
    finally:
        sys.meta_path.remove(announcer)
