"""``airseg bench objects``: score objects in video, of any framework."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from airseg.cli.bench.options import split_option

_SHOWN = (
    ("stq", "STQ, segmentation and tracking"),
    ("aq", "  AQ, association of things"),
    ("sq", "  SQ, mIoU over classes"),
    ("vpq", "VPQ, tubes of 1 to 4 frames"),
    ("vpq_things", "  things"),
    ("vpq_stuff", "  everything else"),
)


@click.command("objects")
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option(
    "--dataset", required=True, type=click.Path(path_type=Path), help="HDF5 file with objects."
)
@split_option
@click.option(
    "--things",
    default="",
    metavar="NAMES",
    help="Classes whose objects are told apart, such as vehicle,tree.  [default: those known]",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the scores as JSON.")
def command(predictions: Path, dataset: Path, split: str, things: str, out: Path | None) -> None:
    """Score PREDICTIONS of objects: STQ and VPQ.

    PREDICTIONS is a folder with a folder per sequence and a picture per frame as KITTI-STEP has it
    (predictions/roofs/000000.png: red is the class, 256 green + blue the object), or an HDF5 file
    with a group per sequence that holds label and instance. A dataset is such a file, and the truth
    scores 1. The dataset's flights are recorded with --instances.

    \b
    Example:
      airseg bench objects predictions --dataset dataset.h5 --out objects.json
    """
    from airseg.bench.scoring.score_objects import score_objects
    from airseg.bench.scoring.submission import check_submission
    from airseg.cli.display import progress_bar
    from airseg.dataset.format.publishing import published
    from airseg.dataset.reading.reader import Dataset

    check_submission(predictions)
    named = tuple(name.strip() for name in things.split(",") if name.strip())
    with Dataset(dataset, check=True) as data, progress_bar("frames") as progress:
        scores = score_objects(predictions, data, split, named, progress)
        classes = dict(zip(data.class_names, scores.class_vpq, strict=True))
        told = {"dataset": data.content_hash, "split": split, **asdict(scores)}
    for field, title in _SHOWN:
        value = getattr(scores, field)
        click.echo(f"{title:46s} {'     -' if value is None else f'{100 * value:6.2f}'}")
    click.echo("Per cent.")
    if out:
        with published(out) as unfinished:
            unfinished.write_text(json.dumps({**told, "class_vpq": classes}, indent=1) + "\n")
        click.echo(f"wrote {out}")
