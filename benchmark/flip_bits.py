"""Flip bits of a recording's files and of a dataset, and see that `verify` finds each that matters.

Of every file of a small recording bytes are changed, one at a time, and each change must be found.
Of a dataset a change must be found wherever a reader gets anything else, or is refused; others,
such as of bytes that no table points to, are counted.

Run it with: python benchmark/flip_bits.py [--each 60] [--seed 0] [--kinds dataset]
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from typing import Any

from input_fuzzer import KINDS

from airseg.dataset.checking.dataset_verification import verify_dataset
from airseg.dataset.reading.reader import Dataset
from airseg.errors import AirsegError
from airseg.recording.stored.recording_verification import verify_recording


def main() -> None:
    """Flip, verify, and print what was found; exit with 1 if anything was not."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--each", type=int, default=60, help="flips of each file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=["recording", "dataset"], metavar="KIND")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as work:
        flight, made = Path(work) / "flight", Path(work) / "made"
        flight.mkdir()
        made.mkdir()
        (recording,) = KINDS["recordings"].make(flight)
        (dataset,) = KINDS["datasets"].make(made)
        if "recording" in arguments.kinds:
            _flip_recording(recording, arguments.each, chance)
        if "dataset" in arguments.kinds:
            _flip_dataset(dataset, arguments.each, chance)


def _flip_recording(folder: Path, each: int, chance: random.Random) -> None:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    for path in files:
        whole, found = path.read_bytes(), 0
        for _ in range(each):
            path.write_bytes(_flipped(whole, chance))
            found += not _is_sound(lambda: verify_recording(folder))
        path.write_bytes(whole)
        name = path.relative_to(folder)
        print(f"{name}: {found} of {each} found", flush=True)
        if found < each:
            raise SystemExit(f"{name}: {each - found} flips are not found")
    if not _is_sound(lambda: verify_recording(folder)):
        raise SystemExit("the recording is not what it was")


def _flip_dataset(path: Path, each: int, chance: random.Random) -> None:
    """Flip until as many flips mattered as are wanted."""
    whole, expected = path.read_bytes(), _all_that_is_read(path)
    counts = {"found": 0, "of no matter": 0}
    while counts["found"] < each:
        path.write_bytes(_flipped(whole, chance))
        if not _is_sound(lambda: verify_dataset(path)):
            counts["found"] += 1
        elif (seen := _seen_by_a_reader(path)) == expected:
            counts["of no matter"] += 1
        else:
            wrong = "is read as something else" if isinstance(seen, list) else f"is refused: {seen}"
            raise SystemExit(f"a dataset that verify calls sound {wrong}")
    print(
        f"{path.name}: {counts['found']} found, {counts['of no matter']} change nothing, 0 missed"
    )


def _flipped(whole: bytes, chance: random.Random) -> bytes:
    spoiled = bytearray(whole)
    spoiled[chance.randrange(len(whole))] ^= chance.choice((1 << chance.randrange(8), 0xFF))
    return bytes(spoiled)


def _is_sound(verify: Any) -> bool:
    try:
        return verify().is_sound
    except AirsegError:
        return False


def _seen_by_a_reader(path: Path) -> list[Any] | str:
    """Return everything that a reader gets, or what it is told where it is refused."""
    try:
        return _all_that_is_read(path)
    except AirsegError as refusal:
        return str(refusal)


def _all_that_is_read(path: Path) -> list[Any]:
    """Return everything that a reader gets of a dataset."""
    # Closed at once: HDF5 would hand what it keeps of an open file to whoever opens it next.
    with Dataset(path, check=True) as dataset:
        told: list[Any] = [dataset.class_names, dataset.label_map_text, dataset.history]
        for view in dataset:
            told += [view.name, view.split, view.environment, view.details, view.object_table]
            told += [view.poses.tolist(), view.timestamps_ns.tolist()]
            for stream in ("rgb", "label", "raw_label", "depth"):
                told.append(getattr(view, stream)(0, len(view)).tobytes())
    return told


if __name__ == "__main__":
    main()
