"""Checks of anyone's simulator: can it be recorded from, and what must be changed if not?

Each check asks one thing over the wire and answers ``pass``, ``fail`` or ``not supported``, with
what was found and, where something is amiss, what to change in which file. What AirSim promises is
in its `apis.md`, `image_apis.md` and `settings.md`.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from airseg.errors import LostSimulatorError, RpcError, SimulatorError
from airseg.flight.plan import PoseTolerance
from airseg.recording.flying.mesh_ids import (
    IdDecoder,
    group_meshes,
    measure_palette,
    segmented_names,
)
from airseg.recording.flying.rehearsal import Rehearsal, rehearse, rehearsed_plan
from airseg.recording.flying.scene import prepare_world
from airseg.recording.flying.views import find_views, moves_do_nothing, sim_mode
from airseg.simulators.protocol import ImageRequest, ImageType, Pose, Quaternionr, Vector3r

PASS, FAIL, UNSUPPORTED = "pass", "fail", "not supported"
_CAMERA = "0"
_STEPS = 50
_MOVES = 12
_IDS = 6
_THROUGHPUT_S = 0.8
_UNSET = (256, 144)
"""AirSim's size of images for which settings.json has no entry."""
_KINDS = (ImageType.Scene, ImageType.Segmentation, ImageType.DepthPlanar)


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: what was checked; verdict: `PASS`, `FAIL` or `UNSUPPORTED`.
        found: what the simulator did; remedy: what to change, or an empty text.
    """

    name: str
    verdict: str
    found: str
    remedy: str = ""


class _Patient:
    """A simulator under examination."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._rehearsed: Rehearsal | SimulatorError | None = None
        self.requests = [
            ImageRequest(_CAMERA, int(k), k == ImageType.DepthPlanar, False) for k in _KINDS
        ]

    def rehearsal(self) -> Rehearsal:
        """Return what the recorder's own order of calls came to; it is flown once."""
        if self._rehearsed is None:
            try:
                self._rehearsed = rehearse(self.client, _STEPS)
            except LostSimulatorError:
                raise
            except SimulatorError as cause:
                self._rehearsed = cause
        if isinstance(self._rehearsed, SimulatorError):
            raise self._rehearsed
        return self._rehearsed

    def images(self) -> list[Any]:
        """Return colour, segmentation and depth; none may be empty."""
        answers = self.client.simGetImages(self.requests)
        for answer, kind in zip(answers, _KINDS, strict=False):
            if int(answer.width) * int(answer.height) == 0:
                raise SimulatorError(
                    f"an empty {kind.name} image came. Does camera '{_CAMERA}' exist, and does the "
                    "simulator render (no -nullrhi)? With ViewMode NoDisplay, images still come."
                )
        return answers

    def colors(self) -> np.ndarray:
        """Return a segmentation image, (H, W, 3) uint8, in the channels' own order."""
        answer = self.client.simGetImages([self.requests[1]])[0]
        data = np.frombuffer(bytes(answer.image_data_uint8), np.uint8)
        return data.reshape(answer.height, answer.width, 3)

    def place(self, north: float) -> None:
        """Put the vehicle somewhere 3 m above the street, looking North."""
        self.client.simSetVehiclePose(Pose(Vector3r(north, 0.0, -3.0), Quaternionr()), True)
        with contextlib.suppress(RpcError):  # ComputerVision mode shows it at once
            self.client.simContinueForTime(0.0)


def examine(client: Any) -> Iterator[Check]:
    """Check a simulator, one thing after another. Its segmentation ids are changed.

    Once it is lost, the checks that are left are not tried.

    Args:
        client: a connected `SimulatorClient`.
    """
    patient = _Patient(client)
    was_paused = client.simIsPause()
    for name, check in _CHECKS.items():
        try:
            verdict, found, remedy = check(patient)
            yield Check(name, verdict, found, remedy)
        except LostSimulatorError as cause:
            yield Check(name, FAIL, str(cause), "Restart the simulator, and look at its log.")
            return
        except RpcError as cause:
            if "could not find" in str(cause) or "not implemented" in str(cause):
                yield Check(name, UNSUPPORTED, str(cause))
            else:
                yield Check(name, FAIL, str(cause))
        except SimulatorError as cause:
            yield Check(name, FAIL, str(cause))
    client.simPause(was_paused)


_Outcome = tuple[str, str, str]


def _version(patient: _Patient) -> _Outcome:
    version = patient.client.getServerVersion()
    names = {1: "AirSim 1.8", 4: "Cosys-AirSim 3"}
    if version not in names:
        return FAIL, f"server version {version}", "Use AirSim 1.8 or Cosys-AirSim 3."
    return PASS, f"server version {version}, {names[version]}", ""


def _settings(patient: _Patient) -> _Outcome:
    try:
        settings = json.loads(patient.client.getSettingsString())
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        return FAIL, "its settings are no JSON object", "Mend settings.json."
    mode = settings.get("SimMode", "")
    if not mode:
        return FAIL, "SimMode is not set", "Set SimMode in settings.json, or a window asks for it."
    return PASS, f"SimMode {mode}, ViewMode {settings.get('ViewMode') or 'default'}", ""


def _settings_text(patient: _Patient) -> str:
    """Return the text of settings.json; an empty one where the simulator does not tell it."""
    try:
        return str(patient.client.getSettingsString())
    except RpcError:
        return ""


def _vehicles(patient: _Patient) -> _Outcome:
    names = patient.client.listVehicles()
    if not names:
        return FAIL, "no vehicles", "Add one under Vehicles in settings.json."
    return PASS, f"{len(names)}: {', '.join(names[:4])}", ""


def _world(patient: _Patient) -> _Outcome:
    """Set camera, weather and light as `record` does before each flight."""
    plan = rehearsed_plan(patient.client, 1)
    patient.client.simPause(True)
    try:
        prepare_world(patient.client, plan, find_views(patient.client, plan).all)
    except RpcError as cause:  # also where a call is missing: a recording would end there
        return FAIL, str(cause), "Without this call, `airseg record` cannot begin a flight."
    return PASS, "set as a plan has them, through a lens that bends nothing", ""


def _pausing(patient: _Patient) -> _Outcome:
    patient.client.simPause(True)
    if not patient.client.simIsPause():
        return FAIL, "it does not pause", "Without a pause, images of one instant cannot be taken."
    before = int(patient.images()[0].time_stamp)
    time.sleep(0.1)
    ran = int(patient.images()[0].time_stamp) - before
    if ran and sim_mode(patient.client) == "ComputerVision":
        return UNSUPPORTED, "in ComputerVision mode time cannot stand still", ""
    if ran:
        return (
            FAIL,
            f"time runs on by {ran / 1e6:.1f} ms while it is paused",
            'Write "ClockType": "SteppableClock" into settings.json.',
        )
    return PASS, "time stands still", ""


def _poses(patient: _Patient) -> _Outcome:
    done = patient.rehearsal()
    found = (
        f"over {done.steps} frames the cameras are {done.pose_error_mm:.3f} mm and "
        f"{done.pose_error_deg:.3f} degrees off at most ({done.placement})"
    )
    if PoseTolerance().holds(done.pose_error_mm / 1e3, done.pose_error_deg):
        return PASS, found, ""
    return (
        FAIL,
        found,
        'Write "PhysicsEngineName": "ExternalPhysicsEngine" into settings.json, and no Gimbal; '
        "keep other programs from moving the vehicle.",
    )


def _stepping(patient: _Patient) -> _Outcome:
    done = patient.rehearsal()
    if not done.time_moves:
        return (
            FAIL,
            "time stands still from one frame to the next",
            "In ComputerVision mode, leave ClockType out of settings.json: a SteppableClock never "
            "moves there.",
        )
    if not done.is_steppable:
        return (
            UNSUPPORTED,
            "its time cannot be stepped; frames carry the time of a running clock",
            'For exact times, write "SimMode": "Multirotor" into settings.json.',
        )
    found = (
        f"over {done.steps} steps of {done.step_ns / 1e6:g} ms, time is off its place by "
        f"{done.drift_ns / 1e6:.3f} ms at most"
    )
    if done.drift_ns <= done.step_ns // 2:
        return PASS, found, done.remedy
    return (
        FAIL,
        found,
        'Write "ClockType": "SteppableClock" into settings.json, and take load off the machine.',
    )


def _modes(patient: _Patient) -> _Outcome:
    """Say which modes of `airseg record` will work here."""
    done = patient.rehearsal()
    is_exact = PoseTolerance().holds(done.pose_error_mm / 1e3, done.pose_error_deg)
    can_step = done.is_steppable and done.drift_ns <= done.step_ns // 2
    moves = done.time_moves
    works = {"pose": is_exact and moves, "step": can_step and moves, "realtime": moves}
    if sim_mode(patient.client) == "ComputerVision" or moves_do_nothing(patient.client):
        works["step"] = False  # a free camera has no dynamics
    able = ", ".join(mode for mode, does in works.items() if does) or "none"
    unable = ", ".join(mode for mode, does in works.items() if not does)
    found = f"works: {able}" + (f"; does not: {unable}" if unable else "")
    return (PASS if works["pose"] else FAIL), found, ""


def _one_instant(patient: _Patient) -> _Outcome:
    patient.client.simPause(True)
    answers = patient.images()
    if len(answers) != len(_KINDS):
        return FAIL, f"asked for {len(_KINDS)} images, got {len(answers)}", ""
    times = [int(a.time_stamp) for a in answers]
    apart = f"{(max(times) - min(times)) / 1e6:.3f} ms apart"
    later = int(patient.images()[0].time_stamp)
    if max(times) != min(times) and later == times[0]:
        return FAIL, f"images of one request are {apart} though time stands still", ""
    sizes = {k.name: (int(a.width), int(a.height)) for k, a in zip(_KINDS, answers, strict=True)}
    text = ", ".join(f"{k} {w}x{h}" for k, (w, h) in sizes.items())
    # A plan may want that size; then the file says so.
    is_unset = set(sizes.values()) == {_UNSET} and "CaptureSettings" not in _settings_text(patient)
    if is_unset or len(set(sizes.values())) > 1:
        return (
            FAIL,
            text,
            "In settings.json, give CameraDefaults.CaptureSettings an entry of the same Width and "
            "Height for each of ImageType 0, 1 and 5; `airseg settings PLAN` writes it."
            + (" Or the file lies where the simulator does not look." if is_unset else ""),
        )
    stamps = "one time stamp" if max(times) == min(times) else f"time stamps {apart}: a clock runs"
    return PASS, f"{text}, {stamps}", ""


def _depth(patient: _Patient) -> _Outcome:
    patient.place(0.0)
    answer = patient.images()[2]
    depth = np.asarray(answer.image_data_float, np.float32)
    if depth.size != answer.width * answer.height:
        return FAIL, f"{depth.size} values for {answer.width}x{answer.height} pixels", ""
    if not np.isfinite(depth).all() or depth.min() <= 0 or depth.max() == depth.min():
        return FAIL, "depth is not a picture of distances", "Is DepthPlanar (1) asked as floats?"
    return PASS, f"{depth.min():.1f} m to {min(depth.max(), 65504):.0f} m", ""


def _moving(patient: _Patient) -> _Outcome:
    """Move the camera, and see time, pose and picture follow."""
    patient.client.simPause(True)
    before: Any = None
    for k in range(_MOVES):
        patient.place(0.5 * k)
        answers = patient.images()
        picture = bytes(answers[0].image_data_uint8)
        north, stamp = answers[0].camera_position.x_val, int(answers[0].time_stamp)
        if before is not None:
            if stamp < before[2]:
                return (
                    FAIL,
                    f"time ran back by {(before[2] - stamp) / 1e9:.3f} s at capture {k}",
                    "Does another program reset the simulator?",
                )
            if abs(north - before[1] - 0.5) > 0.02:
                return FAIL, f"the camera moved {north - before[1]:.2f} m instead of 0.50 m", ""
            if picture == before[0]:
                return FAIL, f"capture {k} repeats the picture before it", "Lower its load."
        before = (picture, north, stamp)
        if any((int(a.width), int(a.height)) != _size(answers[0]) for a in answers):
            return FAIL, f"images of capture {k} differ in size", "Check CaptureSettings."
    return PASS, f"{_MOVES} poses set; picture, pose and time follow", ""


def _size(answer: Any) -> tuple[int, int]:
    return int(answer.width), int(answer.height)


def _objects(patient: _Patient) -> _Outcome:
    names = patient.client.simListSceneObjects()
    if not names:
        return FAIL, "no objects are listed", "Without names, ids cannot be told apart."
    groups = group_meshes(names)
    return PASS, f"{len(names)} objects in {len(groups)} groups", ""


def _ids(patient: _Patient) -> _Outcome:
    names = segmented_names(patient.client)
    for wanted in (7, 200):
        if not patient.client.simSetSegmentationObjectID(".*", wanted, True):
            return (
                FAIL,
                "no mesh takes an id",
                "Set SegmentationSettings.InitMethod to CommonObjectsRandomIDs.",
            )
        read = [patient.client.simGetSegmentationObjectID(n.lower()) for n in names[:20]]
        wrong = [r for r in read if r not in (wanted, -1)]
        if wrong or all(r == -1 for r in read):
            return FAIL, f"id {wanted} reads back as {(wrong or [-1])[0]}", ""
    return PASS, "set by expression and read back", ""


def _stable_colors(patient: _Patient) -> _Outcome:
    patient.client.simPause(True)
    patient.place(0.0)
    ids = list(range(1, _IDS + 1))
    first = measure_palette(patient.client, patient.colors, ids, lambda done: None)
    second = measure_palette(patient.client, patient.colors, ids, lambda done: None)
    drifted = [i for i in ids if first.colors[i] != second.colors[i]]
    if drifted:
        return FAIL, f"ids {drifted} were drawn in two colours", "Give them with record --palette."
    IdDecoder(second).decode(patient.colors(), 0)  # a recording needs the id of every pixel
    return PASS, f"{len(ids)} ids, each in a colour of its own, twice the same", ""


def _throughput(patient: _Patient) -> _Outcome:
    began = time.monotonic()
    count = 0
    while time.monotonic() - began < _THROUGHPUT_S or count < 3:
        patient.images()
        count += 1
    rate = count / (time.monotonic() - began)
    width, height = _size(patient.images()[0])
    return PASS, f"{rate:.1f} captures/s of three images at {width}x{height}", ""


_CHECKS: dict[str, Callable[[_Patient], _Outcome]] = {
    "version": _version,
    "settings": _settings,
    "vehicles": _vehicles,
    "camera, weather and light": _world,
    "pausing": _pausing,
    "images of one instant": _one_instant,
    "poses": _poses,
    "stepping": _stepping,
    "depth": _depth,
    "moving": _moving,
    "objects": _objects,
    "segmentation ids": _ids,
    "segmentation colours": _stable_colors,
    "throughput": _throughput,
    "modes of record": _modes,
}
