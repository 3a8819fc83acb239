"""``airseg bench score``: score label maps of any framework."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from airseg.cli.bench.options import split_option
from airseg.cli.early_checks import check_dataset
from airseg.cli.names import FOLDER

_SHOWN = (
    ("mean_iou", "mIoU, mean over classes"),
    ("pixel_accuracy", "pixel accuracy"),
    ("frequency_weighted_iou", "frequency weighted IoU"),
    ("paper_jaccard", "pixel Jaccard, Eq. 1-2 of the founding paper"),
    ("boundary_f", "boundary F-score"),
    ("mvc8_official", "mVC-8 official (never looks at the label)"),
    ("mvc8_correct", "mVC-8 correct"),
    ("mvc16_official", "mVC-16 official"),
    ("mvc16_correct", "mVC-16 correct"),
    ("cons", "Cons"),
    ("cons_wrong", "ConsW"),
    ("warp_consistency", "consistency along the image motion"),
    ("warp_label_consistency", "what the labels reach there"),
)


@click.command("score")
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option(
    "--dataset", required=True, type=click.Path(path_type=Path), help="HDF5 file of airseg relabel."
)
@split_option
@click.option("--name", help="What to call the row.  [default: the folder's or file's name]")
@click.option("--out", type=FOLDER, help="Folder of results to write into.")
def command(
    predictions: Path, dataset: Path, split: str, name: str | None, out: Path | None
) -> None:
    """Score PREDICTIONS, label maps of any framework.

    PREDICTIONS is a folder with a folder per sequence and an image per frame
    (predictions/garden_test/000000.png, class ids as grey values; .npy will do), or an HDF5 file
    with an array (frames, height, width) per sequence. Every frame of the split needs one, at the
    labels' own size. With --out the row goes onto the leaderboard.

    \b
    Example:
      airseg bench score predictions --dataset dataset.h5 \\
          --name "My network" --out results
    """
    from airseg.bench.results.certainty import certainty
    from airseg.bench.scoring.submission import check_submission

    check_submission(predictions)  # what is not there is told before PyTorch is loaded
    check_dataset(dataset)
    from airseg.bench.scoring.score_submission import score_submission
    from airseg.cli.display import progress_bar
    from airseg.dataset.reading import Dataset

    label = name or predictions.resolve().stem
    typed = "airseg " + shlex.join(sys.argv[1:])
    with Dataset(dataset, check=True) as data, progress_bar("frames") as progress:
        result = score_submission(
            predictions, data, split, label, out=out, command=typed, progress=progress
        )
    for field, title in _SHOWN:
        value, sure = getattr(result.scores, field), certainty(result, field)
        text = "     -" if value is None else f"{100 * value:6.2f}"
        known = sure.kind != "none"
        bounds = f"  ({100 * sure.low:.2f} to {100 * sure.high:.2f})" if known else ""
        click.echo(f"{title:46s} {text}{bounds}")
    sure = certainty(result)
    if sure.kind == "interval":
        click.echo(f"Per cent; 95 % intervals of the mean over flights, from {sure.flights}.")
    elif sure.kind == "range":
        click.echo(f"Per cent; the range of {sure.flights} flights, too few for an interval.")
    if out:
        click.echo(f"wrote {out / f'{result.run}.json'}")
