"""A msgpack-RPC server that behaves as AirSim's rpclib does.

Messages are bare msgpack arrays: ``[0, id, method, params]`` is a call, ``[2, method, params]`` a
notification; answers are ``[1, id, error, result]``. The number of parameters must match exactly,
and errors are plain strings. rpclib ignores what else a client sends; here it ends the connection,
see `requests`.

A connection's calls run in order, in its own thread. A call whose answer comes later, such as a
move, returns a `Deferred` at once, so that other calls go on meanwhile.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import msgpack
import numpy as np

from airseg.errors import SimulatorError
from airseg.simulators.embedded.answers import Deferred, Disconnect, Double
from airseg.simulators.embedded.rpc.requests import NoRequestError, Request, RequestStream
from airseg.simulators.protocol import WireStruct

_LOG = logging.getLogger(__name__)
_SEND_TIMEOUT_S = 20
_LONG_DATA = 1 << 14

Piece = bytes | memoryview
"""A part of an answer."""


YES, PARTLY, NO = "yes", "partly", "no"
"""How far a method does what it does in AirSim."""


@dataclass(frozen=True)
class Method:
    """One callable of the server.

    Attributes:
        kinds: what each parameter must be: `bool`, `int`, `float`, `str`, a `WireStruct` class, or
            a one-element list of any of these.
        function: called with the converted parameters.
        support: `YES`, `PARTLY` or `NO`.
        note: what differs from AirSim.
    """

    kinds: tuple[Any, ...]
    function: Callable[..., Any]
    support: str = YES
    note: str = ""


def rpc(
    name: str, *kinds: Any, support: str = YES, note: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a method of an API class as callable over the wire under a name."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        marks = function.__dict__.setdefault("rpc_names", [])
        marks.append((name, kinds, support, note))
        return function

    return mark


def methods_of(api: object) -> dict[str, Method]:
    """Collect the methods of an object that are marked with `rpc`."""
    found: dict[str, Method] = {}
    for attribute in dir(type(api)):
        marks = getattr(getattr(type(api), attribute), "rpc_names", ())
        for name, kinds, support, note in marks:
            found[name] = Method(kinds, getattr(api, attribute), support, note)
    return found


def convert(kind: Any, value: Any) -> Any:
    """Return a received value as what a parameter must be.

    Raises:
        TypeError: the value is of another type; rpclib calls it ``std::bad_cast``.
    """
    if kind is object:
        return value
    if isinstance(kind, list):
        if isinstance(value, list):
            return [convert(kind[0], v) for v in value]
    elif kind is bool:
        if isinstance(value, bool):
            return value
    elif kind is int:
        if isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31:
            return value
    elif kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif kind is str:
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
    elif isinstance(value, dict) and issubclass(kind, WireStruct):
        return _struct(kind, value)
    raise TypeError("std::bad_cast")


_TIMES = ("timestamp", "time_stamp")


def _struct(kind: type[WireStruct], value: dict[Any, Any]) -> WireStruct:
    """Build a struct, checking each field against the type of its default."""
    built = kind()
    known = {f.name for f in fields(built)}  # type: ignore[arg-type]
    for key, received in value.items():
        name = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
        if name not in known:
            continue
        default = getattr(built, name)
        if isinstance(default, list):
            if not isinstance(received, list):
                raise TypeError("std::bad_cast")
            continue
        if name in _TIMES and isinstance(received, int) and received >= 0:
            setattr(built, name, received)  # of 64 bits
            continue
        wanted = next((k for k in (bool, int, float, str) if isinstance(default, k)), type(default))
        setattr(built, name, convert(wanted, received))
    return built


def encode(value: Any) -> list[Piece]:
    """Pack an answer: floats as float32, `Double` as float64, number arrays in one piece.

    Returns:
        Pieces to be sent one after the other; images are not copied into one.
    """
    pieces: list[Piece] = []
    _encode_into(pieces, value)
    return pieces


def _encode_into(pieces: list[Piece], value: Any) -> None:
    if isinstance(value, WireStruct):
        value = {k: getattr(value, k) for k in value.__dataclass_fields__}  # type: ignore[attr-defined]
    if isinstance(value, Double):
        pieces.append(b"\xcb" + struct.pack(">d", value))
    elif isinstance(value, dict):
        pieces.append(_HEADERS.map(len(value)))
        for key, item in value.items():
            _encode_into(pieces, key)
            _encode_into(pieces, item)
    elif isinstance(value, np.ndarray) and value.dtype in _TAGS:
        pieces += _number_array(value)
    elif isinstance(value, bytes) and len(value) >= _LONG_DATA:
        pieces += [b"\xc6" + struct.pack(">I", len(value)), value]
    elif isinstance(value, list | tuple):
        pieces.append(_HEADERS.array(len(value)))
        for item in value:
            _encode_into(pieces, item)
    elif isinstance(value, np.generic):
        _encode_into(pieces, value.item())
    elif isinstance(value, float):
        pieces.append(b"\xca" + struct.pack(">f", min(max(value, -3.4e38), 3.4e38)))
    elif isinstance(value, int) and not isinstance(value, bool):
        pieces.append(msgpack.packb(int(value)))
    else:
        pieces.append(msgpack.packb(value, use_bin_type=True))


class _Headers:
    """Headers of msgpack maps and arrays."""

    def map(self, size: int) -> bytes:
        return bytes([0x80 | size]) if size < 16 else b"\xdf" + struct.pack(">I", size)

    def array(self, size: int) -> bytes:
        return bytes([0x90 | size]) if size < 16 else b"\xdd" + struct.pack(">I", size)


_HEADERS = _Headers()


_TAGS = {np.dtype(np.float32): (0xCA, ">f4"), np.dtype(np.uint32): (0xCE, ">u4")}


def _number_array(values: np.ndarray) -> tuple[Piece, Piece]:
    """Pack float32 or uint32 values as a msgpack array without a Python object for each."""
    tag, form = _TAGS[values.dtype]
    packed = np.empty(values.size, np.dtype([("tag", "u1"), ("value", form)]))
    packed["tag"] = tag
    packed["value"] = values.ravel()
    return _HEADERS.array(values.size), packed.view(np.uint8).data


class RpcServer:
    """Serves methods on a socket, a thread for each connection."""

    def __init__(self, methods: dict[str, Method], host: str, port: int) -> None:
        self._methods = methods
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._closing = threading.Event()
        try:
            self._listener = socket.create_server((host, port), backlog=128)
        except (OSError, OverflowError) as cause:
            reason = getattr(cause, "strerror", None) or cause
            raise SimulatorError(
                f"cannot listen on {host}:{port} ({reason}). Is another simulator running there? "
                "Choose another --port; 0 takes any free one."
            ) from None
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="rpc-accept", daemon=True)

    def start(self) -> None:
        """Begin to accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and every connection."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            _close(connection)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._closing.is_set():
                    return
                _LOG.warning("accepting a connection failed", exc_info=True)
                self._closing.wait(0.1)  # out of file descriptors, say: let some close
                continue
            with self._guard:
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Answer one connection until it closes or says something that is no request."""
        peer = _Peer(connection)
        requests = RequestStream()
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            _limit_sending(connection)
            while data := connection.recv(1 << 18):
                for request in requests.feed(data):
                    self._handle(peer, request)
        except (OSError, NoRequestError) as cause:
            if not self._closing.is_set():
                _LOG.debug("connection closed: %s", cause)
        finally:
            with self._guard:
                self._connections.discard(connection)
            _close(connection)

    def _handle(self, peer: _Peer, request: Request) -> None:
        number, result = request.number, self._call(request.method, request.params)
        if number is None:
            return
        if isinstance(result, Deferred):
            result.then(lambda value: peer.answer_later(number, value))
        elif isinstance(result, _Failed):
            peer.answer(number, result.error, None)
        else:
            peer.answer(number, None, result)

    def _call(self, text: str, params: list[Any]) -> Any:
        """Return a method's result, a `Deferred` of it, or what went wrong in rpclib's words."""
        method = self._methods.get(text)
        count = len(params)
        if method is None:
            return _Failed(
                f"rpclib: server could not find function '{text}' with argument count {count}."
            )
        if count != len(method.kinds):
            return _Failed(
                # rpclib says it the wrong way round: how many came is called expected.
                f"rpclib: client error C0002: Function '{text}' was called with an invalid number "
                f"of arguments. Expected: {count}, got: {len(method.kinds)}"
            )
        try:
            values = [
                convert(kind, value) for kind, value in zip(method.kinds, params, strict=True)
            ]
            return method.function(*values)
        except Disconnect:
            raise
        except Exception as cause:  # whatever a handler raises is the caller's to hear
            _LOG.debug("%s failed", text, exc_info=True)
            return _Failed(
                f"rpclib: function '{text}' (called with {count} arg(s)) threw an exception. "
                f"The exception contained this information: {cause}."
            )


@dataclass(frozen=True)
class _Failed:
    """A call that ended in an error."""

    error: str


class _Peer:
    """The sending side of one connection; answers leave in the order they were given."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._late: deque[list[Piece]] = deque()

    def answer(self, number: int, error: str | None, result: Any) -> None:
        """Send one answer; a peer that is gone or does not read is cut off."""
        data = _packed_answer(number, error, result)
        with self._lock:
            self._send_late()
            self._send(data)

    def answer_later(self, number: int, result: Any) -> None:
        """Send an answer without waiting.

        A move ends while time advances and the simulation is locked: were its answer sent there and
        then, a peer that does not read would stop time for everyone. It still leaves before any
        answer that is given after it, so that a client that steps time knows when a move is over.
        """
        self._late.append(_packed_answer(number, None, result))
        threading.Thread(target=self._flush, name="rpc-answer", daemon=True).start()

    def _flush(self) -> None:
        with self._lock:
            self._send_late()

    def _send_late(self) -> None:
        while self._late:
            self._send(self._late.popleft())

    def _send(self, pieces: list[Piece]) -> None:
        try:
            for data in _joined(pieces):
                self._connection.sendall(data)
        except OSError:
            _close(self._connection)


def _packed_answer(number: int, error: str | None, result: Any) -> list[Piece]:
    return [b"\x94\x01", msgpack.packb(number), msgpack.packb(error), *encode(result)]


def _joined(pieces: list[Piece]) -> Iterator[Piece]:
    """Yield pieces with those that are short put together, so that each is worth sending."""
    for is_long, some in itertools.groupby(pieces, lambda piece: len(piece) >= _LONG_DATA):
        if is_long:
            yield from some
        else:
            yield b"".join(some)


def _limit_sending(connection: socket.socket) -> None:
    """Let sending to a peer that does not read fail after a while; receiving may wait for ever."""
    if os.name == "nt":
        limit = struct.pack("I", _SEND_TIMEOUT_S * 1000)
    else:
        limit = struct.pack("ll", _SEND_TIMEOUT_S, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
