"""Recipes: what to train and how, one YAML file for one or several rows of the leaderboard."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from airseg.documents import StrictModel, load_document
from airseg.errors import RecipeError, did_you_mean
from airseg.resources import find_resource


class ModelRecipe(StrictModel):
    """Which network.

    Attributes:
        options: go to its builder.
        weights: what it starts from: ``none``, ``imagenet`` for the backbone, or a file.
    """

    name: str
    weights: str = "none"
    options: dict[str, Any] = {}


class DataRecipe(StrictModel):
    """How clips are cut and dealt out.

    Attributes:
        height, width: pixels while training and predicting; scores are always at the labels' own.
        batching: ``mixed`` puts clips of many sequences into a batch, ``homogeneous`` of one.
        clips_per_batch: clips in a batch.
        targets: supervised frames of a clip; the model's context comes before them.
        max_context: the largest context of the comparison: every row supervises the same frames.
        stride: frames from one of a clip to the next.
        flip, photometric: augmentations, the same for all frames of a clip.
    """

    height: int = Field(480, ge=32, le=4096)
    width: int = Field(640, ge=32, le=4096)
    batching: Literal["mixed", "homogeneous"] = "mixed"
    clips_per_batch: int = Field(4, ge=1, le=256)
    targets: int = Field(4, ge=1, le=256)
    max_context: int = Field(6, ge=0, le=256)
    stride: int = Field(1, ge=1, le=100)
    flip: bool = True
    photometric: float = Field(0.2, ge=0, le=1)


class LossRecipe(StrictModel):
    """Cross-entropy on the supervised frames.

    Attributes:
        class_weights: ``none``, or ``root``: one over the root of a class's share of pixels.
        resolution: ``full`` compares upsampled logits with the labels; ``logits`` compares the
            network's own, coarse logits with the nearest labels, which costs a CPU much less.
        inconsistency: weight of the loss that asks neighbouring frames to agree; 10 in its paper.
        inconsistency_form, inconsistency_power: see `airseg.bench.losses`.
    """

    class_weights: Literal["none", "root"] = "none"
    resolution: Literal["full", "logits"] = "full"
    inconsistency: float = Field(0.0, ge=0)
    inconsistency_form: Literal["paper", "code"] = "paper"
    inconsistency_power: Literal[1, 2] = 2


class TrainRecipe(StrictModel):
    """How to optimise.

    Attributes:
        steps: optimiser steps, the same for every row.
        schedule: of the learning rate after `warmup_steps`.
        checkpoint_every_s: wall seconds between checkpoints.
        validate_every: steps between validations, or 0 for none.
        validation_frames: frames of each validation sequence that are scored then.
    """

    steps: int = Field(2000, ge=1, le=10_000_000)
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = Field(0.01, gt=0, le=10)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(5e-4, ge=0, le=1)
    schedule: Literal["poly", "cosine", "constant"] = "poly"
    warmup_steps: int = Field(0, ge=0)
    clip_gradient: float = Field(0.0, ge=0)
    seed: int = Field(0, ge=0)
    checkpoint_every_s: float = Field(60.0, gt=0)
    validate_every: int = Field(0, ge=0)
    validation_frames: int = Field(50, ge=1)


class EvaluateRecipe(StrictModel):
    """What to score: every frame of a split, streamed one after the other."""

    split: Literal["train", "val", "test"] = "test"
    samples: int = Field(4, ge=0, le=64)
    speed_frames: int = Field(30, ge=1, le=100_000)


class Variant(StrictModel):
    """A row of its own: a label, and the fields that differ from the recipe's."""

    label: str = Field(min_length=1)
    set: dict[str, Any] = {}


class Recipe(StrictModel):
    """One comparison.

    Attributes:
        protocol: ``fair``: split by sequence, the same supervised frames, steps and seeds for all.
        baseline: add a row that predicts the training set's commonest class everywhere.
        variants: rows; none means one row, named after the recipe.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    description: str = ""
    protocol: Literal["fair"] = "fair"
    model: ModelRecipe
    data: DataRecipe = DataRecipe()
    loss: LossRecipe = LossRecipe()
    train: TrainRecipe = TrainRecipe()
    evaluate: EvaluateRecipe = EvaluateRecipe()
    baseline: bool = False
    variants: list[Variant] = []

    def fingerprint(self) -> str:
        """Return a hash of everything that decides the result."""
        content = self.model_dump(mode="json", exclude={"description", "variants", "baseline"})
        text = json.dumps(content, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def load_recipe(name: str, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe by path or bare name, and change fields.

    Args:
        name: a path, or the name of a shipped recipe.
        settings: ``train.steps=100`` and the like; values are YAML.

    Raises:
        RecipeError: no such recipe, or it is wrong; the message names file, line and field.
    """
    path: Path = find_resource("recipe", name, RecipeError)
    recipe = load_document(path, Recipe, RecipeError)
    changes = dict(_parse_setting(s) for s in settings)
    changed = apply_settings(recipe, changes, "--set") if changes else recipe
    for variant in changed.variants:
        resolve_variant(changed, variant)  # wrong variants are told before any work begins
    return changed


def resolve_variant(recipe: Recipe, variant: Variant) -> Recipe:
    """Return the recipe of one row."""
    return apply_settings(recipe, variant.set, f"variant '{variant.label}'")


def apply_settings(recipe: Recipe, changes: dict[str, Any], source: str) -> Recipe:
    """Return a recipe with fields changed; keys are dotted paths.

    Raises:
        RecipeError: a path names no field, or a value does not fit; `source` says who asked.
    """
    content = copy.deepcopy(recipe.model_dump(mode="python"))
    for key, value in changes.items():
        place, parts = content, key.split(".")
        for depth, part in enumerate(parts[:-1]):
            if not isinstance(place.get(part), dict):
                raise RecipeError(_unknown(source, key, part, place, depth))
            place = place[part]
        is_free = parts[:-1][-1:] == ["options"]
        if parts[-1] not in place and not is_free:
            raise RecipeError(_unknown(source, key, parts[-1], place, len(parts) - 1))
        place[parts[-1]] = value
    try:
        return Recipe.model_validate(content)
    except ValidationError as cause:
        first = cause.errors()[0]
        field = ".".join(str(p) for p in first["loc"])
        raise RecipeError(
            f"{source}: {field}: {first['msg']}, found {first.get('input')!r}."
        ) from None


def _unknown(source: str, key: str, part: str, place: dict[str, Any], depth: int) -> str:
    hint = did_you_mean(part, place) or f" Fields: {', '.join(place)}."
    return f"{source}: {key}: there is no field '{part}'.{hint}"


def _parse_setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RecipeError(f"--set {text}: expected FIELD=VALUE, such as train.steps=100.")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        raise RecipeError(f"--set {text}: the value is not valid YAML.") from None
