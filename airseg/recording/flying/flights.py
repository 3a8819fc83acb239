"""Ways to fly a plan, frame by frame, while simulator time advances in steps.

`PoseFlight` sets the exact pose of every frame while the world stands still: exact on every
simulator. `MultirotorFlight` and `CarFlight` let the vehicle's own dynamics fly.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

import numpy as np

from airseg.flight import FlightPlan, Trajectory
from airseg.recording.flying.dynamic_flights import CarFlight, MultirotorFlight
from airseg.recording.flying.placement import Placement, Poses, choose_placement
from airseg.recording.flying.stepping import Stepper
from airseg.recording.flying.views import Views, sim_mode

_AHEAD_NS = 1_000_000_000  # more than a first frame in real time comes late


class Flight(Protocol):
    """A plan being flown. `begin` once, then `advance` before each frame but the first.

    Attributes:
        stepper: the clock it flies by; placement: how vehicles are put where they are.
    """

    stepper: Stepper
    placement: Placement

    def get_ready(self) -> None:
        """Put the vehicle where frame 0 has it, if it can fly at all; nothing sets off yet."""

    def begin(self) -> None:
        """Bring the vehicle to the state of frame 0; time stands still."""

    def skip_to(self, frame: int, slot: int, time_ns: int) -> None:
        """Bring everything to the state of a later frame without capturing.

        Args:
            frame: its number; slot: its time slot.
            time_ns: its time when it was recorded; what comes after it has a later one.
        """

    def advance(self, frame: int) -> bool:
        """Go on to a frame from the one before; False when the flight is over."""

    def poses(self, frame: int) -> Poses | None:
        """Return where the plan wants the vehicles at the present frame; None: where they fly."""

    def place_again(self, frame: int) -> None:
        """Put the vehicles there once more, because the images did not show it."""

    def velocity(self, vehicle: str) -> np.ndarray | None:
        """Return a vehicle's velocity, (3,) m/s NED; None where only its poses tell it."""

    def slot(self, frame: int) -> int:
        """Return the time slot of the frame that was advanced to; slots are one step long."""

    def observe(self, frame: int, timestamp_ns: int) -> None:
        """Learn what time a captured frame really has."""

    @property
    def slots(self) -> int | None:
        """How many time slots there are, or None where the flight itself decides."""


class PoseFlight:
    """Puts the vehicles where their trajectories say, frame by frame.

    Args:
        client: the simulator.
        plan: what is flown.
        paths: of each vehicle by its name, see `Views`.
        views: what is recorded.
    """

    def __init__(
        self, client: Any, plan: FlightPlan, paths: dict[str, Trajectory], views: Views
    ) -> None:
        self._client, self._plan, self._paths, self._views = client, plan, paths, views
        self.stepper = Stepper(client, views.first, plan.step_ns)
        self._first = paths[views.first]

    def get_ready(self) -> None:
        self.placement = choose_placement(
            self._client,
            self.stepper,
            self._views.all,
            self._poses_of(0),
            self._plan.pose_tolerance.holds,
            sim_mode(self._client),
        )

    def begin(self) -> None:
        self.get_ready()
        self.stepper.begin(0)

    def skip_to(self, frame: int, slot: int, time_ns: int) -> None:
        self.stepper.pass_time(frame * self._plan.step_ns)
        self.placement.place(self._poses_of(frame))  # flow and blur are counted from there
        self.stepper.begin(frame)

    def advance(self, frame: int) -> bool:
        if frame >= len(self._first):
            return False
        self.stepper.advance_to(frame)
        self.placement.place(self._poses_of(frame))
        return True

    def poses(self, frame: int) -> Poses | None:
        return self._poses_of(frame)

    def place_again(self, frame: int) -> None:
        self.placement.place(self._poses_of(frame))

    def velocity(self, vehicle: str) -> np.ndarray | None:
        return None

    def slot(self, frame: int) -> int:
        return frame

    def observe(self, frame: int, timestamp_ns: int) -> None:
        self.stepper.observe(frame, timestamp_ns)

    @property
    def slots(self) -> int | None:
        return len(self._first)

    def _poses_of(self, slot: int) -> dict[str, np.ndarray]:
        """Return each vehicle's (7,) pose, relative to its own start."""
        return {
            name: np.concatenate(
                [path.position[slot] - self._views.starts[name], path.orientation[slot]]
            )
            for name, path in self._paths.items()
        }


class RealtimeFlight(PoseFlight):
    """Sets poses while the simulator's clock runs; slots whose time has passed are left out.

    Slots are the simulator's time: at a ClockSpeed of 0.5 they last twice as long.
    """

    def begin(self) -> None:
        super().begin()
        self._client.simPause(False)
        self._slot = 0
        self._origin_ns: int | None = None
        self._began_s = time.monotonic()

    def skip_to(self, frame: int, slot: int, time_ns: int) -> None:
        self._slot = slot
        now_ns = self.stepper.now_ns()
        behind_ns = slot * self._plan.step_ns if now_ns is None else time_ns - now_ns
        if behind_ns >= 0:  # a simulator that begins its time anew with a reset
            self._client.simPause(True)
            self.stepper.pass_time(behind_ns + _AHEAD_NS)
            self._client.simPause(False)
        self.placement.place(self._poses_of(slot), tick=False)
        self._began_s = time.monotonic() - slot * self._step_s

    def advance(self, frame: int) -> bool:
        step_s = self._step_s
        now = (time.monotonic() - self._began_s) / step_s
        self._slot = max(self._slot + 1, int(np.floor(now)))
        if self._slot >= len(self._first):
            return False
        time.sleep(max(0.0, self._began_s + self._slot * step_s - time.monotonic()))
        self.placement.place(self._poses_of(self._slot), tick=False)
        return True

    def poses(self, frame: int) -> Poses | None:
        return self._poses_of(self._slot)

    @property
    def _step_s(self) -> float:
        """Seconds of the wall's time that a slot lasts."""
        return self._plan.step_ns / 1e9 / self.stepper.speed

    def place_again(self, frame: int) -> None:
        """Leave it: time has gone on."""

    def slot(self, frame: int) -> int:
        return self._slot

    def observe(self, frame: int, timestamp_ns: int) -> None:
        """Go on from the simulator's own time: it falls behind where its machine is busy.

        And a SteppableClock takes a ClockSpeed above 1 as a whole number (AirSim).
        """
        if self._origin_ns is None:
            self._origin_ns = timestamp_ns - self._slot * self._plan.step_ns
        passed_s = (timestamp_ns - self._origin_ns) / 1e9 / self.stepper.speed
        self._began_s = time.monotonic() - passed_s


def begin_flight(
    client: Any, plan: FlightPlan, paths: dict[str, Trajectory], views: Views, mode: str
) -> Flight:
    """Return the flight of a plan in a mode: ``pose``, ``step`` or ``realtime``.

    Args:
        client: the simulator.
        plan: what is flown.
        paths: trajectory of each vehicle by its name, see `Views`.
        views: what is recorded.
        mode: how.
    """
    if mode == "pose":
        return PoseFlight(client, plan, paths, views)
    if mode == "realtime":
        return RealtimeFlight(client, plan, paths, views)
    kind = CarFlight if plan.vehicle == "car" else MultirotorFlight
    return kind(client, plan, paths, views)
