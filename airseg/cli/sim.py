"""``airseg sim``: run the embedded simulator."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import click

from airseg.cli.names import (
    CLOCK,
    DIALECT,
    FAULT,
    FOLDER,
    IDEAL,
    SIM_MODE,
    WORLD,
    CommandWithOldSpellings,
)


@click.command("sim", cls=CommandWithOldSpellings, old={"--mode": ("--sim-mode", "")})
@click.option(
    "--world",
    type=WORLD,
    default="neighborhood",
    show_default=True,
    help="Which world to build.",
)
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the world."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; 0 takes any free one.  [default: 41451]"
)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--settings",
    type=click.Path(path_type=Path),
    help="An AirSim settings.json: vehicles, cameras, image sizes, SimMode.",
)
@click.option(
    "--sim-mode",
    type=SIM_MODE,
    default="Multirotor",
    show_default=True,
    help="SimMode without a settings file.",
)
@click.option(
    "--dialect",
    type=DIALECT,
    default="airsim",
    show_default=True,
    help="Whose clients may connect: airsim (1.8) or cosys (Cosys-AirSim 3).",
)
@click.option(
    "--methods", "list_methods", is_flag=True, help="Print which RPC methods are supported; exit."
)
@click.option("--fault", type=FAULT, help="Go wrong on purpose.")
@click.option(
    "--fault-every",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="Which captures go wrong.",
)
@click.option(
    "--clock",
    type=CLOCK,
    default="simulated",
    show_default=True,
    help="simulated: exact steps, the same bytes again; airsim: AirSim's own, in wall time.",
)
@click.option(
    "--ideal",
    type=IDEAL,
    multiple=True,
    metavar="NAME",
    help="Be kinder than AirSim: immediate-poses, full-reset, keep-nan or first-vehicle; may be "
    "given several times.",
)
@click.option(
    "--files",
    type=FOLDER,
    help="Folder where clients may write files; without it they may write none.",
)
@click.option("--exit-with-stdin", is_flag=True, help="Stop when standard input closes.")
def command(
    world: str,
    seed: int,
    port: int | None,
    host: str | None,
    settings: Path | None,
    sim_mode: str,
    dialect: str,
    list_methods: bool,
    fault: str | None,
    fault_every: int,
    clock: str,
    ideal: tuple[str, ...],
    files: Path | None,
    exit_with_stdin: bool,
) -> None:
    """Run the embedded simulator, which speaks AirSim's RPC.

    It needs no GPU, no display and no Unreal. AirSim's own Python client, and every script written
    for it, can connect.

    \b
    Examples:
      airseg sim --seed 7
      airseg sim --settings ~/Documents/AirSim/settings.json --port 41452
      airseg sim --world harbor_town --dialect cosys
    """
    from airseg.simulators.embedded.settings import read_settings

    if settings:
        read_settings(settings)  # what is wrong with it is told before the renderer is loaded
    from airseg.simulators.embedded.first_compilation import are_compiled
    from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

    if list_methods:
        from airseg.simulators.embedded.rpc.method_table import support_markdown

        click.echo(support_markdown(), nl=False)
        return
    options = EmbeddedOptions(
        world=world,
        seed=seed,
        host=host,
        port=port,
        settings=settings,
        sim_mode=sim_mode,
        dialect=dialect,
        fault=fault,
        fault_every=fault_every,
        clock=clock,
        ideal=ideal,
        files=files,
    )
    server = EmbeddedServer(options)
    if not are_compiled():
        click.echo("airseg sim: compiling the renderer, once, about 40 s ...", err=True)
    for line in server.settings.told:
        click.echo(f"airseg sim: settings: {line}", err=True)
    server.warm_up()
    with server:
        _stop_on_signals(server)
        if exit_with_stdin:
            threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
        objects = len(server.simulation.world.objects)
        # A program that starts it chose this itself: whoever runs that program asked for nothing.
        if ideal and not exit_with_stdin:
            click.echo(f"airseg sim: kinder than AirSim: {', '.join(ideal)}", err=True)
        click.echo(
            f"airseg sim: listening on {server.host}:{server.port}, world {world}, seed {seed}, "
            f"{server.settings.sim_mode}, {objects} objects. Ctrl-C stops it."
        )
        sys.stdout.flush()
        server.serve_forever()


def _stop_on_signals(server: Any) -> None:
    def stop(number: int, frame: Any) -> None:
        server.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _stop_at_end_of_input(server: Any) -> None:
    """Wait until whoever started this process goes away, then stop."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.stop()
