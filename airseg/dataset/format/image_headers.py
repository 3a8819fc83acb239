"""What image files say before their pixels: of what kind they are, how large, and how stored.

Decoders believe it, stretch values by it, and make room for it, so it is looked at first.
"""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from airseg.errors import DatasetError
from airseg.recording.stored.png import png_size

_PNG_BIT_DEPTH, _PNG_COLOR_TYPE = 24, 25
_PNG_GREY, _PNG_COLORS, _PNG_PALETTE = 0, 2, 3
_SPACE = rb"(?:\s|#[^\n]*\n)+"
_NETPBM = re.compile(rb"P([1-6])" + _SPACE + rb"\d+" + _SPACE + rb"\d+" + _SPACE + rb"(\d*)")
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_EXIF_ORIENTATION, _EXIF_WITHIN = 0x0112, 1 << 17
_RIFF_MAGIC, _BMP_MAGIC = b"RIFF", b"BM"
_BMP_HEADER, _BMP_BITS, _BMP_COLORS = 14, 28, 46  # BITMAPINFOHEADER
MOST_PIXELS = 1 << 26  # twice an 8K picture; decoders make room for what a header promises


@dataclass(frozen=True)
class ImageHeader:
    """What the beginning of an image file says of its values.

    Attributes:
        has_palette: whether it is a palette PNG; palette: (N, 3) uint8 RGB, empty for others.
        stretch: what decoders multiply samples of fewer than 8 bits with; 1 for others.
        is_keyed: whether it is a PNG of colours without alpha. One of them may be shown as nothing
            (the chunk tRNS), which decoders make an alpha of; the colour stays what it is.
    """

    has_palette: bool
    palette: np.ndarray
    stretch: int
    is_keyed: bool = False


def image_header(data: bytes) -> ImageHeader:
    """Return what a file's first bytes say: its palette lies before its pixels."""
    nothing = np.zeros((0, 3), np.uint8)
    if not data.startswith(PNG_MAGIC) or len(data) <= _PNG_COLOR_TYPE:
        return ImageHeader(False, nothing, 1)
    bits, kind = data[_PNG_BIT_DEPTH], data[_PNG_COLOR_TYPE]
    if kind == _PNG_PALETTE:
        start = data.find(b"PLTE")
        length = int.from_bytes(data[start - 4 : start], "big") if start > 0 else 0
        colors = data[start + 4 :][: min(length, 768)]
        colors = colors[: len(colors) // 3 * 3]  # of a file that was cut off, whole ones
        return ImageHeader(True, np.frombuffer(colors, np.uint8).reshape(-1, 3), 1)
    is_narrow = kind == _PNG_GREY and bits in (1, 2, 4)
    stretch = 255 // (2**bits - 1) if is_narrow else 1
    return ImageHeader(False, nothing, stretch, is_keyed=kind == _PNG_COLORS)


@cache
def voc_colors() -> tuple[tuple[int, int, int], ...]:
    """Return PASCAL VOC's colours by id (``VOClabelcolormap.m`` of its development kit)."""

    def channel(index: int, first: int) -> int:
        # Every third bit of the id, the lowest becoming the highest of the colour.
        return sum((index >> (3 * place + first) & 1) << (7 - place) for place in range(8))

    return tuple((channel(i, 0), channel(i, 1), channel(i, 2)) for i in range(256))


def refuse_lossy(data: bytes, path: Path) -> None:
    """Refuse what does not keep values as they were, under whatever name it comes.

    Decoders read many formats. Only of PNG, BMP, Netpbm and lossless WebP is it known here that
    what comes out is what went in: a TIFF, for one, may hold a JPEG.
    """
    is_riff = data.startswith(_RIFF_MAGIC)
    is_webp = is_riff and b"VP8 " in data[:_EXIF_WITHIN]
    if data.startswith(JPEG_MAGIC) or is_webp:
        raise DatasetError(
            f"{path}: is a {'WebP' if is_webp else 'JPEG'} picture, which does not keep values as "
            "they were. Save the labels as 8-bit PNG from where they were drawn."
        )
    if is_riff or data.startswith((PNG_MAGIC, _BMP_MAGIC)) or _NETPBM.match(data):
        return
    if kind := _kind_of(data):
        raise DatasetError(
            f"{path}: is of format {kind}, which may not keep values as they were. Save the labels "
            "as 8-bit PNG."
        )


def _kind_of(data: bytes) -> str:
    """Return the name of a format, as Pillow tells it; empty: it is no picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.format or ""
    except Exception:  # whether it can be read at all is for the decoder to say
        return ""


def refuse_scaled(data: bytes, path: Path) -> None:
    """Refuse a Netpbm image or a BMP whose values a decoder would stretch or turn over."""
    match = _NETPBM.match(data)
    if match and (match[1] in b"14" or match[2] not in (b"255", b"65535")):
        raise DatasetError(
            f"{path}: is a Netpbm image whose values do not run to 255 or 65535, so decoders "
            "change them. Save the labels as 8-bit PNG."
        )
    if data.startswith(_BMP_MAGIC) and len(data) >= _BMP_BITS + 2 and _bmp_changes(data):
        raise DatasetError(
            f"{path}: is a BMP image of fewer than 8 bits a value, or whose greys are not its ids, "
            "so decoders change them. Save the labels as 8-bit PNG."
        )


def _bmp_changes(data: bytes) -> bool:
    """Tell whether a BMP has few bits, or a palette of greys in another order than 0 to 255.

    A palette of colours is read as the colours it shows.
    """
    bits = int.from_bytes(data[_BMP_BITS : _BMP_BITS + 2], "little")
    if bits != 8:
        return bits not in (24, 32)
    start = _BMP_HEADER + int.from_bytes(data[_BMP_HEADER : _BMP_HEADER + 4], "little")
    count = min(int.from_bytes(data[_BMP_COLORS : _BMP_COLORS + 4], "little") or 256, 256)
    palette = np.frombuffer(data[start : start + 4 * count], np.uint8)
    palette = palette[: len(palette) // 4 * 4].reshape(-1, 4)[:, :3]
    is_grey = bool((palette == palette[:, :1]).all())
    return is_grey and not np.array_equal(palette[:, 0], np.arange(len(palette)))


def refuse_several(data: bytes, path: Path) -> None:
    """Refuse animations and files of several pages: decoders return the first picture alone."""
    is_still = data.startswith(PNG_MAGIC) and b"acTL" not in data[:_EXIF_WITHIN]
    if is_still or data.startswith(JPEG_MAGIC):
        return
    try:
        with Image.open(io.BytesIO(data)) as image:
            count = getattr(image, "n_frames", 1)
    except Exception:  # whether it can be read at all is for the decoder to say
        return
    if count > 1:
        raise DatasetError(
            f"{path}: holds {count} pictures (an animation, or pages), of which one frame can be "
            "only one. Save each as a file of its own."
        )


def promised_size(data: bytes) -> tuple[int, int] | None:
    """Return the height and width that a header promises, fast for the usual format."""
    if size := png_size(data):
        return size
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.height, image.width
    except Image.DecompressionBombError:
        return MOST_PIXELS, 2
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError):
        return None


def exif_orientation(data: bytes) -> int:
    """Return how cameras note that a picture is to be turned; 1: not at all, or nothing is said."""
    start = data if data.startswith(_RIFF_MAGIC) else data[:_EXIF_WITHIN]  # WebP has it at the end
    if not any(mark in start for mark in (b"Exif\0\0", b"eXIf", b"EXIF")):
        return 1
    try:
        with Image.open(io.BytesIO(data)) as image:
            turn = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # notes of cameras are damaged in more ways than Pillow has errors for
        return 1
    return turn if turn in range(2, 9) else 1


def refuse_print_colors(data: bytes, path: Path) -> None:
    """Refuse a JPEG of four inks: programs disagree on what it looks like on a screen.

    Whether its pixels are all there is not known either: FFmpeg reads none of them.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            is_for_print = image.mode == "CMYK"
    except Exception:  # whether it can be read at all is for the decoder to say
        return
    if is_for_print:
        raise DatasetError(
            f"{path}: is a JPEG of four inks (CMYK), which is for print. Save the pictures as RGB."
        )


def jpeg_is_damaged(data: bytes) -> bool:
    """Tell whether a JPEG's coded pixels are cut off or damaged before its end mark.

    OpenCV and Pillow fill the rest of such a picture with grey, and return it. FFmpeg can be told
    to say so; what it does not read at all is no damage.
    """
    import av  # 35 MB, which folders of other pictures are spared

    codec = av.CodecContext.create("mjpeg", "r")
    codec.options = {"err_detect": "explode"}
    try:
        codec.decode(av.Packet(data))
    except av.InvalidDataError:
        return True
    except av.FFmpegError:
        return False
    return False


def check_png(data: bytes, path: Path) -> None:
    """Refuse a PNG that is cut off or whose checksums are wrong.

    OpenCV returns such an image with its lower part black, and says so on the terminal only.
    """
    place = len(PNG_MAGIC)
    while place + 12 <= len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        end = place + 8 + length
        if end + 4 > len(data):
            break
        if zlib.crc32(data[place + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise DatasetError(f"{path}: is damaged: a checksum is wrong. Copy it again.")
        if kind == b"IEND":
            return
        place = end + 4
    raise DatasetError(f"{path}: is cut off. Copy or record it again.")
