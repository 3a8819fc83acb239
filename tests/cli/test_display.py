"""Progress on a terminal and elsewhere: what is counted is said, whatever the stage counts."""

import io

import pytest

from airseg.cli.display import RUN_UNITS, Pace, progress_bar


class Screen(io.StringIO):
    """Standard error, as a terminal or as a file."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize("terminal", [False, True])
def test_each_stage_counts_what_it_counts(monkeypatch, terminal):
    screen = Screen(terminal)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    with progress_bar("frames", {**RUN_UNITS, "measuring": "colours"}) as update:
        update("a: b: training", 5, 5)
        update("a: training by day: scoring", 7, 7)
        update("measuring the segmentation colours", 3, 3)
    said = screen.getvalue()
    lines = {n: next(x for x in said.splitlines() if n in x) for n in ("5/5", "7/7", "3/3")}
    assert "steps" in lines["5/5"]
    assert "frames" in lines["7/7"]
    assert "colours" in lines["3/3"]


def test_the_pace_of_work_that_begins_once_more_is_its_own(monkeypatch):
    """Each simulator that is started measures its colours; the bar of all has one name for it."""
    clock = iter([0.0, 1.0, 2.0, 100.0, 101.0, 103.0])
    monkeypatch.setattr("airseg.cli.display.time.monotonic", lambda: next(clock))
    pace = Pace()
    for done in (1, 10, 50, 1, 10, 50):
        pace.add(done)
        assert pace.per_second is None or pace.per_second > 0
    assert pace.per_second == 20.0
