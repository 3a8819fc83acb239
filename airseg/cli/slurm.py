"""The options of commands that can run as jobs of a Slurm cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from airseg.recording.slurm_cluster import SlurmOptions

_OPTIONS = (
    click.option("--slurm", "on_slurm", is_flag=True, help="Run as jobs of this Slurm cluster."),
    click.option(
        "--slurm-set",
        "slurm_settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="What a job asks for: timeout_min, cpus_per_task, gpus_per_node, mem_gb, or an "
        "option of sbatch such as partition; may be given several times.",
    ),
    click.option(
        "--slurm-executor",
        type=click.Choice(["slurm", "local"]),
        default="slurm",
        show_default=True,
        help="local: the same jobs as processes of this machine, to try it out.",
    ),
)


def slurm_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--slurm``, ``--slurm-set`` and ``--slurm-executor`` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_slurm(
    on_slurm: bool, settings: tuple[str, ...], executor: str, ray: str | None
) -> SlurmOptions | None:
    """Return what jobs ask for, or None where none are wanted."""
    from airseg.cli.given_options import parse_options
    from airseg.recording.slurm_cluster import SlurmOptions

    if not on_slurm:
        if settings:
            raise click.UsageError("--slurm-set says what jobs ask for; give it with --slurm.")
        return None
    if ray is not None:
        raise click.UsageError("--slurm and --ray both say where; leave one out.")
    return SlurmOptions(executor, parse_options(settings, "--slurm-set"))
