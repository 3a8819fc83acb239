"""Steps of a simulator's clock that come out short, long or not at all: by a scripted clock."""

from types import SimpleNamespace

import pytest

from airseg.recording.flying import stepping
from airseg.recording.flying.stepping import Stepper

STEP_NS = 40_000_000


class Scripted:
    """A clock that does with each step what it is told to, and counts the calls."""

    def __init__(self, *errors_ms):
        self._errors, self.now_ns, self.calls = list(errors_ms), 10**18, []

    def simContinueForTime(self, seconds):
        self.calls.append(round(seconds * 1e9))
        error = self._errors.pop(0) if self._errors else 0
        self.now_ns += max(self.calls[-1] + round(error * 1e6), 0)

    def simIsPause(self):
        return True

    def getMultirotorState(self):
        return type("State", (), {"timestamp": self.now_ns})()


@pytest.mark.parametrize(
    ("errors", "calls"),
    [
        ((0,), [40_000_000]),
        ((-1,), [40_000_000]),  # nearer than the grain of 3 ms
        # From then on 1 ms less is asked for: a step too many cannot be taken back.
        ((-30,), [40_000_000, 29_000_000]),
        ((-38, -3, 0), [40_000_000, 37_000_000, 3_000_000]),
    ],
)
def test_the_rest_of_a_short_step_is_stepped_again(errors, calls):
    clock = Scripted(*errors)
    stepper = Stepper(clock, "", STEP_NS)
    stepper.begin(0)
    stepper.advance_to(1)
    assert clock.calls == calls


def test_a_step_is_waited_for_as_long_as_it_lasts(monkeypatch):
    """A continue call counts wall time: at a ClockSpeed of 0.2, a second takes five."""

    class SlowCar(Scripted):
        wall_s = until_s = 0.0

        def getSettingsString(self):
            return '{"SimMode": "Car", "ClockSpeed": 0.2}'

        def simContinueForTime(self, seconds):
            self.now_ns += round(seconds * 0.2e9)
            self.until_s = self.wall_s + seconds

        def simIsPause(self):
            return self.wall_s >= self.until_s

        def sleep(self, seconds):
            self.wall_s += seconds

    clock = SlowCar()
    fake = SimpleNamespace(monotonic=lambda: clock.wall_s, sleep=clock.sleep)
    monkeypatch.setattr(stepping, "time", fake)
    stepper = Stepper(clock, "", 10**9)
    stepper.begin(0)
    stepper.advance_to(1)
    assert clock.wall_s == pytest.approx(5, abs=0.1)
    assert clock.now_ns - 10**18 == pytest.approx(10**9, abs=2_000_000)


def test_a_clock_that_never_moves_is_not_waited_for():
    clock = Scripted(*[-1000] * 100)
    stepper = Stepper(clock, "", STEP_NS)
    stepper.begin(0)
    stepper.advance_to(1)
    assert len(clock.calls) == 12


def test_after_one_step_too_far_time_still_moves_and_finds_back_to_its_place():
    clock = Scripted(70)
    stepper = Stepper(clock, "", STEP_NS)
    stepper.begin(0)
    times = []
    for frame in range(1, 5):
        stepper.advance_to(frame)
        times.append(clock.now_ns - 10**18)
    assert times == [110_000_000, 113_000_000, 119_000_000, 159_000_000]
