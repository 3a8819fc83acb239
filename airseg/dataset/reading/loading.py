"""Clips as batches of tensors, read by worker processes, resumable in the middle of an epoch.

Frames are read straight into the batch's array: no clip is copied into it afterwards. Every worker
opens the file for itself, so that forked and spawned workers are both safe. Labels are read for the
supervised frames only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from airseg.dataset.reading.clips import Clip, ClipSampler, supervised_frames
from airseg.dataset.reading.label_size import ShrinkMethod, shrink_labels
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError


class ClipBatch(NamedTuple):
    """Some clips.

    Attributes:
        frames: (B, T, 3, H, W) uint8, RGB; channels lie last in memory.
        labels: (B, S, h, w) uint8 of each clip's last S frames.
        clips: which clips these are.
    """

    frames: Tensor
    labels: Tensor
    clips: list[Clip]


class ClipDataset(TorchDataset):
    """Clips of a dataset file for a torch `DataLoader`; `ClipLoader` sets one up.

    An index is a number or a `Clip`. Several at once are one `ClipBatch`, so that a `DataLoader`
    with a `ClipSampler` as `batch_sampler` needs a `collate_fn` that returns what it is given.

    Args:
        dataset: an open dataset, or its file.
        clips: what can be asked for by number; all of one length.
        targets: how many frames at the end of a clip have labels read; all if None.
        height, width: size of the frames and of labels at full resolution; the stored one if None.
        label_factor: labels at 1/`label_factor` of the resolution, such as 8.
        label_method: of shrinking labels by `label_factor`.

    Raises:
        DatasetError: impossible numbers, or sequences of several sizes and no height and width.
    """

    def __init__(
        self,
        dataset: Dataset | str | Path,
        clips: Sequence[Clip],
        *,
        targets: int | None = None,
        height: int | None = None,
        width: int | None = None,
        label_factor: int = 1,
        label_method: ShrinkMethod = "majority",
    ) -> None:
        self.dataset = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
        self._clips = clips
        self._length = clips[0].length
        self._targets = self._length if targets is None else targets
        if not 1 <= self._targets <= self._length:
            raise DatasetError(
                f"targets should be 1 to {self._length}, the frames of a clip; found {targets}."
            )
        stored = {(view.height, view.width) for view in self.dataset}
        if (height is None or width is None) and len(stored) > 1:
            sizes = ", ".join(f"{w}x{h}" for h, w in sorted(stored))
            raise DatasetError(
                f"{self.dataset.path}: its sequences have several sizes ({sizes}). Give height and "
                "width."
            )
        first = next(iter(stored))
        self._size = (height or first[0], width or first[1])
        self._label_factor, self._label_method = label_factor, label_method

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int | Clip) -> ClipBatch:
        batch = self.__getitems__([index])
        return ClipBatch(batch.frames[0], batch.labels[0], batch.clips)

    def __getitems__(self, indices: Sequence[int | Clip]) -> ClipBatch:
        clips = [self._clips[i] if isinstance(i, int) else i for i in indices]
        if any(clip.length != self._length for clip in clips):
            raise DatasetError(f"clips of one batch should all have {self._length} frames.")
        frames = torch.empty((len(clips), self._length, *self._size, 3), dtype=torch.uint8)
        labels = torch.empty((len(clips), self._targets, *self._size), dtype=torch.uint8)
        for lane, clip in enumerate(clips):
            read_clip_into(self.dataset, clip, frames[lane].numpy(), labels[lane].numpy())
        if self._label_factor > 1:
            labels = shrink_labels(
                labels,
                self._label_factor,
                self._label_method,
                num_classes=self.dataset.num_classes,
                ignore_index=self.dataset.ignore_index,
            )
        return ClipBatch(frames.permute(0, 1, 4, 2, 3), labels, clips)


def read_clip_into(dataset: Dataset, clip: Clip, frames: np.ndarray, labels: np.ndarray) -> None:
    """Read a clip, resized where the arrays are of another size than the stored frames.

    Colour is averaged over areas (interpolated when enlarged); labels take the nearest pixel, which
    never invents a class.

    Args:
        dataset: where the clip lies.
        clip: which frames.
        frames: (T, H, W, 3) uint8, filled with RGB.
        labels: (S, H, W) uint8, filled with the labels of the clip's last S frames.
    """
    view = dataset.sequence(clip.sequence)
    stored, size = (view.height, view.width), frames.shape[1:3]
    own = size == stored
    wanted, labelled = clip.frames, supervised_frames(clip, len(labels))
    rgb = view.rgb(wanted[0], wanted[-1] + 1, clip.stride, frames if own else None)
    truth = view.label(labelled[0], labelled[-1] + 1, clip.stride, labels if own else None)
    if own:
        return
    shrinks = size[0] <= stored[0] and size[1] <= stored[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    for image, target in zip(rgb, frames, strict=True):
        cv2.resize(image, size[::-1], dst=target, interpolation=method)
    for image, target in zip(truth, labels, strict=True):
        cv2.resize(image, size[::-1], dst=target, interpolation=cv2.INTER_NEAREST_EXACT)


class ClipLoader:
    """Batches of an epoch's clips, read by worker processes that fetch ahead.

    Its state counts the batches that were delivered, not those that workers have fetched already,
    and is the same on every rank; a run that is resumed sees what the undisturbed one would have.

    Args:
        dataset: what reads clips.
        sampler: which clips, in which order; the loader moves it.
        workers: processes that read; 0 reads in this one.
        start_method: ``fork``, ``spawn`` or ``forkserver``; the platform's own if None.
        pin_memory: for faster copies to a CUDA device.
        prefetch: batches that a worker reads ahead.
    """

    def __init__(
        self,
        dataset: ClipDataset,
        sampler: ClipSampler,
        *,
        workers: int = 0,
        start_method: str | None = None,
        pin_memory: bool = False,
        prefetch: int = 2,
    ) -> None:
        self._sampler = sampler
        self._delivered = 0
        of_workers: dict[str, Any] = {
            "multiprocessing_context": start_method,
            "prefetch_factor": prefetch,
            "persistent_workers": True,
        }
        self._loader = DataLoader(
            dataset,
            batch_sampler=sampler,
            num_workers=workers,
            collate_fn=_as_it_is,  # type: ignore[arg-type]
            pin_memory=pin_memory,
            **(of_workers if workers else {}),
        )

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration delivers."""
        return self._sampler.epoch

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; see `ClipSampler.set_epoch`."""
        if epoch != self._sampler.epoch:
            self._delivered = 0
        self._sampler.set_epoch(epoch)

    def __len__(self) -> int:
        """Return this rank's batches in a whole epoch."""
        return len(self._sampler)

    def __iter__(self) -> Iterator[ClipBatch]:
        self._delivered = self._sampler.next_batch
        for batch in self._loader:
            self._delivered += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Return where the run stands, after the batches that were delivered."""
        return self._sampler.state_dict() | {"batch": self._delivered}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises:
            DatasetError: the state is of other clips or other settings.
        """
        self._sampler.load_state_dict(state)
        self._delivered = self._sampler.next_batch


def _as_it_is(batch: ClipBatch) -> ClipBatch:
    return batch
