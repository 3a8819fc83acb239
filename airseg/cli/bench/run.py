"""``airseg bench run``: train and score every row of recipes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from airseg.cli.bench.options import device_option, recipe_settings_option
from airseg.cli.early_checks import check_dataset
from airseg.cli.names import FOLDER, RECIPE
from airseg.cli.options import out_folder_option
from airseg.cli.slurm import chosen_slurm, slurm_options

if TYPE_CHECKING:
    from airseg.bench.recipes.recipe import Recipe, Row
    from airseg.recording.slurm_cluster import SlurmOptions


@click.command("run")
@click.argument("recipes", nargs=-1, required=True, type=RECIPE)
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    help="HDF5 file of airseg relabel.  [default: the recipe's]",
)
@out_folder_option("Folder for results.")
@recipe_settings_option
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="FIELD=[A, B]",
    help="Make every row once for each value; given several times, all combinations.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="LABEL",
    help="Make only the row of this label; may be given several times.",
)
@device_option
@click.option("--tensorboard", is_flag=True, help="Write curves for TensorBoard too.")
@click.option(
    "--ray",
    "cluster",
    metavar="ADDRESS",
    help="Make rows on a Ray cluster, one a GPU; `local` starts one here.",
)
@slurm_options
@click.option(
    "--select",
    type=click.Choice(["val"]),
    help="Score on the test split only what validation chooses among the values of a sweep.",
)
@click.option(
    "--flow-cache",
    type=FOLDER,
    help="Folder that keeps the motion estimated for scoring, 2.5 MB a frame of 640x480: it is "
    "the same for every row.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what each row would take, measured on a few steps; make nothing.",
)
def command(
    recipes: tuple[str, ...],
    dataset: Path | None,
    out: Path,
    settings: tuple[str, ...],
    sweeps: tuple[str, ...],
    only: tuple[str, ...],
    device: str | None,
    tensorboard: bool,
    cluster: str | None,
    on_slurm: bool,
    slurm_settings: tuple[str, ...],
    slurm_executor: str,
    select: Literal["val"] | None,
    flow_cache: Path | None,
    dry_run: bool,
) -> None:
    """Train and score every row of RECIPES.

    A recipe is a YAML file or the name of a shipped one. Run the same command again to continue
    what was interrupted; finished rows are kept. Several GPUs share each batch when torchrun
    starts the command; with --ray each trains a row of its own.

    \b
    Examples:
      airseg bench run demo --dataset dataset.h5 --out results \\
          --set train.steps=50
      airseg bench run fair-table2 --dataset d.h5 --out results \\
          --set 'seeds=[0, 1, 2]'
      airseg bench run mine.yaml --out results \\
          --sweep 'train.learning_rate=[.1, .01]' --select val
      torchrun --nproc-per-node 4 -m airseg bench run fair-table2 \\
          --dataset d.h5 --out results
      airseg bench run five-papers --dataset d.h5 --out results --ray auto
      airseg bench run five-papers --dataset d.h5 --out results --slurm \\
          --slurm-set gpus_per_node=1 --slurm-set partition=gpu
      airseg bench run five-papers --dataset d.h5 --out results --dry-run
    """
    from airseg.bench.recipes.recipe import load_recipe
    from airseg.bench.recipes.row_choice import choose_rows

    # What is mistyped is told before anything large is loaded.
    loaded = [load_recipe(name, settings, sweeps) for name in recipes]
    files = [_dataset_of(recipe, dataset) for recipe in loaded]
    made_of: dict[str, str] = {}
    for recipe, path in zip(loaded, files, strict=True):
        for row in choose_rows(recipe, only):
            _refuse_other_row(made_of, row)
        if cluster is None and not on_slurm:  # else it lies where the jobs run
            check_dataset(path)
    if dry_run:
        _tell_forecast(list(zip(loaded, files, strict=True)), out, device, only)
        return
    slurm = chosen_slurm(on_slurm, slurm_settings, slurm_executor, cluster)
    if (cluster is not None or slurm) and select is not None:
        raise click.UsageError(
            "--select compares all values of a sweep in one run; leave out --ray and --slurm."
        )
    if cluster is not None or slurm:
        changes = [f"--set={s}" for s in settings] + [f"--sweep={s}" for s in sweeps]
        changes += [f"--device={device}"] if device else []
        changes += ["--tensorboard"] if tensorboard else []
        changes += [f"--flow-cache={flow_cache.resolve()}"] if flow_cache else []
        _run_on_cluster(
            list(zip(recipes, loaded, files, strict=True)), out, only, changes, cluster, slurm
        )
        return
    from airseg.bench.run import run_recipe
    from airseg.bench.training.fabric import rank
    from airseg.cli.display import RUN_UNITS, progress_bar
    from airseg.dataset.reading.reader import Dataset

    typed = "airseg " + shlex.join(sys.argv[1:])
    with progress_bar("frames", RUN_UNITS, shown=rank() == 0) as progress:
        for recipe, path in zip(loaded, files, strict=True):
            with Dataset(path, check=True) as data:
                made = run_recipe(
                    recipe,
                    data,
                    out,
                    progress,
                    device_name=device,
                    command=typed,
                    only=only,
                    tensorboard=tensorboard,
                    select=select,
                    flow_cache=flow_cache,
                )
            for result in made:
                click.echo(f"wrote {result}")


def _refuse_other_row(made_of: dict[str, str], row: Row) -> None:
    """Refuse a row whose files would be those of another one, of another recipe of the command."""
    from airseg.errors import RecipeError

    fingerprint = row.recipe.fingerprint()
    if made_of.setdefault(row.run, fingerprint) != fingerprint:
        raise RecipeError(
            f"two recipes make a row {row.run}, and would write into one folder. Give one of them "
            "another name, or run them into two --out."
        )


def _tell_forecast(
    jobs: list[tuple[Recipe, Path]], out: Path, device: str | None, only: tuple[str, ...]
) -> None:
    """Print what every row would take, and when the last one would be done."""
    from datetime import datetime, timedelta

    from airseg.bench.forecast import forecast
    from airseg.dataset.reading.reader import Dataset

    seconds, space = 0.0, 0
    for recipe, path in jobs:
        with Dataset(path) as data:
            for row in forecast(recipe, data, out, device_name=device, only=only):
                if row.done:
                    click.echo(f"{row.label}: done before")
                    continue
                click.echo(
                    f"{row.label}: {row.clips} clips, {row.steps} steps of {row.step_s:.3g} s, "
                    f"{row.supervised} supervised frames; {row.scored} frames scored, "
                    f"{row.frame_s:.3g} s each; {row.disk_bytes / 1e6:.0f} MB; "
                    f"{timedelta(seconds=round(row.seconds))}"
                )
                seconds, space = seconds + row.seconds, space + row.disk_bytes
    end = datetime.now().astimezone() + timedelta(seconds=seconds)
    click.echo(
        f"in all {timedelta(seconds=round(seconds))} and {space / 1e6:.0f} MB: begun now, done at "
        f"{end:%Y-%m-%d %H:%M}; nothing was made"
    )


def _dataset_of(recipe: Recipe, given: Path | None) -> Path:
    """Return the dataset of a command, or the recipe's own."""
    from airseg.errors import RecipeError

    if given is None and not recipe.dataset:
        raise RecipeError(f"{recipe.name} names no dataset: add --dataset FILE.")
    return given or Path(recipe.dataset)


def _run_on_cluster(
    jobs: list[tuple[str, Recipe, Path]],
    out: Path,
    only: tuple[str, ...],
    changes: list[str],
    cluster: str | None,
    slurm: SlurmOptions | None,
) -> None:
    """Make every row as a trial of its own on a cluster."""
    from airseg.bench.trials import run_trials, trials_of
    from airseg.cli.display import progress_bar
    from airseg.recording.simulator_fleet import ray_cluster
    from airseg.recording.slurm_cluster import slurm_cluster

    trials = [
        trial
        for name, recipe, path in jobs
        for trial in trials_of(name, recipe, path, out, only, changes)
    ]
    place = slurm_cluster(out, slurm) if slurm else ray_cluster(cluster or "auto", per_gpu=True)
    with place as submit, progress_bar("rows") as progress:
        for path in run_trials(trials, submit, progress, lambda line: click.echo(line, err=True)):
            click.echo(f"wrote {path}")
