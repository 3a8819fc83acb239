"""``airseg bench push``: upload a trained network to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.hub import hub_options, upload_folder


@click.command("push")
@click.argument("result", type=click.Path(path_type=Path))
@hub_options
@click.option("--licence", default="", help="Of the weights, such as mit.")
@click.option("--dataset", default="", metavar="USER/NAME", help="What it was trained on.")
def command(
    result: Path,
    repository: str,
    out: Path | None,
    dry_run: bool,
    private: bool,
    licence: str,
    dataset: str,
) -> None:
    """Upload the network of RESULT, a row that `bench run` wrote, to the Hugging Face Hub.

    Weights as safetensors, how to build the network, the result, and a card with its scores;
    airseg.load_model("USER/NAME") reads it back. Log in by `hf auth login` first.

    \b
    Examples:
      airseg bench push results/demo-fanet-18-n-2.json me/fanet18 --dry-run
      airseg bench push results/demo-fanet-18-n-2.json me/fanet18 --licence mit
    """
    from airseg.bench.results.result import load_result
    from airseg.hub_repository import check_repository

    # What is mistyped is told before PyTorch is loaded.
    for named in (repository, dataset):
        if named:
            check_repository(named)
    load_result(result)
    from airseg.bench.hub_model import write_model_folder

    def write(folder: Path) -> None:
        write_model_folder(result, folder, repository, licence=licence, dataset=dataset)

    upload_folder(repository, "model", write, out, dry_run=dry_run, private=private)
