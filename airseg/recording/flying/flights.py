"""Ways to fly a plan, frame by frame, while simulator time advances in steps.

`PoseFlight` sets the exact pose of every frame while the world stands still: exact on every
simulator. `MultirotorFlight` and `CarFlight` let the vehicle's own dynamics fly.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np

from airseg.errors import RpcError, SimulatorError
from airseg.flight.plan import FlightPlan
from airseg.flight.trajectory import Trajectory
from airseg.geometry import euler_from_quaternion, wrap_angle
from airseg.simulators.protocol import (
    CarControls,
    DrivetrainType,
    Pose,
    Quaternionr,
    Vector3r,
    YawMode,
)

_SETTLE_POLLS = 200
_MODES = {"multirotor": "Multirotor", "car": "Car", "camera": "ComputerVision"}


class Stepper:
    """Advances simulator time while it is paused.

    Attributes:
        is_steppable: whether the simulator can; AirSim 1.8 in ComputerVision mode cannot, and then
            frames carry whatever time its running clock shows.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.is_steppable = True
        self._origin: tuple[int, int] | None = None
        self._owed_ns = 0

    def observe(self, frame: int, timestamp_ns: int, step_ns: int) -> None:
        """Learn what time a frame really has, so that the next step makes up for the difference.

        AirSim steps in wall time, so that its steps are never exact; without a correction their
        errors would add up.
        """
        if self._origin is None:
            self._origin = (frame, timestamp_ns)
        first, began_ns = self._origin
        owed = began_ns + (frame - first) * step_ns - timestamp_ns
        self._owed_ns = max(-step_ns // 2, min(step_ns // 2, owed))

    def settle(self) -> None:
        """Let what is seen follow the poses that were set, while time stands still."""
        if self.is_steppable:
            self._continue(0.0)

    def advance(self, span_ns: int) -> None:
        """Let a span of time pass, then stand still."""
        if span_ns <= 0 or not self.is_steppable:
            return
        self._continue((span_ns + self._owed_ns) / 1e9)

    def _continue(self, seconds: float) -> None:
        try:
            self._client.simContinueForTime(seconds)
        except Exception as cause:
            # Both our client's error and the official client's carry AirSim's text.
            if "not implemented" not in str(cause) and "could not find" not in str(cause):
                raise
            self.is_steppable = False
            return
        # In Car and ComputerVision mode AirSim answers before the time has passed.
        for _ in range(_SETTLE_POLLS):
            if self._client.simIsPause():
                return
            time.sleep(0.005)
        raise SimulatorError("the simulator did not pause again after a time step.")


class Flight(Protocol):
    """A plan being flown. `begin` once, then `advance` before each frame but the first."""

    def begin(self) -> None:
        """Bring the vehicle to the state of frame 0; time stands still."""

    def skip_to(self, frame: int, slot: int) -> None:
        """Bring everything to the state of a later frame, of a time slot, without capturing."""

    def advance(self, frame: int) -> bool:
        """Go on to a frame from the one before; False when the flight is over."""

    def velocity(self, frame: int, vehicle: str) -> np.ndarray:
        """Return a vehicle's velocity, (3,) m/s NED."""

    def slot(self, frame: int) -> int:
        """Return the time slot of the frame that was advanced to; slots are one step long."""

    def observe(self, frame: int, timestamp_ns: int) -> None:
        """Learn what time a captured frame really has."""


class PoseFlight:
    """Puts the vehicles where their trajectories say, frame by frame.

    Args:
        paths: of each vehicle by its name; the first one's name is empty.
    """

    def __init__(
        self, client: Any, plan: FlightPlan, paths: dict[str, Trajectory], stepper: Stepper
    ) -> None:
        self._client, self._plan, self._paths, self._stepper = client, plan, paths, stepper

    def begin(self) -> None:
        self._place(0)

    def skip_to(self, frame: int, slot: int) -> None:
        self._stepper.advance(frame * self._plan.step_ns)
        self._place(frame)

    def advance(self, frame: int) -> bool:
        if frame >= len(self._paths[""]):
            return False
        self._stepper.advance(self._plan.step_ns)
        self._place(frame)
        return True

    def velocity(self, frame: int, vehicle: str) -> np.ndarray:
        return self._paths[vehicle].velocity[frame]

    def slot(self, frame: int) -> int:
        return frame

    def observe(self, frame: int, timestamp_ns: int) -> None:
        self._stepper.observe(frame, timestamp_ns, self._plan.step_ns)

    def _place(self, frame: int) -> None:
        self._set_poses(frame)
        self._stepper.settle()

    def _set_poses(self, frame: int) -> None:
        for name, path in self._paths.items():
            # Without a name, clients of one vehicle need no third argument.
            more = (name,) if name else ()
            self._client.simSetVehiclePose(_pose_of(path, frame), True, *more)


class RealtimeFlight(PoseFlight):
    """Sets poses while the simulator's clock runs; slots whose time has passed are left out."""

    def begin(self) -> None:
        self._client.simPause(False)
        self._slot = 0
        self._set_poses(0)
        self._began_s = time.monotonic()

    def skip_to(self, frame: int, slot: int) -> None:
        self._slot = slot
        self._began_s = time.monotonic() - slot * self._plan.step_ns / 1e9

    def advance(self, frame: int) -> bool:
        step_s = self._plan.step_ns / 1e9
        now = (time.monotonic() - self._began_s) / step_s
        self._slot = max(self._slot + 1, int(np.floor(now)))
        if self._slot >= len(self._paths[""]):
            return False
        time.sleep(max(0.0, self._began_s + self._slot * step_s - time.monotonic()))
        self._set_poses(self._slot)
        return True

    def velocity(self, frame: int, vehicle: str) -> np.ndarray:
        return self._paths[vehicle].velocity[self._slot]

    def slot(self, frame: int) -> int:
        return self._slot

    def observe(self, frame: int, timestamp_ns: int) -> None:
        """Leave the clock to itself."""


class _DynamicFlight(ABC):
    """What flights by the vehicle's own dynamics share."""

    def __init__(self, client: Any, plan: FlightPlan, path: Trajectory, stepper: Stepper) -> None:
        self._client, self._plan, self._path, self._stepper = client, plan, path, stepper
        # A vehicle that never arrives must not record for ever.
        self._most_frames = 3 * len(path) + round(20 * plan.rate_hz)
        if plan.duration_s:
            self._most_frames = len(path)

    def begin(self) -> None:
        mode = sim_mode(self._client)
        wanted = _MODES[self._plan.vehicle]
        if mode != wanted:
            raise SimulatorError(
                f"a {self._plan.vehicle} that flies by its own dynamics needs SimMode "
                f"{wanted}; the simulator runs {mode or 'an unknown mode'}. Change SimMode in "
                "settings.json, or use --mode pose."
            )
        self._client.enableApiControl(True)
        self._client.armDisarm(True)
        self._client.simSetVehiclePose(_pose_of(self._path, 0), True)
        self._stepper.settle()
        self._set_off()

    def skip_to(self, frame: int, slot: int) -> None:
        for k in range(1, frame + 1):
            self.advance(k)

    def advance(self, frame: int) -> bool:
        if frame >= self._most_frames or self._has_arrived():
            return False
        self._steer()
        self._stepper.advance(self._plan.step_ns)
        return True

    def slot(self, frame: int) -> int:
        return frame

    def observe(self, frame: int, timestamp_ns: int) -> None:
        self._stepper.observe(frame, timestamp_ns, self._plan.step_ns)

    def velocity(self, frame: int, vehicle: str) -> np.ndarray:
        v = self._client.simGetGroundTruthKinematics().linear_velocity
        return np.array([v.x_val, v.y_val, v.z_val], float)

    @abstractmethod
    def _set_off(self) -> None:
        """Give the order that begins the flight."""

    @abstractmethod
    def _steer(self) -> None:
        """Give the orders of the next step."""

    @abstractmethod
    def _has_arrived(self) -> bool:
        """Tell whether the flight is over."""


class MultirotorFlight(_DynamicFlight):
    """Sends a multirotor along the path, nose forward, and waits until it arrives."""

    def _set_off(self) -> None:
        every = max(int(self._plan.rate_hz / 4), 1)
        points = [*self._path.position[::every], self._path.position[-1]]
        self._move = self._client.moveOnPathAsync(
            [Vector3r.from_array(p) for p in points],
            self._plan.speed_mps,
            3e38,
            DrivetrainType.ForwardOnly,
            YawMode(False, 0.0),
        )

    def _steer(self) -> None:
        """Leave the simulator to follow the path it was given."""

    def _has_arrived(self) -> bool:
        move = self._move
        if not hasattr(move, "done"):  # the official client's future
            return bool(getattr(move, "_set_flag", False))
        if not move.done():
            return False
        move.result()  # a flight that failed says so here
        return True


class CarFlight(_DynamicFlight):
    """Drives a car along the path: pure pursuit for the wheel, speed error for the pedals."""

    _WHEELBASE_M = 2.6
    _FULL_LOCK = np.radians(35.0)

    def _set_off(self) -> None:
        self._reached = 0

    def _steer(self) -> None:
        state = self._client.simGetGroundTruthKinematics()
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
            CarControls(throttle=max(push, 0.0), steering=steering, brake=max(-push, 0.0))
        )

    def _has_arrived(self) -> bool:
        left = np.linalg.norm(self._path.position[-1, :2] - self._path.position[self._reached, :2])
        return bool(self._reached >= len(self._path) - 2 or left < 0.5)


def begin_flight(client: Any, plan: FlightPlan, paths: dict[str, Trajectory], mode: str) -> Flight:
    """Return the flight of a plan in a mode: ``pose``, ``step`` or ``realtime``.

    Args:
        client: the simulator.
        plan: what is flown.
        paths: trajectory of each vehicle by its name; the first one's name is empty.
        mode: how.
    """
    stepper = Stepper(client)
    if mode == "pose":
        return PoseFlight(client, plan, paths, stepper)
    if mode == "realtime":
        return RealtimeFlight(client, plan, paths, stepper)
    kind = CarFlight if plan.vehicle == "car" else MultirotorFlight
    return kind(client, plan, paths[""], stepper)


def sim_mode(client: Any) -> str:
    """Return the simulator's SimMode, or an empty string where its settings do not say."""
    try:
        return str(json.loads(client.getSettingsString()).get("SimMode", ""))
    except (ValueError, AttributeError, RpcError):
        return ""


def _pose_of(path: Trajectory, frame: int) -> Pose:
    return Pose(
        Vector3r.from_array(path.position[frame]), Quaternionr.from_array(path.orientation[frame])
    )
