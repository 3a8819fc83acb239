"""``airseg bench reproduce``: rerun a result and compare."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from airseg.cli.bench.options import device_option
from airseg.cli.early_checks import check_dataset
from airseg.cli.names import FOLDER, FiniteRange


@click.command("reproduce")
@click.argument("result", type=click.Path(path_type=Path))
@click.option(
    "--dataset", required=True, type=click.Path(path_type=Path), help="The one it was made on."
)
@click.option(
    "--out",
    default=Path("reproduced"),
    show_default=True,
    type=FOLDER,
    help="Folder for the rerun; run again to continue it.",
)
@click.option(
    "--recorded-again",
    is_flag=True,
    help="The dataset was recorded and packed again from the same plans: another processor may "
    "round pixels otherwise.",
)
@device_option
@click.option(
    "--tolerance",
    default=1.0,
    show_default=True,
    type=FiniteRange(0, 100),
    help="Points of mIoU that count as within spread, where no other seeds lie beside RESULT.",
)
def command(
    result: Path,
    dataset: Path,
    out: Path,
    recorded_again: bool,
    device: str | None,
    tolerance: float,
) -> None:
    """Rerun RESULT, a JSON file, from its own recipe, and say: same, within spread, or different.

    Exits with 1 where it is different.

    \b
    Example:
      airseg bench reproduce results/demo-fanet-18-n-0.json --dataset dataset.h5
    """
    from airseg.bench.results.result import load_result

    load_result(result)  # what is no result and no dataset is told before PyTorch is loaded
    check_dataset(dataset)
    from airseg.bench.reproduce import reproduce as rerun
    from airseg.bench.reproduce import summary
    from airseg.cli.display import RUN_UNITS, progress_bar
    from airseg.dataset.reading.reader import Dataset

    with Dataset(dataset, check=True) as data, progress_bar("frames", RUN_UNITS) as progress:
        before, again, found = rerun(
            result,
            data,
            out,
            progress,
            device_name=device,
            tolerance=tolerance / 100,
            recorded_again=recorded_again,
        )
    for line in summary(before, again, found):
        click.echo(line)
    if found.verdict == "different":
        sys.exit(1)
