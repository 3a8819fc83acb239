"""`--every N` of the commands that look at every Nth frame of a sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def every_option(help_text: str, default: int = 1) -> Callable[[Any], Any]:
    """Return the option; what is no whole number from 1 on is refused."""
    return click.option(
        "--every",
        default=default,
        show_default=True,
        type=click.IntRange(min=1),
        metavar="N",
        help=help_text,
    )
