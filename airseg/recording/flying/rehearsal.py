"""A rehearsal: the very order of calls a recording will make, measured and not recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from airseg.flight import FlightPlan, Trajectory
from airseg.geometry import IDENTITY
from airseg.recording.flying.flights import PoseFlight
from airseg.recording.flying.instant import Capturer
from airseg.recording.flying.mounting import mount
from airseg.recording.flying.pose_check import PoseCheck
from airseg.recording.flying.views import find_views, sim_mode

_VEHICLES = {"Car": "car", "ComputerVision": "camera"}
_ADVANCE_M = 0.1
_HEIGHT_M = 3.0


@dataclass(frozen=True)
class Rehearsal:
    """How exact a simulator is.

    Attributes:
        placement: how vehicles were put where they shall be, see `placement`.
        steps: how many were taken; step_ns: how long each should have been.
        pose_error_mm, pose_error_deg: the largest between images and plan.
        drift_ns: the largest between a frame's time and its place, counted from the first.
        is_steppable: whether time can be stepped; time_runs: whether it runs while paused.
        time_moves: whether each frame is later than the one before, as recordings need it.
        remedy: what would bring times nearer to their places, or an empty text.
    """

    placement: str
    steps: int
    step_ns: int
    pose_error_mm: float
    pose_error_deg: float
    drift_ns: int
    is_steppable: bool
    time_runs: bool
    time_moves: bool
    remedy: str


def rehearse(client: Any, steps: int) -> Rehearsal:
    """Fly straight ahead and measure; the simulator is reset, and paused afterwards.

    Raises:
        SimulatorError: it cannot be recorded from at all; the message says why.
    """
    plan = rehearsed_plan(client, steps)
    views, down = find_views(client, plan), plan.start.position[2]
    client.simPause(True)
    capturer = Capturer(client, plan, views)
    capturer.warm_up()
    client.reset()
    client.simPause(True)
    for view in views.all:
        mount(client, view)
    check = PoseCheck(client, views.all, None, {})
    flight = PoseFlight(client, plan, {views.first: _straight(steps + 1, down, plan)}, views)
    flight.begin()
    times = []
    for frame in range(steps + 1):
        if frame:
            flight.advance(frame)
        answers = capturer.fetch()
        times.append(int(answers[0].time_stamp))
        flight.observe(frame, times[-1])
        check.check(frame, flight.poses(frame), capturer.poses(answers) or [])  # type: ignore[arg-type]
    places = times[0] + plan.step_ns * np.arange(steps + 1)
    notes = check.notes()
    drift_ns = int(np.abs(np.array(times) - places).max())
    return Rehearsal(
        flight.placement.name,
        steps,
        plan.step_ns,
        notes["largest_pose_error_mm"],
        notes["largest_pose_error_deg"],
        drift_ns,
        flight.stepper.is_steppable,
        capturer.time_runs,
        bool((np.diff(times) > 0).all()),
        flight.stepper.remedy(drift_ns),
    )


def rehearsed_plan(client: Any, steps: int) -> FlightPlan:
    """Return a plan that flies straight ahead, by what the simulator's SimMode has."""
    mode = sim_mode(client)
    down = 0.0 if mode == "Car" else -_HEIGHT_M
    return FlightPlan.model_validate(
        {
            "description": "a rehearsal",
            "vehicle": _VEHICLES.get(mode, "multirotor"),
            "start": {"position": (0.0, 0.0, down)},
            "waypoints": [{"position": (steps * _ADVANCE_M, 0.0, down)}],
        }
    )


def _straight(frames: int, down: float, plan: FlightPlan) -> Trajectory:
    position = np.zeros((frames, 3))
    position[:, 0] = _ADVANCE_M * np.arange(frames)
    position[:, 2] = down
    time_ns = np.arange(frames, dtype=np.int64) * plan.step_ns
    velocity = np.gradient(position, plan.step_ns / 1e9, axis=0)
    return Trajectory(time_ns, position, velocity, np.tile(IDENTITY, (frames, 1)))  # type: ignore[arg-type]
