"""Progress and tables on the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Update = Callable[[str, int, int | None], None]
_LINE_EVERY_S = 10.0


@contextmanager
def progress_bar(unit: str) -> Iterator[Update]:
    """Show how far long work is: a bar on a terminal, a line now and then elsewhere.

    Args:
        unit: what is counted.

    Yields:
        A function of what is being done, how much of it is done, and how much there is.
    """
    if sys.stderr.isatty():
        with _rich_bar(unit) as update:
            yield update
    else:
        yield _plain_lines(unit)


@contextmanager
def _rich_bar(unit: str) -> Iterator[Update]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} " + unit + "/s"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, tuple[int, float, int]] = {}
    with Progress(*columns, console=Console(stderr=True)) as bar:

        def update(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                task = bar.add_task(what, total=total, completed=done, rate="-")
                tasks[what] = (int(task), time.monotonic(), done)
                return
            task, began, first = tasks[what]
            rate = (done - first) / max(time.monotonic() - began, 1e-3)
            bar.update(task, completed=done, total=total, rate=f"{rate:.1f}")  # type: ignore[arg-type]

        yield update


def _plain_lines(unit: str) -> Update:
    told: dict[str, tuple[float, float, int]] = {}

    def update(what: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        began, last, first = told.setdefault(what, (now, now - _LINE_EVERY_S + 1.0, done))
        if now - last < _LINE_EVERY_S and done != total:
            return
        told[what] = (began, now, first)
        rate = (done - first) / max(now - began, 1e-3)
        of = "" if total is None else f"/{total}"
        left = "" if total is None or rate <= 0 else f", {(total - done) / rate:.0f} s left"
        click.echo(f"{what}: {done}{of} {unit}, {rate:.1f}/s{left}", err=True)

    return update
