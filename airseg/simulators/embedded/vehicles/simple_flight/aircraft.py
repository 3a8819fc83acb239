"""A SimpleFlight multirotor in empty air: its state, its autopilot, and the one task it has."""

from __future__ import annotations

from airseg.simulators.embedded.answers import Deferred
from airseg.simulators.embedded.vehicles.simple_flight.autopilot import Autopilot
from airseg.simulators.embedded.vehicles.simple_flight.flight import advance
from airseg.simulators.embedded.vehicles.simple_flight.moves import Loop
from airseg.simulators.embedded.vehicles.simple_flight.state import ARMED, new_state, restart
from airseg.simulators.embedded.vehicles.simple_flight.task import Task


class Aircraft:
    """Flies by the steps of `flight`, and gives its task a turn when one is due.

    Args:
        now_ns: simulator time.
        vehicle_state: of the arming machine after a start and a reset, see `state.VEHICLE_STATES`.
        api_is_always_allowed: else a switch of the remote control allows it.

    Attributes:
        states: (1,) array of `state.STATE`.
        autopilot: takes orders for it.
    """

    def __init__(
        self, now_ns: int, vehicle_state: int = ARMED, *, api_is_always_allowed: bool = True
    ) -> None:
        self.states = new_state(now_ns, vehicle_state, api_is_always_allowed=api_is_always_allowed)
        self.state = self.states[0]
        self.autopilot = Autopilot(self.states)
        self._first_vehicle_state = vehicle_state
        self._task: Task | None = None
        advance(self.states, 0, 1)  # compiled now rather than within the first step

    def begin(self, loop: Loop) -> Deferred:
        """Take on a task, which sends its first goal at once; the one before it answers False."""
        self.cancel()
        task = Task(loop)
        task.run(self.autopilot.now_ns)
        self._task = task
        return task.answer

    def cancel(self) -> None:
        """End the task, if there is one, with the answer False; the last goal stays."""
        if self._task is not None:
            self._task.cancel()

    def restart(self, now_ns: int) -> None:
        """Set all but the body's motion back, and end the task."""
        self.cancel()
        restart(self.states, now_ns, self._first_vehicle_state)

    def step(self, count: int, step_ns: int) -> None:
        """Fly for `count` steps of `step_ns` nanoseconds each."""
        if step_ns <= 0:
            return  # a clock of wall time that was read twice within its grain
        while count > 0:
            wake_ns = None if self._task is None else self._task.wake_ns
            if wake_ns is None:
                advance(self.states, count, step_ns)
                return
            due = max(-(-(wake_ns - self.autopilot.now_ns) // step_ns), 1)
            steps = min(due, count)
            advance(self.states, steps, step_ns)
            count -= steps
            if self._task is not None and steps == due:
                self._task.run(self.autopilot.now_ns)
