"""Progress and tables on the terminal."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.text import Text

Update = Callable[[str, int, int | None], None]
_LINE_EVERY_S = 10.0
RUN_UNITS = {"training": "steps", "done before": "rows"}
"""What stages of running a recipe count, where that is no frame."""


def as_written(cells: Iterable[str]) -> list[Text]:
    """Return cells of a table that show names as they are: rich takes ``[ab]`` for markup."""
    from rich.text import Text

    return [Text(cell) for cell in cells]


@contextmanager
def progress_bar(
    unit: str, units: Mapping[str, str] | None = None, *, shown: bool = True
) -> Iterator[Update]:
    """Show how far long work is: a bar on a terminal, a line now and then elsewhere.

    Ctrl-C takes effect at the next report, where the work is in a state that can be kept; a second
    Ctrl-C acts at once.

    Args:
        unit: what is counted.
        units: what stages count that count something else, by the words they begin with: in
            ``FANet-18: training``, the stage is what stands behind the last colon.
        shown: False says nothing, where another process speaks for all.

    Yields:
        A function of what is being done, how much of it is done, and how much there is.
    """

    def unit_of(what: str) -> str:
        stage = what.rpartition(": ")[2]
        return next((u for s, u in (units or {}).items() if stage.startswith(s)), unit)

    show = _rich_bar(unit_of) if sys.stderr.isatty() else nullcontext(_plain_lines(unit_of))
    if not shown:
        show = nullcontext(lambda what, done, total: None)
    with _deferred_interrupt() as stop_if_asked, show as update:

        def report(what: str, done: int, total: int | None) -> None:
            update(what, done, total)
            stop_if_asked()

        yield report


@contextmanager
def _deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back until the function that is yielded is called."""
    asked = threading.Event()

    def note(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        click.echo("stopping after this step; Ctrl-C again stops at once", err=True)

    def stop_if_asked() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    # Only the main thread can take signals, and who runs this in the background may not want any.
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        yield stop_if_asked
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield stop_if_asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _rich_bar(unit_of: Callable[[str], str]) -> Iterator[Update]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),  # labels may have brackets
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} {task.fields[unit]}/s"),
        TimeRemainingColumn(),
    )
    tasks: dict[str, tuple[TaskID, float, int]] = {}
    with Progress(*columns, console=Console(stderr=True)) as bar:

        def update(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                task = bar.add_task(what, total=total, completed=done, rate="-", unit=unit_of(what))
                tasks[what] = (task, time.monotonic(), done)
                return
            task, began, first = tasks[what]
            rate = (done - first) / max(time.monotonic() - began, 1e-3)
            bar.update(task, completed=done, total=total, rate=f"{rate:.1f}")

        yield update


def _plain_lines(unit_of: Callable[[str], str]) -> Update:
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
        click.echo(f"{what}: {done}{of} {unit_of(what)}, {rate:.1f}/s{left}", err=True)

    return update
