"""``airseg dataset split``: say anew which sequence is for training, validation or testing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from airseg.cli.names import CommandWithOldSpellings
from airseg.cli.options import assign_option, out_file_option, overwrite_option

if TYPE_CHECKING:
    from airseg.dataset.reading import Dataset


@click.command("split", cls=CommandWithOldSpellings, old={"--split": ("--assign", "=")})
@click.argument("dataset", type=click.Path(path_type=Path))
@out_file_option
@assign_option("Put sequences into train, val or test; may be given several times. Others stay.")
@click.option(
    "--stratified", is_flag=True, help="Choose anew, so that every split has every class."
)
@click.option(
    "--shares",
    default="70,15,15",
    show_default=True,
    help="Frames for train, val and test, with --stratified.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Among equally good splits.",
)
@overwrite_option
def command(
    dataset: Path,
    out: Path,
    splits: tuple[str, ...],
    stratified: bool,
    shares: str,
    seed: int,
    overwrite: bool,
) -> None:
    """Say anew which sequences of DATASET are for training, validation and testing.

    Splits go by whole sequences: a frame that is trained on gives its neighbour away.
    `airseg dataset leak` measures what still is the same on both sides.

    \b
    Examples:
      airseg dataset split dataset.h5 --assign test=roofs,gardens --out other.h5
      airseg dataset split dataset.h5 --assign val=p003 --out dataset.h5 \\
          --overwrite
      airseg dataset split dataset.h5 --stratified --seed 1 --out other.h5
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.editing.combining import CombineOptions, Taken, combine
    from airseg.dataset.editing.selection import tell
    from airseg.dataset.packing.splits import choose_splits
    from airseg.dataset.reading import Dataset

    if bool(splits) == stratified:
        raise click.UsageError("say --assign SPLIT=SEQ,SEQ or --stratified.")
    opened = Dataset(dataset, check=True)
    operation = "split"
    if stratified:
        chosen = _stratify(opened, shares, seed)
        operation = f"split --stratified --shares {shares} --seed {seed}"
    else:
        chosen = choose_splits({view.name: view.split for view in opened}, splits).by_sequence
    taken = [Taken.whole(view, split=chosen[view.name]) for view in opened]
    options = CombineOptions(overwrite=overwrite, operation=operation)
    with progress_bar("frames") as update:
        combined = combine(out, taken, options, update)
    for split in ("train", "val", "test"):
        members = [one for one in taken if one.split == split]
        frames = sum(len(one.frames) for one in members)
        names = ", ".join(one.name for one in members) or "none"
        click.echo(f"{split}: {frames} frames: {names}")
    click.echo(tell(combined, taken))


def _stratify(dataset: Dataset, shares: str, seed: int) -> dict[str, str]:
    """Choose splits by their classes; say which classes a split lacks."""
    from airseg.dataset.editing.stratified import checked_shares, class_pixels, stratify

    try:
        numbers = checked_shares([float(part) for part in shares.split(",")]).tolist()
    except ValueError:
        raise click.UsageError(f"--shares {shares}: expected a form such as 70,15,15.") from None
    frames = {view.name: view.length for view in dataset}
    found = stratify(class_pixels(dataset), frames, dataset.class_names, shares=numbers, seed=seed)
    for split, name in found.missing:
        click.echo(f"{split} has no {name}: too few sequences show it.")
    for split, name in found.scarce:
        click.echo(f"{split} has hardly any {name}.")
    if not found.missing:
        click.echo("every class is in every split.")
    return found.by_sequence
