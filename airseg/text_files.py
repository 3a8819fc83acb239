"""Read text files that people wrote: UTF-8, with or without the mark that Windows editors add."""

from __future__ import annotations

import codecs
from pathlib import Path

from airseg.errors import AirsegError

_MOST_BYTES = 1 << 26  # devices never end


def read_text(path: Path, error: type[AirsegError]) -> str:
    """Return a file's text without a byte order mark.

    Args:
        path: the file.
        error: what to raise when it cannot be read.

    Raises:
        error: one line that names the file and the reason.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise error(f"{path}: is longer than the {_MOST_BYTES:,} bytes of text airseg reads.")
        return decode_text(data)
    except FileNotFoundError:
        raise error(f"{path}: there is no such file.") from None
    except UnicodeDecodeError as cause:
        raise error(f"{path}: cannot be read as UTF-8 text ({cause}).") from None
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror or cause}).") from None


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
