"""RPC methods of AirSim's own recorder: images at intervals, and a table of poses."""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from airseg.simulators.embedded.rpc.image_answers import Capturing
from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.settings import RecordedCamera
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.vehicles.vehicle import Car, Vehicle
from airseg.simulators.protocol import ImageRequest, ImageResponse

_TABLE = "airsim_rec.txt"
_POSE = ["POS_X", "POS_Y", "POS_Z", "Q_W", "Q_X", "Q_Y", "Q_Z"]
_CAR = ["Throttle", "Steering", "Brake", "Gear", "Handbrake", "RPM", "Speed"]
_NOTE = "into Recording.Folder, or the folder of --files, or Documents/AirSim of the server's user"


class RecordingApi:
    """Starts and stops the recorder."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._running: tuple[threading.Thread, threading.Event] | None = None
        self._guard = threading.Lock()

    @rpc("startRecording", support=PARTLY, note=_NOTE)
    def start(self) -> None:
        """Begin to record, every RecordInterval seconds of simulator time; end what was before."""
        with self._guard:
            self._end()
            folder = self._new_folder()
            # Before the answer: a client may look for the table as soon as it has that.
            (folder / _TABLE).touch()
            stopping = threading.Event()
            thread = threading.Thread(
                target=self._run, args=(folder, stopping), name="airsim-recorder", daemon=True
            )
            self._running = thread, stopping
            thread.start()

    @rpc("stopRecording")
    def stop(self) -> None:
        """End the recording."""
        with self._guard:
            self._end()

    @rpc("isRecording")
    def is_recording(self) -> bool:
        """Tell whether a recording is going on."""
        return self._running is not None

    def _end(self) -> None:
        """Wait for the recording to end, if there is one; `_guard` is held."""
        if self._running is not None:
            thread, stopping = self._running
            stopping.set()
            thread.join(10)
            self._running = None

    def _new_folder(self) -> Path:
        """Make a folder named after the second as AirSim's are, with a number if that is taken."""
        simulation = self._simulation
        parent = Path(
            simulation.settings.recording.Folder
            or simulation.client_files.folder
            or Path.home() / "Documents" / "AirSim"
        )
        second = datetime.now().strftime("%Y-%m-%d-%H-%M-%S")
        for number in count(1):
            folder = parent / (second if number == 1 else f"{second}-{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir(parents=True)
                break
        (folder / "images").mkdir()
        return folder

    def _run(self, folder: Path, stopping: threading.Event) -> None:
        simulation = self._simulation
        interval_ns = round(simulation.settings.recording.RecordInterval * 1e9)
        is_car = simulation.mode == "Car"
        columns = ["VehicleName", "TimeStamp", *_POSE, *(_CAR if is_car else []), "ImageFile"]
        capturing = Capturing(simulation, red_first=False)
        last_ns = -interval_ns
        poses: dict[str, np.ndarray] = {}
        with (folder / _TABLE).open("w", encoding="utf-8") as table:
            table.write("\t".join(columns) + "\n")
            while not stopping.is_set():
                now_ns = simulation.clock.now_ns
                if 0 <= now_ns - last_ns <= interval_ns:
                    time.sleep(0.002)
                    continue
                last_ns = now_ns
                for name in list(simulation.vehicles):
                    self._write_row(table, folder, capturing, name, poses)

    def _write_row(
        self,
        table: IO[str],
        folder: Path,
        capturing: Capturing,
        name: str,
        poses: dict[str, np.ndarray],
    ) -> None:
        setting = self._simulation.settings.recording
        cameras = self._cameras_of(name)
        with self._simulation.lock:
            vehicle = self._simulation.vehicles[name]
            place = vehicle.body.position - vehicle.origin
            pose = np.concatenate([place, vehicle.body.orientation])
            row = [name, str(self._simulation.clock.now_ns // 1_000_000)]
            row += [f"{v:.6g}" for v in pose] + _car_columns(vehicle)
        if setting.RecordOnMove and name in poses and np.array_equal(poses[name], pose):
            return
        poses[name] = pose
        requests = [
            ImageRequest(c.CameraName, c.ImageType, c.PixelsAsFloat, c.Compress) for c in cameras
        ]
        files = [
            _write_image(folder / "images", name, camera.CameraName, response)
            for camera, response in zip(cameras, capturing.take(requests, name, False), strict=True)
        ]
        table.write("\t".join([*row, ";".join(files)]) + "\n")
        table.flush()

    def _cameras_of(self, name: str) -> list[RecordedCamera]:
        """Return what is recorded of a vehicle: its own entries, or one image if there are none.

        An entry without a vehicle belongs to the first one, not to all.
        """
        simulation = self._simulation
        entries = simulation.settings.recording.Cameras
        if entries is None:
            is_of_the_file = name in simulation.settings.vehicles
            return [RecordedCamera(CameraName="")] if is_of_the_file else []
        first = min(simulation.settings.vehicles)
        return [c for c in entries if (c.VehicleName or first) == name]


def _car_columns(vehicle: Vehicle) -> list[str]:
    if not isinstance(vehicle, Car):
        return []
    controls, speed = vehicle.controls, abs(vehicle.speed)
    values = (controls.throttle, controls.steering, controls.brake)
    gear = -1 if vehicle.speed < -0.1 else min(1 + int(speed / 8), 5)
    return [
        *(f"{v:.6g}" for v in values),
        str(gear),
        str(int(controls.handbrake)),
        f"{900 + 180 * speed:.6g}",
        f"{vehicle.speed:.6g}",
    ]


def _write_image(folder: Path, vehicle: str, camera: str, response: ImageResponse) -> str:
    """Write one image as AirSim does: png, ppm or pfm; return its name."""
    kind = "pfm" if response.pixels_as_float else "png" if response.compress else "ppm"
    name = f"img_{vehicle}_{camera}_{response.image_type}_{time.time_ns()}.{kind}"
    shape = (response.height, response.width, -1)
    if kind == "png":
        data = response.image_data_uint8
    elif kind == "ppm":
        image = np.frombuffer(response.image_data_uint8, np.uint8).reshape(shape)
        data = cv2.imencode(".ppm", image)[1].tobytes()
    else:
        values = np.asarray(response.image_data_float, np.float32).reshape(shape)[..., 0]
        # From the top row down, as AirSim does against the format's rule.
        header = f"Pf\n{response.width} {response.height}\n-1\n".encode()
        data = header + values.astype("<f4").tobytes()
    (folder / name).write_bytes(data)
    return name
