"""The embedded simulator as a whole: build a world, listen, serve."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from airseg.errors import SettingsError, did_you_mean
from airseg.simulators.embedded.client_files import ClientFiles
from airseg.simulators.embedded.faults import check_fault, with_fault
from airseg.simulators.embedded.first_compilation import remember_compiled
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer
from airseg.simulators.embedded.rpc.dialects import DIALECTS
from airseg.simulators.embedded.rpc.method_table import all_methods
from airseg.simulators.embedded.rpc.rpc_server import RpcServer
from airseg.simulators.embedded.scene.world import World
from airseg.simulators.embedded.settings import Settings, default_settings, read_settings
from airseg.simulators.embedded.simulation import CLOCKS, IDEALS, Behaviour, Simulation
from airseg.simulators.embedded.worlds.catalogue import build_world


@dataclass(frozen=True)
class EmbeddedOptions:
    """How to run the embedded simulator.

    Attributes:
        world, seed: which neighbourhood to build.
        host, port: where to listen; None takes the settings', and port 0 any free one.
        settings: an AirSim settings.json, or None for 640x480 images and one vehicle.
        sim_mode: vehicle mode when there is no settings file.
        dialect: of the RPC, ``airsim`` (1.8) or ``cosys`` (Cosys-AirSim 3).
        fault, fault_every: what goes wrong at every how many captures; see `faults`.
        clock, ideal: see `Behaviour`; the clock's chance has the world's seed.
        files: the folder where clients may write, made if it is missing; None lets them name no
            file at all.
    """

    world: str = "neighborhood"
    seed: int = 0
    host: str | None = None
    port: int | None = None
    settings: Path | None = None
    sim_mode: str = "Multirotor"
    dialect: str = "airsim"
    fault: str | None = None
    fault_every: int = 10
    clock: str = "simulated"
    ideal: tuple[str, ...] = ()
    files: Path | None = None


class EmbeddedServer:
    """A simulator in this process. Use it as a context manager, or `start` and `stop` it.

    Args:
        options: what to run.
        world: a world built before, to share between servers of one process.

    Raises:
        SettingsError: unknown world, or unusable settings, or a folder that cannot be made.
        SimulatorError: the port is taken.
    """

    def __init__(self, options: EmbeddedOptions | None = None, world: World | None = None) -> None:
        options = options or EmbeddedOptions()
        self.settings = settings = resolve_settings(options)
        if options.dialect not in DIALECTS:
            hint = did_you_mean(options.dialect, DIALECTS, "Dialects")
            raise SettingsError(f"there is no dialect '{options.dialect}'.{hint}")
        check_fault(options.fault)
        behaviour = _behaviour(options)
        world = world or build_world(options.world, options.seed)  # takes seconds
        files = _client_files(options.files)
        self.simulation = Simulation(
            world, Renderer(world), settings, options.dialect, behaviour, files
        )
        methods = all_methods(self.simulation)
        if options.fault:
            methods = with_fault(methods, options.fault, options.fault_every)
        self._rpc = RpcServer(methods, settings.host, settings.port)
        self._stopped = threading.Event()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._rpc.port

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self.settings.host

    def start(self) -> None:
        """Begin to serve; returns at once."""
        self.simulation.clock.start()
        self._rpc.start()

    def warm_up(self) -> None:
        """Compile the renderer, or load it from the cache, and draw the shadows."""
        place, level = np.array([0.0, 0.0, -2.0]), np.array([1.0, 0.0, 0.0, 0.0])
        self.simulation.renderer.render(CameraView(place, level, 90.0, 32, 24))
        remember_compiled()

    def serve_forever(self) -> None:
        """Wait until `stop` is called."""
        self._stopped.wait()

    def stop(self) -> None:
        """Close every connection and end the simulation."""
        self._rpc.stop()
        self.simulation.clock.stop()
        self._stopped.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()


def resolve_settings(options: EmbeddedOptions) -> Settings:
    """Read the settings file, if any; host and port of the options win over the file's."""
    if options.settings is not None:
        settings = read_settings(options.settings)
    else:
        settings = default_settings(options.sim_mode)
    if options.host is not None:
        settings = replace(settings, host=options.host)
    if options.port is not None:
        settings = replace(settings, port=options.port)
    return settings


def _client_files(folder: Path | None) -> ClientFiles:
    """Make the folder where clients may write."""
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as cause:
            reason = cause.strerror or cause
            raise SettingsError(f"{folder}: cannot be the clients' folder ({reason}).") from None
    return ClientFiles(folder)


def _behaviour(options: EmbeddedOptions) -> Behaviour:
    """Check the names of clock and ideals."""
    for what, given, known in (
        ("clock", (options.clock,), CLOCKS),
        ("ideal", options.ideal, tuple(IDEALS)),
    ):
        for name in given:
            if name not in known:
                hint = did_you_mean(name, known, "There are")
                raise SettingsError(f"there is no {what} '{name}'.{hint}")
    return Behaviour(options.clock, options.seed, frozenset(options.ideal))
