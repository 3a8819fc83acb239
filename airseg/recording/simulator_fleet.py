"""Many plans over many simulators: each is kept busy, and what fails is tried elsewhere.

A flight is one run of `airseg record` in a process of its own, so that a crash takes nothing else
along, and a flight that failed is continued where it stopped by whoever takes it next.
"""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from airseg.documents import StrictModel
from airseg.errors import AirsegError, RecordingError
from airseg.flight.plan import load_plan
from airseg.flight.trajectory import plan_trajectory

_POLL_S = 0.5

Submit = Callable[[list[str]], "Future[tuple[int, str]]"]
"""Runs a command somewhere; the future gives its exit code and the last line it said."""


class FleetSimulator(StrictModel):
    """One simulator, or several of our own.

    Attributes:
        address: HOST:PORT of a running one; left out, the embedded one is started.
        count: how many embedded ones; world, seed: what they show.
    """

    address: str | None = Field(None, pattern=r"^[^\s:]+:\d{1,5}$")
    count: int = Field(1, ge=1, le=1000)
    world: str = "neighborhood"
    seed: int = 0

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.address and (self.count != 1 or self.world != "neighborhood" or self.seed):
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
        names = [Path(p).stem for p in self.plans]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"plans: '{name}' stands twice, and so would its recording")
        places = [s.address for s in self.simulators if s.address]
        for place in places:
            if places.count(place) > 1:
                raise ValueError(f"simulators: {place} stands twice; one flies one plan at a time")
        return self

    def slots(self) -> list[FleetSimulator]:
        """Return one entry for each simulator."""
        return [s.model_copy(update={"count": 1}) for s in self.simulators for _ in range(s.count)]


@dataclass
class _Job:
    """A flight of the fleet: how often it was tried, where it failed, and what was said."""

    name: str
    plan: str
    planned: int
    tries: int = 0
    failed_at: set[int] = field(default_factory=set)
    said: str = ""


def run_fleet(
    fleet: Fleet,
    out: Path,
    extra: list[str],
    submit: Submit,
    progress: Callable[[str, int, int | None], None],
    tell: Callable[[str], None],
    most_frames: int | None = None,
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

    Returns:
        How many frames there are.

    Raises:
        RecordingError: a plan failed as often as it may; the others are finished first.
    """
    jobs = [_job(text) for text in fleet.plans]
    waiting, lost = deque(jobs), []
    slots = fleet.slots()
    free = list(range(len(slots)))
    running: dict[Future[tuple[int, str]], tuple[_Job, int]] = {}
    if most_frames is not None:
        extra = [*extra, "--frames", str(most_frames)]
        for job in jobs:
            job.planned = min(job.planned, most_frames)
    total, shown = sum(job.planned for job in jobs), -1
    while waiting or running:
        while free and waiting:
            job, slot = _next(waiting, free)
            job.tries += 1
            running[submit(_command(job, slots[slot], fleet, out, extra))] = (job, slot)
        done, _ = wait(running, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        for future in done:
            job, slot = running.pop(future)
            free.append(slot)
            code, job.said = _outcome(future)
            if code == 0:
                tell(f"{job.name}: {_frames(out, job)} frames in {out / job.name}")
            elif job.tries < fleet.tries:
                job.failed_at.add(slot)
                waiting.append(job)
                tell(f"{job.name}: try {job.tries} failed, goes on elsewhere: {job.said}")
            else:
                lost.append(job)
        frames = sum(_frames(out, job) for job in jobs)
        if frames != shown:
            shown = frames
            progress("all plans", frames, total)
    if lost:
        raise RecordingError(
            f"{len(lost)} of {len(jobs)} plans failed {fleet.tries} times; {lost[0].name}: "
            f"{lost[0].said} Run the same command again to go on."
        )
    return sum(_frames(out, job) for job in jobs)


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


def _next(waiting: deque[_Job], free: list[int]) -> tuple[_Job, int]:
    """Take the next flight, and a free simulator at which it has not failed, if there is one."""
    job = waiting.popleft()
    slot = next((s for s in free if s not in job.failed_at), free[0])
    free.remove(slot)
    return job, slot


def _command(
    job: _Job, simulator: FleetSimulator, fleet: Fleet, out: Path, extra: list[str]
) -> list[str]:
    command = [sys.executable, "-m", "airseg", "record", job.plan, "--out", str(out)]
    command += ["--timeout", str(fleet.timeout_s), *extra]
    if simulator.address:
        return [*command, "--simulator", simulator.address]
    return [*command, "--embedded", "--world", simulator.world, "--seed", str(simulator.seed)]


def _frames(out: Path, job: _Job) -> int:
    """Return how many frames of a flight are on disk."""
    try:
        return max((out / job.name / "frames.csv").read_bytes().count(b"\n") - 1, 0)
    except OSError:
        return 0


def run_command(command: list[str]) -> tuple[int, str]:
    """Run a command and return its exit code and the last line it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stderr or done.stdout).strip().splitlines()
    return done.returncode, lines[-1].removeprefix("airseg: ") if lines else "it said nothing"


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
