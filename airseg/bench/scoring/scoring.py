"""Image motion of a dataset's sequences, and scores in the form a result has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from airseg.bench.metrics.confusion import ConfusionMatrix, labelled_iou, mean_iou
from airseg.bench.metrics.formulas import METRICS, boundary_f, confusion
from airseg.bench.metrics.motion import (
    VISIBILITIES,
    Motion,
    focal_length,
    motion_from_depth,
)
from airseg.bench.metrics.sequence_scorer import AREAS, MOTIONS, Counts, add_counts
from airseg.bench.results.result import ScoreResult, SequenceResult, StratumResult, number
from airseg.dataset.reading import SequenceView

_CHUNK = 8


def motions(view: SequenceView, stop: int | None = None) -> Iterator[Motion | None]:
    """Yield each frame's way back to the one before; None for the first, or where it is unknown."""
    stop = view.length if stop is None else min(stop, view.length)
    focal = focal_length(view.details.get("camera", {}), view.width)
    if not view.has_depth or focal is None:
        for _ in range(stop):
            yield None
        return
    before: np.ndarray | None = None
    for start in range(0, stop, _CHUNK):
        for index, depth in enumerate(view.depth(start, min(start + _CHUNK, stop)), start):
            if before is None:
                yield None
            else:
                pose, earlier = view.poses[index], view.poses[index - 1]
                yield motion_from_depth(depth, before, pose, earlier, focal)
            before = depth


def motion_source(views: Iterable[SequenceView]) -> str | None:
    """Return where image motion comes from: ``depth`` and poses, or None where it is unknown."""
    known = [v.has_depth and focal_length(v.details.get("camera", {}), v.width) for v in views]
    return "depth" if any(known) else None


def describe_scores(
    counts: dict[str, Counts], class_names: Sequence[str], motion: str | None
) -> ScoreResult:
    """Return what was counted in the form a result has it.

    Args:
        counts: of each sequence.
        class_names: by label.
        motion: where image motion comes from; see `motion_source`.
    """
    total = add_counts(counts.values())
    scores = {n: number(float(f(total))) for n, f in METRICS.items()}
    return ScoreResult(
        **scores,
        class_iou=_by_class(class_names, labelled_iou(confusion(total))),
        class_boundary_f=_by_class(class_names, boundary_f(total)),
        by_motion=_strata(MOTIONS, total["motion"]),
        by_visibility=_strata(
            (*VISIBILITIES, "gone in the next frame"),
            np.concatenate([total["visibility"], total["gone"][None]]),
        ),
        by_class_area=_strata(AREAS, total["area"]),
        motion_source=motion,
        sequence_mean_iou={n: number(float(METRICS["mean_iou"](c))) for n, c in counts.items()},
        sequences={
            n: SequenceResult(**{m: number(float(f(c))) for m, f in METRICS.items()})
            for n, c in counts.items()
        },
    )


def describe_matrices(
    total: ConfusionMatrix, by_sequence: dict[str, ConfusionMatrix], class_names: Sequence[str]
) -> ScoreResult:
    """Return what confusion matrices alone tell, where frames were not scored in order."""
    return ScoreResult(
        mean_iou=number(total.mean_iou),
        pixel_accuracy=number(total.pixel_accuracy),
        frequency_weighted_iou=number(total.frequency_weighted_iou),
        paper_jaccard=number(total.paper_jaccard),
        class_iou=_by_class(class_names, labelled_iou(total.counts)),
        sequence_mean_iou={n: number(m.mean_iou) for n, m in by_sequence.items()},
    )


def _by_class(names: Sequence[str], values: np.ndarray) -> dict[str, float | None]:
    return {n: number(float(v)) for n, v in zip(names, values, strict=True)}


def _strata(names: Sequence[str], matrices: np.ndarray) -> dict[str, StratumResult]:
    """Return the scores of each stratum that has pixels."""
    pixels = matrices.sum((1, 2))
    return {
        name: StratumResult(pixels=int(n), mean_iou=number(float(mean_iou(matrix))))
        for name, n, matrix in zip(names, pixels, matrices, strict=True)
        if n
    }
