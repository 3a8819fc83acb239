"""``airseg record --fleet``: many plans over many simulators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from airseg.recording.slurm_cluster import SlurmOptions


def record_fleet(
    file: Path,
    out: Path,
    ray_address: str | None,
    slurm: SlurmOptions | None,
    extra: list[str],
    most_frames: int | None,
    *,
    overwrite: bool,
) -> None:
    """Record the plans of a fleet file.

    Args:
        file: the fleet, YAML.
        out: folder of the recordings.
        ray_address: of a Ray cluster; slurm: what jobs of a Slurm cluster ask for. Without either,
            processes run here.
        extra: arguments for each `airseg record`.
        most_frames: where each flight stops, if not at its end.
        overwrite: whether to begin anew; once, so that what one try records the next one keeps.
    """
    from airseg.cli.display import progress_bar
    from airseg.documents import load_document
    from airseg.errors import RecordingError, no_such
    from airseg.recording.simulator_fleet import Fleet, local_processes, ray_cluster, run_fleet
    from airseg.recording.slurm_cluster import slurm_cluster
    from airseg.simulators.embedded.worlds.catalogue import world_names

    fleet, worlds = load_document(file, Fleet, RecordingError), world_names()
    for name in {s.world for s in fleet.simulators if s.world} - {*worlds}:
        raise RecordingError(f"{file}: simulators: {no_such('world', name, worlds)}")
    slots = fleet.slots()
    if slurm:
        place = slurm_cluster(out, slurm)
    else:
        place = ray_cluster(ray_address) if ray_address else local_processes(len(slots))
    with place as submit, progress_bar("frames") as progress:
        frames = run_fleet(
            fleet,
            out.absolute(),
            extra,
            submit,
            progress,
            click.echo,
            most_frames,
            overwrite=overwrite,
        )
    click.echo(f"{len(fleet.plans)} plans over {len(slots)} simulators: {frames} frames in {out}")
