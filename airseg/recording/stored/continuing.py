"""Going on with a recording: only in its own world, and never past frames that are in doubt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from airseg.errors import RecordingError
from airseg.flight.plan import LEFT_OUT
from airseg.recording.stored.storage import RecordingInfo, Segment

# What must not differ between a recording and the run that continues it.
_SAME = (
    *("mode", "rate_hz", "camera", "environment"),
    *("has_depth", "has_flow", "has_instance"),
)
_SAME_SIMULATOR = ("world", "seed", "server_version", "sim_mode")
# Settings that decide where a simulator listens and what it shows on a screen, not its frames.
HARMLESS_SETTINGS = {
    "ApiServerPort",
    "EnableRpc",
    "LocalHostIp",
    "LogMessagesVisible",
    "RpcEnabled",
    "SettingsVersion",
    "ViewMode",
}
_SAME_PLACE_M = 0.1
ANOTHER_FLIGHT = "holds a recording whose"
"""What the error says, and only then, where a folder's recording is not the one asked for."""


def differences(found: RecordingInfo, now: RecordingInfo) -> Iterator[str]:
    """Yield what differs between a recording and a run that is to continue it, in words.

    Args:
        found: what the recording says.
        now: what the run would write.
    """
    yield from _changed_plan(found, now)
    for field in _SAME:
        before, new = getattr(found, field), getattr(now, field)
        if before != new:
            yield f"{field.replace('_', ' ')} differs ({before} there, {new} now)"
    for field in _SAME_SIMULATOR:
        before, new = found.simulator.get(field), now.simulator.get(field)
        if None not in (before, new) and before != new:
            yield f"{field.replace('_', ' ')} differs ({before} there, {new} now)"
    yield from _changed_settings(found.simulator, now.simulator)
    yield from _changed_further_settings(found.simulator, now.simulator)
    yield from _changed_meshes(found, now)
    yield from _moved_meshes(found.simulator, now.simulator)
    yield from _tightened_tolerance(found, now)


def refuse_another_flight(folder: Path, found: RecordingInfo, now: RecordingInfo) -> None:
    """Raise unless a run may continue a recording.

    Raises:
        RecordingError: flight or world differ; the message names what, there and now.
    """
    if told := next(differences(found, now), ""):
        raise RecordingError(
            f"{folder}: {ANOTHER_FLIGHT} {told}. Record into another --out, or start over "
            "with --overwrite."
        )


def first_suspect(info: RecordingInfo) -> int | None:
    """Return the first frame that may be mislabelled, or None."""
    suspect = info.notes.get("suspect_frames")
    return int(suspect[0]) if suspect else None


def continued(found: RecordingInfo, now: RecordingInfo, kept: int) -> RecordingInfo:
    """Return the description of a recording that goes on: how it ended before is not forgotten.

    Args:
        found: what the recording says.
        now: what this run would write if it began anew.
        kept: how many frames are kept.
    """
    notes = {k: v for k, v in found.notes.items() if k != "suspect_frames"}
    reason = found.reason or "it was killed" if found.status == "recording" else found.reason
    earlier = list(found.segments or (Segment(0),))
    earlier[-1] = replace(earlier[-1], status=found.status, reason=reason)
    segments = (*(s for s in earlier if s.first < kept), Segment(kept))
    return replace(now, notes={**notes, **now.notes}, segments=segments)


def _changed_plan(found: RecordingInfo, now: RecordingInfo) -> Iterator[str]:
    if found.plan_fingerprint == now.plan_fingerprint:
        return
    before, new = _flat(found.plan), _flat(now.plan)
    # What only one of them says may be a field that the other's version did not know.
    keys = [key for key in new if key in before] + sorted({*before} ^ {*new})
    for key in keys:
        if key.split(".")[0] not in LEFT_OUT and before.get(key) != new.get(key):
            there, here = _shortened(before.get(key)), _shortened(new.get(key))
            yield f"plan differs: {key} is {there} there and {here} now"
            return
    was, told = (info.notes.get("replayed") for info in (found, now))
    if was and was == told:
        yield f"poses are others: those of {was} have changed since"
        return
    yield f"poses are others (of {was or 'its plan'} there, of {told or 'the plan'} now)"


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return the values of a plan by their dotted names."""
    if isinstance(value, dict) and (value or not name):
        parts = [_flat(v, f"{name}.{k}" if name else str(k)) for k, v in value.items()]
        return {key: one for part in parts for key, one in part.items()}
    return {name: value}


def _tightened_tolerance(found: RecordingInfo, now: RecordingInfo) -> Iterator[str]:
    allowed = now.plan.get("pose_tolerance")
    if now.mode != "pose" or not isinstance(allowed, dict):
        return
    for note, field, unit in (
        ("largest_pose_error_mm", "position_mm", "mm"),
        ("largest_pose_error_deg", "angle_deg", "degrees"),
    ):
        most, limit = found.notes.get(note, 0.0), allowed.get(field, np.inf)
        if most > limit:
            yield f"frames are up to {most:g} {unit} off, where pose_tolerance allows {limit:g} now"


def _changed_settings(found: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    try:
        before, new = json.loads(found["settings"]), json.loads(now["settings"])
    except (KeyError, ValueError, TypeError, RecursionError):
        return  # one of them does not tell its settings
    if not isinstance(before, dict) or not isinstance(new, dict):
        return
    there, here = (
        {k: v for k, v in told.items() if k not in HARMLESS_SETTINGS} for told in (before, new)
    )
    yield from _changed_values("", there, here)


def _changed_further_settings(found: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Tell what a simulator of our own was given beside the plan's settings: at first nothing."""
    if now.get("further_settings") is not None:
        before, new = (_further_settings(told) for told in (found, now))
        yield from _changed_values("beside the plan's, ", before, new)


def _further_settings(told: dict[str, Any]) -> dict[str, Any]:
    text = told.get("further_settings") or "{}"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"their text": text}


def _changed_values(where: str, found: Any, now: Any) -> Iterator[str]:
    before, new = _flat(_numbered(found)), _flat(_numbered(now))
    for key in sorted({*before, *new}):
        if before.get(key) != new.get(key):
            there, here = _shortened(before.get(key)), _shortened(new.get(key))
            yield f"settings differ: {where}{key} is {there} there and {here} now"


def _numbered(value: Any) -> Any:
    """Return settings in which the entries of lists have numbers for names."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    return {str(k): _numbered(v) for k, v in value.items()} if isinstance(value, dict) else value


def _shortened(value: Any) -> str:
    text = "not set" if value is None else json.dumps(value, sort_keys=True)
    return text if len(text) <= 80 else text[:77] + "..."


def _changed_meshes(found: RecordingInfo, now: RecordingInfo) -> Iterator[str]:
    before, new = (
        {(g.id, mesh) for g in info.object_table for mesh in g.meshes} for info in (found, now)
    )
    if before != new:
        number, mesh = min(before ^ new)
        there, here = ("has", "lacks") if (number, mesh) in before else ("lacks", "has")
        yield (
            f"world has other meshes: it {there} {mesh} with id {number}, which the simulator "
            f"{here} now"
        )


def _moved_meshes(found: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Tell worlds of the same names apart: most of their meshes stand elsewhere."""
    before, new = found.get("places", {}), now.get("places", {})
    both = sorted({*before} & {*new})
    apart_m = {n: float(np.linalg.norm(np.subtract(before[n], new[n]))) for n in both}
    moved = [n for n in both if apart_m[n] > _SAME_PLACE_M]
    if both and len(moved) > len(both) / 2:
        yield (
            f"world is another one: {len(moved)} of {len(both)} meshes stand elsewhere, such as "
            f"{moved[0]}, {apart_m[moved[0]]:.1f} m off"
        )
