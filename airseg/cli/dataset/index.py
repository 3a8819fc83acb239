"""``airseg dataset index``: read many files as one dataset."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("index")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Such as index.json.")
@click.option("--overwrite", is_flag=True, help="Replace an index that is already there.")
def command(files: tuple[Path, ...], out: Path, overwrite: bool) -> None:
    """Write an index of FILES, with which they are read as one dataset.

    No frame is copied. Files beside the index are named relative to it, so that the folder can be
    moved; URLs stay as they are.

    \b
    Examples:
      airseg dataset index packed/*.h5 --out packed/index.json
      airseg info packed/index.json
    """
    from airseg.dataset.editing.indexing import write_index
    from airseg.dataset.reading import Dataset

    opened = [one for path in files for one in Dataset(path, check=True).files]
    index = write_index(out, opened, overwrite=overwrite)
    frames = sum(s.length for shard in index.shards for s in shard.sequences)
    click.echo(
        f"wrote {out}: {frames} frames in {len(index.shards)} files "
        f"(content {index.content_hash[:12]})"
    )
