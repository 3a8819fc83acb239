"""Where a dataset file lies: on this machine, or at a URL that fsspec reads.

A URL is anything fsspec knows: ``s3://bucket/d.h5`` is read in blocks as they are asked for,
``blockcache::s3://bucket/d.h5`` keeps the blocks on this machine, ``simplecache::`` and
``filecache::s3://bucket/d.h5`` copy the whole file first, which is then read at full speed. Where
the environment names a folder in `AIRSEG_CACHE`, URLs without a cache of their own are copied
there, and later runs find them there.
"""

from __future__ import annotations

import errno
import gc
import mmap
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import h5py
import numpy as np

from airseg.dataset.format.attributes import PACK_AGAIN
from airseg.errors import DatasetError, did_you_mean, first_line

_LOCKED = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOLCK)
_URL = re.compile(r"^(?:[a-z][a-z0-9+.-]+::)*[a-z][a-z0-9+.-]+:/{1,3}", re.IGNORECASE)
_COPIES_WHOLE = ("simplecache::", "filecache::")
CACHE_VARIABLE = "AIRSEG_CACHE"
_IN_MEMORY = {
    "block_size": 1 << 20,
    "cache_type": "blockcache",
    "cache_options": {"maxblocks": 32},
}
"""How fsspec keeps what was read of a file."""


@dataclass(frozen=True)
class RemoteStatus:
    """What `RemoteFile.stat` knows: the number of bytes."""

    st_size: int


class RemoteFile:
    """A file at a URL, with what is asked of a path where a file is only named or opened.

    Args:
        url: for fsspec, chains of caches included.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return PurePosixPath(self.url).name

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return PurePosixPath(self.url).stem

    @property
    def suffix(self) -> str:
        """The suffix, such as ``.h5``."""
        return PurePosixPath(self.url).suffix

    def beside(self, name: str) -> RemoteFile:
        """Return the file of another name in the same folder."""
        return RemoteFile(f"{self.url.rpartition('/')[0]}/{name}")

    def local_copy(self) -> Path | None:
        """Return where the whole file lies on this machine, if a copy or no URL is asked for."""
        with _complaints(self):
            if self.url.startswith("file://"):
                return Path(_fsspec().core.strip_protocol(self.url))
            folder = os.environ.get(CACHE_VARIABLE)
            if folder and "::" not in self.url:
                kept = {"cache_storage": folder}
                return Path(
                    _fsspec().open_local(f"filecache::{self.url}", mode="rb", filecache=kept)
                )
            if self.url.startswith(_COPIES_WHOLE):
                return Path(_fsspec().open_local(self.url, mode="rb"))
        return None

    def open(self) -> Any:
        """Open the file for reading bytes; a few blocks are kept in memory."""
        with _complaints(self):
            system, path = _fsspec().url_to_fs(self.url)
            has_own_cache = "::" in self.url
            return system.open(path, "rb", **({} if has_own_cache else _IN_MEMORY))

    def stat(self) -> RemoteStatus:
        """Return how large the file is."""
        with _complaints(self):
            system, path = _fsspec().url_to_fs(self.url)
            return RemoteStatus(int(system.size(path)))

    def read_bytes(self) -> bytes:
        """Return the whole content, as it is now: what is small is never cached."""
        plain = RemoteFile(self.url.rpartition("::")[2])
        with plain.open() as handle, _complaints(self):
            return handle.read()

    def __fspath__(self) -> str:
        """Return the path of a copy of the whole file, for programs that know paths only."""
        copy = self.local_copy() or RemoteFile(f"simplecache::{self.url}").local_copy()
        return str(copy)

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"RemoteFile({self.url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteFile) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)


Location = Path | RemoteFile


def locate(path: str | Path | RemoteFile) -> Location:
    """Return the place that a text or path names.

    Args:
        path: of a file of this machine, or a URL, also one that went through `Path`, which turns
            two slashes into one.
    """
    if isinstance(path, RemoteFile):
        return path
    text = str(path)
    if not _URL.match(text):
        return Path(path)
    if isinstance(path, Path):
        # The scheme that lost its slash may follow that of a cache: simplecache::file:/a.h5.
        text = re.sub(r"\bfile:/(?!/)", "file:///", text, count=1)
        text = re.sub(r":/(?!/)", "://", text, count=1)
    return RemoteFile(text)


def open_hdf5(location: Location) -> h5py.File:
    """Open a file for reading.

    Raises:
        DatasetError: there is none, it may not be read, or it is no HDF5 file.
    """
    if isinstance(location, RemoteFile):
        copy = location.local_copy()
        if copy is None:
            try:
                return h5py.File(_HdfHandle(location.open()), "r")
            except OSError as cause:
                raise _not_readable(location, "is no HDF5 file, or cut off", cause) from None
        location = copy
    if location.is_dir():
        raise DatasetError(
            f"{location}: is a folder, no dataset. 'airseg relabel' packs recordings into a file."
        )
    if location.exists() and not location.is_file():
        raise DatasetError(f"{location}: is a pipe or a device, no dataset.")
    if not location.is_file():
        folder = location.parent
        nearby = [p.name for p in folder.glob("*.h5")] if folder.is_dir() else []
        hint = did_you_mean(location.name, nearby)
        raise DatasetError(f"{location}: there is no such dataset.{hint}")
    try:
        return h5py.File(location, "r")
    except OSError as cause:
        if not os.access(location, os.R_OK):
            raise DatasetError(f"{location}: may not be read (permissions).") from None
        if cause.errno in _LOCKED or "lock file" in str(cause):
            raise DatasetError(
                f"{location}: is open for writing in another program; close it there. (Or its file "
                "system has no locks: set HDF5_USE_FILE_LOCKING=FALSE.)"
            ) from None
        what = "is damaged or cut off" if h5py.is_hdf5(location) else "is no HDF5 file"
        raise _not_readable(location, what, cause) from None


class _HdfHandle:
    """A remote file as h5py reads it, inside HDF5's lock: no garbage is collected meanwhile.

    fsspec reads in a thread of its own. Were Python to collect an old h5py object there, that
    thread would wait for HDF5's lock, and the one that holds it for that thread, for ever.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def read(self, count: int = -1) -> bytes:
        with _no_collection():
            return self._handle.read(count)

    def readinto(self, buffer: Any) -> int:
        with _no_collection():
            return self._handle.readinto(buffer)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self._handle.seek(place, whence)

    def tell(self) -> int:
        return self._handle.tell()


@contextmanager
def _no_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class ByteSource(Protocol):
    """Bytes of a file, read by place."""

    def read_into(self, buffers: Sequence[Any], place: int) -> int:
        """Fill buffers one after the other from a place on; return how many bytes there were."""

    def close(self) -> None:
        """Reading is over."""


def byte_source(location: Location) -> ByteSource:
    """Open a file for reading bytes by place, beside HDF5."""
    if isinstance(location, RemoteFile):
        location = location.local_copy() or location
    return _LocalBytes(location) if isinstance(location, Path) else _RemoteBytes(location)


class _LocalBytes:
    """A mapped file, whose bytes are copied once; reading them by calls takes twice as long.

    Touching a page beyond the end of a file that was cut meanwhile would kill the process, so its
    length is asked for each time.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._content = np.frombuffer(self._map, np.uint8)

    def read_into(self, buffers: Sequence[Any], place: int) -> int:
        first, end = place, os.fstat(self._file.fileno()).st_size
        for buffer in buffers:
            target = np.frombuffer(buffer, np.uint8)
            part = self._content[first : min(first + len(target), end)]
            target[: len(part)] = part
            first += len(part)
        return first - place

    def close(self) -> None:
        del self._content
        # After Ctrl-C the interrupted read still looks at the map, which goes when nobody does.
        with suppress(BufferError):
            self._map.close()
        self._file.close()


class _RemoteBytes:
    def __init__(self, location: RemoteFile) -> None:
        self._location, self._handle, self._lock = location, location.open(), threading.Lock()

    def read_into(self, buffers: Sequence[Any], place: int) -> int:
        wanted = sum(memoryview(buffer).nbytes for buffer in buffers)
        with self._lock, _complaints(self._location):
            self._handle.seek(place)
            content = memoryview(self._handle.read(wanted))
        first = 0
        for buffer in buffers:
            target = memoryview(buffer).cast("B")
            part = content[first : first + len(target)]
            target[: len(part)] = part
            first += len(part)
        return len(content)

    def close(self) -> None:
        self._handle.close()


class _complaints:  # used as a function
    """Turn what a file system of somebody else raises into one line."""

    def __init__(self, location: RemoteFile) -> None:
        self._location = location

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, cause: BaseException | None, trace: object) -> None:
        if isinstance(cause, FileNotFoundError):
            raise DatasetError(f"{self._location}: there is no such file.") from None
        if isinstance(cause, Exception) and not isinstance(cause, DatasetError):
            # Object stores raise errors of libraries that need not be installed here.
            what = f"{type(cause).__name__}: {cause}"
            raise DatasetError(f"{self._location}: cannot be read ({first_line(what)}).") from None


def _fsspec() -> Any:
    import fsspec

    return fsspec


def _not_readable(location: Location, what: str, cause: OSError) -> DatasetError:
    return DatasetError(f"{location}: {what} ({first_line(cause)}). {PACK_AGAIN}")
