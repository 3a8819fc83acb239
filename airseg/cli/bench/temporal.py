"""``airseg bench temporal``: when does temporal context help?"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from airseg.cli.bench.options import device_option, recipe_settings_option
from airseg.cli.early_checks import check_dataset
from airseg.cli.figures import figures_option, say_written
from airseg.cli.options import out_folder_option


@click.command("temporal")
@click.argument("recipe")
@click.option(
    "--dataset", required=True, type=click.Path(path_type=Path), help="HDF5 file of airseg relabel."
)
@out_folder_option("Folder for results.")
@recipe_settings_option
@click.option(
    "--conditions",
    metavar="NAME,NAME",
    help="rate, noise, fog, darkness, depth.  [default: all that the dataset allows]",
)
@click.option(
    "--frames",
    type=click.IntRange(2),
    help="Test on the first ones of each flight.  [default: all]",
)
@device_option
@figures_option
def command(
    recipe: str,
    dataset: Path,
    out: Path,
    settings: tuple[str, ...],
    conditions: str | None,
    frames: int | None,
    device: str | None,
    figures: str | None,
) -> None:
    """Ask when memory helps: train RECIPE's rows, test them under many conditions, make a page.

    Every network with memory is compared with its own per-frame version, which the recipe must
    have, too, trained alike, and with a placebo where there is one. The page, temporal.html in
    --out, has gains with intervals against frame rate, image motion, occlusion, class size, sensor
    noise, fog, darkness and depth of memory, and says in words what was found; verdicts take three
    seeds and six test flights. Run the same command again to continue.

    \b
    Example:
      airseg bench temporal temporal-mini --dataset dataset.h5 --out results \\
          --frames 100
    """
    from airseg.bench.recipes.recipe import load_recipe
    from airseg.bench.recipes.row_choice import choose_rows
    from airseg.bench.temporal.conditions import NAMES, check_conditions

    # What is mistyped is told before anything large is loaded.
    loaded = load_recipe(recipe, settings)
    choose_rows(loaded)
    names = NAMES if conditions is None else tuple(n.strip() for n in conditions.split(","))
    check_conditions(names)
    check_dataset(dataset)
    from airseg.bench.run import run_recipe
    from airseg.bench.temporal.run_study import run_study
    from airseg.bench.training.engine import pick_device
    from airseg.cli.display import RUN_UNITS, progress_bar
    from airseg.dataset.reading.reader import Dataset

    typed = "airseg " + shlex.join(sys.argv[1:])
    with Dataset(dataset, check=True) as data:
        with progress_bar("frames", RUN_UNITS) as progress:
            results = run_recipe(loaded, data, out, progress, device_name=device, command=typed)
        with progress_bar("frames") as progress:
            findings = run_study(
                results,
                data,
                out,
                split=loaded.evaluate.split,
                frames=frames,
                conditions=names,
                device=pick_device(device),
                command=typed,
                progress=progress,
            )
    for found in findings:
        click.echo(f"{found.title}:")
        for sentence in found.sentences:
            click.echo(f"  {sentence}")
    if figures:
        from airseg.bench.temporal.pdf_charts import gain_drawings

        say_written(gain_drawings(findings), out)
    click.echo(f"wrote {(out / 'temporal.html').resolve()}")
