"""``airseg plan``: check, draw and import flight plans."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.names import PLAN, WORLD
from airseg.errors import PlanError


@click.group("plan")
def command() -> None:
    """Check, draw and import flight plans.

    \b
    Examples:
      airseg plan check my_flight.yaml
      airseg plan draw my_flight.yaml roofs --out map.png
    """


@command.command("check")
@click.argument("plans", nargs=-1, type=PLAN)
def check(plans: tuple[str, ...]) -> None:
    """Check PLANS, and say how long each flies, how far and how fast.

    Without PLANS all shipped plans are told.

    \b
    Examples:
      airseg plan check
      airseg plan check loop_walk my_flight.yaml
    """
    import numpy as np

    from airseg.flight import load_plan, plan_trajectory
    from airseg.flight.trajectory import unflown_headings
    from airseg.resources import known_names

    for name, plan in map(load_plan, plans or known_names("flight plan")):
        path = plan_trajectory(plan)
        for told in unflown_headings(plan, path):
            click.echo(f"warning: {name}: {told}", err=True)
        way = float(np.linalg.norm(np.diff(path.position, axis=0), axis=1).sum())
        top = float(np.linalg.norm(path.velocity, axis=1).max())
        up = 0.0 - path.position[:, 2]
        click.echo(
            f"{name}: {len(path)} frames, {path.time_ns[-1] / 1e9:.1f} s, {way:.0f} m, at most "
            f"{top:.1f} m/s, {up.min():.1f} to {up.max():.1f} m up"
            f"; {plan.vehicle}, {plan.mode}, split {plan.split or '-'}"
        )


@command.command("draw")
@click.argument("plans", nargs=-1, required=True, type=PLAN)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The PNG to write.")
@click.option(
    "--world", type=WORLD, help="The world below.  [default: the first plan's environment]"
)
@click.option(
    "--seed", type=click.IntRange(0), help="Seed of the world.  [default: the first plan's, else 0]"
)
def draw(plans: tuple[str, ...], out: Path, world: str | None, seed: int | None) -> None:
    """Draw the paths of PLANS over the embedded world seen from above.

    \b
    Example:
      airseg plan draw loop_walk roofs --out map.png
    """
    from airseg.flight import load_plan, plan_trajectory

    if out.suffix.lower() != ".png":
        raise PlanError(f"--out {out}: the map is a PNG; name it {out.with_suffix('.png').name}.")
    loaded = [load_plan(name) for name in plans]
    paths = {name: plan_trajectory(plan).position for name, plan in loaded}
    out.parent.mkdir(parents=True, exist_ok=True)
    first = loaded[0][1]
    seed = (first.seed or 0) if seed is None else seed
    # What is mistyped is told before the renderer is loaded.
    from airseg.cli.plan.plan_drawing import draw_map
    from airseg.simulators.embedded.first_compilation import are_compiled

    if not are_compiled():
        click.echo("compiling the renderer, once, about 40 s ...", err=True)
    draw_map(paths, world or first.environment, seed, out)
    click.echo(f"drew {len(paths)} plan{'s' * (len(paths) != 1)} to {out}")


@command.command("import")
@click.argument("mission", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The YAML to write.")
@click.option("--strict", is_flag=True, help="Refuse a mission that is not flown as a whole.")
def import_(mission: Path, out: Path, strict: bool) -> None:
    """Make a flight plan of a QGroundControl MISSION (.plan).

    What a plan cannot fly (curves of splines, circles, jumps, landing) is named and left out.

    \b
    Example:
      airseg plan import survey.plan --out survey.yaml
    """
    from airseg.flight import load_plan
    from airseg.flight.qgroundcontrol import import_mission, plan_text

    if out.exists():
        raise PlanError(f"{out}: is there already; name another --out, or remove it.")
    imported = import_mission(mission)
    plan = imported.plan
    if strict and imported.left_out:
        raise PlanError(f"{mission}: {'; '.join(imported.left_out)} (--strict).")
    for note in imported.left_out:
        click.echo(f"warning: {note}", err=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(plan_text(plan), encoding="utf-8")
    load_plan(str(out))
    click.echo(f"wrote {len(plan.waypoints)} waypoints to {out}; it flies in {plan.environment}")
