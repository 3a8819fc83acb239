"""``airseg bench``: train, score, and publish the leaderboard."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from airseg.cli.bench_distances import distances
from airseg.cli.bench_export import export
from airseg.cli.bench_flow import pretrain_flow
from airseg.cli.bench_leaderboard import leaderboard
from airseg.cli.bench_models import models
from airseg.cli.bench_score import score
from airseg.cli.bench_speed import speed


@click.group("bench")
def command() -> None:
    """Train and score networks, and publish the leaderboard.

    \b
    Example:
      airseg bench run demo --dataset dataset.h5 --out results
      airseg bench leaderboard results --out results
    """


@command.command("run")
@click.argument("recipes", nargs=-1, required=True)
@click.option(
    "--dataset", required=True, type=click.Path(path_type=Path), help="HDF5 file of airseg relabel."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for results.")
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Change a field of the recipe."
)
@click.option("--device", help="cuda, cuda:1, cpu.  [default: cuda where there is one]")
def run(
    recipes: tuple[str, ...],
    dataset: Path,
    out: Path,
    settings: tuple[str, ...],
    device: str | None,
) -> None:
    """Train and score every row of RECIPES.

    A recipe is a YAML file or the name of a shipped one. Run the same command again to continue
    what was interrupted; finished rows are kept.

    \b
    Example:
      airseg bench run demo --dataset dataset.h5 --out results --set train.steps=50
    """
    from airseg.bench.recipe import load_recipe

    loaded = [load_recipe(name, settings) for name in recipes]
    from airseg.bench.run import run_recipe
    from airseg.cli.display import progress_bar
    from airseg.dataset.reader import Dataset

    typed = "airseg " + shlex.join(sys.argv[1:])
    with Dataset(dataset) as data, progress_bar("steps") as progress:
        for recipe in loaded:
            for path in run_recipe(recipe, data, out, progress, device_name=device, command=typed):
                click.echo(f"wrote {path}")


command.add_command(leaderboard)
command.add_command(models)
command.add_command(export)
command.add_command(distances)
command.add_command(pretrain_flow)
command.add_command(score)
command.add_command(speed)
