"""Label and depth images whose numbers hide in colour channels or in the bits of floats."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from airseg.dataset.format.label_images import describe, read_stored
from airseg.errors import DatasetError

_FARTHEST = float(np.finfo(np.float16).max)


def read_red_ids(path: Path) -> np.ndarray:
    """Return the classes of a panoptic PNG: (H, W) uint8, its red channel.

    KITTI-STEP's maps hold the class in red and the instance as 256 G + B (Weber et al., STEP:
    Segmenting and Tracking Every Pixel, NeurIPS 2021), and so do VIPER's instance images.

    Raises:
        DatasetError: missing, damaged, or no RGB PNG of 8 bits.
    """
    return np.ascontiguousarray(_panoptic(path)[..., 2])


def read_objects(path: Path) -> np.ndarray:
    """Return the objects of a panoptic PNG: (H, W) uint32, 65536 class + instance; 0 is none.

    Instances are numbered within their class there, 256 green + blue, and 0 is stuff or a crowd.

    Raises:
        DatasetError: missing, damaged, or no RGB PNG of 8 bits.
    """
    blue, green, red = np.moveaxis(_panoptic(path).astype(np.uint32), -1, 0)
    instance = green * 256 + blue
    return np.where(instance > 0, red * 65536 + instance, 0).astype(np.uint32)


def _panoptic(path: Path) -> np.ndarray:
    image = read_stored(path, exact=True)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise DatasetError(
            f"{path}: expected an RGB PNG of 8 bits with the class in red, found {describe(image)}."
        )
    return image


def read_float32_depth(path: Path) -> np.ndarray:
    """Return depth that lies as float32 in the four bytes of an RGBA PNG: (H, W) float16, metres.

    TartanAir V2 stores ``cv2.imread(path, -1).view("<f4")``; its sky is a huge number. What half
    floats do not reach becomes their largest.

    Raises:
        DatasetError: missing, damaged, no RGBA PNG, or some of it no numbers.
    """
    image = read_stored(path, exact=True)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 4:
        raise DatasetError(
            f"{path}: expected an RGBA PNG whose bytes are float32 metres, found {describe(image)}."
        )
    return _as_depth(np.ascontiguousarray(image).view("<f4")[..., 0], path)


def read_float16_depth(path: Path) -> np.ndarray:
    """Return depth of a 16-bit PNG whose bits are a half float: (H, W) float16, metres.

    Mid-Air stores depth so (``hdf5-depth_viewer.py`` of its authors).

    Raises:
        DatasetError: missing, damaged, no grey PNG of 16 bits, or some of it no numbers.
    """
    image = read_stored(path, exact=True)
    if image.dtype != np.uint16 or image.ndim != 2:
        raise DatasetError(
            f"{path}: expected a grey PNG of 16 bits that are half floats, found {describe(image)}."
        )
    return _as_depth(image.view(np.float16), path)


def _as_depth(depth: np.ndarray, path: Path) -> np.ndarray:
    """Return half floats; infinity is farther than they reach, and anything else no distance."""
    wrong = np.isnan(depth) | (depth < 0)
    if wrong.any():
        raise DatasetError(
            f"{path}: {int(wrong.sum()):,} pixels of depth are no distances (NaN or negative). "
            "Copy or unpack it again."
        )
    return np.minimum(depth, _FARTHEST).astype(np.float16)
