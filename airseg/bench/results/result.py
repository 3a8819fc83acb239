"""Results: one JSON file a row, with everything needed to trust and to repeat it."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from airseg.bench.aside import write_aside
from airseg.bench.recipes.recipe import RUN_NAME
from airseg.bench.recipes.recipe import fingerprint_of as recipe_hash
from airseg.documents import StrictModel, first_complaint
from airseg.errors import RecipeError
from airseg.path_names import PATH_NAMES, is_path_name
from airseg.text_files import read_text
from airseg.version import __version__

FORMAT_VERSION = 1
SPEED_ENDING = ".speed.json"
"""Of files that `airseg bench speed` writes, which may lie beside results."""
STUDY_NAME = "temporal.json"
"""Of the file that `airseg bench temporal` writes beside the results of its rows."""
_OF_LEADERBOARDS = {".csv", ".html", ".md", ".pdf", ".png", ".svg"}
_ROUNDING = 1e-9


class SequenceResult(StrictModel):
    """Scores of one sequence, or of a split: shares from 0 to 1; None where nothing was counted.

    Attributes:
        mean_iou: the headline: over the confusion matrix of all frames, mean over classes.
        paper_jaccard: the founding paper's Eq. 1-2, a function of pixel accuracy.
        boundary_f: how well outlines lie on the labels', mean over classes.
        mvc8_official, mvc16_official: as VSPW's script has it, which never looks at the label.
        mvc8_correct, mvc16_correct: right in all frames of the window.
        cons, cons_wrong: predicted the same in two frames, and the same and wrong.
        warp_consistency, warp_consistent_wrong: the same along the image motion, where visible.
        warp_label_consistency: what the labels themselves reach there.
        warp_mean_iou: class-mean IoU of the prediction with the earlier one moved to it.
        tc_pooled, tc_estimated, mtc, mtc_visible, mtc_estimated, tc_correct, flicker: see
            `airseg.bench.metrics.temporal_consistency`; tc_label, tc_label_estimated, mtc_label:
            what the labels themselves reach.
        lag1, lag2, lag4, lag8: accuracy on pixels that appeared or changed, by frames since.
    """

    mean_iou: float | None
    pixel_accuracy: float | None
    frequency_weighted_iou: float | None
    paper_jaccard: float | None
    boundary_f: float | None = None
    mvc8_official: float | None = None
    mvc8_correct: float | None = None
    mvc16_official: float | None = None
    mvc16_correct: float | None = None
    cons: float | None = None
    cons_wrong: float | None = None
    warp_consistency: float | None = None
    warp_consistent_wrong: float | None = None
    warp_label_consistency: float | None = None
    warp_mean_iou: float | None = None
    tc_pooled: float | None = None
    tc_label: float | None = None
    tc_estimated: float | None = None
    tc_label_estimated: float | None = None
    mtc: float | None = None
    mtc_visible: float | None = None
    mtc_label: float | None = None
    mtc_estimated: float | None = None
    tc_correct: float | None = None
    flicker: float | None = None
    lag1: float | None = None
    lag2: float | None = None
    lag4: float | None = None
    lag8: float | None = None

    @model_validator(mode="after")
    def _are_shares(self) -> Self:
        for name, value in self:
            for one in value.values() if isinstance(value, dict) else [value]:
                if isinstance(one, float) and not -_ROUNDING <= one <= 1 + _ROUNDING:
                    raise ValueError(f"{name}: expected a share from 0 to 1, found {one}")
        return self


class StratumResult(StrictModel):
    """Scores of some of the pixels."""

    pixels: int
    mean_iou: float | None


class ScoreResult(SequenceResult):
    """Scores over a whole split; None where a class never occurs.

    Attributes:
        by_motion: by how far a pixel's point moved in the image since the frame before.
        by_visibility: by whether that point could be seen before, and can afterwards.
        by_class_area: by which share of the frame the pixel's class takes.
        motion_source: ``flow`` of the simulator, ``depth`` and poses, or None: not known.
    """

    class_iou: dict[str, float | None]
    class_boundary_f: dict[str, float | None] = {}
    by_motion: dict[str, StratumResult] = {}
    by_visibility: dict[str, StratumResult] = {}
    by_class_area: dict[str, StratumResult] = {}
    motion_source: Literal["flow", "depth"] | None = None
    sequence_mean_iou: dict[str, float | None] = {}
    sequences: dict[str, SequenceResult] = {}

    @model_validator(mode="before")
    @classmethod
    def _without_old_intervals(cls, content: Any) -> Any:
        """Leave out what older results call 95 % intervals: of few flights they cover half that."""
        if isinstance(content, dict):
            return {k: v for k, v in content.items() if k != "intervals"}
        return content


_BUSY = 0.1


def _are_percentiles(times: dict[str, float]) -> dict[str, float]:
    if times and not {"p50", "p95", "p99"} <= times.keys():
        raise ValueError(f"expected p50, p95 and p99, found {', '.join(sorted(times))[:60]}")
    return times


Percentiles = Annotated[dict[str, float], AfterValidator(_are_percentiles)]
"""Milliseconds that 50, 95 and 99 of 100 frames take at most; empty where none was timed."""


class SpeedResult(StrictModel):
    """How fast a network streams, as it is: eager, fp32; and its size.

    Attributes:
        logits_ms, labelmap_ms: latency of a frame to coarse logits, and to classes at the frame's
            resolution.
        frames_per_second: to a label map; one over the time a frame costs, the mean over the
            period of a network with key frames.
        parameters: trainable numbers; gmacs: multiply-adds of a frame, 1e9.
        memory_bytes: what a stream remembers; height, width: of the frames.
        machine: what it ran on.
        key_ms, between_ms: as `labelmap_ms`, of key frames and of the others; empty for networks
            without.
        peak_memory_bytes: of tensors on a GPU, of the process on a CPU.
        busy: share of the machine's processor time that other programs took meanwhile.
    """

    logits_ms: Percentiles = Field(min_length=1)
    labelmap_ms: Percentiles = Field(min_length=1)
    frames_per_second: float
    parameters: int
    gmacs: float
    memory_bytes: int
    height: int
    width: int
    machine: str
    key_ms: Percentiles = {}
    between_ms: Percentiles = {}
    peak_memory_bytes: int = 0
    busy: float = 0.0

    @property
    def was_disturbed(self) -> bool:
        """Whether other programs took so much that the figures are not to be compared."""
        return self.busy > _BUSY


class ValidationResult(StrictModel):
    """Scores of the frames that choices are made by: the validation split, all of it.

    Attributes:
        mean_iou: of its one confusion matrix; sequences: of each flight.
        frames: how many.
    """

    mean_iou: float | None
    sequences: dict[str, float | None] = {}
    frames: int = 0


class SelectionResult(StrictModel):
    """A row that was chosen among the values of a sweep before any of them was scored on test.

    Attributes:
        fields: what was swept; chosen: the values that won.
        candidates: each candidate's validation score, mean over seeds, by its label.
    """

    fields: list[str]
    chosen: dict[str, Any]
    candidates: dict[str, float | None]


class EnvironmentResult(StrictModel):
    """What a row was made with, beside its recipe: it decides the last digits, and the hours.

    Attributes:
        device: the GPU's or the processor's name; threads: torch computed with on a CPU.
        processes: that shared each batch.
        versions: of the libraries; commit: of airseg's source, with a + where it was changed.
    """

    device: str
    threads: int
    processes: int = 1
    versions: dict[str, str] = {}
    commit: str = ""

    @property
    def is_gpu(self) -> bool:
        """Whether it was trained on a GPU."""
        return not self.device.startswith("CPU")


class CurveResult(StrictModel):
    """Points (step, value); see `engine.Curves`."""

    loss: list[tuple[int, float]] = []
    validation: list[tuple[int, float | None]] = []
    validation_jaccard: list[tuple[int, float | None]] = []
    training_jaccard: list[tuple[int, float]] = []
    epoch_steps: int = 0


class DatasetResult(StrictModel):
    """Which dataset: its content hash, and the sequences scored with their frames."""

    content_hash: str
    split: str
    sequences: dict[str, int]


def _path_name(name: str) -> str:
    if not is_path_name(name):
        raise ValueError(f"{name[:60]!a} cannot name a sequence: {PATH_NAMES}")
    return name


class Result(StrictModel):
    """A row of the leaderboard.

    Attributes:
        run: unique name; label: what the table shows.
        leaks: whether scored frames neighbour frames that were trained on, as under ``paper``.
        kind: ``model``, ``baseline`` for the majority class, or ``submission`` for label maps of
            another program.
        recipe: the resolved recipe; recipe_hash: its fingerprint.
        command: what to type to get this row again.
        steps, supervised_frames, training_seconds: what the training was given, and took.
        scored_frames: how many frames the scores are of; 0 in older results, which say it not.
        trained: frames of each training flight; frame_sizes: of the flights that are scored, in the
            dataset, such as 640x480. Older results say neither, and under ``paper`` there are no
            training flights.
        validation: what choices may be made by; None where there are no such frames.
        places: what kind of place each flight shows, where that is known; see `scoring.places`.
        swept: fields of which every value was scored on the test flights; choosing the best of
            them is training on test.
        selection: how the row was chosen where validation chose it.
        samples: frames whose predictions lie in the run's folder: sequence and frame number.
    """

    format: Literal[1] = 1
    run: str = Field(pattern=RUN_NAME)
    label: str
    kind: Literal["model", "baseline", "submission"] = "model"
    protocol: str
    leaks: bool = False
    recipe: dict[str, Any]
    recipe_hash: str
    dataset: DatasetResult
    scores: ScoreResult
    speed: SpeedResult | None = None
    curves: CurveResult = CurveResult()
    training_seconds: float = 0.0
    steps: int = 0
    supervised_frames: int = 0
    scored_frames: int = 0
    trained: dict[str, int] = {}
    frame_sizes: list[str] = []
    validation: ValidationResult | None = None
    places: dict[str, str] = {}
    swept: list[str] = []
    selection: SelectionResult | None = None
    environment: EnvironmentResult | None = None
    samples: list[tuple[Annotated[str, AfterValidator(_path_name)], int]] = []
    command: str = ""
    airseg_version: str = __version__
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def made_of(self) -> str:
        """Recipe and dataset, as the checkpoint of its training names them."""
        return f"{self.recipe_hash}-{self.dataset.content_hash}"

    @field_validator("recipe")
    @classmethod
    def _has_sections(cls, recipe: dict[str, Any]) -> dict[str, Any]:
        """Refuse what no recipe is, before tables look for its fields."""
        for name in ("model", "data", "train", "evaluate", "paper"):
            if not isinstance(recipe.get(name, {}), dict):
                raise ValueError(f"{name}: expected fields, found {str(recipe[name])[:40]!a}")
        if type(seed := recipe.get("train", {}).get("seed", 0)) is not int:
            raise ValueError(f"train.seed: expected a whole number, found {str(seed)[:40]!a}")
        return recipe


def save_result(folder: Path, result: Result) -> Path:
    """Write a result into a folder under its run's name, aside first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.run}.json"
    write_aside(path, (json.dumps(result.model_dump(mode="json"), indent=1) + "\n").encode())
    return path


def load_result(path: Path) -> Result:
    """Read a result.

    Raises:
        RecipeError: it cannot be read, is no result of a known format, or its recipe is not the one
            that was run.
    """
    try:
        data = json.loads(read_text(path, RecipeError))
    except (ValueError, RecursionError) as cause:
        raise RecipeError(f"{path}: cannot read the result (not JSON: {cause}).") from None
    version = data.get("format") if isinstance(data, dict) else None
    if version != FORMAT_VERSION:
        raise RecipeError(
            f"{path}: expected a result of format {FORMAT_VERSION}, found {version!r}."
        )
    try:
        result = Result.model_validate(data)
    except ValidationError as cause:
        raise RecipeError(f"{path}: {first_complaint(cause)}.") from None
    if recipe_hash(result.recipe) != result.recipe_hash:
        raise RecipeError(
            f"{path}: recipe_hash {result.recipe_hash} is not that of the recipe in the file "
            f"({recipe_hash(result.recipe)}): one of them was changed after the run. Run it again."
        )
    return result


def load_results(inputs: list[Path]) -> list[tuple[Path, Result]]:
    """Read the results of files and folders, best first, those of the paper's protocol last.

    Raises:
        RecipeError: there are none, or one is damaged.
    """
    paths: list[Path] = []
    for item in inputs:
        if not item.exists():
            raise RecipeError(
                f"{item}: there is no such file or folder. `airseg bench run RECIPE --out {item}` "
                "makes results there."
            )
        paths += sorted(item.glob("*.json")) if item.is_dir() else [item]
    # A file may be named twice, and the shell names all of a folder.
    paths = list({p.resolve(): p for p in paths if _may_be_result(p)}.values())
    if not paths:
        raise RecipeError(
            f"no results in {', '.join(str(i) for i in inputs)}. `airseg bench run` makes some."
        )
    results = [(p, load_result(p)) for p in paths]
    return sorted(results, key=lambda r: rank(r[1]))


def _may_be_result(path: Path) -> bool:
    """Whether a file is none of the others that commands write beside results."""
    if path.suffix in _OF_LEADERBOARDS or path.name.endswith(SPEED_ENDING):
        return False
    return path.name != STUDY_NAME or '"findings"' not in read_text(path, RecipeError)


def rank(result: Result) -> tuple[bool, float, str]:
    """Return what results are sorted by: the best first, those that leak last."""
    return result.protocol == "paper", -(result.scores.mean_iou or 0.0), result.run


def number(value: float) -> float | None:
    """Return a float as JSON knows it: None for NaN."""
    return None if math.isnan(value) else float(value)
