"""The recipe that puts the smallest configuration of every paper on one leaderboard."""

import json

import pytest
from command_line import run

from airseg.bench.recipes.recipe import load_recipe, rows
from airseg.models import list_models

PAPERS = {"fanet18", "dff_resnet50", "ma_resnet50", "tv3s", "espnet_convlstm"}
SMALL = [
    "train.warmup_steps=0",
    "train.steps=2",
    "data.height=64",
    "data.width=64",
    "evaluate.speed_frames=1",
]


def test_every_paper_stands_beside_its_network_without_memory():
    recipe = load_recipe("five-papers-mini")
    found = [row.recipe for row in rows(recipe)]
    assert {r.model.name for r in found} >= PAPERS | {"segformer", "espnet", "vssnet"}
    assert {r.model.name for r in found} <= set(list_models())
    supervised = {(r.data.targets, r.data.max_context, r.train.steps, r.train.seed) for r in found}
    assert len(supervised) == 1


@pytest.mark.slow
def test_the_recipe_trains_scores_and_ranks_every_row(dataset_path, tmp_path, capsys):
    settings = [part for s in SMALL for part in ("--set", s)]
    out = str(tmp_path / "results")
    command = ("bench", "run", "five-papers-mini", "--dataset", dataset_path, "--out", out)
    code, _, err = run(capsys, *command, *settings)
    assert code == 0, err
    labels = [v.label for v in load_recipe("five-papers-mini").variants]
    found = {}
    for path in (tmp_path / "results").glob("*.json"):
        row = json.loads(path.read_text(encoding="utf-8"))
        found[row["label"]] = row
    assert set(labels) <= set(found)
    assert all(found[label]["scores"]["mean_iou"] is not None for label in labels)
    code, _, err = run(capsys, "bench", "leaderboard", out, "--out", out)
    assert code == 0, err
    table = (tmp_path / "results" / "leaderboard.md").read_text(encoding="utf-8")
    assert all(label in table for label in labels)
