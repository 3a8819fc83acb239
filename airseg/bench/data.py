"""Batches of clips for training: read, cached, augmented."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor

from airseg.bench.recipe import DataRecipe
from airseg.dataset.clips import Clip, ClipSampler, enumerate_clips
from airseg.dataset.reader import Dataset

_CACHE_BYTES = 3 * 1024**3
_READ_AT_ONCE = 16


class FrameStore:
    """Frames at training resolution, kept in memory as far as they fit.

    Args:
        dataset: where they come from.
        height, width: size while training.
    """

    def __init__(self, dataset: Dataset, height: int, width: int) -> None:
        self._dataset, self.size = dataset, (height, width)
        self._kept: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._bytes = 0

    def frames(self, sequence: str, index: range) -> tuple[np.ndarray, np.ndarray]:
        """Return (T, h, w, 3) uint8 RGB and (T, h, w) uint8 labels of some frames."""
        if sequence not in self._kept:
            length = self._dataset.sequence(sequence).length
            needed = length * self.size[0] * self.size[1] * 4
            if self._bytes + needed > _CACHE_BYTES:
                return self._read(sequence, index)
            self._kept[sequence] = self._read(sequence, range(length))
            self._bytes += needed
        rgb, labels = self._kept[sequence]
        chosen = slice(index.start, index.stop, index.step)
        return rgb[chosen], labels[chosen]

    def _read(self, sequence: str, index: range) -> tuple[np.ndarray, np.ndarray]:
        view = self._dataset.sequence(sequence)
        rgb = np.empty((len(index), *self.size, 3), np.uint8)
        labels = np.empty((len(index), *self.size), np.uint8)
        for first in range(0, len(index), _READ_AT_ONCE):
            part = index[first : first + _READ_AT_ONCE]
            frames = view.rgb(part.start, part[-1] + 1, part.step)
            truth = view.label(part.start, part[-1] + 1, part.step)
            for i, (frame, label) in enumerate(zip(frames, truth, strict=True)):
                rgb[first + i] = resize_frame(frame, self.size)
                labels[first + i] = cv2.resize(
                    label, self.size[::-1], interpolation=cv2.INTER_NEAREST
                )
        return rgb, labels


def resize_frame(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an (H, W, 3) uint8 frame at another (height, width)."""
    if frame.shape[:2] == size:
        return frame
    method = cv2.INTER_AREA if size[0] < frame.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(frame, size[::-1], interpolation=method)


def to_model(frames: np.ndarray) -> Tensor:
    """Return (..., 3, H, W) float from 0 to 1 of (..., H, W, 3) uint8 frames."""
    return torch.from_numpy(np.moveaxis(frames, -1, -3).astype(np.float32) / 255.0)


class Batches:
    """Endless batches of a recipe's clips; batch number `step` is always the same.

    Args:
        store: where frames come from.
        lengths: frames of each training sequence.
        recipe: how clips are cut.
        context: the model's own, at most `recipe.max_context`.
        seed: of order and augmentation.
    """

    def __init__(
        self,
        store: FrameStore,
        lengths: dict[str, int],
        recipe: DataRecipe,
        context: int,
        seed: int,
    ) -> None:
        self._store, self._recipe, self._seed = store, recipe, seed
        clips = enumerate_clips(
            lengths,
            context=context,
            targets=recipe.targets,
            stride=recipe.stride,
            max_context=max(recipe.max_context, context),
        )
        self.clips = len(clips)
        self._sampler = ClipSampler(
            clips, batch_size=recipe.clips_per_batch, seed=seed, batching=recipe.batching
        )

    def __len__(self) -> int:
        """Return batches an epoch."""
        return len(self._sampler)

    def from_step(self, step: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield batches from a step on: frames (B, T, 3, h, w) float and labels (B, S, h, w)."""
        epoch, skip = divmod(step, len(self._sampler))
        while True:
            self._sampler.set_epoch(epoch)
            for number, clips in enumerate(self._sampler):
                if number >= skip:
                    yield self._load(clips, epoch * len(self._sampler) + number)
            epoch, skip = epoch + 1, 0

    def _load(self, clips: list[Clip], step: int) -> tuple[Tensor, Tensor]:
        frames, labels = [], []
        for lane, clip in enumerate(clips):
            rgb, truth = self._store.frames(clip.sequence, clip.frames)
            random = np.random.default_rng([self._seed, step, lane])
            rgb, truth = _augment(rgb, truth, self._recipe, random)
            frames.append(to_model(rgb))
            labels.append(torch.from_numpy(truth[-self._recipe.targets :].astype(np.int64)))
        return torch.stack(frames), torch.stack(labels)


def _augment(
    rgb: np.ndarray, labels: np.ndarray, recipe: DataRecipe, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Change a clip as a whole, so that nothing jumps from frame to frame."""
    if recipe.flip and random.random() < 0.5:
        rgb, labels = rgb[:, :, ::-1], labels[:, :, ::-1]
    if recipe.photometric:
        gain = 1 + recipe.photometric * random.uniform(-1, 1, 3)
        shift = 64 * recipe.photometric * random.uniform(-1, 1)
        table = np.clip(np.arange(256)[:, None] * gain + shift, 0, 255).astype(np.uint8)
        rgb = np.stack([table[rgb[..., c], c] for c in range(3)], -1)
    return np.ascontiguousarray(rgb), np.ascontiguousarray(labels)
