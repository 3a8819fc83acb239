"""Fly the poses of a recording again, with another camera, weather or light."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from airseg.errors import RecordingError
from airseg.flight import Trajectory
from airseg.flight.plan import FlightPlan, PlanCamera, plan_from_data
from airseg.geometry import (
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_multiply,
    rotate,
)
from airseg.recording.flying.assignment import Assignment
from airseg.recording.flying.flight_folders import folders_of, refuse_shared_folders
from airseg.recording.flying.views import FIRST_CAMERA
from airseg.recording.stored import Recording
from airseg.recording.stored.frame_table import POSE_COLUMNS
from airseg.recording.stored.storage import RecordingInfo, find_recordings, read_info

_SEEN_BY = ("vehicle", "rate_hz", "depth", "flow")


def replays(
    source: Path,
    name: str | None,
    plan: FlightPlan | None,
    out: Path,
    *,
    world: str | None = None,
    seed: int | None = None,
) -> list[Assignment]:
    """Return the flights that repeat a recording, or each recording of a folder, see `replay`.

    Args:
        source: the recording, or the folder of recordings.
        name: of the plan; of each of several recordings it becomes the end of the new name.
        plan: whose camera, weather, light and streams are taken; None flies each recording's own
            again, with its further views, whose recordings are then not flown by themselves.
        out: where the flights are to be recorded.
        world, seed: that are asked for; None takes the recordings'.

    Raises:
        RecordingError: one cannot be flown again, would be recorded over itself or another one,
            would change its split, or was recorded in another world.
        PlanError: the plan of one cannot be read.
    """
    if not source.is_dir() or (source / "recording.json").exists():
        found, flights = [source], [replay(source, name, plan)]
    else:
        if out.resolve() == source.resolve():
            raise RecordingError(
                f"{source}: is flown again into itself, so that a second run would fly the first "
                "one's flights again, too. Choose another --out."
            )
        found = find_recordings([source])
        if plan is None:
            found = _without_views(found)
        flights = [replay(each, f"{each.name}-{name or 'replay'}", plan) for each in found]
        for folder, flight in zip(found, flights, strict=True):
            _refuse_another_split(folder, plan, flight)
    refuse_shared_folders((flight.name, flight.plan) for flight in flights)
    for folder in found:
        _refuse_another_world(folder, world, seed)
    recorded = {folder.resolve() for folder in found}
    for flight in flights:
        for folder in folders_of(out / flight.name, flight.plan):
            if folder.resolve() in recorded:
                raise RecordingError(
                    f"{folder}: would be replayed into itself. Choose another --out, or rename the "
                    "plan."
                )
    return flights


def _without_views(folders: list[Path]) -> list[Path]:
    """Return recordings without the further views of others among them, which are flown with these.

    A view whose flight is elsewhere stays.
    """
    infos = {folder: read_info(folder) for folder in folders}
    firsts = [info for info in infos.values() if "view" not in info.notes]

    def is_flown_with(view: RecordingInfo, first: RecordingInfo) -> bool:
        is_one_flight = view.plan_fingerprint == first.plan_fingerprint
        return is_one_flight and view.sequence.startswith(f"{first.sequence}-")

    return [
        folder
        for folder, info in infos.items()
        if "view" not in info.notes or not any(is_flown_with(info, first) for first in firsts)
    ]


def _refuse_another_world(folder: Path, world: str | None, seed: int | None) -> None:
    """Refuse worlds that are asked for where poses are known to be those of another one."""
    noted = read_info(folder).simulator
    for what, asked in (("world", world), ("seed", seed)):
        if None not in (asked, noted.get(what)) and asked != noted[what]:
            raise RecordingError(
                f"{folder}: was recorded in {what} {noted[what]}, and its poses mean nothing in "
                f"{what} {asked}. Leave --{what} out."
            )


def _refuse_another_split(folder: Path, plan: FlightPlan | None, flight: Assignment) -> None:
    """Refuse a plan that would move a flight of several into another part of a dataset."""
    before = read_info(folder).split
    if plan is not None and before is not None and flight.plan.split != before:
        raise RecordingError(
            f"{folder}: is of split {before}, and the plan says split: {flight.plan.split}. Leave "
            "it out of the plan, so that each flight keeps its own."
        )


def replay(folder: Path, name: str | None, plan: FlightPlan | None) -> Assignment:
    """Return the flight that repeats a recording.

    The recorded poses are those of the camera; the vehicle is put where it must have been for the
    camera, mounted as the recording's plan says, to have been there. The world is the one that it
    was recorded in, if that is noted: poses mean nothing elsewhere.

    Args:
        folder: the recording.
        name: of the new sequence; None takes the recording's with ``-replay``.
        plan: whose weather and light are taken, and of camera, vehicle, rate, streams and split
            what it names; the rest stays the recording's. None takes the recording's own.

    Raises:
        RecordingError: it has fewer than two frames, or another rate than the plan.
        PlanError: its plan cannot be read.
    """
    recording = Recording.open(folder)
    own = plan_from_data(recording.info.plan, f"{folder / 'recording.json'}")
    camera = _camera_of(recording.info, own)
    if "view" in recording.info.notes:
        own = own.model_copy(update={"camera": camera, "cameras": {}, "companions": {}})
    update = {"mode": "pose", **_place_of(recording.info, own)}
    wanted = (_named_by(plan, own, camera) if plan else own).model_copy(update=update)
    if wanted.split is None:  # other light makes no other places of those of a test
        wanted = wanted.model_copy(update={"split": recording.info.split})
    if len(recording) < 2:
        raise RecordingError(
            f"{folder}: is {len(recording)} frames long, and flying again takes two. Record it to "
            "its end, or move it away."
        )
    if wanted.rate_hz != own.rate_hz:
        raise RecordingError(
            f"{folder}: has {own.rate_hz:g} frames a second and the plan wants "
            f"{wanted.rate_hz:g}; give the plan the recording's rate_hz."
        )
    poses = recording.frames[list(POSE_COLUMNS)].to_numpy()
    pitch = np.radians(camera.pitch_deg)
    back = quaternion_conjugate(quaternion_from_euler(0.0, pitch, 0.0))
    orientation = np.array([quaternion_multiply(q, back) for q in poses[:, 3:]])
    mounted = np.asarray(camera.position_m)
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
        _jumps(recording, wanted),
    )


def _jumps(recording: Recording, plan: FlightPlan) -> str:
    """Return in words where poses will follow each other faster than they were flown."""
    steps = np.diff(recording.frames["plan_time_ns"]) // plan.step_ns
    if not (jumps := int((steps > 1).sum())):
        return ""
    return (
        f"{int((steps - 1).sum())} time slots of {recording.name} were dropped, so that the camera "
        f"jumps at {jumps} of {len(recording)} frames; poses that were set, by --mode pose, do not"
    )


def _named_by(plan: FlightPlan, own: FlightPlan, camera: PlanCamera) -> FlightPlan:
    """Return a plan that takes from a recording's own how it is seen, where it does not say.

    Else a plan of fog alone would look from where its camera is by default, a metre beneath the
    windscreen of a car, and straight ahead where the recording looks down.
    """
    named = {key: getattr(plan.camera, key) for key in plan.camera.model_fields_set}
    update: dict[str, Any] = {"camera": camera.model_copy(update=named)}
    update |= {k: getattr(own, k) for k in _SEEN_BY if k not in plan.model_fields_set}
    return plan.model_copy(update=update)


def _camera_of(info: RecordingInfo, plan: FlightPlan) -> PlanCamera:
    """Return the camera that a recording is of: the plan's, a further one, or a companion's."""
    view = info.notes.get("view", {})
    name = view.get("camera", FIRST_CAMERA)
    if name != FIRST_CAMERA:
        return plan.cameras.get(name, plan.camera)
    companion = plan.companions.get(view.get("vehicle", ""))
    return (companion.camera if companion else None) or plan.camera


def _place_of(info: RecordingInfo, plan: FlightPlan) -> dict[str, Any]:
    """Return the world that a recording shows, and its seed: of its plan unless another was taken.

    A simulator of our own notes both; whoever started it may have chosen them.
    """
    world, seed = (info.simulator.get(key) for key in ("world", "seed"))
    if world is None or (world, seed) == (plan.environment, plan.seed or 0):
        return {"environment": plan.environment, "seed": plan.seed}
    return {"environment": world, "seed": seed}
