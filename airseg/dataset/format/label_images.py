"""Read colour and label images of other people's folders, and say plainly what is wrong with them.

Labels come as ids (NumPy files, grey or palette PNGs) or as colours. A wider type is accepted where
every value fits a byte; nothing is ever cut off.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from airseg.dataset.format.image_headers import (
    JPEG_END,
    JPEG_MAGIC,
    MOST_PIXELS,
    PNG_MAGIC,
    check_png,
    exif_orientation,
    image_header,
    jpeg_is_damaged,
    promised_size,
    refuse_lossy,
    refuse_print_colors,
    refuse_scaled,
    refuse_several,
)
from airseg.errors import DatasetError
from airseg.text_files import read_file

_AFTER_END = 4096  # some cameras write a little after the end
_PFM = re.compile(rb"P[Ff]\s+\d+\s+\d+\s+(\S{1,40})\s")
_NPY_MAGIC = b"\x93NUMPY"
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # what is wrong is told here
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # refused here
warnings.filterwarnings("ignore", message="Palette images with Transparency")  # no id is that


def read_color(path: Path) -> np.ndarray:
    """Return a colour picture: (H, W, 3) uint8, RGB.

    Raises:
        DatasetError: missing, damaged or cut off, or no 8-bit picture.
    """
    image = read_stored(path)
    if image.dtype != np.uint8:
        raise DatasetError(f"{path}: expected an 8-bit colour picture, found {describe(image)}.")
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    return np.ascontiguousarray(image[..., 2::-1])


def read_stored(path: Path, *, exact: bool = False) -> np.ndarray:
    """Return an image's values as they are stored: (H, W), or (H, W, C) in OpenCV's order BGR(A).

    Args:
        path: the image.
        exact: refuse formats that change values, where these are no picture.

    Raises:
        DatasetError: missing, damaged or cut off, or no image.
    """
    data = _bytes(path)
    if exact:
        refuse_lossy(data, path)
    return _decode(data, path)


def read_labels(path: Path, *, as_colors: bool = False) -> np.ndarray:
    """Return a label image: (H, W) uint8 ids, or (H, W, 3) uint8 RGB where labels are colours.

    Of a palette PNG the indices are the ids, whatever the palette shows them as. A palette of greys
    is what tools such as optipng make of a grey image, whose ids are the greys: it is refused.

    Args:
        path: a NumPy file or an image.
        as_colors: return colours of all that is stored as colours, where labels are known to be
            some, greys among them.

    Raises:
        DatasetError: missing, damaged, ids beyond 255, see-through pixels, or no image at all.
    """
    if path.suffix.lower() == ".npy":
        return _as_ids(_load_npy(path), path)
    data = _bytes(path)
    header = image_header(data)
    if header.has_palette:
        check_png(data, path)
        refuse_several(data, path)
        _decode(data, path)  # of a PNG that has too few rows Pillow gives the others as 0
        if as_colors:
            return _palette_colors(data, path)
        indices = _palette_indices(data, path)
        _refuse_grey_palette(header.palette, indices, path)
        return indices
    refuse_several(data, path)
    refuse_lossy(data, path)
    refuse_scaled(data, path)
    image = _decode(data, path)
    if image.ndim == 2:
        # Decoders stretch samples of 1, 2 and 4 bits to 0 to 255.
        return _as_ids(image // header.stretch if header.stretch > 1 else image, path)
    if image.dtype != np.uint8:
        raise DatasetError(
            f"{path}: expected 8-bit label colours, found {describe(image)}. Save them as 8-bit."
        )
    if image.shape[2] == 4 and not header.is_keyed and (image[..., 3] != 255).any():
        count = int((image[..., 3] != 255).sum())
        raise DatasetError(
            f"{path}: {count} pixels are see-through, so their label is not certain. Save the "
            "labels without an alpha channel."
        )
    rgb = np.ascontiguousarray(image[..., 2::-1])
    is_gray = (rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 0] == rgb[..., 2]).all()
    if as_colors:
        return rgb
    # Black and white are colours of palettes too; a single grey level proves nothing.
    return np.ascontiguousarray(rgb[..., 0]) if is_gray and rgb.any() else rgb


def read_depth(path: Path) -> np.ndarray:
    """Return depth of a NumPy file or a PFM of AirSim's: (H, W) float16, metres.

    Raises:
        DatasetError: missing, damaged, no floats, or some of them no distances.
    """
    is_array = path.suffix.lower() == ".npy"
    data = b"" if is_array else _bytes(path)
    _refuse_scaled_depth(data, path)
    depth = _load_npy(path) if is_array else _decode(data, path)
    if depth.ndim != 2 or depth.dtype.kind != "f":
        raise DatasetError(f"{path}: expected (H, W) floats of depth, found {describe(depth)}.")
    if path.suffix.lower() == ".pfm":
        # AirSim stores rows from the top, against the format; OpenCV turns them over.
        depth = depth[::-1]
    wrong = ~np.isfinite(depth) | (depth < 0)
    if wrong.any():
        raise DatasetError(
            f"{path}: {int(wrong.sum()):,} pixels of depth are no distances (NaN, infinite or "
            "negative)."
        )
    return np.clip(depth, 0, np.finfo(np.float16).max).astype(np.float16)


def _refuse_scaled_depth(data: bytes, path: Path) -> None:
    """Refuse a PFM that says what its values are to be multiplied with: readers differ on it."""
    match = _PFM.match(data)
    if match and match[1].lstrip(b"-+") not in (b"1", b"1.0", b"1.00", b"1.000000"):
        raise DatasetError(
            f"{path}: scales its values by {match[1].decode()}, which some programs multiply with, "
            "others divide by, and most leave out. Save depth in metres, with scale -1."
        )


def image_size(path: Path) -> tuple[int, int] | None:
    """Return the height and width that a picture's header promises; None where it says nothing.

    Raises:
        DatasetError: more pixels than airseg reads, or no file.
    """
    _refuse_pipe(path)
    try:
        with Image.open(path) as image:
            _refuse_bomb((image.height, image.width), path)
            return image.height, image.width
    except Image.DecompressionBombError as cause:
        raise DatasetError(f"{path}: is larger than airseg reads ({cause}).") from None
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError):
        return None  # whoever decodes it says what is wrong


def _refuse_bomb(size: tuple[int, int], path: Path) -> None:
    if math.prod(size) > MOST_PIXELS:
        raise DatasetError(
            f"{path}: is larger than airseg reads: its header says {size[1]}x{size[0]} pixels, at "
            f"most {MOST_PIXELS:,} are read."
        )


def color_table(colors: Mapping[int, tuple[int, int, int]]) -> np.ndarray:
    """Return (2**24,) int16: the id of a packed colour, -1 where none has it."""
    table = np.full(1 << 24, -1, np.int16)
    for number, (red, green, blue) in colors.items():
        table[(red << 16) | (green << 8) | blue] = number
    return table


def pack_colors(rgb: np.ndarray) -> np.ndarray:
    """Return (H, W) int32: the three bytes of each pixel as one number."""
    packed = rgb[..., 0].astype(np.int32) << 16
    packed |= rgb[..., 1].astype(np.int32) << 8
    return packed | rgb[..., 2]


def decode_colors(rgb: np.ndarray, table: np.ndarray, path: Path) -> np.ndarray:
    """Return the ids of a label image that is drawn in colours.

    Args:
        rgb: (H, W, 3) uint8.
        table: of `color_table`.
        path: for messages.

    Raises:
        DatasetError: a colour belongs to no id; it is never guessed.
    """
    packed = pack_colors(rgb)
    ids = table[packed]
    unknown = ids < 0
    if unknown.any():
        strange, counts = np.unique(packed[unknown], return_counts=True)
        worst = int(strange[np.argmax(counts)])
        hint = ""
        if (table[pack_colors(np.ascontiguousarray(rgb[..., ::-1]))] >= 0).all():
            hint = " Read as BGR all of them fit: red and blue are swapped."
        raise DatasetError(
            f"{path}: {int(counts.sum()):,} pixels have {len(strange)} colours that belong to no "
            f"id of the palette, most of them #{worst:06x}.{hint} Give the palette these images "
            "were drawn with, and images without loss or smoothing."
        )
    return ids.astype(np.uint8)


def _as_ids(values: np.ndarray, path: Path) -> np.ndarray:
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim == 3 and values.shape[2] == 3 and values.dtype == np.uint8:
        return values
    if values.ndim != 2 or values.dtype.kind not in "iu" or values.size == 0:
        raise DatasetError(f"{path}: expected (H, W) whole ids, found {describe(values)}.")
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 255:
        count = int(((values < 0) | (values > 255)).sum())
        raise DatasetError(
            f"{path}: ids should lie between 0 and 255, found {low} to {high} ({count:,} pixels "
            "outside). Renumber them, or save classes instead of instances."
        )
    return values.astype(np.uint8)


def _load_npy(path: Path) -> np.ndarray:
    data = _bytes(path)
    if not data.startswith(_NPY_MAGIC):
        what = "is empty" if not data else "is not a NumPy file of numbers"
        raise DatasetError(f"{path}: {what}. Copy or make it again.")
    try:
        return _parse_npy(data)
    except (ValueError, EOFError, OSError, SyntaxError, MemoryError, TokenError) as cause:
        reason = " ".join(str(cause).split()) or type(cause).__name__
        raise DatasetError(
            f"{path}: not a whole NumPy file of numbers ({reason[:120]}). Copy or make it again."
        ) from None


def _parse_npy(data: bytes) -> np.ndarray:
    """Return the array of a .npy file: `np.load` without its many small copies, and no pickle."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        return np.load(io.BytesIO(data), allow_pickle=False)
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
    values = np.frombuffer(data, dtype, math.prod(shape), file.tell())
    return values.reshape(shape, order="F" if is_fortran else "C").copy(order="C")


def _refuse_grey_palette(palette: np.ndarray, indices: np.ndarray, path: Path) -> None:
    """Refuse indices whose palette shows them as other greys, which are the ids most likely."""
    is_grey = len(palette) and (palette == palette[:, :1]).all()
    used = np.unique(indices)
    if not is_grey or used[-1] >= len(palette):
        return
    greys = palette[used, 0]
    # Where everything is shown as one grey the palette says nothing.
    if (greys == used).all() or (len(used) > 1 and len(set(greys.tolist())) == 1):
        return
    first = int(np.flatnonzero(greys != used)[0])
    raise DatasetError(
        f"{path}: is a palette PNG of greys, in which index {used[first]} is shown as grey "
        f"{greys[first]}: a tool such as optipng has renumbered the ids. Save it as an 8-bit grey "
        "PNG again."
    )


def _palette_colors(data: bytes, path: Path) -> np.ndarray:
    """Return the colours that a palette PNG shows: (H, W, 3) uint8."""
    with _pillow_image(data, path) as image:
        return np.asarray(image.convert("RGB"), np.uint8).copy()


def _palette_indices(data: bytes, path: Path) -> np.ndarray:
    """Return the indices of a palette PNG, which OpenCV would turn into colours."""
    with _pillow_image(data, path) as image:
        return np.asarray(image, np.uint8).copy()


@contextmanager
def _pillow_image(data: bytes, path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(io.BytesIO(data)) as image:
            _refuse_bomb((image.height, image.width), path)
            yield image
    except Image.DecompressionBombError as cause:
        raise DatasetError(f"{path}: is larger than airseg reads ({cause}).") from None
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError) as cause:
        raise DatasetError(f"{path}: a damaged or cut off PNG ({cause}). Copy it again.") from None


def _decode(data: bytes, path: Path) -> np.ndarray:
    if data.startswith(PNG_MAGIC):
        check_png(data, path)
    elif data.startswith(JPEG_MAGIC) and JPEG_END not in data[-_AFTER_END:]:
        raise DatasetError(f"{path}: is cut off. Copy or record it again.")
    if size := promised_size(data):
        _refuse_bomb(size, path)
    refuse_several(data, path)
    if (turn := exif_orientation(data)) != 1:
        raise DatasetError(
            f"{path}: is to be shown turned or mirrored (EXIF orientation {turn}), and nobody can "
            "say whether its labels were drawn on what is shown. Save both upright."
        )
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:  # such as more pixels than OpenCV believes in
        image = None
    if data.startswith(JPEG_MAGIC):
        refuse_print_colors(data, path)
        image = None if jpeg_is_damaged(data) else image
    if image is None:
        what = "is no image, or damaged" if data else "is empty"
        raise DatasetError(f"{path}: {what}. Copy or record it again.")
    return image


def _refuse_pipe(path: Path) -> None:
    """Refuse what is there and is no file: a pipe or a device is read for ever."""
    if path.exists() and not path.is_file():
        raise DatasetError(f"{path}: is no file. Take it away, or put the image there.")


def _bytes(path: Path) -> bytes:
    return read_file(path, DatasetError)


def describe(values: np.ndarray) -> str:
    """Return type and shape of an array, for messages."""
    return f"{values.dtype} of shape {values.shape}"
