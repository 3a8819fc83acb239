"""``airseg dataset``: make dataset files of published ones, choose, join, export, check them."""

from __future__ import annotations

import click

from airseg.cli.lazy import LazyGroup

_COMMANDS = {
    "import": (
        "airseg.cli.dataset.importing",
        "Read published datasets, and folders of pictures.",
    ),
    "export": (
        "airseg.cli.dataset.export",
        "Write folders, Parquet, videos or metadata for others.",
    ),
    "push": (
        "airseg.cli.dataset.push",
        "Upload a dataset to the Hugging Face Hub.",
    ),
    "correct": ("airseg.cli.dataset.correct", "Put labels that people corrected into a dataset."),
    "card": ("airseg.cli.dataset.card", "Tell what is in a dataset, with figures and pictures."),
    "subset": ("airseg.cli.dataset.subset", "Write some sequences or frames into a new file."),
    "merge": ("airseg.cli.dataset.merge", "Join datasets into one."),
    "append": ("airseg.cli.dataset.append", "Add recordings or datasets to a dataset."),
    "shard": ("airseg.cli.dataset.shard", "Divide datasets into many files under one index."),
    "index": ("airseg.cli.dataset.index", "Read many files as one dataset."),
    "split": ("airseg.cli.dataset.split", "Put sequences into other splits."),
    "leak": ("airseg.cli.dataset.leak", "Measure near-duplicates between splits."),
}


@click.group("dataset", cls=LazyGroup, modules=_COMMANDS)
def command() -> None:
    """Import, choose, join, export and check dataset files.

    A file is never changed in place: the new one takes its name when it is whole.

    \b
    Examples:
      airseg dataset import cityscapes /data/cityscapes --out city.h5
      airseg dataset subset dataset.h5 --split test --codec gzip --out test.h5
      airseg dataset export parquet dataset.h5 --out for_the_hub
      airseg dataset card dataset.h5 --out card
    """
