"""Score a submission: a row of the leaderboard like any other, without training and speed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from airseg.bench.results.result import (
    SPEED_ENDING,
    STUDY_NAME,
    DatasetResult,
    Result,
    load_result,
    recipe_hash,
    save_result,
)
from airseg.bench.scoring.evaluate import choose_samples, score_predictions, score_result
from airseg.bench.scoring.sample_pictures import save_sample
from airseg.bench.scoring.submission import Submission, open_submission
from airseg.dataset.reading import Dataset
from airseg.errors import RecipeError

PROTOCOL = "submitted"
"""What a submission was trained on, only its author knows."""
_SAMPLES = 4


def score_submission(
    path: Path,
    dataset: Dataset,
    split: str,
    label: str,
    *,
    out: Path | None = None,
    command: str = "",
    progress: Callable[[str, int, int | None], None] = lambda what, done, total: None,
) -> Result:
    """Score predictions of every frame of a split.

    Args:
        path: folder or HDF5 file; see `airseg.bench.scoring.submission`.
        dataset: what they are predictions of.
        split: which of its splits.
        label: what to call the row.
        out: folder of results to write into, with some frames as pictures, or None.
        command: what the user typed, for the record.
        progress: told how far scoring is.

    Raises:
        RecipeError: predictions are missing or wrong; one line says which.
        DatasetError: nothing is in the split.
    """
    sequences = dataset.needed_split(split)
    run = _run_name(label)
    if out:
        _refuse_name_of_another(out / f"{run}.json", label)
    submission = open_submission(path, dataset, sequences)
    lengths = {name: dataset.sequence(name).length for name in sequences}
    done = 0

    def count(frames: int) -> None:
        nonlocal done
        done += frames
        progress(f"{label}: scoring", done, sum(lengths.values()))

    scores = score_predictions(submission.stream, dataset, sequences, progress=count)
    recipe = {"submission": label, "predictions": submission.digest}
    kept = choose_samples(dataset, sequences, _SAMPLES) if out else []
    result = Result(
        run=run,
        label=label,
        kind="submission",
        protocol=PROTOCOL,
        recipe=recipe,
        recipe_hash=recipe_hash(recipe),
        dataset=DatasetResult(content_hash=dataset.content_hash, split=split, sequences=lengths),
        scores=score_result(scores, dataset),
        samples=kept,
        command=command,
    )
    if out:
        _save_samples(out / run, submission, dataset, kept)
        save_result(out, result)
    return result


def _refuse_name_of_another(path: Path, label: str) -> None:
    """Raise RecipeError where another row has the submission's name."""
    if not path.is_file():
        return
    there = load_result(path)
    if there.kind != "submission" or there.label != label:
        raise RecipeError(
            f"{path}: is the row '{there.label}', and '{label}' would replace it. Choose another "
            "--name."
        )


def _save_samples(
    folder: Path, submission: Submission, dataset: Dataset, samples: list[tuple[str, int]]
) -> None:
    """Write frame, label and prediction of the samples as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, index in samples:
        view = dataset.sequence(name)
        save_sample(folder, view, index, submission.frame(view, index))


def _run_name(label: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "-" for c in label)
    name = "-".join(part for part in kept.lower().split("-") if part)
    if not name.strip("."):
        raise RecipeError(f"--name '{label}': needs a letter or a digit.")
    if f"{name}.json" == STUDY_NAME or f"{name}.json".endswith(SPEED_ENDING):
        raise RecipeError(
            f"--name '{label}': {name}.json is what `airseg bench temporal` or `speed` writes "
            "beside results. Choose another."
        )
    return name
