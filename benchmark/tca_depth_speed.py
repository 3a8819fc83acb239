"""Does temporal context cost time? Stream FANet-18 with several depths N in one run.

    python benchmark/tca_depth_speed.py [--rounds 20] [--height 480] [--width 640]

One frame of every depth in turn, so that whatever else the machine does meets all alike. Prints the
median latency of a frame, its ratio to N = 0, and the memory of a stream.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from airseg.models import build_model

DEPTHS = (0, 2, 4, 6, 16)
WARM_UP = max(DEPTHS) + 1


def main() -> None:
    """Time every depth and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=640)
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    models = {n: build_model("fanet18", 11, tca_depth=n).eval().to(device) for n in DEPTHS}
    frame = torch.rand(1, 1, 3, arguments.height, arguments.width, device=device)
    memories = dict.fromkeys(DEPTHS)
    times: dict[int, list[float]] = {n: [] for n in DEPTHS}
    with torch.inference_mode():
        for turn in range(WARM_UP + arguments.rounds):
            for depth, model in models.items():
                began = time.perf_counter()
                _, memories[depth] = model.coarse(frame, memories[depth])
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                if turn >= WARM_UP:
                    times[depth].append((time.perf_counter() - began) * 1e3)
    base = np.median(times[0])
    print(f"FANet-18, {arguments.width}x{arguments.height}, {device}, {arguments.rounds} frames")
    print("  N   median ms   ratio to N=0   memory of a stream, KB")
    for depth in DEPTHS:
        median = np.median(times[depth])
        kilobytes = models[depth].memory_bytes(arguments.height, arguments.width) / 1e3
        print(f"{depth:3d}  {median:10.1f}  {median / base:13.3f}  {kilobytes:23.1f}")


if __name__ == "__main__":
    main()
