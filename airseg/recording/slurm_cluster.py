"""Commands as jobs of a Slurm cluster, through submitit.

A job that reaches its time limit, or is preempted, is put back into the queue and runs the same
command again, which goes on where it stopped.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airseg.errors import AirsegError, first_line
from airseg.recording.simulator_fleet import Submit, run_command

LOGS = ".slurm"
"""Folder of the jobs' scripts and of what they print, below that of what they make."""

_MOST_JOBS = 1000
_MOST_REQUEUES = 1000
_MINUTES = 240
_NOTICE_S = 90
_COMMON = ("cpus_per_task", "gpus_per_node", "mem_gb", "name", "timeout_min")


@dataclass(frozen=True)
class SlurmOptions:
    """What jobs ask for.

    Attributes:
        executor: ``slurm``, or ``local``: the same jobs as processes of this machine.
        settings: of submitit (``timeout_min``, ``cpus_per_task``, ``gpus_per_node``, ``mem_gb``,
            ``name``), or else of sbatch (``partition``, ``account``, ``qos``, ``constraint``, ...).
    """

    executor: str = "slurm"
    settings: Mapping[str, Any] = field(default_factory=dict)


class Requeued:
    """Runs a command; when its job must end, the command is put into the queue again.

    Slurm may signal every process of a job; the one that asks for requeueing must hear it first,
    so the command has a session of its own.
    """

    def __call__(self, command: list[str]) -> tuple[int, str]:
        """Return the exit code, and the last line it said."""
        return run_command(command, in_own_session=True)

    def checkpoint(self, command: list[str]) -> Any:
        """Return what the job does when it starts again; submitit asks this."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, command)


@contextmanager
def slurm_cluster(out: Path, options: SlurmOptions) -> Iterator[Submit]:
    """Yield a `Submit` that runs commands as jobs.

    Jobs that are not done when this ends, by Ctrl-C or an error, are cancelled.

    Args:
        out: folder that all machines of the cluster see; the jobs' logs go below it.
        options: what jobs ask for.

    Raises:
        AirsegError: submitit is not installed, there is no Slurm here, or a setting is unknown.
    """
    executor = _executor(out.absolute() / LOGS, options)
    jobs: list[Any] = []
    with ThreadPoolExecutor(_MOST_JOBS, thread_name_prefix="slurm") as waiting:

        def submit(command: list[str]) -> Future[tuple[int, str]]:
            with _heeding_interrupts():
                job = executor.submit(Requeued(), command)
            jobs.append(job)
            return waiting.submit(job.result)

        try:
            yield submit
        finally:
            for job in jobs:
                if not job.done():
                    with suppress(Exception):  # it has ended meanwhile, or Slurm is gone
                        job.cancel()


@contextmanager
def _heeding_interrupts() -> Iterator[None]:
    """Let what is started here heed SIGINT, by which submitit cancels local jobs.

    A shell that runs a command in the background makes it ignore the signal, and all it starts.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _executor(folder: Path, options: SlurmOptions) -> Any:
    try:
        import submitit
    except ImportError:
        raise AirsegError(
            "--slurm needs submitit, which is not installed. Install it: pip install "
            "'airseg[slurm]'."
        ) from None
    requeues = {f"{kind}_max_num_timeout": _MOST_REQUEUES for kind in ("slurm", "local")}
    make: Callable[..., Any] = submitit.AutoExecutor
    try:
        executor = make(folder=folder, cluster=options.executor, **requeues)
        executor.update_parameters(**_parameters(options))
    except (RuntimeError, NameError, ValueError, TypeError, AssertionError) as cause:
        raise AirsegError(
            f"--slurm: jobs cannot be submitted here: {first_line(cause)} Run it where sbatch is, "
            "or try --slurm-executor local."
        ) from None
    return executor


def _parameters(options: SlurmOptions) -> dict[str, Any]:
    """Return settings as submitit spells them."""
    given = {
        name if name in _COMMON else f"slurm_{name}": value
        for name, value in options.settings.items()
    }
    defaults = {"name": "airseg", "timeout_min": _MINUTES, "slurm_signal_delay_s": _NOTICE_S}
    return defaults | given
