"""How far from its key frame a network with key frames may be: one score a distance.

Zhu et al., Deep Feature Flow, CVPR 2017, section 6: every labelled frame is predicted from each of
the last l frames as key frame; one mean IoU a distance, and their mean is the paper's figure. Here
that is l streams whose key frames begin at frame 0 to l - 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from airseg.bench.frames import resize_frame, to_model
from airseg.bench.metrics.confusion import ConfusionMatrix
from airseg.dataset.reading import Dataset, SequenceView
from airseg.errors import RecipeError
from airseg.models.base import VideoSegmenter
from airseg.models.feature_flow import DeepFeatureFlow
from airseg.models.label_maps import label_map


def score_by_distance(
    model: VideoSegmenter,
    dataset: Dataset,
    sequences: Sequence[str],
    size: tuple[int, int],
    device: torch.device,
    *,
    frames: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[ConfusionMatrix]:
    """Score a network once for each distance from the key frame.

    Args:
        model: Deep Feature Flow in evaluation mode, with its fixed schedule.
        dataset: where the sequences are.
        sequences: their names.
        size: (height, width) of what the network sees.
        device: where to compute.
        frames: only the first ones of each sequence, or None.
        progress: told how many frames are done; each frame is done l times.

    Returns:
        Confusion matrices of distance 0 to l - 1. A frame counts once for each distance that has a
        key frame in its sequence.

    Raises:
        RecipeError: the network has no key frames, or chooses them by content.
    """
    if not isinstance(model, DeepFeatureFlow) or model.unbounded:
        raise RecipeError("only Deep Feature Flow with a fixed key_interval has distances.")
    matrices = [
        ConfusionMatrix(dataset.num_classes, dataset.ignore_index) for _ in range(model.period)
    ]
    for name in sequences:
        view = dataset.sequence(name)
        stop = view.length if frames is None else min(frames, view.length)
        for phase in range(min(model.period, stop)):
            _stream(model, view, size, device, stop, phase, matrices)
            progress(stop)
    return matrices


def _stream(
    model: DeepFeatureFlow,
    view: SequenceView,
    size: tuple[int, int],
    device: torch.device,
    stop: int,
    phase: int,
    matrices: list[ConfusionMatrix],
) -> None:
    """Score one stream whose key frames are `phase` and every l-th frame after it."""
    memory = None
    for t in range(phase, stop):
        frame = to_model(resize_frame(view.rgb(t, t + 1)[0], size)[None])[None].to(device)
        with torch.inference_mode():
            logits, memory = model.coarse(frame, memory)
            labels = label_map(logits, (view.height, view.width), frame_size=size)
            predicted = labels[0].cpu()
        truth = torch.from_numpy(view.label(t, t + 1))
        matrices[(t - phase) % model.period].update(predicted, truth)
