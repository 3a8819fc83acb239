"""Simulator time: exact to the nanosecond when stepped, and it stands still when told to."""

import threading

import pytest

from airseg.simulators.embedded.clock import FRAME_NS, START_NS, STEP_NS, SimulatedClock


class Watched:
    """A clock, and what it has called."""

    def __init__(self, speed=1.0, lock=None):
        self.spans, self.ticks = [], []
        self.clock = SimulatedClock(
            lambda count, step: self.spans.extend([step] * count),
            lambda: self.ticks.append(self.clock.now_ns - START_NS),
            lock or threading.RLock(),
            speed,
        )


@pytest.mark.parametrize("span_ns", [1, STEP_NS - 1, STEP_NS, STEP_NS + 1, 40_000_000])
def test_time_advances_by_exactly_the_span_in_steps_of_three_milliseconds(span_ns):
    watched = Watched()
    watched.clock.advance(span_ns)
    assert watched.clock.now_ns - START_NS == sum(watched.spans) == span_ns
    assert all(span == STEP_NS for span in watched.spans[:-1])
    assert all(0 < span <= STEP_NS for span in watched.spans)
    assert watched.ticks[-1] == span_ns  # what is seen is what is


def test_a_span_of_nothing_is_one_tick_while_time_stands_still():
    watched = Watched()
    watched.clock.continue_for_time(0.0)
    assert watched.spans == []
    assert watched.ticks == [0]


def test_sixty_ticks_a_second():
    watched = Watched()
    watched.clock.continue_for_time(2.0)
    assert len(watched.ticks) == 121
    assert all(0 <= t - k * FRAME_NS < STEP_NS for k, t in enumerate(watched.ticks[:120], 1))
    watched.clock.continue_for_frames(3)
    assert watched.clock.now_ns - START_NS == 2_000_000_000 + 3 * FRAME_NS


def test_a_paused_clock_stands_still_while_its_thread_runs():
    watched = Watched(speed=100.0)
    watched.clock.pause(True)
    watched.clock.start()
    threading.Event().wait(0.05)
    assert watched.clock.now_ns == START_NS
    assert watched.ticks == []
    watched.clock.stop()


def test_a_reset_leaves_time_as_it_is_and_begins_the_world_anew():
    clock = Watched().clock
    clock.advance(12_345_678)
    clock.restart_world(from_the_start=False)
    assert clock.now_ns == START_NS + 12_345_678
    assert clock.world_ns == START_NS
    assert clock.paused
    clock.restart_world(from_the_start=True)
    assert clock.now_ns == START_NS


def test_a_running_clock_takes_whole_steps_and_waits_for_whoever_holds_the_lock():
    lock, enough = threading.RLock(), threading.Event()
    spans = []

    def physics(count, step_ns):
        spans.extend([step_ns] * count)
        if len(spans) >= 20:
            enough.set()

    clock = SimulatedClock(physics, lambda: None, lock, speed=50.0)
    clock.start()
    assert enough.wait(20)
    with lock:
        before = clock.now_ns
        threading.Event().wait(0.02)
        assert clock.now_ns == before
    clock.stop()
    assert set(spans) == {STEP_NS}
    assert clock.now_ns - START_NS == sum(spans)


def test_a_pause_ends_a_continue_call_and_so_does_the_end_of_the_simulator():
    lock, begun = threading.RLock(), threading.Event()
    clock = SimulatedClock(lambda *step: begun.set(), lambda: None, lock)
    call = threading.Thread(target=clock.advance, args=(10**15,))
    call.start()
    assert begun.wait(20)
    clock.pause(True)
    call.join(20)
    assert not call.is_alive()
    assert clock.now_ns < START_NS + 10**15
    stopping = SimulatedClock(lambda *step: stopping.stop(), lambda: None, lock)
    stopping.advance(10**15)
    assert stopping.now_ns < START_NS + 10**9
