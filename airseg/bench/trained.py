"""Networks that were trained before, with their weights, ready to look at frames."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from airseg.bench.hub_model import is_published, load_published_model
from airseg.bench.recipes.recipe import Recipe, apply_settings
from airseg.bench.results.result import Result, load_result
from airseg.bench.training.checkpoint import scored_weights
from airseg.bench.training.learner import build
from airseg.errors import RecipeError, first_line
from airseg.models.base import VideoSegmenter

_CHECKPOINT = "checkpoint.pt"


def load_model(source: str | Path) -> VideoSegmenter:
    """Return a trained network in evaluation mode, on the CPU.

    Args:
        source: what `airseg bench run` wrote: a row's file (``results/demo-fanet-18-n-2.json``),
            its folder (``results/demo-fanet-18-n-2``), or the checkpoint in it; or what `airseg
            bench push` did: a folder, or ``user/name`` on the Hugging Face Hub.

    Raises:
        RecipeError: nothing of that kind lies there, or the weights are not those of the row.
        HubError: the repository cannot be had.
    """
    if is_published(source):
        return load_published_model(source)
    checkpoint, row = _places(Path(source))
    result = load_result(row)
    model = _network_of(result, row)
    state = scored_weights(checkpoint, result.made_of, result.steps)
    try:
        model.load_state_dict(state)
    except RuntimeError as cause:
        raise RecipeError(
            f"{checkpoint}: its weights do not fit the network of {row} ({first_line(cause)}). "
            "Make the row again."
        ) from None
    return model.eval()


def _places(source: Path) -> tuple[Path, Path]:
    """Return the checkpoint and the result of a row, whichever of its files is named."""
    if source.suffix == ".json":
        folder = source.with_suffix("")
    else:
        folder = source.parent if source.name == _CHECKPOINT else source
    if not folder.name:  # the folder one stands in
        folder = folder.resolve()
    checkpoint, row = folder / _CHECKPOINT, folder.with_name(f"{folder.name}.json")
    for path in (row, checkpoint):
        if not path.is_file():
            raise RecipeError(
                f"{source}: there is no {path}. Expected a row of `airseg bench run`: its .json, "
                "or its folder, which has the checkpoint."
            )
    return checkpoint, row


def _network_of(result: Result, row: Path) -> VideoSegmenter:
    if result.kind != "model":
        raise RecipeError(f"{row}: the row is a {result.kind}, which has no network.")
    try:
        recipe = Recipe.model_validate(result.recipe)
    except ValidationError as cause:
        raise RecipeError(
            f"{row}: its recipe does not fit this version of airseg: {first_line(cause)}."
        ) from None
    # What it was trained from lies nowhere any more, and is overwritten.
    recipe = apply_settings(recipe, {"model.weights": "none"}, str(row))
    return build(recipe, len(result.scores.class_iou))
