"""Cut sequences into clips, and deal clips out in batches.

A clip is some frames of context followed by the frames that are supervised. Comparing depths of
context is fair only when every depth is trained and scored on the same frames, so the grid of
supervised frames depends on the largest context that is compared, not on the clip's own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, overload

import numpy as np

from airseg.errors import DatasetError

Batching = Literal["mixed", "homogeneous"]
Uneven = Literal["keep", "drop", "repeat"]


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


class EveryClip(Sequence[Clip]):
    """Every clip of `length` frames at `stride` that fits into a sequence, in order.

    It holds a few numbers for each sequence, whatever their lengths: clips are made when asked for.

    Args:
        lengths: number of frames of each sequence.
        length: frames of a clip, 1 or more.
        stride: distance between neighbouring frames of a clip.
        every: distance between the first frames of neighbouring clips.

    Raises:
        DatasetError: impossible numbers, or all sequences are too short for a single clip.
    """

    def __init__(
        self, lengths: Mapping[str, int], *, length: int, stride: int = 1, every: int = 1
    ) -> None:
        if length < 1 or stride < 1 or every < 1:
            raise DatasetError(
                f"clips need length, stride and every >= 1; found length {length}, stride "
                f"{stride}, every {every}."
            )
        span = (length - 1) * stride + 1
        counts = {name: -(-(frames - span + 1) // every) for name, frames in lengths.items()}
        counts = {name: count for name, count in counts.items() if count > 0}
        if not counts:
            raise _too_short(span, lengths)
        self._names = list(counts)
        self._ends = np.cumsum(list(counts.values())).tolist()
        self._length, self._stride, self._every = length, stride, every

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> list[Clip]: ...
    def __getitem__(self, index: int | slice) -> Clip | list[Clip]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        sequence = bisect_right(self._ends, place)
        before = self._ends[sequence - 1] if sequence else 0
        start = (place - before) * self._every
        return Clip(self._names[sequence], start, self._length, self._stride)


def enumerate_clips(
    lengths: Mapping[str, int],
    *,
    context: int,
    targets: int,
    stride: int = 1,
    max_context: int | None = None,
    labelled: Mapping[str, np.ndarray] | None = None,
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
        labelled: (T,) bool for sequences in which not every frame has labels. Clips none of whose
            supervised frames has them are left out, whatever the context.

    Raises:
        DatasetError: impossible numbers, all sequences are too short for a single clip, or no
            clip has a labelled frame to supervise.
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
        raise _too_short((max_context + targets - 1) * stride + 1, lengths)
    kept = [clip for clip in clips if _has_labels(clip, targets, labelled or {})]
    if not kept:
        raise DatasetError(
            f"none of {len(clips)} clips supervises a frame that has labels: with {max_context} "
            "frames of context the labelled frames come too early in their sequences. Lower the "
            "context, or import more frames before each labelled one."
        )
    return kept


def _has_labels(clip: Clip, targets: int, labelled: Mapping[str, np.ndarray]) -> bool:
    """Return whether one of a clip's supervised frames has labels."""
    if clip.sequence not in labelled:
        return True
    frames = supervised_frames(clip, targets)
    return bool(labelled[clip.sequence][frames.start : frames.stop : frames.step].any())


def _too_short(needed: int, lengths: Mapping[str, int]) -> DatasetError:
    return DatasetError(
        f"no sequence is long enough for a clip: {needed} frames are needed, the longest of "
        f"{len(lengths)} has {max(lengths.values(), default=0)}. Record more frames, or lower the "
        "context."
    )


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

    Several processes train together when each has a sampler of its own that differs in `rank`
    only: step by step they take the next `world_size` batches of the same order. Where the last
    step has fewer batches than ranks, `uneven` decides, because networks that synchronise after
    every step wait for the rank that has none.

    A run is resumed in the middle of an epoch from `state_dict`, which is the same on every rank.
    With worker processes, which fetch ahead, `ClipLoader` counts what was really delivered.

    Args:
        clips: what to deal out.
        batch_size: clips in a rank's batch; the last batch, or the last of each sequence, may be
            smaller.
        seed: zero is a seed.
        batching: ``mixed``: clips of many sequences in a batch. ``homogeneous``: a batch holds
            clips of one sequence.
        shuffle: False keeps the clips in their order, for scoring.
        rank: which of the processes this is, from 0.
        world_size: how many processes train together.
        uneven: when the batches do not go round: ``keep``: every clip exactly once; larger batches
            are divided, and where that is not enough some ranks have one batch less. ``drop``: the
            last step is left out. ``repeat``: the ranks without a batch get the first ones of the
            epoch again.

    Raises:
        DatasetError: no clips, an impossible number, or nothing would be left of an epoch.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        *,
        batch_size: int,
        seed: int = 0,
        batching: Batching = "mixed",
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
        uneven: Uneven = "keep",
    ) -> None:
        if not clips or batch_size < 1:
            raise DatasetError(
                f"a sampler needs clips and batch_size >= 1; found {len(clips)} clips and "
                f"batch_size {batch_size}."
            )
        if batching not in get_args(Batching):
            raise DatasetError(f"batching '{batching}': expected mixed or homogeneous.")
        if uneven not in get_args(Uneven):
            raise DatasetError(f"uneven '{uneven}': expected keep, drop or repeat.")
        if not 0 <= rank < world_size:
            raise DatasetError(f"rank {rank} of {world_size}: ranks go from 0 to world_size - 1.")
        self._clips = clips
        self._groups = _groups(clips, batching)
        self._batch_size, self._seed, self._shuffle = batch_size, seed, shuffle
        self._batching, self._uneven = batching, uneven
        self._rank, self._world_size = rank, world_size
        self._epoch, self._start, self._dealt = 0, 0, 0
        self._laid_out: tuple[int, list[np.ndarray]] = (-1, [])
        batches = sum(-(-len(group) // batch_size) for group in self._groups)
        if uneven == "drop" and batches < world_size:
            raise DatasetError(
                f"{len(clips)} clips make {batches} batches, fewer than the {world_size} ranks, so "
                "all would be dropped. Lower batch_size, or choose uneven='repeat'."
            )

    @property
    def epoch(self) -> int:
        """The epoch whose order the next iteration has."""
        return self._epoch

    @property
    def next_batch(self) -> int:
        """The number of the batch that the next iteration begins with: 0, if nothing was loaded."""
        return self._start

    def set_epoch(self, epoch: int) -> None:
        """Choose which epoch's order the next iteration has.

        Another epoch starts at its first batch; the one that `load_state_dict` has chosen goes on
        where it was.
        """
        if epoch != self._epoch:
            self._epoch, self._start, self._dealt = epoch, 0, 0

    def __len__(self) -> int:
        """Return this rank's batches in the whole of the chosen epoch."""
        return len(self._own_batches())

    def __iter__(self) -> Iterator[list[Clip]]:
        first, self._start = self._start, 0
        self._dealt = first
        for batch in self._own_batches()[first:]:
            self._dealt += 1
            yield [self._clips[i] for i in batch]

    def state_dict(self) -> dict[str, Any]:
        """Return where dealing stands: numbers and texts only, the same on every rank."""
        return self._fingerprint() | {"epoch": self._epoch, "batch": self._dealt}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken: the next iteration begins with the batch after it.

        Raises:
            DatasetError: the state is of other clips, or of a sampler with other settings.
        """
        for name, value in self._fingerprint().items():
            if state.get(name) != value:
                raise DatasetError(
                    f"the saved state of the sampler has {name} {state.get(name)!r}, this one has "
                    f"{value!r}: the run cannot go on with the same batches. Resume it with the "
                    "dataset and settings it was started with."
                )
        self._epoch = int(state["epoch"])
        self._start = self._dealt = int(state["batch"])

    def _fingerprint(self) -> dict[str, Any]:
        """Return what the order depends on."""
        first, last = self._clips[0], self._clips[-1]
        return {
            "clips": len(self._clips),
            "first_clip": f"{first.sequence} {first.frames}",
            "last_clip": f"{last.sequence} {last.frames}",
            "batch_size": self._batch_size,
            "seed": self._seed,
            "batching": self._batching,
            "shuffle": self._shuffle,
            "world_size": self._world_size,
            "uneven": self._uneven,
        }

    def _own_batches(self) -> list[np.ndarray]:
        """Return this rank's batches of the chosen epoch, as indices of clips."""
        if self._laid_out[0] != self._epoch:
            self._laid_out = (self._epoch, self._lay_out())
        return self._laid_out[1]

    def _lay_out(self) -> list[np.ndarray]:
        batches, world = self._order(), self._world_size
        whole = len(batches) - len(batches) % world
        last = batches[whole:]
        if last and self._uneven == "repeat":
            last += [batches[i % len(batches)] for i in range(world - len(last))]
        elif last and self._uneven == "keep":
            last = _divide(last, world)
        elif self._uneven == "drop":
            last = []
        return [*batches[self._rank : whole : world], *last[self._rank : self._rank + 1]]

    def _order(self) -> list[np.ndarray]:
        """Return the batches of all ranks in the chosen epoch."""
        generator = np.random.default_rng([self._seed, self._epoch])
        batches: list[np.ndarray] = []
        for group in self._groups:
            dealt = group[generator.permutation(len(group))] if self._shuffle else group
            batches += [
                dealt[i : i + self._batch_size] for i in range(0, len(dealt), self._batch_size)
            ]
        if self._shuffle and self._batching == "homogeneous":
            batches = [batches[i] for i in generator.permutation(len(batches))]
        return batches


def _groups(clips: Sequence[Clip], batching: Batching) -> list[np.ndarray]:
    """Return indices of the clips that may share a batch: all, or those of each sequence."""
    if batching == "mixed":
        return [np.arange(len(clips))]
    groups: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        groups.setdefault(clip.sequence, []).append(index)
    return [np.array(group) for group in groups.values()]


def _divide(batches: list[np.ndarray], count: int) -> list[np.ndarray]:
    """Halve the largest batches until there are `count`, or none is left to halve."""
    batches = list(batches)
    while len(batches) < count:
        largest = max(range(len(batches)), key=lambda i: len(batches[i]))
        batch = batches[largest]
        if len(batch) < 2:
            break
        batches[largest : largest + 1] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    return batches
