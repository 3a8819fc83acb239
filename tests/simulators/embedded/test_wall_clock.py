"""AirSim's own clocks. What they are held to was measured on AirSim's C++ code; see each test."""

import threading
import time

import pytest

from airseg.simulators.embedded.wall_clock import AirSimClock

AIRSIM_STEP_NS = 3_000_064


class Watched:
    """A clock, and what it has called: spans of steps, and None for a tick."""

    def __init__(self, speed=1.0, **options):
        self.calls = []
        self.clock = AirSimClock(
            lambda count, step: self.calls.extend([step] * count),
            lambda: self.calls.append(None),
            threading.RLock(),
            speed,
            **options,
        )

    def stepped(self, seconds):
        """Return what happens in one continue call."""
        self.calls.clear()
        self.clock.continue_for_time(seconds)
        return list(self.calls)


def steps(calls):
    return sum(call is not None for call in calls)


def test_steps_are_the_grain_of_a_double_at_todays_epoch():
    """Differences of time stamps: 12 000 256 ns for four steps."""
    watched = Watched()
    before = watched.clock.now_ns
    calls = watched.stepped(0.012)
    assert {c for c in calls if c} == {AIRSIM_STEP_NS}
    assert watched.clock.now_ns - before == 4 * AIRSIM_STEP_NS == 12_000_256


def test_forty_milliseconds_are_thirteen_or_fourteen_steps_and_the_seed_says_which():
    first, again = Watched(seed=3), Watched(seed=3)
    counts = [steps(first.stepped(0.04)) for _ in range(12)]
    assert set(counts) == {13, 14}
    assert counts == [steps(again.stepped(0.04)) for _ in range(12)]


def test_no_time_at_all_is_one_tick_and_no_step():
    """No step in 60 of 60 calls, but one tick, and a frame's time of the wall."""
    watched = Watched()
    assert [watched.stepped(0.0) for _ in range(6)] == [[None]] * 6


def test_less_than_a_step_is_one_step_at_most_and_three_milliseconds_are_one():
    watched = Watched(seed=1)
    assert {steps(watched.stepped(0.001)) for _ in range(12)} == {0, 1}
    assert {steps(watched.stepped(0.003)) for _ in range(6)} == {1}


def test_clock_speed_below_one_shrinks_steps_and_above_one_shortens_periods():
    """At 0.2, 40 ms of wall time gave 7.2 to 7.8 ms; 2.9 counts as 2."""
    slow, fast = Watched(speed=0.2), Watched(speed=2.9)
    before = slow.clock.now_ns
    slow.stepped(0.04)
    assert 7.2e6 <= slow.clock.now_ns - before <= 8.5e6
    before = fast.clock.now_ns
    fast.stepped(0.04)
    assert (fast.clock.now_ns - before) // AIRSIM_STEP_NS in (26, 27)


def test_frames_are_counted_in_ticks():
    """One frame gave 0 to 12 ms at 60 Hz."""
    watched = Watched()
    for _ in range(4):
        watched.calls.clear()
        watched.clock.continue_for_frames(1)
        assert watched.calls[-1] is None
        assert watched.calls.count(None) == 1
        assert steps(watched.calls) <= 6


def test_a_scalable_clock_runs_while_paused_and_the_next_step_spans_the_pause():
    watched = Watched(steppable=False, speed=0.5)
    assert watched.clock.now_ns == pytest.approx(time.time_ns() / 2, rel=1e-6)
    watched.clock.pause(True)
    before = watched.clock.now_ns
    time.sleep(0.05)
    assert watched.clock.now_ns - before >= 25_000_000
    assert max(c for c in watched.stepped(0.006) if c) >= 25_000_000


def test_a_car_answers_at_once_and_pauses_at_a_later_tick():
    watched = Watched(mode="Car", steppable=False)
    watched.clock.pause(True)
    watched.clock.start()
    began = time.perf_counter()
    watched.clock.continue_for_time(0.05)
    assert not watched.clock.at_rest
    while not watched.clock.at_rest and time.perf_counter() - began < 10:
        time.sleep(0.002)
    assert time.perf_counter() - began >= 0.05
    watched.clock.stop()
    assert None in watched.calls


@pytest.mark.parametrize("name", ["continueForTime", "continueForFrames"])
def test_computer_vision_mode_cannot_continue(name):
    clock = Watched(mode="ComputerVision", steppable=False).clock
    call = clock.continue_for_time if name == "continueForTime" else clock.continue_for_frames
    with pytest.raises(NotImplementedError, match=f"^{name} is not implemented by SimMode$"):
        call(1)


def test_computer_vision_mode_with_a_steppable_clock_shows_one_time_for_ever():
    clock = Watched(mode="ComputerVision").clock
    clock.start()
    before = clock.now_ns
    time.sleep(0.05)
    assert clock.now_ns == before
    clock.stop()


def test_a_running_simulator_steps_and_ticks_in_wall_time():
    watched = Watched()
    watched.clock.start()
    time.sleep(0.3)
    watched.clock.stop()
    assert watched.calls.count(None) <= 20
    assert steps(watched.calls) > 3 * watched.calls.count(None) > 0
