"""Progress and tables on the terminal."""

from __future__ import annotations

import io
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Update = Callable[[str, int, int | None], None]
_LINE_EVERY_S = 10.0
RUN_UNITS = {"training": "steps", "done before": "rows"}
"""What stages of running a recipe count, where that is no frame."""
_SAMPLES_FOR_A_FORECAST = 5
_SECONDS_FOR_A_FORECAST = 3.0


class Pace:
    """How fast work goes, and when it will be done: not before there is something to go by.

    The first piece is left out: it has compiling, opening and caches in it.
    """

    def __init__(self) -> None:
        self._samples: list[tuple[float, int]] = []
        self._count = 0

    def add(self, done: int) -> None:
        """Take note of how much is done now."""
        if self._samples and done == self._samples[-1][1]:
            return
        if self._samples and done < self._samples[-1][1]:  # such work begins once more
            self._samples, self._count = [], 0
        self._count += 1
        # The first, the second, which the pace counts from, and the last.
        self._samples = [*self._samples[:2], (time.monotonic(), done)]

    @property
    def per_second(self) -> float | None:
        """How much is done a second, or None where nothing can be said yet."""
        if len(self._samples) < 3:
            return None
        (began, first), (ended, last) = self._samples[1:]
        return (last - first) / max(ended - began, 1e-3)

    def seconds_left(self, total: int | None) -> float | None:
        """Return how long the rest takes, or None where that would be a guess."""
        rate = self.per_second
        if total is None or not rate or rate <= 0 or self._count <= _SAMPLES_FOR_A_FORECAST:
            return None
        (began, _), (ended, last) = self._samples[1:]
        return (total - last) / rate if ended - began >= _SECONDS_FOR_A_FORECAST else None

    def told(self, unit: str, total: int | None) -> str:
        """Return speed and time left in words, as far as they are known."""
        if unit == "seconds":
            return ""  # of time that is waited there is no speed to tell
        rate, left = self.per_second, self.seconds_left(total)
        words = [] if rate is None else [f"{rate:.1f} {unit}/s"]
        return ", ".join(words + ([] if left is None else [f"{left:.0f} s left"]))


def columns_that_fit(rows: Sequence[Sequence[str]], width: int) -> int:
    """Return how many of a table's columns stand side by side in a width, two at least.

    Args:
        rows: texts of its cells, the head among them.
        width: characters of a line; between columns there are two.
    """
    taken, fitting = 0, 0
    for cells in zip(*rows, strict=True):
        taken += max(map(len, cells)) + 2
        fitting += taken - 2 <= width
    return max(fitting, 2)


def table_width(rows: Sequence[Sequence[str]]) -> int:
    """Return the width that shows every cell of a table whole, with two between columns."""
    return sum(max(map(len, cells)) + 2 for cells in zip(*rows, strict=True))


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


class _AboveBar(io.TextIOBase):
    """Writes lines above a bar that is drawn anew below them.

    Rich has such a stream, too, but no encoding of it: click then writes past it, into the bar.
    """

    encoding, errors = "utf-8", "replace"

    def __init__(self, console: Console) -> None:
        self._console, self._line = console, ""

    def isatty(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        from rich.text import Text

        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._console.print(Text(line))
        return len(text)


@contextmanager
def _rich_bar(unit_of: Callable[[str], str]) -> Iterator[Update]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", markup=False),  # labels may have brackets
        BarColumn(),  # gives way where a line is short
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[unit]}"),
        TextColumn("{task.fields[pace]}", markup=False),
    )
    tasks: dict[str, tuple[TaskID, Pace]] = {}
    console = Console(file=sys.stderr)
    with (
        Progress(*columns, console=console, redirect_stdout=False, redirect_stderr=False) as bar,
        ExitStack() as streams,
    ):
        streams.enter_context(redirect_stderr(_AboveBar(console)))
        if sys.stdout.isatty():
            streams.enter_context(redirect_stdout(_AboveBar(console)))

        def update(what: str, done: int, total: int | None) -> None:
            unit = unit_of(what)
            if what not in tasks:
                task = bar.add_task(what, total=total, completed=done, unit=unit, pace="")
                tasks[what] = (task, Pace())
            task, pace = tasks[what]
            pace.add(done)
            bar.update(task, completed=done, total=total, pace=pace.told(unit, total))

        yield update


def _plain_lines(unit_of: Callable[[str], str]) -> Update:
    told: dict[str, tuple[float, Pace]] = {}

    def update(what: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        last, pace = told.setdefault(what, (now - _LINE_EVERY_S + 1.0, Pace()))
        pace.add(done)
        if now - last < _LINE_EVERY_S and done != total:
            return
        told[what] = (now, pace)
        of = "" if total is None else f"/{total}"
        speed = pace.told(unit_of(what), None if done == total else total)
        click.echo(f"{what}: {done}{of} {unit_of(what)}{', ' + speed if speed else ''}", err=True)

    return update
