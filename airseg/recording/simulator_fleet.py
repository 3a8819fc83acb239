"""Many plans over many simulators: each is kept busy, and what fails is tried elsewhere.

A flight is one run of `airseg record` in a process of its own, so that a crash takes nothing else
along, and a flight that failed is continued where it stopped by whoever takes it next. A plan goes
back to a simulator where it failed only when no other one lives. A simulator that answers nobody is
set aside for a while, which costs the plan nothing.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from airseg.documents import StrictModel
from airseg.errors import AirsegError, RecordingError
from airseg.flight import load_plan, plan_trajectory
from airseg.path_names import first_twin
from airseg.recording.flying.flight_folders import refuse_shared_folders, refuse_to_overwrite
from airseg.recording.stored.continuing import ANOTHER_FLIGHT
from airseg.simulators.client import NOBODY_ANSWERS
from airseg.simulators.protocol import DEFAULT_HOST

_POLL_S = 0.5
_SET_ASIDE_S = 5.0
_SET_ASIDE_AT_MOST_S = 120.0
_LEAVE_S, _CANCEL_S = 20.0, 0.5
"""How long a command may take to end where its job is put back, or is given up."""

Submit = Callable[[list[str]], "Future[tuple[int, str]]"]
"""Runs a command somewhere; the future gives its exit code and the last line it said."""


class FleetSimulator(StrictModel):
    """One simulator, or several of our own.

    Attributes:
        address: HOST:PORT of a running one; left out, the embedded one is started.
        count: how many embedded ones; world, seed: what they show, in place of what each plan says.
    """

    address: str | None = Field(None, pattern=r"^[^\s:]+:\d{1,5}$")
    count: int = Field(1, ge=1, le=1000)
    world: str | None = None
    seed: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.address and (self.count != 1 or self.world or self.seed is not None):
            raise ValueError("address: a running simulator has a world already; leave out the rest")
        return self


class Fleet(StrictModel):
    """Which plans are flown, where, and how often a failed one is tried."""

    format: Literal[1] = 1
    plans: list[str] = Field(min_length=1)
    simulators: list[FleetSimulator] = Field(min_length=1)
    tries: int = Field(3, ge=1, le=100)
    timeout_s: float = Field(30.0, gt=0)

    @model_validator(mode="after")
    def _repeats_nothing(self) -> Self:
        if name := first_twin(Path(p).stem for p in self.plans):
            raise ValueError(f"plans: '{name}' stands twice, and so would its recording")
        if place := first_twin(_one_place(s.address) for s in self.simulators if s.address):
            raise ValueError(f"simulators: {place} stands twice; one flies one plan at a time")
        return self

    def slots(self) -> list[FleetSimulator]:
        """Return one entry for each simulator."""
        return [s.model_copy(update={"count": 1}) for s in self.simulators for _ in range(s.count)]


def _one_place(address: str) -> str:
    """Return the address of this machine in one spelling, and of others without capitals."""
    host, _, port = address.lower().rpartition(":")
    return f"{DEFAULT_HOST if host == 'localhost' else host}:{int(port)}"


@dataclass
class _Slot:
    """A simulator of the fleet.

    Attributes:
        name: for messages; simulator: what it is.
        silences: how often in a row it answered nobody; back_at: when it is tried again.
    """

    name: str
    simulator: FleetSimulator
    is_free: bool = True
    silences: int = 0
    back_at: float = 0.0

    def set_aside(self) -> float:
        """Leave it alone for a while, longer each time; return how many seconds."""
        seconds = min(_SET_ASIDE_S * 2**self.silences, _SET_ASIDE_AT_MOST_S)
        self.silences += 1
        self.back_at = time.monotonic() + seconds
        return seconds

    @property
    def is_aside(self) -> bool:
        """Whether it answered nobody when it was last tried, and rests."""
        return self.silences > 0 and time.monotonic() < self.back_at


@dataclass
class _Job:
    """A flight of the fleet: how often it was tried, where it failed, and what was said.

    Attributes:
        old: the recording that is to be overwritten, see `_identity`; None is none. Whoever flies
            it empties its folder only when the simulator is ready, and after that nobody shall.
    """

    name: str
    plan: str
    planned: int
    old: tuple[int, int] | None = None
    tries: int = 0
    failed_at: set[str] = field(default_factory=set)
    said: str = ""


def run_fleet(
    fleet: Fleet,
    out: Path,
    extra: list[str],
    submit: Submit,
    progress: Callable[[str, int, int | None], None],
    tell: Callable[[str], None],
    most_frames: int | None = None,
    *,
    overwrite: bool = False,
) -> int:
    """Record all plans of a fleet.

    Args:
        fleet: plans and simulators.
        out: folder of the recordings, reachable from wherever `submit` runs.
        extra: more arguments for `airseg record`.
        submit: runs a command.
        progress: told how many frames of all plans are recorded.
        tell: told a line for each flight that ends.
        most_frames: where each flight stops, if not at its end.
        overwrite: begin anew where there is a recording; once, so that what one try records the
            next one keeps.

    Returns:
        How many frames there are.

    Raises:
        RecordingError: a plan failed as often as it may; the others are finished first. Or a folder
            is no recording's, and cannot be overwritten.
    """
    jobs = [_job(text) for text in fleet.plans]
    refuse_shared_folders(load_plan(text) for text in fleet.plans)
    if overwrite:
        for name, plan in map(load_plan, fleet.plans):
            refuse_to_overwrite(out / name, plan)
        for job in jobs:
            job.old = _identity(out / job.name)
    if most_frames is not None:
        extra = [*extra, "--frames", str(most_frames)]
        for job in jobs:
            job.planned = min(job.planned, most_frames)
    work = _Work(fleet, jobs, tell)
    running: dict[Future[tuple[int, str]], tuple[_Job, _Slot]] = {}
    total, shown = sum(job.planned for job in jobs), -1
    while work.waiting or running:
        while pair := work.take():
            job, slot = pair
            running[submit(_command(job, slot.simulator, fleet, out, extra))] = (job, slot)
        if running:
            done, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        else:
            done = set()
            time.sleep(_POLL_S)  # every simulator that could help is set aside
        for future in done:
            job, slot = running.pop(future)
            if work.settle(job, slot, *_outcome(future)):
                tell(f"{job.name}: {_frames(out, job)} frames in {out / job.name}")
        frames = sum(_frames(out, job) for job in jobs)
        if frames != shown:
            shown = frames
            progress("all plans", frames, total)
    if lost := work.lost:
        raise RecordingError(
            f"{len(lost)} of {len(jobs)} plans failed {fleet.tries} times; {lost[0].name}, "
            f"{lost[0].said} Run the same command again to go on."
        )
    return sum(_frames(out, job) for job in jobs)


class _Work:
    """Which plans wait, and which simulators may take them.

    Attributes:
        waiting: plans that nobody flies now; lost: those that failed as often as they may.
    """

    def __init__(self, fleet: Fleet, jobs: list[_Job], tell: Callable[[str], None]) -> None:
        self._tries, self._tell = fleet.tries, tell
        self.waiting, self.lost = deque(jobs), list[_Job]()
        self._slots = [
            _Slot(s.address or f"embedded simulator {number}", s)
            for number, s in enumerate(fleet.slots())
        ]

    def take(self) -> tuple[_Job, _Slot] | None:
        """Return the next plan and the free simulator that shall fly it, if there are any.

        Raises:
            RecordingError: not one simulator answers any more.
        """
        if self.waiting and all(slot.silences >= self._tries for slot in self._slots):
            names = ", ".join(slot.name for slot in self._slots)
            raise RecordingError(
                f"no simulator of the fleet answers, each asked {self._tries} times: {names}. "
                "Start them, and run the same command again to go on."
            )
        for job in self.waiting:
            able = [s for s in self._slots if not s.is_aside and s.name not in job.failed_at]
            # One that answers nobody does not keep a plan from those that do.
            able = able or [s for s in self._slots if not s.is_aside]
            if slot := next((s for s in able if s.is_free), None):
                self.waiting.remove(job)
                slot.is_free = False
                return job, slot
        return None

    def settle(self, job: _Job, slot: _Slot, code: int, said: str) -> bool:
        """Take note of how a try ended; tell whether the plan is recorded."""
        slot.is_free = True
        job.said = f"at {slot.name}: {said}"
        if code == 0:
            slot.silences = 0
            return True
        if NOBODY_ANSWERS in said:
            seconds = slot.set_aside()
            self.waiting.append(job)
            self._tell(f"{slot.name} answers nobody; it is tried again in {seconds:g} s: {said}")
            return False
        slot.silences = 0
        job.failed_at.add(slot.name)
        if ANOTHER_FLIGHT in said and len(job.failed_at) < len(self._slots):
            self.waiting.append(job)  # begun in the world of another simulator of the fleet
            return False
        job.tries += 1
        if job.tries < self._tries:
            self.waiting.append(job)
            self._tell(f"{job.name}: try {job.tries} failed, goes on elsewhere: {job.said}")
        else:
            self.lost.append(job)
        return False


def _job(text: str) -> _Job:
    name, plan = load_plan(text)
    return _Job(name, text, len(plan_trajectory(plan)))


def _outcome(future: Future[tuple[int, str]]) -> tuple[int, str]:
    """Return exit code and last words; a worker that died with its flight has failed it."""
    try:
        return future.result()
    except Exception as cause:  # whatever carries the commands has errors of its own
        words = str(cause).strip().splitlines() or [type(cause).__name__]
        return 1, f"its worker was lost: {words[0]}"


def _command(
    job: _Job, simulator: FleetSimulator, fleet: Fleet, out: Path, extra: list[str]
) -> list[str]:
    command = [sys.executable, "-m", "airseg", "record", job.plan, "--out", str(out)]
    command += ["--timeout", str(fleet.timeout_s), *extra]
    if job.old is not None and job.old == _identity(out / job.name):
        command.append("--overwrite")
    if simulator.address:
        return [*command, "--simulator", simulator.address]
    command += ["--world", simulator.world] if simulator.world else []
    command += ["--seed", str(simulator.seed)] if simulator.seed is not None else []
    return [*command, "--embedded"]


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a recording from one that was begun in its place; None where none is."""
    try:
        told = (folder / "recording.json").stat()
    except OSError:
        return None
    return told.st_ino, told.st_mtime_ns


def _frames(out: Path, job: _Job) -> int:
    """Return how many frames of a flight are on disk."""
    try:
        return max((out / job.name / "frames.csv").read_bytes().count(b"\n") - 1, 0)
    except OSError:
        return 0


def run_command(command: list[str], *, in_own_session: bool = False) -> tuple[int, str]:
    """Run a command and return its exit code and the last line it said.

    Whoever is interrupted here, or must exit, takes the command along: it is interrupted, too, so
    that it finishes the frame or step it is at, and killed where that takes long.

    Args:
        command: program and arguments.
        in_own_session: whether signals to this process's group pass the command by.
    """
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=in_own_session,
    ) as process:
        try:
            output, errors = process.communicate()
        except BaseException as cause:
            _end(process, _LEAVE_S if isinstance(cause, SystemExit) else _CANCEL_S)
            raise
    lines = (errors or output).strip().splitlines()
    return process.returncode, lines[-1].removeprefix("airseg: ") if lines else "it said nothing"


def _end(process: subprocess.Popen[str], patience_s: float) -> None:
    with suppress(OSError, ValueError):  # it has ended, or knows no such signal
        process.send_signal(signal.SIGINT)
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()


@contextmanager
def local_processes(count: int) -> Any:
    """Yield a `Submit` that runs commands on this machine, `count` at a time."""
    with ThreadPoolExecutor(count, thread_name_prefix="fleet") as pool:
        yield lambda command: pool.submit(run_command, command)


@contextmanager
def ray_cluster(address: str, *, per_gpu: bool = False) -> Any:
    """Yield a `Submit` that runs commands on a Ray cluster.

    Args:
        address: of the cluster, or ``local`` to start one here.
        per_gpu: each command waits for a GPU of its own, or for a core where the cluster has none;
            otherwise commands begin at once.

    Raises:
        AirsegError: Ray is not installed, or no cluster answers.
    """
    try:
        import ray
    except ImportError:
        raise AirsegError(
            "--ray needs Ray, which is not installed. Install it: pip install 'airseg[ray]'."
        ) from None
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False)
    except Exception as cause:  # Ray raises plain ones, such as for a node that starts too slowly
        reason = str(cause).strip().splitlines()[0]
        raise AirsegError(f"--ray {address}: no Ray cluster answers ({reason}).") from None
    try:
        has_gpus = per_gpu and ray.cluster_resources().get("GPU", 0) >= 1
        needs = {"num_cpus": 1 if per_gpu else 0, "num_gpus": 1 if has_gpus else 0}
        remote = ray.remote(max_retries=0, **needs)(run_command)  # type: ignore[call-overload]
        yield lambda command: remote.remote(command).future()
    finally:
        ray.shutdown()
