"""Clips as torchvision's tensors, so that its transforms change frames and labels alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset as TorchDataset
from torchvision import tv_tensors

from airseg.dataset.reading.clips import EveryClip
from airseg.dataset.reading.loading import ClipDataset
from airseg.dataset.reading.reader import Dataset

Transform = Callable[[tv_tensors.Video, tv_tensors.Mask], Any]


class VideoClips(TorchDataset):
    """Clips of one split, each a video and the labels of all its frames.

    What `torchvision.transforms.v2` does by chance it does once for a clip: all its frames are cut,
    turned and coloured alike, and labels go where their pixels go. PyTorch's own `DataLoader` makes
    batches of them.

    Args:
        dataset: where they lie.
        clips: which frames.
        height, width: size of frames and labels; the stored one if None.
        transform: called with both; what it returns is the clip.
    """

    def __init__(
        self,
        dataset: Dataset,
        clips: EveryClip,
        *,
        height: int | None = None,
        width: int | None = None,
        transform: Transform | None = None,
    ) -> None:
        self._clips = clips
        self._reader = ClipDataset(dataset, clips, height=height, width=width)
        self._transform = transform

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> Any:
        """Return (T, 3, H, W) uint8 RGB and (T, H, W) uint8 labels, or what `transform` does."""
        batch = self._reader[self._clips[index]]
        video, mask = tv_tensors.Video(batch.frames), tv_tensors.Mask(batch.labels)
        return (video, mask) if self._transform is None else self._transform(video, mask)

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))


def video_clips(
    dataset: Dataset | str | Path,
    *,
    split: str = "train",
    length: int = 4,
    stride: int = 1,
    every: int = 1,
    height: int | None = None,
    width: int | None = None,
    transform: Transform | None = None,
) -> VideoClips:
    """Return every clip of a split as `VideoClips`.

    Args:
        dataset: an open dataset, or its file.
        split: ``train``, ``val`` or ``test``.
        length: frames of a clip; stride: distance between its neighbouring frames.
        every: distance between the first frames of neighbouring clips.
        height, width: size of frames and labels; the stored one if None.
        transform: such as ``v2.Compose([...])``; called with video and labels.

    Raises:
        DatasetError: no such split, nothing in it, or no sequence of that length.
    """
    data = dataset if isinstance(dataset, Dataset) else Dataset(dataset)
    lengths = {name: len(data.sequence(name)) for name in data.needed_split(split)}
    clips = EveryClip(lengths, length=length, stride=stride, every=every)
    return VideoClips(data, clips, height=height, width=width, transform=transform)
