"""``airseg bench``: train, score, and publish the leaderboard."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from airseg.cli.bench_distances import distances
from airseg.cli.bench_export import export
from airseg.cli.bench_flow import pretrain_flow
from airseg.cli.bench_models import models


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


@command.command("leaderboard")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write into.")
@click.option(
    "--splice", type=click.Path(path_type=Path), help="Markdown file to put the table into."
)
def leaderboard(results: tuple[Path, ...], out: Path, splice: Path | None) -> None:
    """Turn RESULTS, files or folders, into CSV, Markdown and one HTML page.

    \b
    Example:
      airseg bench leaderboard results --out results --splice README.md
    """
    from airseg.bench import leaderboard as board
    from airseg.bench.report import page
    from airseg.bench.results import load_results

    rows = load_results(list(results))
    only = [r for _, r in rows]
    board.check_comparable(only)
    out.mkdir(parents=True, exist_ok=True)
    text = board.markdown(only)
    board.table(only).to_csv(out / "leaderboard.csv", index=False)
    (out / "leaderboard.md").write_text(text, encoding="utf-8")
    (out / "leaderboard.html").write_text(page(rows), encoding="utf-8")
    if splice:
        board.splice(splice, text)
    _print_table(board.table(only))
    click.echo(f"wrote {(out / 'leaderboard.html').resolve()}")


command.add_command(models)
command.add_command(export)
command.add_command(distances)
command.add_command(pretrain_flow)


def _print_table(frame: object) -> None:
    """Print the leaderboard for people; long ones scroll in the HTML page."""
    from rich.console import Console
    from rich.table import Table

    from airseg.bench.leaderboard import COLUMNS

    shown = Table(box=None, header_style="bold", pad_edge=False)
    for c in COLUMNS:
        shown.add_column(c.title, justify="left" if c.digits is None else "right", no_wrap=True)
    for values in frame.itertuples(index=False):  # type: ignore[attr-defined]
        cells = []
        for value, c in zip(values, COLUMNS, strict=True):
            missing = c.digits is not None and value != value
            cells.append(
                "-" if missing else f"{value:.{c.digits}f}" if c.digits is not None else str(value)
            )
        shown.add_row(*cells)
    Console(width=max(Console().width, 132)).print(shown)
