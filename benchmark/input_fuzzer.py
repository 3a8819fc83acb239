"""Spoil inputs, and see that each is read or refused in one line: no traceback, no crash, no hang.

Plans, label maps, settings, recipes, results, recording folders and datasets are made, spoiled (see
`input_mutations`), and read as the commands read them, each in a process of its own that may take
60 s and 4 GB. What ends otherwise is kept in a folder, with what it printed beside it.

Run it with: python benchmark/input_fuzzer.py [--each 300] [--minutes 5] [--seed 0] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# Children are forked from a process that has loaded everything; threads would not survive that.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

import numpy as np
from input_mutations import spoil_file, spoil_folder

from airseg.cli import main as airseg
from airseg.errors import AirsegError
from airseg.resources import resource_folder

LIMIT_S, LIMIT_BYTES = 60, 4_000_000_000
_FINE = ("read", "refused")


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes:
        make: writes sound inputs into a folder and returns their paths.
        read: reads one as the commands do; refuses with `AirsegError`, `OSError` or exit code 2.
    """

    make: Callable[[Path], list[Path]]
    read: Callable[[Path], None]


def _shipped(kind: str, *names: str) -> Callable[[Path], list[Path]]:
    def make(folder: Path) -> list[Path]:
        sources = (resource_folder(kind) / f"{name}.yaml" for name in names)
        return [Path(shutil.copy(source, folder)) for source in sources]

    return make


def _call(*commands: list[str]) -> Callable[[Path], None]:
    """Return a function that runs commands of the program one after another; ``@`` is the input.

    A command that refuses does not keep the next from being tried.
    """

    def read(path: Path) -> None:
        codes = []
        for command in commands:
            try:
                airseg([word.replace("@", str(path)) for word in command])
            except SystemExit as stop:
                codes.append(stop.code or 0)
        sys.exit(max(map(int, codes), default=0))

    return read


def _make_settings(folder: Path) -> list[Path]:
    camera = {
        "CaptureSettings": [{"ImageType": 0, "Width": 64, "Height": 48, "FOV_Degrees": 90}],
        "NoiseSettings": [{"ImageType": 0, "Enabled": True, "RandContrib": 0.2}],
        "Gimbal": {"Stabilization": 1, "Pitch": -10},
        "X": 0.5,
        "Y": 0,
        "Z": -0.1,
    }
    drone = {
        "VehicleType": "SimpleFlight",
        "DefaultVehicleState": "Armed",
        "X": 0,
        "Y": 1,
        "Z": -2,
        "Cameras": {"low": camera},
        "Sensors": {"scanner": {"SensorType": 6, "Enabled": True, "NumberOfChannels": 4}},
    }
    more = {"ClockSpeed": 1, "OriginGeopoint": {"Latitude": 47.6, "Longitude": -122, "Altitude": 9}}
    texts: list[dict[str, Any]] = [
        {"SimMode": "Multirotor", "Vehicles": {"A": drone, "B": drone}, **more},
        {"SimMode": "ComputerVision", "CameraDefaults": camera, "ExternalCameras": {"e": camera}},
        {"SimMode": "Car", "Recording": {"RecordInterval": 0.1, "Cameras": [{"CameraName": "0"}]}},
    ]
    paths = [folder / f"settings{k}.json" for k in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(json.dumps(text))
    return paths


@cache
def _empty_stage() -> tuple[Any, Any]:
    from airseg.simulators.embedded.rendering.renderer import Renderer
    from airseg.simulators.embedded.worlds.catalogue import build_world

    world = build_world("neighborhood", 0)
    return world, Renderer(world)


def _read_settings(path: Path) -> None:
    from airseg.simulators.embedded.settings import read_settings
    from airseg.simulators.embedded.simulation import Simulation

    Simulation(*_empty_stage(), read_settings(path))


def _read_recipe(path: Path) -> None:
    from airseg.bench.recipes.recipe import load_recipe, rows

    rows(load_recipe(str(path)))


def _make_results(folder: Path) -> list[Path]:
    from airseg.bench.results.result import Result, recipe_hash, save_result

    times = {"p50": 10.0, "p95": 11.0, "p99": 12.0}
    recipe = {
        "name": "made",
        "protocol": "fair",
        "model": {"name": "fanet18"},
        "train": {},
        "data": {"height": 48, "width": 64},
    }
    scores = {"mean_iou": 0.5, "class_iou": {"road": 0.5, "tree": None}, "pixel_accuracy": 0.8}
    scores |= {"frequency_weighted_iou": 0.7, "paper_jaccard": 0.6}
    speed = {"logits_ms": times, "labelmap_ms": times, "frames_per_second": 100.0}
    speed |= {"parameters": 10, "gmacs": 1.0, "memory_bytes": 9, "height": 48, "width": 64}
    result = {
        "run": "made",
        "label": "made",
        "kind": "model",
        "protocol": "fair",
        "recipe": recipe,
        "recipe_hash": recipe_hash(recipe),
        "dataset": {"content_hash": "abc", "split": "test", "sequences": {"d": 9, "e": 4}},
        "scores": scores,
        "speed": {**speed, "machine": "a CPU"},
        "curves": {"loss": [(1, 2.0), (2, 1.0)], "validation": [(2, 0.5)]},
        "samples": [("d", 0)],
        "command": "airseg bench run made",
    }
    return [save_result(folder, Result.model_validate(result))]


def _make_recordings(folder: Path) -> list[Path]:
    from airseg.flight.plan import FlightPlan
    from airseg.flight.trajectory import plan_trajectory
    from airseg.recording.stored.frame_writer import Frame, RecordingWriter
    from airseg.recording.stored.storage import ObjectGroup, RecordingInfo

    way = {"start": {"position": (0, 0, -2)}, "waypoints": [{"position": (9, 0, -2)}]}
    plan = FlightPlan.model_validate({"description": "spoiled", **way})
    path = plan_trajectory(plan)
    groups = tuple(
        ObjectGroup(i, mesh, (f"{mesh}_1",), (i, 0, 0))
        for i, mesh in enumerate(("Road", "Car", "Oak"), 1)
    )
    info = RecordingInfo(
        sequence="walk",
        plan=plan.model_dump(mode="json"),
        plan_fingerprint=plan.fingerprint(),
        mode="pose",
        rate_hz=25.0,
        camera={"width": 32, "height": 24, "fov_deg": 90.0},
        simulator={},
        environment="neighborhood",
        split="train",
        object_table=groups,
        status="recording",
        reason="",
        frames_planned=4,
        airseg_version="0",
        has_depth=True,
    )
    chance = np.random.default_rng(0)
    with RecordingWriter(folder / "walk", info) as writer:
        for index in range(4):
            rgb = chance.integers(0, 256, (24, 32, 3), np.uint8)
            ids = chance.integers(1, 4, (24, 32), np.uint8)
            depth = chance.uniform(1, 50, (24, 32)).astype(np.float16)
            place = np.concatenate([path.position[index], path.orientation[index]])
            time_ns, speed = int(path.time_ns[index]), path.velocity[index]
            writer.add(Frame(10**18 + time_ns, time_ns, place, speed, rgb, ids, depth))
        writer.finish("complete")
    return [folder / "walk"]


def _make_datasets(folder: Path) -> list[Path]:
    recordings = folder / "recordings"
    recordings.mkdir()
    _make_recordings(recordings)
    path = folder / "small.h5"
    airseg(["relabel", str(recordings), "--map", "neighborhood", "--out", str(path)])
    return [path]


_RELABEL = ["relabel", "@", "--map", "neighborhood", "--out", "@-out.h5", "--overwrite"]
KINDS = {
    "plans": Kind(
        _shipped("flight plan", "loop_walk", "car_drive", "orbit_house", "sweep_fog_30"),
        _call(["plan", "check", "@"]),
    ),
    "maps": Kind(_shipped("label map", "neighborhood", "camvid"), _call(["labels", "check", "@"])),
    "settings": Kind(_make_settings, _read_settings),
    "recipes": Kind(_shipped("recipe", "demo", "temporal-mini", "five-papers-mini"), _read_recipe),
    "results": Kind(_make_results, _call(["bench", "leaderboard", "@", "--out", "@-out"])),
    "recordings": Kind(_make_recordings, _call(["info", "@"], ["verify", "@"], _RELABEL)),
    "datasets": Kind(_make_datasets, _call(["info", "@"], ["verify", "@"])),
}


def spoiled(sound: Path, folder: Path, chance: random.Random) -> Path:
    """Copy a sound input into a folder and spoil the copy."""
    path = folder / sound.name
    if sound.is_dir():
        shutil.copytree(sound, path)
        spoil_folder(path, chance)
    else:
        shutil.copy(sound, path)
        spoil_file(path, chance)
    return path


def main() -> None:
    """Spoil, read, and print what was seen of each kind; exit with 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--each", type=int, default=300, help="inputs of each kind")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after that long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--keep", type=Path, default=Path("fuzzed"), help="for what went wrong")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    counts: dict[str, Counter[str]] = {name: Counter() for name in arguments.kinds}
    with tempfile.TemporaryDirectory() as work:
        sounds = {name: _prepare(name, Path(work)) for name in arguments.kinds}
        # One of each kind by turns, so that a run that is cut short has tried them all alike.
        for number in range(arguments.each):
            for name in arguments.kinds:
                if time.monotonic() > end:
                    break
                outcome = _try(name, sounds[name], number, arguments)
                counts[name][outcome] += 1
    for name, seen in counts.items():
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(seen.items()))
        print(f"{name:10} {sum(seen.values()):5} inputs: {told}")
    sys.exit(any(outcome not in _FINE for seen in counts.values() for outcome in seen))


def _prepare(name: str, work: Path) -> list[Path]:
    """Make sound inputs, read one in a child, and load here whatever modules that took."""
    folder, told = work / name, work / f"{name}.modules"
    folder.mkdir()

    def make_and_read() -> None:
        paths = KINDS[name].make(folder)
        (work / f"{name}.paths").write_text("\n".join(map(str, paths)))
        try:
            KINDS[name].read(paths[0])
        finally:
            told.write_text("\n".join(sys.modules))

    outcome, said = _in_a_child(make_and_read, work / "said.txt")
    if outcome != "read":
        raise SystemExit(f"{name}: a sound input is not read ({outcome}):\n{said}")
    for module in told.read_text().split():
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    if name == "settings":
        _empty_stage()
    return [Path(line) for line in (work / f"{name}.paths").read_text().splitlines()]


def _try(name: str, sounds: list[Path], number: int, arguments: argparse.Namespace) -> str:
    chance = random.Random(f"{arguments.seed} {name} {number}")
    with tempfile.TemporaryDirectory() as folder:
        path = spoiled(chance.choice(sounds), Path(folder), chance)
        outcome, said = _in_a_child(lambda: KINDS[name].read(path), Path(folder) / "said.txt")
        if outcome not in _FINE:
            kept = arguments.keep / f"{name}_{arguments.seed}_{number}_{outcome}"
            kept.mkdir(parents=True, exist_ok=True)
            (kept / "said.txt").write_text(said)
            place = kept / path.name
            (shutil.copytree if path.is_dir() else shutil.copy)(path, place)
            print(f"{outcome}: {kept}: {said.strip().splitlines()[-1:]}", flush=True)
    return outcome


def _in_a_child(work: Callable[[], None], said: Path) -> tuple[str, str]:
    """Do something in a process of its own; return how it ended, and what it printed."""
    child = os.fork()
    if child == 0:
        _live(work, said)
    end = time.monotonic() + LIMIT_S
    while True:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return "time-out", said.read_text(errors="replace")
        time.sleep(0.01)
    text, code = said.read_text(errors="replace"), os.waitstatus_to_exitcode(status)
    if used.ru_maxrss * 1024 > LIMIT_BYTES or "MemoryError" in text or "Unable to alloc" in text:
        return "memory", text
    if code < 0:
        return "crash", text
    if code not in (0, 1, 2) or "Traceback (most recent call last)" in text:
        return "traceback", text
    return ("read" if code == 0 else "refused"), text


def _live(work: Callable[[], None], said: Path) -> None:
    """Be the child: within limits, everything that is printed into a file; never return."""
    code = 70
    try:
        with said.open("wb", buffering=0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        faulthandler.enable(2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + LIMIT_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        work()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    except (AirsegError, OSError) as refusal:
        print(f"airseg: {refusal}", file=sys.stderr)
        code = 2
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
