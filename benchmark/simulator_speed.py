"""How many instants a second the embedded simulator delivers over its RPC, and where time goes.

Every instant is a new one: time advances by 40 ms and the camera moves on along a street. Images
are uncompressed and depth is 32-bit floats; they are received and decoded by airseg's own client.
Where the time goes is measured in other instants, with server and client in one process: there each
part is timed within the very instants that the total is of, so that the parts add up.

`--before` names a checkout of an earlier commit: its simulator takes turns with this one's, and a
column says how many times as fast this one is, in the same run.

    python benchmark/simulator_speed.py
    python benchmark/simulator_speed.py --world harbor_town --instants 100 --out speed.json
    git worktree add ../before b6c82b7 && python benchmark/simulator_speed.py --before ../before
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from airseg.bench.speed.machine import describe_machine
from airseg.simulators import wire
from airseg.simulators.client import SimulatorClient
from airseg.simulators.embedded.rendering.renderer import Renderer
from airseg.simulators.embedded.rpc import image_answers, rpc_server
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer
from airseg.simulators.protocol import (
    ImageRequest,
    ImageType,
    Pose,
    Quaternionr,
    Vector3r,
)

KINDS = {
    "RGB": [(ImageType.Scene, False)],
    "segmentation": [(ImageType.Segmentation, False)],
    "depth (float)": [(ImageType.DepthPlanar, True)],
    "RGB + segmentation": [(ImageType.Scene, False), (ImageType.Segmentation, False)],
    "RGB + segmentation + depth": [
        (ImageType.Scene, False),
        (ImageType.Segmentation, False),
        (ImageType.DepthPlanar, True),
    ],
    "optical flow (float)": [(ImageType.OpticalFlow, True)],
    "surface normals": [(ImageType.SurfaceNormals, False)],
}
SIZES = [(320, 240), (640, 480), (1280, 960)]
ALL = "RGB + segmentation + depth"
COMPARED = ("RGB + segmentation", ALL)
REPEATS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", default="neighborhood")
    parser.add_argument("--instants", type=int, default=100, help="of each row")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="to compare with")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with _Server(options.world) as server:
        for name, kinds in KINDS.items():
            rows.append(_row(name, (640, 480), server.rate(kinds, options.instants)))
        for size in SIZES:
            if size != (640, 480):
                with _Server(options.world, size) as other:
                    rate = other.rate(KINDS[ALL], options.instants // 2)
                rows.append(_row(ALL, size, rate))
        if options.before:
            with _Server(options.world, checkout=options.before) as old:
                rows = [_compared(row, server, old, options.instants) for row in rows]
        alone = server.rate(KINDS[ALL], options.instants)
        parts = _parts(options.world, options.instants)
        with _Server(options.world) as second:
            together = _side_by_side([server, second], options.instants)
    machine = describe_machine(torch.device("cpu"))
    print(f"{machine}, Python {platform.python_version()}, world {options.world}\n")
    for row in rows:
        told = f"{row['images']:28} {row['size']:>9} {row['instants_per_second']:6.1f} instants/s"
        if "before" in row:
            told += f"; before {row['before']:.1f}, so {row['times']:.2f} times"
        print(told)
    print(f"\n{ALL}, 640x480, in one process: {sum(parts.values()):.1f} ms an instant, of which")
    for name, ms in parts.items():
        print(f"  {name:26} {ms:6.1f} ms")
    print(f"\ntwo simulators side by side: {together[0]:.1f} + {together[1]:.1f} instants/s")
    if options.out:
        figures = {"machine": machine, "world": options.world, "rows": rows}
        figures |= {"alone": alone, "milliseconds": parts, "side_by_side": together}
        options.out.write_text(json.dumps(figures, indent=1) + "\n")


def _row(images: str, size: tuple[int, int], rate: float) -> dict[str, Any]:
    return {"images": images, "size": f"{size[0]}x{size[1]}", "instants_per_second": rate}


def _compared(row: dict[str, Any], now: _Server, old: _Server, instants: int) -> dict[str, Any]:
    """Return a row with medians of both simulators, which took turns."""
    if row["images"] not in COMPARED or row["size"] != "640x480":
        return row
    rates: list[list[float]] = [[], []]
    for _ in range(REPEATS):
        for server, found in zip((now, old), rates, strict=True):
            found.append(server.rate(KINDS[row["images"]], instants // 2, repeats=1))
    here, before = (statistics.median(found) for found in rates)
    return {**row, "instants_per_second": here, "before": before, "times": here / before}


class _Server:
    """A simulator in a process of its own, of this checkout or another, and a client."""

    def __init__(
        self, world: str, size: tuple[int, int] = (640, 480), checkout: Path | None = None
    ) -> None:
        captures = [
            {"ImageType": int(kind), "Width": size[0], "Height": size[1]} for kind in ImageType
        ]
        self._folder = tempfile.TemporaryDirectory()
        settings = Path(self._folder.name) / "settings.json"
        text = {"SimMode": "ComputerVision", "CameraDefaults": {"CaptureSettings": captures}}
        settings.write_text(json.dumps(text))
        command = [sys.executable, "-m", "airseg", "sim", "--port", "0", "--exit-with-stdin"]
        self._process = subprocess.Popen(
            [*command, "--world", world, "--settings", str(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=checkout,  # where Python looks for modules first
        )
        ready = self._process.stdout.readline()  # type: ignore[union-attr]
        port = int(re.search(r":(\d+)", ready).group(1))  # type: ignore[union-attr]
        self._client = SimulatorClient("127.0.0.1", port)

    def __enter__(self) -> _Server:
        self._client.confirmConnection()
        self._client.simPause(True)
        return self

    def __exit__(self, *raised: object) -> None:
        self._client.close()
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(30)
        self._folder.cleanup()

    def rate(self, kinds: list[tuple[ImageType, bool]], instants: int, repeats: int = 3) -> float:
        """Return instants a second: the median of some runs."""
        requests = _requests(kinds)
        rates = []
        for _ in range(repeats):
            self._client.reset()
            _take(self._client, requests, 3)
            began = time.perf_counter()
            _take(self._client, requests, instants)
            rates.append(instants / (time.perf_counter() - began))
        return statistics.median(rates)


def _take(client: SimulatorClient, requests: list[ImageRequest], instants: int) -> None:
    for i in range(instants):
        client.simContinueForTime(0.04)
        place = Vector3r(0.3 * (i % 300), 0.0, -2.0)
        client.simSetVehiclePose(Pose(place, Quaternionr()), True)
        client.simGetImages(requests)


def _requests(kinds: list[tuple[ImageType, bool]]) -> list[ImageRequest]:
    return [ImageRequest("0", int(kind), floats, False) for kind, floats in kinds]


def _parts(world: str, instants: int) -> dict[str, float]:
    """Return the mean milliseconds of an instant's parts; what no part covers is transport."""
    spent: Counter[str] = Counter()
    timed = [
        (Renderer, "render", "rendering"),
        (image_answers, "fill_response", "images of what was rendered"),
        (rpc_server, "encode", "packing answers"),
        (wire, "decode_message", "reading answers"),
    ]
    options = EmbeddedOptions(world, port=0, sim_mode="ComputerVision")
    with ExitStack() as stack:
        for owner, function, name in timed:
            stack.enter_context(_timed(owner, function, name, spent))
        server = stack.enter_context(EmbeddedServer(options))
        client = stack.enter_context(SimulatorClient("127.0.0.1", server.port))
        client.confirmConnection()
        client.simPause(True)
        _take(client, _requests(KINDS[ALL]), 3)
        spent.clear()
        began = time.perf_counter()
        _take(client, _requests(KINDS[ALL]), instants)
        total = time.perf_counter() - began
    spent["transport and waiting"] = total - sum(spent.values())
    return {name: 1000 * seconds / instants for name, seconds in spent.items()}


@contextmanager
def _timed(owner: Any, function: str, name: str, spent: Counter[str]) -> Iterator[None]:
    """Add up how long a function takes."""
    original = getattr(owner, function)

    def measured(*args: Any, **more: Any) -> Any:
        began = time.perf_counter()
        try:
            return original(*args, **more)
        finally:
            spent[name] += time.perf_counter() - began

    setattr(owner, function, measured)
    try:
        yield
    finally:
        setattr(owner, function, original)


def _side_by_side(servers: list[_Server], instants: int) -> list[float]:
    rates = [0.0] * len(servers)

    def measure(i: int) -> None:
        rates[i] = servers[i].rate(KINDS[ALL], instants)

    threads = [threading.Thread(target=measure, args=(i,)) for i in range(len(servers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rates


if __name__ == "__main__":
    main()
