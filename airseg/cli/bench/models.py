"""``airseg bench models``: the networks a recipe can name, and what they cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from airseg.cli.bench.options import (
    classes_option,
    height_option,
    network_settings_option,
    width_option,
)
from airseg.cli.given_options import parse_options
from airseg.cli.names import NETWORK

if TYPE_CHECKING:
    from airseg.bench.leaderboard.model_costs import ModelCost


@click.command("models")
@click.argument("names", nargs=-1, type=NETWORK)
@classes_option
@height_option
@width_option
@network_settings_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    names: tuple[str, ...],
    classes: int,
    height: int,
    width: int,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """List the networks a recipe can name, or only NAMES, and what they cost.

    \b
    Examples:
      airseg bench models
      airseg bench models fanet18 --set tca_depth=4
    """
    from airseg.errors import RecipeError

    options = parse_options(settings)
    if options and not names:
        raise RecipeError("--set goes with the name of a network, such as fanet18.")
    from airseg.bench.leaderboard.model_costs import CLASSES, HEIGHT, WIDTH, known_costs
    from airseg.cli.network_names import network_names

    is_kept = not options and (classes, height, width) == (CLASSES, HEIGHT, WIDTH)
    found = dict(known_costs()) if is_kept else {}
    names = names or tuple(network_names())
    if unknown := [name for name in names if name not in found]:
        from airseg.bench.leaderboard.model_table import measure_model

        counted = (measure_model(name, classes, height, width, options) for name in unknown)
        found |= {cost.name: cost for cost in counted}
    costs = [found[name] for name in names]
    if as_json:
        click.echo(json.dumps([asdict(c) for c in costs], indent=2))
        return
    _print(costs, f"{classes} classes, {width}x{height}")


def _print(costs: list[ModelCost], setting: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from airseg.cli.display import as_written

    shown = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("network", "paper", "M parameters", "GMACs a frame", "MB a stream"):
        shown.add_column(title, justify="left" if title in ("network", "paper") else "right")
    for cost in costs:
        if cost.problem:
            shown.add_row(cost.name, "needs: pip install 'airseg\\[baselines]'", "-", "-", "-")
            continue
        memory = f"{cost.memory_bytes / 1e6:.2f}" if cost.memory_bytes else "-"
        millions = f"{cost.parameters / 1e6:.2f}"
        shown.add_row(*as_written([cost.name, cost.paper]), millions, f"{cost.gmacs:.2f}", memory)
    Console(width=max(Console().width, 112)).print(shown)
    click.echo(f"With default options, {setting}, the memory full.")
