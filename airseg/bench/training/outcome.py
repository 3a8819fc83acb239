"""What a training leaves: the network, and how it got there."""

from __future__ import annotations

from dataclasses import dataclass, field

from airseg.bench.training.checkpoint import Points
from airseg.models.base import VideoSegmenter


@dataclass(frozen=True)
class Curves:
    """What happened while training, as points (step, value).

    Attributes:
        loss: mean training loss since the point before.
        validation: class-mean IoU on the validation frames.
        validation_jaccard: the founding paper's metric on the same frames.
        training_jaccard: the same of an epoch's training frames, as they were trained on; with
            protocol ``paper`` only.
        epoch_steps: steps of an epoch.
    """

    loss: Points = field(default_factory=list)
    validation: Points = field(default_factory=list)
    validation_jaccard: Points = field(default_factory=list)
    training_jaccard: Points = field(default_factory=list)
    epoch_steps: int = 0


@dataclass(frozen=True)
class Trained:
    """A trained network and how it got there.

    Attributes:
        model: in evaluation mode.
        curves: of the whole training, earlier runs included.
        seconds: wall time, earlier runs included; supervised_frames: how many were trained on, in
            how many steps.
    """

    model: VideoSegmenter
    curves: Curves
    seconds: float
    supervised_frames: int
    steps: int = 0
