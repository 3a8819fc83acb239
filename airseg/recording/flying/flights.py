"""Ways to fly a plan, frame by frame, while simulator time advances in steps.

`PoseFlight` sets the exact pose of every frame while the world stands still: exact on every
simulator. `MultirotorFlight` and `CarFlight` let the vehicle's own dynamics fly.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np

from airseg.errors import SimulatorError
from airseg.flight import FlightPlan, Trajectory
from airseg.geometry import euler_from_quaternion, wrap_angle
from airseg.recording.flying.mounting import vehicle_pose
from airseg.recording.flying.placement import Placement, Poses, choose_placement
from airseg.recording.flying.stepping import Stepper
from airseg.recording.flying.views import Views, told_settings
from airseg.simulators.protocol import (
    CarControls,
    DrivetrainType,
    Vector3r,
    YawMode,
)

_LOOKAHEAD_S = 0.6
_LEAST_LOOKAHEAD_M = 0.75
_STOPPED_SHORT_M = 2.0
_AHEAD_NS = 1_000_000_000  # more than a first frame in real time comes late
_MODES = {"multirotor": "Multirotor", "car": "Car", "camera": "ComputerVision"}


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
        """Leave the clock to itself."""


class _DynamicFlight(ABC):
    """What flights by the vehicle's own dynamics share."""

    def __init__(
        self, client: Any, plan: FlightPlan, paths: dict[str, Trajectory], views: Views
    ) -> None:
        self._client, self._plan, self._views = client, plan, views
        self._path = path = paths[views.first]
        self._named = (views.first,) if views.first else ()
        self.stepper = Stepper(client, views.first, plan.step_ns)
        # A vehicle that never arrives must not record for ever.
        self._most_frames = 3 * len(path) + round(20 * plan.rate_hz)
        if plan.duration_s:
            self._most_frames = len(path)

    def get_ready(self) -> None:
        mode = sim_mode(self._client)
        wanted = _MODES[self._plan.vehicle]
        if mode != wanted:
            raise SimulatorError(
                f"a {self._plan.vehicle} that flies by its own dynamics needs SimMode "
                f"{wanted}; the simulator runs {mode or 'an unknown mode'}. Change SimMode in "
                "settings.json, or use --mode pose."
            )
        self._client.enableApiControl(True, *self._named)
        self._client.armDisarm(True, *self._named)
        start = np.concatenate([self._path.position[0], self._path.orientation[0]])
        self.placement = choose_placement(
            self._client,
            self.stepper,
            self._views.all[:1],
            {self._views.first: start},
            self._plan.pose_tolerance.holds,
            mode,
        )

    def begin(self) -> None:
        self.get_ready()
        self._set_off()
        self.stepper.begin(0)

    def skip_to(self, frame: int, slot: int, time_ns: int) -> None:
        for k in range(1, frame + 1):
            self.advance(k)

    def advance(self, frame: int) -> bool:
        if frame >= self._most_frames or self._has_arrived():
            return False
        self._steer()
        self.stepper.advance_to(frame)
        self._show()
        return True

    def poses(self, frame: int) -> Poses | None:
        return None

    def place_again(self, frame: int) -> None:  # noqa: B027 - nothing is to be done, on purpose
        """Leave it where it flies."""

    def slot(self, frame: int) -> int:
        return frame

    def observe(self, frame: int, timestamp_ns: int) -> None:
        self.stepper.observe(frame, timestamp_ns)

    def velocity(self, vehicle: str) -> np.ndarray | None:
        v = self._client.simGetGroundTruthKinematics(*self._named).linear_velocity
        return np.array([v.x_val, v.y_val, v.z_val], float)

    @property
    def slots(self) -> int | None:
        return None

    @abstractmethod
    def _set_off(self) -> None:
        """Give the order that begins the flight."""

    @abstractmethod
    def _steer(self) -> None:
        """Give the orders of the next step."""

    @abstractmethod
    def _show(self) -> None:
        """Let what is seen catch up with the vehicle."""

    @abstractmethod
    def _has_arrived(self) -> bool:
        """Tell whether the flight is over."""


class MultirotorFlight(_DynamicFlight):
    """Sends a multirotor along the path, nose forward, and waits until it arrives."""

    def _set_off(self) -> None:
        every = max(int(self._plan.rate_hz / 4), 1)
        points = [*self._path.position[::every], self._path.position[-1]]
        # AirSim refuses, without a word, a path that is shorter than what it looks ahead.
        length = float(np.linalg.norm(np.diff(self._path.position, axis=0), axis=1).sum())
        is_short = length < 2 * max(_LOOKAHEAD_S * self._plan.speed_mps, _LEAST_LOOKAHEAD_M)
        lookahead = max(length / 2, _LEAST_LOOKAHEAD_M) if is_short else -1.0
        self._move = self._client.moveOnPathAsync(
            [Vector3r.from_array(p) for p in points],
            self._plan.speed_mps,
            3e38,
            DrivetrainType.ForwardOnly,
            YawMode(False, 0.0),
            lookahead,
            **({"vehicle_name": self._views.first} if self._views.first else {}),
        )

    def _steer(self) -> None:
        """Leave the simulator to follow the path it was given."""

    def _show(self) -> None:
        """Let the game tick, unless the clock is exact: its steps end with a tick."""
        if not self.stepper.is_exact:
            self.stepper.tick()

    def _has_arrived(self) -> bool:
        move = self._move
        if not hasattr(move, "done"):  # the official client's future
            return bool(getattr(move, "_set_flag", False))
        if not move.done():
            return False
        if not move.result():  # True, False where it stopped short or was cancelled, or an error
            self._refuse_to_have_given_up()
        return True

    def _refuse_to_have_given_up(self) -> None:
        """Raise unless the flight stopped near its end, as slow ones do."""
        place = vehicle_pose(self._client, self._views.first)[:3]
        left = float(np.linalg.norm(self._path.position[-1] - place))
        if left > _STOPPED_SHORT_M:
            raise SimulatorError(
                f"the multirotor gave its path up {left:.1f} m before its end. Does another "
                "program fly it, or did it run into something? Use --mode pose to fly through."
            )


class CarFlight(_DynamicFlight):
    """Drives a car along the path: pure pursuit for the wheel, speed error for the pedals."""

    _WHEELBASE_M = 2.6
    _FULL_LOCK = np.radians(35.0)

    def _set_off(self) -> None:
        self._reached = 0

    def _steer(self) -> None:
        state = self._client.simGetGroundTruthKinematics(*self._named)
        p, q, v = state.position, state.orientation, state.linear_velocity
        place = np.array([p.x_val, p.y_val])
        yaw = euler_from_quaternion(np.array([q.w_val, q.x_val, q.y_val, q.z_val]))[2]
        speed = float(np.hypot(v.x_val, v.y_val))
        path = self._path.position[:, :2]
        ahead = path[self._reached : self._reached + 100]
        self._reached += int(np.argmin(np.linalg.norm(ahead - place, axis=1)))
        reach = max(3.0, 0.6 * speed)
        rest = np.linalg.norm(path[self._reached :] - place, axis=1)
        target = (
            path[self._reached + int(np.argmax(rest >= reach))]
            if (rest >= reach).any()
            else path[-1]
        )
        towards = target - place
        off = wrap_angle(float(np.arctan2(towards[1], towards[0])) - yaw)
        bend = 2 * np.sin(off) / max(float(np.linalg.norm(towards)), 0.5)
        steering = float(np.clip(np.arctan(bend * self._WHEELBASE_M) / self._FULL_LOCK, -1, 1))
        here = min(self._reached + round(0.5 * self._plan.rate_hz), len(path) - 1)
        wanted = max(float(np.linalg.norm(self._path.velocity[here])), 0.6)
        push = float(np.clip(0.5 * (wanted - speed) + 0.08 * wanted, -1, 1))
        self._client.setCarControls(
            CarControls(throttle=max(push, 0.0), steering=steering, brake=max(-push, 0.0)),
            *self._named,
        )

    def _show(self) -> None:
        """Leave it: a car moves at ticks alone, and one more would take a frame's time."""

    def _has_arrived(self) -> bool:
        left = np.linalg.norm(self._path.position[-1, :2] - self._path.position[self._reached, :2])
        return bool(self._reached >= len(self._path) - 2 or left < 0.5)


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


def sim_mode(client: Any) -> str:
    """Return the simulator's SimMode, or an empty string where its settings do not say."""
    return str(told_settings(client).get("SimMode", ""))
