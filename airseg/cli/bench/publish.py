"""``airseg bench publish``: trained networks as files of a release."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.options import out_folder_option


@click.command("publish")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_folder_option("Folder to write.")
@click.option("--full", is_flag=True, help="Keep float32; float16 is half as large.")
@click.option("--licence", default="", help="Of the weights, such as mit.")
@click.option("--dataset", default="", metavar="USER/NAME", help="What they were trained on.")
def command(results: tuple[Path, ...], out: Path, full: bool, licence: str, dataset: str) -> None:
    """Write the networks of RESULTS, rows that `bench run` wrote or folders of them, as a release.

    Each gets a folder in --out: weights as safetensors, how to build the network, recipe and
    scores, and a card; SHA256SUMS beside them is read by `sha256sum --check`.
    airseg.load_model("FOLDER") reads one back.

    \b
    Example:
      airseg bench publish study/results/*.json --out release --licence mit
      (cd release && sha256sum --check SHA256SUMS)
    """
    from airseg.bench.results.result import load_results
    from airseg.hub_repository import check_repository

    # What is mistyped is told before PyTorch is loaded.
    load_results(list(results))
    if dataset:
        check_repository(dataset)
    from airseg.bench.publishing import publish

    for folder, size in publish(results, out, half=not full, licence=licence, dataset=dataset):
        click.echo(f"wrote {folder}, {size / 1e6:.1f} MB")
