"""The wire: AirSim's own words for errors, both ways to write text, nothing brings it down."""

import socket
import struct
import threading

import msgpack
import pytest
from raw_rpc import RawClient


def test_text_is_taken_in_old_raw_form_too(simulator):
    old = RawClient(simulator.port, use_bin_type=False)
    assert old.call("simGetSegmentationObjectID", "x" * 40) == -1
    old.close()


def test_text_is_taken_as_binary_too(simulator):
    raw = RawClient(simulator.port)
    assert raw.call("simGetSegmentationObjectID", b"nothing") == -1
    raw.close()


def test_an_unknown_method_gets_rpclibs_words(raw):
    assert raw.error("fly", 1, 2) == (
        "rpclib: server could not find function 'fly' with argument count 2."
    )


def test_a_wrong_number_of_arguments_gets_rpclibs_words(raw):
    assert raw.error("simPause") == (
        "rpclib: client error C0002: Function 'simPause' was called with an invalid number of "
        "arguments. Expected: 0, got: 1"
    )


def test_an_unknown_vehicle_gets_airsims_words(raw):
    error = raw.error("enableApiControl", True, "ghost")
    assert error.startswith("rpclib: function 'enableApiControl' (called with 2 arg(s)) threw")
    assert "Vehicle API for 'ghost' is not available. This could either because" in error
    assert "Vehicle Sim-API for 'ghost'" in raw.error("simGetVehiclePose", "ghost")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("simPause", (1,)),
        ("simPause", (None,)),
        ("simContinueForFrames", (2**31,)),
        ("simSetVehiclePose", ([1, 2, 3], True, "")),
        ("simGetVehiclePose", (3,)),
        ("simContinueForTime", ("soon",)),
        ("simSetSegmentationObjectID", ("Road_1", 1.5, False)),
        ("simListSceneObjects", (3,)),
        ("simGetImages", ({}, "", False)),
    ],
)
def test_arguments_of_a_wrong_type_are_refused(raw, method, params):
    assert "std::bad_cast" in raw.error(method, *params)


def test_a_whole_number_is_a_float_but_not_the_other_way_round(raw):
    raw.call("simPause", True)
    assert raw.call("simContinueForTime", 0) is None
    raw.call("simPause", False)


def test_a_notification_gets_no_answer(raw):
    raw.socket.sendall(msgpack.packb([2, "ping", []]))
    raw.send("getServerVersion")
    assert raw.receive()[3] == 1


def test_answers_come_as_they_are_ready_not_in_the_order_of_the_calls(raw):
    raw.call("reset")
    raw.call("enableApiControl", True, "")
    raw.call("armDisarm", True, "")
    move = raw.send("rotateByYawRate", 10.0, 0.2, "")
    ping = raw.send("ping")
    assert raw.receive()[1] == ping
    assert raw.receive()[1:] == [move, None, True]
    raw.call("reset")


@pytest.mark.parametrize("junk", [b"\xc1" * 100, b"\x94" * 5000, struct.pack(">BI", 0xC6, 2**31)])
def test_malformed_bytes_close_only_their_own_connection(simulator, raw, junk):
    other = socket.create_connection(("127.0.0.1", simulator.port), timeout=10)
    other.sendall(junk)
    other.shutdown(socket.SHUT_WR)
    while other.recv(4096):
        pass
    other.close()
    assert raw.call("ping") is True


def test_unknown_keys_of_a_struct_are_ignored_and_missing_ones_keep_their_defaults(raw):
    raw.call("simPause", True)
    odd = {"position": {"x_val": 2, "to_array": {}, "extra": [1]}, "to_msgpack": {}}
    raw.put(odd)
    read = raw.call("simGetVehiclePose", "")
    assert read["position"] == {"x_val": 2.0, "y_val": 0.0, "z_val": 0.0}
    assert read["orientation"]["w_val"] == 1.0
    raw.call("reset")
    raw.call("simPause", False)


def test_a_client_that_does_not_read_keeps_nobody_waiting(simulator, raw):
    raw.call("reset")
    raw.call("enableApiControl", True, "")
    raw.call("armDisarm", True, "")
    deaf = RawClient(simulator.port)
    deaf.send("rotateByYawRate", 10.0, 0.5, "")
    deaf.socket.settimeout(0.2)
    try:
        for _ in range(2000):
            deaf.send("simListSceneObjects", ".*")
    except TimeoutError:
        pass  # both ways are full
    raw.socket.settimeout(10)  # the answer to the move is given up after 20 s
    raw.call("moveByVelocity", 0.0, 0.0, -1.0, 1.0, 0, {"is_rate": True, "yaw_or_rate": 0.0}, "")
    deaf.close()
    raw.call("reset")


def test_half_open_connections_do_no_harm(simulator, raw):
    idle = [socket.create_connection(("127.0.0.1", simulator.port)) for _ in range(20)]
    for connection in idle[:10]:
        connection.sendall(msgpack.packb([0, 1, "ping", []])[:3])
    assert raw.call("ping") is True
    for connection in idle:
        connection.close()


def test_fifty_clients_at_once_are_answered(simulator):
    answers = []

    def ask():
        mine = RawClient(simulator.port)
        answers.extend(mine.call("ping") for _ in range(5))
        mine.close()

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 250
