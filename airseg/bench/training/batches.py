"""Batches of clips for training: read, cached, augmented."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from airseg.bench.frames import FrameSource
from airseg.bench.recipes.recipe import DataRecipe
from airseg.bench.recipes.recipe_parts import AugmentRecipe
from airseg.dataset.reading.augmentation import AugmentOptions
from airseg.dataset.reading.clips import Clip, ClipSampler, supervised_frames


@dataclass(frozen=True)
class Batch:
    """One process's clips of a batch.

    Attributes:
        frames: (B, T, h, w, 3) uint8 RGB.
        labels: (B, S, h, w) uint8 of the last S frames of each clip; 255 does not count.
        clips: where they are from.
        size: clips of the whole batch, of all processes.
        flow: (B, T, 2, h, w) exact, from each frame to the one before it, where it is asked for.
    """

    frames: Tensor
    labels: Tensor
    clips: list[Clip]
    size: int
    flow: Tensor | None = None

    def parts(self, count: int) -> Iterator[Batch]:
        """Yield the batch in at most `count` parts of nearly the same size."""
        for index in np.array_split(np.arange(len(self.clips)), min(count, len(self.clips))):
            yield self.cut(slice(int(index[0]), int(index[-1]) + 1))

    def cut(self, chosen: slice) -> Batch:
        """Return some of the clips, as a part of the same batch."""
        return replace(
            self,
            frames=self.frames[chosen],
            labels=self.labels[chosen],
            clips=self.clips[chosen],
            flow=None if self.flow is None else self.flow[chosen],
        )

    def without_labels(self) -> Batch:
        """Return the batch with nothing to supervise."""
        return replace(self, labels=torch.full_like(self.labels, 255))


class Batches:
    """Endless batches of clips; batch number `step` is always the same.

    Several processes share each batch: they deal the same clips, augmented in the same way, as one
    process alone would.

    Args:
        source: where frames come from.
        clips: what to deal.
        recipe: how.
        seed: of order and augmentation.
        rank, world_size: which of the processes this is.
        ahead: batches that are read beforehand, in the background.
        with_flow: deal exact flow too.
        fixed: deal the same batches in the same order in every epoch.
    """

    def __init__(
        self,
        source: FrameSource,
        clips: list[Clip],
        recipe: DataRecipe,
        seed: int,
        *,
        rank: int = 0,
        world_size: int = 1,
        ahead: int = 0,
        with_flow: bool = False,
        fixed: bool = False,
    ) -> None:
        self._source, self._recipe, self._seed = source, recipe, seed
        self._rank, self._world_size, self._ahead = rank, world_size, ahead
        self._with_flow, self._fixed = with_flow, fixed
        self._stops: dict[str, int] = {}
        for clip in clips:
            stop = max(clip.frames[-1] + 1, self._stops.get(clip.sequence, 0))
            self._stops[clip.sequence] = stop
        self._sampler = ClipSampler(
            clips, batch_size=recipe.clips_per_batch, seed=seed, batching=recipe.batching
        )

    def __len__(self) -> int:
        """Return batches an epoch."""
        return len(self._sampler)

    def from_step(self, step: int) -> Iterator[Batch]:
        """Yield batches from a step on."""
        dealt = self._deal(step)
        if not self._ahead:
            for number, clips in dealt:
                yield self._load(clips, number)
            return
        waiting: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(min(self._ahead, 4), thread_name_prefix="batches") as pool:
            try:
                for number, clips in dealt:
                    waiting.append(pool.submit(self._load, clips, number))
                    if len(waiting) > self._ahead:
                        yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def _deal(self, step: int) -> Iterator[tuple[int, list[Clip]]]:
        """Yield numbers of batches and their clips, from a step on."""
        epoch, skip = divmod(step, len(self._sampler))
        while True:
            self._sampler.set_epoch(0 if self._fixed else epoch)
            first = epoch * len(self._sampler)
            for number, clips in enumerate(self._sampler):
                if number >= skip:
                    yield first + number, clips
            epoch, skip = epoch + 1, 0

    def _load(self, clips: list[Clip], step: int) -> Batch:
        frames, labels, flows = [], [], []
        lanes = range(self._rank, len(clips), self._world_size)
        for lane in lanes or range(1):
            random = np.random.default_rng([self._seed, step, lane])
            index = self._order_of(clips[lane], random)
            rgb, truth = self._source.frames(
                clips[lane].sequence, index if index.step > 0 else index[::-1]
            )
            if index.step < 0:
                rgb, truth = rgb[::-1], truth[::-1]
            rgb, truth, mirrored = _augment(rgb, truth, self._recipe, random)
            if self._with_flow:
                way = self._source.flow(clips[lane].sequence, clips[lane].frames)
                flows.append(torch.from_numpy(_mirrored(way) if mirrored else way))
            frames.append(torch.from_numpy(rgb))
            labels.append(torch.from_numpy(truth[-self._recipe.targets :]))
        truths = torch.stack(labels)
        if not lanes:  # fewer clips than processes: this one takes part and supervises nothing
            truths = torch.full_like(truths, 255)
        flow = torch.stack(flows) if flows else None
        chosen = [clips[i] for i in lanes or [0]]
        return Batch(torch.stack(frames), truths, chosen, len(clips), flow)

    def _order_of(self, clip: Clip, random: np.random.Generator) -> range:
        """Return a clip's frames, forwards, or backwards to the same supervised ones."""
        if not (self._recipe.reverse and random.random() < 0.5):
            return clip.frames
        supervised = supervised_frames(clip, self._recipe.targets)
        context = (clip.length - self._recipe.targets) * clip.stride
        last = supervised[-1] + context
        if last >= self._stops[clip.sequence]:
            return clip.frames  # too near the flight's end to come from behind it
        return range(last, supervised[0] - 1, -clip.stride)


def _augment(
    rgb: np.ndarray, labels: np.ndarray, recipe: DataRecipe, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Change a clip as a whole, so that nothing jumps; return also whether it is mirrored."""
    mirrored = recipe.flip and random.random() < 0.5
    if mirrored:
        rgb, labels = rgb[:, :, ::-1], labels[:, :, ::-1]
    if recipe.photometric:
        gain = 1 + recipe.photometric * random.uniform(-1, 1, 3)
        shift = 64 * recipe.photometric * random.uniform(-1, 1)
        table = np.clip(np.arange(256)[:, None] * gain + shift, 0, 255).astype(np.uint8)
        rgb = np.stack([table[rgb[..., c], c] for c in range(3)], -1)
    return np.ascontiguousarray(rgb), np.ascontiguousarray(labels), mirrored


def _mirrored(flow: np.ndarray) -> np.ndarray:
    """Return the flow (T, 2, h, w) of a clip whose right is left."""
    return np.ascontiguousarray(flow[..., ::-1] * np.array([[[-1]], [[1]]], np.float32))


def augmentation_of(recipe: AugmentRecipe | None) -> AugmentOptions | None:
    """Return how clips are changed where the network computes, or None."""
    return None if recipe is None else AugmentOptions(**recipe.model_dump())
