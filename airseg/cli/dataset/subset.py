"""``airseg dataset subset``: write some sequences or frames into a new file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("subset")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@click.option(
    "--sequence",
    "sequences",
    multiple=True,
    metavar="NAME",
    help="Take this sequence; may be given several times.  [default: all]",
)
@click.option(
    "--in",
    "splits",
    multiple=True,
    type=click.Choice(["train", "val", "test"]),
    help="Take the sequences of this split; may be given several times.  [default: all]",
)
@click.option(
    "--frames",
    default="",
    metavar="START:STOP[:STEP]",
    help="Take these frames of each sequence, counted as Python does.  [default: all]",
)
@click.option(
    "--codec",
    help="Compress colour frames in another way: see 'airseg relabel --help'.  [default: as is]",
)
@click.option("--no-raw", is_flag=True, help="Drop raw ids; the file cannot be relabelled later.")
@click.option("--no-depth", is_flag=True, help="Drop depth.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is already there.")
def command(
    dataset: Path,
    out: Path,
    sequences: tuple[str, ...],
    splits: tuple[str, ...],
    frames: str,
    codec: str | None,
    no_raw: bool,
    no_depth: bool,
    overwrite: bool,
) -> None:
    """Write some sequences or frames of DATASET into a new file.

    Frames are copied as they are compressed, unless --codec asks for something else; with all
    sequences that alone rewrites a file in another codec.

    \b
    Examples:
      airseg dataset subset dataset.h5 --sequence roofs --sequence gardens --out two.h5
      airseg dataset subset dataset.h5 --frames 0:200 --out small.h5
      airseg dataset subset dataset.h5 --codec gzip --out portable.h5
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.editing.combining import CombineOptions, combine
    from airseg.dataset.editing.selection import select, tell
    from airseg.dataset.reading.reader import Dataset

    options = CombineOptions(codec, not no_raw, not no_depth, overwrite, "subset")
    taken = select(Dataset(dataset, check=True), sequences, splits, frames)
    with progress_bar("frames") as update:
        combined = combine(out, taken, options, update)
    for warning in combined.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(tell(combined, taken))
