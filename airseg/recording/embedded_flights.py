"""Recording flights with simulators of our own, one for all flights that can share its settings."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from airseg.flight.plan import FlightPlan
from airseg.recording.embedded_process import EmbeddedProcess, simulator_key
from airseg.recording.flying.assignment import Assignment, Progress, Recorded, RecordOptions
from airseg.recording.flying.sessions import record_flights
from airseg.recording.further_settings import FurtherSettings
from airseg.recording.simulator_settings import settings_text
from airseg.simulators.client import SimulatorClient
from airseg.simulators.protocol import DEFAULT_HOST


def record_embedded(
    flights: list[Assignment],
    out: Path,
    options: RecordOptions,
    progress: Progress,
    tell: Callable[[str, Recorded], None],
    *,
    world: str | None = None,
    seed: int | None = None,
    timeout_s: float = 30.0,
    reconnect_s: float = 0.0,
    say: Callable[[str], None] | None = None,
    further: FurtherSettings | None = None,
) -> None:
    """Record flights, each in its world; simulators are started and stopped on the way.

    Args:
        flights: what to record.
        out: folder of the recordings.
        options: how to record; which simulator it is gets filled in.
        progress: told about long work.
        tell: told the name of each flight that is done, and what it came to.
        world, seed: of the world; None takes each plan's.
        timeout_s: how long a call may take.
        reconnect_s: how long to wait for a lost simulator.
        say: told what simulators do before they can fly, such as compiling.
        further: settings for simulators, beside those that plans need.

    Raises:
        SimulatorError: a simulator does not start, or failed; complete frames are kept.
        SettingsError: a further setting is another than a plan needs.
    """

    for flight in flights:  # what contradicts the last of them is told before the first is flown
        settings_text([(flight.name, flight.plan)], clock_is_exact=True, further=further)
        if further:
            further.refuse_still_air(options.mode or flight.plan.mode)

    def needs(flight: Assignment) -> tuple[str, int, str]:
        return (*place_of(flight.plan, world, seed), simulator_key(flight.plan))

    for (name, number, _), group in itertools.groupby(flights, key=needs):
        batch = list(group)
        if say and world is None:
            for flight in (f for f in batch if f.plan.environment != name):
                wanted = flight.plan.environment
                say(f"{flight.name}: no world here is called {wanted!a}; it is flown in {name}")
        told = embedded_options(options, batch[0].plan, world, seed, further)
        with ExitStack() as running:

            def connect(
                plan: FlightPlan = batch[0].plan,
                running: ExitStack = running,
                place: tuple[str, int] = (name, number),
            ) -> SimulatorClient:
                running.close()  # one that was lost before
                if say:
                    say("starting the embedded simulator ...")
                process = EmbeddedProcess(plan, *place, told=say, further=further)
                port = running.enter_context(process).port
                return connected(DEFAULT_HOST, port, timeout_s)

            record_flights(batch, out, connect, told, reconnect_s, progress, tell)


def embedded_options(
    options: RecordOptions,
    plan: FlightPlan,
    world: str | None = None,
    seed: int | None = None,
    further: FurtherSettings | None = None,
) -> RecordOptions:
    """Return options that say which embedded world a plan is recorded in, see `place_of`."""
    name, number = place_of(plan, world, seed)
    added = further.text() if further else ""
    return replace(options, simulator={"world": name, "seed": number, "further_settings": added})


def place_of(
    plan: FlightPlan, world: str | None = None, seed: int | None = None
) -> tuple[str, int]:
    """Return the embedded world and seed of a plan: as asked for, else its own."""
    name = world or plan.environment
    if world is None and name != "neighborhood":
        from airseg.simulators.embedded.worlds.catalogue import world_names

        # Plans for other simulators' worlds can be tried out here.
        name = name if name in world_names() else "neighborhood"
    return name, (plan.seed or 0) if seed is None else seed


def connected(host: str, port: int, timeout_s: float) -> SimulatorClient:
    """Return a client whose simulator has answered.

    Raises:
        LostSimulatorError: nobody answers there.
    """
    client = SimulatorClient(host, port, timeout_s)
    try:
        client.confirmConnection()
    except BaseException:
        client.close()
        raise
    return client
