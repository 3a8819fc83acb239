"""``airseg dataset append``: add sequences to a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.names import CommandWithOldSpellings
from airseg.cli.options import assign_option, jobs_option, map_option, recordings_argument


@click.command("append", cls=CommandWithOldSpellings, old={"--split": ("--assign", "=")})
@click.argument("dataset", type=click.Path(path_type=Path))
@recordings_argument("inputs")
@assign_option(
    "Put new sequences into train, val or test; may be given several times.  [default: what they "
    "say themselves]"
)
@map_option("Label map of new recordings.  [default: DATASET's own]")
@jobs_option("Processes that pack.  [default: one a core, at most 8]")
def command(
    dataset: Path,
    inputs: tuple[Path, ...],
    splits: tuple[str, ...],
    map_name: str | None,
    jobs: int | None,
) -> None:
    """Add INPUTS to DATASET: recordings, folders that 'airseg relabel' takes, or datasets (.h5).

    Recordings are relabelled with the dataset's own label map, and packed as it is. DATASET is
    replaced when the new file is whole; interrupt or kill it, and the same command goes on.

    \b
    Examples:
      airseg dataset append dataset.h5 recordings/roofs_west \\
          --assign test=roofs_west
      airseg dataset append all.h5 monday.h5 tuesday.h5
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.editing.appending import append
    from airseg.dataset.editing.selection import tell
    from airseg.dataset.packing.workers import usable_jobs
    from airseg.labels import load_label_map

    label_map = load_label_map(map_name) if map_name else None
    jobs = jobs or usable_jobs()
    with progress_bar("frames") as update:
        combined, taken = append(
            dataset, inputs, splits, label_map=label_map, jobs=jobs, progress=update
        )
    for warning in combined.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(tell(combined, taken))
