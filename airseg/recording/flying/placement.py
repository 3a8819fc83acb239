"""Putting vehicles, or their cameras, exactly where a plan wants them while time stands still.

What a pose does when it is set depends on simulator and mode. A multirotor's body has it at once,
but what is seen follows at the next tick of the game, and none happens while paused; and a body
that keeps the speed of its fall is off again by then. So several ways are tried, and the first
after which the simulator itself says that the vehicles are there is taken.

Order of calls and errors measured on AirSim's own server code; kinematics at rest and a step of 0 s
were exact to the last digit, where a pose after a step shows the frame before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from airseg.errors import SimulatorError
from airseg.geometry import compose_poses, invert_pose, pose_difference
from airseg.recording.flying.mounting import (
    as_pose,
    camera_offset,
    camera_pose,
    mount_of,
    vehicle_pose,
)
from airseg.recording.flying.stepping import Stepper, is_missing
from airseg.recording.flying.views import View
from airseg.simulators.protocol import KinematicsState, Quaternionr, Vector3r

Poses = Mapping[str, np.ndarray]
"""(7,) pose of each vehicle, relative to its own start: metres, quaternion w x y z."""

_TICKS = 3


class Placement(Protocol):
    """A way to put vehicles somewhere; `name` goes into the recording."""

    name: str

    def place(self, poses: Poses, *, tick: bool = True) -> None:
        """Let the next images show these poses.

        Args:
            poses: of each vehicle.
            tick: whether to let what is seen follow, while time stands still.
        """


class VehiclePlacement:
    """Sets the vehicles' own poses.

    Args:
        client, stepper: the simulator.
        at_rest: with all motion set to none, or else the pose alone.
        ticks: whether what is seen needs a tick to follow.
    """

    def __init__(self, client: Any, stepper: Stepper, *, at_rest: bool, ticks: bool) -> None:
        self._client, self._stepper = client, stepper
        self._at_rest, self._ticks = at_rest, ticks
        self.name = ("kinematics" if at_rest else "vehicle pose") + (" and tick" if ticks else "")

    def place(self, poses: Poses, *, tick: bool = True) -> None:
        for vehicle, pose in poses.items():
            # Without a name, clients of one vehicle need no third argument.
            more = (vehicle,) if vehicle else ()
            if self._at_rest:
                self._client.simSetKinematics(_state_at_rest(pose), True, *more)
            else:
                self._client.simSetVehiclePose(as_pose(pose), True, *more)
        if tick and self._ticks:
            self._stepper.tick()


class CameraPlacement:
    """Leaves the vehicles where they are and moves their cameras.

    Args:
        client: the simulator.
        views: whose cameras are moved.
        offsets: (7,) pose of each view's camera on its vehicle, as the plan mounts it.
    """

    name = "camera pose"

    def __init__(self, client: Any, views: list[View], offsets: list[np.ndarray]) -> None:
        self._client, self._views, self._offsets = client, views, offsets
        self._mounts: list[np.ndarray] = []

    def place(self, poses: Poses, *, tick: bool = True) -> None:
        if not self._mounts:
            self._mounts = [mount_of(self._client, view) for view in self._views]
        for view, offset, zero in zip(self._views, self._offsets, self._mounts, strict=True):
            vehicle = vehicle_pose(self._client, view.vehicle)
            wanted = compose_poses(poses[view.vehicle], offset)
            moved = compose_poses(invert_pose(compose_poses(vehicle, zero)), wanted)
            self._client.simSetCameraPose(view.camera_name, as_pose(moved), view.vehicle)


def choose_placement(
    client: Any,
    stepper: Stepper,
    views: list[View],
    poses: Poses,
    is_there: Callable[[float, float], bool],
    mode: str,
) -> Placement:
    """Put the vehicles somewhere, and return the way that got them there.

    Args:
        client, stepper: the simulator, whose time stands still.
        views: what will be recorded.
        poses: where the vehicles shall be.
        is_there: tells whether an error of metres and degrees is small enough.
        mode: SimMode, which only decides what is tried first.

    Raises:
        SimulatorError: no way leads there; the message says how far off the best one is.
    """
    offsets = [camera_offset(client, view) for view in views]

    def on_vehicles(*, at_rest: bool, ticks: bool) -> Placement:
        return VehiclePlacement(client, stepper, at_rest=at_rest, ticks=ticks)

    ways = [
        on_vehicles(at_rest=True, ticks=True),
        on_vehicles(at_rest=False, ticks=True),
        on_vehicles(at_rest=False, ticks=False),
    ]
    if mode in ("Car", "ComputerVision"):
        ways.reverse()
    ways.append(CameraPlacement(client, views, offsets))
    least = (np.inf, np.inf)
    for way in ways:
        try:
            way.place(poses)
        except Exception as cause:
            if not is_missing(cause):
                raise
            continue
        for _ in range(_TICKS):  # a tick may have come before the pose
            error = _largest_error(client, views, offsets, poses)
            least = min(least, error)
            if is_there(*error):
                return way
            if " and tick" not in way.name:
                break
            stepper.tick()
    raise SimulatorError(
        f"the simulator does not show the poses that are set: the cameras stay {least[0]:.3f} m "
        f"and {least[1]:.2f} degrees off the plan. Does another program move the vehicles, or a "
        'Gimbal the cameras? In settings.json, "PhysicsEngineName": "ExternalPhysicsEngine" lets '
        "multirotors stay where they are put, and `airseg doctor` tells which modes work here."
    )


def _largest_error(
    client: Any, views: list[View], offsets: list[np.ndarray], poses: Poses
) -> tuple[float, float]:
    """Return metres and degrees between where cameras are and where they shall be."""
    apart = []
    for view, offset in zip(views, offsets, strict=True):
        seen = camera_pose(client, view)
        apart.append(pose_difference(seen, compose_poses(poses[view.vehicle], offset)))
    metres, degrees = (max(values) for values in zip(*apart, strict=True))
    return (metres, degrees) if np.isfinite([metres, degrees]).all() else (np.inf, np.inf)


def _state_at_rest(pose: np.ndarray) -> KinematicsState:
    return KinematicsState(
        position=Vector3r.from_array(pose[:3]), orientation=Quaternionr.from_array(pose[3:])
    )
