"""Measure how fast random clips are read, against other ways to keep the same frames.

A clip is 5 consecutive frames of 640x480 with their labels, as arrays of its own. The ways:

- memmap: colour and labels as bare .npy files under `np.memmap`, the limit of what a file can give,
- airseg, by codec: `airseg.dataset.Dataset`,
- PNG: a folder of PNG files read with OpenCV,
- RAM: X.npy and Y.npy loaded whole, as the founding trainer did,
- and batches: `ClipLoader` with worker processes, beside a torch `DataLoader` over the memmap.

Each way is measured in fresh processes, one and two at a time, with the files in the page cache
(warm) and thrown out of it (cold: the limit is then the disk). Peak memory is what a process
allocates (`RssAnon`), and what the system counts with the pages of mapped files (`VmHWM`).

Run it with: python benchmark/loader_speed.py --dataset dataset.h5 [--frames 600] [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

CLIP = 5
BATCH = 8
WAYS = ("memmap", "none", "lz4", "zstd", "gzip", "png", "ram")
BATCHES = ("torch-memmap", "loader-none", "loader-lz4")


def main() -> None:
    """Prepare the files, measure every way in processes of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", type=Path, required=True, help="where frames come from")
    parser.add_argument("--frames", type=int, default=600, help="frames to keep in each form")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each warm measurement")
    parser.add_argument("--repeats", type=int, default=3, help="of which the best counts")
    parser.add_argument("--work", type=Path, help="where to put the files; a temporary folder")
    parser.add_argument("--ways", nargs="+", default=[*WAYS, *BATCHES], help="which to measure")
    parser.add_argument("--quick", action="store_true", help="120 frames, half a second, once")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--limit", type=int, default=10**9, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.frames, arguments.seconds, arguments.repeats = 120, 0.5, 1
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        work = Path(folder)
        frames = prepare(arguments.dataset, work, arguments.frames)
        print(
            f"{frames} frames of {arguments.dataset.name}, clips of {CLIP}; {os.cpu_count()} "
            f"cores, {platform.machine()}, Python {platform.python_version()}; best of "
            f"{arguments.repeats}"
        )
        print(
            f"{'':14s} {'files':>8s} {'warm, clips/s':>30s} {'cold':>7s} {'peak memory, MB':>24s}"
        )
        print(
            f"{'':14s} {'MB':>8s} {'1 process':>10s} {'2':>7s} {'CPU ms':>7s} "
            f"{'1':>11s} {'allocated':>12s} {'with mapped':>12s}"
        )
        rows = {}
        for way in arguments.ways:
            rows[way] = measure_way(way, work, arguments)
            print(format_row(way, rows[way]), flush=True)
        judge(rows)


def measure_way(way: str, work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one way."""
    files = files_of(way, work)
    repeats = range(arguments.repeats)
    with_workers = way in BATCHES
    for path in files:
        path.read_bytes()
    one = [run(way, work, arguments, 1) for _ in repeats]
    two = [run(way, work, arguments, 2) for _ in repeats]
    cold = []
    for _ in repeats if not with_workers and way != "ram" else ():
        evict(files)
        cold.append(run(way, work, arguments, 1, limit=max(8, arguments.frames // 20)))
    best = max(one, key=lambda r: r["clips_per_s"])
    return {
        "megabytes": sum(path.stat().st_size for path in files) / 1e6,
        "one": best["clips_per_s"],
        "two": max(r["clips_per_s"] for r in two),
        "cpu_ms": min(r["cpu_ms"] for r in one),
        "cold": max((r["clips_per_s"] for r in cold), default=None),
        "allocated": best["allocated_mb"],
        "mapped": best["peak_mb"],
    }


def format_row(way: str, row: dict[str, Any]) -> str:
    """Return one line of the table."""
    cold = f"{row['cold']:11.0f}" if row["cold"] else f"{'-':>11s}"
    return (
        f"{way:14s} {row['megabytes']:8.0f} {row['one']:10.0f} {row['two']:7.0f} "
        f"{row['cpu_ms']:7.2f} {cold} {row['allocated']:12.0f} {row['mapped']:12.0f}"
    )


def judge(rows: dict[str, dict[str, Any]]) -> None:
    """Print how the goals stand."""
    if not rows.keys() >= {*WAYS, *BATCHES}:
        return
    limit, png = rows["memmap"], rows["png"]
    for codec in ("none", "lz4"):
        ours = rows[codec]
        print(
            f"codec {codec}: {100 * ours['one'] / limit['one']:.0f} % of the memmap "
            f"({100 * ours['two'] / limit['two']:.0f} % with two processes), "
            f"{ours['one'] / png['one']:.1f} times the PNG files"
        )
    batches = rows["loader-none"]["one"] / rows["torch-memmap"]["one"]
    print(f"batches: {100 * batches:.0f} % of a torch DataLoader over the memmap")


def prepare(dataset: Path, work: Path, frames: int) -> int:
    """Write the first frames of a dataset in every form; return how many there are."""
    from airseg.dataset import Dataset
    from airseg.dataset.editing.combining import CombineOptions, Taken, combine

    source = Dataset(dataset)
    view = max(source, key=lambda v: v.length)
    count = min(frames, view.length)
    taken = Taken(view, view.name, view.split, range(count))
    codecs = ("none", "lz4", "zstd", "gzip")
    options = {c: CombineOptions(codec=c, keep_depth=False, keep_raw=False) for c in codecs}
    for codec in codecs:
        combine(work / f"{codec}.h5", [taken], options[codec])
    size = (view.height, view.width)
    rgb = np.lib.format.open_memmap(work / "X.npy", "w+", np.uint8, (count, *size, 3))
    labels = np.lib.format.open_memmap(work / "Y.npy", "w+", np.uint8, (count, *size))
    (work / "png").mkdir()
    for index in range(count):
        rgb[index], labels[index] = view.rgb(index, index + 1)[0], view.label(index, index + 1)[0]
        cv2.imwrite(str(work / "png" / f"{index:06d}.png"), rgb[index][..., ::-1])
        cv2.imwrite(str(work / "png" / f"{index:06d}_label.png"), labels[index])
    rgb.flush()
    labels.flush()
    return count


def files_of(way: str, work: Path) -> list[Path]:
    """Return the files that a way reads."""
    if way in ("memmap", "ram", "torch-memmap"):
        return [work / "X.npy", work / "Y.npy"]
    if way == "png":
        return sorted((work / "png").iterdir())
    return [work / f"{way.removeprefix('loader-')}.h5"]


def evict(files: list[Path]) -> None:
    """Throw files out of the page cache, and make sure that they are gone."""
    resident = tested = 0
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            for place in range(0, path.stat().st_size, 1 << 20):
                tested += 1
                try:
                    os.preadv(descriptor, [bytearray(1)], place, os.RWF_NOWAIT)
                    resident += 1
                except BlockingIOError:
                    pass
        finally:
            os.close(descriptor)
    if resident > tested * 0.05:
        raise SystemExit(f"{resident} of {tested} samples stay in the page cache: no cold figures.")


def run(
    way: str, work: Path, arguments: argparse.Namespace, processes: int, limit: int = 10**9
) -> dict[str, float]:
    """Measure in fresh processes that read at the same time; return what they do together."""
    workers = 0 if way not in BATCHES else processes
    at_once = 1 if way in BATCHES else processes
    command = [
        *(sys.executable, __file__, "--one", f"{way}:{workers}", "--dataset", str(work)),
        *("--seconds", str(arguments.seconds), "--limit", str(limit)),
    ]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        for _ in range(at_once)
    ]
    for process in started:
        process.stdout.readline()  # it is ready
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [json.loads(process.communicate()[0]) for process in started]
    return {
        "clips_per_s": sum(r["clips_per_s"] for r in results),
        **{k: max(r[k] for r in results) for k in ("cpu_ms", "allocated_mb", "peak_mb")},
    }


def measure(one: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Read random clips for some seconds in this process; return what it took."""
    way, _, workers = one.partition(":")
    work = arguments.dataset
    random = np.random.default_rng(os.getpid())
    read, clips_at_once, count = opened(way, work, int(workers))
    is_cold = arguments.limit < 10**9
    if is_cold:
        read(0)  # imports and compiles; the other frames stay cold
    else:
        # Every check sum is compared and every page mapped: what an epoch leaves behind.
        for start in range(0, count - CLIP, 1 if way in BATCHES else CLIP):
            read(start)
            if way in BATCHES and start > 3:
                break
    allocated = PeakOfAllocations()
    print("ready", flush=True)
    sys.stdin.readline()
    done, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < began + arguments.seconds and done < arguments.limit:
        read(int(random.integers(count - CLIP + 1)))
        done += clips_at_once
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "clips_per_s": done / wall,
        "cpu_ms": cpu / done * 1e3,
        "allocated_mb": allocated.stop(),
        "peak_mb": memory("VmHWM"),
    }


def opened(way: str, work: Path, workers: int) -> tuple[Callable[[int], Any], int, int]:
    """Return what reads the clip at a frame, how many clips that is, and how many frames there are.

    The batches come in an order of their own.
    """
    if way in BATCHES:
        batches, count = batches_of(way, work, workers)
        return lambda start: next(batches), BATCH, count
    if way in ("memmap", "ram"):
        mode = "r" if way == "memmap" else None
        rgb, labels = (np.load(work / f"{n}.npy", mmap_mode=mode) for n in "XY")
        return (
            lambda s: (np.array(rgb[s : s + CLIP]), np.array(labels[s : s + CLIP])),
            1,
            len(rgb),
        )
    if way == "png":
        folder, count = work / "png", len(list((work / "png").iterdir())) // 2
        cv2.setNumThreads(1)
        return lambda s: read_pngs(folder, s), 1, count
    from airseg.dataset import Dataset

    (view,) = Dataset(work / f"{way}.h5")
    return lambda s: (view.rgb(s, s + CLIP), view.label(s, s + CLIP)), 1, view.length


def read_pngs(folder: Path, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Decode a clip of PNG files."""
    numbers = range(start, start + CLIP)
    rgb = [cv2.imread(str(folder / f"{i:06d}.png"))[..., ::-1] for i in numbers]
    labels = [cv2.imread(str(folder / f"{i:06d}_label.png"), cv2.IMREAD_UNCHANGED) for i in numbers]
    return np.stack(rgb), np.stack(labels)


def batches_of(way: str, work: Path, workers: int) -> tuple[Any, int]:
    """Return endless batches in random order, and how many frames there are."""
    import torch

    from airseg.dataset import Dataset
    from airseg.dataset.reading.clips import ClipSampler, EveryClip
    from airseg.dataset.reading.loading import ClipDataset, ClipLoader

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    if way == "torch-memmap":
        dataset = MemmapClips(work)
        loader = torch.utils.data.DataLoader(
            dataset, batch_size=BATCH, shuffle=True, num_workers=workers, persistent_workers=True
        )
        return endless(loader), dataset.frames
    source = Dataset(work / f"{way.removeprefix('loader-')}.h5")
    clips = EveryClip({view.name: view.length for view in source}, length=CLIP)
    sampler = ClipSampler(clips, batch_size=BATCH)
    return endless(ClipLoader(ClipDataset(source, clips), sampler, workers=workers)), len(source)


class MemmapClips:
    """Clips of the bare arrays, as a torch dataset is usually written."""

    def __init__(self, work: Path) -> None:
        self._rgb, self._labels = (np.load(work / f"{n}.npy", mmap_mode="r") for n in "XY")
        self.frames = len(self._rgb)

    def __len__(self) -> int:
        return self.frames - CLIP + 1

    def __getitem__(self, start: int) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.array(self._rgb[start : start + CLIP]),
            np.array(self._labels[start : start + CLIP]),
        )


def endless(loader: Any) -> Any:
    """Yield batches of epoch after epoch."""
    epoch = 0
    while True:
        if hasattr(loader, "set_epoch"):
            loader.set_epoch(epoch)
        yield from loader
        epoch += 1


class PeakOfAllocations:
    """Watches this process's anonymous memory from a thread."""

    def __init__(self) -> None:
        self._peak, self._ends = memory("RssAnon"), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ends.wait(0.05):
            self._peak = max(self._peak, memory("RssAnon"))

    def stop(self) -> float:
        """Return the peak in MB."""
        self._ends.set()
        self._thread.join()
        return max(self._peak, memory("RssAnon"))


def memory(field: str) -> float:
    """Return one of the kernel's figures of this process, in MB."""
    status = Path("/proc/self/status").read_text()
    line = next(part for part in status.splitlines() if part.startswith(field + ":"))
    return int(line.split()[1]) / 1e3


if __name__ == "__main__":
    main()
