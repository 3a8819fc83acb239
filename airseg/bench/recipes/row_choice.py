"""Which rows of a recipe are to be made."""

from __future__ import annotations

from airseg.bench.recipes.recipe import Recipe, Row, rows, with_weights_hash
from airseg.errors import RecipeError, did_you_mean

BASELINE = "majority-class"
"""What `only` calls the row of the commonest class."""


def choose_rows(recipe: Recipe, only: tuple[str, ...] = ()) -> list[Row]:
    """Return the rows of a recipe that are asked for by label or run; all if none is.

    Raises:
        RecipeError: there is no such row, or one has the name of the commonest class's.
    """
    every = rows(recipe)
    has_baseline = recipe.baseline and recipe.protocol == "fair"
    for row in every if has_baseline else ():
        if row.run == f"{recipe.name}-{BASELINE}":
            raise RecipeError(
                f"{recipe.name}: '{row.label}' is what the row of the commonest class is called "
                "(baseline: true), and they would overwrite each other. Give it another label."
            )
    for wanted in set(only) - ({BASELINE} if has_baseline else set()):
        names = [n for row in every for n in (row.label, row.run)]
        if wanted not in names:
            labels = list(dict.fromkeys(row.label for row in every))
            hint = did_you_mean(wanted, names) or f" Rows: {', '.join(labels)}."
            raise RecipeError(f"--only {wanted}: {recipe.name} has no such row.{hint}")
    chosen = [row for row in every if not only or row.label in only or row.run in only]
    return [with_weights_hash(row) for row in chosen]
