"""A blocking client for AirSim's RPC, with the official client's method names.

It speaks both dialects: AirSim 1.8 (server version 1: images blue first, a trailing ``external``
flag) and Cosys-AirSim 3 (server version 4: images red first, no flag). Every call has a time-out,
and one client may be used from several threads.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Self, TypeVar

import msgpack

from airseg.errors import LostSimulatorError, RpcError, SimulatorError
from airseg.simulators.protocol import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    CameraInfo,
    CarControls,
    ImageRequest,
    ImageResponse,
    KinematicsState,
    Pose,
    TimedState,
    Vector3r,
    YawMode,
)
from airseg.simulators.wire import Inbox, Malformed, plain

_FOREVER = 3.0e38
NOBODY_ANSWERS = "no simulator answers at"
"""What the error says, and only then, where there is nobody to talk to."""
_T = TypeVar("_T")


class SimulatorClient:
    """One connection to a simulator.

    Args:
        host, port: where it listens.
        timeout_s: how long a call may take unless it says otherwise.

    Raises:
        SimulatorError: nothing listens there; the message says what to do.
    """

    def __init__(
        self, host: str = DEFAULT_HOST, port: int = DEFAULT_PORT, timeout_s: float = 30.0
    ) -> None:
        self.address = f"{host}:{port}"
        self._timeout_s = timeout_s
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._failure: SimulatorError | None = None
        try:
            self._socket = socket.create_connection((host, port), timeout=min(timeout_s, 10.0))
        except (OSError, OverflowError) as cause:
            reason = getattr(cause, "strerror", None) or cause
            raise LostSimulatorError(
                f"{NOBODY_ANSWERS} {self.address} ({reason}). Start AirSim, or "
                "`airseg sim`, or let `airseg record --embedded` start one."
            ) from None
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = threading.Thread(target=self._read, name="simulator-client", daemon=True)
        self._reader.start()
        self._is_cosys = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls that still wait fail."""
        with contextlib.suppress(OSError):  # the other side may have been faster
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    # Calling ---------------------------------------------------------------------------------

    def call(self, method: str, *params: Any, timeout_s: float | None = None) -> Any:
        """Call a method and return its result.

        Raises:
            RpcError: the simulator answered with an error.
            SimulatorError: the connection broke, or no answer came in time.
        """
        limit = self._timeout_s if timeout_s is None else timeout_s
        future = self.call_async(method, *params)
        try:
            return future.result(limit)
        except FutureTimeoutError:
            raise LostSimulatorError(
                f"the simulator at {self.address} did not answer {method} within {limit:g} s. "
                "It may hang; restart it, or allow more with --timeout."
            ) from None

    def _ask(self, read: Callable[[Any], _T], method: str, *params: Any) -> _T:
        """Call a method and read its answer as what it must be."""
        answer = self.call(method, *params)
        try:
            return read(answer)
        except (TypeError, ValueError) as cause:
            raise SimulatorError(
                f"the simulator at {self.address} answered {method} with something else than "
                f"expected ({cause}). Is it AirSim 1.8 or Cosys-AirSim 3?"
            ) from None

    def call_async(self, method: str, *params: Any) -> Future[Any]:
        """Send a call and return the future of its result."""
        number = next(self._numbers) & 0x7FFFFFFF
        future: Future[Any] = Future()
        message = msgpack.packb([0, number, method, [plain(p) for p in params]])
        try:
            with self._lock:
                if self._failure:
                    raise self._failure
                self._waiting[number] = future
                self._socket.sendall(message)
        except OSError as cause:
            self._fail(f"the connection broke ({cause.strerror or cause})")
        return future

    def _read(self) -> None:
        inbox = Inbox()
        try:
            while count := self._socket.recv_into(inbox.room()):
                for message in inbox.take(count):
                    self._settle(message)
            self._fail("it closed the connection")
        except OSError as cause:
            self._fail(f"the connection broke ({cause.strerror or cause})")
        except Malformed as cause:
            self._fail(f"it sent something that is not msgpack-RPC ({cause})")

    def _settle(self, message: Any) -> None:
        if not isinstance(message, list) or len(message) != 4:
            raise Malformed("an answer is no list of four")
        _, number, error, result = message
        if not isinstance(number, int):
            raise Malformed("an answer has no number")
        with self._lock:
            future = self._waiting.pop(number, None)
        if future is None:
            return
        if error is not None:
            future.set_exception(RpcError(f"the simulator at {self.address} answered: {error}"))
        else:
            future.set_result(result)

    def _fail(self, reason: str) -> None:
        error = LostSimulatorError(f"lost the simulator at {self.address}: {reason}.")
        with self._lock:
            self._failure = self._failure or error
            waiting, self._waiting = list(self._waiting.values()), {}
        for future in waiting:
            future.set_exception(error)

    # The official client's methods -------------------------------------------------------------

    def ping(self) -> bool:
        """Ask whether it is there."""
        return self._ask(bool, "ping")

    def getServerVersion(self) -> int:
        """Return 1 for AirSim 1.8, 4 for Cosys-AirSim 3."""
        return self._ask(int, "getServerVersion")

    def confirmConnection(self) -> None:
        """Learn the dialect.

        Raises:
            LostSimulatorError: who listens there does not answer.
            SimulatorError: the server's version is unknown.
        """
        try:
            self.ping()
            version = self.getServerVersion()
        except LostSimulatorError as cause:
            raise LostSimulatorError(f"{NOBODY_ANSWERS} {self.address}: {cause}") from None
        if version not in (1, 4):
            raise SimulatorError(
                f"the simulator at {self.address} speaks version {version} of the protocol; "
                "known are 1 (AirSim 1.8) and 4 (Cosys-AirSim 3)."
            )
        self._is_cosys = version == 4

    @property
    def images_are_rgb(self) -> bool:
        """Whether uncompressed images come red first."""
        return self._is_cosys

    def reset(self) -> None:
        """Go back to the start."""
        self.call("reset")

    def getSettingsString(self) -> str:
        """Return the simulator's settings as text."""
        return self._ask(str, "getSettingsString")

    def listVehicles(self) -> list[str]:
        """Return the vehicles' names."""
        return self._ask(_texts, "listVehicles")

    def simPause(self, is_paused: bool) -> None:
        """Stop time, or let it go on."""
        self.call("simPause", bool(is_paused))

    def simIsPause(self) -> bool:
        """Tell whether time stands still."""
        return self._ask(bool, "simIsPaused")

    def simContinueForTime(self, seconds: float) -> None:
        """Let time pass, then stand still."""
        self.call("simContinueForTime", float(seconds), timeout_s=self._timeout_s + 20 * seconds)

    def simListSceneObjects(self, name_regex: str = ".*") -> list[str]:
        """Return the names of what is in the scene."""
        return self._ask(_texts, "simListSceneObjects", name_regex)

    def simListInstanceSegmentationObjects(self) -> list[str]:
        """Return the names of what has a number of its own; Cosys-AirSim only."""
        return self._ask(_texts, "simListInstanceSegmentationObjects")

    def simSetSegmentationObjectID(
        self, mesh_name: str, object_id: int, is_name_regex: bool = False
    ) -> bool:
        """Give an id to a mesh, or to all that match."""
        return self._ask(bool, "simSetSegmentationObjectID", mesh_name, object_id, is_name_regex)

    def simGetSegmentationObjectID(self, mesh_name: str) -> int:
        """Return a mesh's id; AirSim wants the name in lower case."""
        return self._ask(int, "simGetSegmentationObjectID", mesh_name)

    def simGetObjectPose(self, object_name: str) -> Pose:
        """Return where an object is, in the world; NaN for one that is not known."""
        return self._ask(Pose.from_msgpack, "simGetObjectPose", object_name)

    def simGetImages(
        self, requests: list[ImageRequest], vehicle_name: str = "", external: bool = False
    ) -> list[ImageResponse]:
        """Return images of one instant."""
        return self._ask(_images, "simGetImages", requests, vehicle_name, *self._flag(external))

    def simGetCameraInfo(
        self, camera_name: str, vehicle_name: str = "", external: bool = False
    ) -> CameraInfo:
        """Return pose and view angle of a camera."""
        flag = self._flag(external)
        return self._ask(
            CameraInfo.from_msgpack, "simGetCameraInfo", camera_name, vehicle_name, *flag
        )

    def simGetDistortionParams(
        self, camera_name: str, vehicle_name: str = "", external: bool = False
    ) -> list[float]:
        """Return K1, K2, K3, P1, P2 of a camera's lens."""
        flag = self._flag(external)
        return self._ask(_floats, "simGetDistortionParams", camera_name, vehicle_name, *flag)

    def simSetCameraPose(
        self, camera_name: str, pose: Pose, vehicle_name: str = "", external: bool = False
    ) -> None:
        """Mount a camera elsewhere on its vehicle."""
        self.call("simSetCameraPose", camera_name, pose, vehicle_name, *self._flag(external))

    def simSetCameraFov(
        self, camera_name: str, fov_degrees: float, vehicle_name: str = "", external: bool = False
    ) -> None:
        """Change a camera's horizontal field of view."""
        self.call(
            "simSetCameraFov", camera_name, float(fov_degrees), vehicle_name, *self._flag(external)
        )

    def simSetVehiclePose(self, pose: Pose, ignore_collision: bool, vehicle_name: str = "") -> None:
        """Put a vehicle somewhere, relative to its start."""
        self.call("simSetVehiclePose", pose, ignore_collision, vehicle_name)

    def simGetVehiclePose(self, vehicle_name: str = "") -> Pose:
        """Return where a vehicle is, relative to its start."""
        return self._ask(Pose.from_msgpack, "simGetVehiclePose", vehicle_name)

    def simGetGroundTruthKinematics(self, vehicle_name: str = "") -> KinematicsState:
        """Return a vehicle's motion."""
        return self._ask(KinematicsState.from_msgpack, "simGetGroundTruthKinematics", vehicle_name)

    def getMultirotorState(self, vehicle_name: str = "") -> TimedState:
        """Return a multirotor's state, of which nothing but the time is kept."""
        return self._ask(TimedState.from_msgpack, "getMultirotorState", vehicle_name)

    def getCarState(self, vehicle_name: str = "") -> TimedState:
        """Return a car's state, of which nothing but the time is kept."""
        return self._ask(TimedState.from_msgpack, "getCarState", vehicle_name)

    def simSetKinematics(
        self, state: KinematicsState, ignore_collision: bool, vehicle_name: str = ""
    ) -> None:
        """Put a vehicle somewhere, relative to its start, in motion or at rest."""
        self.call("simSetKinematics", state, ignore_collision, vehicle_name)

    def simEnableWeather(self, enable: bool) -> None:
        """Switch weather on or off."""
        self.call("simEnableWeather", bool(enable))

    def simSetWeatherParameter(self, param: int, val: float) -> None:
        """Set one kind of weather, 0 to 1."""
        self.call("simSetWeatherParameter", int(param), float(val))

    def simSetTimeOfDay(
        self,
        is_enabled: bool,
        start_datetime: str = "",
        is_start_datetime_dst: bool = False,
        celestial_clock_speed: float = 1,
        update_interval_secs: float = 60,
        move_sun: bool = True,
    ) -> None:
        """Move the sun to a local time."""
        self.call(
            "simSetTimeOfDay",
            is_enabled,
            start_datetime,
            is_start_datetime_dst,
            float(celestial_clock_speed),
            float(update_interval_secs),
            move_sun,
        )

    def enableApiControl(self, is_enabled: bool, vehicle_name: str = "") -> None:
        """Let the API control a vehicle."""
        self.call("enableApiControl", bool(is_enabled), vehicle_name)

    def isApiControlEnabled(self, vehicle_name: str = "") -> bool:
        """Tell whether the API controls a vehicle."""
        return self._ask(bool, "isApiControlEnabled", vehicle_name)

    def armDisarm(self, arm: bool, vehicle_name: str = "") -> bool:
        """Arm or disarm a vehicle."""
        return self._ask(bool, "armDisarm", bool(arm), vehicle_name)

    def moveOnPathAsync(
        self,
        path: list[Vector3r],
        velocity: float,
        timeout_sec: float = _FOREVER,
        drivetrain: int = 0,
        yaw_mode: YawMode | None = None,
        lookahead: float = -1,
        adaptive_lookahead: float = 1,
        vehicle_name: str = "",
    ) -> Future[Any]:
        """Fly along points; the future resolves when the flight ends."""
        return self.call_async(
            "moveOnPath",
            path,
            float(velocity),
            float(timeout_sec),
            int(drivetrain),
            yaw_mode or YawMode(),
            float(lookahead),
            float(adaptive_lookahead),
            vehicle_name,
        )

    def setCarControls(self, controls: CarControls, vehicle_name: str = "") -> None:
        """Set a car's pedals and wheel."""
        self.call("setCarControls", controls, vehicle_name)

    def _flag(self, external: bool) -> tuple[bool, ...]:
        return () if self._is_cosys else (external,)


def _texts(answer: Any) -> list[str]:
    if not isinstance(answer, list) or not all(isinstance(a, str) for a in answer):
        raise TypeError(f"no list of texts: {answer!r:.60}")
    return answer


def _floats(answer: Any) -> list[float]:
    return [float(value) for value in answer]


def _images(answer: Any) -> list[ImageResponse]:
    return [ImageResponse.from_msgpack(a) for a in answer]
