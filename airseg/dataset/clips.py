"""Cut sequences into clips, and deal clips out in batches.

A clip is some frames of context followed by the frames that are supervised. Comparing depths of
context is fair only when every depth is trained and scored on the same frames, so the grid of
supervised frames depends on the largest context that is compared, not on the clip's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from airseg.dataset.reader import Dataset
from airseg.errors import DatasetError

Batching = Literal["mixed", "homogeneous"]


@dataclass(frozen=True)
class Clip:
    """Consecutive frames of one sequence.

    Attributes:
        sequence: its name.
        start: first frame.
        length: number of frames.
        stride: distance between neighbouring frames of the clip.
    """

    sequence: str
    start: int
    length: int
    stride: int = 1

    @property
    def frames(self) -> range:
        """Frame numbers of the clip, in order."""
        return range(self.start, self.start + self.length * self.stride, self.stride)


def enumerate_clips(
    lengths: Mapping[str, int],
    *,
    context: int,
    targets: int,
    stride: int = 1,
    max_context: int | None = None,
) -> list[Clip]:
    """Return clips of `context` + `targets` frames that supervise each frame at most once.

    The last `targets` frames of a clip are supervised. For the same `lengths`, `targets`, `stride`
    and `max_context`, every `context` supervises the same frames. With a stride, clips of all
    phases are cut, so that no frame is left out.

    Args:
        lengths: number of frames of each sequence.
        context: frames before the supervised ones, 0 or more.
        targets: supervised frames of a clip, 1 or more.
        stride: distance between neighbouring frames.
        max_context: the largest context that results are compared with; `context` if None.

    Raises:
        DatasetError: impossible numbers, or all sequences are too short for a single clip.
    """
    max_context = context if max_context is None else max_context
    if context < 0 or targets < 1 or stride < 1 or max_context < context:
        raise DatasetError(
            f"clips need context >= 0, targets >= 1, stride >= 1 and max_context >= context; found "
            f"context {context}, targets {targets}, stride {stride}, max_context {max_context}."
        )
    length = context + targets
    clips = [
        Clip(sequence, target - context * stride, length, stride)
        for sequence, frames in lengths.items()
        for target in _first_targets(frames, max_context, targets, stride)
    ]
    if not clips:
        needed = (max_context + targets - 1) * stride + 1
        raise DatasetError(
            f"no sequence is long enough for a clip: {needed} frames are needed, the longest of "
            f"{len(lengths)} has {max(lengths.values(), default=0)}. Record more frames, or lower "
            "the context."
        )
    return clips


def _first_targets(frames: int, max_context: int, targets: int, stride: int) -> Iterator[int]:
    """Yield the first supervised frame of each clip."""
    for block in range(max_context * stride, frames, targets * stride):
        for phase in range(stride):
            if block + phase + (targets - 1) * stride < frames:
                yield block + phase


def supervised_frames(clip: Clip, targets: int) -> range:
    """Return the frame numbers of a clip's last `targets` frames."""
    return clip.frames[clip.length - targets :]


class ClipSampler:
    """Deal clips out in batches; every epoch covers every clip exactly once.

    The order depends on seed and epoch alone. It can be handed to a torch `DataLoader` as its
    `batch_sampler`.

    Args:
        clips: what to deal out.
        batch_size: clips in a batch; the last batch, or the last of each sequence, may be smaller.
        seed: zero is a seed.
        batching: ``mixed``: clips of many sequences in a batch. ``homogeneous``: a batch holds
            clips of one sequence.
        shuffle: False keeps the clips in their order, for scoring.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        *,
        batch_size: int,
        seed: int = 0,
        batching: Batching = "mixed",
        shuffle: bool = True,
    ) -> None:
        if not clips or batch_size < 1:
            raise DatasetError(
                f"a sampler needs clips and batch_size >= 1; found {len(clips)} clips and "
                f"batch_size {batch_size}."
            )
        if batching not in ("mixed", "homogeneous"):
            raise DatasetError(f"batching '{batching}': expected mixed or homogeneous.")
        self._clips = list(clips)
        self._batch_size = batch_size
        self._seed = seed
        self._batching = batching
        self._shuffle = shuffle
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose which epoch's order the next iteration has."""
        self._epoch = epoch

    def __len__(self) -> int:
        return sum(-(-len(group) // self._batch_size) for group in self._groups())

    def __iter__(self) -> Iterator[list[Clip]]:
        generator = np.random.default_rng([self._seed, self._epoch])
        batches: list[list[Clip]] = []
        for group in self._groups():
            order = generator.permutation(len(group)) if self._shuffle else range(len(group))
            dealt = [group[i] for i in order]
            batches += [
                dealt[i : i + self._batch_size] for i in range(0, len(dealt), self._batch_size)
            ]
        if self._shuffle and self._batching == "homogeneous":
            batches = [batches[i] for i in generator.permutation(len(batches))]
        yield from batches

    def _groups(self) -> list[list[Clip]]:
        """Return the clips that may share a batch: all, or those of each sequence."""
        if self._batching == "mixed":
            return [self._clips]
        groups: dict[str, list[Clip]] = {}
        for clip in self._clips:
            groups.setdefault(clip.sequence, []).append(clip)
        return list(groups.values())


def read_clip(
    dataset: Dataset, clip: Clip, *, height: int | None = None, width: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read a clip's frames and labels, resized if asked for.

    Colour is averaged over areas (interpolated when enlarged); labels take the nearest pixel, which
    never invents a class.

    Args:
        dataset: where the clip lies.
        clip: which frames.
        height: rows of the result; the stored ones if None.
        width: columns of the result; the stored ones if None.

    Returns:
        Frames (T, H, W, 3) uint8 RGB and labels (T, H, W) uint8.
    """
    view = dataset.sequence(clip.sequence)
    stop = clip.frames[-1] + 1
    frames = view.rgb(clip.start, stop, clip.stride)
    labels = view.label(clip.start, stop, clip.stride)
    size = (height or view.height, width or view.width)
    if size == (view.height, view.width):
        return frames, labels
    shrinks = size[0] <= view.height and size[1] <= view.width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return _resize(frames, size, method), _resize(labels, size, cv2.INTER_NEAREST_EXACT)


def _resize(images: np.ndarray, size: tuple[int, int], method: int) -> np.ndarray:
    return np.stack([cv2.resize(image, size[::-1], interpolation=method) for image in images])
