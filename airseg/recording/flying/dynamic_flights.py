"""Flights by the vehicle's own dynamics: it is told where to go, and recorded where it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from airseg.errors import SimulatorError
from airseg.flight import FlightPlan, Trajectory
from airseg.geometry import euler_from_quaternion, wrap_angle
from airseg.recording.flying.mounting import vehicle_pose
from airseg.recording.flying.placement import Poses, choose_placement
from airseg.recording.flying.stepping import Stepper
from airseg.recording.flying.views import Views, moves_do_nothing, sim_mode
from airseg.simulators.protocol import CarControls, DrivetrainType, Vector3r, YawMode

_LOOKAHEAD_S = 0.6
_LEAST_LOOKAHEAD_M = 0.75
_STOPPED_SHORT_M = 2.0
_MODES = {"multirotor": "Multirotor", "car": "Car", "camera": "ComputerVision"}


class DynamicFlight(ABC):
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
        if moves_do_nothing(self._client):
            raise SimulatorError(
                "the simulator's PhysicsEngineName is ExternalPhysicsEngine, by which a multirotor "
                "stays where it is put. Take it out of settings.json, or use --mode pose."
            )
        self._client.enableApiControl(True, *self._named)
        if not self._client.isApiControlEnabled(*self._named):
            raise SimulatorError(
                f"the simulator lets nobody control the {self._plan.vehicle}. Take AllowAPIAlways "
                "out of settings.json, or use --mode pose."
            )
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
        if self._has_arrived():
            return False
        if frame >= self._most_frames:
            self._refuse_never_to_arrive()
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

    def _left_m(self) -> float:
        """Return how far the vehicle is from the end of its path, metres."""
        place = vehicle_pose(self._client, self._views.first)[:3]
        return float(np.linalg.norm(self._path.position[-1] - place))

    def _refuse_never_to_arrive(self) -> None:
        """Raise where a flight that is not cut off takes three times as long, and gets nowhere."""
        if not self._plan.duration_s and (left := self._left_m()) > _STOPPED_SHORT_M:
            raise SimulatorError(
                f"the {self._plan.vehicle} is {left:.1f} m from the end of its path after three "
                "times the time that it should take. Does it stand before something, or does "
                "another program hold it? Use --mode pose, or a plan that leads around."
            )

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


class MultirotorFlight(DynamicFlight):
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
        if (left := self._left_m()) > _STOPPED_SHORT_M:
            raise SimulatorError(
                f"the multirotor gave its path up {left:.1f} m before its end. Does another "
                "program fly it, or did it run into something? Use --mode pose to fly through."
            )


class CarFlight(DynamicFlight):
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
