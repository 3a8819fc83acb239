"""Recipes: checked before any work begins, and told what is wrong on one line."""

import pytest

from airseg.bench.recipe import load_recipe, resolve_variant
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.resources import shipped_names

GOOD = "name: mine\nmodel: {name: fanet18}\n"


def write(tmp_path, text=GOOD):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", shipped_names("recipe"))
def test_every_shipped_recipe_and_variant_builds_its_network(name):
    recipe = load_recipe(name)
    for variant in recipe.variants:
        row = resolve_variant(recipe, variant)
        model = build_model(row.model.name, 11, **row.model.options)
        assert model.memory_depth <= row.data.max_context


def test_a_setting_changes_its_field_and_the_fingerprint(tmp_path):
    path = write(tmp_path)
    changed = load_recipe(path, ["train.steps=7", "model.options.tca_depth=3"])
    assert changed.train.steps == 7
    assert changed.model.options == {"tca_depth": 3}
    assert changed.fingerprint() != load_recipe(path).fingerprint()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: mine\n", "model: required field is missing"),
        (GOOD + "trian: {steps: 3}\n", "Did you mean 'train'"),
        (GOOD + "train: {stepz: 3}\n", "Did you mean 'steps'"),
        (GOOD + "train: {steps: 0}\n", "recipe.yaml:3: train.steps"),
        (GOOD + "data: {batching: random}\n", "'mixed' or 'homogeneous'"),
        (GOOD + "protocol: easy\n", "protocol"),
        (GOOD.replace("mine", "a/b"), "name"),
        (GOOD + "variants: [{label: x, set: {model.optionz.a: 1}}]\n", "Did you mean 'options'"),
        (
            GOOD + "variants:\n  - {label: x, set: {train.steps: many}}\n",
            "variant 'x': train.steps",
        ),
        ("name: [", "not valid YAML"),
    ],
)
def test_wrong_recipes_get_one_line(tmp_path, text, expected):
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path, text))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("train.steps", "expected FIELD=VALUE"),
        ("train.step=3", "Did you mean 'steps'"),
        ("train.steps=many", "--set: train.steps"),
        ("train.steps=[", "not valid YAML"),
        ("nothing=1", "there is no field 'nothing'"),
    ],
)
def test_wrong_settings_get_one_line(tmp_path, setting, expected):
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path), [setting])
    assert expected in str(caught.value)


def test_an_unknown_recipe_gets_the_nearest_name():
    with pytest.raises(RecipeError, match="Did you mean 'demo'"):
        load_recipe("deom")
