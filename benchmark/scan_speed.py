"""How fast is TV3S's scan: compiled, against the same scan in plain PyTorch?

    python benchmark/scan_speed.py [--frames 4] [--rounds 5] [--threads 2] [--out scan.json]

A layer's windows at 640x480, an unshifted one's and a shifted one's, of 512 channels with 16
states, the way there alone and there and back. Both scans get the same tensors in turns; shown are
medians, the ratio, and the largest difference, as a share of the largest value. On CUDA where there
is one. Then a whole network streams with either scan.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from airseg.bench.speed.machine import describe_machine, inspect_machine
from airseg.models import build_model, selective_scan
from airseg.models.mamba import windows
from airseg.models.scan_layout import Sequences

CHANNELS, STATES = 512, 16
_GAP = 3


def main() -> None:
    """Measure both scans, and a network with each."""
    arguments = parse()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{arguments.width}x{arguments.height}, {describe_machine(device)}")
    print("what                        plain ms  compiled ms   times  difference")
    rows = []
    for shift in (0, arguments.window // 2):
        for back in (False, True):
            rows.append(compare_scans(arguments, shift, device, back=back))
            show(rows[-1])
    rows.append(compare_networks(arguments, device))
    show(rows[-1])
    if arguments.out:
        facts = asdict(inspect_machine(device))
        size = (arguments.height, arguments.width)
        content = {"machine": facts, "size": size, "rounds": arguments.rounds, "rows": rows}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def parse() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1, help="scanned at once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--window", type=int, default=20)
    parser.add_argument("--encoder", default="b1")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def compare_scans(
    arguments: argparse.Namespace, shift: int, device: torch.device, *, back: bool
) -> dict[str, float | str]:
    """Return medians of both scans of one layer's windows."""
    window = arguments.window
    sides = [-(-side // 8 // window) * window for side in (arguments.height, arguments.width)]
    runs = tuple(
        ((bottom - top) // high * ((right - left) // wide), arguments.frames * high * wide)
        for top, bottom, high in windows(sides[0], window, shift)
        for left, right, wide in windows(sides[1], window, shift)
    )
    sequences = Sequences.of(runs, _GAP, device)
    tensors = problem(sequences, device)
    given = [t.requires_grad_(back) for t in tensors]

    def run() -> list[Tensor]:
        u, dt, a, b, c, skip, state = given
        results = selective_scan.selective_scan(u, dt, a, b, c, skip, state, sequences=sequences)
        if not back:
            return list(results)
        return list(torch.autograd.grad([r.sum() for r in results], given))

    what = f"{'shifted' if shift else 'unshifted'} layer{', there and back' if back else ''}"
    return {"what": what} | compare(run, arguments.rounds, device)


def problem(sequences: Sequences, device: torch.device) -> list[Tensor]:
    """Return a scan's arguments: as large as a network's, of numbers at random."""
    generator = torch.Generator().manual_seed(0)
    rows = int(sequences.starts[-1]) - sequences.gap
    u = torch.randn(1, rows, CHANNELS, generator=generator)
    dt = 0.1 * torch.rand(1, rows, CHANNELS, generator=generator)
    b, c = (torch.randn(1, rows, STATES, generator=generator) for _ in range(2))
    a = -torch.arange(1, STATES + 1, dtype=torch.float32).repeat(CHANNELS, 1)
    state = torch.zeros(len(sequences.starts) - 1, CHANNELS, STATES)
    return [t.to(device) for t in (u, dt, a, b, c, torch.ones(CHANNELS), state)]


def compare_networks(arguments: argparse.Namespace, device: torch.device) -> dict[str, float | str]:
    """Return medians of a network that streams, with either scan."""
    torch.manual_seed(0)
    model = build_model("tv3s", 11, encoder=arguments.encoder).eval().to(device)
    frame = torch.rand(1, 1, 3, arguments.height, arguments.width, device=device)
    with torch.inference_mode():
        _, memory = model.coarse(frame)

        def run() -> list[Tensor]:
            with torch.inference_mode():
                return [model.coarse(frame, memory)[0]]

        what = f"TV3S-{arguments.encoder.upper()}, a frame"
        return {"what": what} | compare(run, arguments.rounds, device)


def compare(run: Callable[[], list[Tensor]], rounds: int, device: torch.device) -> dict[str, float]:
    """Return medians of plain and compiled in turns, their ratio and their difference."""

    def plainly() -> list[Tensor]:
        with patch.object(selective_scan, "_has_kernel", lambda u, a: False):
            return run()

    times: dict[str, list[float]] = {"plain_ms": [], "compiled_ms": []}
    expected, found = plainly(), run()  # warm up
    for _ in range(rounds):
        times["plain_ms"].append(milliseconds(plainly, device))
        times["compiled_ms"].append(milliseconds(run, device))
    pairs = zip(expected, found, strict=True)
    difference = max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)
    medians = {name: float(np.median(t)) for name, t in times.items()}
    ratio = float(np.median(np.divide(times["plain_ms"], times["compiled_ms"])))
    return medians | {"times": ratio, "difference": difference}


def milliseconds(run: Callable[[], object], device: torch.device) -> float:
    """Return the time of one run."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1e3


def show(row: dict[str, float | str]) -> None:
    """Print a row of the table."""
    print(
        f"{row['what']:26s} {row['plain_ms']:9.2f} {row['compiled_ms']:12.2f} "
        f"{row['times']:7.1f} {row['difference']:11.1e}",
        flush=True,
    )


if __name__ == "__main__":
    main()
