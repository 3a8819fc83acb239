"""Options that several commands share, each under one name, of one type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from airseg.cli.names import CODEC, FOLDER, LABEL_MAP

Decorator = Callable[[Any], Any]


def together(*parts: Decorator) -> Decorator:
    """Return a decorator that adds options in the order in which the help shows them."""

    def add(command: Any) -> Any:
        for part in reversed(parts):
            command = part(command)
        return command

    return add


def out_folder_option(help_text: str) -> Decorator:
    """Return ``--out`` of a command that must be told which folder it writes."""
    return click.option("--out", required=True, type=FOLDER, help=help_text)


def recordings_argument(name: str) -> Decorator:
    """Return an argument that takes one path or more, recordings among them.

    ``recordings/*`` names the films that `airseg preview` wrote beside them, too: the film of a
    recording that is given is left out.
    """

    def without_films(ctx: Any, param: Any, given: tuple[Path, ...]) -> tuple[Path, ...]:
        paths = [Path(path) for path in given]
        return tuple(p for p in paths if p.suffix != ".mp4" or p.with_suffix("") not in paths)

    kind = click.Path(path_type=Path)
    return click.argument(name, nargs=-1, required=True, type=kind, callback=without_films)


def map_option(help_text: str, *, required: bool = False) -> Decorator:
    """Return ``--map``, a file or a shipped name."""
    return click.option("--map", "map_name", type=LABEL_MAP, required=required, help=help_text)


def every_option(help_text: str, default: int = 1) -> Decorator:
    """Return ``--every N``; what is no whole number from 1 on is refused."""
    return click.option(
        "--every",
        default=default,
        show_default=True,
        type=click.IntRange(min=1),
        metavar="N",
        help=help_text,
    )


def assign_option(help_text: str) -> Decorator:
    """Return ``--assign``, which puts sequences into splits."""
    return click.option(
        "--assign", "splits", multiple=True, metavar="SPLIT=SEQ,SEQ", help=help_text
    )


def codec_option(help_text: str) -> Decorator:
    """Return ``--codec`` of a command that compresses frames for the first time."""
    return click.option("--codec", type=CODEC, default="lz4", show_default=True, help=help_text)


def jobs_option(help_text: str) -> Decorator:
    """Return ``--jobs``; see `airseg.dataset.packing.workers.usable_jobs`."""
    return click.option("--jobs", type=click.IntRange(1, 64), help=help_text)


out_file_option = click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The file to write."
)
overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace a file that is already there."
)
overwrite_folder_option = click.option(
    "--overwrite", is_flag=True, help="Replace a folder that is already there."
)
recode_option = click.option(
    "--codec",
    type=CODEC,
    help="Compress colour frames in another way: see 'airseg relabel --help'.  [default: as is]",
)
jpeg_option = click.option(
    "--jpeg",
    "jpeg_quality",
    type=click.IntRange(1, 100),
    metavar="QUALITY",
    help="Colour frames as JPEG of this quality.  [default: PNG, lossless]",
)
without_streams_options = together(
    click.option(
        "--no-raw", is_flag=True, help="Drop raw ids; the file cannot be relabelled later."
    ),
    click.option("--no-depth", is_flag=True, help="Drop depth."),
    click.option("--no-instances", is_flag=True, help="Drop the numbers of objects."),
)
publication_options = together(
    click.option("--title", default="", help="Name of the dataset.  [default: that of the file]"),
    click.option("--licence", default="", help="Its licence.  [default: that of imported data]"),
    click.option("--url", default="", help="Where it is told of."),
)
