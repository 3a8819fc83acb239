"""Simulator time: exact to the nanosecond when stepped, and it stands still when told to."""

import threading

import pytest

from airseg.simulators.embedded.clock import START_NS, STEP_NS, SimulationClock


def stepped_clock(spans, lock=None, speed=1.0):
    return SimulationClock(spans.append, lock or threading.RLock(), speed)


@pytest.mark.parametrize("span_ns", [0, 1, STEP_NS - 1, STEP_NS, STEP_NS + 1, 40_000_000])
def test_time_advances_by_exactly_the_span_in_steps_of_three_milliseconds(span_ns):
    spans = []
    clock = stepped_clock(spans)
    clock.advance(span_ns)
    assert clock.now_ns - START_NS == sum(spans) == span_ns
    assert all(span == STEP_NS for span in spans[:-1])
    assert all(0 < span <= STEP_NS for span in spans)


def test_a_paused_clock_stands_still_while_its_thread_runs():
    clock = stepped_clock([], speed=100.0)
    clock.pause(True)
    clock.start()
    threading.Event().wait(0.05)
    assert clock.now_ns == START_NS
    clock.stop()


def test_reset_goes_back_to_the_start_and_a_pause_goes_on():
    clock = stepped_clock([])
    clock.advance(12_345_678)
    clock.reset()
    assert clock.now_ns == START_NS
    assert clock.paused


def test_a_running_clock_takes_whole_steps_and_waits_for_whoever_holds_the_lock():
    spans, lock, enough = [], threading.RLock(), threading.Event()

    def physics(span_ns):
        spans.append(span_ns)
        if len(spans) == 20:
            enough.set()

    clock = SimulationClock(physics, lock, speed=50.0)
    clock.start()
    assert enough.wait(20)
    with lock:
        before = clock.now_ns
        threading.Event().wait(0.02)
        assert clock.now_ns == before
    clock.stop()
    assert set(spans) == {STEP_NS}
    assert clock.now_ns - START_NS == sum(spans)


def test_a_clock_that_stops_ends_a_long_advance():
    clock = SimulationClock(lambda span_ns: clock.stop(), threading.RLock())
    clock.advance(10**15)
    assert clock.now_ns == START_NS + STEP_NS
