"""``airseg dataset subset``: write some sequences or frames into a new file."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.names import SPLITS, CommandWithOldSpellings
from airseg.cli.options import (
    out_file_option,
    overwrite_option,
    recode_option,
    without_streams_options,
)


@click.command(
    "subset",
    cls=CommandWithOldSpellings,
    old={"--in": ("--split", ""), "--frames": ("--range", ":")},
)
@click.argument("dataset", type=click.Path(path_type=Path))
@out_file_option
@click.option(
    "--sequence",
    "sequences",
    multiple=True,
    metavar="NAME",
    help="Take this sequence; may be given several times.  [default: all]",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    type=click.Choice(SPLITS),
    help="Take the sequences of this split; may be given several times.  [default: all]",
)
@click.option(
    "--range",
    "span",
    default="",
    metavar="START:STOP[:STEP]",
    help="Take these frames of each sequence, counted as Python does.  [default: all]",
)
@recode_option
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    help="Take the first so many of each sequence.  [default: all]",
)
@without_streams_options
@overwrite_option
def command(
    dataset: Path,
    out: Path,
    sequences: tuple[str, ...],
    splits: tuple[str, ...],
    span: str,
    frames: int | None,
    codec: str | None,
    no_raw: bool,
    no_depth: bool,
    no_instances: bool,
    overwrite: bool,
) -> None:
    """Write some sequences or frames of DATASET into a new file.

    Frames are copied as they are compressed, unless --codec asks for something else; with all
    sequences that alone rewrites a file in another codec.

    \b
    Examples:
      airseg dataset subset dataset.h5 --sequence roofs --sequence gardens \\
          --out two.h5
      airseg dataset subset dataset.h5 --range 0:200 --out small.h5
      airseg dataset subset dataset.h5 --codec gzip --out portable.h5
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.editing.combining import CombineOptions, combine
    from airseg.dataset.editing.selection import select, tell
    from airseg.dataset.reading import Dataset

    if frames and span:
        raise click.UsageError("--frames and --range both say which; leave one out.")
    span = f":{frames}" if frames else span
    options = CombineOptions(
        codec, not no_raw, not no_depth, overwrite, "subset", keep_instance=not no_instances
    )
    taken = select(Dataset(dataset, check=True), sequences, splits, span)
    with progress_bar("frames") as update:
        combined = combine(out, taken, options, update)
    for warning in combined.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(tell(combined, taken))
