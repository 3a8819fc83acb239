"""``airseg dataset split``: say anew which sequence is for training, validation or testing."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("split")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    required=True,
    metavar="SPLIT=SEQ,SEQ",
    help="Put sequences into train, val or test; may be given several times. Others stay.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that is already there.")
def command(dataset: Path, out: Path, splits: tuple[str, ...], overwrite: bool) -> None:
    """Say anew which sequences of DATASET are for training, validation and testing.

    Splits go by whole sequences: a frame that is trained on gives its neighbour away.
    `airseg dataset leak` measures what still is the same on both sides.

    \b
    Examples:
      airseg dataset split dataset.h5 --split test=roofs,gardens --out other.h5
      airseg dataset split dataset.h5 --split val=p003 --out dataset.h5 --overwrite
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.combining import CombineOptions, Taken, combine
    from airseg.dataset.reader import Dataset
    from airseg.dataset.selection import tell
    from airseg.dataset.splits import choose_splits

    opened = Dataset(dataset)
    chosen = choose_splits({view.name: view.split for view in opened}, splits).by_sequence
    taken = [Taken.whole(view, split=chosen[view.name]) for view in opened]
    options = CombineOptions(overwrite=overwrite, operation="split")
    with progress_bar("frames") as update:
        combined = combine(out, taken, options, update)
    for split in ("train", "val", "test"):
        members = [one for one in taken if one.split == split]
        frames = sum(len(one.frames) for one in members)
        names = ", ".join(one.name for one in members) or "none"
        click.echo(f"{split}: {frames} frames: {names}")
    click.echo(tell(combined, taken))
