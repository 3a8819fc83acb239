"""``airseg bench distances``: Deep Feature Flow's own evaluation."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.bench.options import (
    device_option,
    height_option,
    network_settings_option,
    split_option,
    width_option,
)
from airseg.cli.early_checks import check_dataset, check_weights
from airseg.cli.names import NETWORK


@click.command("distances")
@click.argument("name", type=NETWORK)
@click.option(
    "--dataset", required=True, type=click.Path(path_type=Path), help="HDF5 file of airseg relabel."
)
@click.option("--weights", required=True, help="A checkpoint file, or none.")
@network_settings_option
@split_option
@height_option
@width_option
@click.option(
    "--frames",
    type=click.IntRange(1),
    help="Only the first ones of each sequence.  [default: all]",
)
@device_option
def command(
    name: str,
    dataset: Path,
    weights: str,
    settings: tuple[str, ...],
    split: str,
    height: int,
    width: int,
    frames: int | None,
    device: str | None,
) -> None:
    """Score Deep Feature Flow NAME for each distance from its key frame, as its paper does.

    \b
    Example:
      airseg bench distances dff_resnet50 --dataset dataset.h5 \\
          --weights checkpoint.pt
    """
    from airseg.cli.given_options import parse_options

    # What is mistyped is told before PyTorch is loaded.
    options = parse_options(settings)
    check_weights(weights)
    check_dataset(dataset)
    from airseg.bench.scoring.distances import score_by_distance
    from airseg.bench.training.engine import pick_device
    from airseg.bench.training.weights import load_weights
    from airseg.cli.display import progress_bar
    from airseg.dataset.reading.reader import Dataset
    from airseg.models import build_model

    where = pick_device(device)
    with Dataset(dataset, check=True) as data, progress_bar("frames") as progress:
        sequences = data.needed_split(split)
        model = build_model(name, data.num_classes, **options)
        load_weights(model, weights)
        model = model.to(where).eval()
        done = 0

        def count(scored: int) -> None:
            nonlocal done
            done += scored
            progress(f"{name}: scoring", done, None)

        matrices = score_by_distance(
            model, data, sequences, (height, width), where, frames=frames, progress=count
        )
    for distance, matrix in enumerate(matrices):
        click.echo(f"distance {distance:2d}  mIoU {100 * matrix.mean_iou:5.1f}")
    mean = sum(m.mean_iou for m in matrices) / len(matrices)
    click.echo(f"mean         mIoU {100 * mean:5.1f}")
