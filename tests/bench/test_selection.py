"""Choosing on validation, weights by content, one run a folder, and where flights are tested."""

import pytest
from filelock import FileLock

from airseg.bench.recipes.recipe import (
    Recipe,
    apply_settings,
    fingerprint_of,
    rows,
    with_weights_hash,
)
from airseg.bench.recipes.row_choice import BASELINE, choose_rows
from airseg.bench.results.result import load_result
from airseg.bench.run import run_recipe
from airseg.bench.scoring.places import places_of
from airseg.bench.selection import select_rows
from airseg.bench.speed.machine import OtherWork
from airseg.errors import RecipeError
from airseg.flight.plan import load_plan
from airseg.resources import shipped_names

SWEPT = Recipe.model_validate(
    {
        "name": "swept",
        "model": {"name": "fanet18"},
        "variants": [
            {"label": "N=0", "set": {"model.options.tca_depth": 0}},
            {"label": "N=4", "set": {"model.options.tca_depth": 4}},
        ],
        "sweep": {"train.learning_rate": [0.1, 0.01, 0.001]},
        "seeds": [0, 1],
    }
)


def test_validation_chooses_for_each_variant_and_keeps_all_its_seeds():
    best = {0: 0.01, 4: 0.001}
    asked = []

    def validate(row):
        asked.append(row.run)
        recipe = row.recipe
        wanted = best[recipe.model.options["tca_depth"]]
        # Alone, seed 1 would choose otherwise; the mean over seeds counts.
        return 0.5 if recipe.train.learning_rate == wanted else 0.4 + 0.05 * recipe.train.seed

    chosen, how = select_rows(rows(SWEPT), validate)
    assert [(r.variant, r.recipe.train.learning_rate, r.recipe.train.seed) for r in chosen] == [
        ("N=0", 0.01, 0),
        ("N=0", 0.01, 1),
        ("N=4", 0.001, 0),
        ("N=4", 0.001, 1),
    ]
    assert len(asked) == 12
    told = how[chosen[0].run]
    assert told.chosen == {"train.learning_rate": 0.01}
    assert sorted(told.candidates.values()) == pytest.approx([0.425, 0.425, 0.5])


def test_what_chooses_is_not_what_is_scored(dataset, recipe, tmp_path):
    """The best of several by their validation flights is no measure of them on the same flights."""
    swept = {"evaluate.split": "val", "sweep": {"train.learning_rate": [0.1, 0.01]}}
    recipe = apply_settings(recipe, swept, "--set")
    with pytest.raises(RecipeError, match=r"--select val: evaluate.split is val, too"):
        run_recipe(recipe, dataset, tmp_path, lambda *told: None, device_name="cpu", select="val")


def test_a_folder_for_motion_that_cannot_be_is_told_before_training(dataset, recipe, tmp_path):
    (tmp_path / "file").touch()
    told = []
    with pytest.raises(OSError, match="file"):
        run_recipe(
            recipe,
            dataset,
            tmp_path / "out",
            lambda *each: told.append(each),
            device_name="cpu",
            flow_cache=tmp_path / "file" / "flow",
        )
    assert told == []


def test_the_majority_class_is_kept_where_it_was_scored_before(dataset, recipe, tmp_path):
    """As every finished row is: of a long film it takes minutes."""

    def made(**changes):
        told = []
        changed = apply_settings(recipe, {"baseline": True, **changes}, "--set")
        (path,) = run_recipe(
            changed, dataset, tmp_path, lambda *each: told.append(each[0]), only=(BASELINE,)
        )
        assert load_result(path).kind == "baseline"
        return told

    assert set(made()) == {"majority class: scoring"}
    assert made() == ["majority class: done before"]
    assert set(made(**{"evaluate.classes": ["sky"]})) == {"majority class: scoring"}


def test_without_a_sweep_nothing_is_asked():
    recipe = SWEPT.model_copy(update={"sweep": {}})
    chosen, how = select_rows(rows(recipe), lambda row: pytest.fail("asked"))
    assert (len(chosen), how) == (4, {})


def test_a_sweep_over_one_value_or_seeds_is_no_choice():
    recipe = SWEPT.model_copy(update={"sweep": {"train.learning_rate": [0.1]}})
    assert all(row.swept == {} for row in rows(recipe))
    recipe = SWEPT.model_copy(update={"sweep": {"train.seed": [0, 1]}, "seeds": []})
    assert all(
        row.swept == {}
        for row in rows(recipe.model_copy(update={"label": "{variant}-{train.seed}"}))
    )
    assert list(rows(SWEPT)[0].swept) == ["train.learning_rate"]


def test_the_content_of_a_weights_file_decides_and_its_place_does_not(tmp_path):
    first, second = tmp_path / "a.pt", tmp_path / "b.pt"
    first.write_bytes(b"one")
    second.write_bytes(b"one")

    def recipe(path, digest=""):
        model = {"name": "fanet18", "weights": str(path), "weights_hash": digest}
        return Recipe.model_validate({"name": "r", "model": model})

    def fingerprint(path):
        return choose_rows(recipe(path))[0].recipe.fingerprint()

    before = fingerprint(first)
    assert fingerprint(second) == before
    second.write_bytes(b"two")
    assert fingerprint(second) != before
    noted = choose_rows(recipe(first))[0].recipe.model.weights_hash
    with pytest.raises(RecipeError, match="the file was replaced"):
        with_weights_hash(rows(recipe(second, noted))[0])
    with pytest.raises(RecipeError, match="cannot be read"):
        choose_rows(recipe(tmp_path / "none.pt"))


def test_recipes_without_a_weights_file_keep_their_hash():
    content = SWEPT.model_dump(mode="json")
    older = {**content, "model": {k: v for k, v in content["model"].items() if k != "weights_hash"}}
    assert fingerprint_of(older) == fingerprint_of(content)


def test_a_field_that_came_later_decides_only_where_it_is_set():
    content = Recipe.model_validate({"name": "x", "model": {"name": "fanet18"}}).model_dump()
    older = {**content, "data": {k: v for k, v in content["data"].items() if k != "reverse"}}
    assert fingerprint_of(content) == fingerprint_of(older)
    reversed_too = {**content, "data": {**content["data"], "reverse": True}}
    assert fingerprint_of(reversed_too) != fingerprint_of(older)


def test_two_runs_of_one_row_in_one_folder_are_refused(dataset, recipe, tmp_path):
    (tmp_path / "small-small").mkdir()
    with (
        FileLock(tmp_path / "small-small" / ".lock"),
        pytest.raises(RecipeError, match="another run is making this row"),
    ):
        run_recipe(recipe, dataset, tmp_path, lambda *told: None, device_name="cpu")


class Flights:
    """A dataset as far as places need one: world and seed of each flight."""

    def __init__(self, **places):
        self._places = places

    def split(self, name):
        return [flight for flight in self._places if flight.startswith(name)]

    def sequence(self, name):
        world, seed = self._places[name]
        known = {} if seed is None else {"simulator": {"world": world, "seed": seed}}
        return type("View", (), {"details": known, "environment": world})()


def test_new_streets_and_new_towns_are_told_apart():
    flights = Flights(
        train_a=("neighborhood", 0),
        train_b=("neighborhood", 1),
        test_a=("neighborhood", 1),
        test_b=("neighborhood", 7),
        test_c=("harbor_town", 0),
        test_d=("neighborhood", None),
    )
    assert places_of(flights, "test") == {
        "test_a": "trained place",
        "test_b": "new street",
        "test_c": "new town",
    }, "what nobody noted is not guessed"


def test_shipped_places_share_no_world_and_seed_with_training_plans():
    plans = [load_plan(name)[1] for name in shipped_names("flight plan")]
    place = {(p.environment, p.seed or 0) for p in plans if p.split == "train"}
    tests = [p for p in plans if p.seed is not None and p.split == "test"]
    assert len(tests) == 12
    assert not place & {(p.environment, p.seed) for p in tests}
    assert len({(p.environment, p.seed) for p in tests}) == 12
    kinds = [p.environment in {e for e, _ in place} for p in tests]
    assert (kinds.count(True), kinds.count(False)) == (6, 6)


def test_work_of_others_is_told_from_our_own(monkeypatch):
    """In 5 s of 2 processors 10 could run: everyone ran 10, we 4, others 6."""
    readings = iter([(100.0, 50.0, 7.0), (110.0, 54.0, 12.0)])
    monkeypatch.setattr("airseg.bench.speed.machine._processor_seconds", lambda: next(readings))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert OtherWork().share() == pytest.approx(0.6)


def test_where_the_system_does_not_tell_nobody_is_blamed(monkeypatch):
    monkeypatch.setattr("airseg.bench.speed.machine._processor_seconds", lambda: None)
    assert OtherWork().share() == 0.0


@pytest.mark.slow
def test_only_what_validation_chose_is_scored_on_test(dataset, recipe, tmp_path):
    tuned = recipe.model_copy(update={"sweep": {"train.learning_rate": [0.002, 1e-7]}})

    def run(out, **options):
        paths = run_recipe(tuned, dataset, out, lambda *told: None, device_name="cpu", **options)
        return [load_result(p) for p in paths]

    (chosen,) = run(tmp_path / "chosen", select="val")
    assert chosen.swept == []
    scores = chosen.selection.candidates
    assert chosen.validation.mean_iou == max(scores.values()) == scores[chosen.label]
    assert len(list((tmp_path / "chosen").glob("*.json"))) == 1
    assert len(list((tmp_path / "chosen").glob("*/validation.json"))) == 2
    everything = run(tmp_path / "all")
    assert [r.swept for r in everything] == [["train.learning_rate"]] * 2
    again = next(r for r in everything if r.label == chosen.label)
    assert again.scores.mean_iou == chosen.scores.mean_iou, "the same training either way"
