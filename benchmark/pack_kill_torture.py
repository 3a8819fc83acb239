"""Kill packing at random moments: what is left is the old file or the new one, whole.

A few made-up flights are relabelled again and again into the same file, by two label maps in turn.
Each packing is a process of its own that gets SIGKILL after a random while, from before the first
frame to after the last, and is started again until it ends by itself. After every kill the file
must verify and hold either what it held before or what was to be written, and no process may be
left.
When a packing ends, the file must have the content of an undisturbed one, and nothing else may lie
beside it.

Run it with: python benchmark/pack_kill_torture.py [--kills 50] [--jobs 2]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from airseg.dataset.checking.dataset_verification import verify_dataset
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import PackOptions, pack
from airseg.flight.plan import FlightPlan
from airseg.labels.label_map import LabelMap, load_label_map
from airseg.recording.stored.frame_writer import Frame, RecordingWriter
from airseg.recording.stored.storage import ObjectGroup, RecordingInfo

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
_PATIENCE_S = 120  # a worker notices when it has started, which takes long on a busy machine


@dataclass
class _Seen:
    """What was counted.

    Attributes:
        wanted_kills: how many there shall be; chance: when.
        kills, packings: so far; found: files found after a kill.
        kept: frames that each finished packing had from killed ones.
        whole_s: how long a packing takes that nobody disturbs.
    """

    wanted_kills: int
    chance: random.Random
    kills: int = 0
    packings: int = 0
    found: Counter[str] = field(default_factory=Counter)
    kept: list[int] = field(default_factory=list)
    whole_s: float = 0.0


def main() -> None:
    """Kill, verify, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--frames", type=int, default=150, help="of each of the flights")
    parser.add_argument("--jobs", type=int, default=1, help="processes of each packing")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    seen = _Seen(arguments.kills, random.Random(arguments.seed))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for number in range(_FLIGHTS):
            _write_flight(work / "flights", number, arguments.frames)
        (work / "other.yaml").write_text(_OTHER_MAP)
        maps = [load_label_map("neighborhood"), load_label_map(work / "other.yaml")]
        wanted = [_pack(work, work / f"whole{n}.h5", m, 1) for n, m in enumerate(maps)]
        path = work / "out" / "d.h5"
        path.parent.mkdir()
        began = time.monotonic()
        _pack(work, path, maps[1], arguments.jobs)
        seen.whole_s = time.monotonic() - began
        while seen.kills < seen.wanted_kills:
            turn = seen.packings % 2
            job = partial(_pack, work, path, maps[turn], arguments.jobs)
            _torture(job, path, {"new": wanted[turn], "old": wanted[1 - turn]}, seen)
    print(
        f"{seen.kills} kills over {seen.packings} packings of {_FLIGHTS * arguments.frames} frames "
        f"by {arguments.jobs} processes: {seen.found['old']} times the old file was left, "
        f"{seen.found['new']} times the new one was there already, each verified frame by frame; "
        "nobody was left behind, and each packing ended with the content of an undisturbed one, "
        f"{sum(k > 0 for k in seen.kept)} of them with frames that killed ones had encoded "
        f"({sum(seen.kept)} frames in all)"
    )


def _pack(work: Path, path: Path, label_map: LabelMap, jobs: int) -> str:
    """Relabel the flights; return the content hash. How much was kept is told beside the file."""
    splits = ["val=flight2", "test=flight3"]
    items = prepare([work / "flights"], label_map, splits).items
    packed = pack(path, items, label_map, PackOptions(overwrite=True, jobs=jobs))
    (work / "kept").write_text(str(packed.kept_frames))
    return packed.content_hash


def _torture(job: Callable[[], str], path: Path, allowed: dict[str, str], seen: _Seen) -> None:
    """Pack until it is done, killing on the way."""
    while True:
        mark = uuid.uuid4().hex
        os.environ[_MARK] = mark  # workers, which are started anew, inherit it
        began = time.monotonic()
        process = multiprocessing.get_context("fork").Process(target=job)
        process.start()
        patience = seen.chance.uniform(0, 1.1 * seen.whole_s)
        process.join(patience if seen.kills < seen.wanted_kills else None)
        if process.is_alive():
            process.kill()
            process.join()
            seen.kills += 1
            _check_nobody_left(mark)
            seen.found[_check_file(path, allowed)] += 1
            if not seen.kills % 10:
                print(f"{seen.kills} kills", file=sys.stderr, flush=True)
            continue
        if process.exitcode:
            raise SystemExit("packing failed by itself")
        seen.packings += 1
        seen.kept.append(int((path.parents[1] / "kept").read_text()))
        if not seen.kept[-1]:
            seen.whole_s = time.monotonic() - began
        if _check_file(path, allowed) != "new":
            raise SystemExit("a packing that ended by itself left the old file")
        beside = [p.name for p in path.parent.iterdir() if p != path]
        if beside:
            raise SystemExit(f"left beside a whole file: {', '.join(beside)}")
        return


def _check_file(path: Path, allowed: dict[str, str]) -> str:
    """Verify the file; return which of the two it is that it may be."""
    report = verify_dataset(path)
    if not report.is_sound:
        raise SystemExit(report.findings[0].message)
    for name, content_hash in allowed.items():
        if report.content_hash == content_hash:
            return name
    raise SystemExit("the file holds neither what it held nor what was to be written")


def _check_nobody_left(mark: str) -> None:
    """Wait until no process is left that a killed run had started."""
    deadline = time.monotonic() + _PATIENCE_S
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
