"""``airseg dataset shard``: divide datasets into many files under one index."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.names import CODEC, FiniteRange
from airseg.cli.options import out_folder_option


@click.command("shard")
@click.argument("datasets", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_folder_option("The folder to write.")
@click.option(
    "--megabytes",
    default=1000.0,
    show_default=True,
    type=FiniteRange(0, min_open=True),
    help="Size of a file, about; no sequence is divided.",
)
@click.option(
    "--codec", type=CODEC, help="Compression of colour frames.  [default: each sequence's own]"
)
@click.option("--overwrite", is_flag=True, help="Replace files that are already there.")
def command(
    datasets: tuple[Path, ...], out: Path, megabytes: float, codec: str | None, overwrite: bool
) -> None:
    """Divide DATASETS into files of bounded size in a folder, under one index.

    The index, OUT/index.json, is read like one dataset, from a disk or from object storage. Run the
    same command again after an interruption, and it goes on.

    \b
    Examples:
      airseg dataset shard dataset.h5 --megabytes 500 --out shards
      airseg bench run demo --dataset shards/index.json --out results
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.editing.combining import CombineOptions
    from airseg.dataset.editing.sharding import INDEX_NAME, write_shards
    from airseg.dataset.reading import Dataset

    options = CombineOptions(codec=codec, overwrite=overwrite, operation="shard")
    with progress_bar("frames") as update:
        index = write_shards(
            out,
            [Dataset(path, check=True) for path in datasets],
            megabytes=megabytes,
            options=options,
            progress=update,
        )
    for shard in index.shards:
        frames = sum(sequence.length for sequence in shard.sequences)
        names = ", ".join(sequence.name for sequence in shard.sequences)
        click.echo(f"{shard.file}: {frames} frames: {names}")
    click.echo(
        f"wrote {len(index.shards)} files and {out / INDEX_NAME} "
        f"(content {index.content_hash[:12]})"
    )
