"""Recording and relabelling as functions: what the commands of those names do, for programs.

The rest of the library's face is found where it is made; see `airseg`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from airseg.dataset.packing.preparation import check_labels, prepare
from airseg.dataset.packing.writer import PackOptions, check_options, pack
from airseg.dataset.reading.reader import Dataset, open_dataset
from airseg.errors import PlanError, SettingsError
from airseg.flight.plan import FlightPlan, load_plan
from airseg.labels.label_map import load_label_map
from airseg.path_names import PATH_NAMES, is_path_name
from airseg.recording.embedded_flights import connected, embedded_options, record_embedded
from airseg.recording.flying.assignment import (
    Assignment,
    Progress,
    Recorded,
    RecordOptions,
)
from airseg.recording.flying.finished import finished_recording, take_over_split
from airseg.recording.flying.sessions import record_flights
from airseg.recording.further_settings import FurtherSettings
from airseg.recording.stored.storage import Recording
from airseg.simulators.protocol import parse_address


def record(
    plan: str | Path | FlightPlan,
    out: str | Path,
    *,
    name: str | None = None,
    simulator: str | None = None,
    world: str | None = None,
    seed: int | None = None,
    settings: str | Path | None = None,
    mode: str | None = None,
    frames: int | None = None,
    instances: bool = False,
    overwrite: bool = False,
    timeout_s: float = 30.0,
    reconnect_s: float = 0.0,
    progress: Progress | None = None,
) -> Recording:
    """Fly a plan and record every frame: colour, mesh ids, depth, pose.

    A recording that was interrupted is continued, and one that is whole is only opened.

    Args:
        plan: name of a shipped plan, a YAML file, or a plan made in the program.
        out: folder in which the recording's own folder is made.
        name: of the sequence; None takes the plan's, which a plan made in the program has not.
        simulator: ``host:port`` of a running AirSim; None starts the embedded simulator, and stops
            it afterwards.
        world, seed: of the embedded simulator; None takes the plan's.
        settings: a settings.json for the embedded simulator, beside what the plan needs.
        mode: ``pose``, ``step`` or ``realtime``; None takes the plan's.
        frames: stop after so many; None flies to the end.
        instances: record the number of the object in each pixel, too.
        overwrite: begin anew where there is a recording.
        timeout_s: how long a call to the simulator may take.
        reconnect_s: how long to wait for a simulator that is lost, before giving up.
        progress: told what is being done, how much of it is done, and how much there is.

    Raises:
        PlanError: there is no such plan, or it is wrong.
        RecordingError: the folder holds another flight, or cannot be written.
        SettingsError: the settings cannot be read, contradict the plan, or do nothing beside it.
        SimulatorError: the simulator cannot be reached, or failed; complete frames are kept.
    """
    if isinstance(plan, FlightPlan):
        if name is None or not is_path_name(name):
            raise PlanError(f"name={name!r} cannot name the sequence of a plan: {PATH_NAMES}.")
        flight = Assignment(name, plan)
    else:
        found, loaded = load_plan(str(plan))
        flight = Assignment(name or found, loaded)
    folder = Path(out) / flight.name
    options = RecordOptions(mode, frames, overwrite=overwrite, instances=instances)
    progress = progress or _tell_nobody
    if settings and simulator:
        raise SettingsError(
            f"{settings}: settings are for the embedded simulator; {simulator} has its own."
        )
    further = FurtherSettings.read(Path(settings)) if settings else None
    if simulator is None:
        options = embedded_options(options, flight.plan, world, seed, further)
    if not overwrite and finished_recording(folder, flight, options) is not None:
        take_over_split(folder, flight.plan)
        return Recording.open(folder)
    if simulator is None:
        record_embedded(
            [flight],
            Path(out),
            options,
            progress,
            _keep_quiet,
            world=world,
            seed=seed,
            further=further,
            timeout_s=timeout_s,
            reconnect_s=reconnect_s,
        )
    else:
        host, port = parse_address(simulator)
        record_flights(
            [flight],
            Path(out),
            lambda: connected(host, port, timeout_s),
            options,
            reconnect_s,
            progress,
            _keep_quiet,
        )
    return Recording.open(folder)


def relabel(
    inputs: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    label_map: str | Path,
    splits: Mapping[str, Sequence[str]] | None = None,
    codec: str = "lz4",
    keep_raw: bool = True,
    keep_depth: bool = True,
    keep_instance: bool = True,
    allow_unmapped: bool = False,
    overwrite: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Dataset:
    """Collapse mesh labels into classes, pack one dataset file, and open it.

    Args:
        inputs: recordings, folders of recordings, or whatever else `airseg relabel` takes.
        out: the file to write.
        label_map: a YAML file, or the name of a shipped map.
        splits: sequences by split, ``{"test": ["roofs"]}``; the recordings' and the map's where
            left out.
        codec: of colour frames.
        keep_raw, keep_depth, keep_instance: whether raw ids, depth and the numbers of objects are
            kept.
        allow_unmapped: ignore meshes without a class instead of refusing them.
        overwrite: replace a file that is there already.
        jobs: processes that pack. More than one needs a program that may be imported again, as
            `multiprocessing` says: its work below ``if __name__ == "__main__":``.
        progress: told what is being done, how much of it is done, and how much there is.

    Raises:
        AirsegError: an input cannot be used, a seen mesh has no class, or the file is there.
    """
    given = [inputs] if isinstance(inputs, str | Path) else inputs
    chosen = [f"{split}={','.join(names)}" for split, names in (splits or {}).items()]
    options = PackOptions(
        codec,
        keep_raw,
        keep_depth,
        overwrite,
        allow_unmapped,
        jobs=jobs,
        keep_instance=keep_instance,
    )
    check_options(Path(out), options)
    loaded = load_label_map(label_map)
    items = prepare([Path(path) for path in given], loaded, chosen).items
    check_labels(items, loaded, allow_unmapped=allow_unmapped, progress=progress)
    pack(Path(out), items, loaded, options, progress)
    return open_dataset(out)


def _tell_nobody(what: str, done: int, total: int | None) -> None:
    """Take note of nothing."""


def _keep_quiet(name: str, done: Recorded) -> None:
    """Say nothing of a flight that is done: it is returned."""
