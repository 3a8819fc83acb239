"""Fly the poses of a recording again, with another camera, weather or light."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from airseg.errors import RecordingError
from airseg.flight import Trajectory
from airseg.flight.plan import FlightPlan, plan_from_data
from airseg.geometry import (
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_multiply,
    rotate,
)
from airseg.recording.flying.assignment import Assignment
from airseg.recording.stored import Recording
from airseg.recording.stored.frame_table import POSE_COLUMNS


def replay(folder: Path, name: str | None, plan: FlightPlan | None) -> Assignment:
    """Return the flight that repeats a recording.

    The recorded poses are those of the camera; the vehicle is put where it must have been for the
    camera, mounted as the recording's plan says, to have been there.

    Args:
        folder: the recording.
        name: of the new sequence; None takes the recording's with ``-replay``.
        plan: whose camera, weather, light and streams are taken, and its split if it has one; None
            takes the recording's own.

    Raises:
        RecordingError: it has fewer than two frames, or another rate than the plan.
        PlanError: its plan cannot be read.
    """
    recording = Recording.open(folder)
    own = plan_from_data(recording.info.plan, f"{folder / 'recording.json'}")
    where = {"environment": own.environment, "seed": own.seed}  # poses mean nothing elsewhere
    wanted = (plan or own).model_copy(update={"mode": "pose", **where})
    if wanted.split is None:  # other light makes no other places of those of a test
        wanted = wanted.model_copy(update={"split": own.split})
    if len(recording) < 2:
        raise RecordingError(f"{folder}: has {len(recording)} frames; nothing can be flown again.")
    if wanted.rate_hz != own.rate_hz:
        raise RecordingError(
            f"{folder}: has {own.rate_hz:g} frames a second and the plan wants "
            f"{wanted.rate_hz:g}; give the plan the recording's rate_hz."
        )
    poses = recording.frames[list(POSE_COLUMNS)].to_numpy()
    pitch = np.radians(own.camera.pitch_deg)
    back = quaternion_conjugate(quaternion_from_euler(0.0, pitch, 0.0))
    orientation = np.array([quaternion_multiply(q, back) for q in poses[:, 3:]])
    mounted = np.asarray(own.camera.position_m)
    position = poses[:, :3] - np.array([rotate(q, mounted) for q in orientation])
    time_ns = np.arange(len(poses), dtype=np.int64) * wanted.step_ns
    velocity = np.gradient(position, wanted.step_ns / 1e9, axis=0)
    identity = hashlib.blake2b(poses.tobytes(), digest_size=16)
    identity.update(wanted.fingerprint().encode())
    return Assignment(
        name or f"{recording.name}-replay",
        wanted,
        Trajectory(time_ns, position, velocity, orientation),
        identity.hexdigest(),
        recording.name,
    )
