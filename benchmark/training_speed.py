"""Supervised frames a second: our engine against a straightforward trainer of the founding kind.

The founding notebook forwards, for each frame it supervises, that frame and the N before it, in
fp32, from arrays in memory, and takes an optimiser step after 16 of them. Ours trains clips in
which N frames of context serve many supervised ones. Both train the same network on the same frames
of the same dataset, in turns, in one run.

    python benchmark/training_speed.py dataset.h5
    python benchmark/training_speed.py dataset.h5 --device cuda --height 480 --width 640
    python benchmark/training_speed.py dataset.h5 --quick
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from airseg.bench.frames import FrameStore
from airseg.bench.recipes.recipe import Recipe
from airseg.bench.speed.streaming_speed import describe_machine
from airseg.bench.training.engine import train
from airseg.bench.training.fabric import pick_device
from airseg.dataset.reading.reader import Dataset
from airseg.models import build_model

FOUNDING_CLIPS = 16


def main() -> None:
    """Measure both sides and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--device", help="cuda or cpu [default: cuda where there is one]")
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--depth", type=int, default=4, help="N, frames of context")
    parser.add_argument("--targets", type=int, default=32, help="supervised frames of our clips")
    parser.add_argument("--clips", type=int, default=1, help="our clips in a batch")
    parser.add_argument("--precision", default=None, help="of ours [default: bf16 on CUDA, fp32]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="128x96, one round")
    given = parser.parse_args()
    if given.quick:
        given.height, given.width, given.rounds = 96, 128, 1
    device = pick_device(given.device)
    with Dataset(given.dataset) as dataset:
        store = FrameStore(dataset, given.height, given.width)
        rates: dict[str, list[float]] = {"founding kind, fp32": [], "airseg": []}
        for turn in range(given.rounds):
            rates["founding kind, fp32"].append(founding(dataset, store, given, device))
            rates["airseg"].append(ours(dataset, store, given, device))
            print(f"round {turn + 1}: " + ", ".join(f"{k} {v[-1]:.2f}/s" for k, v in rates.items()))
    first, second = (statistics.median(v) for v in rates.values())
    print(
        f"\n{describe_machine(device)}; FANet-18, N = {given.depth}, {given.width}x{given.height}"
    )
    for name, values in rates.items():
        middle = statistics.median(values)
        print(
            f"  {name:22} {middle:8.2f} supervised frames/s ({min(values):.2f} to "
            f"{max(values):.2f})"
        )
    print(f"  {second / first:.2f} times as many")


def founding(
    dataset: Dataset, store: FrameStore, given: argparse.Namespace, device: torch.device
) -> float:
    """Return the supervised frames a second of a trainer as the founding notebook has it."""
    name = max(dataset.split("train"), key=lambda n: dataset.sequence(n).length)
    length = min(dataset.sequence(name).length, 200)
    rgb, labels = store.frames(name, range(length))
    frames = np.moveaxis(rgb, -1, 1).astype(np.float32) / 255
    truths = labels[:, 4::8, 4::8].astype(np.int64)
    model = build_model("fanet18", dataset.num_classes, tca_depth=given.depth).to(device).train()
    optimizer = torch.optim.Adam(model.parameters())
    random = np.random.default_rng(0)

    def step() -> None:
        optimizer.zero_grad()
        for _ in range(FOUNDING_CLIPS):
            target = int(random.integers(given.depth, length))
            clip = torch.from_numpy(frames[target - given.depth : target + 1])[None].to(device)
            truth = torch.from_numpy(truths[target])[None].to(device)
            logits, _ = model.coarse(clip)
            loss = functional.cross_entropy(logits[:, -1], truth, ignore_index=255)
            loss.backward()
            loss.item()  # the notebook adds it to a running value
        optimizer.step()

    step()
    _finish(device)
    began, steps = time.perf_counter(), 0
    while steps < 2 or (time.perf_counter() - began < 5 and not given.quick):
        step()
        steps += 1
    _finish(device)
    return steps * FOUNDING_CLIPS / (time.perf_counter() - began)


def ours(
    dataset: Dataset, store: FrameStore, given: argparse.Namespace, device: torch.device
) -> float:
    """Return the supervised frames a second of a training by `airseg bench run`."""
    on_gpu = device.type == "cuda"
    steps, warm_up = (4, 2) if given.quick else (43, 3) if on_gpu else (5, 1)
    recipe = Recipe.model_validate(
        {
            "name": "training-speed",
            "model": {"name": "fanet18", "options": {"tca_depth": given.depth}},
            "data": {
                "height": given.height,
                "width": given.width,
                "clips_per_batch": given.clips,
                "targets": given.targets,
                "max_context": given.depth,
                "flip": False,
                "photometric": 0,
            },
            "loss": {"resolution": "logits"},
            "train": {
                "steps": steps,
                "optimizer": "adam",
                "learning_rate": 0.001,
                "weight_decay": 0,
                "precision": given.precision or ("bf16" if on_gpu else "fp32"),
                "channels_last": True,
            },
        }
    )
    times: list[float] = []

    def note(what: str, done: int, total: int | None) -> None:
        _finish(device)
        times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        train(recipe, dataset, Path(folder) / "checkpoint.pt", device, note, store)
    counted = times[warm_up - 1 :]
    return (len(counted) - 1) * given.clips * given.targets / (counted[-1] - counted[0])


def _finish(device: torch.device) -> None:
    """Wait until the device has done what it was told to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
