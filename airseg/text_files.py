"""Read text files that people wrote: UTF-8, with or without the mark that Windows editors add."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from airseg.errors import AirsegError

_MOST_BYTES = 1 << 26
_LARGEST_BYTES = 1 << 30  # a file may say that it is longer than its disk
_KINDS = {
    b"\x89HDF": "an HDF5 file, such as a dataset",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a WebP picture or an AVI video",
    b"\x1aE\xdf\xa3": "a Matroska video",
    b"PK\x03\x04": "a ZIP archive, such as a checkpoint of PyTorch or a spreadsheet",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "a file compressed by gzip",
    b"BZh": "a file compressed by bzip2",
    b"\xfd7zXZ": "a file compressed by xz",
    b"\x28\xb5\x2f\xfd": "a file compressed by Zstandard",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\x93NUMPY": "a NumPy array",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program of Windows",
    b"\x89MCAP": "an MCAP log",
}
"""What binary files begin with that are given where text belongs."""


def read_file(path: Path, error: type[AirsegError], most: int = _LARGEST_BYTES) -> bytes:
    """Return a file's bytes: devices and pipes, which may never end, are refused unread.

    Args:
        path: the file.
        error: what to raise when it cannot be read.
        most: how many bytes it may have.

    Raises:
        error: one line that names the file and the reason.
    """
    try:
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "a pipe or a device"
            raise error(f"{path}: is {what}, where a file belongs.")
        with path.open("rb") as file:
            data = file.read() if os.fstat(file.fileno()).st_size <= most else None
    except FileNotFoundError:
        raise error(f"{path}: there is no such file.") from None
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror or cause}).") from None
    if data is None:
        raise error(f"{path}: is longer than the {most:,} bytes that airseg reads of such a file.")
    return data


def read_text(path: Path, error: type[AirsegError]) -> str:
    """Return a file's text without a byte order mark.

    Args:
        path: the file.
        error: what to raise when it cannot be read.

    Raises:
        error: one line that names the file and the reason.
    """
    if path.is_file() and (kind := _binary_kind(path)):
        raise error(f"{path}: is {kind}, no text.")
    data = read_file(path, error, _MOST_BYTES)
    try:
        return decode_text(data)
    except UnicodeDecodeError as cause:
        raise error(f"{path}: cannot be read as UTF-8 text ({cause}).") from None


def _binary_kind(path: Path) -> str:
    """Return what a file is that begins as no text does; an empty word where it may be text."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError:
        return ""  # whoever reads it says why it cannot be
    if start[4:8] == b"ftyp":
        return "an MP4 video, or a picture of a telephone"
    return next((kind for magic, kind in _KINDS.items() if start.startswith(magic)), "")


def decode_text(data: bytes) -> str:
    """Return the text of some bytes: UTF-8, or UTF-16 where a byte order mark says so.

    Raises:
        UnicodeDecodeError: it is neither.
    """
    # PowerShell writes UTF-16 when output goes into a file; what airseg reads begins in ASCII.
    is_wide = (data[:2], data[3:4]) == (codecs.BOM_UTF16_LE, b"\0")
    is_wide |= (data[:2], data[2:3]) == (codecs.BOM_UTF16_BE, b"\0")
    text = data.decode("utf-16" if is_wide else "utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")
