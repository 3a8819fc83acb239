"""Fly a plan and record every frame; continue where an earlier run stopped."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from airseg.errors import AirsegError, LostSimulatorError, SimulatorError
from airseg.flight import FlightPlan, Trajectory, plan_trajectory
from airseg.recording.flying.assignment import Assignment, Progress, Recorded, RecordOptions
from airseg.recording.flying.clocks import LatenessCheck, StepCheck
from airseg.recording.flying.flight_folders import empty, locked_folders, open_together
from airseg.recording.flying.flights import Flight, PoseFlight, begin_flight
from airseg.recording.flying.instant import Capturer, Instant, Seen
from airseg.recording.flying.numbering import Numbering, choose_numbering, scene_ids
from airseg.recording.flying.pinhole import refuse_missing_cameras, refuse_no_pinhole
from airseg.recording.flying.pipeline import Fetched, fetch_ahead
from airseg.recording.flying.pose_check import PoseCheck
from airseg.recording.flying.scene import SceneIds, prepare_world
from airseg.recording.flying.views import (
    FIRST_CAMERA,
    View,
    companion_paths,
    find_views,
    intrinsics,
    sim_mode,
    views_of,
)
from airseg.recording.stored.frame_writer import Frame, RecordingWriter
from airseg.recording.stored.storage import INSTANCES_NOTE, RecordingInfo
from airseg.version import __version__


class Recorder:
    """Records plans with one simulator. The palette is measured once for all of them.

    Args:
        client: `SimulatorClient`, or a ready client of the official `airsim` package.
        options: see `RecordOptions`.
        progress: told about long work.

    Attributes:
        emptied: the folder that was overwritten last, from the moment on when it was emptied.
    """

    def __init__(self, client: Any, options: RecordOptions, progress: Progress) -> None:
        self._client, self._options, self._progress = client, options, progress
        self._ids = scene_ids(client, options.palette, instances=options.instances)
        self._places: dict[str, list[float]] = {}
        self.emptied: Path | None = None

    def record(self, name: str, plan: FlightPlan, folder: Path) -> Recorded:
        """Record a plan into a folder; see `fly`."""
        return self.fly(Assignment(name, plan), folder)

    def fly(self, flight: Assignment, folder: Path, *, overwrite: bool | None = None) -> Recorded:
        """Record a flight into a folder; further views go into folders beside it.

        The folders' locks come first: who does not get them has changed nothing in the simulator.

        Args:
            flight: what to record.
            folder: of the first view.
            overwrite: whether to begin anew, once the simulator has shown that it has what the plan
                needs; None takes the options'.

        Raises:
            RecordingError: the folder holds another flight, or cannot be written.
            SimulatorError: the simulator failed; complete frames are kept, and the same call
                continues after them.
        """
        overwrite = self._options.overwrite if overwrite is None else overwrite
        with locked_folders(folder, flight.plan, overwrite=overwrite) as folders:
            return self._fly_locked(flight, folders, overwrite)

    def _fly_locked(self, flight: Assignment, folders: list[Path], overwrite: bool) -> Recorded:
        """Record a flight into folders whose locks are held, and leave the clock as it was."""
        was_paused = self._client.simIsPause()
        try:
            done = self._prepare_and_fly(flight, folders, overwrite)
        except LostSimulatorError:
            raise  # there is nobody to pause
        except BaseException:
            with contextlib.suppress(AirsegError):  # it may be the simulator that hangs
                self._client.simPause(was_paused)
            raise
        self._client.simPause(was_paused)
        return done

    def _prepare_and_fly(
        self, flight: Assignment, folders: list[Path], overwrite: bool
    ) -> Recorded:
        plan = flight.plan
        path = flight.path or plan_trajectory(plan)
        mode = self._options.mode or plan.mode
        views = find_views(self._client, plan)
        paths = {views.first: path, **companion_paths(plan, path)}
        capturer = Capturer(self._client, plan, views)
        self._client.simPause(True)  # where cameras are is asked for, call by call
        refuse_missing_cameras(self._client, views.all)
        prepare_world(self._client, plan, views.all)
        numbering = self._prepare_ids(capturer, PoseFlight(self._client, plan, paths, views), mode)
        self._places = self._ids.places()
        described = views_of(plan, folders[0].name, views.first)
        infos = [self._describe(flight, view, views.first, mode, path) for view in described]
        if numbering:
            infos = [replace(i, notes={**i.notes, INSTANCES_NOTE: numbering.name}) for i in infos]
        if overwrite:
            self._refuse_unready(begin_flight(self._client, plan, paths, views, mode), capturer)
            empty(folders)
            self.emptied = folders[0]
        with open_together(folders, infos) as writers:
            before = writers[0].count
            for writer in writers:
                writer.describe("recording")
            run = _Run(self._client, self._options, self._progress, self._ids, capturer, writers)
            run.numbering = numbering
            way = begin_flight(self._client, plan, paths, views, mode)
            self._fly_and_tell(run, way, flight, mode)
            notes, new = run.notes(), writers[0].count - before
            remedy = way.stepper.remedy(int(notes.get("largest_drift_ns", 0)))
            return Recorded(folders[0], writers[0].count, new, notes, remedy)

    def _refuse_unready(self, way: Flight, capturer: Capturer) -> None:
        """Raise where the flight cannot begin, or its first images cannot be recorded."""
        way.get_ready()
        capturer.warm_up()  # which learns whether time stands still
        capturer.read(0, capturer.fetch())

    def _prepare_ids(self, capturer: Capturer, start: PoseFlight, mode: str) -> Numbering | None:
        """Set ids and learn their colours; return how to tell objects apart, if that is asked."""

        def told(done: int, of: int) -> None:
            self._progress("measuring the segmentation colours", done, of)

        self._ids.prepare(start.begin, capturer.colors, told)
        if not self._options.instances:
            return None
        return choose_numbering(
            self._client,
            self._ids,
            capturer,
            start.begin,
            told,
            time_stands_still=mode != "realtime",
        )

    def _fly_and_tell(self, run: _Run, way: Flight, flight: Assignment, mode: str) -> None:
        """Fly; write down why, if it does not end well."""
        writers = run.writers
        try:
            run.fly(way, flight.plan, mode)
        except KeyboardInterrupt:
            for writer in writers:
                writer.finish("interrupted", "Ctrl-C", run.notes())
            raise
        except AirsegError as cause:
            for writer in writers:
                writer.fail(str(cause), run.notes())
            raise type(cause)(
                f"{flight.name}: {cause} {writers[0].count} complete frames are kept in "
                f"{writers[0].folder}; the same command continues after them."
            ) from cause

    def _describe(
        self, flight: Assignment, view: View, first: str, mode: str, path: Trajectory
    ) -> RecordingInfo:
        plan, most = flight.plan, self._options.max_frames
        notes: dict[str, Any] = {"frames_asked": most}
        if flight.source:
            notes["replayed"] = flight.source
        if (view.camera_name, view.vehicle) != (FIRST_CAMERA, first):
            notes["view"] = {"vehicle": view.vehicle, "camera": view.camera_name}
        return RecordingInfo(
            sequence=view.sequence,
            plan=plan.model_dump(mode="json"),
            plan_fingerprint=flight.identity,
            mode=mode,
            rate_hz=plan.rate_hz,
            camera=intrinsics(view.camera),
            simulator={
                **self._options.simulator,
                "server_version": int(self._client.getServerVersion()),
                "sim_mode": sim_mode(self._client),
                "settings": self._client.getSettingsString(),
                "scene_objects": self._ids.meshes,
                "places": self._places,
            },
            environment=plan.environment,
            split=plan.split,
            object_table=self._ids.table(),
            status="recording",
            reason="",
            frames_planned=len(path) if mode == "pose" else None,
            airseg_version=__version__,
            has_depth=plan.depth,
            has_flow=plan.flow,
            notes=notes,
        )


class _Run:
    """One run over a flight, from the first frame that is missing to the last."""

    def __init__(
        self,
        client: Any,
        options: RecordOptions,
        progress: Progress,
        ids: SceneIds,
        capturer: Capturer,
        writers: list[RecordingWriter],
    ) -> None:
        self._client, self._options, self._progress = client, options, progress
        self._ids, self._capturer, self.writers = ids, capturer, writers
        self.numbering: Numbering | None = None
        self._seen = np.zeros(ids.sorts, np.int64)
        self._checked_from = writers[0].count
        self._suspect: dict[str, Any] = {}
        self._clock: StepCheck | LatenessCheck | None = None
        self._poses: PoseCheck | None = None
        self._placement = ""
        self._before: list[tuple[int, np.ndarray]] = []
        self._shows_one_id = False  # as where another recorder measures its colours

    def notes(self) -> dict[str, Any]:
        """Return what the recording must say of this run."""
        notes = {**(self._clock.notes() if self._clock else {}), **self._suspect}
        if self._poses:
            notes |= self._poses.notes()
        if self._placement:
            notes["placement"] = self._placement
        before = int(self.writers[0].info.notes.get("largest_spread_ns", 0))
        return {**notes, "largest_spread_ns": max(before, self._capturer.largest_spread_ns)}

    def fly(self, flight: Flight, plan: FlightPlan, mode: str) -> None:
        """Record frame after frame until the flight is over."""
        writer, most = self.writers[0], self._options.max_frames
        first, last, before = writer.count, writer.last, writer.info.notes
        is_realtime = mode == "realtime"
        if is_realtime:
            self._clock = LatenessCheck(plan.step_ns, last, before)  # type: ignore[arg-type]
        else:
            # Poses are exact whatever the clock does; a vehicle that flies is where its time is.
            tolerance_ns = plan.time_tolerance_ns if mode == "step" else None
            self._clock = StepCheck(plan.step_ns, last, before, tolerance_ns)  # type: ignore[arg-type]
        slot = round(last["plan_time_ns"] / plan.step_ns) if last else 0
        poses = self._go_to_start(flight, plan, first, slot, mode)
        every = 0 if is_realtime else round(self._options.recheck_every_s * plan.rate_hz)

        def recheck(frame: int) -> None:
            if every and frame > first and frame % every == 0:
                self._recheck(frame)
            elif self._shows_one_id:
                self._shows_one_id = False
                self._noting_suspects(frame, self._ids.refuse_other_ids)

        total = writer.info.frames_planned
        more = (self.numbering.look,) if self.numbering else ()
        frames = fetch_ahead(flight, self._capturer, first, most, recheck, poses.is_off, *more)
        with contextlib.closing(frames):  # type: ignore[type-var]
            for fetched in frames:
                self._keep(fetched, plan.step_ns)
                shown = total if most is None or total is None else min(most, total)
                self._progress(writer.folder.name, fetched.frame + 1, shown)
        if most is None:
            self._clock.close(flight.slots)
        if is_realtime:
            self._client.simPause(True)
        if writer.count > self._checked_from:
            self._recheck(writer.count)
        for each in reversed(self.writers):  # the first view is the one that says it is done
            each.finish("complete", notes=self.notes())

    def _go_to_start(
        self, flight: Flight, plan: FlightPlan, first: int, slot: int, mode: str
    ) -> PoseCheck:
        """Bring simulator and flight to the first frame that is missing."""
        self._client.simPause(True)
        # What compiles or loads does so now, not while a clock runs.
        self._capturer.warm_up()
        self._ids.warm_up()
        self._capturer.time_runs |= mode == "realtime"
        # A known start makes the same flight give the same frames, whatever came before.
        self._client.reset()
        self._client.simPause(True)
        prepare_world(self._client, plan, self._capturer.views)
        self._ids.assign_again()
        tolerance = plan.pose_tolerance if mode == "pose" else None
        notes = self.writers[0].info.notes
        self._poses = PoseCheck(self._client, self._capturer.views, tolerance, notes)
        flight.begin()
        self._placement = flight.placement.name
        if last := self.writers[0].last:
            flight.skip_to(first - 1, slot, int(last["timestamp_ns"]))
        if plan.flow or first:
            # Flow is counted from the image before, and so are blur and speed.
            answers = self._capturer.fetch()
            if first:
                self._before = _places(self._capturer.read(first - 1, answers))
        return self._poses

    def _keep(self, fetched: Fetched, step_ns: int) -> None:
        """Check a frame and hand it to the writers."""
        frame = fetched.frame
        instants = self._capturer.read(frame, fetched.answers)
        seen = self._capturer.poses(fetched.answers)
        if self._poses and fetched.poses is not None and seen is not None:
            self._poses.check(frame, fetched.poses, seen)
        self._clock.check(frame, fetched.slot, instants[0].timestamp_ns)  # type: ignore[union-attr]
        looked: Sequence[np.ndarray | None] = fetched.looked or (None,) * len(instants)
        decoded = [self._decode(i, frame, look) for i, look in zip(instants, looked, strict=True)]
        velocities = self._measured(instants, fetched.velocities)
        for writer, instant, (ids, numbers), velocity in zip(
            self.writers, instants, decoded, velocities, strict=True
        ):
            writer.add(
                Frame(
                    instant.timestamp_ns,
                    fetched.slot * step_ns,
                    instant.pose,
                    velocity,
                    instant.rgb,
                    ids,
                    instant.depth,
                    instant.flow,
                    numbers,
                )
            )

    def _measured(self, instants: list[Instant], told: list[np.ndarray | None]) -> list[np.ndarray]:
        """Return each view's velocity: as the simulator tells it, or the way over the time."""
        now = _places(instants)
        velocities = []
        for (time_ns, place), velocity, before in itertools.zip_longest(now, told, self._before):
            if velocity is None and before is not None:
                velocity = (place - before[1]) / ((time_ns - before[0]) / 1e9)
            velocities.append(np.zeros(3) if velocity is None else velocity)
        self._before = now
        return velocities

    def _decode(
        self, instant: Instant, frame: int, looked: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return a view's raw ids, and the numbers of its objects where they are asked for."""
        try:
            drawn = self._ids.decode(instant.colors, frame)
        except SimulatorError:
            if self._shows_one_id:  # and nobody has looked yet whether that is so
                self._doubt_frames_before(frame)
            raise
        ids = self._ids.raw_ids(drawn)
        if not ids.any():
            raise SimulatorError(
                f"frame {frame}: the segmentation image shows nothing but background. Does the "
                "flight stay inside the scene, and is segmentation switched on?"
            )
        counts = self._ids.count(drawn)
        self._seen += counts
        self._shows_one_id |= np.count_nonzero(counts[1:]) == 1
        if self.numbering is None:
            return ids, None
        return ids, self.numbering.numbers(Seen(frame, instant, drawn, ids, looked))

    def _recheck(self, frame: int) -> None:
        """Look whether cameras, ids and colours are still those of the start."""
        seen = self._seen.copy()

        def look(span: str) -> None:
            for view in self._capturer.views:
                refuse_no_pinhole(self._client, view, span)
            self._ids.recheck(self._capturer.colors, seen, span)

        self._noting_suspects(frame, look)
        self._checked_from = frame
        self._seen[:] = 0

    def _noting_suspects(self, frame: int, look: Callable[[str], None]) -> None:
        """Look at something that, where amiss, puts frames since the last check in doubt."""
        span = f"frames {self._checked_from} to {frame - 1}"
        try:
            look(span)
        except SimulatorError as cause:
            if span in str(cause):
                self._doubt_frames_before(frame)
            raise

    def _doubt_frames_before(self, frame: int) -> None:
        why = "their cameras, segmentation colours or ids changed meanwhile."
        self._suspect = {"suspect_frames": [self._checked_from, frame - 1, why]}


def _places(instants: list[Instant]) -> list[tuple[int, np.ndarray]]:
    """Return when and where each view was: nanoseconds, and (3,) metres NED."""
    return [(instant.timestamp_ns, instant.pose[:3]) for instant in instants]
