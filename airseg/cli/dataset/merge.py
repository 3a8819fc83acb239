"""``airseg dataset merge``: join datasets into one."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.names import CODEC


@click.command("merge")
@click.argument("datasets", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@click.option(
    "--prefix", is_flag=True, help="Put each file's name before its sequences: city-a, park-a."
)
@click.option(
    "--codec",
    type=CODEC,
    help="Compress colour frames in another way: see 'airseg relabel --help'.  [default: as is]",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is already there.")
def command(
    datasets: tuple[Path, ...], out: Path, prefix: bool, codec: str | None, overwrite: bool
) -> None:
    """Join DATASETS, which have the same classes, into one file.

    Sequences keep their splits, and the label maps that made them. Frames are copied as they are
    compressed.

    \b
    Examples:
      airseg dataset merge city.h5 park.h5 --out both.h5
      airseg dataset merge monday.h5 tuesday.h5 --prefix --out week.h5
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.editing.combining import CombineOptions, Taken, combine
    from airseg.dataset.editing.selection import tell
    from airseg.dataset.reading.reader import Dataset

    taken = [
        Taken.whole(view, f"{path.stem}-{view.name}" if prefix else None)
        for path in datasets
        for view in Dataset(path, check=True)
    ]
    options = CombineOptions(codec, overwrite=overwrite, operation="merge")
    with progress_bar("frames") as update:
        combined = combine(out, taken, options, update)
    for warning in combined.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(tell(combined, taken))
