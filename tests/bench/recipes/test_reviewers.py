"""The recipes that put the systems a reviewer asks for beside their per-frame bases."""

import json

import pytest
import torch
from command_line import run

from airseg.bench.recipes.recipe import load_recipe, rows
from airseg.models import build_model

SYSTEMS = {"ema", "vote", "ssp", "sta_segformer", "td2_fanet18", "videomt_ti16"}
SMALL = [
    "train.warmup_steps=0",
    "train.steps=1",
    "evaluate.speed_frames=1",
    "evaluate.samples=0",
    "data.height=64",
    "data.width=96",
]


@pytest.mark.parametrize("name", ["reviewers-mini", "reviewers"])
def test_every_system_stands_beside_its_base_a_placebo_and_the_smoothers(name):
    recipe = load_recipe(name)
    made = {row.label: row.recipe for row in rows(recipe)}
    names = {r.model.name for r in made.values()}
    assert names >= SYSTEMS | {"fanet18", "pidnet_s", "segformer", "eomt_ti16", "placebo"}
    supervised = {(r.data.targets, r.data.max_context, r.train.steps) for r in made.values()}
    assert len(supervised) == 1
    assert {label for label, r in made.items() if "exact" in r.model.options.values()} == {
        label for label in made if "(oracle)" in label
    }


@pytest.mark.parametrize(
    ("system", "options"),
    [
        ("ssp", {"alignment": "exact"}),
        ("ema", {"warp": "exact"}),
        ("sta_segformer", {}),
        ("videomt_ti16", {}),
        ("td2_fanet18", {}),
        ("placebo", {"context": 3}),
    ],
)
def test_the_clips_of_the_recipes_are_long_enough_for_every_system(system, options):
    with torch.device("meta"):
        model = build_model(system, 11, **options)
    assert model.training_context <= load_recipe("reviewers-mini").data.max_context
    assert model.wants_flow == ("exact" in options.values())


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_recipe_trains_scores_and_ranks_every_row(with_depth, tmp_path, capsys):
    settings = [part for s in SMALL for part in ("--set", s)]
    out = str(tmp_path / "results")
    command = ("bench", "run", "reviewers-mini", "--dataset", with_depth.path, "--out", out)
    code, _, err = run(capsys, *command, *settings)
    assert code == 0, err
    labels = {v.label for v in load_recipe("reviewers-mini").variants}
    found = {}
    for path in (tmp_path / "results").glob("*.json"):
        row = json.loads(path.read_text(encoding="utf-8"))
        found[row["label"]] = row
    assert labels <= set(found)
    for label in labels:
        scores, speed = found[label]["scores"], found[label]["speed"]
        assert scores["mean_iou"] is not None
        assert scores["tc_pooled"] is not None
        assert scores["tc_estimated"] is not None
        assert speed["gmacs"] > 0
    code, _, err = run(capsys, "bench", "leaderboard", out, "--out", out)
    assert code == 0, err
    table = (tmp_path / "results" / "leaderboard.md").read_text(encoding="utf-8")
    assert all(label in table for label in labels)
