"""Decode the simulator's answers, and make parameters what msgpack takes.

A depth image arrives as 307,200 tagged floats; a general msgpack decoder makes a Python object of
each. This one reads such a run as one array and everything else as usual. What is received lies in
memory once: images are looked at where they arrived.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from airseg.simulators.protocol import WireStruct

_FIXED = {
    0xCA: (">f", 4),
    0xCB: (">d", 8),
    0xCC: (">B", 1),
    0xCD: (">H", 2),
    0xCE: (">I", 4),
    0xCF: (">Q", 8),
    0xD0: (">b", 1),
    0xD1: (">h", 2),
    0xD2: (">i", 4),
    0xD3: (">q", 8),
}
_SIZED = {
    0xC4: (1, bytes),
    0xC5: (2, bytes),
    0xC6: (4, bytes),
    0xD9: (1, str),
    0xDA: (2, str),
    0xDB: (4, str),
}
_LONG_ARRAY = 64
_LONG_DATA = 1 << 16
_PIECE = 1 << 16
_MAX_DEPTH = 32
_MOST_BYTES = 1 << 30
_FIRST_ROOM = 1 << 26  # several images of the largest size


class Incomplete(Exception):
    """More bytes must arrive before the message can be read.

    Attributes:
        end: how many bytes there must be at least, from the beginning of the data.
    """

    def __init__(self, end: int) -> None:
        super().__init__(end)
        self.end = end


class Malformed(ValueError):
    """The bytes are not what a simulator sends."""


class Inbox:
    """Takes bytes as they arrive in pieces, and gives messages as they are whole."""

    def __init__(self) -> None:
        self._data, self._filled = bytearray(_PIECE), 0
        self._wanted = self._longest = 1

    def room(self) -> memoryview:
        """Return where the next bytes go."""
        return memoryview(self._data)[self._filled :]

    def take(self, count: int) -> Iterator[Any]:
        """Take note of bytes that came into the room, and yield the messages that are whole.

        Raises:
            Malformed: the bytes are not msgpack.
        """
        self._filled += count
        if self._filled < self._wanted:
            self._make_room()
            return  # an image arrives in many pieces; reading it again each time is slow
        view, at, self._wanted = memoryview(self._data)[: self._filled], 0, 1
        while at < self._filled:
            try:
                message, end = decode_message(view, at)
            except Incomplete as cause:
                self._wanted = cause.end - at
                break
            self._longest = max(self._longest, end - at)
            at = end
            yield message
        self._begin_after(at)

    def _begin_after(self, at: int) -> None:
        """Leave messages to those who have them: what comes next goes elsewhere."""
        if at:
            rest = self._data[at : self._filled]
            room = max(_PIECE, min(self._wanted, _FIRST_ROOM), self._longest if rest else 0)
            self._data = bytearray(max(room, len(rest)))
            self._data[: len(rest)] = rest
            self._filled = len(rest)
        self._make_room()

    def _make_room(self) -> None:
        """Grow, where the message under way needs more room than there is."""
        if self._wanted > _MOST_BYTES:
            raise Malformed(f"a message of {self._wanted:,} bytes")
        if self._filled < len(self._data) >= min(self._wanted, _FIRST_ROOM):
            return
        # What is announced and has not come may never come: room follows what has.
        room = min(self._wanted, max(_FIRST_ROOM, 2 * self._filled))
        grown = bytearray(max(room, self._longest, self._filled + _PIECE))
        grown[: self._filled] = memoryview(self._data)[: self._filled]
        self._data = grown


def decode_message(data: bytes | bytearray | memoryview, start: int = 0) -> tuple[Any, int]:
    """Decode one msgpack value.

    Args:
        data: received bytes.
        start: where the value begins.

    Returns:
        The value and where it ends. Text is `str`, binary data `bytes`, from 64 KiB on a read-only
        `memoryview` of `data`, and a long run of float32 a (N,) float32 array.

    Raises:
        Incomplete: the value is not there as a whole.
        Malformed: the bytes are not msgpack.
    """
    return _decode(memoryview(data), start, 0)


def _decode(view: memoryview, at: int, depth: int) -> tuple[Any, int]:
    if depth > _MAX_DEPTH:
        raise Malformed("nested too deeply")
    _need(view, at, 1)
    tag = view[at]
    at += 1
    if tag < 0x80:
        return tag, at
    if tag >= 0xE0:
        return tag - 256, at
    if 0xA0 <= tag <= 0xBF:
        return _text(view, at, tag & 0x1F)
    if tag <= 0x8F:
        return _map(view, at, tag & 0x0F, depth)
    if tag <= 0x9F:
        return _array(view, at, tag & 0x0F, depth)
    if tag in (0xC0, 0xC2, 0xC3):
        return (None if tag == 0xC0 else tag == 0xC3), at
    if tag in _FIXED:
        form, size = _FIXED[tag]
        _need(view, at, size)
        return struct.unpack_from(form, view, at)[0], at + size
    if tag in _SIZED:
        width, kind = _SIZED[tag]
        size, at = _length(view, at, width)
        if kind is str:
            return _text(view, at, size)
        _need(view, at, size)
        piece = view[at : at + size]
        return (piece.toreadonly() if size >= _LONG_DATA else bytes(piece)), at + size
    if tag in (0xDC, 0xDD):
        size, at = _length(view, at, 2 if tag == 0xDC else 4)
        return _array(view, at, size, depth)
    if tag in (0xDE, 0xDF):
        size, at = _length(view, at, 2 if tag == 0xDE else 4)
        return _map(view, at, size, depth)
    raise Malformed(f"unknown tag 0x{tag:02x}")


def _need(view: memoryview, at: int, size: int) -> None:
    if at + size > len(view):
        raise Incomplete(at + size)


def _length(view: memoryview, at: int, width: int) -> tuple[int, int]:
    _need(view, at, width)
    return int.from_bytes(view[at : at + width], "big"), at + width


def _text(view: memoryview, at: int, size: int) -> tuple[str, int]:
    _need(view, at, size)
    return bytes(view[at : at + size]).decode("utf-8", "replace"), at + size


def _array(view: memoryview, at: int, size: int, depth: int) -> tuple[Any, int]:
    if size >= _LONG_ARRAY and _looks_like_floats(view, at, size):
        _need(view, at, 5 * size)
        run = np.frombuffer(view, np.dtype([("tag", "u1"), ("value", ">f4")]), size, at)
        return run["value"].astype(np.float32), at + 5 * size
    values = []
    for _ in range(size):
        value, at = _decode(view, at, depth + 1)
        values.append(value)
    return values, at


def _looks_like_floats(view: memoryview, at: int, size: int) -> bool:
    """Tell whether all items of an array that have arrived so far are float32."""
    tags = np.frombuffer(view, np.uint8)[at : at + 5 * size : 5]
    return bool((tags == 0xCA).all())


def _map(view: memoryview, at: int, size: int, depth: int) -> tuple[dict[Any, Any], int]:
    values = {}
    for _ in range(size):
        key, at = _decode(view, at, depth + 1)
        if not isinstance(key, str | int | bytes):
            raise Malformed("a map's key is neither text nor a number")
        values[key], at = _decode(view, at, depth + 1)
    return values, at


def plain(value: Any) -> Any:
    """Return a parameter as msgpack takes it; numpy numbers become Python's."""
    if isinstance(value, WireStruct) or hasattr(value, "to_msgpack"):
        return plain(value.to_msgpack())
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value
