"""Change clips at random, every frame of a clip alike, on the device where they lie.

What is changed is drawn on the CPU for each clip from seed, epoch and the clip itself, so that a
clip gets the same change in whatever batch, on whatever rank and after whatever interruption. What
carries it out are plain functions of tensors.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from airseg.classes import IGNORE_INDEX
from airseg.dataset.reading.clips import Clip
from airseg.errors import DatasetError

_GREY = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in brightness, ITU-R BT.601."""


@dataclass(frozen=True)
class AugmentOptions:
    """How far clips may be changed; the defaults change nothing.

    Attributes:
        scale: smallest and largest factor of enlargement; drawn so that halving is as likely as
            doubling.
        crop: height and width of the result; the frames' own if None.
        flip: how likely a clip is mirrored left to right.
        brightness: brightness is multiplied by up to 1 +- this.
        contrast: distance from the clip's mean brightness, likewise.
        saturation: distance from grey, likewise.
        tint: each channel for itself, likewise.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    crop: tuple[int, int] | None = None
    flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    tint: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.scale
        strengths = (self.brightness, self.contrast, self.saturation, self.tint, self.flip)
        if not 0 < low <= high or not all(0 <= value <= 1 for value in strengths):
            raise DatasetError(
                f"augmentation needs 0 < smallest <= largest scale and everything else between 0 "
                f"and 1; found {self}."
            )


@dataclass(frozen=True)
class ClipChanges:
    """What happens to each clip of a batch; every tensor is float32 on the CPU.

    Attributes:
        scale: (B,) enlargement.
        place: (B, 2) where the crop lies between its extremes, vertically and horizontally, 0 to 1.
        flip: (B,) 1 or -1.
        gain: (B, 3) factor of each channel, brightness and tint.
        contrast: (B,) factor of the distance from the clip's mean brightness.
        saturation: (B,) factor of the distance from grey.
    """

    scale: Tensor
    place: Tensor
    flip: Tensor
    gain: Tensor
    contrast: Tensor
    saturation: Tensor


def draw_changes(
    clips: Sequence[Clip], options: AugmentOptions, *, seed: int, epoch: int
) -> ClipChanges:
    """Draw what happens to each of some clips.

    Args:
        clips: which.
        options: how far.
        seed, epoch: the same give the same changes.
    """
    rows = [_draw(clip, options, seed, epoch) for clip in clips]
    columns = [
        torch.tensor(np.array(column), dtype=torch.float32) for column in zip(*rows, strict=True)
    ]
    return ClipChanges(*(torch.from_numpy(np.array(c, np.float32)) for c in columns))


def _draw(
    clip: Clip, options: AugmentOptions, seed: int, epoch: int
) -> tuple[float, np.ndarray, float, np.ndarray, float, float]:
    key = [seed, epoch, zlib.crc32(clip.sequence.encode()), clip.start, clip.stride]
    random = np.random.default_rng(key)
    low, high = np.log(options.scale)
    scale = float(np.exp(random.uniform(low, high)))
    place = random.uniform(size=2)
    flip = -1.0 if random.uniform() < options.flip else 1.0
    brightness, contrast, saturation = 1 + random.uniform(-1, 1, 3) * (
        options.brightness,
        options.contrast,
        options.saturation,
    )
    tint = 1 + random.uniform(-1, 1, 3) * options.tint
    return scale, place, flip, brightness * tint, contrast, saturation


def augment(
    frames: Tensor,
    labels: Tensor,
    changes: ClipChanges,
    options: AugmentOptions,
) -> tuple[Tensor, Tensor]:
    """Scale, crop, mirror and recolour clips.

    Args:
        frames: (B, T, 3, H, W) uint8, or float from 0 to 1.
        labels: (B, S, H, W) uint8 at the resolution of the frames; what lies outside is ignored.
        changes: of each clip.
        options: which kinds of change there are.

    Returns:
        Frames (B, T, 3, h, w) float32 from 0 to 1, and labels (B, S, h, w) uint8.
    """
    frames = frames.float() / 255 if frames.dtype == torch.uint8 else frames
    size = options.crop or (frames.shape[-2], frames.shape[-1])
    if size != tuple(frames.shape[-2:]) or options.scale != (1.0, 1.0) or options.flip:
        frames, labels = scale_crop_flip(frames, labels, changes, size)
    if options.brightness or options.tint or options.contrast or options.saturation:
        frames = recolour(frames, changes.gain, changes.contrast, changes.saturation)
    return frames, labels


def scale_crop_flip(
    frames: Tensor,
    labels: Tensor,
    changes: ClipChanges,
    size: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Cut a window of `size` out of each enlarged clip, mirrored or not, in one resampling.

    Colour is interpolated linearly, labels take the nearest pixel. Outside the frames colour is
    black and labels are `IGNORE_INDEX`.

    Args:
        frames: (B, T, 3, H, W) float.
        labels: (B, S, H, W) uint8.
        changes: of each clip.
        size: height and width of the window.

    Returns:
        Frames (B, T, 3, h, w) and labels (B, S, h, w) uint8.
    """
    batch, depth, channels, height, width = frames.shape
    grid = _sampling_grid(changes, (height, width), size, frames.device)
    moved = F.grid_sample(
        frames.reshape(batch, depth * channels, height, width),
        grid,
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )
    # One above the label, so that what lies outside, which becomes 0, can be told.
    truth = F.grid_sample(
        labels.float() + 1, grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    truth = truth.where(truth > 0, IGNORE_INDEX + 1) - 1
    return moved.reshape(batch, depth, channels, *size), truth.to(torch.uint8)


def _sampling_grid(
    changes: ClipChanges, stored: tuple[int, int], size: tuple[int, int], device: torch.device
) -> Tensor:
    """Return where each pixel of the window comes from: (B, h, w, 2), x then y, as torch wants."""
    axes = []
    for axis, (whole, part) in enumerate(zip(stored, size, strict=True)):
        scale = changes.scale.double()
        pixel = torch.arange(part, dtype=torch.float64) + 0.5
        # Whole pixels of the enlarged frame, so that a crop alone interpolates nothing.
        first = (changes.place[:, axis].double() * (scale * whole - part)).round()
        position = (first[:, None] + pixel) / scale[:, None] / whole * 2 - 1
        axes.append(position)
    rows, columns = axes
    columns = columns * changes.flip.double()[:, None]
    grid = torch.stack(
        [
            columns[:, None, :].expand(-1, size[0], -1),
            rows[:, :, None].expand(-1, -1, size[1]),
        ],
        -1,
    )
    return grid.float().to(device)


def recolour(frames: Tensor, gain: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Change brightness and tint, then contrast, then saturation of clips.

    Contrast turns about the clip's mean brightness, not each frame's, which would flicker.

    Args:
        frames: (B, T, 3, H, W) float from 0 to 1.
        gain: (B, 3) factor of each channel.
        contrast: (B,) factor of the distance from the mean brightness.
        saturation: (B,) factor of the distance from grey.

    Returns:
        (B, T, 3, H, W) float, held between 0 and 1.
    """
    device = frames.device

    def each(values: Tensor) -> Tensor:
        """Return (B,) or (B, 3) numbers in the frames' five dimensions."""
        channels = values.shape[1] if values.ndim == 2 else 1
        return values.to(device).reshape(-1, 1, channels, 1, 1)

    weights = torch.tensor(_GREY, device=device).reshape(1, 1, 3, 1, 1)
    frames = frames * each(gain)
    mean = (frames * weights).sum(2, keepdim=True).mean((1, 3, 4), keepdim=True)
    frames = mean + (frames - mean) * each(contrast)
    grey = (frames * weights).sum(2, keepdim=True)
    return (grey + (frames - grey) * each(saturation)).clamp(0, 1)
