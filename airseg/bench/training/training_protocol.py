"""Protocols: which frames are trained on, and which are scored how.

``fair`` splits by sequence and scores whole flights in streaming order. ``paper`` is the founding
paper's, kept to show what it measures: all frames in one row without regard to flights, cut into
windows of N + 1 that are dealt out at random to training, validation and test, so that a test
frame's neighbours were trained on, and the number of supervised frames falls as N grows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from airseg.bench.frames import FrameSource, FrameStore, to_model
from airseg.bench.metrics.confusion import ConfusionMatrix
from airseg.bench.recipes.recipe import Recipe
from airseg.bench.results.result import ValidationResult, number
from airseg.bench.scoring.estimated_flow import FlowCache
from airseg.bench.scoring.evaluate import Scores, score_split
from airseg.bench.scoring.scored_classes import scored_classes
from airseg.dataset.reading.clips import Clip, enumerate_clips
from airseg.dataset.reading.reader import Dataset
from airseg.errors import RecipeError
from airseg.models.base import VideoSegmenter
from airseg.models.upsampling import nearest_labels

_WINDOWS_AT_ONCE = 4
Told = Callable[[int], None]
"""Told how many frames more are done."""

_ALL = "all frames"


class Protocol(ABC):
    """What a recipe trains on and how it is scored.

    Args:
        recipe: of one row.
        dataset: where frames come from.
        store: reads them at the recipe's size.

    Attributes:
        leaks: whether frames that are scored neighbour frames that were trained on.
        source: where the clips' frames come from.
    """

    leaks = False

    def __init__(self, recipe: Recipe, dataset: Dataset, store: FrameStore) -> None:
        self.recipe, self.dataset, self._store = recipe, dataset, store
        self.source: FrameSource = store

    @abstractmethod
    def clips(self, context: int) -> list[Clip]:
        """Return the training clips of a network that depends on `context` earlier frames.

        Raises:
            RecipeError: there are none.
        """

    @abstractmethod
    def class_counts(self) -> np.ndarray:
        """Return (C,) pixels of each class in every tenth training frame."""

    @abstractmethod
    def validate(self, model: VideoSegmenter, device: torch.device) -> ConfusionMatrix | None:
        """Score a network in evaluation mode during its training; None without such frames."""

    @abstractmethod
    def validation(
        self, model: VideoSegmenter, device: torch.device, progress: Told = lambda done: None
    ) -> ValidationResult | None:
        """Score a trained network on all validation frames: what choices are made by."""

    @abstractmethod
    def validated_frames(self, context: int) -> int:
        """Return how many frames `validation` scores."""

    @abstractmethod
    def score(
        self,
        model: VideoSegmenter,
        device: torch.device,
        progress: Told,
        flow_cache: FlowCache | None = None,
    ) -> Scores:
        """Score a trained network.

        `progress` is told how many frames are done; `flow_cache` keeps their estimated motion.
        """

    @abstractmethod
    def scored_frames(self, context: int) -> int:
        """Return how many frames `score` scores."""

    @property
    @abstractmethod
    def scored_split(self) -> tuple[str, dict[str, int]]:
        """What is scored: the split's name, and frames of each sequence it takes them from."""

    def _count(self, store: FrameStore, sequences: dict[str, int]) -> np.ndarray:
        counts = np.zeros(256, np.int64)
        for name, length in sequences.items():
            _, labels = store.frames(name, range(0, length, 10))
            counts += np.bincount(labels.ravel(), minlength=256)
        return counts[: self.dataset.num_classes]


class FairProtocol(Protocol):
    """Split by sequence; the same supervised frames for every depth of memory."""

    def __init__(self, recipe: Recipe, dataset: Dataset, store: FrameStore) -> None:
        super().__init__(recipe, dataset, store)
        names = dataset.needed_split("train")
        views = [dataset.sequence(n) for n in names]
        self._lengths = {v.name: v.length for v in views}
        self._labelled = {v.name: v.labelled for v in views if v.has_unlabelled}
        self._size = (recipe.data.height, recipe.data.width)
        self._scored = scored_classes(recipe.evaluate, dataset)

    def clips(self, context: int) -> list[Clip]:
        data = self.recipe.data
        if context > data.max_context:
            raise RecipeError(
                f"the network remembers {context} frames, and data.max_context is "
                f"{data.max_context}: it would be trained on other frames than the rows it is "
                f"compared with. Set data.max_context={context} for all of them."
            )
        return enumerate_clips(
            self._lengths,
            context=context,
            targets=data.targets,
            stride=data.stride,
            max_context=data.max_context,
            labelled=self._labelled,
        )

    def class_counts(self) -> np.ndarray:
        return self._count(self._store, self._lengths)

    def validate(self, model: VideoSegmenter, device: torch.device) -> ConfusionMatrix | None:
        names = self.dataset.split("val")
        if not names:
            return None
        frames = self.recipe.train.validation_frames
        return self._split(model, names, device, frames=frames).total

    def validation(
        self, model: VideoSegmenter, device: torch.device, progress: Told = lambda done: None
    ) -> ValidationResult | None:
        names = self.dataset.split("val")
        if not names:
            return None
        found = self._split(model, names, device, progress=progress)
        return ValidationResult(
            mean_iou=number(found.total.mean_iou),
            sequences={n: number(m.mean_iou) for n, m in found.by_sequence.items()},
            frames=self.validated_frames(model.memory_depth),
        )

    def validated_frames(self, context: int) -> int:
        return sum(self.dataset.sequence(n).length for n in self.dataset.split("val"))

    def score(
        self,
        model: VideoSegmenter,
        device: torch.device,
        progress: Told,
        flow_cache: FlowCache | None = None,
    ) -> Scores:
        names = self.dataset.split(self.recipe.evaluate.split)
        return self._split(
            model, names, device, thorough=True, flow_cache=flow_cache, progress=progress
        )

    def _split(
        self, model: VideoSegmenter, names: list[str], device: torch.device, **how: Any
    ) -> Scores:
        return score_split(
            model, self.dataset, names, self._size, device, scored=self._scored, **how
        )

    def scored_frames(self, context: int) -> int:
        return sum(self.scored_split[1].values())

    @property
    def scored_split(self) -> tuple[str, dict[str, int]]:
        split = self.recipe.evaluate.split
        return split, {n: self.dataset.sequence(n).length for n in self.dataset.split(split)}


class PaperProtocol(Protocol):
    """The founding paper's, with what is wrong with it; its results are marked as leaking."""

    leaks = True

    def __init__(self, recipe: Recipe, dataset: Dataset, store: FrameStore) -> None:
        super().__init__(recipe, dataset, store)
        self._lengths = {view.name: view.length for view in dataset}
        self._joined = JoinedFrames(store, self._lengths)
        self.source = self._joined

    def windows(self, context: int) -> tuple[list[Clip], list[Clip], list[Clip]]:
        """Return the windows of training, validation and test, drawn by the recipe's seed."""
        # Windows do not overlap: this is why supervised frames get fewer as N grows.
        length = context + self.recipe.data.targets
        cut = [Clip(_ALL, i, length) for i in range(0, self._joined.length - length + 1, length)]
        if len(cut) < 3:
            raise RecipeError(
                f"protocol paper: {self._joined.length} frames make {len(cut)} windows "
                f"of {length}; at least 3 are needed, for training, validation and test."
            )
        random = np.random.default_rng([self.recipe.train.seed, length])
        dealt = [cut[i] for i in random.permutation(len(cut))]
        _, validated, tested = self.recipe.paper.shares
        test, val = (max(round(s * len(cut)), 1) for s in (tested, validated))
        return dealt[test + val :], dealt[test : test + val], dealt[:test]

    def clips(self, context: int) -> list[Clip]:
        return self.windows(context)[0]

    def class_counts(self) -> np.ndarray:
        return self._count(self._store, self._lengths)

    def validate(self, model: VideoSegmenter, device: torch.device) -> ConfusionMatrix | None:
        return self._score(model, device, self.windows(model.memory_depth)[1], lambda done: None)

    def validation(
        self, model: VideoSegmenter, device: torch.device, progress: Told = lambda done: None
    ) -> ValidationResult | None:
        found = self._score(model, device, self.windows(model.memory_depth)[1], progress)
        frames = self.validated_frames(model.memory_depth)
        return ValidationResult(mean_iou=number(found.mean_iou), frames=frames)

    def validated_frames(self, context: int) -> int:
        return len(self.windows(context)[1]) * self.recipe.data.targets

    def score(
        self,
        model: VideoSegmenter,
        device: torch.device,
        progress: Told,
        flow_cache: FlowCache | None = None,
    ) -> Scores:
        tested = self.windows(model.memory_depth)[2]
        return Scores(self._score(model, device, tested, progress), {})

    def scored_frames(self, context: int) -> int:
        return len(self.windows(context)[2]) * self.recipe.data.targets

    @property
    def scored_split(self) -> tuple[str, dict[str, int]]:
        return "random windows", dict(self._lengths)

    def _score(
        self,
        model: VideoSegmenter,
        device: torch.device,
        windows: list[Clip],
        progress: Told,
    ) -> ConfusionMatrix:
        """Score the supervised frames of windows, each window by itself, at an eighth."""
        by, targets = self.recipe.paper.label_divisor, self.recipe.data.targets
        scores = ConfusionMatrix(self.dataset.num_classes, self.dataset.ignore_index)
        for first in range(0, len(windows), _WINDOWS_AT_ONCE):
            part = windows[first : first + _WINDOWS_AT_ONCE]
            read = [self._joined.frames(w.sequence, w.frames) for w in part]
            frames = to_model(np.stack([rgb for rgb, _ in read])).to(device)
            labels = torch.from_numpy(np.stack([label[-targets:] for _, label in read]))
            size = (labels.shape[-2] // by, labels.shape[-1] // by)
            with torch.inference_mode():
                logits = model.coarse(frames)[0][:, -targets:].float().flatten(0, 1)
                if tuple(logits.shape[-2:]) != size:
                    logits = functional.interpolate(logits, size, mode="bilinear")
            predictions = logits.argmax(1).cpu()
            scores.update(
                predictions, nearest_labels(labels, size, align_corners=False).flatten(0, 1)
            )
            progress(len(predictions))
        return scores


class JoinedFrames:
    """The frames of all sequences in one row, as the founding notebook's arrays are.

    Args:
        store: where they come from.
        lengths: frames of each sequence, in order.
    """

    def __init__(self, store: FrameStore, lengths: dict[str, int]) -> None:
        self._store, self._names = store, list(lengths)
        self._ends = np.cumsum(list(lengths.values()))
        self.length = int(self._ends[-1])

    def flow(self, sequence: str, index: range) -> np.ndarray:
        """Refuse: the row of frames runs over the ends of flights."""
        raise RecipeError("protocol paper: frames of several flights have no exact flow.")

    def frames(self, sequence: str, index: range) -> tuple[np.ndarray, np.ndarray]:
        """Return (T, h, w, 3) uint8 RGB and (T, h, w) uint8 labels; see `FrameStore.frames`."""
        owner = np.searchsorted(self._ends, list(index), side="right")
        parts = []
        for which in range(int(owner[0]), int(owner[-1]) + 1):
            mine = [index[i] for i in np.flatnonzero(owner == which)]
            if mine:
                start = int(self._ends[which - 1]) if which else 0
                inside = range(mine[0] - start, mine[-1] - start + 1, index.step)
                parts.append(self._store.frames(self._names[which], inside))
        rgb, labels = zip(*parts, strict=True)
        return np.concatenate(rgb), np.concatenate(labels)


def protocol_of(recipe: Recipe, dataset: Dataset, store: FrameStore) -> Protocol:
    """Return the protocol a recipe asks for."""
    kind = PaperProtocol if recipe.protocol == "paper" else FairProtocol
    return kind(recipe, dataset, store)
