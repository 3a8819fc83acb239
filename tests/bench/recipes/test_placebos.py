"""Every shipped study of memory can tell it from what comes with it, and "none" from "not seen".

A placebo goes through the same frames and forgets them; a positive control is a network that is
known to use the past. Deep Feature Flow's memory replaces looking at a frame, to save time: there
is nothing for a placebo to forget.
"""

from pathlib import Path

import pytest
from made_results import made_result

from airseg.bench.recipes.recipe import load_recipe, rows
from airseg.bench.temporal.pairs import Row, pair_up, without_partner

FOLDER = Path(__file__).parents[3] / "benchmark" / "recipes"
NO_STUDY = {"demo"}
"""Shows how the parts work, and says that it decides nothing about memory."""
NO_PLACEBO = ("dff_",)


def as_trained(made):
    """Return a row of a recipe as `bench temporal` sees it once it is trained."""
    recipe = made.recipe.model_dump(mode="json")
    result = made_result(made.run, label=made.label, protocol=made.recipe.protocol, recipe=recipe)
    return Row(result, Path(made.run))


def studies():
    """Return the names of shipped recipes that compare a network with memory under fair terms."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        recipe = load_recipe(str(path))
        trained = [as_trained(made) for made in rows(recipe)]
        if recipe.protocol == "fair" and any(t.family() and not t.is_per_frame for t in trained):
            found.append(path.stem)
    return sorted(set(found) - NO_STUDY)


def test_the_studies_are_found():
    assert {"temporal", "fair-table2", "five-papers", "reviewers", "test-places"} <= set(studies())


@pytest.mark.parametrize("name", studies())
def test_each_memory_stands_beside_a_placebo_and_the_study_beside_a_control(name):
    recipe = load_recipe(name)
    seed = recipe.seeds[0] if recipe.seeds else recipe.train.seed
    trained = [as_trained(made) for made in rows(recipe) if made.recipe.train.seed == seed]
    pairs = pair_up(trained)
    bases = {p.memory.label for p in pairs if not p.base.is_placebo}
    placebos = {p.memory.label for p in pairs if p.base.is_placebo}
    for row in trained:
        network = row.result.recipe["model"]["name"]
        if row.label not in bases or row.is_placebo or network.startswith(NO_PLACEBO):
            continue
        # What learns nothing of the past, as a smoother, trains on its base's own clips.
        assert row.label in placebos or row.context == 0, row.label
    assert recipe.positive_control in bases & placebos
    # Rows with memory that have no partner differ in their loss alone, beside the row without it.
    for said in without_partner([t for t in trained if t.family()], pairs):
        assert "differs in more than memory (loss." in said
