"""Choose sequences and frames of a dataset by name, split and span."""

from __future__ import annotations

from collections.abc import Sequence

from airseg.dataset.editing.combining import Combined, Taken
from airseg.dataset.reading import Dataset
from airseg.errors import DatasetError


def select(
    dataset: Dataset, sequences: Sequence[str], splits: Sequence[str], frames: str
) -> list[Taken]:
    """Return what is chosen.

    Args:
        dataset: where from.
        sequences: names; all if there are none.
        splits: splits; all if there are none.
        frames: ``START:STOP`` or ``START:STOP:STEP`` as in Python; all if empty.

    Raises:
        DatasetError: a name is unknown, the span is no span, or nothing is left.
    """
    views = [dataset.sequence(name) for name in dict.fromkeys(sequences)] or list(dataset)
    span = _span(frames)
    taken = [
        Taken(view, view.name, view.split, kept)
        for view in views
        if (not splits or view.split in splits) and (kept := range(len(view))[span])
    ]
    if not taken:
        held = ", ".join(f"{v.name} ({v.split}, {len(v)} frames)" for v in views)
        raise DatasetError(f"{dataset.path}: nothing is left of {held}.")
    return taken


def tell(combined: Combined, taken: Sequence[Taken]) -> str:
    """Return one line that says what was written."""
    count = f"{len(taken)} sequence" + ("" if len(taken) == 1 else "s")
    return (
        f"wrote {combined.frames} frames of {count}, {combined.stored_bytes / 1e6:.1f} MB, to "
        f"{combined.path} (content {combined.content_hash[:12]})"
    )


def _span(text: str) -> slice:
    parts = text.split(":") if text else ["", ""]
    try:
        numbers = [int(part) if part.strip() else None for part in parts]
        is_span = len(numbers) in (2, 3) and (len(numbers) == 2 or (numbers[2] or 1) > 0)
    except ValueError:
        is_span = False
    if not is_span:
        raise DatasetError(f"--range {text}: expected START:STOP or START:STOP:STEP with STEP > 0.")
    return slice(*numbers)
