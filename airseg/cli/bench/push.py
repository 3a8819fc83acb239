"""``airseg bench push``: upload a trained network to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("push")
@click.argument("result", type=click.Path(path_type=Path))
@click.argument("repository", metavar="USER/NAME")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The folder to write, which is kept.  [default: hub/USER--NAME]",
)
@click.option("--dry-run", is_flag=True, help="Write the folder and upload nothing.")
@click.option("--private", is_flag=True, help="Make a repository that only you see.")
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
      airseg bench push results/demo-fanet18.json me/fanet18 --dry-run
      airseg bench push results/demo-fanet18.json me/fanet18 --licence mit
    """
    from airseg.bench.hub_model import write_model_folder
    from airseg.hub_repository import check_repository, upload

    check_repository(repository)
    if dataset:
        check_repository(dataset)
    folder = out or Path("hub") / repository.replace("/", "--")
    write_model_folder(result, folder, repository, licence=licence, dataset=dataset)
    if dry_run:
        click.echo(f"dry run: {folder} is what would be uploaded")
        return
    click.echo(f"uploaded to {upload(folder, repository, 'model', private=private)}")
