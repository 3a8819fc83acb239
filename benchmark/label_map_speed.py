"""How fast do coarse logits become a label map: in two steps of PyTorch's, and as airseg does it?

    python benchmark/label_map_speed.py [--networks fanet18,espnet] [--threads 2] [--out maps.json]

The logits are a network's own, of one frame and in the strides with which they leave it, in both
memory layouts. Both ways take turns; shown are medians over the rounds, the ratio, and how many of
the frame's pixels get another class: those whose two best logits differ by less than rounding.
Random weights: speed does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from airseg.bench.speed.machine import describe_machine, inspect_machine
from airseg.models import build_model
from airseg.models.label_maps import label_map

CLASSES = 11
NETWORKS = "fanet18,dff_resnet50,ma_resnet50,segformer,espnet,lraspp_mobilenet"
_REPEATS = 5


def main() -> None:
    """Measure every network's logits, and print a table."""
    arguments = parse()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    size = (arguments.height, arguments.width)
    print(f"{size[1]}x{size[0]}, {CLASSES} classes, {describe_machine(device)}")
    print("network              layout          two steps ms  label_map ms   times  other classes")
    rows = []
    for name in arguments.networks.split(","):
        for layout in ("as it is", "channels last"):
            logits = logits_of(name, size, device, channels_last=layout == "channels last")
            row = {"network": name, "layout": layout} | compare(logits, size, arguments.rounds)
            rows.append(row)
            print(
                f"{name:20s} {layout:14s} {row['two_steps_ms']:13.2f} {row['label_map_ms']:13.2f} "
                f"{row['times']:7.1f} {row['other_classes']:14d}",
                flush=True,
            )
    if arguments.out:
        facts = asdict(inspect_machine(device))
        content = {"machine": facts, "size": size, "rounds": arguments.rounds, "rows": rows}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=NETWORKS, help="separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def logits_of(
    name: str, size: tuple[int, int], device: torch.device, *, channels_last: bool
) -> Tensor:
    """Return (1, 1, C, h, w) logits of a frame of noise."""
    torch.manual_seed(0)
    model = build_model(name, CLASSES).eval().to(device)
    frame = torch.rand(1, *size, 3, device=device).permute(0, 3, 1, 2)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    else:
        frame = frame.contiguous()
    with torch.inference_mode():
        return model.coarse(frame[:, None])[0]


def two_steps(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the label map as it is usually made."""
    flat = logits.flatten(0, 1)
    if tuple(flat.shape[-2:]) != size:
        flat = functional.interpolate(flat, size, mode="bilinear", align_corners=True)
    return flat.argmax(1).to(torch.uint8)


def compare(logits: Tensor, size: tuple[int, int], rounds: int) -> dict[str, float]:
    """Return medians of both ways that take turns, and where their classes differ."""
    ways: dict[str, Callable[[], Tensor]] = {
        "two_steps_ms": lambda: two_steps(logits, size),
        "label_map_ms": lambda: label_map(logits, size)[0],
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    with torch.inference_mode():
        found = [way() for way in ways.values()]  # warm up
        for _ in range(rounds):
            for name, way in ways.items():
                times[name].append(milliseconds(way, logits.device))
    medians = {name: float(np.median(t)) for name, t in times.items()}
    ratios = np.divide(times["two_steps_ms"], times["label_map_ms"])
    other = int((found[0] != found[1]).sum())
    return medians | {"times": float(np.median(ratios)), "other_classes": other}


def milliseconds(way: Callable[[], Tensor], device: torch.device) -> float:
    """Return the mean time of a few runs."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(_REPEATS):
        way()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1e3 / _REPEATS


if __name__ == "__main__":
    main()
