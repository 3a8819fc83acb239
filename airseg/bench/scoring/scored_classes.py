"""Score only some of a dataset's classes, or several of them as one.

A network that is trained on one dataset and tested on another knows classes that the other's labels
do not part: UAVid's Building holds roofs, which airseg's labels have by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from airseg.bench.recipes.recipe_parts import EvaluateRecipe
from airseg.dataset.reading.reader import Dataset
from airseg.errors import RecipeError, did_you_mean


@dataclass(frozen=True)
class ScoredClasses:
    """What labels and predictions count as.

    Attributes:
        labels: (256,) uint8 by label; what is not scored is the dataset's `ignore_index`.
        predictions: (256,) uint8 by predicted class; one that is not scored stays what it is, and
            is wrong wherever a scored class is.
    """

    labels: np.ndarray
    predictions: np.ndarray


def scored_classes(recipe: EvaluateRecipe, dataset: Dataset) -> ScoredClasses | None:
    """Return what a recipe scores of a dataset's classes; None where that is all of them.

    Raises:
        RecipeError: it names a class that the dataset lacks.
    """
    if not recipe.classes and not recipe.pool:
        return None
    index = {name: number for number, name in enumerate(dataset.class_names)}
    for field, names in (
        ("classes", recipe.classes),
        ("pool", [*recipe.pool, *recipe.pool.values()]),
    ):
        for name in names:
            if name not in index:
                hint = did_you_mean(name, index, "Classes")
                raise RecipeError(f"evaluate.{field}: the dataset has no class '{name}'.{hint}")
    predictions = np.arange(256, dtype=np.uint8)
    for name, pooled in recipe.pool.items():
        predictions[index[name]] = index[pooled]
    labels = predictions.copy()
    if recipe.classes:
        wanted = [index[name] for name in recipe.classes]
        labels[~np.isin(predictions, wanted)] = dataset.ignore_index
    labels[dataset.ignore_index] = dataset.ignore_index
    return ScoredClasses(labels, predictions)
