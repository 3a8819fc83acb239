"""How fast does FANet-18 stream: eager fp32 against the best way, and N = 6 against N = 0?

    python benchmark/inference_speed.py [--frames 200] [--modes eager,graph] [--quick] [--threads 2]
        [--out speed.json]

All ways take turns, a few frames each, so that whatever else the machine does meets all alike. The
best way is looked for first: of what the device has, that with the most frames a second to a label
map. `--quick` looks among eager ways only and takes few frames. Random weights: speed does not
depend on them. Prints the median latency of a frame to logits and to a label map, and the ratios.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from airseg.bench.speed.machine import describe_machine, inspect_machine
from airseg.bench.speed.settings import BASE, Setting, settings_of
from airseg.bench.speed.speed_bench import SpeedBench, default_ways
from airseg.bench.speed.speed_study import fastest
from airseg.bench.speed.streams import Stream
from airseg.bench.speed.timing import time_stream
from airseg.models import build_model

CLASSES = 11
DEPTHS = (0, 6)
_TURN = 5


def main() -> None:
    """Find the best way, time all in turns, and print a table."""
    arguments = parse()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    size = (arguments.height, arguments.width)
    models = {n: build_model("fanet18", CLASSES, tca_depth=n).eval().to(device) for n in DEPTHS}
    modes = arguments.modes.split(",") if arguments.modes else None
    best = find_best(models[0], size, device, modes, quick=arguments.quick)
    ways = {
        (n, name, output): Stream(models[n], replace(setting, output=output), *size, device)
        for n in DEPTHS
        for name, setting in (("eager fp32", BASE), ("best", best))
        for output in ("logits", "labels")
    }
    times = take_turns(ways, device, 10 if arguments.quick else arguments.frames)
    medians = {way: float(np.median(t)) for way, t in times.items()}
    print(f"FANet-18, {size[1]}x{size[0]}, {describe_machine(device)}")
    print(f"best way: {describe(best)}")
    print("  N  way          logits ms   label map ms")
    for n in DEPTHS:
        for name in ("eager fp32", "best"):
            shown = [f"{medians[n, name, output]:12.2f}" for output in ("logits", "labels")]
            print(f"{n:3d}  {name:10s} {shown[0]}   {shown[1]}")
    for output in ("logits", "labels"):
        gain = medians[0, "eager fp32", output] / medians[0, "best", output]
        costs = [paired_ratio(times, name, output) for name in ("eager fp32", "best")]
        print(
            f"{output}: best is {gain:.2f} times as fast as eager fp32; N=6 takes {costs[0]:.3f} "
            f"of N=0's time eager, {costs[1]:.3f} in the best way"
        )
    if arguments.out:
        rows = [
            {"depth": n, "way": way, "output": output, "median_ms": value}
            for (n, way, output), value in medians.items()
        ]
        facts = asdict(inspect_machine(device))
        content = {"machine": facts, "best": asdict(best), "size": size, "rows": rows}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200, help="of each way")
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--modes", help="to look among, by commas [default: all of the device]")
    parser.add_argument("--quick", action="store_true", help="eager ways only, few frames")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def find_best(
    model: torch.nn.Module,
    size: tuple[int, int],
    device: torch.device,
    modes: list[str] | None,
    *,
    quick: bool,
) -> Setting:
    """Return the way with the most frames a second to a label map."""
    all_modes, precisions = default_ways(device)
    modes = ["eager"] if quick else modes or all_modes
    layouts = (False, True) if device.type == "cuda" else (False,)
    bench = SpeedBench(model, *size, device, frames=5 if quick else 30)
    found = []
    for setting in settings_of(modes, precisions, (False, True), layouts):
        measured = bench.measure(setting)
        found.append(measured)
        speed = f"{measured.frames_per_second:.1f} FPS" if not measured.problem else ""
        print(f"  {describe(setting):42s} {speed or measured.problem}", flush=True)
    return fastest(found).setting


def take_turns(
    ways: dict[tuple[int, str, str], Stream], device: torch.device, frames: int
) -> dict[tuple[int, str, str], np.ndarray]:
    """Return (F,) milliseconds of each way, measured a few frames at a time in turn."""
    times: dict[tuple[int, str, str], list[np.ndarray]] = {way: [] for way in ways}
    for stream in ways.values():
        time_stream(stream.step, device, 1)  # warm up
    for _ in range(-(-frames // _TURN)):
        for way, stream in ways.items():
            timing = time_stream(stream.step, device, _TURN, longest_warm_up_s=0.0)
            times[way].append(timing.milliseconds)
    return {way: np.concatenate(found) for way, found in times.items()}


def paired_ratio(times: dict[tuple[int, str, str], np.ndarray], way: str, output: str) -> float:
    """Return the median, over turns, of N = 6's time by N = 0's in the same turn."""
    first, last = (
        np.median(times[n, way, output].reshape(-1, _TURN), axis=1) for n in (DEPTHS[0], DEPTHS[-1])
    )
    return float(np.median(last / first))


def describe(setting: Setting) -> str:
    """Return a way in words."""
    parts = [setting.mode, setting.precision]
    parts += ["BN folded"] * setting.folded + ["channels last"] * setting.channels_last
    return " ".join(parts)


if __name__ == "__main__":
    main()
