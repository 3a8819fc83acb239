"""Score predictions of objects in video: STQ and VPQ.

Predictions are a folder per sequence of KITTI-STEP's pictures (``predictions/roofs/000000.png``:
red is the class, 256 green + blue the object), or an HDF5 file with a group per sequence that holds
``label`` and ``instance``, (T, H, W) integers, as a dataset does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from airseg.bench.metrics.panoptic import PanopticScorer, PanopticScores
from airseg.bench.scoring.submission import open_submission
from airseg.classes import thing_classes
from airseg.dataset.reading.reader import Dataset
from airseg.errors import RecipeError, did_you_mean


def score_objects(
    path: Path,
    dataset: Dataset,
    split: str,
    things: tuple[str, ...] = (),
    progress: Callable[[str, int, int | None], None] = lambda what, done, total: None,
) -> PanopticScores:
    """Score predictions of every labelled frame of a split.

    Args:
        path: folder or HDF5 file.
        dataset: what they are predictions of; it has objects.
        split: which of its splits.
        things: names of classes whose objects are told apart; `classes.THINGS` if empty.
        progress: told how far scoring is.

    Raises:
        RecipeError: predictions are missing or wrong, or the dataset has no objects.
        DatasetError: nothing is in the split.
    """
    names = dataset.needed_split(split)
    labels = _things(dataset, names, things)
    submission = open_submission(path, dataset, names)
    scorer = PanopticScorer(dataset.num_classes, labels)
    total, done = sum(dataset.sequence(name).length for name in names), 0
    for name in names:
        view = dataset.sequence(name)
        for index in range(view.length):
            if view.labelled[index]:
                predicted, told = submission.objects(view, index)
                label = view.label(index, index + 1)[0]
                scorer.add_frame(label, view.instance(index, index + 1)[0], predicted, told)
            done += 1
            progress(f"{path.name}: scoring", done, total)
        scorer.end_sequence()
    return scorer.scores()


def _things(dataset: Dataset, names: list[str], wanted: tuple[str, ...]) -> tuple[int, ...]:
    """Return the labels of things; refuse a dataset that has none."""
    for name in names:
        if not dataset.sequence(name).has_instance:
            raise RecipeError(
                f"{dataset.path}: {name} has no objects, only classes. Record it with "
                "'airseg record --instances', and relabel it."
            )
    strange = [name for name in wanted if name not in dataset.class_names]
    if strange:
        hint = did_you_mean(strange[0], dataset.class_names)
        raise RecipeError(f"--things {strange[0]}: is no class of {dataset.path}.{hint}")
    things = thing_classes(dataset.class_names, wanted)
    if not things:
        raise RecipeError(
            f"{dataset.path}: none of its classes is known to be of things that can be counted. "
            "Name those that are with --things."
        )
    return things
