"""Check a recording against itself, frame by frame, and cut it to its last good frame.

What is checked: every file's CRC-32 and size, ids against the object table, the numbers of objects
against the ids of their families, depth for what is no number, time steps against the rate and
against what the recording says of them, poses against the flight plan, and counts. Notes tell what
is sound and may still not be what was meant: that the camera passed through something, since set
poses do not collide, and where another run went on.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from airseg.depth import no_distances
from airseg.errors import OtherFormatError, PlanError, RecordingError
from airseg.flight.plan import plan_from_data
from airseg.flight.trajectory import plan_trajectory
from airseg.labels.instances import contradiction
from airseg.recording.stored.folder_lock import folder_lock
from airseg.recording.stored.frame_table import POSE_COLUMNS, read_sound_frames
from airseg.recording.stored.frame_writer import (
    cut_table,
    frame_files,
    refuse_links,
    tables_of,
    write_file,
)
from airseg.recording.stored.storage import ALL_KINDS, Recording, RecordingInfo, read_info

_READERS = 2
_POSE_TOLERANCE_M = 0.05
_TOO_NEAR_M = 0.4


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        frame: the first frame at fault, or None where it is the recording as a whole.
        message: what was found and what was expected.
    """

    frame: int | None
    message: str


@dataclass(frozen=True)
class Verification:
    """What `verify_recording` found.

    Attributes:
        folder: of the recording; status, reason: how it says it ended.
        frames: lines of `frames.csv`; good_frames: how many of them, from the first, are sound.
        findings: what is wrong, in the order of frames.
        leftovers: files of frames that were never finished; they do no harm.
        notes: what is sound and may still not be what was meant.
    """

    folder: Path
    status: str
    reason: str
    frames: int
    good_frames: int
    findings: tuple[Finding, ...]
    leftovers: int
    notes: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify_recording(
    folder: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> Verification:
    """Check every frame of a recording.

    Args:
        folder: the recording.
        progress: told how many frames are checked, of how many.

    Raises:
        OtherFormatError: a newer airseg wrote it, so nothing is known of its frames.
    """
    try:
        info = read_info(folder)
        frames, damaged_line = read_sound_frames(folder)
    except OtherFormatError:
        raise
    except RecordingError as cause:
        return Verification(folder, "unreadable", "", 0, 0, (Finding(None, str(cause)),), 0)
    recording = Recording(folder, info, frames)
    findings, nearest_m = _check_table(info), np.full(len(frames), np.inf)
    with ThreadPoolExecutor(_READERS) as pool:
        for index, (found, near_m) in enumerate(
            pool.map(lambda i: _check_files(recording, i), range(len(frames)))
        ):
            findings += found
            nearest_m[index] = near_m
            progress(index + 1, len(frames))
    findings += _check_times(info, frames) + _check_poses(info, frames)
    suspect = info.notes.get("suspect_frames")
    if suspect and suspect[0] < len(frames):
        findings.append(
            Finding(int(suspect[0]), f"frames {suspect[0]} to {suspect[1]}: {suspect[2]}")
        )
    if damaged_line:
        findings.append(Finding(len(frames), damaged_line))
    findings += _check_count(info, len(frames))
    findings.sort(key=lambda f: -1 if f.frame is None else f.frame)
    at_fault = [f.frame for f in findings if f.frame is not None]
    good = min([len(frames), *at_fault])
    leftovers = len(_files_from(folder, len(frames)))
    return Verification(
        folder,
        info.status,
        info.reason,
        len(frames),
        good,
        tuple(findings),
        leftovers,
        _near_misses(nearest_m) + _breaks(info, frames),
    )


def repair_recording(found: Verification) -> int:
    """Cut a recording to its last good frame, so that `airseg record` can continue it.

    Returns:
        How many frames are left.

    Raises:
        RecordingError: a recorder is at work there, or the damage is not in the frames.
    """
    if any(f.frame is None for f in found.findings):
        first = next(f for f in found.findings if f.frame is None)
        raise RecordingError(
            f"{found.folder}: {first.message} No frames can be cut to mend that; record again "
            "with --overwrite."
        )
    with folder_lock(found.folder):
        refuse_links(found.folder)
        info = read_info(found.folder)
        for table, columns in tables_of(info):
            cut_table(found.folder, table, columns, found.good_frames)
        for file in _files_from(found.folder, found.good_frames):
            file.unlink()
        if found.findings:
            reason = f"repaired: cut at frame {found.good_frames}: {found.findings[0].message}"
            notes = {k: v for k, v in info.notes.items() if k != "suspect_frames"}
            segments = info.segments[:1] + tuple(
                s for s in info.segments[1:] if s.first < found.good_frames
            )
            info = replace(
                info,
                status="interrupted",
                reason=reason,
                notes=notes,
                frames=found.good_frames,
                segments=segments,
            )
            write_file(found.folder / "recording.json", info.to_json().encode())
    return found.good_frames


def _check_files(recording: Recording, index: int) -> tuple[list[Finding], float]:
    """Read a frame's files as a reader would, and hold its ids against the table.

    Returns:
        What is wrong, and metres to the nearest thing in sight, infinite without depth.
    """
    near_m = np.inf
    try:
        recording.read_rgb(index)
        ids = recording.read_ids(index)
        if recording.info.has_depth:
            depth = recording.read_depth(index)
            if wrong := no_distances(depth):
                told = f"frame {index}: {wrong} depths are no numbers, or negative."
                return [Finding(index, told)], near_m
            near_m = float(depth[depth > 0].min(initial=np.inf))  # 0 is no distance
        if recording.info.has_flow:
            recording.read_flow(index)
        instance = recording.read_instance(index) if recording.info.has_instance else None
    except RecordingError as cause:
        return [Finding(index, str(cause))], near_m
    known = np.zeros(256, bool)
    known[[0, *(g.id for g in recording.object_table)]] = True
    strange = np.unique(ids[~known[ids]])
    if len(strange):
        told = f"frame {index}: ids {strange[:5].tolist()} are not in the object table."
        return [Finding(index, told)], near_m
    if instance is not None and (told := contradiction(instance, ids, recording.object_table)):
        return [Finding(index, f"frame {index}: {told}")], near_m
    return [], near_m


def _near_misses(nearest_m: np.ndarray) -> tuple[str, ...]:
    """Return a note for each stretch of frames whose camera nearly touches something."""
    near = np.flatnonzero(nearest_m < _TOO_NEAR_M)
    stretches = np.split(near, np.flatnonzero(np.diff(near) > 1) + 1) if len(near) else []
    return tuple(
        f"frames {s[0]} to {s[-1]}: something is {nearest_m[s].min():.2f} m before the camera; "
        "does the flight pass through it?"
        for s in stretches
    )


def _check_table(info: RecordingInfo) -> list[Finding]:
    ids = [g.id for g in info.object_table]
    if len(set(ids)) != len(ids) or any(not 1 <= i <= 255 for i in ids):
        return [Finding(None, "the object table gives one id to two groups, or one beyond 255.")]
    return []


def _check_times(info: RecordingInfo, frames: pd.DataFrame) -> list[Finding]:
    step_ns = round(1e9 / info.rate_hz)
    findings = []
    planned = frames["plan_time_ns"].to_numpy()
    wrong = np.flatnonzero(planned != np.arange(len(planned)) * step_ns)
    if len(wrong) and info.mode != "realtime":
        first = int(wrong[0])
        findings.append(
            Finding(
                first,
                f"frame {first}: plan time {planned[first]} ns, expected {first * step_ns}.",
            )
        )
    steps = np.diff(frames["timestamp_ns"].to_numpy())
    backwards = np.flatnonzero(steps <= 0)
    if len(backwards):
        first = int(backwards[0]) + 1
        findings.append(
            Finding(first, f"frame {first}: time stands still or runs backwards there.")
        )
    admitted = info.notes.get("largest_step_error_ns")
    if admitted is not None and info.mode != "realtime":
        off = np.abs(steps - step_ns)
        off[[s.first - 1 for s in info.segments if 0 < s.first <= len(off)]] = 0
        more = np.flatnonzero(off > int(admitted))
        if len(more):
            first = int(more[0]) + 1
            findings.append(
                Finding(
                    first,
                    f"frame {first}: its time step is {off[first - 1]} ns off; the recording "
                    f"admits {admitted} ns.",
                )
            )
    return findings


def _breaks(info: RecordingInfo, frames: pd.DataFrame) -> tuple[str, ...]:
    """Return a note for each place where another run went on, and simulator time with it."""
    times = frames["timestamp_ns"].to_numpy()
    notes = []
    for before, segment in pairwise(info.segments):
        if not 0 < segment.first < len(times):
            continue
        apart_s = (times[segment.first] - times[segment.first - 1]) / 1e9
        reason = f" ({before.reason})" if before.reason else ""
        notes.append(
            f"frame {segment.first}: another run went on here, {apart_s:.3f} s of simulator time "
            f"after the frame before; that one was {before.status or 'ended'}{reason}"
        )
    return tuple(notes)


def _check_poses(info: RecordingInfo, frames: pd.DataFrame) -> list[Finding]:
    if frames.empty:
        return []
    poses = frames[list(POSE_COLUMNS)].to_numpy()
    norms = np.linalg.norm(poses[:, 3:], axis=1)
    wrong = np.flatnonzero(~np.isfinite(poses).all(1) | (np.abs(norms - 1) > 1e-3))
    if len(wrong):
        first = int(wrong[0])
        return [Finding(first, f"frame {first}: its pose is not a position and a unit quaternion.")]
    # Replays and further views have paths of their own.
    if info.mode != "pose" or {"replayed", "view"} & set(info.notes):
        return []
    try:
        plan = plan_from_data(info.plan, "recording.json")
        path = plan_trajectory(plan)
    except PlanError:
        return []  # a plan that this version reads differently says nothing about the frames
    count = min(len(path), len(frames))
    reach = float(np.linalg.norm(plan.camera.position_m))
    # Simulators count from their own origin, so only the way since frame 0 is compared. A camera
    # beside the vehicle's middle may swing around it.
    apart = (poses[:count, :3] - poses[0, :3]) - (path.position[:count] - path.position[0])
    far = np.flatnonzero(np.linalg.norm(apart, axis=1) > _POSE_TOLERANCE_M + 2 * reach)
    if len(far):
        first = int(far[0])
        distance = float(np.linalg.norm(apart[first]))
        return [Finding(first, f"frame {first}: its pose is {distance:.2f} m off the flight plan.")]
    return []


def _check_count(info: RecordingInfo, count: int) -> list[Finding]:
    if count < info.frames:
        told = f"the recording says that it has {info.frames} frames; {count} are there."
        return [Finding(count, told)]
    wanted = info.frames_planned
    most = info.notes.get("frames_asked")
    if wanted is not None and most is not None:
        wanted = min(wanted, int(most))
    if info.status == "complete" and wanted is not None and count < wanted:
        return [
            Finding(
                count,
                f"the recording says it is complete, with {wanted} frames; {count} are there.",
            )
        ]
    return []


def _files_from(folder: Path, first: int) -> list[Path]:
    """Return files of frames from `first` on, and half-written ones; what others put is theirs."""
    return [
        path
        for kind in ALL_KINDS
        for path in sorted(frame_files(folder / kind))
        if path.suffix == ".part" or int(path.stem) >= first
    ]
