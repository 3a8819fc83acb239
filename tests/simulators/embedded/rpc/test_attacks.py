"""What listens on a port hears more than its clients: web pages, and whoever means harm."""

import contextlib
import http.client
import http.server
import json
import os
import resource
import socket
import struct
import threading
import time
import tracemalloc
import zlib

import msgpack
import pytest
from browser import browser_page
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_rpc import RawClient, pose

from airseg.errors import SettingsError
from airseg.simulators.embedded.rpc.requests import NoRequestError, RequestStream
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer
from airseg.simulators.embedded.settings import parse_settings

ORIGIN = {"x_val": 0.0, "y_val": 0.0, "z_val": 0.0}


def voxels(file):
    """Return a call's parameters that write a small grid into a file."""
    return [ORIGIN, 4, 4, 4, 1.0, str(file)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("clients")


@pytest.fixture(scope="module")
def server(world, folder):
    text = folder / "settings.json"
    text.write_text(json.dumps({"Recording": {"Cameras": []}}))  # rows without images
    with EmbeddedServer(EmbeddedOptions(port=0, settings=text, files=folder), world) as running:
        yield running


@pytest.fixture
def client(server):
    connected = RawClient(server.port)
    yield connected
    connected.close()


def swallowed(port, *pieces):
    """Send bytes and return all that comes back before the server closes."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while data := connection.recv(4096):
                answer += data
        except ConnectionError:
            pass
    return answer


CALL, NOTIFICATION = [0, 1, "simCreateVoxelGrid"], [2, "simCreateVoxelGrid"]


@pytest.mark.parametrize("start", [CALL, NOTIFICATION])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_an_http_request_whose_body_is_a_call_is_not_carried_out(server, folder, start, method):
    target = folder / f"http_{method}_{len(start)}.binvox"
    body = msgpack.packb([*start, voxels(target)])
    page = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Content-Type": "text/plain", "Origin": "http://evil"}
    with contextlib.suppress(ConnectionError):  # cut off while it sends
        page.request(method, "/", body, headers)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        page.getresponse()
    page.close()
    assert not target.exists()
    # The very same bytes are a call to whoever speaks the language.
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(body + msgpack.packb([0, 2, "ping", []]))
        connection.recv(100)
    assert target.read_bytes().startswith(b"#binvox 1\ndim 4 4 4\n")


@pytest.mark.parametrize(
    "before",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n",
        b"\r\n",
        b"\x00",
        b"\xff",
        b"\xc0",
        b"\xa4GET ",
        b"\x81\x01\x02",
        msgpack.packb([0, 1]),
        msgpack.packb([1, 1, None, True]),
        msgpack.packb([3, 1, "ping", []]),
        msgpack.packb([0, 1, "ping", [], 5]),
        msgpack.packb([0, "one", "ping", []]),
        msgpack.packb([0, 1, 7, []]),
        msgpack.packb([0, 1, "ping", {}]),
        msgpack.packb([2, "ping", None]),
        msgpack.packb([False, 1, "ping", []]),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",  # a browser that tries TLS
    ],
)
@pytest.mark.parametrize("in_pieces", [False, True])
def test_nothing_is_read_past_what_is_no_request(server, folder, before, in_pieces):
    target = folder / "past.binvox"
    call = msgpack.packb([0, 1, "simCreateVoxelGrid", voxels(target)])
    pieces = [bytes([b]) for b in before] + [call] if in_pieces else [before + call]
    assert swallowed(server.port, *pieces) == b""
    assert not target.exists()


@pytest.mark.browser
def test_a_page_in_a_browser_cannot_call(server, folder, tmp_path):
    target = folder / "page.binvox"
    body = list(msgpack.packb([*CALL, voxels(target)]))
    address = f"http://127.0.0.1:{server.port}/"
    options = f"{{method: 'POST', mode: 'no-cors', body: new Uint8Array({json.dumps(body)})}}"
    html = f"<script>fetch('{address}', {options}).catch(e => 0).then(() => done = 1)</script>"
    (tmp_path / "page.html").write_text(f"<script>var done = 0</script>{html}")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=tmp_path)

        def log_message(self, *_):
            pass

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    try:
        with browser_page(tmp_path) as page:
            page.open(f"http://127.0.0.1:{site.server_port}/page.html")
            page.until("done")
    finally:
        site.shutdown()
        site.server_close()
    assert not target.exists()


def arrays_in_arrays(count):
    """Return a call whose one argument is an array of empty arrays."""
    return b"\x94\x00\x01\xa4ping\x91\xdd" + struct.pack(">I", count) + b"\x90" * count


@pytest.mark.parametrize(
    "message",
    [
        arrays_in_arrays(55_000_000),
        b"\x94\x00\x01\xa4ping\x91" + b"\x91" * 1000 + b"\x90",
        b"\x94\x00\x01\xa4ping\x91" + (b"\xdd" + struct.pack(">I", 900_000)) * 20,
        b"\x94\x00\x01\xa4ping\x91" + b"\x81\x01" * 100 + b"\x01",
        b"\x94\x00\x01\xa4ping\x91\xdf" + struct.pack(">I", 2**32 - 1),
        b"\x94\x00\x01\xa4ping\x91\xc6" + struct.pack(">I", 2**32 - 1),
        b"\x94\x00\x01\xdb" + struct.pack(">I", 2**31),
        b"\x94\x00\x01\xa4ping\x92"
        + (b"\xc6" + struct.pack(">I", 9_000_000) + bytes(9_000_000)) * 2,
        b"\xdd" + struct.pack(">I", 2**31),
    ],
    ids=["wide", "deep", "headers", "maps", "map", "bytes", "name", "sum", "message"],
)
def test_deep_and_huge_messages_are_refused_before_they_take_memory(message):
    stream = RequestStream()
    pieces = [message[k : k + 1_000_000] for k in range(0, len(message), 1_000_000)]
    tracemalloc.start()
    try:
        with pytest.raises(NoRequestError, match=r"more than|larger than|deeper than"):
            [request for piece in pieces for request in stream.feed(piece)]
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.binary(max_size=300)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=20)),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=30,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(VALUES, max_size=4), min_size=1, max_size=3), st.integers(1, 50))
def test_calls_are_cut_where_msgpack_cuts_them_whatever_pieces_they_come_in(calls, size):
    messages = [[0, k, "name", params] for k, params in enumerate(calls)]
    data = b"".join(msgpack.packb(m) for m in messages)
    stream = RequestStream()
    pieces = (data[k : k + size] for k in range(0, len(data), size))
    got = [request for piece in pieces for request in stream.feed(piece)]
    theirs = msgpack.Unpacker(raw=True, strict_map_key=False)
    theirs.feed(data)
    assert [[0, r.number, r.method.encode(), r.params] for r in got] == list(theirs)


def test_the_largest_arrays_that_scripts_send_are_still_taken(client):
    points = [ORIGIN] * 20_000
    assert client.call("simPlotPoints", points, [1.0, 0.0, 0.0, 1.0], 1.0, 1.0, False) is None


def test_clients_write_into_their_folder_and_nowhere_else(client, folder, tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    (folder / "link").symlink_to(tmp_path)
    (folder / "linked.binvox").symlink_to(precious)
    here = os.path.relpath(precious, folder)
    for file in (precious, here, "link/new", "linked.binvox", "../new", "", ".", folder, "a\0b"):
        error = client.error("simCreateVoxelGrid", *voxels(file))
        assert "threw an exception" in error, file
    assert precious.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["precious.txt"]
    for _ in range(2):
        assert client.call("simCreateVoxelGrid", *voxels("grid.binvox")) is True
    assert (folder / "grid.binvox").read_bytes().startswith(b"#binvox 1\n")
    settings_before = (folder / "settings.json").read_bytes()
    assert "no binvox file" in client.error("simCreateVoxelGrid", *voxels("settings.json"))
    assert (folder / "settings.json").read_bytes() == settings_before


def test_clients_write_nowhere_unless_a_folder_is_given(raw, tmp_path):
    error = raw.error("simCreateVoxelGrid", *voxels(tmp_path / "new"))
    assert "--files DIR" in error
    assert list(tmp_path.iterdir()) == []


NAMES = ["../../up", "/etc/x", "a\\b", "..", "a\tb", "a\nb", "x" * 300, "a\0b", "C:evil", ".hidden"]


@pytest.mark.parametrize("name", NAMES)
def test_vehicles_have_names_that_can_be_part_of_a_files_name(client, name):
    error = client.error("simAddVehicle", name, "SimpleFlight", pose(5, 5, -5), "")
    assert "cannot be part of a file's name" in error
    assert name not in client.call("listVehicles")
    for text in (
        {"Vehicles": {name: {"VehicleType": "SimpleFlight"}}},
        {"Recording": {"Cameras": [{"CameraName": name}]}},
    ):
        with pytest.raises(SettingsError, match="cannot be part of a file's name") as caught:
            parse_settings(json.dumps(text))
        assert "\n" not in str(caught.value)


def test_a_second_recording_within_a_second_leaves_the_firsts_table(client, folder):
    client.call("startRecording")
    (first,) = folder.glob("*/airsim_rec.txt")
    for _ in range(200):  # rows are written beside the calls
        client.call("simContinueForTime", 0.06)
        if len(first.read_text().splitlines()) > 1:
            break
        time.sleep(0.05)
    for _ in range(3):
        client.call("startRecording")
    client.call("stopRecording")
    tables = [t.read_text().splitlines() for t in sorted(folder.glob("*/airsim_rec.txt"))]
    assert len(tables) == 4
    for table in tables:
        assert table[0].startswith("VehicleName\tTimeStamp\tPOS_X")
    assert len(first.read_text().splitlines()) > 1


SLOW = "SM_" + "a" * 40
BOMBS = ["(?:SM_)?(a|aa)+?b", "(?:SM_)?(a+?)+?b", "(?:SM_)?(a|aa|aaa)+?$b", "(?:a{60000}){60000}"]


@pytest.fixture(scope="module")
def long_names(server):
    """Two objects whose names an expression can take years on: one given by a client, and more."""
    connected = RawClient(server.port)
    scale = {"x_val": 1.0, "y_val": 1.0, "z_val": 1.0}
    for name in (SLOW, "9" * 1023):
        assert connected.call("simSpawnObject", name, "Cube", pose(0, 0, -1), scale, False, False)
    yield
    connected.close()


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize(
    ("method", "others"), [("simListSceneObjects", []), ("simSetSegmentationObjectID", [7, True])]
)
def test_expressions_of_clients_do_not_stop_the_simulator(client, long_names, method, others, bomb):
    """AirSim's own `std::regex` throws `error_complexity` on such ones."""
    error = client.error(method, bomb, *others)
    assert "more simply" in error or "counts written out" in error
    assert client.call("ping") is True


def test_wildcards_and_names_of_clients_do_not_stop_the_simulator(client, long_names):
    for name in ("*a" * 400 + "b", "*" * 1000 + "b", "[a-z]*", "?" * 1000):
        client.call("simAddDetectionFilterMeshName", "0", 0, name, "", False)
    assert client.call("simGetDetections", "0", 0, "", False) == []
    client.call("simClearDetectionMeshNames", "0", 0, "", False)
    assert "1023" in client.error("simAddDetectionFilterMeshName", "0", 0, "*" * 1024, "", False)
    scale, place = {"x_val": 1.0, "y_val": 1.0, "z_val": 1.0}, pose(0, 0, -1)
    spawn = ("Cube", place, scale, False, False)
    assert "1023" in client.error("simSpawnObject", "1" * 200_000 + "x", *spawn)
    # The next free number, behind one of a thousand digits.
    assert client.call("simSpawnObject", "9" * 1000, *spawn) == "9" * 1000 + "1" + "0" * 1023


def small_png_of(width, height):
    """Return a few bytes that say they are a picture of any size, as PNG's standard has it."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0" * 99))


def test_textures_that_have_no_end_or_too_many_pixels_are_refused(client, tmp_path):
    bomb, pipe = tmp_path / "bomb.png", tmp_path / "pipe"
    bomb.write_bytes(small_png_of(32_000, 32_000))
    os.mkfifo(pipe)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for file in (bomb, pipe, "/dev/zero", tmp_path):
        error = client.error("simSetObjectMaterialFromTexture", "Car_0", str(file), 0)
        assert "at most" in error, file
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
