"""Kill recorders and simulators at random, and compare what is left with an undisturbed run.

Each round starts `airseg record` anew and sends SIGKILL after a random while, to the recorder or to
the simulator. After every kill the recording must verify; when it is complete its files must be the
same bytes as those of a run that nobody disturbed. Then the next recording begins.

Run it with: python benchmark/kill_torture.py [--kills 100]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
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


def main() -> None:
    """Kill, compare, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "walk.yaml").write_text(_PLAN)
        lines = [f"{i}\t{[int(v) for v in c]}\n" for i, c in enumerate(palette())]
        (work / "palette.txt").write_text("".join(lines))
        began = time.monotonic()
        subprocess.run(_command(work, "whole"), check=True, capture_output=True)
        whole_s = time.monotonic() - began
        whole = _contents(work / "whole" / "walk")
        kills = {"recorder": 0, "simulator": 0}
        recordings = 0
        while sum(kills.values()) < arguments.kills:
            whole_s = _torture(work, kills, arguments.kills, whole_s, chance)
            if _contents(work / "killed" / "walk") != whole:
                raise SystemExit(f"recording {recordings} differs from the undisturbed one")
            shutil.rmtree(work / "killed")
            recordings += 1
            print(f"{recordings} recordings, killed: {kills}", file=sys.stderr)
    print(
        f"{kills['recorder']} recorders and {kills['simulator']} simulators killed over "
        f"{recordings} recordings of {len(whole)} files: after each kill every frame verified, and "
        "each recording ended with the bytes of the undisturbed one"
    )


def _torture(
    work: Path, kills: dict[str, int], most: int, whole_s: float, chance: random.Random
) -> float:
    """Record until it is complete, killing on the way; return how long a whole run takes now."""
    folder = work / "killed" / "walk"
    while True:
        began = time.monotonic()
        process = subprocess.Popen(
            _command(work, "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # From before the first frame to after the last one.
        wait_s = chance.uniform(0.2 * whole_s, 1.05 * whole_s)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_s if sum(kills.values()) < most else None)
        if process.poll() is None:
            victim = chance.choice(("recorder", "simulator"))
            if _kill(process, victim):
                kills[victim] += 1
            process.wait()
        elif sum(kills.values()) < most:
            # The machine may be less busy than before; a wait that is too long hits nothing.
            whole_s = 0.5 * whole_s + 0.5 * (time.monotonic() - began)
        if (folder / "recording.json").exists():
            found = verify_recording(folder)
            if not found.is_sound:
                raise SystemExit(f"after {kills}: {found.findings[0].message}")
            if found.status == "complete":
                return whole_s


def _kill(process: subprocess.Popen[bytes], victim: str) -> bool:
    """Send SIGKILL; return whether there was somebody to send it to."""
    if victim == "recorder":
        process.kill()
        return True
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    return bool(children)


def _command(work: Path, out: str) -> list[str]:
    arguments = [str(work / "walk.yaml"), "--embedded", "--out", str(work / out)]
    palette_file = ["--palette", str(work / "palette.txt")]
    return [sys.executable, "-m", "airseg", "record", *arguments, *palette_file]


def _contents(folder: Path) -> list[bytes]:
    recording = Recording.open(folder)
    return [
        frame_file(folder, kind, index).read_bytes()
        for index in range(len(recording))
        for kind in recording.info.kinds
    ]


if __name__ == "__main__":
    main()
