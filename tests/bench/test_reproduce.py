"""Rerunning a result: the same, within the spread of its seeds, or different."""

import json

import pytest
from command_line import run, said
from made_results import made_result, write_results

from airseg.bench.reproduce import compare, summary
from airseg.bench.results.result import load_result, recipe_hash, save_result
from airseg.bench.run import run_recipe


def ignore(*told):
    """Take progress and say nothing."""


@pytest.fixture(scope="module")
def made(tmp_path_factory, dataset):
    from airseg.bench.recipes.recipe import Recipe

    folder = tmp_path_factory.mktemp("made")
    recipe = Recipe.model_validate(
        {
            "name": "small",
            "model": {"name": "ssnet"},
            "data": {"height": 32, "width": 48, "clips_per_batch": 1, "targets": 1},
            "train": {"steps": 2, "optimizer": "adam", "learning_rate": 0.001},
            "evaluate": {"samples": 0, "speed_frames": 2},
            "baseline": True,
        }
    )
    return run_recipe(recipe, dataset, folder, ignore, device_name="cpu")


def again(capsys, result, dataset_path, out, *more):
    return run(
        capsys,
        *("bench", "reproduce", result, "--dataset", dataset_path, "--out", out),
        *("--device", "cpu", *more),
    )


def test_the_same_comes_out_on_the_same_machine(capsys, made, dataset_path, tmp_path):
    code, out, err = again(capsys, made[0], dataset_path, tmp_path / "again")
    assert code == 0, err
    assert out.startswith("same: small, mIoU ")
    assert load_result(tmp_path / "again" / made[0].name).scores == load_result(made[0]).scores


def test_the_majority_class_is_rerun_without_training(capsys, made, dataset_path, tmp_path):
    code, out, err = again(capsys, made[1], dataset_path, tmp_path / "again")
    assert code == 0, err
    assert out.startswith("same: majority class")
    assert [p.name for p in (tmp_path / "again").glob("*.json")] == [made[1].name]


def test_a_changed_score_is_different_and_exits_with_one(capsys, made, dataset_path, tmp_path):
    data = json.loads(made[0].read_text())
    data["scores"]["mean_iou"] += 0.2
    (tmp_path / made[0].name).write_text(json.dumps(data))
    code, out, _ = again(capsys, tmp_path / made[0].name, dataset_path, tmp_path / "again")
    assert code == 1
    assert out.startswith("different: small, mIoU ")
    assert "20.00 points apart where 1.00 may be" in out
    code, out, _ = again(
        capsys, tmp_path / made[0].name, dataset_path, tmp_path / "again", "--tolerance", 30
    )
    assert code == 0
    assert out.startswith("within spread: ")


def test_what_cannot_be_rerun_is_told(capsys, made, dataset_path, tmp_path):
    result = load_result(made[0])
    other = result.dataset.model_copy(update={"content_hash": "f" * 24})
    odd = result.recipe | {"unheard": 1}
    cases = {
        "other": (result.model_copy(update={"dataset": other}), "was made on dataset ffff"),
        "odd": (
            result.model_copy(update={"recipe": odd, "recipe_hash": recipe_hash(odd)}),
            "its recipe is none of this version",
        ),
        "sent": (result.model_copy(update={"kind": "submission"}), "bench score"),
    }
    for run_name, (changed, expected) in cases.items():
        path = save_result(tmp_path / "in", changed.model_copy(update={"run": run_name}))
        code, _, err = again(capsys, path, dataset_path, tmp_path / "again")
        assert code == 2, run_name
        assert expected in said(err), run_name
    code, _, err = again(capsys, made[0], dataset_path, made[0].parent)
    assert code == 2
    assert "holds the result itself" in said(err)


def test_a_dataset_recorded_again_is_taken_when_that_is_said(capsys, made, dataset_path, tmp_path):
    """Another processor rounds a pixel otherwise, and then nothing has the content it had."""
    data = json.loads(made[0].read_text())
    content = data["dataset"]["content_hash"]
    data["dataset"]["content_hash"] = "f" * len(content)
    path = tmp_path / made[0].name
    path.write_text(json.dumps(data))
    code, _, err = again(capsys, path, dataset_path, tmp_path / "again")
    assert code == 2
    assert said(err).endswith("If it was recorded again from the same plans: --recorded-again")
    code, out, err = again(capsys, path, dataset_path, tmp_path / "again", "--recorded-again")
    assert code == 0, err
    assert f"on data recorded again: {'f' * 12} -> {content[:12]}." in out


def longer(flights):
    flights[next(iter(flights))] += 1


def without_one(flights):
    del flights[next(iter(flights))]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: longer(data["dataset"]["sequences"]), "frames there and had"),
        (lambda data: without_one(data["dataset"]["sequences"]), "was not among the flights of te"),
        (lambda data: longer(data["trained"]), "frames there and had"),
        (lambda data: data["trained"].update(other=5), "other is not among the flights of train"),
        (lambda data: data["validation"]["sequences"].update(other=0.5), "other is not among the"),
        (lambda data: data["validation"].update(frames=1), "split val has"),
        (lambda data: data.update(frame_sizes=["640x480"]), "and were 640x480"),
        (lambda data: without_one(data["scores"]["class_iou"]), "its classes are"),
    ],
)
def test_other_flights_are_none_that_were_recorded_again(
    capsys, made, dataset_path, tmp_path, change, told
):
    """The sentence that the rerun prints would be false of them."""
    data = json.loads(made[0].read_text())
    data["dataset"]["content_hash"] = "f" * len(data["dataset"]["content_hash"])
    change(data)
    path = tmp_path / made[0].name
    path.write_text(json.dumps(data))
    code, _, err = again(capsys, path, dataset_path, tmp_path / "again", "--recorded-again")
    assert code == 2
    assert "not recorded again from the same plans: " in said(err)
    assert told in said(err)


def seeded(seed, iou):
    return made_result(f"s{seed}", label="net", network="x", iou=iou, train={"seed": seed})


def test_seeds_beside_the_result_say_how_far_trainings_lie_apart():
    siblings = [seeded(0, 0.50), seeded(1, 0.52), seeded(2, 0.54)]
    near = compare(siblings[0], seeded(0, 0.53), siblings)
    assert near.verdict == "within spread"
    assert near.spread == pytest.approx(0.04)
    assert "3 seeds" in near.reason
    assert compare(siblings[0], seeded(0, 0.55), siblings).verdict == "different"
    assert compare(siblings[0], seeded(0, 0.50), siblings).verdict == "same"


def test_any_score_that_differs_keeps_it_from_being_the_same():
    before = made_result("a")
    after = made_result("a", scores={"pixel_accuracy": 0.8001})
    found = compare(before, after)
    assert found.verdict == "within spread"
    assert [d[0] for d in found.differences] == ["pixel_accuracy"]
    assert "pixel_accuracy: 80.00 -> 80.01" in summary(before, after, found)[1]


def test_two_machines_are_named():
    before, after = made_result("a"), made_result("a", machine="GPU B", iou=0.51)
    lines = summary(before, after, compare(before, after))
    assert lines[-1] == "  made on CPU A; rerun on GPU B."


def test_seeds_are_found_beside_the_result(capsys, made, dataset_path, tmp_path):
    result = load_result(made[0])
    folder = write_results(tmp_path / "in", made_result("unrelated"))
    path = save_result(folder, result)
    for seed, shift in ((1, 0.3), (2, 0.1)):
        recipe = result.recipe | {"train": result.recipe["train"] | {"seed": seed}}
        scores = result.scores.model_copy(update={"mean_iou": result.scores.mean_iou + shift})
        update = {"run": f"s{seed}", "recipe": recipe, "recipe_hash": recipe_hash(recipe)}
        save_result(folder, result.model_copy(update=update | {"scores": scores}))
    data = json.loads(path.read_text())
    data["scores"]["mean_iou"] += 0.15
    path.write_text(json.dumps(data))
    code, out, _ = again(capsys, path, dataset_path, tmp_path / "again")
    assert code == 0
    assert "two standard deviations of 3 seeds" in out
