"""Recipes: what to train and how, one YAML file for one or several rows of the leaderboard."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from airseg import yaml_schema
from airseg.bench.recipes.recipe_parts import (
    DataRecipe,
    EvaluateRecipe,
    LossRecipe,
    ModelRecipe,
    PaperRecipe,
    Seed,
    TrainRecipe,
)
from airseg.documents import StrictModel, load_document
from airseg.errors import RecipeError, did_you_mean
from airseg.path_names import PATH_NAMES, is_path_name
from airseg.resources import find_resource

RUN_NAME = r"^\.*[A-Za-z0-9_-][A-Za-z0-9_.-]*$"
"""Names of rows, of their files and folders: not of dots alone."""
_MOST_ROWS = 2000
_SEED = "train.seed"


class Variant(StrictModel):
    """A row of its own: a label, and the fields that differ from the recipe's."""

    label: str = Field(min_length=1)
    set: dict[str, Any] = {}


class Recipe(StrictModel):
    """One comparison.

    Attributes:
        protocol: ``fair``: split by sequence, the same supervised frames, steps and seeds for all.
            ``paper``: the founding paper's, whose test frames neighbour its training frames.
        dataset: HDF5 file, where the command names none.
        baseline: add a row that predicts the training set's commonest class everywhere.
        variants: rows; none means one row, named after the recipe.
        sweep: field and values: every row once for each combination of values. Those of
            `train.seed` are seeds.
        seeds: every row once for each; none means `train.seed`.
        positive_control: label of the row that is known to use the past, in a study of memory.
        label: of swept rows, with fields in braces: ``N={model.options.tca_depth}``.
    """

    format: Literal[1] = 1
    name: str = Field(pattern=RUN_NAME)
    description: str = ""
    protocol: Literal["fair", "paper"] = "fair"
    dataset: str = ""
    model: ModelRecipe
    data: DataRecipe = DataRecipe()
    loss: LossRecipe = LossRecipe()
    train: TrainRecipe = TrainRecipe()
    evaluate: EvaluateRecipe = EvaluateRecipe()
    paper: PaperRecipe = PaperRecipe()
    baseline: bool = False
    variants: list[Variant] = []
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    seeds: list[Seed] = []
    label: str = ""
    positive_control: str = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        data = self.data
        if self.train.accumulate > data.clips_per_batch:
            raise ValueError(
                f"train.accumulate is {self.train.accumulate}, and a batch has only "
                f"{data.clips_per_batch} clips (data.clips_per_batch) to cut"
            )
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: {self.seeds}: one stands twice")
        if self.protocol == "paper":
            self._fits_the_paper()
        return self

    def _fits_the_paper(self) -> None:
        data, by = self.data, self.paper.label_divisor
        if data.height % by or data.width % by:
            raise ValueError(
                f"protocol paper: {data.width}x{data.height} cannot be divided by "
                f"{by} (paper.label_divisor)"
            )
        changes = data.flip or data.reverse or data.photometric or data.augment
        if self.evaluate.classes or self.evaluate.pool:
            raise ValueError(
                "protocol paper: it scores all classes; leave out evaluate.classes and pool"
            )
        if data.stride != 1 or changes or self.loss.resolution != "logits":
            raise ValueError(
                "protocol paper: expected data.stride 1, data.flip false, data.reverse false, "
                "data.photometric 0, no data.augment and loss.resolution logits, as the founding "
                "paper has them"
            )

    def fingerprint(self) -> str:
        """Return a hash of everything that decides the result."""
        return fingerprint_of(self.model_dump(mode="json"))


_DECIDES_NOTHING = (
    *("description", "variants", "baseline", "sweep", "seeds", "label", "dataset"),
    "positive_control",
)

_LATER: dict[str, dict[str, Any]] = {
    "data": {"reverse": False},
    "evaluate": {"classes": [], "pool": {}},
}
"""Fields of sections that came later, as they were before: with these a recipe keeps its hash."""


def fingerprint_of(content: dict[str, Any]) -> str:
    """Return the hash of a recipe as a result stores it."""
    kept = {k: v for k, v in content.items() if k not in _DECIDES_NOTHING}
    for section, before in _LATER.items():
        if isinstance(kept.get(section), dict):
            kept[section] = {
                k: v for k, v in kept[section].items() if k not in before or v != before[k]
            }
    model = dict(kept.get("model", {}))
    if model:  # what a file holds decides, wherever it lies
        model.pop("weights" if model.get("weights_hash") else "weights_hash", None)
        kept["model"] = model
    text = json.dumps(kept, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def load_recipe(name: str, settings: Sequence[str] = (), sweeps: Sequence[str] = ()) -> Recipe:
    """Read a recipe by path or bare name, and change fields.

    Args:
        name: a path, or the name of a shipped recipe.
        settings: ``train.steps=100`` and the like; values are YAML.
        sweeps: ``train.learning_rate=[0.1, 0.01]`` and the like, beside the recipe's own.

    Raises:
        RecipeError: no such recipe, or it is wrong; the message names file, line and field.
    """
    path: Path = find_resource("recipe", name, RecipeError)
    recipe = load_document(path, Recipe, RecipeError)
    changes = dict(_parse_setting("--set", s) for s in settings)
    changed = apply_settings(recipe, changes, "--set") if changes else recipe
    if sweeps:
        added = dict(_parse_sweep(s) for s in sweeps)
        changed = apply_settings(changed, {"sweep": {**changed.sweep, **added}}, "--sweep")
    rows(changed)  # wrong variants are told before any work begins
    return changed


@dataclass(frozen=True)
class Row:
    """One row of the leaderboard to be.

    Attributes:
        label: what the table shows; the same for all seeds.
        run: its file's and folder's name.
        recipe: what to do, without variants, sweep and seeds.
        variant: which one it comes from; swept: fields and values of a sweep over more than one.
    """

    label: str
    run: str
    recipe: Recipe
    variant: str = ""
    swept: dict[str, Any] = field(default_factory=dict)


def rows(recipe: Recipe) -> list[Row]:
    """Return every row of a recipe: variants, times values of the sweep, times seeds.

    Raises:
        RecipeError: a variant or a swept value is wrong, or two rows have one name.
    """
    single = {"variants": [], "sweep": {}, "seeds": [], "label": "", "baseline": False}
    variants = recipe.variants or [Variant(label=recipe.name)]
    counts = [len(variants), *map(len, recipe.sweep.values()), len(recipe.seeds) or 1]
    if math.prod(counts) > _MOST_ROWS:
        raise RecipeError(
            f"{recipe.name}: variants, sweep and seeds make {math.prod(counts):,} rows together, "
            f"more than {_MOST_ROWS:,}. Sweep fewer values."
        )
    sweep = dict(recipe.sweep)
    seeds = sweep.pop(_SEED, recipe.seeds)
    if recipe.seeds and _SEED in recipe.sweep:
        raise RecipeError(f"{recipe.name}: seeds and a sweep of {_SEED} are one; leave out either.")
    for key in (*sweep, *(key for variant in variants for key in variant.set)):
        if key.partition(".")[0] in single:
            raise RecipeError(
                f"{recipe.name}: {key} says which rows there are, and is nothing that they can "
                f"differ in. Set it for all of them, such as --set '{key}=...'."
            )
    found = []
    plain = apply_settings(recipe, single, recipe.name)  # each row copies it
    for variant in variants:
        for values in itertools.product(*sweep.values()):
            swept = dict(zip(sweep, values, strict=True))
            source = f"variant '{variant.label}'" if variant.set else "sweep"
            changed = apply_settings(plain, {**variant.set, **swept, **single}, source)
            label = _label(recipe, variant, changed, swept)
            run = f"{recipe.name}-{_slug(label)}"
            several = {k: v for k, v in swept.items() if len(sweep[k]) > 1}
            found += [
                Row(
                    label,
                    f"{run}-seed{seed}",
                    apply_settings(changed, {_SEED: seed}, run),
                    variant.label,
                    several,
                )
                for seed in seeds
            ] or [Row(label, run, changed, variant.label, several)]
    names = [row.run for row in found]
    if endless := [name for name in names if not is_path_name(name)]:
        raise RecipeError(
            f"{recipe.name}: row {endless[0][:60]!a} cannot name a file: {PATH_NAMES}. Shorten its "
            "label."
        )
    doubles = Counter(names)
    for row in found:
        if doubles[row.run] > 1:
            raise RecipeError(
                f"{recipe.name}: two rows are called '{row.label}', and would overwrite each "
                "other. Give them labels of their own."
            )
    return found


def with_weights_hash(row: Row) -> Row:
    """Return a row whose recipe names its weights file by content too.

    Raises:
        RecipeError: there is no such file, or it is not the one that the recipe was made with.
    """
    model = row.recipe.model
    if model.weights in ("none", "imagenet"):
        return row
    try:
        with Path(model.weights).open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=12)).hexdigest()
    except OSError as cause:
        raise RecipeError(
            f"{row.run}: model.weights: {model.weights}: cannot be read ({cause.strerror})."
        ) from None
    if model.weights_hash not in ("", digest):
        raise RecipeError(
            f"{row.run}: model.weights: {model.weights}: its content is {digest}, the recipe asks "
            f"for {model.weights_hash}: the file was replaced. Find the other one, or set "
            "model.weights_hash='' to train with this one."
        )
    changed = model.model_copy(update={"weights_hash": digest})
    return replace(row, recipe=row.recipe.model_copy(update={"model": changed}))


def _label(recipe: Recipe, variant: Variant, row: Recipe, swept: dict[str, Any]) -> str:
    """Return a row's label: the template's, or the variant's with what is swept."""
    if not recipe.label:
        said = ", ".join(f"{key.rsplit('.', 1)[-1]}={value}" for key, value in swept.items())
        return f"{variant.label} {said}".strip()

    def value(match: re.Match[str]) -> str:
        place: Any = {**row.model_dump(mode="json"), "variant": variant.label}
        for part in match[1].split("."):
            if not isinstance(place, dict) or part not in place:
                raise RecipeError(f"label: '{recipe.label}': there is no field '{match[1]}'.")
            place = place[part]
        return str(place)

    return re.sub(r"\{([^{}]*)\}", value, recipe.label)


def _slug(text: str) -> str:
    # Runs are names of files, folders and of elements of the page: ASCII alone.
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(part for part in kept.split("-") if part) or "row"


def apply_settings(recipe: Recipe, changes: dict[str, Any], source: str) -> Recipe:
    """Return a recipe with fields changed; keys are dotted paths.

    Raises:
        RecipeError: a path names no field, or a value does not fit; `source` says who asked.
    """
    content = copy.deepcopy(recipe.model_dump(mode="python"))
    for key, value in changes.items():
        place, parts = content, key.split(".")
        for part in parts[:-1]:
            if part in place and not isinstance(place[part], dict):
                raise RecipeError(
                    f"{source}: {key}: '{part}' is {place[part]!r} and has no fields; give it a "
                    "value as a whole."
                )
            if part not in place:
                raise RecipeError(_unknown(source, key, part, place))
            place = place[part]
        is_free = parts[:-1] == ["model", "options"]
        if parts[-1] not in place and not is_free:
            raise RecipeError(_unknown(source, key, parts[-1], place))
        place[parts[-1]] = value
    try:
        return Recipe.model_validate(content)
    except ValidationError as cause:
        raise RecipeError(f"{source}: {_complaint(cause)}") from None


_KINDS = ("literal[", "list[", "constrained-")
"""Of a union's members, which pydantic tells beside the field's name."""


def _complaint(cause: ValidationError) -> str:
    """Return the first of pydantic's complaints in a line."""
    first = cause.errors()[0]
    field = ".".join(str(p) for p in first["loc"] if not str(p).startswith(_KINDS))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{field}: {message}." if field else f"{message}."
    return f"{field}: {message}, found {first.get('input')!r}."


def _unknown(source: str, key: str, part: str, place: dict[str, Any]) -> str:
    return f"{source}: {key}: there is no field '{part}'.{did_you_mean(part, place, 'Fields')}"


def _parse_setting(option: str, text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RecipeError(f"{option} {text}: expected FIELD=VALUE, such as train.steps=100.")
    try:
        return key, yaml_schema.load(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise RecipeError(f"{option} {text}: the value is not valid YAML.") from None


def _parse_sweep(text: str) -> tuple[str, list[Any]]:
    key, values = _parse_setting("--sweep", text)
    if not isinstance(values, list) or not values:
        raise RecipeError(
            f"--sweep {text}: expected FIELD=[VALUE, VALUE], such as train.steps=[100, 200]."
        )
    return key, values
