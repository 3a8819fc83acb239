"""``airseg record``: fly plans and record every frame with its labels."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airseg.cli.names import PLAN, SECONDS, WORLD, FiniteRange
from airseg.cli.options import out_folder_option
from airseg.cli.slurm import chosen_slurm, slurm_options

if TYPE_CHECKING:
    from airseg.flight.plan import FlightPlan
_UNITS = {"measuring": "colours", "waiting": "seconds"}


@click.command("record")
@click.argument("plans", nargs=-1, type=PLAN)
@out_folder_option("Folder for the recordings.")
@click.option(
    "--simulator", metavar="HOST:PORT", help="A running AirSim.  [default: 127.0.0.1:41451]"
)
@click.option("--embedded", is_flag=True, help="Start and stop the embedded simulator.")
@click.option("--world", type=WORLD, help="World of --embedded.  [default: the plan's environment]")
@click.option(
    "--seed", type=click.IntRange(0), help="Seed of the world of --embedded.  [default: the plan's]"
)
@click.option(
    "--mode",
    type=click.Choice(["pose", "step", "realtime"]),
    help="How to fly.  [default: the plan's]",
)
@click.option("--realtime", is_flag=True, help="Let the simulator's clock run: --mode realtime.")
@click.option(
    "--frames",
    type=click.IntRange(min=1),
    help="Stop each flight after this many.  [default: fly it whole]",
)
@click.option(
    "--replay",
    "source",
    type=click.Path(path_type=Path),
    help="Fly this recording's poses, or those of each in a folder, in the plan's weather and "
    "light, and with what it names of camera, vehicle and rate.",
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    help="A settings.json for --embedded, beside the plan's: noise, blur, exposure, wind.",
)
@click.option(
    "--palette",
    type=click.Path(path_type=Path),
    help="Colours of segmentation ids, as text.  [default: measure them]",
)
@click.option(
    "--instances", is_flag=True, help="Record the number of the object in each pixel, too."
)
@click.option(
    "--timeout",
    default=30.0,
    show_default=True,
    type=SECONDS,
    help="Seconds a call may take before it is dead.",
)
@click.option(
    "--reconnect",
    "reconnect_s",
    default=0.0,
    type=FiniteRange(0, 1e6),
    metavar="SECONDS",
    help="Wait this long for a lost simulator, and go on.  [default: do not wait]",
)
@click.option(
    "--fleet",
    "fleet_file",
    type=click.Path(path_type=Path),
    help="Record the plans of this file over its simulators.",
)
@click.option("--ray", metavar="ADDRESS", help="Run the fleet on this Ray cluster, or on 'local'.")
@slurm_options
@click.option("--overwrite", is_flag=True, help="Begin anew where there is a recording.")
def command(
    plans: tuple[str, ...],
    out: Path,
    simulator: str | None,
    embedded: bool,
    world: str | None,
    seed: int | None,
    mode: str | None,
    realtime: bool,
    frames: int | None,
    source: Path | None,
    settings_file: Path | None,
    palette: Path | None,
    instances: bool,
    timeout: float,
    reconnect_s: float,
    fleet_file: Path | None,
    ray: str | None,
    on_slurm: bool,
    slurm_settings: tuple[str, ...],
    slurm_executor: str,
    overwrite: bool,
) -> None:
    """Fly PLANS and record every frame: colour, mesh ids, depth, pose.

    A plan is a YAML file or the name of a shipped one. Each becomes a folder under --out. Run the
    same command again to continue what was interrupted.

    \b
    Examples:
      airseg record loop_walk --embedded --out recordings
      airseg record my_flight.yaml roofs --simulator 192.168.1.20:41451 \\
          --out recordings
      airseg record foggy.yaml --replay recordings/roofs --embedded \\
          --out recordings
      airseg record dusk.yaml --replay recordings --embedded \\
          --settings noise.json --out dusk
      airseg record --fleet fleet.yaml --out recordings
      airseg record --fleet fleet.yaml --slurm --slurm-set partition=cpu \\
          --out recordings
    """
    slurm = chosen_slurm(on_slurm, slurm_settings, slurm_executor, ray)
    if fleet_file:
        if plans or simulator or embedded or source or settings_file:
            raise click.UsageError("--fleet names plans and simulators itself; leave out others.")
        from airseg.cli.record_fleet import record_fleet

        kept: dict[str, object] = {"--mode": "realtime" if realtime else mode}
        kept |= {"--palette": palette, "--reconnect": reconnect_s or None}
        extra = [str(part) for flag, v in kept.items() if v is not None for part in (flag, v)]
        extra += ["--instances"] if instances else []
        record_fleet(fleet_file, out, ray, slurm, extra, frames, overwrite=overwrite)
        return
    if ray or slurm:
        where = "--ray" if ray else "--slurm"
        raise click.UsageError(f"{where} runs a fleet; give it with --fleet.")
    if embedded and simulator:
        raise click.UsageError("--embedded starts a simulator of its own; leave out --simulator.")
    if realtime and mode not in (None, "realtime"):
        raise click.UsageError(f"--realtime and --mode {mode} exclude each other.")
    if source and (realtime or mode not in (None, "pose")):
        raise click.UsageError("--replay sets recorded poses; it has no other mode.")
    if settings_file and not embedded:
        raise click.UsageError("--settings is for --embedded; any other simulator has its own.")
    from airseg.flight.plan import load_plan
    from airseg.recording.further_settings import FurtherSettings
    from airseg.simulators.protocol import parse_address

    # What is mistyped is told before anything large is loaded.
    host, port = parse_address(simulator)
    loaded = [load_plan(name) for name in plans]
    further = FurtherSettings.read(settings_file) if settings_file else None
    from airseg.recording.flying.assignment import RecordOptions
    from airseg.recording.flying.mesh_ids import read_palette

    flights = _flights(loaded, source, out, (world, seed) if embedded else (None, None))
    options = RecordOptions(
        "realtime" if realtime else mode,
        frames,
        read_palette(palette) if palette else None,
        overwrite=overwrite,
        instances=instances,
    )
    todo = _unfinished(flights, out, options, (world, seed, further) if embedded else None)
    if not embedded:
        from airseg.recording.embedded_flights import connected

        _record_all(todo, out, lambda: connected(host, port, timeout), options, reconnect_s)
        return
    if not todo:
        return
    from airseg.cli.display import progress_bar
    from airseg.recording.embedded_flights import record_embedded

    with progress_bar("frames", _UNITS) as progress:
        record_embedded(
            todo,
            out,
            options,
            progress,
            _tell,
            world=world,
            seed=seed,
            timeout_s=timeout,
            reconnect_s=reconnect_s,
            say=partial(click.echo, err=True),
            further=further,
        )


def _flights(
    loaded: list[tuple[str, FlightPlan]],
    source: Path | None,
    out: Path,
    place: tuple[str | None, int | None],
) -> list[Any]:
    """Return what to record."""
    from airseg.recording.flying.assignment import Assignment
    from airseg.recording.flying.flight_folders import refuse_shared_folders

    if source is None:
        if not loaded:
            raise click.UsageError("Missing argument 'PLANS...'.")
        refuse_shared_folders(loaded)
        return [Assignment(name, plan) for name, plan in loaded]
    from airseg.recording.flying.replay import replays

    if len(loaded) > 1:
        raise click.UsageError("--replay takes one plan at most, for its weather and camera.")
    name, plan = loaded[0] if loaded else (None, None)
    world, seed = place
    flights = replays(source, name, plan, out, world=world, seed=seed)
    for flight in (flight for flight in flights if flight.warning):
        click.echo(f"warning: {flight.name}: {flight.warning}", err=True)
    return flights


def _unfinished(
    flights: list[Any], out: Path, options: Any, place: tuple[str | None, int | None, Any] | None
) -> list[Any]:
    """Return the flights that are not recorded yet; `place` is the embedded one's."""
    from airseg.recording.embedded_flights import embedded_options
    from airseg.recording.flying.finished import finished_recording, take_over_split

    todo = []
    for flight in flights:
        folder, done = out / flight.name, None
        if not options.overwrite:
            told = embedded_options(options, flight.plan, *place) if place else options
            done = finished_recording(folder, flight, told)
        if done is None:
            todo.append(flight)
            continue
        more = f", more than the {options.max_frames} asked for"
        what = f"{done} frames in {folder}{more if done > (options.max_frames or done) else ''}"
        changed = take_over_split(folder, flight.plan)
        click.echo(
            f"{flight.name}: already recorded, {what}{'; ' + changed if changed else ''}", err=True
        )
    return todo


def _record_all(
    flights: list[Any], out: Path, connect: Any, options: Any, reconnect_s: float
) -> None:
    from airseg.cli.display import progress_bar
    from airseg.recording.flying.sessions import record_flights

    if not flights:
        return
    with progress_bar("frames", _UNITS) as progress:
        record_flights(flights, out, connect, options, reconnect_s, progress, _tell)


def _tell(name: str, done: Any) -> None:
    late, dropped = done.notes.get("late_count", 0), done.notes.get("dropped", 0)
    off = f"; {late} frames late, {dropped} dropped" if "dropped" in done.notes else ""
    click.echo(f"{name}: {done.frames} frames ({done.new_frames} new) in {done.folder}{off}")
    if done.remedy:
        drift_ms = done.notes["largest_drift_ns"] / 1e6
        click.echo(f"{name}: times were {drift_ms:.1f} ms off at most. {done.remedy}", err=True)
