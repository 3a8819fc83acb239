"""Recipes: checked before any work begins, and told what is wrong on one line."""

import json
import re
from functools import cache
from pathlib import Path

import pytest
import torch

from airseg.bench.recipes.recipe import Recipe, apply_settings, fingerprint_of, load_recipe, rows
from airseg.bench.recipes.row_choice import BASELINE, choose_rows
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.resources import shipped_names

GOOD = "name: mine\nmodel: {name: fanet18}\n"


def write(tmp_path, text=GOOD):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    return str(path)


SCRIPT = Path(__file__).parents[3] / "benchmark" / "gpu" / "run.sh"


@pytest.mark.parametrize("sizes", [0, 1], ids=["rehearsal", "real"])
def test_what_the_gpu_script_sets_suits_its_recipe(sizes):
    # Nobody runs it for weeks; what a recipe refuses must not be found out on a lent machine.
    block = re.split(r'^if \[ "\$rehearse" \]; then|^else$|^fi$', SCRIPT.read_text(), flags=re.M)
    said = " ".join(re.findall(r"study=['\"](?:\$study )?([^'\"]+)", block[1 + sizes]))
    name, *settings = re.split(r"\s+--set ", said.replace(" seconds", ""))
    recipe = load_recipe(name, settings)
    assert recipe.train.steps == (2, 150)[sizes]


@cache
def told_by(name, options):
    """Return the context and ImageNet name of a network; rows of many recipes have the same one."""
    with torch.device("meta"):
        model = build_model(name, 11, **json.loads(options))
    return model.training_context, model.imagenet_name


@pytest.mark.parametrize("name", shipped_names("recipe"))
def test_every_shipped_recipe_and_variant_builds_its_network(name):
    recipe = load_recipe(name)
    for row in rows(recipe):
        model = row.recipe.model
        context, imagenet_name = told_by(model.name, json.dumps(model.options))
        if recipe.protocol == "fair":
            assert context <= row.recipe.data.max_context
        if model.weights == "imagenet":
            assert imagenet_name


@pytest.mark.parametrize("name", ["table2", "fig7", "fig8", "fig9"])
def test_recipes_of_the_paper_do_what_its_notebook_does(name):
    for size in ("", "-mini"):
        recipe = load_recipe(f"paper-{name}{size}")
        assert recipe.protocol == "paper"
        for row in rows(recipe):
            train, loss = row.recipe.train, row.recipe.loss
            assert (train.optimizer, train.learning_rate, train.weight_decay) == ("adam", 0.001, 0)
            assert (loss.kind, loss.class_weights, loss.resolution) == (
                "cross_entropy",
                "none",
                "logits",
            )
            assert not row.recipe.model.batch_norm
            assert row.recipe.model.initialization == "torch"
            assert not row.recipe.model.options.get("normalize")
        depths = [r.recipe.model.options["tca_depth"] for r in rows(recipe)]
        assert depths == {"fig7": [0, 0], "fig8": [4, 4, 4]}.get(name, [0, 2, 4, 6])


@pytest.mark.parametrize("name", ["temporal", "five-papers", "fair-table2", "reviewers"])
def test_frames_of_fanet_are_normalised_where_its_rivals_are(name):
    """ImageNet's weights expect it; DFF, MA-ResNet50 and SegFormer normalise by themselves."""
    for row in rows(load_recipe(name)):
        model = row.recipe.model
        options = {**model.options.get("base_options", {}), **model.options}
        around = model.name in ("ema", "vote", "ssp", "placebo")
        base = model.options.get("base", "fanet18" if around else model.name)
        if base in ("fanet18", "td2_fanet18") and model.weights == "imagenet":
            assert options.get("normalize"), row.label


def test_rows_of_the_fair_depth_study_differ_in_depth_alone():
    for size in ("", "-mini"):
        made = rows(load_recipe(f"fair-table2{size}"))
        found = [row for row in made if row.label.startswith("FANet-18 N=")]
        assert [r.label for r in found] == [f"FANet-18 N={n}" for n in (0, 2, 4, 6)]
        for row in found:
            change = {"model.options.tca_depth": 0}
            assert apply_settings(row.recipe, change, "") == apply_settings(
                found[0].recipe, change, ""
            )


def test_a_sweep_makes_a_row_of_every_combination(tmp_path):
    text = (
        GOOD
        + "sweep: {train.steps: [5, 6], data.batching: [mixed, homogeneous]}\n"
        + "seeds: [0, 3]\n"
        + "variants: [{label: big}, {label: small, set: {data.height: 96}}]\n"
    )
    found = rows(load_recipe(write(tmp_path, text)))
    assert len(found) == 2 * 2 * 2 * 2
    assert found[-1].label == "small steps=6, batching=homogeneous"
    assert found[-1].run == "mine-small-steps-6-batching-homogeneous-seed3"
    row = found[-1].recipe
    assert (row.train.steps, row.data.batching, row.train.seed) == (6, "homogeneous", 3)
    assert row.data.height == 96
    assert len({r.recipe.fingerprint() for r in found}) == len(found)


def test_a_label_may_name_fields(tmp_path):
    text = GOOD + 'label: "N={model.options.tca_depth} at {data.height}"\n'
    found = rows(load_recipe(write(tmp_path, text), (), ["model.options.tca_depth=[0, 3]"]))
    assert [r.label for r in found] == ["N=0 at 480", "N=3 at 480"]


def test_a_run_is_named_in_ascii_whatever_its_label_is(tmp_path):
    text = GOOD + "label: 'Größe N² {train.seed}'\n"
    (row,) = rows(load_recipe(str(write(tmp_path, text))))
    assert row.label.startswith("Größe N² ")
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", row.run), row.run


def test_a_row_runs_again_from_what_its_result_stores(tmp_path):
    text = GOOD + "sweep: {train.steps: [5, 6]}\nseeds: [0, 3]\nvariants: [{label: big}]\n"
    row = rows(load_recipe(write(tmp_path, text)))[-1]
    stored = json.loads(json.dumps(row.recipe.model_dump(mode="json")))
    again = Recipe.model_validate(stored)
    assert again == row.recipe
    assert [r.recipe for r in rows(again)] == [row.recipe]
    assert fingerprint_of(stored) == row.recipe.fingerprint()


def test_names_and_words_do_not_change_the_fingerprint(tmp_path):
    plain = load_recipe(write(tmp_path))
    worded = load_recipe(write(tmp_path, GOOD + "description: Other words.\ndataset: a.h5\n"))
    assert plain.fingerprint() == worded.fingerprint()


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
        ("name: a\nname: b\n", "stands twice"),
        ("[]\n", "expected a mapping"),
        (GOOD + "train: {steps: 5, warmup_steps: 5}\n", "Take more than 5 steps, or lower"),
        (GOOD + "train: {precision: fp8}\n", "train.precision"),
        (GOOD + "train: {accumulate: 5}\n", "only 4 clips"),
        (GOOD + "train: {ema: 1.0}\n", "train.ema"),
        (GOOD + "train: {validate_every: week}\n", "validate_every"),
        (GOOD + "loss: {class_weights: [1, -1]}\n", "class_weights"),
        (GOOD + "loss: {kind: focal}\n", "'cross_entropy' or 'ohem'"),
        (GOOD + "protocol: paper\n", "protocol paper: expected"),
        (GOOD + "paper: {shares: [0.5, 0.1, 0.1]}\n", "add up to 1"),
        (GOOD + "data: {augment: {scale: [2, 1]}}\n", "expected the smallest first"),
        (GOOD + "data: {augment: {crop: [8, 8]}}\n", "data.augment.crop"),
        (GOOD + "seeds: [1, 1]\n", "stands twice"),
        (GOOD + "sweep: {train.steps: []}\n", "sweep.train.steps"),
        (GOOD + "sweep: {train.stepz: [1]}\n", "Did you mean 'steps'"),
        (GOOD + "sweep: {train.steps: [0]}\n", "sweep: train.steps"),
        (GOOD + "label: 'N={model.depth}'\n", "there is no field 'model.depth'"),
        (GOOD + "variants: [{label: x}, {label: X}]\n", "two rows are called"),
        (
            GOOD + "variants:\n- &a {label: ESPNet, set: {model.name: espnet}}\n" + "- *a\n" * 3000,
            "make 3,001 rows",
        ),
        (
            GOOD
            + f"sweep: {{train.steps: {[*range(1, 99)]}, train.seed: {[*range(99)]}}}\n"
            + f"seeds: {[*range(9)]}\n",
            "make 87,318 rows",
        ),
        (GOOD + "label: same\nsweep: {train.steps: [1, 2]}\n", "two rows are called"),
        (GOOD + "evaluate: {split: dev}\n", "evaluate.split"),
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
        ("train.steps.more=1", "'steps' is 2000 and has no fields; give it a value as a whole"),
        ("data.augment.scale=[1, 2]", "'augment' is None and has no fields"),
        ("train.validate_every=epochs", "--set: train.validate_every: "),
        ("train.seed=9223372036854775808", "--set: train.seed"),
        ("seeds=[99999999999999999999]", "--set: seeds.0"),
        ("loss.class_weights=[0, 0]", "--set: loss: class_weights: all are 0"),
        ("data.options.x=1", "there is no field 'options'"),
        ("protocol=paper", "--set: protocol paper"),
        ("variants=3", "--set: variants"),
    ],
)
def test_wrong_settings_get_one_line(tmp_path, setting, expected):
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path), [setting])
    assert expected in str(caught.value)


def test_a_sweep_of_seeds_makes_seeds_of_one_row(tmp_path):
    """They are merged by their label: named apart, the luckiest would lead the table."""
    swept = rows(load_recipe(write(tmp_path), (), ["train.seed=[0, 1, 2]"]))
    assert [row.label for row in swept] == ["mine"] * 3
    assert [row.run for row in swept] == ["mine-mine-seed0", "mine-mine-seed1", "mine-mine-seed2"]
    assert [row.recipe.train.seed for row in swept] == [0, 1, 2]
    assert swept == rows(load_recipe(write(tmp_path), ["seeds=[0, 1, 2]"]))
    with pytest.raises(RecipeError, match=r"seeds and a sweep of train\.seed are one"):
        load_recipe(write(tmp_path), ["seeds=[0, 1]"], ["train.seed=[0, 1]"])


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sweep: {seeds: [[0], [1]]}", "seeds"),
        ("variants: [{label: x, set: {seeds: [1]}}]", "seeds"),
        ("variants: [{label: x, set: {baseline: true}}]", "baseline"),
        ("variants: [{label: x, set: {sweep.train.steps: [1, 2]}}]", "sweep.train.steps"),
    ],
)
def test_what_no_row_has_of_its_own_is_not_passed_over(tmp_path, text, key):
    """The rows would be alike, whatever their labels say."""
    with pytest.raises(RecipeError, match=rf"mine: {key} says which rows there are"):
        load_recipe(write(tmp_path, GOOD + text + "\n"))


@pytest.mark.parametrize("protocol", ["fair", "paper"])
def test_the_majority_class_cannot_be_asked_for_where_a_recipe_has_none(protocol):
    recipe = load_recipe("paper-table2" if protocol == "paper" else "demo")
    lacking = recipe.model_copy(update={"baseline": protocol == "paper"})
    with pytest.raises(RecipeError, match=r"--only majority-class: .* has no such row"):
        choose_rows(lacking, (BASELINE,))


def test_no_row_takes_the_name_of_the_majority_class(tmp_path):
    recipe = load_recipe(write(tmp_path, GOOD + "variants: [{label: Majority class}]\n"))
    assert len(choose_rows(recipe)) == 1
    with pytest.raises(RecipeError, match="'Majority class' is what the row of the commonest"):
        choose_rows(recipe.model_copy(update={"baseline": True}))


@pytest.mark.parametrize("sweep", ["train.steps", "train.steps=3", "train.steps=[]", "a=[1]"])
def test_wrong_sweeps_get_one_line(tmp_path, sweep):
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path), (), [sweep])
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_gets_the_nearest_name():
    with pytest.raises(RecipeError, match="Did you mean 'demo'"):
        load_recipe("deom")
