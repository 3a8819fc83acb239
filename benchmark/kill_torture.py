"""Kill recorders and simulators at random, and compare what is left with an undisturbed run.

Each round starts `airseg record` anew and sends SIGKILL after a random while, to the recorder or to
one of the processes below it: its simulator, or a recorder or simulator of a fleet. After every
kill each recording must verify; when all are complete their files must be the same bytes as those
of a run that nobody disturbed. Then the next round begins.

Run it with: python benchmark/kill_torture.py [--kills 100] [--mode step] [--fleet 3]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from airseg.recording.stored.recording_verification import verify_recording
from airseg.recording.stored.storage import Recording, frame_file
from airseg.simulators.embedded.sensing.segmentation_ids import palette

_PLAN = """\
description: a short flight to be killed on
camera: {width: 64, height: 48}
start: {position: [0, 0, -3]}
waypoints:
  - {position: [12, 0, -3]}
"""
_PATIENCE_S = 300


def main() -> None:
    """Kill, compare, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--mode", choices=["pose", "step"], default="pose")
    parser.add_argument("--fleet", type=int, metavar="PLANS", help="as a fleet of two simulators")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        plans = [f"walk{number}" for number in range(arguments.fleet or 1)]
        for plan in plans:
            (work / f"{plan}.yaml").write_text(_PLAN)
        files = [str(work / f"{plan}.yaml") for plan in plans]
        fleet = {"plans": files, "simulators": [{"count": 2}]}
        (work / "fleet.yaml").write_text(json.dumps(fleet))
        lines = [f"{i}\t{[int(v) for v in c]}\n" for i, c in enumerate(palette())]
        (work / "palette.txt").write_text("".join(lines))
        what = ["--fleet", str(work / "fleet.yaml")] if arguments.fleet else [*files, "--embedded"]
        command = [sys.executable, "-m", "airseg", "record", *what, "--mode", arguments.mode]
        command += ["--palette", str(work / "palette.txt"), "--out"]
        began = time.monotonic()
        subprocess.run([*command, str(work / "whole")], check=True, capture_output=True)
        whole_s = time.monotonic() - began
        whole = [_contents(work / "whole" / plan) for plan in plans]
        kills = {"recorder": 0, "below it": 0}
        recordings = 0
        while sum(kills.values()) < arguments.kills:
            folders = [work / "killed" / plan for plan in plans]
            command_here = [*command, str(work / "killed")]
            whole_s = _torture(command_here, folders, kills, arguments.kills, whole_s, chance)
            if [_contents(folder) for folder in folders] != whole:
                raise SystemExit(f"round {recordings} differs from the undisturbed one")
            shutil.rmtree(work / "killed")
            recordings += 1
            print(f"{recordings} rounds, killed: {kills}", file=sys.stderr, flush=True)
    print(
        f"{arguments.mode}: {kills['recorder']} times the recorder and {kills['below it']} times a "
        f"process below it killed over {recordings} rounds of {sum(map(len, whole))} files: after "
        "each kill every frame verified, and each round ended with the bytes of the undisturbed one"
    )


def _torture(
    command: list[str],
    folders: list[Path],
    kills: dict[str, int],
    most: int,
    whole_s: float,
    chance: random.Random,
) -> float:
    """Record until all is complete, killing on the way; return how long a whole run takes now."""
    while True:
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # From before the first frame to after the last one.
        wait_s = chance.uniform(0.2 * whole_s, 1.05 * whole_s)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_s if sum(kills.values()) < most else None)
        if process.poll() is None:
            victim = chance.choice(("recorder", "below it"))
            others = _below(process.pid)
            if victim == "recorder" or others:
                os.kill(process.pid if victim == "recorder" else chance.choice(others), 9)
                kills[victim] += 1
            process.wait()
            _wait_for(others)  # recorders of a fleet that has gone end by themselves
        elif sum(kills.values()) < most:
            # The machine may be less busy than before; a wait that is too long hits nothing.
            whole_s = 0.5 * whole_s + 0.5 * (time.monotonic() - began)
        complete = 0
        for folder in folders:
            if (folder / "recording.json").exists():
                found = verify_recording(folder)
                if not found.is_sound:
                    raise SystemExit(f"after {kills}: {found.findings[0].message}")
                complete += found.status == "complete"
        if complete == len(folders):
            return whole_s


def _below(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that they have."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(stat[1])
    found = [pid]
    for one in found:  # grows meanwhile
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def _wait_for(pids: list[int]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while any(_is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise SystemExit("a killed run left processes behind")
        time.sleep(0.1)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _contents(folder: Path) -> list[bytes]:
    recording = Recording.open(folder)
    return [
        frame_file(folder, kind, index).read_bytes()
        for index in range(len(recording))
        for kind in recording.info.kinds
    ]


if __name__ == "__main__":
    main()
