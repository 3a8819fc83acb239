"""Ten thousand messages that are nearly right: the server answers or closes, and nothing else."""

import contextlib
import random
import resource
import socket
import struct
import sys
import threading
import time

import msgpack
import pytest
from raw_rpc import RawClient, pose, request
from small_simulator import small_settings

from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

MESSAGES = 10_000
A_CONNECTION = 50

DEGREES = {"is_rate": False, "yaw_or_rate": 0.0}
CALLS = [
    ("ping",),
    ("simGetVehiclePose", ""),
    ("simSetVehiclePose", pose(1, 2, -3), True, ""),
    ("simListSceneObjects", "Road_1.*"),
    ("simSetSegmentationObjectID", "Car_1", 7, False),
    ("simGetSegmentationObjectID", "car_1"),
    ("simGetImages", [request(0), request(5), request(1, as_float=True)], "", False),
    ("simGetCameraInfo", "0", "", False),
    ("simSetCameraPose", "0", pose(0.5), "", False),
    ("enableApiControl", True, ""),
    ("armDisarm", True, ""),
    ("moveToPosition", 5.0, 0.0, -3.0, 4.0, 1.0, 0, DEGREES, -1.0, 1.0, ""),
    ("moveByVelocity", 1.0, 0.0, 0.0, 0.1, 0, DEGREES, ""),
    ("cancelLastTask", ""),
    ("simGetObjectPose", "Car_3"),
    ("simSetObjectPose", "Car_3", pose(3, 3, -1), True),
    ("simSetWeatherParameter", 7, 0.5),
    ("simSetTimeOfDay", True, "2024-06-21 12:00:00", False, 1.0, 60.0, True),
    ("getMultirotorState", ""),
    ("getImuData", "", ""),
    ("simGetCollisionInfo", ""),
    ("simGetDetections", "0", 0, "", False),
    ("simSetDistortionParam", "0", "K1", 0.0, "", False),
    ("simPlotPoints", [pose()["position"]], [1.0, 0.0, 0.0, 1.0], 1.0, 1.0, False),
]
ODD = [None, True, -1, 2**63, 1e300, float("nan"), "", "x" * 300, b"\xff", [], {}, [[[]]], {1: 2}]


@pytest.fixture(scope="module")
def server(world, tmp_path_factory):
    settings = small_settings(tmp_path_factory.mktemp("settings") / "settings.json")
    with EmbeddedServer(EmbeddedOptions(port=0, settings=settings), world) as running:
        running.warm_up()
        yield running


def mutated(chance):
    """Return the bytes of a call with something wrong in it: in a value, or anywhere at all."""
    name, *params = chance.choice(CALLS)
    message = [0, chance.randrange(2**32), name, params]
    kind = chance.randrange(6)
    if kind == 0 and params:
        params[chance.randrange(len(params))] = chance.choice(ODD)
    elif kind == 1:
        message[chance.randrange(4)] = chance.choice(ODD)
    elif kind == 2:
        message = message[: chance.randrange(4)] + [chance.choice(ODD)] * chance.randrange(3)
    data = bytearray(msgpack.packb(message))
    if kind >= 3:
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(data))
            if kind == 3:
                data[place] = chance.randrange(256)
            elif kind == 4:
                data[place:place] = chance.randbytes(chance.randrange(1, 5))
            elif len(data) > 2:
                del data[place]
    return bytes(data)


def send_and_drain(port, messages):
    """Send messages; read whatever comes, until nothing does or the server closes."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    with connection, contextlib.suppress(OSError):
        for data in messages:
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass


def memory_bytes():
    """Return the greatest memory this process has held so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class Neighbour(threading.Thread):
    """A well-behaved client that goes on asking while others send nonsense."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client, self.stopping = RawClient(port), threading.Event()
        self.answers, self.wrong = 0, []

    def run(self):
        while not self.stopping.is_set():
            try:
                if self.client.call("ping") is not True:
                    self.wrong.append("ping")
                self.client.call("simGetVehiclePose", "")
                self.answers += 1
            except Exception as cause:
                self.wrong.append(repr(cause))
                return
            time.sleep(0.01)


def test_ten_thousand_mutated_messages_harm_nobody(server):
    chance = random.Random(20)
    send_and_drain(server.port, [mutated(chance) for _ in range(A_CONNECTION)])
    neighbour = Neighbour(server.port)
    neighbour.start()
    held = []
    for _ in range(2):
        for _ in range(MESSAGES // A_CONNECTION // 2):
            send_and_drain(server.port, [mutated(chance) for _ in range(A_CONNECTION)])
        held.append(memory_bytes())
    neighbour.stopping.set()
    neighbour.join(20)
    assert neighbour.wrong == []
    assert neighbour.answers > 20
    # What threads and caches take once, the first half has taken; what is lost grows for ever.
    assert held[1] - held[0] < 100e6
    fresh = RawClient(server.port)
    fresh.call("reset")
    images = fresh.call("simGetImages", [request(0)], "", False)
    assert len(images[0]["image_data_uint8"]) == 64 * 48 * 3
    fresh.close()
    neighbour.client.close()


def test_fifty_clients_at_once_all_get_their_answers(server):
    clients = [RawClient(server.port) for _ in range(50)]
    results = []

    def ask(client):
        sizes = [
            len(client.call("simGetImages", [request(0)], "", False)[0]["image_data_uint8"])
            for _ in range(3)
        ]
        results.append(sizes)

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [[64 * 48 * 3] * 3] * 50
    for client in clients:
        client.close()


def test_half_open_connections_and_half_messages_hold_nobody_up(server):
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    halves = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    whole = msgpack.packb([0, 1, "simGetVehiclePose", [""]])
    for connection in halves:
        connection.sendall(whole[: len(whole) // 2])
    client = RawClient(server.port)
    assert client.call("ping") is True
    client.close()
    for connection in silent + halves:
        connection.close()


def test_a_message_that_says_it_is_huge_ends_its_own_connection_only(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(b"\x94\x00\x01\xa4ping\x91\xc6" + struct.pack(">I", 2**31))
            for _ in range(80):
                connection.sendall(bytes(1 << 20))
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            assert connection.recv(100) == b""
    client = RawClient(server.port)
    assert client.call("ping") is True
    client.close()


def test_nobody_can_make_time_run_for_ever(server):
    client = RawClient(server.port)
    for seconds in (1e30, 1e9, float("inf"), float("nan"), -1.0):
        assert "cannot continue for" in client.error("simContinueForTime", seconds)
    assert "cannot continue for" in client.error("simContinueForFrames", 2**30)
    client.close()
