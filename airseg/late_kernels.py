"""Functions that numba compiles when they are first called.

Importing numba takes half a second. Commands import the modules with these functions before they
know whether their arguments are right, and many never call one. A kernel that others call is
compiled by `airseg.kernels.njit`, since compiled code cannot call what is not compiled yet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


def late_njit(function: Callable[Arguments, Value]) -> Callable[Arguments, Value]:
    """Return a function that is compiled at its first call, without the GIL, and kept on disk."""
    compiled: Callable[Arguments, Value] | None = None

    @wraps(function)
    def call(*arguments: Arguments.args, **named: Arguments.kwargs) -> Value:
        nonlocal compiled
        if compiled is None:
            from airseg.kernels import njit

            compiled = njit(cache=True, nogil=True)(function)
        return compiled(*arguments, **named)

    return call
