"""How many instants a second the embedded simulator delivers over its RPC, and where time goes.

Every instant is a new one: time advances by 40 ms and the camera moves on along a street. Images
are uncompressed and depth is 32-bit floats; they are received and decoded by airseg's own client.

    python benchmark/simulator_speed.py
    python benchmark/simulator_speed.py --world harbor_town --instants 100 --out speed.json
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
from pathlib import Path

import numpy as np
import torch

from airseg.bench.speed.streaming_speed import describe_machine
from airseg.simulators.client import SimulatorClient
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer
from airseg.simulators.embedded.rpc.rpc_server import encode
from airseg.simulators.embedded.sensing.encoding import fill_response
from airseg.simulators.embedded.sensing.segmentation_ids import SegmentationIds
from airseg.simulators.embedded.worlds.catalogue import build_world
from airseg.simulators.protocol import (
    ImageRequest,
    ImageResponse,
    ImageType,
    Pose,
    Quaternionr,
    Vector3r,
)

LEVEL = np.array([1.0, 0.0, 0.0, 0.0])
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", default="neighborhood")
    parser.add_argument("--instants", type=int, default=100, help="of each row")
    parser.add_argument("--out", type=Path, help="also write the figures as JSON")
    options = parser.parse_args()
    rows = []
    with _Server(options.world) as server:
        for name, kinds in KINDS.items():
            rows.append([name, "640x480", server.rate(kinds, options.instants)])
        for size in SIZES:
            if size != (640, 480):
                with _Server(options.world, size) as other:
                    rate = other.rate(KINDS[ALL], options.instants // 2)
                rows.append([ALL, f"{size[0]}x{size[1]}", rate])
        alone = server.rate(KINDS[ALL], options.instants)
        shares = _shares(options.world, options.instants, alone)
        with _Server(options.world) as second:
            together = _side_by_side([server, second], options.instants)
    machine = describe_machine(torch.device("cpu"))
    print(f"{machine}, Python {platform.python_version()}, world {options.world}\n")
    for name, size, rate in rows:
        print(f"{name:28} {size:>9} {rate:6.1f} instants/s")
    print(f"\n{ALL}, 640x480: {1000 / alone:.1f} ms an instant, of which")
    for name, ms in shares.items():
        print(f"  {name:26} {ms:6.1f} ms")
    print(f"\ntwo simulators side by side: {together[0]:.1f} + {together[1]:.1f} instants/s")
    if options.out:
        figures = {"machine": machine, "world": options.world, "rows": rows}
        figures |= {"alone": alone, "milliseconds": shares, "side_by_side": together}
        options.out.write_text(json.dumps(figures, indent=1) + "\n")


class _Server:
    """A simulator in a process of its own, and a client."""

    def __init__(self, world: str, size: tuple[int, int] = (640, 480)) -> None:
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

    def rate(self, kinds: list[tuple[ImageType, bool]], instants: int) -> float:
        """Return instants a second: the median of three runs."""
        requests = [ImageRequest("0", int(kind), floats, False) for kind, floats in kinds]
        rates = []
        for _ in range(3):
            self._client.reset()
            self._take(requests, 3)
            began = time.perf_counter()
            self._take(requests, instants)
            rates.append(instants / (time.perf_counter() - began))
        return statistics.median(rates)

    def _take(self, requests: list[ImageRequest], instants: int) -> None:
        for i in range(instants):
            self._client.simContinueForTime(0.04)
            place = Vector3r(_along(i), 0.0, -2.0)
            self._client.simSetVehiclePose(Pose(place, Quaternionr()), True)
            self._client.simGetImages(requests)


def _along(i: int) -> float:
    return 0.3 * (i % 300)


def _shares(world: str, instants: int, rate: float) -> dict[str, float]:
    """Return milliseconds of rendering and encoding in this process, and what remains."""
    built = build_world(world, 0)
    renderer, ids = Renderer(built), SegmentationIds(built)
    render_ms, encode_ms = [], []
    for i in range(instants + 3):
        view = CameraView(np.array([_along(i), 0.0, -2.0]), LEVEL)
        began = time.perf_counter()
        seen = renderer.render(view, 1_700_000_000_000_000_000 + i * 40_000_000)
        rendered = time.perf_counter()
        for kind, floats in KINDS[ALL]:
            request = ImageRequest("0", int(kind), floats, False)
            encode(fill_response(ImageResponse(), request, seen, ids))
        done = time.perf_counter()
        render_ms.append(1000 * (rendered - began))
        encode_ms.append(1000 * (done - rendered))
    rendering, encoding = statistics.median(render_ms[3:]), statistics.median(encode_ms[3:])
    rest = 1000 / rate - rendering - encoding
    return {"rendering": rendering, "encoding": encoding, "transport and client": rest}


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
