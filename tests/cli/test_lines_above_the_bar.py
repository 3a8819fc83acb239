"""On a terminal, what a command says stands above its bars, read back by a terminal emulator."""

import os
import subprocess
import sys

import pytest

pyte = pytest.importorskip("pyte")
pty = pytest.importorskip("pty")

_COLUMNS, _ROWS = 80, 24
_COMMAND = """
import click
from airseg.cli.display import progress_bar

with progress_bar("frames") as update:
    for flight in ("first_flight", "second_flight"):
        for done in range(150):
            update(flight, done + 1, 150)
        click.echo(f"{flight}: 150 frames in a/folder/with/a/long/name/{flight}, and more of it")
        click.echo("warning: pools are missing", err=True)
click.echo("all done")
"""


def screen_after(command):
    """Return the lines of a terminal in which a command has run."""
    terminal, inside = pty.openpty()
    size = {"COLUMNS": str(_COLUMNS), "LINES": str(_ROWS), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [sys.executable, "-c", command],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=os.environ | size,
    )
    os.close(inside)
    screen = pyte.Screen(_COLUMNS, _ROWS)
    stream = pyte.ByteStream(screen)
    try:
        while read := os.read(terminal, 65536):
            stream.feed(read)
    except OSError:  # how Linux tells that nobody writes any more
        pass
    os.close(terminal)
    assert process.wait() == 0
    return [line.rstrip() for line in screen.display if line.strip()]


def test_results_stay_whole_above_the_bars_and_each_bar_stands_once():
    lines = screen_after(_COMMAND)
    told = " ".join(lines)
    for flight in ("first_flight", "second_flight"):
        assert f"{flight}: 150 frames in a/folder/with/a/long/name/{flight}, and more of it" in told
    assert lines.count("warning: pools are missing") == 2
    bars = [line for line in lines if "━" in line]
    assert [line.split()[0] for line in bars] == ["first_flight", "second_flight"]
    assert all("150/150 frames" in line for line in bars)
    assert lines[-1] == "all done"
    assert lines.index(bars[0]) > max(i for i, line in enumerate(lines) if "warning" in line)
