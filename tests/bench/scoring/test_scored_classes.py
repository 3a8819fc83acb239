"""Scoring what two datasets have in common, and the recipe that trains on flights for real film."""

import numpy as np
import pytest
from command_line import run, said
from published_flights import uavid

from airseg.bench.recipes.recipe import fingerprint_of, load_recipe
from airseg.bench.recipes.recipe_parts import EvaluateRecipe
from airseg.bench.results.result import load_result
from airseg.bench.run import run_recipe
from airseg.bench.scoring.evaluate import score_predictions, score_result
from airseg.bench.scoring.scored_classes import scored_classes
from airseg.dataset.reading.reader import Dataset
from airseg.errors import RecipeError

ROAD, VEHICLE, TREE, SKY, HOUSE, ROOF = 0, 1, 3, 5, 8, 10
SMALL = [
    "model.weights=none", "data.height=64", "data.width=96", "data.clips_per_batch=1",
    "train.steps=2", "train.warmup_steps=0", "train.precision=fp32", "seeds=[0]",
    "evaluate.samples=1", "evaluate.speed_frames=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def combined(dataset_path, tmp_path_factory):
    """Training and validation flights of the small dataset, and UAVid's stills to be tested on."""
    here = tmp_path_factory.mktemp("real")
    uavid(here / "uavid")

    def airseg(*arguments):
        from airseg.cli import main

        main(["dataset", *map(str, arguments)])

    airseg("import", "uavid", here / "uavid", "--out", here / "uavid.h5")
    airseg("subset", dataset_path, "--in", "train", "--in", "val", "--out", here / "flights.h5")
    airseg("merge", here / "flights.h5", here / "uavid.h5", "--as", f"test={here / 'uavid.h5'}",
           "--out", here / "both.h5")  # fmt: skip
    return here / "both.h5"


def test_pooled_scores_are_those_of_the_definition(dataset):
    evaluate = EvaluateRecipe(classes=["road", "house"], pool={"roof": "house"})
    view = dataset.sequence("d")
    guess = np.random.default_rng(3).choice([ROAD, SKY, HOUSE, ROOF], view.label(0, 9).shape)
    scores = score_predictions(
        lambda view: iter([(0, guess.astype(np.uint8))]),
        dataset,
        ["d"],
        scored=scored_classes(evaluate, dataset),
    )
    label = np.where(view.label(0, 9) == ROOF, HOUSE, view.label(0, 9))
    pooled = np.where(guess == ROOF, HOUSE, guess)
    counted = np.isin(label, (ROAD, HOUSE))
    ious = [
        ((label == c) & (pooled == c) & counted).sum()
        / (((label == c) | (pooled == c)) & counted).sum()
        for c in (ROAD, HOUSE)
    ]
    assert scores.total.mean_iou == pytest.approx(np.mean(ious))
    by_class = score_result(scores, dataset).class_iou
    assert {n: v for n, v in by_class.items() if v is not None} == {
        name: pytest.approx(iou) for name, iou in zip(("road", "house"), ious, strict=True)
    }  # of sky, which is predicted and not scored, nothing is told
    assert scores.total.counts.sum() == counted.sum()
    assert scores.total.pixel_accuracy == pytest.approx((label == pooled)[counted].mean())


def test_without_a_choice_everything_is_scored(dataset):
    assert scored_classes(EvaluateRecipe(), dataset) is None


@pytest.mark.parametrize(
    ("evaluate", "words"),
    [
        ({"classes": ["rode"]}, "evaluate.classes: the dataset has no class 'rode'. Did you mean"),
        ({"pool": {"roof": "home"}}, "evaluate.pool: the dataset has no class 'home'"),
    ],
)
def test_classes_that_the_dataset_lacks_are_told(dataset, evaluate, words):
    with pytest.raises(RecipeError, match=words):
        scored_classes(EvaluateRecipe(**evaluate), dataset)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("evaluate.pool={roof: house, house: stone}", "counts as another itself"),
        ("evaluate.classes=[roof]", "roof counts as house"),
        ("protocol=paper", "protocol paper"),
    ],
)
def test_contradictions_are_told(setting, words):
    with pytest.raises(RecipeError, match=words):
        load_recipe("sim-to-real", [setting])


def test_recipes_that_score_everything_keep_their_hash():
    content = load_recipe("demo").model_dump(mode="json")
    evaluate = {k: v for k, v in content["evaluate"].items() if k not in ("classes", "pool")}
    assert fingerprint_of({**content, "evaluate": evaluate}) == fingerprint_of(content)
    content["evaluate"]["pool"] = {"roof": "house"}
    assert fingerprint_of({**content, "evaluate": evaluate}) != fingerprint_of(content)


def test_one_files_sequences_go_into_one_split(combined):
    dataset = Dataset(combined)
    assert dataset.split("train") == ["a", "b"]
    assert dataset.split("val") == ["c"]
    assert dataset.split("test") == ["seq1", "seq16"]


def test_wrong_parts_of_a_merge_are_told(combined, capsys):
    merge = ("dataset", "merge", combined, "--out", combined.with_name("n.h5"), "--as")
    for part, words in (
        ("tset=both.h5", "--as tset=both.h5: expected one of train, val, test"),
        (f"test={combined.with_name('other.h5')}", "one of the files that are merged"),
    ):
        code, _, err = run(capsys, *merge, part)
        assert code == 2
        assert words in said(err)
    code, _, err = run(capsys, *merge, f"test={combined}", "--as", f"val={combined}")
    assert code == 2
    assert "is put into test already" in said(err)


def test_the_commonest_class_of_flights_is_scored_on_real_film(combined, tmp_path):
    recipe = load_recipe("sim-to-real", SMALL)
    with Dataset(combined) as dataset:
        (path,) = run_recipe(
            recipe, dataset, tmp_path, lambda *told: None, only=("majority-class",)
        )
        labels = np.concatenate([dataset.sequence(n).label(0, 3) for n in dataset.split("test")])
    result = load_result(path)
    assert result.label == "majority class (road)"
    known = labels[labels != 255]
    assert result.scores.mean_iou == pytest.approx((known == ROAD).mean() / len(np.unique(known)))
    assert set(result.places.values()) == {"new town"}


@pytest.mark.slow
def test_sim_to_real_trains_on_flights_and_is_scored_on_uavid(combined, tmp_path):
    recipe = load_recipe("sim-to-real", SMALL)
    with Dataset(combined) as dataset:
        (path,) = run_recipe(
            recipe, dataset, tmp_path, lambda *told: None, only=("FANet-18 N=4",), device_name="cpu"
        )
    result = load_result(path)
    assert result.dataset.sequences == {"seq1": 3, "seq16": 3}
    assert result.scored_frames == 6
    assert 0 <= result.scores.mean_iou < 1
    assert result.scores.class_iou["roof"] is None  # it counts as house
    assert result.scores.class_iou["house"] is not None
