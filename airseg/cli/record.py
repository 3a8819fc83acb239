"""``airseg record``: fly plans and record every frame with its labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from airseg.errors import AirsegError


@click.command("record")
@click.argument("plans", nargs=-1, required=True)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for the recordings."
)
@click.option(
    "--simulator", metavar="HOST:PORT", help="A running AirSim.  [default: 127.0.0.1:41451]"
)
@click.option("--embedded", is_flag=True, help="Start and stop the embedded simulator.")
@click.option("--world", default="neighborhood", show_default=True, help="World of --embedded.")
@click.option("--seed", default=0, show_default=True, help="Seed of the world of --embedded.")
@click.option(
    "--mode", type=click.Choice(["pose", "step"]), help="How to fly; the plan says otherwise."
)
@click.option("--frames", type=click.IntRange(min=1), help="Stop each flight after this many.")
@click.option(
    "--palette", type=click.Path(path_type=Path), help="Colours of segmentation ids, as text."
)
@click.option(
    "--timeout", default=30.0, show_default=True, help="Seconds a call may take before it is dead."
)
@click.option("--overwrite", is_flag=True, help="Begin anew where there is a recording.")
def command(
    plans: tuple[str, ...],
    out: Path,
    simulator: str | None,
    embedded: bool,
    world: str,
    seed: int,
    mode: str | None,
    frames: int | None,
    palette: Path | None,
    timeout: float,
    overwrite: bool,
) -> None:
    """Fly PLANS and record every frame: colour, mesh ids, depth, pose.

    A plan is a YAML file or the name of a shipped one. Each becomes a folder under --out. Run the
    same command again to continue what was interrupted.

    \b
    Examples:
      airseg record loop_walk --embedded --out recordings
      airseg record my_flight.yaml roofs --simulator 192.168.1.20:41451 --out recordings
    """
    from airseg.flight.plan import load_plan
    from airseg.recording.embedded_process import EmbeddedProcess, simulator_key
    from airseg.recording.recorder import RecordOptions, finished_recording
    from airseg.recording.segmentation import read_palette

    if embedded and simulator:
        raise click.UsageError("--embedded starts a simulator of its own; leave out --simulator.")
    loaded = [load_plan(name) for name in plans]
    _refuse_double_names([name for name, _ in loaded])
    known = {"world": world, "seed": seed} if embedded else {}
    options = RecordOptions(
        mode, frames, read_palette(palette) if palette else None, known, overwrite
    )
    todo = []
    for name, plan in loaded:
        done = None if overwrite else finished_recording(out / name, plan, frames)
        if done is None:
            todo.append((name, plan))
        else:
            click.echo(f"{name}: already recorded, {done} frames in {out / name}", err=True)
    if not embedded:
        host, port = parse_address(simulator)
        _record_all(todo, out, host, port, timeout, options)
        return
    for _, group in itertools.groupby(todo, key=lambda item: simulator_key(item[1])):
        batch = list(group)
        click.echo("starting the embedded simulator ...", err=True)
        with EmbeddedProcess(batch[0][1], world, seed) as process:
            _record_all(batch, out, "127.0.0.1", process.port, timeout, options)


def _record_all(
    plans: list[Any], out: Path, host: str, port: int, timeout: float, options: Any
) -> None:
    from airseg.recording.recorder import Recorder
    from airseg.simulators.client import SimulatorClient

    if not plans:
        return
    with SimulatorClient(host, port, timeout) as client, _progress() as progress:
        client.confirmConnection()
        recorder = Recorder(client, options, progress)
        for name, plan in plans:
            done = recorder.record(name, plan, out / name)
            click.echo(f"{name}: {done.frames} frames ({done.new_frames} new) in {done.folder}")


@contextmanager
def _progress() -> Iterator[Any]:
    """Show one bar with rate and time left on a terminal, or a line now and then elsewhere."""
    from airseg.cli.display import progress_bar

    with progress_bar("frames") as update:
        yield update


def parse_address(text: str | None) -> tuple[str, int]:
    """Return host and port of HOST:PORT."""
    from airseg.simulators.protocol import DEFAULT_HOST, DEFAULT_PORT

    if text is None:
        return DEFAULT_HOST, DEFAULT_PORT
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise click.UsageError(f"--simulator {text}: expected HOST:PORT, such as 127.0.0.1:41451.")
    return host, int(port)


def _refuse_double_names(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise AirsegError(f"two plans are named '{name}', and so would their recordings be.")
