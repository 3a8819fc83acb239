"""``airseg doctor``: check how well a simulator suits recording."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from airseg.cli.names import SECONDS
from airseg.errors import SimulatorError

_COLORS = {"pass": "green", "fail": "red", "not supported": "yellow"}


@click.command("doctor")
@click.option(
    "--simulator", metavar="HOST:PORT", help="A running simulator.  [default: 127.0.0.1:41451]"
)
@click.option(
    "--timeout", default=20.0, show_default=True, type=SECONDS, help="Seconds a call may take."
)
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def command(simulator: str | None, timeout: float, as_json: bool) -> None:
    """Check a simulator: AirSim, Cosys-AirSim, or the embedded one.

    Each line says pass, fail or not supported, what was found, and what to change. The checks move
    vehicle and camera, set weather and light, and change segmentation ids; they are put back by
    nothing but a restart.

    \b
    Example:
      airseg doctor --simulator 192.168.1.20:41451
    """
    from airseg.simulators.protocol import parse_address

    host, port = parse_address(simulator)
    from airseg.recording.conformance import FAIL, examine
    from airseg.simulators.client import SimulatorClient

    checks = []
    with SimulatorClient(host, port, timeout) as client:
        client.confirmConnection()
        for check in examine(client):
            checks.append(check)
            if not as_json:
                verdict = click.style(f"{check.verdict:13}", fg=_COLORS[check.verdict])
                remedy = f" {check.remedy}" if check.remedy else ""
                click.echo(f"{verdict} {check.name}: {' '.join(check.found.split())}.{remedy}")
    if as_json:
        click.echo(json.dumps([asdict(c) for c in checks], indent=1))
    failed = [c.name for c in checks if c.verdict == FAIL]
    if failed:
        raise SimulatorError(
            f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}. Change what the "
            "lines above say, restart the simulator, and check again."
        )
