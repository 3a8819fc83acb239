"""Measure the audit of all raw labels against the founding notebook's way, on the same frames.

The notebook finds out what one id is by going through all frames: it loads a frame's ids, walks
over its pixels in two nested Python loops, colours those that have the id and counts them, and
keeps the frame with most. It does that again for every id. Here one pass counts all ids together
and also gives neighbours, colours, stability, three best frames each, and the page.

The notebook's way takes the same time for every frame and id within a few per cent, and hours for
all of them; so it is measured on some pairs of frame and id, which are drawn evenly, and
multiplied. Our side is measured whole: reading, counting, judging, pictures, page.

Run it with: python benchmark/audit_speed.py [--frames 300] [--pairs 24] [--recording FOLDER]
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from relabel_speed import record_frames

from airseg.dataset.packing.sources import open_sources
from airseg.labels.audit import join
from airseg.labels.audit_page import write_audit
from airseg.labels.judgement import add_remarks
from airseg.labels.label_counts import count_sequences
from airseg.labels.label_map import load_label_map


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--pairs", type=int, default=24, help="frame and id pairs for the loop")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--recording", type=Path)
    arguments = parser.parse_args()
    label_map = load_label_map("neighborhood")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        path = arguments.recording or record_frames(work, arguments.frames)
        sources = open_sources([path])
        count_sequences([_Short(sources[0], 2)], jobs=1)  # compiles the kernel
        began = time.perf_counter()
        statistics = count_sequences(sources, jobs=arguments.jobs)
        counted_s = time.perf_counter() - began
        report = join(sources, statistics, label_map)
        add_remarks(report.entries)
        _, page = write_audit(work / "audit", report, sources, label_map)
        ours_s = time.perf_counter() - began
        ids = np.flatnonzero(sum(s.pixels for s in statistics))
        frames = [s.read(i, with_depth=False) for s in sources for i in range(0, s.length, 10)]
        paths = []
        for number, frame in enumerate(frames):
            paths.append(work / f"{number}.npy")
            np.save(paths[-1], frame.ids)
        pair_s = _notebook_pair_s(paths, [f.rgb for f in frames], ids, arguments.pairs)
        theirs_s = pair_s * len(ids) * report.frames
        height, width = frames[0].ids.shape
        print(
            f"{report.frames} frames of {width}x{height}, {len(ids)} ids, {os.cpu_count()} cores, "
            f"{arguments.jobs} used, {platform.machine()}, Python {platform.python_version()}"
        )
        print(
            f"notebook: {pair_s:.3f} s a frame and id, {theirs_s:.0f} s for all of them\n"
            f"airseg:   {counted_s:.1f} s counting ({report.frames / counted_s:.0f} frames/s), "
            f"{ours_s:.1f} s with pictures and page ({page.stat().st_size / 1e6:.1f} MB)\n"
            f"ratio:    {theirs_s / ours_s:.0f} times"
        )


class _Short:
    """The first frames of a sequence."""

    def __init__(self, source: object, length: int) -> None:
        self._source, self.length = source, length
        self.name, self.environment, self.object_table = "short", "", ()

    def read_ids(self, index: int) -> np.ndarray:
        """Return the ids of a frame."""
        return self._source.read_ids(index)  # type: ignore[attr-defined]

    def read(self, index: int, *, with_depth: bool) -> object:
        """Return a frame."""
        return self._source.read(index, with_depth=with_depth)  # type: ignore[attr-defined]


def _notebook_pair_s(
    paths: list[Path], pictures: list[np.ndarray], ids: np.ndarray, pairs: int
) -> float:
    """Return the seconds that the nested loops take for one frame and one id; check their count."""
    random = np.random.default_rng(0)
    spent = 0.0
    for _ in range(pairs):
        number, raw_id = int(random.integers(len(paths))), int(random.choice(ids))
        picture = pictures[number].copy()
        began = time.perf_counter()
        seg = np.load(paths[number])
        count = 0
        for y in range(seg.shape[0]):
            for x in range(seg.shape[1]):
                if seg[y, x] == raw_id:
                    picture[y, x] = (255, 0, 0)
                    count += 1
        spent += time.perf_counter() - began
        if count != int((np.load(paths[number]) == raw_id).sum()):
            raise SystemExit("the loop counts wrongly")
    return spent / pairs


if __name__ == "__main__":
    main()
