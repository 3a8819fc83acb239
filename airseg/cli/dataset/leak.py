"""``airseg dataset leak``: measure near-duplicates between splits."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airseg.cli.names import FiniteRange
from airseg.cli.options import every_option
from airseg.errors import DatasetError

if TYPE_CHECKING:
    from airseg.dataset.checking.leakage import SplitLeak


@click.command("leak")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--metres",
    default=1.0,
    show_default=True,
    type=FiniteRange(0),
    help="Poses this near are the same,",
)
@click.option(
    "--degrees",
    default=10.0,
    show_default=True,
    type=FiniteRange(0, 180),
    help="if they are turned so little.",
)
@click.option(
    "--bits",
    default=36,
    type=click.IntRange(0, 256),
    show_default=True,
    help="Pictures whose hashes differ in at most so many of 256 bits are the same.",
)
@every_option("Look at every Nth frame only.")
@click.option(
    "--fail-above",
    type=FiniteRange(0, 100),
    metavar="PERCENT",
    help="Exit with code 2 when more frames of a held-out split leak.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(
    dataset: Path,
    metres: float,
    degrees: float,
    bits: int,
    every: int,
    fail_above: float | None,
    as_json: bool,
) -> None:
    """Measure how many held-out frames of DATASET are nearly the same as frames of another split.

    By pose: the camera was there, looking that way, in the same world. By picture: a hash of its
    brightness is nearly the same. Frames 40 ms apart are both.

    \b
    Examples:
      airseg dataset leak dataset.h5
      airseg dataset leak dataset.h5 --every 5 --fail-above 10
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.checking.leakage import LeakOptions, measure_leak
    from airseg.dataset.reading import Dataset

    with progress_bar("frames") as update, Dataset(dataset, check=True) as opened:
        leaks = measure_leak(opened, LeakOptions(metres, degrees, bits, every), update)
    if as_json:
        click.echo(json.dumps([{**asdict(leak), "share": leak.share} for leak in leaks], indent=1))
    else:
        for leak in leaks:
            _tell(leak)
    worst = max(leaks, key=lambda leak: leak.share)
    if fail_above is not None and 100 * worst.share > fail_above:
        raise DatasetError(
            f"{dataset}: {worst.share:.1%} of the frames of {worst.held_out} are nearly in "
            f"{worst.known} too; at most {fail_above:g}% were asked for. Move whole sequences with "
            "'airseg dataset split'."
        )


def _tell(leak: SplitLeak) -> None:
    pose = "poses unknown" if leak.by_pose is None else f"{leak.by_pose} by pose"
    click.echo(
        f"{leak.held_out} in {leak.known}: {leak.share:.1%} of {leak.frames} frames "
        f"({pose}, {leak.by_picture} by picture)"
    )
    for name, (found, frames) in leak.by_sequence.items():
        if found:
            click.echo(f"  {name}: {found / frames:.1%} of {frames}")
    for pair in leak.examples:
        apart = "" if pair.metres is None else f", {pair.metres} m and {pair.degrees} degrees apart"
        click.echo(
            f"  such as {pair.sequence}:{pair.frame} and {pair.other_sequence}:{pair.other_frame}: "
            f"{pair.bits} bits{apart}"
        )
