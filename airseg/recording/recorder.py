"""Fly a plan and record every frame; continue where an earlier run stopped."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from airseg import __version__
from airseg.errors import AirsegError, RecordingError, SimulatorError
from airseg.flight.plan import FlightPlan
from airseg.flight.trajectory import Trajectory, plan_trajectory
from airseg.geometry import quaternion_from_euler
from airseg.recording.capture import CAMERA, Capturer
from airseg.recording.flights import Flight, begin_flight, sim_mode
from airseg.recording.segmentation import (
    IdDecoder,
    Palette,
    assign_ids,
    group_meshes,
    measure_palette,
    object_table,
)
from airseg.recording.storage import RecordingInfo, read_frames, read_info
from airseg.recording.writer import Frame, RecordingWriter
from airseg.simulators.protocol import Pose, Quaternionr, Vector3r, WeatherParameter

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class RecordOptions:
    """How to record.

    Attributes:
        mode: ``pose`` or ``step``; None takes the plan's.
        max_frames: stop after this many, or None.
        palette: colours of ids; None measures them.
        simulator: what to write about the simulator (world, seed).
        overwrite: begin anew where there is a recording.
    """

    mode: str | None = None
    max_frames: int | None = None
    palette: Palette | None = None
    simulator: dict[str, Any] = field(default_factory=dict)
    overwrite: bool = False


@dataclass(frozen=True)
class Recorded:
    """What a recording came to: its folder, its frames, how many of them are new."""

    folder: Path
    frames: int
    new_frames: int


def finished_recording(folder: Path, plan: FlightPlan, max_frames: int | None) -> int | None:
    """Return the frame count of a folder that holds this flight as a whole, else None."""
    if not (folder / "recording.json").exists():
        return None
    try:
        info = read_info(folder)
        frames = len(read_frames(folder))
    except RecordingError:
        return None
    whole = info.status == "complete" and info.plan_fingerprint == plan.fingerprint()
    wanted = frames if max_frames is None else min(max_frames, info.frames_planned or max_frames)
    return frames if whole and frames >= wanted else None


class Recorder:
    """Records plans with one simulator. The palette is measured once for all of them.

    Args:
        client: `SimulatorClient`, or a ready client of the official `airsim` package.
        options: see `RecordOptions`.
        progress: told about long work.
    """

    def __init__(self, client: Any, options: RecordOptions, progress: Progress) -> None:
        self._client, self._options, self._progress = client, options, progress
        self._palette = options.palette
        self._groups: list[tuple[str, tuple[str, ...]]] = []
        self._ids: dict[int, int] = {}

    def record(self, name: str, plan: FlightPlan, folder: Path) -> Recorded:
        """Record a plan into a folder.

        Raises:
            RecordingError: the folder holds another flight, or cannot be written.
            SimulatorError: the simulator failed; complete frames are kept, and the same call
                continues after them.
        """
        if self._options.overwrite and folder.exists():
            _remove_recording(folder)
        path = plan_trajectory(plan)
        mode = self._options.mode or plan.mode
        capturer = Capturer(self._client, plan)
        self._prepare_world(plan)
        self._prepare_ids(plan, path, capturer)
        info = self._describe(name, plan, mode, path)
        with RecordingWriter(folder, info) as writer:
            before = writer.count
            writer.describe("recording")
            flight = begin_flight(self._client, plan, path, mode)
            try:
                self._fly(writer, flight, plan, path, capturer, name)
                self._client.simPause(False)
            except KeyboardInterrupt:
                writer.finish("interrupted", "Ctrl-C")
                with contextlib.suppress(AirsegError):  # it may be the simulator that hangs
                    self._client.simPause(False)
                raise
            except AirsegError as cause:
                self._close_failed(writer, cause)
                raise type(cause)(
                    f"{name}: {cause} {writer.count} complete frames are kept in {folder}; the "
                    "same command continues after them."
                ) from cause
            return Recorded(folder, writer.count, writer.count - before)

    def _fly(
        self,
        writer: RecordingWriter,
        flight: Flight,
        plan: FlightPlan,
        path: Trajectory,
        capturer: Capturer,
        name: str,
    ) -> None:
        # A known start makes the same flight give the same frames, whatever came before.
        self._client.simPause(True)
        self._client.reset()
        self._client.simPause(True)
        self._prepare_world(plan)
        decoder = IdDecoder(self._id_palette())
        most = self._options.max_frames
        flight.begin()
        frame, steps = writer.count, _StepCheck(plan.step_ns, writer.last)
        if frame:
            flight.skip_to(frame - 1)
            if most is not None and frame >= most:
                writer.finish("complete")
                return
            if not flight.advance(frame):
                writer.finish("complete")
                return
        while True:
            instant = capturer.take(frame)
            steps.check(frame, instant.timestamp_ns)
            ids = decoder.decode(instant.colors, frame)
            if frame == 0 and not ids.any():
                raise SimulatorError(
                    "frame 0: the segmentation image shows nothing but background. Does the plan "
                    "start inside the scene, and is segmentation switched on?"
                )
            time_ns = frame * plan.step_ns
            velocity = flight.velocity(frame)
            writer.add(
                Frame(
                    instant.timestamp_ns,
                    time_ns,
                    instant.pose,
                    velocity,
                    instant.rgb,
                    ids,
                    instant.depth,
                )
            )
            frame += 1
            self._progress(name, frame, len(path) if most is None else min(most, len(path)))
            if (most is not None and frame >= most) or not flight.advance(frame):
                break
        writer.finish("complete", notes={"largest_step_error_ns": steps.largest_error_ns})

    def _close_failed(self, writer: RecordingWriter, cause: AirsegError) -> None:
        """Write down why a recording stopped, unless the disk is what failed."""
        try:
            writer.finish("failed", str(cause))
        except (OSError, AirsegError):
            writer.count = len(read_frames(writer.folder))

    def _prepare_world(self, plan: FlightPlan) -> None:
        """Set camera, weather and light."""
        camera = plan.camera
        turn = quaternion_from_euler(0.0, np.radians(camera.pitch_deg), 0.0)
        mount = Pose(Vector3r(*camera.position_m), Quaternionr.from_array(turn))
        self._client.simSetCameraPose(CAMERA, mount)
        self._client.simSetCameraFov(CAMERA, camera.fov_deg)
        weather = plan.weather.model_dump()
        self._client.simEnableWeather(any(weather.values()))
        for kind, value in weather.items():
            self._client.simSetWeatherParameter(int(WeatherParameter[kind.capitalize()]), value)
        if plan.time_of_day:
            self._client.simSetTimeOfDay(True, plan.time_of_day)

    def _prepare_ids(self, plan: FlightPlan, path: Trajectory, capturer: Capturer) -> None:
        """Give every family of meshes an id and learn its colour; once for all plans."""
        if not self._groups:
            self._groups = group_meshes(self._client.simListSceneObjects())
            if not self._groups:
                raise SimulatorError("the simulator lists no objects in its scene.")
            self._ids = assign_ids(self._client, self._groups)
        if self._palette is None:
            start = Pose(
                Vector3r.from_array(path.position[0]), Quaternionr.from_array(path.orientation[0])
            )
            self._client.simPause(True)
            self._client.simSetVehiclePose(start, True)
            ids = sorted(self._ids.values())
            self._palette = measure_palette(
                self._client,
                capturer.colors,
                ids,
                lambda done: self._progress("measuring the segmentation colours", done, len(ids)),
            )
            assign_ids(self._client, self._groups)

    def _id_palette(self) -> Palette:
        if self._palette is None:
            raise SimulatorError("the colours of segmentation ids are not known yet.")
        return self._palette

    def _describe(self, name: str, plan: FlightPlan, mode: str, path: Trajectory) -> RecordingInfo:
        camera = plan.camera
        focal = camera.width / 2 / np.tan(np.radians(camera.fov_deg) / 2)
        return RecordingInfo(
            sequence=name,
            plan=plan.model_dump(mode="json"),
            plan_fingerprint=plan.fingerprint(),
            mode=mode,
            rate_hz=plan.rate_hz,
            camera={
                "width": camera.width,
                "height": camera.height,
                "fov_deg": camera.fov_deg,
                "pitch_deg": camera.pitch_deg,
                "fx": focal,
                "fy": focal,
                "cx": camera.width / 2,
                "cy": camera.height / 2,
            },
            simulator={
                **self._options.simulator,
                "sim_mode": sim_mode(self._client),
                "scene_objects": sum(len(m) for _, m in self._groups),
            },
            environment=plan.environment,
            split=plan.split,
            object_table=object_table(self._groups, self._ids, self._id_palette()),
            status="recording",
            reason="",
            frames_planned=len(path) if mode == "pose" else None,
            airseg_version=__version__,
            has_depth=plan.depth,
        )


class _StepCheck:
    """Holds every time stamp against the one before."""

    def __init__(self, step_ns: int, last: dict[str, Any] | None) -> None:
        self._step_ns = step_ns
        self._before = int(last["timestamp_ns"]) if last else None
        self._resumed = last is not None
        self.largest_error_ns = 0

    def check(self, frame: int, timestamp_ns: int) -> None:
        """Raise if time stood still or ran backwards; remember how far off the step was."""
        before, self._before = self._before, timestamp_ns
        resumed, self._resumed = self._resumed, False
        if before is None:
            return
        step = timestamp_ns - before
        if step <= 0 and not resumed:
            raise SimulatorError(
                f"frame {frame}: simulator time went from {before} to {timestamp_ns} ns; it must "
                f"advance by {self._step_ns} ns a frame. Was the simulator restarted or reset?"
            )
        self.largest_error_ns = max(self.largest_error_ns, abs(step - self._step_ns))


def _remove_recording(folder: Path) -> None:
    """Remove a recording, and nothing that is not one."""
    if any(folder.iterdir()) and not (folder / "recording.json").exists():
        raise RecordingError(f"{folder}: is no recording, so --overwrite leaves it alone.")
    shutil.rmtree(folder)
