"""Cut what a client sends into msgpack-RPC requests, within a budget, before any of it is unpacked.

Whoever listens on a port is also reached by what does not speak its language. A web page may have
a browser POST anything to any port of its user's machine, and every letter of HTTP's first line is
a whole msgpack number: read on past those, and a call in the page's body is carried out. So nothing
is read past the first thing that is no request.

An item of a few bytes takes sixty or more once it is a Python object, and an array's header alone
makes room for all that it announces. So the headers are walked first, which allocates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgpack

MOST_BYTES = 16 * 1024 * 1024
MOST_ITEMS = 1_000_000
MOST_DEPTH = 32
"""What one request may hold; those of AirSim's clients stay below a hundredth of each."""

_CALL, _NOTIFICATION = 0, 2
_REQUEST_STARTS = frozenset((0x93, 0x94, 0xDC, 0xDD))


class NoRequestError(ValueError):
    """What came is no msgpack-RPC request, or one that is too large."""


@dataclass(frozen=True)
class Request:
    """A call, or a notification if `number` is None."""

    number: int | None
    method: str
    params: list[Any]


@dataclass(frozen=True)
class _Head:
    """What the first byte of an item tells: how many bytes and items come after it.

    Attributes:
        width: bytes of the length that follows, big-endian.
        payload, children: bytes and items that follow whatever that length is.
        each_payload, each_children: those that follow for each unit of the length.
    """

    width: int = 0
    payload: int = 0
    children: int = 0
    each_payload: int = 0
    each_children: int = 0


_NUMBER = _Head()


def _head(first: int) -> _Head | None:
    """Return what a first byte tells (msgpack's specification, "Formats"); 0xC1 is never used."""
    if first < 0x80 or first >= 0xE0 or first in (0xC0, 0xC2, 0xC3):
        return _NUMBER
    if first < 0x90:
        return _Head(children=2 * (first & 0x0F))
    if first < 0xA0:
        return _Head(children=first & 0x0F)
    if first < 0xC0:
        return _Head(payload=first & 0x1F)
    fixed = {0xCA: 4, 0xCB: 8}
    fixed |= {start + k: 1 << k for start in (0xCC, 0xD0) for k in range(4)}
    fixed |= {0xD4 + k: 1 + (1 << k) for k in range(5)}
    if first in fixed:
        return _Head(payload=fixed[first])
    for start, head in (
        (0xC4, _Head(each_payload=1)),
        (0xC7, _Head(payload=1, each_payload=1)),
        (0xD9, _Head(each_payload=1)),
    ):
        if start <= first < start + 3:
            return _Head(1 << (first - start), head.payload, 0, head.each_payload)
    for start, children in ((0xDC, 1), (0xDE, 2)):
        if start <= first < start + 2:
            return _Head(2 << (first - start), each_children=children)
    return None


_HEADS = tuple(_head(first) for first in range(256))


class RequestStream:
    """Takes bytes as they come and gives requests as they are whole."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._restart()

    def feed(self, data: bytes) -> Iterator[Request]:
        """Take bytes; yield the requests that are whole by now.

        Raises:
            NoRequestError: at the first item that is no request, or too large a one.
        """
        self._data += data
        while self._data and self._walk():
            message = bytes(self._data[: self._at])
            del self._data[: self._at]
            self._restart()
            yield _request(message)

    def _restart(self) -> None:
        self._at = 0
        self._items = 0
        self._open = [1]  # how many items are to come of each array or map that is open

    def _walk(self) -> bool:
        """Go on over the headers of the message that the data begins with; tell if it is whole."""
        data, left, end = self._data, self._open, len(self._data)
        if data[0] not in _REQUEST_STARTS:
            raise NoRequestError("a message is no array of 3 or 4 items")
        while left and self._at < end:
            head = _HEADS[data[self._at]]
            left[-1] -= 1
            if head is _NUMBER:
                self._at += 1
            elif head is None:
                raise NoRequestError("a byte is no msgpack")
            else:
                start = self._at + 1 + head.width
                if start > end:
                    left[-1] += 1
                    return False
                length = int.from_bytes(data[self._at + 1 : start]) if head.width else 0
                self._at = start + head.payload + length * head.each_payload
                self._open_container(head.children + length * head.each_children)
            while left and not left[-1]:
                left.pop()
        if self._at > MOST_BYTES:
            raise NoRequestError(f"a message is larger than {MOST_BYTES} bytes")
        return not left and self._at <= end

    def _open_container(self, children: int) -> None:
        self._items += children
        if self._items > MOST_ITEMS:
            raise NoRequestError(f"a message has more than {MOST_ITEMS} items")
        if children:
            self._open.append(children)
            if len(self._open) > MOST_DEPTH:
                raise NoRequestError(f"a message is deeper than {MOST_DEPTH} arrays")


def _request(message: bytes) -> Request:
    """Return a whole message as a request.

    Raises:
        NoRequestError: it is none.
    """
    try:
        parts = msgpack.unpackb(message, raw=True, strict_map_key=False)
    # TypeError: a map whose key is a map or a list, which msgpack allows and Python does not.
    except (ValueError, TypeError, msgpack.UnpackException) as cause:
        raise NoRequestError(f"a message cannot be unpacked: {cause}") from None
    match parts:
        case [int(kind), int(number), bytes(name), list(params)] if kind == _CALL:
            request = Request(number, name.decode("utf-8", "replace"), params)
        case [int(kind), bytes(name), list(params)] if kind == _NOTIFICATION:
            request = Request(None, name.decode("utf-8", "replace"), params)
        case _:
            raise NoRequestError("a message is neither a call nor a notification")
    if isinstance(kind, bool) or isinstance(request.number, bool):
        raise NoRequestError("a message is neither a call nor a notification")
    return request
