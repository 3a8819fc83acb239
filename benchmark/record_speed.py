"""Measure `airseg record` against a bare loop of the official client that throws images away.

All sides talk to the same embedded server in the same run, in turns. The recorder sets poses,
advances time, checks every image, decodes ids, and writes PNG files. The loop calls `simGetImages`
for the same images and drops what comes: once of a world that stands still, where the simulator
has no traffic to move and no shadows to draw anew, and once as it must to get a flight: it lets
40 ms pass and sets the next pose before each frame.

With `--orders`, what exactness costs: the recorder's order of calls beside the plain one, a step, a
pose and images without any check, in turns, on both clocks.

Run it with: python benchmark/record_speed.py [--official .venv-airsim/bin/python] [--frames 60]
    [--out record.json]
or: python benchmark/record_speed.py --orders
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from airseg.bench.speed.machine import describe_machine
from airseg.flight.plan import FlightPlan, load_plan
from airseg.recording.embedded_process import EmbeddedProcess
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.flights import PoseFlight
from airseg.recording.flying.mesh_ids import Palette
from airseg.recording.flying.mounting import as_pose
from airseg.recording.flying.placement import Poses
from airseg.recording.flying.pose_check import PoseCheck
from airseg.recording.flying.recorder import Recorder
from airseg.recording.flying.stepping import Stepper
from airseg.recording.stored import frame_writer as writer_module
from airseg.recording.stored.storage import Recording
from airseg.simulators.client import SimulatorClient

_LOOP = """
import sys, time, airsim
port, frames, depth = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "depth"
moving = sys.argv[4] == "moving"
client = airsim.MultirotorClient(port=port)
client.ping()
requests = [airsim.ImageRequest("0", airsim.ImageType.Scene, False, False),
            airsim.ImageRequest("0", airsim.ImageType.Segmentation, False, False)]
if depth:
    requests.append(airsim.ImageRequest("0", airsim.ImageType.DepthPlanar, True, False))
client.simPause(True)
client.simGetImages(requests)
began = time.perf_counter()
for i in range(frames):
    if moving:
        client.simContinueForTime(0.04)
        pose = airsim.Pose(airsim.Vector3r(0.1 * i, 0, -2), airsim.Quaternionr())
        client.simSetVehiclePose(pose, True)
    client.simGetImages(requests)
print(frames / (time.perf_counter() - began))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--official", type=Path, default=Path(".venv-airsim/bin/python"))
    parser.add_argument("--plan", default="loop_walk")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--orders", action="store_true")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    _, plan = load_plan(arguments.plan)
    print(
        f"{arguments.plan}, {arguments.frames} frames of {plan.camera.width}x{plan.camera.height}, "
        f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.1f}; median of "
        f"{arguments.repeats}"
    )
    if arguments.orders:
        for clock in ("simulated", "airsim"):
            _compare_orders(clock, plan, arguments)
        return
    with (
        EmbeddedProcess(plan, plan.environment, 0) as process,
        tempfile.TemporaryDirectory() as work,
    ):
        palette = _measured_palette(process.port, plan, Path(work))
        rows = [
            row
            for has_depth in (True, False)
            for row in _compare(process.port, plan, palette, Path(work), arguments, has_depth)
        ]
    if arguments.out:
        content = {"machine": describe_machine(torch.device("cpu")), "rows": rows}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _compare_orders(clock: str, plan: FlightPlan, arguments: argparse.Namespace) -> None:
    """Print frames a second of the exact order of calls and of the plain one."""
    rates: dict[str, list[float]] = {"exact": [], "plain": []}
    with (
        EmbeddedProcess(plan, plan.environment, 0, clock) as process,
        tempfile.TemporaryDirectory() as work,
    ):
        palette = _measured_palette(process.port, plan, Path(work))
        for turn in range(arguments.repeats):
            for order, found in rates.items():
                with _plain_order() if order == "plain" else contextlib.nullcontext():
                    folder = Path(work) / f"{order}{turn}"
                    frames = arguments.frames
                    found.append(_record(process.port, plan, palette, folder, frames, Counter()))
    exact, plain = (statistics.median(found) for found in rates.values())
    print(
        f"clock {clock}: {exact:.1f} frames/s exact, {plain:.1f} plain; exactness costs "
        f"{1 - exact / plain:.1%}"
    )


class _PoseAlone:
    """How poses were set before: at once, and nobody looked."""

    name = "pose alone"

    def __init__(self, client: Any) -> None:
        self._client = client

    def place(self, poses: Poses, *, tick: bool = True) -> None:
        for pose in poses.values():
            self._client.simSetVehiclePose(as_pose(pose), True)


@contextlib.contextmanager
def _plain_order() -> Iterator[None]:
    """Let the recorder step once, set the pose, and take the images, whatever they show."""

    def begin(flight: Any) -> None:
        flight.placement = _PoseAlone(flight._client)
        flight.placement.place(flight._poses_of(0))
        flight.stepper.begin(0)

    def advance_to(stepper: Any, frame: int) -> None:
        stepper._continue(stepper._step_ns)

    with (
        patch.object(PoseFlight, "begin", begin),
        patch.object(Stepper, "advance_to", advance_to),
        patch.object(PoseCheck, "is_off", lambda *what: False),
        patch.object(PoseCheck, "check", lambda *what: None),
    ):
        yield


def _compare(
    port: int,
    plan: FlightPlan,
    palette: Palette,
    work: Path,
    arguments: argparse.Namespace,
    has_depth: bool,
) -> list[dict[str, Any]]:
    """Print and return frames a second of the recorder and of both loops, which take turns."""
    wanted = plan.model_copy(update={"depth": has_depth})
    loops: dict[str, list[float]] = {"still": [], "moving": []}
    records, spent = [], Counter()
    for turn in range(arguments.repeats):
        for world, found in loops.items():
            loop = _bare_loop(arguments.official, port, arguments.frames, has_depth, world)
            found.append(loop)
        folder = work / f"{has_depth}{turn}"
        records.append(_record(port, wanted, palette, folder, arguments.frames, spent))
    images = "colour, segmentation, depth" if has_depth else "colour, segmentation"
    ours = statistics.median(records)
    print(f"\n{images}:")
    print(f"  airseg record, PNG on disk              {ours:6.1f} frames/s")
    rows = [{"images": images, "way": "airseg record", "frames_per_second": ours}]
    for world, found in loops.items():
        rate = statistics.median(found)
        way = f"official client, none kept, {world}"
        rows.append({"images": images, "way": way, "frames_per_second": rate})
        rows[-1]["record_to_it"] = ours / rate
        print(f"  official client, none kept, {world:6} {rate:9.1f} frames/s: {ours / rate:.2f}")
    total = arguments.repeats * arguments.frames
    parts = "  ".join(f"{name} {1000 * s / total:.1f}" for name, s in spent.most_common(6))
    print(f"  ms a frame, beside each other:  {parts}")
    return rows


def _bare_loop(python: Path, port: int, frames: int, has_depth: bool, world: str) -> float:
    depth = "depth" if has_depth else "none"
    # Its pure-Python decoder needs seconds for a depth image; a frame or two are enough.
    count = max(frames // 30, 2) if has_depth else frames
    command = [str(python), "-c", _LOOP, str(port), str(count), depth, world]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _measured_palette(port: int, plan: FlightPlan, work: Path) -> Palette:
    with SimulatorClient(port=port) as client:
        client.confirmConnection()
        options = RecordOptions(max_frames=2)
        done = Recorder(client, options, lambda *told: None).record("p", plan, work / "p")
    table = Recording.open(done.folder).object_table
    return Palette({0: (0, 0, 0), **{g.id: g.color for g in table}})


def _record(
    port: int, plan: FlightPlan, palette: Palette, folder: Path, frames: int, spent: Counter[str]
) -> float:
    """Record, and return frames a second from the first frame to the last on disk."""
    marks: list[float] = []

    def progress(what: str, done: int, total: int | None) -> None:
        marks.append(time.perf_counter())

    encode = writer_module.RecordingWriter._encode

    def timed(self: Any, index: int, frame: Any) -> str:
        began = time.perf_counter()
        line = encode(self, index, frame)
        spent["encoding and writing"] += time.perf_counter() - began
        return line

    with SimulatorClient(port=port) as client:
        client.confirmConnection()
        call = client.call

        def timed_call(method: str, *rest: Any, **more: Any) -> Any:
            began = time.perf_counter()
            answer = call(method, *rest, **more)
            if marks:
                spent[method] += time.perf_counter() - began
            return answer

        client.call = timed_call  # type: ignore[method-assign]
        writer_module.RecordingWriter._encode = timed  # type: ignore[method-assign]
        try:
            options = RecordOptions(max_frames=frames, palette=palette)
            Recorder(client, options, progress).record("walk", plan, folder)
        finally:
            writer_module.RecordingWriter._encode = encode  # type: ignore[method-assign]
    info = json.loads((folder / "recording.json").read_text())
    if info["status"] != "complete":
        raise SystemExit("the recording is not complete")
    return (len(marks) - 1) / (marks[-1] - marks[0])


if __name__ == "__main__":
    main()
