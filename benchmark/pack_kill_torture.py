"""Kill `airseg relabel` at random moments: what is left is the old file or the new one, whole.

A few made-up flights are relabelled again and again into the same file, by two label maps in turn,
by one process or by two. Each run gets SIGKILL after a random while, from before the first frame to
after the last, and is started again until it ends by itself. After every kill the file must verify
and hold either what it held before or what the run was to write; no process may be left. When a run
ends, the file must have the content of an undisturbed one, and nothing else may lie beside it.

Run it with: python benchmark/pack_kill_torture.py [--kills 50]
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from airseg.dataset.reader import Dataset
from airseg.dataset.verification import verify_dataset
from airseg.flight.plan import FlightPlan
from airseg.recording.storage import ObjectGroup, RecordingInfo
from airseg.recording.writer import Frame, RecordingWriter

_FLIGHTS, _HEIGHT, _WIDTH = 4, 120, 160
_MESHES = ("Road", "Car", "Oak", "SkySphere")
_OTHER_MAP = """\
format: 1
name: other
extends: neighborhood
rules:
  - {class: fence, names: car}
"""
_MARK = "AIRSEG_TORTURE"


@dataclass
class _Seen:
    """What was counted."""

    kills: int = 0
    old: int = 0
    new: int = 0
    runs: int = 0
    resumed: int = 0
    kept: list[int] = field(default_factory=list)


def main() -> None:
    """Kill, verify, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--frames", type=int, default=150, help="of each of the flights")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for number in range(_FLIGHTS):
            _write_flight(work / "flights", number, arguments.frames)
        (work / "other.yaml").write_text(_OTHER_MAP)
        maps = ["neighborhood", str(work / "other.yaml")]
        wanted, whole_s = [], 0.0
        for number, label_map in enumerate(maps):
            began = time.monotonic()
            path = work / f"whole{number}.h5"
            subprocess.run(_command(work, label_map, path, 1), check=True, capture_output=True)
            whole_s = time.monotonic() - began
            wanted.append(Dataset(path).content_hash)
        path = work / "out" / "d.h5"
        path.parent.mkdir()
        subprocess.run(_command(work, maps[1], path, 1), check=True, capture_output=True)
        seen = _Seen()
        while seen.kills < arguments.kills:
            turn = seen.runs % 2
            command = _command(work, maps[turn], path, chance.choice((1, 2)))
            _torture(
                command, path, wanted[turn], wanted[1 - turn], whole_s, chance, seen, arguments
            )
    print(
        f"{seen.kills} kills over {seen.runs} packings of {_FLIGHTS * arguments.frames} frames: "
        f"{seen.old} times the old file was left, {seen.new} times the new one was there already, "
        "each verified frame by frame; no process was left behind, and each packing ended with the "
        f"content of an undisturbed one. {seen.resumed} packings used frames that killed runs "
        f"had left, {round(float(np.mean(seen.kept or [0])))} on average"
    )


def _torture(
    command: list[str],
    path: Path,
    new: str,
    old: str,
    waits: Iterator[float],
    seen: _Seen,
    most: int,
) -> None:
    """Pack until it is done, killing on the way."""
    while True:
        mark = uuid.uuid4().hex
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, _MARK: mark},
        )
        try:
            out, err = process.communicate(timeout=next(waits) if seen.kills < most else None)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            seen.kills += 1
            _check_nobody_left(mark)
            _check_file(path, new, old, seen)
            continue
        if process.returncode:
            raise SystemExit(f"packing failed by itself: {err[-500:]}")
        seen.runs += 1
        if kept := re.search(r"(\d+) were kept of a run that was stopped", out):
            seen.resumed += 1
            seen.kept.append(int(kept[1]))
        if Dataset(path).content_hash != new or not verify_dataset(path).is_sound:
            raise SystemExit("a packing that ended by itself has other content than an undisturbed")
        beside = [p.name for p in path.parent.iterdir() if p != path]
        if beside:
            raise SystemExit(f"left beside a whole file: {', '.join(beside)}")
        return


def _check_file(path: Path, new: str, old: str, seen: _Seen) -> None:
    """Hold the file against the only two that it may be."""
    report = verify_dataset(path)
    if not report.is_sound:
        raise SystemExit(f"after {seen.kills} kills: {report.findings[0].message}")
    if report.content_hash not in (new, old):
        raise SystemExit(f"after {seen.kills} kills the file holds something else")
    seen.new += report.content_hash == new
    seen.old += report.content_hash == old


def _check_nobody_left(mark: str) -> None:
    """Wait until no process is left that a killed run had started."""
    deadline = time.monotonic() + 20
    wanted = f"{_MARK}={mark}".encode()
    while time.monotonic() < deadline:
        if not any(wanted in _environment(folder) for folder in Path("/proc").glob("[0-9]*")):
            return
        time.sleep(0.1)
    raise SystemExit("a killed run left processes behind")


def _environment(folder: Path) -> bytes:
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""


def _command(work: Path, label_map: str, out: Path, jobs: int) -> list[str]:
    split = ["--split", "val=flight2", "--split", "test=flight3"]
    options = ["--map", label_map, "--out", str(out), "--overwrite", "--jobs", str(jobs)]
    return [sys.executable, "-m", "airseg", "relabel", str(work / "flights"), *options, *split]


def _write_flight(folder: Path, number: int, frames: int) -> None:
    """Record made-up frames: coloured blocks of four meshes, with noise."""
    plan = FlightPlan.model_validate(
        {"description": "made up", "start": {"position": (0, 0, -2)}, "depth": False}
        | {"waypoints": [{"position": (9, 0, -2)}]}
    )
    info = RecordingInfo(
        sequence=f"flight{number}",
        plan=plan.model_dump(mode="json"),
        plan_fingerprint=plan.fingerprint(),
        mode="pose",
        rate_hz=25.0,
        camera={"width": _WIDTH, "height": _HEIGHT, "fov_deg": 90.0},
        simulator={},
        environment="neighborhood",
        split="train",
        object_table=tuple(
            ObjectGroup(i, mesh, (f"{mesh}_1",), (i, 0, 0)) for i, mesh in enumerate(_MESHES, 1)
        ),
        status="recording",
        reason="",
        frames_planned=frames,
        airseg_version="0",
        has_depth=False,
    )
    with RecordingWriter(folder / info.sequence, info) as writer:
        for index in range(frames):
            random_numbers = np.random.default_rng([number, index])
            blocks = random_numbers.integers(1, 5, (_HEIGHT // 8, _WIDTH // 8), dtype=np.uint8)
            ids = np.kron(blocks, np.ones((8, 8), np.uint8))
            noise = random_numbers.integers(0, 40, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)
            time_ns = 40_000_000 * index
            pose = np.array([index, number, -2.0, 1, 0, 0, 0])
            rgb = (ids * 50)[..., None] + noise
            writer.add(Frame(10**18 + time_ns, time_ns, pose, np.zeros(3), rgb, ids, None))
        writer.finish("complete")


if __name__ == "__main__":
    main()
