"""Our client: numpy-friendly, never hangs, and says what is wrong with whom."""

import socket
import threading

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airseg.errors import RpcError, SimulatorError
from airseg.simulators.client import SimulatorClient
from airseg.simulators.protocol import ImageRequest, ImageType, Pose, Vector3r
from airseg.simulators.wire import Inbox, Incomplete, Malformed, decode_message

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(values)
def test_messages_decode_as_msgpack_decodes_them(value):
    data = msgpack.packb(value)
    assert decode_message(data) == (msgpack.unpackb(data), len(data))


@given(values, st.integers(0, 10**6))
def test_a_cut_message_is_incomplete_and_never_wrong(value, cut):
    data = msgpack.packb(value)
    arrived = data[: cut % len(data)]
    with pytest.raises(Incomplete) as told:
        decode_message(arrived)
    assert len(arrived) < told.value.end <= len(data)


def test_a_long_run_of_floats_becomes_one_array():
    numbers = np.linspace(-3, 7, 5000, dtype=np.float32)
    data = msgpack.packb(numbers.tolist(), use_single_float=True)
    decoded, end = decode_message(data)
    assert end == len(data)
    assert decoded.dtype == np.float32
    assert np.array_equal(decoded, numbers)


def test_a_run_that_is_not_all_floats_stays_a_list():
    mixed = [0.5] * 99 + [3]
    assert decode_message(msgpack.packb(mixed, use_single_float=True))[0] == mixed


@pytest.mark.parametrize("data", [b"\xc1", b"\x91" * 100 + b"\x01", b"\x81\x90\x01"])
def test_bytes_that_are_no_message_are_malformed(data):
    with pytest.raises(Malformed):
        decode_message(data)


@given(st.lists(values, min_size=1, max_size=4), st.integers(1, 40), st.integers(0, 3))
def test_messages_that_come_in_pieces_are_the_same(messages, size, images):
    large = [bytes([k]) * 70_000 for k in range(images)]
    stream = b"".join(msgpack.packb(message) for message in [*messages, large, *messages])
    steps = [size] * 200 + [50_000] * 20
    inbox, taken = Inbox(), []
    while stream:
        room = inbox.room()
        count = min(len(room), len(stream), steps.pop() if steps else 1 << 20)
        room[:count], stream = stream[:count], stream[count:]
        taken += inbox.take(count)
    assert taken == [*messages, large, *messages]


@pytest.mark.parametrize("head", [b"\xc6", b"\xdb", b"\xdd"])
def test_room_follows_what_came_and_not_what_is_announced(head):
    """The length of bin 32, str 32 and array 32 has four bytes (msgpack's specification)."""
    inbox, sent = Inbox(), b"\x94\x01\x01\xc0" + head + b"\x08\0\0\0"
    inbox.room()[: len(sent)] = sent
    assert list(inbox.take(len(sent))) == []
    assert len(inbox.room()) <= 1 << 26
    inbox, sent = Inbox(), b"\x94\x01\x01\xc0" + head + b"\xff\xff\xff\xff"
    inbox.room()[: len(sent)] = sent
    with pytest.raises(Malformed, match="a message of"):
        list(inbox.take(len(sent)))


def test_a_message_larger_than_the_first_room_comes_whole():
    inbox, sent, taken = Inbox(), msgpack.packb(bytes(70 << 20)), []
    view = memoryview(sent)
    while view:
        room = inbox.room()
        part = view[: min(len(room), 1 << 22)]
        room[: len(part)] = part
        del room
        taken += inbox.take(len(part))
        view = view[len(part) :]
    assert [len(one) for one in taken] == [70 << 20]


def test_images_are_looked_at_where_they_arrived():
    inbox, stream = Inbox(), b"".join(msgpack.packb(bytes([k]) * 100_000) for k in range(5))
    images = []
    while stream:
        room = inbox.room()
        count = min(len(room), len(stream), 60_000)
        room[:count], stream = stream[:count], stream[count:]
        images += inbox.take(count)
    assert [bytes(image) for image in images] == [bytes([k]) * 100_000 for k in range(5)]
    assert all(isinstance(image, memoryview) and image.readonly for image in images)


def test_numpy_numbers_can_be_arguments(client):
    client.simPause(True)  # else it falls between the two calls
    client.simSetVehiclePose(Pose(Vector3r(np.float32(1.5), np.float64(2), np.int64(-3))), True)
    client.simContinueForTime(0.0)
    place = client.simGetVehiclePose().position
    assert (place.x_val, place.y_val, place.z_val) == (1.5, 2.0, -3.0)


def test_images_come_as_structs(client):
    depth = client.simGetImages([ImageRequest("0", ImageType.DepthPlanar, True, False)])[0]
    assert depth.image_data_float.shape == (depth.width * depth.height,)
    assert depth.camera_orientation.w_val != 0


def test_a_call_asks_for_no_more_images_than_memory_has_room_for(client):
    with pytest.raises(RpcError, match="3000 images are asked for; one call gives 256"):
        client.simGetImages([ImageRequest("0", 0, True, False)] * 3000)
    assert len(client.simGetImages([ImageRequest("0", 0, False, False)] * 256)) == 256


def test_errors_of_the_simulator_are_told_with_its_address(client):
    with pytest.raises(RpcError, match=r"127\.0\.0\.1:\d+ answered: rpclib: server could not"):
        client.call("fly")


def test_threads_share_one_client(client):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.extend(client.ping() for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 160


def serve(answer):
    """Listen for one connection; return the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk():
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            answer(connection)
        listener.close()

    threading.Thread(target=talk, daemon=True).start()
    return listener.getsockname()[1]


def test_a_simulator_that_hangs_is_told_after_the_time_out():
    release = threading.Event()
    with SimulatorClient("127.0.0.1", serve(lambda c: release.wait(10)), timeout_s=0.2) as client:
        with pytest.raises(SimulatorError, match=r"did not answer ping within 0.2 s"):
            client.ping()
        release.set()


def test_a_simulator_that_closes_is_told_and_stays_lost():
    with SimulatorClient("127.0.0.1", serve(lambda c: None)) as client:
        with pytest.raises(SimulatorError, match=r"lost the simulator at 127\.0\.0\.1"):
            client.ping()
        with pytest.raises(SimulatorError, match="lost the simulator"):
            client.ping()


@pytest.mark.parametrize("junk", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xc1", b"\x94\x01"])
def test_a_server_of_another_kind_is_told(junk):
    with (
        SimulatorClient("127.0.0.1", serve(lambda c: c.sendall(junk)), timeout_s=5) as client,
        pytest.raises(SimulatorError, match=r"lost the simulator|not msgpack"),
    ):
        client.ping()


@pytest.mark.parametrize("number", [[], {}, None, "1"])
def test_an_answer_without_a_number_is_told_at_once(number):
    answer = msgpack.packb([1, number, None, True])
    with (
        SimulatorClient("127.0.0.1", serve(lambda c: c.sendall(answer)), timeout_s=5) as client,
        pytest.raises(SimulatorError, match="not msgpack-RPC"),
    ):
        client.ping()


@pytest.mark.parametrize(
    ("ask", "result"),
    [
        (lambda c: c.getServerVersion(), None),
        (lambda c: c.getServerVersion(), "one"),
        (lambda c: c.simListSceneObjects(), None),
        (lambda c: c.simListSceneObjects(), [1, 2]),
        (lambda c: c.simGetSegmentationObjectID("x"), []),
        (lambda c: c.simGetImages([]), None),
        (lambda c: c.simGetImages([]), [1]),
        (lambda c: c.simGetVehiclePose(), None),
        (lambda c: c.simGetVehiclePose(), {"position": 3}),
        (lambda c: c.simGetVehiclePose(), {"position": {"x_val": "far"}}),
        (lambda c: c.simGetCameraInfo("0"), []),
        (lambda c: c.simGetGroundTruthKinematics(), 1.5),
    ],
)
def test_an_answer_of_another_shape_is_told_with_the_address(ask, result):
    answer = msgpack.packb([1, 1, None, result])
    with (
        SimulatorClient("127.0.0.1", serve(lambda c: c.sendall(answer)), timeout_s=5) as client,
        pytest.raises(SimulatorError, match=r"127\.0\.0\.1:\d+ answered \w+ with something else"),
    ):
        ask(client)


def test_an_unknown_version_is_told():
    def answer(connection):
        connection.sendall(msgpack.packb([1, 1, None, True]))
        connection.recv(4096)
        connection.sendall(msgpack.packb([1, 2, None, 3]))
        connection.recv(4096)

    with (
        SimulatorClient("127.0.0.1", serve(answer), timeout_s=5) as client,
        pytest.raises(SimulatorError, match="speaks version 3"),
    ):
        client.confirmConnection()


def test_nobody_there_is_told_with_what_to_do():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SimulatorError, match="Start AirSim, or `airseg sim`"):
        SimulatorClient("127.0.0.1", port)
